import sys

from tests.foreign import main

sys.exit(main())
