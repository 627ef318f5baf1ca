"""Copies of bundled cases, for tests to spoil."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.reference.cases import BUNDLED, PARTS, Case


def copy(stem: str, folder: Path) -> Case:
    """A case alone, without anything that it names."""
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".json", ".safetensors"):
        if (BUNDLED / f"{stem}{suffix}").exists():
            shutil.copy(BUNDLED / f"{stem}{suffix}", folder / f"{stem}{suffix}")
    for path in parts(Case(BUNDLED, stem)):
        shutil.copy(path, folder / path.relative_to(BUNDLED))
    return Case(folder, stem)


def parts(case: Case) -> list[Path]:
    """The files of tensors that are parts of a case."""
    stems = [part + case.stem.removeprefix(whole) for part, whole in PARTS.items() if case.stem.startswith(whole)]
    return [case.root / f"{stem}.safetensors" for stem in stems]


def edit(case: Case, change: Callable[[dict[str, Any]], None]) -> None:
    path = case.root / f"{case.stem}.json"
    sidecar = json.loads(path.read_text())
    change(sidecar)
    path.write_text(json.dumps(sidecar))
