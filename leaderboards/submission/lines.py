"""The rows of a run as lines of JSON: samples, clips, measurements; held to their fields as they are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from i2vbench.leaderboards.submission.archive import Members, Refused
from i2vbench.leaderboards.submission.strict_json import dumps, lines
from i2vbench.rows import ClipState, fault_of_details
from i2vbench.types import SAFE_ID, FrameSource, Sample

SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_TEXT = 20_000
_STATES = ("owed", "done", "failed", "not_applicable")

Line = TypeVar("Line", "SampleLine", "ClipLine", "MeasurementLine")


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A sample. `first_frame` is the SHA-256 of the pixels that stand in the run for what models were shown."""

    id: str
    category: str
    prompt: str
    objects: list[str]
    scene: str
    first_frame: str | None

    def sample(self) -> Sample:
        """What metrics are handed; the files of the data set are not in an archive."""
        return Sample(
            self.id,
            self.category,
            self.prompt,
            FrameSource(Path("first_frames") / f"{self.id}.png"),
            objects=tuple(self.objects),
            scene=self.scene,
        )


@dataclass(frozen=True, slots=True)
class ClipLine:
    """A clip of the plan; the SHA-256 and size of its video are there where the clip is done."""

    model: str
    sample: str
    seed: int
    request_seed: int
    state: ClipState
    reason: str | None
    sha256: str | None
    bytes: int | None

    @property
    def key(self) -> tuple[str, str, int]:
        return self.model, self.sample, self.seed


@dataclass(frozen=True, slots=True)
class MeasurementLine:
    """A record. `model` is None for a real clip; `features` is the row in the array of this metric and model."""

    metric: str
    model: str | None
    sample: str
    seed: int
    state: ClipState
    value: float | None
    features: int | None
    details: dict[str, Any]
    reason: str | None


def as_line(line: SampleLine | ClipLine | MeasurementLine) -> bytes:
    return dumps(asdict(line)).encode() + b"\n"


def read_lines(members: Members, name: str, kind: type[Line]) -> Iterator[tuple[str, Line]]:
    """The rows of a member, each with where it stands.

    Raises:
        Refused: A line that is no such row.
    """
    fields = _FIELDS[kind]
    for where, value in lines(members, name):
        if not isinstance(value, dict) or list(value) != list(fields):
            raise Refused(f"{where}: expected the fields {', '.join(fields)}")
        wrong = [field for field, fits in fields.items() if not fits(value[field])]
        if wrong:
            raise Refused(f"{where}: {', '.join(wrong)} of another kind than a run writes")
        row = kind(**value)
        if fault := _fault(row):
            raise Refused(f"{where}: {fault}")
        yield where, row


def _fault(row: SampleLine | ClipLine | MeasurementLine) -> str:
    """What parts of a row say against each other; "" if nothing."""
    if isinstance(row, SampleLine):
        return ""
    if (row.reason is not None) != (row.state in ("failed", "not_applicable")):
        return "a reason stands with what failed or does not apply, and with nothing else"
    if isinstance(row, ClipLine):
        there = row.sha256 is not None, row.bytes is not None
        return "" if set(there) == {row.state == "done"} else "a clip that is done has a video, and no other has"
    if row.state == "owed":
        return "a record that is owed is not there"
    if fault := fault_of_details(row.details):
        return fault
    numbers = (row.value is not None) + (row.features is not None)
    return "a record has either a number or a reason" if numbers > (row.state == "done") else ""


def is_text(value: object, most: int = MOST_TEXT) -> bool:
    return isinstance(value, str) and len(value) <= most


def is_whole(value: object) -> bool:
    """Whether it is a whole number that is not negative."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and SAFE_ID.fullmatch(value) is not None


def is_sha256(value: object) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 1000 and all(map(is_text, value))


_CLIP: Mapping[str, Callable[[Any], bool]] = {"sample": _is_id, "seed": _is_seed}
_OUTCOME: Mapping[str, Callable[[Any], bool]] = {"state": lambda value: value in _STATES}
_FIELDS: Mapping[type, Mapping[str, Callable[[Any], bool]]] = {
    SampleLine: {
        "id": _is_id, "category": is_text, "prompt": is_text, "objects": _are_texts, "scene": is_text,
        "first_frame": _or_none(is_sha256),
    },
    ClipLine: {
        "model": is_text, **_CLIP, "request_seed": _is_seed, **_OUTCOME, "reason": _or_none(is_text),
        "sha256": _or_none(is_sha256), "bytes": _or_none(is_whole),
    },
    MeasurementLine: {
        "metric": is_text, "model": _or_none(is_text), **_CLIP, **_OUTCOME, "value": _or_none(_is_number),
        "features": _or_none(is_whole), "details": lambda value: isinstance(value, dict), "reason": _or_none(is_text),
    },
}  # fmt: skip
"""By kind of row, its fields in their order and what each may hold."""
