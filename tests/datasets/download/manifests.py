"""A manifest of a test, and the folder that is made of it."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

from i2vbench.datasets.download.download import Outcome, download_manifest
from i2vbench.datasets.download.manifest import read_manifest
from i2vbench.datasets.metadata import read_folder
from tests.datasets.download.asking import QUICK

HEAD = ("id", "source", "start", "end", "category", "prompt")


class Manifest:
    """A manifest, its folder, and what was said."""

    def __init__(self, folder: Path) -> None:
        self.path, self.out = folder / "clips.csv", folder / "out"
        self.lines: list[str] = []
        self.rows: list[tuple[object, ...]] = []

    def add(self, id_: str, source: str, start: object = "", end: object = "", category: str = "Pet") -> None:
        self.rows.append((id_, source, start, end, category, f"a clip called {id_}."))

    def write(self) -> Path:
        with open(self.path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEAD, *self.rows])
        return self.path

    def get(self, jobs: int = 1, retry_failed: bool = False, **options: Any) -> Outcome:
        entries = read_manifest(self.write())
        given = dataclasses.replace(QUICK, **options)
        return download_manifest(entries, self.out, given, jobs, retry_failed, self.lines.append)

    def table(self) -> dict[str, dict[str, str]]:
        with open(self.out / "metadata.csv", newline="", encoding="utf-8") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    def missing(self) -> dict[str, str]:
        """The kind of each clip that is not here."""
        return {clip.id: clip.kind for clip in read_folder(self.out).missing}
