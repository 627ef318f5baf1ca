"""The contract of a data set: a name, its facts, and its samples in a fixed order."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.types import Sample


class Dataset(ABC):
    """A named, ordered collection of samples.

    A class whose constructor takes one string can be named with an argument, `NAME:ARGUMENT`.

    Attributes:
        name: As it stands in a run's readable name and in the tables' captions.
        title: One line that says what it is.
        licence: Under which terms its clips may be used, and whom to name.
        protocol: The protocol that its numbers are made under, by name, unless another is asked for; "" leaves it to
            the profile.
        note: What a reader of its numbers must know; known once `samples` was asked.
        folder: What its files' names are relative to, where they lie in one place.
        clip_frames: How many frames a clip has, where that is drawn; None where it has all of its section.
    """

    name: str
    title: str = ""
    licence: str = ""
    protocol: str = ""
    note: str = ""
    folder: Path | None = None
    clip_frames: int | None = None

    @abstractmethod
    def samples(self) -> Sequence[Sample]:
        """All samples, in the order of the tables; categories come in the order of their first sample.

        Raises:
            UserError: If the data set is missing or faulty, listing every fault.
        """

    def fingerprint(self, samples: Sequence[Sample]) -> str:
        """A SHA-256 over what these samples show a model and a metric: facts and file contents, not paths.

        Raises:
            UserError: If a file cannot be read, or is not what the data set states.
        """
        return fingerprint_samples(samples)


def fingerprint_samples(samples: Sequence[Sample], stated: Mapping[Path, str] | None = None) -> str:
    """A SHA-256 (64 hex digits) over every fact of the samples, in their order, and the contents of their files.

    Paths do not enter: a data set that was moved or whose files were renamed keeps its fingerprint.

    Args:
        samples: The samples.
        stated: What the data set says the SHA-256 of some files is.

    Raises:
        UserError: If a file cannot be read, or is another one than stated.
    """
    hashes: dict[Path, str] = {}
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
            "reference": clip and [hashes[clip.path], clip.start, clip.end, clip.stride],
        }
        total.update(json.dumps(facts, sort_keys=True).encode() + b"\n")
    others = [path.name for path, found in hashes.items() if (stated or {}).get(path, found) != found]
    if others:
        raise UserError(f"{len(others)} files are not those whose sha256 is stated: {', '.join(others[:10])}")
    return total.hexdigest()


def check_samples(name: str, samples: Sequence[Sample]) -> None:
    """Refuse what would make two samples one, or one category two, in files and tables.

    Raises:
        UserError: For no sample, ids that are equal but for case, categories that differ only in case or spaces.
    """
    if not samples:
        raise UserError(f"data set {name}: it has no samples")
    ids: dict[str, str] = {}
    categories: dict[str, str] = {}
    faults = []
    for sample in samples:
        if ids.setdefault(sample.id.casefold(), sample.id) != sample.id:
            faults.append(f"ids '{ids[sample.id.casefold()]}' and '{sample.id}' differ only in case")
        key = sample.category.strip().casefold()
        if categories.setdefault(key, sample.category) != sample.category:
            faults.append(f"categories '{categories[key]}' and '{sample.category}' differ only in case or spaces")
    if len({sample.id for sample in samples}) < len(samples):
        twice = sorted(id_ for id_, n in Counter(sample.id for sample in samples).items() if n > 1)
        faults.append(f"ids that stand there more than once: {', '.join(twice[:10])}")
    if faults:
        raise UserError(f"data set {name}: " + "; ".join(dict.fromkeys(faults)))
