"""A comparison on the terminal and in files: text, CSV, LaTeX, Markdown, a page, JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

import i2vbench.tables
from i2vbench.compare.comparison import Comparison, Difference, MetricComparison
from i2vbench.compare.layout import category_tables, summary_table
from i2vbench.compare.seed_table import seed_rows, seed_table
from i2vbench.compare.seeds import Noise
from i2vbench.compare.words import ONE_SEED, cautions, how_tested, seed_sentence, sentence, sentences
from i2vbench.files import write_bytes
from i2vbench.pages import policy_hash, templates
from i2vbench.tables import written_to
from i2vbench.tables.latex import to_latex
from i2vbench.tables.printed import Table, notes_apart
from i2vbench.tables.text import print_aligned, to_markdown
from i2vbench.texts import csv_lines, csv_text, one_line
from i2vbench.types import MetricInfo

_HERE, _TABLES = Path(__file__).parent, Path(i2vbench.tables.__file__).parent

SeedRows = Sequence[tuple[MetricInfo, str, Noise]]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What is printed and written: sentences under headings, and tables.

    Attributes:
        title: Whom it is of.
        words: Sentences by what they are about.
        tables: Over all clips, by category, of seeds.
        csv: The lines of each CSV file, by its name.
        json: All of it, unrounded and unscaled.
    """

    title: str
    words: Sequence[tuple[str, Sequence[str]]]
    tables: Sequence[Table]
    csv: Mapping[str, Sequence[Sequence[object]]]
    json: Mapping[str, Any]


def report_of(comparison: Comparison) -> Report:
    """All that there is to say of two models."""
    a, b = comparison.labels
    seeds = seed_rows(comparison)
    words = [("In words", sentences(comparison))]
    if read_with_care := cautions(comparison):
        words.append(("Read with care", read_with_care))
    # Of the models themselves the table tells; what a reader compares is the difference.
    words.append(("Seeds", _seed_words([row for row in seeds if row[1] == f"{a} - {b}"] or seeds)))
    csv = {"compare.csv": _csv(comparison)} | ({"seeds.csv": _seed_csv(seeds)} if seeds else {})
    return Report(
        title=f"{a} and {b}, sample by sample",
        words=words,
        tables=[
            summary_table(comparison),
            *category_tables(comparison),
            *_some(seed_table(seeds)),
        ],
        csv=csv,
        json=_as_json(comparison, words, seeds),
    )


def report_of_seeds(label: str, found: Sequence[tuple[MetricInfo, Noise | None]]) -> Report:
    """What the seeds of a single model say."""
    seeds = [(info, label, noise) for info, noise in found if noise is not None]
    words = [("Seeds", _seed_words(seeds))]
    return Report(
        title=f"{label}, seeds and samples",
        words=words,
        tables=_some(seed_table(seeds)),
        csv={"seeds.csv": _seed_csv(seeds)} if seeds else {},
        json={"model": label, "words": dict(words), "seeds": [_json_noise(*row) for row in seeds]},
    )


def to_terminal(report: Report) -> str:
    """Sentences first, then the tables; what several of them note stands at the end."""
    parts = [report.title, ""]
    for heading, lines in report.words:
        parts += [f"{heading}:", *(f"- {one_line(line)}" for line in lines), ""]
    return "\n".join([*parts, print_aligned(report.tables)]) if report.tables else "\n".join(parts).rstrip()


def write_report(report: Report, out: Path, formats: Sequence[str]) -> list[Path]:
    """Write the files of a report to the folder `out`, which is made if it is not there.

    Args:
        report: What is to be written.
        out: The folder.
        formats: Some of "csv" (one line per metric and category), "latex" and "markdown" (one file a table), "html"
            (one page).

    Returns:
        The files in the order written.

    Raises:
        UserError: For an unknown format, or a folder that cannot be written to.
    """
    writers: dict[str, Callable[[], dict[str, str]]] = {
        "csv": lambda: {name: csv_lines(lines) for name, lines in report.csv.items()},
        "latex": lambda: {f"{table.name}.tex": to_latex(table) for table in report.tables},
        "markdown": lambda: {f"{table.name}.md": to_markdown(table) for table in report.tables},
        "html": lambda: {"compare.html": _page(report)},
    }
    written = []
    with written_to(out, formats):
        for format_ in dict.fromkeys(formats):
            for name, text in writers[format_]().items():
                write_bytes(out / name, text.encode())
                written.append(out / name)
    return written


def _page(report: Report) -> str:
    style = (_TABLES / "report.css").read_text(encoding="utf-8")
    page = templates(_HERE, _TABLES).get_template("compare.html.jinja")
    own, shared = notes_apart(report.tables)
    tables = list(zip(report.tables, own, strict=True))
    return page.render(
        title=report.title, words=report.words, tables=tables, shared=shared, style=Markup(style),
        style_hash=policy_hash(style),
    )  # fmt: skip


