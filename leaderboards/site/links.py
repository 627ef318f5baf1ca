"""Which texts from outside may become links."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_address(text: str) -> bool:
    """Whether a browser that follows it gets to a web site and nowhere else: no script, no file, no other program.

    Whoever reads it must see where it leads, so nothing may stand before the host's name.
    """
    if not text.isascii() or not text.isprintable() or any(c in text for c in ' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
