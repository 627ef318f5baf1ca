"""Results -> tables: CSV, LaTeX, Markdown, and a page with the clips behind every number.

`collect` reads runs, `write_tables` writes files; both read only the store and the videos. Equal results give
byte-equal files: no date, path, name of a run or engine is written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.names import FORMATS
from i2vbench.tables.clips_csv import write_clips_csv
from i2vbench.tables.counts import count_table, counts_as_json
from i2vbench.tables.layout import all_tables
from i2vbench.tables.page import write_page
from i2vbench.tables.plain import Plain, render_plain_page
from i2vbench.tables.printed import Table
from i2vbench.tables.results import Results, collect
from i2vbench.tables.text import print_tables, results_as_json, to_aligned, to_csv, to_latex, to_markdown

__all__ = [
    "Plain",
    "Results",
    "collect",
    "count_table",
    "counts_as_json",
    "print_tables",
    "results_as_json",
    "to_aligned",
    "write_plain",
    "write_tables",
]

_TEXT: dict[str, tuple[str, Callable[[Table], str]]] = {
    "csv": (".csv", to_csv),
    "latex": (".tex", to_latex),
    "markdown": (".md", to_markdown),
}


def write_tables(results: Results, out: Path, formats: Sequence[str], *, clips: bool = True) -> list[Path]:
    """Write the tables of `results` to the folder `out`, which is made if it is not there.

    Args:
        results: From `collect`.
        out: The folder.
        formats: Some of "csv", "latex", "markdown" (a summary and one file per metric; CSV also `clips.csv`, one line
            per clip) and "html" (one page, `tables.html`, with the videos in it or in `clips/` beside it).
        clips: Whether the page shows videos and first frames; without them it is made of the rows alone.

    Returns:
        The files in the order written; the previews in `clips/` are not listed.

    Raises:
        UserError: For an unknown format, or a folder that cannot be written to.
    """
    tables = all_tables(results)
    written: list[Path] = []
    with written_to(out, formats):
        for name in dict.fromkeys(formats):
            if name == "html":
                written.append(write_page(results, tables, out, clips=clips))
                continue
            written += _write_text(tables, out, name)
            if name == "csv":
                written.append(write_clips_csv(results, out / "clips.csv"))
    return written


def write_plain(tables: Sequence[Table | Plain], out: Path, formats: Sequence[str]) -> list[Path]:
    """The same for tables that no clips stand behind: one file a table and format, called as the table is."""
    both = [table if isinstance(table, Plain) else Plain(table, table) for table in tables]
    written: list[Path] = []
    with written_to(out, formats):
        for name in dict.fromkeys(formats):
            if name != "html":
                written += _write_text([table.data if name == "csv" else table.shown for table in both], out, name)
                continue
            for table in both:
                written.append(out / f"{table.shown.name}.html")
                write_bytes(written[-1], render_plain_page(table.shown).encode())
    return written


def _write_text(tables: Sequence[Table], out: Path, format_: str) -> list[Path]:
    suffix, render = _TEXT[format_]
    paths = [out / f"{table.name}{suffix}" for table in tables]
    for path, table in zip(paths, tables, strict=True):
        write_bytes(path, render(table).encode())
    return paths


@contextmanager
def written_to(out: Path, formats: Sequence[str]) -> Iterator[None]:
    """Makes the folder; what is wrong with it, or with the formats, is the user's to mend."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"unknown format '{unknown[0]}': expected some of {', '.join(FORMATS)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"the tables cannot be written to {out}: {error.strerror or error}; name a folder with --out"
        ) from error
