"""Tables that no clips stand behind on their page: counts, and the paper's."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from i2vbench.pages import policy_hash, templates
from i2vbench.tables.printed import PrintedCell, Table

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Plain:
    """A table as it is shown, and as programs read it: without units, signs and short names in its cells."""

    shown: Table
    data: Table


def render_plain_page(table: Table) -> str:
    """A page of one table, without a script."""
    page, style = _page()
    return page.render(table=table, style=Markup(style), style_hash=policy_hash(style))


@functools.cache
def _page() -> tuple[Template, str]:
    """Read once: several tables make several pages."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    return templates(_HERE).get_template("plain.html.jinja"), style


def plain_as_json(table: Plain) -> dict[str, Any]:
    """Its numbers by row and column, with marks and footnotes; null is an empty cell."""
    keys = [heading.key for heading in table.data.headings]
    return {
        "name": table.data.name,
        "title": table.data.title,
        "rows": [
            {table.data.corner.lower(): row.label, "total": row.total}
            | {key: _json_cell(cell) for key, cell in zip(keys, row.cells, strict=True)}
            for row in table.data.rows
        ],
        "notes": list(table.data.notes),
    }


def _json_cell(cell: PrintedCell) -> dict[str, Any] | None:
    if not cell.text:
        return {"printed": "", "number": None, "note": cell.note} if cell.note else None
    found: dict[str, Any] = {"printed": cell.text}
    try:
        found["number"] = float(cell.text)
    except ValueError:
        found["number"] = None
    if cell.interval:
        found["interval"] = [float(end) for end in cell.interval]
    return found | {name: text for name in ("mark", "footnotes", "note") if (text := getattr(cell, name))}
