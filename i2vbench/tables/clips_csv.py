"""`clips.csv`: one line per clip and metric, numbers as they were measured."""

from __future__ import annotations

from pathlib import Path

from i2vbench.files import atomic_file
from i2vbench.tables.results import Results
from i2vbench.texts import csv_lines, csv_text

HEADER = ("metric", "model", "category", "sample", "seed", "state", "value", "reason", "prompt", "profile")


def write_clips_csv(results: Results, path: Path) -> Path:
    """Write every clip's state and its value (unscaled, all digits), metric by metric and model by model."""
    with atomic_file(path) as file:
        file.write(csv_lines([HEADER]).encode())
        for info in results.metrics:
            for column in results.columns:
                profile = csv_text(results.profile_of(column))
                rows = [
                    (
                        csv_text(info.id),
                        csv_text(column.label),
                        csv_text(record.sample.category),
                        csv_text(record.sample.id),
                        record.clip.seed,
                        record.state,
                        "" if record.row is None or record.row.value is None else repr(record.row.value),
                        csv_text(record.reason),
                        csv_text(record.sample.prompt),
                        profile,
                    )
                    for record in results.records(info.id, column)
                ]
                file.write(csv_lines(rows).encode())
    return path
