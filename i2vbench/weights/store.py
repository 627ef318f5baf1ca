"""Finding and reading checkpoints that are here: what models and metrics call."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.weights.catalogue import Checkpoint, entry
from i2vbench.weights.check import BadFile, check_file
from i2vbench.weights.places import hub_folder, locate
from i2vbench.weights.records import Record, locked, read_record, write_record

if TYPE_CHECKING:
    from torch import Tensor
    from torch.jit import ScriptModule

_LOCK_SECONDS = 5.0


class MissingCheckpoint(UserError):
    """A checkpoint that is not here.

    Attributes:
        entry: Its facts.
    """

    def __init__(self, message: str, entry: Checkpoint) -> None:
        super().__init__(message)
        self.entry = entry


def find(name: str) -> Path:
    """The file (or folder) of a checkpoint, which is what it is called.

    A file that looks as when it was last checked is not read again; any other is hashed, and its tensors looked at.

    Raises:
        MissingCheckpoint: It is not here; one line with its size, licence and the command that gets it.
        UserError: It is here and is not what it is called, or no checkpoint has that name.
    """
    facts = entry(name)
    if facts.kind == "folder":
        return find_folder(facts)
    path = locate(facts)
    if path is None:
        raise MissingCheckpoint(_missing_line(facts), facts)
    try:
        checked(facts, path)
    except BadFile as error:
        again = f"reinstalling {facts.package.partition('/')[0]}" if facts.extra else f"`{facts.command}`"
        raise UserError(f"{error}: {again} gets it anew") from error
    return path


def find_folder(facts: Checkpoint, *, download: bool = False) -> Path:
    """The folder of a checkpoint, by its own finder.

    Raises:
        MissingCheckpoint: It is not here, or only in part.
    """
    module, _, function = facts.finder.partition(":")
    finder: Callable[..., Path] = getattr(importlib.import_module(module), function)
    try:
        return finder(download=download)
    except UserError as error:
        raise MissingCheckpoint(str(error), facts) from error


def missing(names: Iterable[str]) -> list[Checkpoint]:
    """Those that are not here, each once, in the order given; they are looked for, not read.

    Raises:
        UserError: No checkpoint has one of the names.
    """
    entries = [entry(name) for name in dict.fromkeys(names)]
    return [facts for facts in entries if not is_here(facts)]


def is_here(facts: Checkpoint) -> bool:
    """Whether it is here, unchecked."""
    if facts.kind != "folder":
        return locate(facts) is not None
    if not (hub_folder(facts.repository) / "snapshots").is_dir():
        return False  # without importing what the finder needs
    try:
        find_folder(facts)
    except MissingCheckpoint:
        return False
    return True


def read(name: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU, in the file's dtypes.

    Raises:
        UserError: As `find`; it is a folder or TorchScript; or it holds more than tensors.
    """
    facts = entry(name)
    if facts.kind != "tensors":
        raise UserError(f"checkpoint {name} is a {facts.kind}, which is not read as tensors")
    path = find(name)
    from i2vbench.weights.tensors import read_tensors

    return read_tensors(path)


def read_lines(name: str) -> list[str]:
    """The lines of a text of the catalogue.

    Raises:
        UserError: As `find`; it is no text.
    """
    facts = entry(name)
    if facts.kind != "text":
        raise UserError(f"checkpoint {name} is no text, but {facts.kind}")
    return find(name).read_text(encoding="utf-8").splitlines()


def sha256_of(name: str) -> str:
    """The SHA-256 of a checkpoint that is here, for a run's record.

    Raises:
        UserError: As `find`; it is a folder.
    """
    facts = entry(name)
    if facts.kind == "folder":
        raise UserError(f"checkpoint {name} is a folder, which has no hash of its own")
    return checked(facts, find(name)).sha256


def check_runnable(name: str) -> None:
    """Refuse TorchScript that is here and that nobody trusts, before anything is done that would need it.

    Raises:
        UserError: With the command that trusts it.
    """
    facts = entry(name)
    if not _is_trusted(facts, read_record(facts) if facts.kind == "torchscript" else None):
        raise UserError(_untrusted(name))


