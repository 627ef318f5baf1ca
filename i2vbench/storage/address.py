"""What an address may be, and the folder in which a run that is kept there is worked on here."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from i2vbench.errors import UserError
from i2vbench.parsing import parse_json
from i2vbench.weights.places import cache_folder

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*", re.DOTALL)  # C:\ and a folder called a:b are none
OF_FILES = ("file", "local")
"""Protocols of this machine's own disks."""


def is_address(text: str) -> bool:
    """Whether a text names no folder but a place that fsspec knows how to reach."""
    return _ADDRESS.fullmatch(text) is not None


def parse_address(text: str) -> str:
    """An address as it is always written, so that one place has one home.

    Raises:
        UserError: For one that names no place, or holds a password: it would stand in files and messages.
    """
    protocol, _, rest = text.partition("://")
    protocol = protocol.lower()
    if not rest.strip("/") or not rest.isprintable():
        raise UserError(f"--out {protocol}://: expected a place behind it, such as s3://bucket/run")
    if "::" in text:
        raise UserError("--out: an address is of one protocol; leave out what stands before or behind '::'")
    if protocol in OF_FILES:
        return "file://" + os.path.abspath(rest)
    if ":" in urlsplit(text).netloc.rpartition("@")[0] or "?" in rest:
        shown = f"{protocol}://..." + rest.rpartition("@")[2].partition("?")[0]
        raise UserError(
            f"--out {shown}: an address with a password or a key in it would stand in files and messages; give them "
            f"as the package of {protocol}:// reads them from the environment or its own files"
        )
    return f"{protocol}://{rest.rstrip('/')}"


def home_of(address: str) -> Path:
    """The folder of this machine in which the run at an address is worked on: in the cache, for it is a copy."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", unquote(address).rpartition("/")[2]).strip(".-") or "run"
    return cache_folder() / "runs" / f"{name[:60]}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"


def record_of(home: Path) -> Path:
    """What is known of a home; beside it, for what lies in it is the run's alone."""
    return home.with_name(f"{home.name}.json")


def lock_of(home: Path) -> Path:
    """What a process of this machine holds that changes a home."""
    return home.with_name(f"{home.name}.lock")


def address_of(folder: Path) -> str | None:
    """The address whose home a folder is; None of any other.

    A folder that comes from somebody else is no home, whatever it holds: nothing is fetched because it says so.
    """
    folder = folder.absolute()
    try:
        address = parse_json(record_of(folder).read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(address, str) or home_of(address).resolve() != folder.resolve():
        return None
    return address
