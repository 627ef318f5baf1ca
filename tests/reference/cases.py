"""Recorded cases: which files are one, and where what they name is found.

A case is NAME.safetensors, NAME.json, or both; or NAME.json and files that are parts of it (`PARTS`). What a case
names (key lists, configurations, clips, tokenizers) is looked for beside the case first, then in its top-level folder,
then in the bundled copies here.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.reference.compare import Check, Tolerance

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED = Path(__file__).resolve().parent
SUFFIXES = (".json", ".safetensors")
NO_CASES = ("calibrated-*", "flops", "ties")
NO_CASE_FOLDERS = ("clips", "tokenizer*", ".*", "__pycache__")
PARTS = {"frechet/features-": "frechet/expected-", "frechet/probabilities-": "frechet/expected-"}
"""How the stem of a part begins -> how that of its case does."""
KIND_FIELDS = ("kind", "component", "metric")
UNNAMED_KINDS = {"vbench": "rules"}
"""Folder -> the kind of its cases whose sidecar names none."""


class CaseError(Exception):
    """What is wrong with a case, as a sentence."""


@dataclass(frozen=True)
class Case:
    """One recorded case.

    Attributes:
        root: The folder that was given.
        stem: Path below `root` without a suffix, "consisti2v/unet/case-default-s0".
        given: Names of recorded tensors that were taken as input, and so need no comparison.
        notes: What is recorded and was not compared, and why; the report shows it.
    """

    root: Path
    stem: str
    given: set[str] = field(default_factory=set, compare=False)
    notes: list[str] = field(default_factory=list, compare=False)

    @property
    def folder(self) -> str:
        """The top-level folder."""
        return self.stem.split("/")[0] if "/" in self.stem else ""

    @cached_property
    def sidecar(self) -> dict[str, Any]:
        """What NAME.json says; empty where there is none.

        Raises:
            CaseError: It is no JSON object.
        """
        path = self._file(".json")
        if not path.exists():
            return {}
        try:
            sidecar = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CaseError(f"{path.name} is not JSON: {error}") from error
        if not isinstance(sidecar, dict):
            raise CaseError(f"{path.name} holds a {type(sidecar).__name__}, not an object")
        return sidecar

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Everything in NAME.safetensors.

        Raises:
            CaseError: There is no such file, or it cannot be read, or it is empty.
        """
        return _read_tensors(self._file(".safetensors"))

    @cached_property
    def metadata(self) -> dict[str, str]:
        """What NAME.safetensors says of itself.

        Raises:
            CaseError: There is no such file, or it cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        path = self._file(".safetensors")
        try:
            with safe_open(path, framework="pt") as file:
                return dict(file.metadata() or {})
        except (SafetensorError, OSError) as error:
            raise CaseError(f"{path.name} cannot be read: {error}") from error

    @property
    def has_tensors(self) -> bool:
        """Whether there is a NAME.safetensors."""
        return self._file(".safetensors").exists()

    @property
    def kind(self) -> str:
        """What the table of kinds is asked for: the folder, and the sidecar's kind, component or metric."""
        unnamed = UNNAMED_KINDS.get(self.folder, "")
        named = next((str(self.sidecar[name]) for name in KIND_FIELDS if name in self.sidecar), unnamed)
        return f"{self.folder}/{named}" if named else self.folder

    def input(self, name: str) -> Tensor:
        """A recorded tensor that is input.

        Raises:
            CaseError: The case has none of that name.
        """
        if name not in self.tensors:
            raise CaseError(f"the case has no tensor {name}, which is input")
        self.given.add(name)
        return self.tensors[name]

    def inputs(self, prefix: str) -> dict[str, Tensor]:
        """The recorded tensors whose names begin with `prefix`, without it, as input."""
        return {name.removeprefix(prefix): self.input(name) for name in self.tensors if name.startswith(prefix)}

    def against(self, ours: Mapping[str, Any], tolerances: Mapping[str, Tolerance | None]) -> Iterator[Check]:
        """Ours beside every recorded tensor that is not input.

        Args:
            ours: By recorded name. What was not recorded is left out.
            tolerances: By recorded name or its part before the first dot; without either, the one for the unstated.
        """
        for name, recorded in self.tensors.items():
            if name in ours and name not in self.given:
                tolerance = tolerances.get(name, tolerances.get(name.split(".")[0]))
                yield Check(name, ours[name], recorded, tolerance)

    def find(self, name: str) -> Path:
        """A file or folder that the case names.

        Raises:
            CaseError: It is nowhere.
        """
        for place in ((self.root / self.stem).parent, self.root / self.folder, BUNDLED / self.folder):
            for found in (place / name, place / f"{name}.gz"):
                if found.exists():
                    return found
        raise CaseError(f"{name} is neither beside the case nor among the bundled copies")

    def has(self, name: str) -> bool:
        """Whether `find` finds it."""
        try:
            self.find(name)
        except CaseError:
            return False
        return True

    def part(self, name: str) -> dict[str, Tensor]:
        """Everything in a file of tensors beside the sidecar that is a part of the case; empty where there is none.

        Raises:
            CaseError: It cannot be read, or it is empty.
        """
        path = self._file(".json").with_name(name)
        return _read_tensors(path) if path.exists() else {}

    def read_json(self, name: str) -> dict[str, Any]:
        """A configuration or key list that the case names."""
        return read_json(self.find(name))

    def _file(self, suffix: str) -> Path:
        return self.root / f"{self.stem}{suffix}"


def bundled_json(name: str) -> dict[str, Any]:
    """A configuration or key list among the bundled copies, "i3d/keys.json"; long ones are stored compressed."""
    path = BUNDLED / name
    return read_json(path if path.exists() else path.with_name(f"{path.name}.gz"))


def discover(root: Path) -> list[Case]:
    """The cases under `root`, a folder laid out like the one of this file, sorted by name."""
    # Not with_suffix(): "case-alpha1.5-steps5-s1" has a dot of its own.
    stems = {_case_of(path.relative_to(root).as_posix().removesuffix(path.suffix)) for path in _files(root)}
    return [Case(root, stem) for stem in sorted(stems)]


def _case_of(stem: str) -> str:
    for part, case in PARTS.items():
        if stem.startswith(part):
            return case + stem.removeprefix(part)
    return stem


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file, compressed or not."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        data: dict[str, Any] = json.load(file)
    return data


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CaseError(f"{path.name} cannot be read: {error}") from error
    if not tensors:
        raise CaseError(f"{path.name} holds no tensors")
    return tensors


def _files(root: Path) -> Iterable[Path]:
    # Not rglob(), which leaves out folders that are links.
    paths = (Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names)
    for path in paths:
        inside = path.relative_to(root)
        if path.suffix not in SUFFIXES or _matches(path.stem, NO_CASES):
            continue
        if any(_matches(part, NO_CASE_FOLDERS) for part in inside.parts[:-1]):
            continue
        if path.suffix == ".json" and not path.with_name(f"{path.stem}.safetensors").exists() and _describes(path):
            continue
        yield path


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _describes(path: Path) -> bool:
    """Whether a JSON file is a configuration or a key list, by its name or by what it holds."""
    if fnmatch(path.stem, "*config") or path.stem == "keys":
        return True
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    if not isinstance(data, dict):
        return False
    keys = bool(data) and all(isinstance(value, dict) and {"shape", "dtype"} <= value.keys() for value in data.values())
    return keys or "_class_name" in data
