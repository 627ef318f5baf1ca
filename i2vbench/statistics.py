"""Statistics over numbers that are there already."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd


def spearman(some: Sequence[float], others: Sequence[float]) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank; NaN where one side is all one value."""
    ranks = [pd.Series(values, dtype=float).rank() for values in (some, others)]
    if any(rank.nunique() < 2 for rank in ranks):
        return math.nan
    return float(ranks[0].corr(ranks[1]))
