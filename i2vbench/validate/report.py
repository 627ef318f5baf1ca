"""What came out, as text, CSV and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.validate.damages import DAMAGES
from i2vbench.validate.study import Reaction
from i2vbench.validate.truth import Score


def as_stated(reaction: Reaction) -> bool | None:
    """Whether a metric answers as was stated beforehand; None where nothing was."""
    expected = DAMAGES[reaction.damage].answers.get(reaction.metric)
    return None if expected is None else reaction.answer == expected.answer


def reaction_table(reactions: Sequence[Reaction]) -> pd.DataFrame:
    """A row for every metric and damage."""
    return pd.DataFrame(
        {
            "metric": r.metric,
            "damage": r.damage,
            "answer": r.answer,
            "monotone": r.monotone,
            "effect": r.effect,
            "stated": _stated(r),
            "why": expected.why if (expected := DAMAGES[r.damage].answers.get(r.metric)) else "",
            "clips": r.clips,
            "spread": r.spread,
            "grades": " ".join(f"{grade:g}" for grade in r.grades),
            "values": " ".join(f"{value:.6g}" for value in r.values),
        }
        for r in reactions
    )


def score_table(scores: Sequence[Score]) -> pd.DataFrame:
    """A row for every number with a truth."""
    return pd.DataFrame(
        {"metric": s.metric, "number": s.what, "value": s.value, "rival": s.rival, "its value": s.rival_value}
        for s in scores
    )


def lines(reactions: Sequence[Reaction], scores: Sequence[Score]) -> Iterator[str]:
    """For a terminal: metric by metric, then the truth."""
    for metric in dict.fromkeys(r.metric for r in reactions):
        yield metric
        for r in (r for r in reactions if r.metric == metric):
            mark = {True: "as stated", False: f"STATED: {_stated(r)}", None: ""}[as_stated(r)]
            numbers = f"rho {_signed(r.monotone):>5}  effect {_signed(r.effect):>7}"
            yield f"  {r.damage:15} {r.answer:7} {numbers}  {mark}".rstrip()
        yield ""
    for s in scores:
        yield f"{s.metric}: {s.what} {s.value:.3f} ({s.rival}: {s.rival_value:.3f})"


def write_report(out: Path, reactions: Sequence[Reaction], scores: Sequence[Score], title: str) -> list[Path]:
    """damage.csv, truth.csv and report.md.

    Raises:
        UserError: The folder cannot be written to.
    """
    damage, truth = reaction_table(reactions), score_table(scores)
    files = {"damage.csv": damage.to_csv(index=False), "truth.csv": truth.to_csv(index=False)}
    files["report.md"] = "\n".join([*_markdown(reactions, scores, title), ""])
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_bytes(out / name, text.encode())
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written to: {error.strerror}") from error
    return [out / name for name in files]


def _markdown(reactions: Sequence[Reaction], scores: Sequence[Score], title: str) -> Iterator[str]:
    """Metrics by damages; bold where the answer is not the stated one."""
    yield f"# {title}"
    yield ""
    yield "Effect of the strongest grade in spreads between undamaged clips; positive is worse. In brackets Spearman's"
    yield "correlation of grade and badness. Bold: another answer than was stated beforehand (`expected.toml`)."
    yield ""
    metrics = list(dict.fromkeys(r.metric for r in reactions))
    yield f"| damage | {' | '.join(metrics)} |"
    yield "|---" * (len(metrics) + 1) + "|"
    cells = {(r.damage, r.metric): r for r in reactions}
    for damage in dict.fromkeys(r.damage for r in reactions):
        row = [_cell(cells.get((damage, metric))) for metric in metrics]
        yield f"| {damage} | {' | '.join(row)} |"
    if scores:
        yield ""
        yield "| network of | number | it | rival | its number |"
        yield "|---|---|---|---|---|"
        for s in scores:
            yield f"| {s.metric} | {s.what} | {s.value:.3f} | {s.rival} | {s.rival_value:.3f} |"


def _cell(reaction: Reaction | None) -> str:
    if reaction is None:
        return ""
    text = f"{reaction.answer} {_signed(reaction.effect)} ({_signed(reaction.monotone)})"
    return f"**{text}**" if as_stated(reaction) is False else text


def _stated(reaction: Reaction) -> str:
    expected = DAMAGES[reaction.damage].answers.get(reaction.metric)
    return expected.answer if expected else ""


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"
