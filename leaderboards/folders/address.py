"""Addresses that a submission may name: of a page or file that everybody can reach, and nothing that a browser runs."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MOST_CHARACTERS = 500

_PLAIN = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
"""RFC 3986's characters."""

_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
"""A name with a dot in it: no address in numbers, and no name of a local network's."""

_LOCAL = (".localhost", ".local", ".internal", ".home.arpa")


def fault_of_address(text: str) -> str:
    """What is wrong with an address; "" if nothing is."""
    expected = "expected an address that begins with https:// and a host's name, without user, password or port"
    if len(text) > MOST_CHARACTERS or not _PLAIN.fullmatch(text):
        return f"{expected}, of at most {MOST_CHARACTERS} characters that an address may have"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return expected
    if parts.scheme != "https" or "@" in parts.netloc or port is not None:
        return expected
    if not _HOST.fullmatch(host) or host.endswith(_LOCAL):
        return f"{expected}; {host or 'nothing'} is no host that everybody can reach"
    return ""
