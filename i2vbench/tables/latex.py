"""Tables as LaTeX that needs the package booktabs and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from i2vbench.tables.latex_fit import Layout, heading_lines, lay_out
from i2vbench.tables.latex_text import latex_breakable, latex_text
from i2vbench.tables.printed import Direction, Heading, PrintedCell, Row, Table, brackets

_ARROWS: dict[Direction | None, str] = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}


def to_latex(table: Table) -> str:
    """One `table`; several, one going on with the other, of many rows.

    It is made for the lines and pages of the class article (`latex_fit`).
    """
    layout = lay_out(table)
    label = f"tab:{re.sub('[^A-Za-z0-9._:-]', '-', table.name)}"
    title = _head(latex_breakable(table.title), table.unit, table.direction)
    notes = [f"    {latex_breakable(note)}\\par" for note in table.notes]
    lines: list[str] = []
    environment = "table*" if layout.spans else "table"  # one and the same where a document has one column
    for number, tabulars in enumerate(layout.floats):
        lines += [rf"\begin{{{environment}}}[htbp]", r"  \centering"]
        if layout.size.command:
            lines.append(f"  {layout.size.command}")
            lines.append(rf"  \setlength{{\tabcolsep}}{{{layout.size.gap_pt:g}pt}}")
        if number == 0:
            lines += [rf"  \caption{{{title}}}", rf"  \label{{{label}}}"]
        else:
            lines += [r"  \addtocounter{table}{-1}", rf"  \caption{{{title} (continued)}}"]
        lines.append(r"  \smallskip")
        for place, part in enumerate(tabulars):
            lines += ["", *([r"  \medskip"] if place else [])]
            lines += _fitted(_tabular(part, layout)) if layout.measures else _tabular(part, layout)
        if number == len(layout.floats) - 1 and notes and not layout.notes_behind:
            lines += ["", r"  \medskip", r"  \parbox{\linewidth}{\footnotesize\raggedright", *notes, "  }"]
        lines.append(rf"\end{{{environment}}}")
    if notes and layout.notes_behind:
        lines += ["", r"{\footnotesize\raggedright", rf"  \noindent Notes to Table~\ref{{{label}}}:\par"]
        lines += [*(rf"  \noindent{note[3:]}" for note in notes), "}"]
    return "\n".join([*lines, ""])


def _tabular(table: Table, layout: Layout) -> list[str]:
    def label(text: str) -> str:
        return latex_text(text) if layout.label_pt is None else rf"\raggedright {latex_breakable(text)}"

    headings = [
        _heading(heading, [row.cells[i] for row in table.rows], layout.stacked)
        for i, heading in enumerate(table.headings)
    ]
    first = "l" if layout.label_pt is None else f"p{{{layout.label_pt:.0f}pt}}"
    columns = first + "r" * table.measured + "".join("l" if h.left else "r" for h in table.headings)
    lines = [
        rf"  \begin{{tabular}}{{{f'@{{}}{columns}@{{}}' if layout.measures else columns}}}",
        r"    \toprule",
        *(f"    {line}" for line in _groups(table)),
        "    " + " & ".join([latex_text(table.corner), *["$n$"] * table.measured, *headings]) + r" \\",
        r"    \midrule",
    ]
    for row in table.rows:
        if row.total and len(table.rows) > 1:
            lines.append(r"    \midrule")
        cells = [label(row.label), *[str(row.n)] * table.measured]
        cells += [_cell(replace(cell, short=False) if layout.measures else cell) for cell in row.cells]
        lines.append("    " + " & ".join(cells) + r" \\")
        lines += [f"    {line}" for line in _below(table, row, layout.measures)]
    return [*lines, r"    \bottomrule", r"  \end{tabular}"]


def _cell(cell: PrintedCell) -> str:
    if not cell.text:
        return "--"
    text = latex_text(cell.text)
    text = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[cell.mark]
    text += rf"\textsuperscript{{{latex_text(cell.footnotes)}}}" if cell.footnotes else ""
    return f"{text} {{\\scriptsize($n$={cell.n})}}" if cell.short else text


def _below(table: Table, row: Row, tiny: bool) -> list[str]:
    """The lines under a row: its intervals; where all columns stand side by side, also on how many clips it stands."""
    size = r"\tiny" if tiny else r"\scriptsize"
    under = [
        [brackets(cell) if cell.interval else "" for cell in row.cells],
        [f"($n$={cell.n})" if tiny and cell.short else "" for cell in row.cells],
    ]
    lines = [[rf"{{{size} {text}}}" if text else "" for text in texts] for texts in under if any(texts)]
    ends = [*[r" \\[-2pt]"] * (len(lines) - 1), r" \\[3pt]"]
    before = [""] * (1 + table.measured)
    return [" & ".join([*before, *line]).lstrip() + end for line, end in zip(lines, ends, strict=False)]


def _head(escaped: str, unit: str, direction: Direction | None) -> str:
    return escaped + (f" ({latex_text(unit)})" if unit else "") + _ARROWS[direction]


def _heading(heading: Heading, cells: Sequence[PrintedCell], stacked: bool) -> str:
    *above, last = map(latex_text, heading_lines(heading, cells, stacked))
    lines = [*above, _head(last, heading.unit, heading.direction).strip()]
    joined = r"\\".join(lines)
    return joined if len(lines) == 1 else rf"\begin{{tabular}}[b]{{@{{}}r@{{}}}}{joined}\end{{tabular}}"


def _groups(table: Table) -> list[str]:
    """The line of groups over the header, with booktabs' rules under them; [] without any."""
    before = 1 + table.measured
    cells, rules, at = [""] * before, [], before + 1
    for group, width in table.groups:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{latex_text(group)}}}" if group else " & ".join([""] * width))
        if group:
            rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    return [" & ".join(cells) + r" \\", " ".join(rules)] if rules else []


def _fitted(tabular: Sequence[str]) -> list[str]:
    """The lines of a tabular, set in the largest letters at which it fits the line, whatever the document."""
    sizes = {r"\small": 4, r"\footnotesize": 3, r"\scriptsize": 2.5, r"\fontsize{6}{7}\selectfont": 2, r"\tiny": 1.5}
    return [
        "  % In the largest letters at which it fits.",
        r"  \def\fitted{%",
        *tabular[:-1],
        f"{tabular[-1]}%",
        "  }",
        r"  \sbox0{\fitted}",
        *(
            rf"  \ifdim\wd0>\linewidth {size}\setlength{{\tabcolsep}}{{{gap}pt}}\sbox0{{\fitted}}\fi"
            for size, gap in sizes.items()
        ),
        r"  \usebox0",
    ]
