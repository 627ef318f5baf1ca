"""Why each item was kept or left out: a CSV of every stage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.curation.pipeline import NAMES, StageReport
from i2vbench.files import write_bytes
from i2vbench.texts import csv_lines, csv_text, one_line

FOLDER = "stages"


def write_rows(folder: Path, stage: StageReport) -> None:
    """Write folder/stages/NN-NAME.csv, a row for each item that came to the stage; it appears whole or not at all."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    write_bytes(_path(folder, stage.name), stage_csv(stage).encode())


def forget_rows(folder: Path, after: str) -> None:
    """Remove the files of the stages after one: they tell of another plan, or of other clips."""
    for name in NAMES[NAMES.index(after) + 1 :]:
        _path(folder, name).unlink(missing_ok=True)


def _path(folder: Path, stage: str) -> Path:
    return folder / FOLDER / f"{NAMES.index(stage) + 1:02}-{stage}.csv"


def stage_csv(stage: StageReport) -> str:
    """Columns: item, source, start, end, category, kept, reason, and what the stage has seen."""
    facts = [_flat(item.facts.get(stage.name, {})) for item in stage.items]
    names = list(dict.fromkeys(name for found in facts for name in found))
    lines: list[Sequence[str]] = [["item", "source", "start", "end", "category", "kept", "reason", *names]]
    for item, reason, found in zip(stage.items, stage.reasons, facts, strict=True):
        end = "" if item.end is None else f"{item.end:g}"
        start = [item.id, item.source, f"{item.start:g}", end, item.category, "no" if reason else "yes", reason]
        lines.append([csv_text(one_line(text)) for text in (*start, *(found.get(name, "") for name in names))])
    return csv_lines(lines)


def _flat(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in facts.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
