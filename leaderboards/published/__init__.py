"""The paper's numbers: Tables 1 to 13 of Ren et al. (TMLR 07/2024), digit for digit as they are printed."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).parent

TABLES = range(1, 14)
"""The numbers of the paper's tables."""

METHODS = ("AnimateAnything", "I2VGen-XL", "DynamiCrafter", "SEINE", "ConsistI2V")
"""The five models of Tables 1, 2 and 6 to 13, in the order of Table 1."""

METRIC_IDS: Mapping[str, str] = {
    "FVD": "fvd",
    "IS": "inception_score",
    "FID": "fid",
    "CLIPSIM": "clipsim",
    "Temporal Flickering": "temporal_flickering",
    "Motion Smoothness": "motion_smoothness",
    "Dynamic Degree": "dynamic_degree",
    "Background Consistency": "background_consistency",
    "Subject Consistency": "subject_consistency",
    "Object Consistency": "object_consistency",
    "Scene Consistency": "scene_consistency",
    "Overall Consistency": "overall_consistency",
}
"""Ids of the metrics by what the paper's tables call them, in the order of Tables 1 and 2."""


_COMMON = ("table", "dataset", "category", "method", "metric", "value", "higher_is_better")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One printed number.

    Attributes:
        table: The paper's table.
        dataset: What it is of, as "I2V-Bench" or "UCF-101".
        category: The row of the tables by category; "All" is over all clips, "Total" the sum of Table 4.
        method: The model, or the ablation; "" in Table 4.
        metric: As the paper's table calls it.
        text: As it is printed, all digits kept; "" is a dash.
        higher_is_better: None where it is no measure of quality.
        extra: What else the table's file says of its row: in Table 3, which parts of the method are on.
    """

    table: int
    dataset: str
    category: str
    method: str
    metric: str
    text: str
    higher_is_better: bool | None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def value(self) -> float | None:
        """As a number, in the printed unit; None for a dash."""
        return float(self.text) if self.text else None


@functools.cache
def numbers(table: int) -> tuple[Number, ...]:
    """The numbers of one table, in the order of its rows.

    Raises:
        ValueError: The paper has no such table.
    """
    if table not in TABLES:
        raise ValueError(f"table {table}: the paper has Tables {TABLES[0]} to {TABLES[-1]}")
    with open(_HERE / f"table-{table:02}.csv", encoding="utf-8", newline="") as file:
        return tuple(
            Number(
                table=table,
                dataset=row["dataset"],
                category=row["category"],
                method=row["method"],
                metric=row["metric"],
                text=row["value"],
                higher_is_better={"True": True, "False": False, "": None}[row["higher_is_better"]],
                extra={name: text for name, text in row.items() if name not in _COMMON},
            )
            for row in csv.DictReader(file)
        )


def clip_counts() -> dict[str, int]:
    """Clips of each category of I2V-Bench, in the order of Table 4, which adds them up to 2,951."""
    return {number.category: int(number.text) for number in numbers(4) if number.category != "Total"}
