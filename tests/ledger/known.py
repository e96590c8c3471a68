"""The known values of tests/vectors/ledger.json."""

import json
from pathlib import Path
from typing import Any

KNOWN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text(encoding="utf-8"))
