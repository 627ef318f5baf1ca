"""Checkpoints as text: the listing, and the table of what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from i2vbench.weights.catalogue import Checkpoint, entry


def missing_table(entries: Sequence[Checkpoint], needed_by: Mapping[str, Iterable[str]] | None = None) -> str:
    """What is missing, a row each, and what gets all of it; ends without a newline.

    Args:
        needed_by: What a run needs each for, by the checkpoint's name; None takes the catalogue's `used_by`.
    """
    rows = [("checkpoint", "size", "needed by", "licence")]
    for facts in entries:
        by = (needed_by or {}).get(facts.name, facts.used_by)
        rows.append((facts.name, facts.size_text, ", ".join(by), facts.licence))
    return "\n".join([*align(rows), "", f"They come with: {commands(entries)}"])


def commands(entries: Sequence[Checkpoint]) -> str:
    """What brings all of these, each command once."""
    fetched = " ".join(facts.name for facts in entries if not facts.extra)
    extras = dict.fromkeys(facts.command for facts in entries if facts.extra)
    return "; ".join([*([f"i2vbench weights fetch {fetched}"] if fetched else []), *extras])


def listing(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of `i2vbench weights`: a row each, and below it what it is, its licence and its source."""
    table = [("checkpoint", "here", "size", "SHA-256", "used by")]
    for row in rows:
        used_by = ", ".join(row["used_by"]) or ("by name only" if row["optional"] else "")
        trust = "" if row["trusted"] else ", not trusted"
        table.append(
            (row["name"], "yes" if row["here"] else "no", entry(row["name"]).size_text, row["hash"] + trust, used_by)
        )
    head, *lines = align(table)
    out = [head]
    for row, line in zip(rows, lines, strict=True):
        extra = entry(row["name"]).extra
        source = row["sources"][0] if row["sources"] else f"comes with i2vbench{f'[{extra}]' if extra else ''}"
        out += [line, *(f"    {text}" for text in (row["title"], row["licence"], source))]
    return out


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, two spaces between them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
