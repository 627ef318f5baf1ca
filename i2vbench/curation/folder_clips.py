"""The clips of a folder with a metadata.csv, as contact sheets show them: with what its other columns say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from i2vbench.curation.sheets import SheetClip
from i2vbench.datasets.csv_table import read_cells
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import COLUMNS, METADATA, Row
from i2vbench.datasets.writing import SOURCE_COLUMNS
from i2vbench.texts import one_line


def folder_clips(folder: Path) -> list[SheetClip]:
    """A clip a row whose file is here; columns that no reader of samples knows, as scores, become facts.

    Raises:
        UserError: As `FolderDataset.contents`.
    """
    data_set = FolderDataset(str(folder))
    rows = data_set.contents().rows
    others = _other_columns(data_set.path)
    return [_clip(row, others.get(row.number or 0, {})) for row in rows]


def _clip(row: Row, others: Mapping[str, str]) -> SheetClip:
    sample = row.sample
    clip = sample.reference
    facts = {"Prompt": "proposed, not checked"} if row.prompt_state == "proposed" else {}
    facts |= {name.replace("_", " "): text for name, text in others.items() if name not in SOURCE_COLUMNS}
    return SheetClip(
        id=sample.id,
        path=sample.first_frame.path,
        category=sample.category,
        prompt=sample.prompt,
        objects=sample.objects,
        scene=sample.scene,
        facts=facts,
        source=others.get("source", ""),
        title=others.get("title", ""),
        author=others.get("author", ""),
        licence=others.get("licence", ""),
        start=clip.start if clip else 0.0,
        end=clip.end if clip else None,
    )


def _other_columns(folder: Path) -> dict[int, dict[str, str]]:
    """What stands in further columns, by row as a spreadsheet counts; the table has been found valid before."""
    return {
        number: {name: one_line(text) for name, text in cells.items() if name and name not in COLUMNS and text.strip()}
        for number, cells in read_cells((folder / METADATA).read_bytes()).items()
    }