def _is_trusted(facts: Checkpoint, record: Record | None) -> bool:
    """Whether it is no code, or the catalogue or the user says which bytes may be run."""
    return facts.kind != "torchscript" or len(facts.sha256) == 64 or bool(record and record.trusted)


def _untrusted(name: str) -> str:
    return (
        f"checkpoint {name} is TorchScript, which can hold code, and its SHA-256 is not one you gave: "
        f"`i2vbench weights trust {name} SHA256` runs it from then on"
    )


def load_script(name: str) -> ScriptModule:
    """A TorchScript module, on the CPU. It is code: only bytes whose SHA-256 is pinned or given by the user are run.

    Raises:
        UserError: As `find`; it is no TorchScript; or nobody trusts it.
    """
    facts = entry(name)
    if facts.kind != "torchscript":
        raise UserError(f"checkpoint {name} is no TorchScript: read its tensors")
    path = find(name)
    import hashlib

    import torch

    contents = path.read_bytes()  # what is hashed is what is run
    sha256 = hashlib.sha256(contents).hexdigest()
    record = read_record(facts)
    if sha256 not in (facts.sha256, record.trusted if record else ""):
        raise UserError(_untrusted(name))
    module: ScriptModule = torch.jit.load(io.BytesIO(contents), map_location="cpu")
    return module


def checked(facts: Checkpoint, path: Path, *, has_lock: bool = False) -> Record:
    """The record of a file that is what it is called; made, or renewed, if the file was not seen as it is now.

    Args:
        has_lock: Whether the caller has the checkpoint's lock.

    Raises:
        BadFile: It is not what it is called.
    """
    record = read_record(facts)
    if record and record.fits(path) and record.sha256.startswith(facts.sha256):
        return record
    sha256 = check_file(path, facts, record.sha256 if record else "")
    renewed = Record.of(path, sha256, record.source if record else "found", record.trusted if record else "")
    _keep(facts, renewed, has_lock)
    return renewed


def _keep(facts: Checkpoint, record: Record, has_lock: bool) -> None:
    """Keep a record if that can be: without it the file is only hashed again the next time.

    It cannot be in a cache that others have filled and nobody may write to, or while the file is being fetched anew.
    """
    try:
        with nullcontext() if has_lock else locked(facts, _LOCK_SECONDS):
            write_record(facts, record)
    except Timeout:
        pass
    except OSError as error:
        if not is_disk_error(error):
            raise


def _missing_line(facts: Checkpoint) -> str:
    return (
        f"checkpoint {facts.name} ({facts.title}; {facts.size_text}; {facts.licence}) is not here: "
        f"`{facts.command}` gets it, `i2vbench weights import FILE {facts.name}` takes a copy"
    )


def details(facts: Checkpoint) -> dict[str, Any]:
    """All that a listing says of a checkpoint, JSON-serialisable."""
    here = is_here(facts)
    record = read_record(facts) if facts.kind != "folder" else None
    return {
        "name": facts.name,
        "title": facts.title,
        "kind": facts.kind,
        "used_by": list(facts.used_by),
        "size": facts.size,
        "about": facts.about,
        "licence": facts.licence,
        "citation": facts.citation,
        "sources": list(facts.sources),
        "optional": facts.optional,
        "here": here,
        "path": str(find_folder(facts) if facts.kind == "folder" else locate(facts)) if here else None,
        "hash": _hash_state(facts, record),
        "sha256": record.sha256 if record else facts.sha256 or None,
        "trusted": _is_trusted(facts, record),
    }


def _hash_state(facts: Checkpoint, record: Record | None) -> str:
    """pinned by the catalogue; recorded when it was first seen; unknown."""
    if facts.kind == "folder":
        return "by file"
    if facts.pinned:
        return "pinned"
    return "recorded" if record else "unknown"
