"""`i2vbench human`: people compare the models' videos on a page; what they say, and which metrics agree with them."""

from __future__ import annotations

import typer

from i2vbench.cli.human_correlate import correlate
from i2vbench.cli.human_report import report
from i2vbench.cli.human_serve import serve

app = typer.Typer(
    help="A human study of runs: the page, the votes, and which metrics agree with people.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    pass


app.command("serve")(serve)
app.command("report")(report)
app.command("correlate")(correlate)
