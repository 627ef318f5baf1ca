"""What people say of models, for the columns of Table 1 that no run can fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from i2vbench.tables.printed import PrintedCell

OF = "Human evaluation"
"""`Column.of` of these columns."""


@dataclass(frozen=True, slots=True)
class People:
    """A human study's shares.

    Attributes:
        cells: By model, by `Column.metric`.
        said: What the study is, for the note of their letter.
    """

    cells: Mapping[str, Mapping[str, PrintedCell]]
    said: str


NOBODY = People({}, "")
