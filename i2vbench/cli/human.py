"""`i2vbench human`: people compare the models' videos on a page; what they say, and which metrics agree with them."""

from __future__ import annotations

from i2vbench.cli.human_correlate import correlate
from i2vbench.cli.human_report import report
from i2vbench.cli.human_serve import serve
from i2vbench.cli.shape import add, new_group

app = new_group(
    "Let people compare videos, count their votes, see which metrics agree.\n\n"
    "Example: i2vbench human serve runs/a runs/b --out study --raters 13"
)
add(app, "serve", serve)
add(app, "report", report)
add(app, "correlate", correlate)
