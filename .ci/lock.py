"""Write requirements.txt and requirements-test.txt from their `.in` files, with hashes and without any address."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    environment = {**os.environ, "UV_NO_CONFIG": "1"}
    for name in ("requirements", "requirements-test"):
        command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"]
        status = subprocess.call([*command, f"{name}.in", "-o", f"{name}.txt"], cwd=ROOT, env=environment)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
