"""Waiting for what a page does."""

from __future__ import annotations

import time
from typing import Any


def until(browser: Any, condition: str) -> None:
    """Wait for a condition of the page."""
    end = time.monotonic() + 15
    while not browser.execute_script(f"return {condition}"):
        assert time.monotonic() < end, f"never true: {condition}"
        time.sleep(0.05)
