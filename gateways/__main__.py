"""``python -m gateways``: the same as the command ``gateways``."""

from __future__ import annotations

import sys

from gateways.cli import main

if __name__ == "__main__":
    sys.exit(main())
