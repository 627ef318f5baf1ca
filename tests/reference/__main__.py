"""`python -m tests.reference`: see runner.py."""

from __future__ import annotations

import sys

from tests.reference.runner import main

if __name__ == "__main__":
    sys.exit(main())
