"""Where a site goes: made beside its place and moved there as a whole, so that no half of one is ever there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import hold_lock, write_json
from i2vbench.parsing import parse_json
from i2vbench.texts import amount

MARKER = ".i2vbench-site.json"
"""In every site: the files that it is made of, so that nothing else is ever thrown away with it."""


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place when the block ends without an error.

    A process that is killed leaves `out` as it was; between the last two moves, for an instant, it leaves the site
    that was there beside its place, and the next call puts that back before anything else.

    Raises:
        UserError: `out` holds what no earlier call has put there, or cannot be moved, or another process builds it.
    """
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    partial, old = (out.with_name(f".{out.name}.i2vbench-{state}") for state in ("partial", "old"))
    lock_path = out.with_name(f".{out.name}.i2vbench-lock")
    with hold_lock(lock_path, f"--out {out}: another process builds a site there"):
        try:
            if old.exists() and not out.exists():
                os.rename(old, out)
            for left in (partial, old):
                shutil.rmtree(left, ignore_errors=True)
            check_replaceable(out)
            partial.mkdir()
            yield partial
            write_json(partial / MARKER, {"files": sorted(_files(partial))})
            _move(partial, out, old)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            lock_path.unlink(missing_ok=True)


def _move(partial: Path, out: Path, old: Path) -> None:
    try:
        if out.exists():
            os.rename(out, old)
        os.rename(partial, out)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be replaced: {error.strerror}; name another folder") from error
    finally:
        if old.exists() and not out.exists():
            os.rename(old, out)
    shutil.rmtree(old, ignore_errors=True)


def check_replaceable(out: Path) -> None:
    """Refuse a place that holds anything but a site.

    Raises:
        UserError: With what is there.
    """
    if Path.cwd().is_relative_to(out):
        raise UserError(f"--out {out}: is replaced as a whole, and this process stands in it; call it from outside")
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out {out}: expected a folder, found a file")
    found = _files(out)
    if not found:
        return
    if MARKER not in found:
        raise UserError(f"--out {out}: expected a new or empty folder, or a site that this command has built there")
    try:
        ours = parse_json((out / MARKER).read_bytes())["files"]
        foreign = sorted(found - {MARKER, *ours})
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"--out {out}: its {MARKER} is damaged; name another folder, or delete this one") from error
    if foreign:
        raise UserError(
            f"--out {out}: holds {amount(len(foreign), 'file')} that no site has, as "
            f"{foreign[0]}; move what you need and delete the rest, or name another folder"
        )


def _files(folder: Path) -> set[str]:
    """Everything below it that is no folder, and folders that are empty, by their addresses."""
    found = set()
    for path, folders, names in os.walk(folder):
        here = Path(path).relative_to(folder)
        found |= {(here / name).as_posix() for name in names}
        if path != str(folder) and not folders and not names:
            found.add(here.as_posix())
    return found
