"""Checkpoints that come by hand, trust in TorchScript, and the hashing of everything that is here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.weights import http
from i2vbench.weights.catalogue import Checkpoint
from i2vbench.weights.check import check_file
from i2vbench.weights.fetch import take_name
from i2vbench.weights.hub import verify_folder
from i2vbench.weights.places import locate, partial_file
from i2vbench.weights.records import Record, locked, read_record, write_record
from i2vbench.weights.store import MissingCheckpoint, find_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")


def import_file(file: Path, facts: Checkpoint, trust: str = "") -> Path:
    """Copy a file in after its size, hash, keys and shapes check out; nothing is changed if they do not.

    Args:
        trust: The SHA-256 that the user trusts of a TorchScript file; "" gives no trust.

    Raises:
        UserError: It is not what it is called, cannot be read or copied, or is a folder.
    """
    if facts.kind == "folder":
        raise UserError(
            f"checkpoint {facts.name} is a folder, which is not copied: name it where it is used "
            f"(--model {facts.name}:PATH), or put the repository {facts.repository} into HF_HOME"
        )
    if not file.is_file():
        raise UserError(f"{file}: {'not a file' if file.exists() else 'no such file'}")
    _check_trust(facts, trust)
    part = partial_file(facts)
    try:
        with locked(facts):
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                _copy(file, part)
                record = read_record(facts)
                sha256 = check_file(part, facts, record.sha256 if record else "")
                if trust and sha256 != trust:
                    raise UserError(f"{file} has SHA-256 {sha256}, not the one given")
                path = take_name(facts, part)
            finally:
                http.discard(part)
            trusted = trust or (record.trusted if record else "")
            write_record(facts, Record.of(path, sha256, "imported", trusted))
    except OSError as error:
        raise UserError(f"{file} cannot be copied to {part.parent.parent}: {error.strerror}") from error
    return path


def trust_script(facts: Checkpoint, sha256: str) -> None:
    """Note that the user trusts the TorchScript file with this SHA-256; it is here, and has it.

    Raises:
        UserError: It is no TorchScript, is not here, or has another hash.
    """
    _check_trust(facts, sha256)
    path = locate(facts)
    if path is None:
        raise UserError(f"checkpoint {facts.name} is not here: fetch or import it first")
    with locked(facts):
        record = read_record(facts)
        found = check_file(path, facts, record.sha256 if record else "")
        if found != sha256:
            raise UserError(f"{path} has SHA-256 {found}, not the one given")
        write_record(facts, Record.of(path, found, record.source if record else "found", sha256))


def verify(entries: Sequence[Checkpoint]) -> Iterator[tuple[Checkpoint, str, bool]]:
    """(checkpoint, what was found, whether that is good) of every one that is here, each file read from end to end."""
    for facts in entries:
        try:
            result = _verify_folder(facts) if facts.kind == "folder" else _verify_file(facts)
        except UserError as error:
            result = (str(error), False)
        if result:
            yield facts, *result


def _verify_folder(facts: Checkpoint) -> tuple[str, bool] | None:
    try:
        folder = find_folder(facts)
    except MissingCheckpoint:
        return None
    count, bad = verify_folder(folder)
    if bad:
        return f"{', '.join(bad)} in {folder} changed since they came; delete the folder and fetch it anew", False
    return f"files hashed: {count}, all as the hub has them" if count else f"{folder} has no hashes to be held to", True


def _verify_file(facts: Checkpoint) -> tuple[str, bool] | None:
    path = locate(facts)
    if path is None:
        return None
    record = read_record(facts)
    sha256 = check_file(path, facts, record.sha256 if record else "")
    if record is None or not record.fits(path):
        with locked(facts):
            old = record or Record.of(path, sha256, "found")
            write_record(facts, Record.of(path, sha256, old.source, old.trusted))
    held = "pinned" if facts.pinned else "as first recorded" if record else "recorded now"
    return f"SHA-256 {sha256}, {held}", True


def _check_trust(facts: Checkpoint, sha256: str) -> None:
    if sha256 and facts.kind != "torchscript":
        raise UserError(f"checkpoint {facts.name} holds tensors, not code: there is nothing to trust")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise UserError(f"'{sha256}': expected a SHA-256, 64 lower-case hex digits")


def _copy(source: Path, target: Path) -> None:
    """A copy that is on the disk when this returns."""
    with open(source, "rb") as reader, open(target, "wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
