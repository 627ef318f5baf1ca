"""The contract of a data set: a name, its facts, and its samples in a fixed order."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.types import Sample


class Dataset(ABC):
    """A named, ordered collection of samples.

    A class whose constructor takes one string can be named with an argument, `NAME:ARGUMENT`.

    Attributes:
        name: As it stands in a run's readable name and in the tables' captions.
        title: One line that says what it is.
        licence: Under which terms its clips may be used, and whom to name.
    """

    name: str
    title: str = ""
    licence: str = ""

    @abstractmethod
    def samples(self) -> Sequence[Sample]:
        """All samples, in the order of the tables; categories come in the order of their first sample.

        Raises:
            UserError: If the data set is missing or faulty, listing every fault.
        """

    @abstractmethod
    def fingerprint(self, samples: Sequence[Sample]) -> str:
        """A SHA-256 over what these samples show a model and a metric: rows and file contents, not paths."""


def fingerprint_samples(samples: Sequence[Sample], file_hashes: Mapping[Path, str] | None = None) -> str:
    """A SHA-256 (64 hex digits) over every fact of the samples, in their order, and the contents of their files.

    Paths do not enter: a data set that was moved or whose files were renamed keeps its fingerprint.

    Args:
        samples: The samples.
        file_hashes: SHA-256 of files whose contents are known; the others are read, each once.

    Raises:
        UserError: If a file cannot be read.
    """
    hashes = dict(file_hashes or {})
    total = hashlib.sha256()
    for sample in samples:
        first, clip = sample.first_frame, sample.reference
        for path in (first.path, *([clip.path] if clip else [])):
            if path not in hashes:
                hashes[path] = file_sha256(path)
        facts = {
            "id": sample.id,
            "category": sample.category,
            "prompt": sample.prompt,
            "objects": sample.objects,
            "scene": sample.scene,
            "fps": sample.fps,
            "size": sample.size,
            "first_frame": [hashes[first.path], first.seconds],
            "reference": clip and [hashes[clip.path], clip.start, clip.end],
        }
        total.update(json.dumps(facts, sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, 64 lower-case hex digits.

    Raises:
        UserError: If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
