"""What the values of options and arguments mean, and which are refused before anything heavy is imported."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from i2vbench.cli.output import teller
from i2vbench.errors import UserError
from i2vbench.extras import need
from i2vbench.names import DEVICE, DTYPES, FORMATS, SHORT_DTYPES

_SIZE = re.compile(r"([1-9]\d{0,4})[xX×]([1-9]\d{0,4})")


def split(values: Sequence[str] | None) -> list[str]:
    """The items of a repeatable option whose values may also be separated by commas."""
    return [item.strip() for value in values or () for item in value.split(",") if item.strip()]


def parse_formats(values: Sequence[str] | None) -> list[str]:
    """The table formats named; all of them if none is.

    Raises:
        UserError: For an unknown one.
    """
    formats = split(values) or list(FORMATS)
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"unknown format {', '.join(map(repr, unknown))}: expected {', '.join(FORMATS)}")
    return formats


def check_choice(flag: str, value: str, allowed: Collection[str]) -> None:
    """Refuse a value that is none of those allowed.

    Raises:
        UserError: With the allowed ones.
    """
    if value not in allowed:
        *others, last = allowed
        raise UserError(f"{flag} '{value}': expected {', '.join(others)}{' or ' if others else ''}{last}")


def check_device(device: str, flag: str = "--device") -> None:
    """Refuse what no device is called; whether it is there is asked later, of torch.

    Raises:
        UserError: With what a device may be called.
    """
    if not DEVICE.fullmatch(device):
        raise UserError(f"{flag} '{device}': expected auto, cpu, mps, cuda, cuda:1, ...")


def parse_dtype(dtype: str) -> str:
    """A number type as torch names it, of that name or the short one.

    Raises:
        UserError: For an unknown one.
    """
    check_choice("--dtype", dtype, (*DTYPES, *SHORT_DTYPES))
    return SHORT_DTYPES.get(dtype, dtype)


def parse_size(size: str) -> tuple[int, int]:
    """(height, width) of a text HEIGHTxWIDTH.

    Raises:
        UserError: For anything else.
    """
    match = _SIZE.fullmatch(size)
    if match is None:
        raise UserError(f"--size '{size}': expected HEIGHTxWIDTH in pixels, such as 256x256")
    return int(match[1]), int(match[2])


def check_pages() -> None:
    """Refuse what shows a page where the packages that serve it are not installed.

    Raises:
        UserError: With what to install.
    """
    need("the page", "server")


def check_writable(flag: str, path: Path) -> None:
    """Refuse a name whose folder is not there and cannot be made, before hours are spent on what goes into it.

    Raises:
        UserError: With the folder.
    """
    _check_room(flag, path, path.absolute().parents)


def check_folder(flag: str, folder: Path | None) -> None:
    """Refuse a folder for files that is none, or cannot be made or written to; one that nobody named is let be.

    Raises:
        UserError: With the folder that is in its way.
    """
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{flag} {folder}: is a file, not a folder")
    _check_room(flag, folder, (folder.absolute(), *folder.absolute().parents))


def _check_room(flag: str, path: Path, folders: Iterable[Path]) -> None:
    there = next(folder for folder in folders if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = "cannot be written to" if there.is_dir() else "is a file, not a folder"
        raise UserError(f"{flag} {path}: cannot be written: {there} {reason}")


def run_folder(text: str, folders: Sequence[str] = ("features",)) -> Path:
    """The folder of a run that is named by it, or by the address where it is kept; then it is brought here first.

    Args:
        text: As the user names it. Not a Path: that would make s3:/ of s3://.
        folders: What is read of what workers made: of an address, these are brought too.

    Raises:
        UserError: For an address without a run, or one that cannot be reached.
    """
    from i2vbench.storage.address import is_address, parse_address

    if not is_address(text):
        return Path(text)

    from i2vbench.storage.home import brought

    address = parse_address(text)
    home = brought(address, tuple(folders), lambda line: print(line, file=sys.stderr, flush=True), teller())
    print(f"{address}: read in {home}", file=sys.stderr, flush=True)
    return home
