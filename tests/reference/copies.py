"""Copies of bundled cases, for tests to spoil."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.reference.cases import BUNDLED, Case


def copy(stem: str, folder: Path) -> Case:
    """A case alone, without anything that it names."""
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".json", ".safetensors"):
        if (BUNDLED / f"{stem}{suffix}").exists():
            shutil.copy(BUNDLED / f"{stem}{suffix}", folder / f"{stem}{suffix}")
    return Case(folder, stem)


def edit(case: Case, change: Callable[[dict[str, Any]], None]) -> None:
    path = case.root / f"{case.stem}.json"
    sidecar = json.loads(path.read_text())
    change(sidecar)
    path.write_text(json.dumps(sidecar))