def _some(table: Table | None) -> list[Table]:
    return [] if table is None else [table]


def _seed_words(seeds: SeedRows) -> list[str]:
    return [seed_sentence(info, of, noise) for info, of, noise in seeds] or [ONE_SEED]


# -- CSV ----------------------------------------------------------------------------------------------------------

_CSV = (
    *("metric", "category", "model_a", "model_b", "planned_a", "planned_b", "n", "a", "b", "difference", "low", "high"),
    *("d", "a_better", "wins", "ties", "losses", "p", "holm_p", "test", "note"),
)


def _csv(comparison: Comparison) -> list[list[object]]:
    """One line per metric and category, in the printed unit, with two digits more than the tables have."""
    lines: list[list[object]] = [list(_CSV)]
    labels = [csv_text(label) for label in comparison.labels]
    for one in comparison.metrics:
        for category, some in zip(comparison.categories[-len(one.rows) :], one.rows, strict=True):
            ends = (some.interval.low, some.interval.high) if some.interval else (None, None)
            numbers = [_digits(one.info, value) for value in (some.a, some.b, some.difference, *ends)]
            lines.append(
                [
                    *(csv_text(one.info.id), csv_text(category), *labels, *some.planned, some.n, *numbers),
                    *(_significant(some.effect), _significant(some.superiority)),
                    *("" if count is None else count for count in (some.wins, some.ties, some.losses)),
                    *(_significant(some.p), _significant(some.corrected)),
                    *(how_tested(some, one.distance), csv_text(some.note)),
                ]
            )
    return lines


def _seed_csv(seeds: SeedRows) -> list[list[object]]:
    names = ("metric", "model", "samples", "seeds", "mean", "sd_samples", "sd_seeds", "icc", "se_samples", "se_seeds")
    lines: list[list[object]] = [[*names, "seeds_share", "enough"]]
    for info, of, noise in seeds:
        scaled = (noise.mean, noise.between**0.5, noise.within**0.5)
        errors = (noise.error_of_samples, noise.error_of_seeds)
        lines.append(
            [
                *(csv_text(info.id), csv_text(of), noise.samples, f"{noise.seeds:.4g}"),
                *(_digits(info, value) for value in scaled),
                _significant(noise.correlation),
                *(_digits(info, value) for value in errors),
                *(_significant(noise.share()), "" if noise.enough is None else noise.enough),
            ]
        )
    return lines


def _digits(info: MetricInfo, value: float | None) -> str:
    return "" if value is None else f"{value * info.scale:.{info.decimals + 2}f}"


def _significant(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


# -- JSON ---------------------------------------------------------------------------------------------------------


def _as_json(comparison: Comparison, words: Sequence[tuple[str, Sequence[str]]], seeds: SeedRows) -> dict[str, Any]:
    draws, family = comparison.draws, sum(one.total.p is not None for one in comparison.metrics)
    metrics = []
    for one in comparison.metrics:
        facts = {name: getattr(one.info, name) for name in ("id", "title", "direction", "unit", "scale", "decimals")}
        names = comparison.categories[-len(one.rows) :]
        rows = [
            {"category": name, "total": some is one.total, **_json_difference(one, some)}
            for name, some in zip(names, one.rows, strict=True)
        ]
        said = sentence(one, comparison.labels, family)
        metrics.append(facts | {"distance": one.distance, "words": said, "rows": rows, "notes": list(one.notes)})
    return {
        "a": comparison.labels[0],
        "b": comparison.labels[1],
        "replicates": draws.replicates,
        "distance_replicates": draws.distances,
        "seed": draws.seed,
        "words": {heading: list(lines) for heading, lines in words},
        "metrics": metrics,
        "seeds": [_json_noise(*row) for row in seeds],
        "notes": list(comparison.notes),
    }


def _json_difference(one: MetricComparison, some: Difference) -> dict[str, Any]:
    better = some.better(one.info)
    return {
        "planned": list(some.planned),
        "n": some.n,
        "a": some.a,
        "b": some.b,
        "difference": some.difference,
        "interval": [some.interval.low, some.interval.high] if some.interval else None,
        "d": some.effect,
        "a_better": some.superiority,
        "wins": some.wins,
        "ties": some.ties,
        "losses": some.losses,
        "p": some.p,
        "holm_p": some.corrected,
        "test": how_tested(some, one.distance),
        "better": ("a", "b")[better] if better is not None and some.significant else None,
        "note": some.note,
    }


def _json_noise(info: MetricInfo, of: str, noise: Noise) -> dict[str, Any]:
    return {
        "metric": info.id,
        "of": of,
        "samples": noise.samples,
        "seeds": noise.seeds,
        "mean": noise.mean,
        "variance_of_samples": noise.between,
        "variance_of_seeds": noise.within,
        "icc": noise.correlation,
        "error_of_samples": noise.error_of_samples,
        "error_of_seeds": noise.error_of_seeds,
        "seeds_share": noise.share(),
        "enough": noise.enough,
    }
