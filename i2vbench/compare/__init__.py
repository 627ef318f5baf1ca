"""Two models, sample by sample: differences, how sure they are, and what one may say of them.

`choose` and `open_sides` find the models, `compare` computes, `report_of` words it; everything is read from the store.
"""

from i2vbench.compare.comparing import compare, seed_noise
from i2vbench.compare.comparison import Comparison, Difference, Draws, MetricComparison
from i2vbench.compare.sides import choose, open_sides
from i2vbench.compare.writing import Report, report_of, report_of_seeds, to_terminal, write_report

__all__ = [
    "Comparison",
    "Difference",
    "Draws",
    "MetricComparison",
    "Report",
    "choose",
    "compare",
    "open_sides",
    "report_of",
    "report_of_seeds",
    "seed_noise",
    "to_terminal",
    "write_report",
]
