"""Reading a table of unknown shape: what it says of videos, or why it says nothing.

JSON of any nesting, JSON lines, CSV with or without a header, and lines of text. columns.py has the words.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from i2vbench.datasets.i2v_bench.archives import MAX_TABLE_BYTES
from i2vbench.datasets.i2v_bench.categories import category_of_path, match_category
from i2vbench.datasets.i2v_bench.columns import FIELDS, column, fields_of, is_video_name
from i2vbench.datasets.i2v_bench.sources import Found, Unmatched
from i2vbench.datasets.metadata import VIDEO_SUFFIXES
from i2vbench.parsing import parse_json
from i2vbench.texts import one_line

Known = Callable[[str], bool]
"""Whether a text is the name of a video that is here, with or without its suffix."""

Records = Iterator[tuple[str, dict[str, Any], str | None]]
"""Place in the table, cells by column, and the category that the place says."""

_SUFFIXES = "|".join(suffix[1:] for suffix in VIDEO_SUFFIXES)
_NAMED = re.compile(rf"(?P<name>[^\t|]*?\.(?:{_SUFFIXES}))[\"']?[\s,;:|]+(?P<text>.+)", re.I)


@dataclass(frozen=True, slots=True)
class Row:
    """What a table says of one video.

    Attributes:
        table: The table.
        place: Where in it.
        refs: What may name the video, the best first.
        category: What the place of the row says: a key above it, the table's name or folder; or None.
        values: By field of `columns.NAMES`.
    """

    table: Found
    place: str
    refs: tuple[str, ...]
    category: str | None
    values: Mapping[str, str]

    @property
    def where(self) -> str:
        return f"{self.table.where}: {self.place}"


def read_table(table: Found, known: Known) -> tuple[list[Row], list[Unmatched]]:
    """The rows of a table, and what in it cannot be read."""
    rows: list[Row] = []
    faults: list[Unmatched] = []
    named = category_of_path((*table.folders, table.stem))
    default = next(iter(named)) if len(named) == 1 else None
    try:
        for place, record, category in _records(table, _text(table), known):
            try:
                values, refs = fields_of(record)
            except ValueError as error:
                faults.append(Unmatched("row", f"{table.where}: {place}", str(error)))
                continue
            rows.append(Row(table, place, refs, category or default, values))
    except _Unreadable as error:
        return [], [Unmatched("table", table.where, str(error))]
    if len(rows) == 1 and not rows[0].refs and known(table.stem):  # a file of annotations beside each video
        only = rows[0]
        rows = [Row(only.table, only.place, ("/".join((*table.folders, table.stem)),), only.category, only.values)]
    return rows, faults


class _Unreadable(Exception):
    """Why a table says nothing."""


def _text(table: Found) -> str:
    size = table.path.stat().st_size
    if size > MAX_TABLE_BYTES:
        raise _Unreadable(f"has {size:,} bytes; a table may have {MAX_TABLE_BYTES:,}")
    try:
        data = table.path.read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeError:
        raise _Unreadable("not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from None


def _records(table: Found, text: str, known: Known) -> Records:
    name = table.name.lower()
    if name.endswith(".txt"):
        return _of_text(table, text, known)
    if name.endswith((".csv", ".tsv")):
        return _of_csv(text, known)
    return _of_json(text, lines=name.endswith(("l", ".ndjson")))


def _of_json(text: str, lines: bool) -> Records:
    if not lines:
        try:
            data = parse_json(text)
        except ValueError as error:
            if "Extra data" not in str(error):
                raise _Unreadable(f"not valid JSON ({one_line(str(error))})") from None
        else:
            yield from _walk(data, "", None, "entry")
            return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                data = parse_json(line)
            except ValueError as error:
                raise _Unreadable(f"line {number} is not valid JSON ({one_line(str(error))[:100]})") from None
            yield from _walk(data, "", None, f"line {number}")


def _walk(node: Any, key: str, category: str | None, place: str) -> Records:
    """Every record in a value of JSON; keys above it may name its category or its video."""
    if isinstance(node, list):
        if len(node) == 2 and is_video_name(node[0]) and isinstance(node[1], str) and not is_video_name(node[1]):
            yield place, {"file": node[0], "prompt": node[1]}, category
            return
        for number, item in enumerate(node, start=1):
            yield from _walk(item, key, category, f"{place} {number}")
    elif isinstance(node, dict):
        columns = _columns(node)
        if columns is not None:
            for number, record in enumerate(columns, start=1):
                yield f"{place} {number}", record, category
        elif _is_record(node):
            cells = {str(name): value for name, value in node.items()}
            yield place, ({"key": key} | cells if key else cells), category
        else:
            for name, value in node.items():
                yield from _under(str(name), value, category, place)
    elif isinstance(node, str):
        yield place, ({"file": node} if is_video_name(node) else {"prompt": node}), category


def _under(name: str, value: Any, category: str | None, place: str) -> Records:
    """What stands under a key that is no column of a record."""
    inner, where = match_category(name), f"{place} {one_line(name)[:60]}"
    if column(name) in FIELDS and isinstance(value, str | int | float):
        return  # the frame's own name, licence and so on
    if inner is None and _is_texts(value):
        cells = {"id": name, "file": value} if is_video_name(value) else {"key": name, "prompt": value}
        yield where, cells, category
    elif inner is None and isinstance(value, dict) and _is_record(value):
        yield from _walk(value, name, category, where)
    else:
        yield from _walk(value, "", inner or category, where)


def _is_texts(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return len(texts) == 1 and isinstance(texts[0], str)


def _is_record(node: Mapping[Any, Any]) -> bool:
    """Whether it has a known column with a plain value, and is not a frame around records."""
    plain = (v for k, v in node.items() if column(k) in FIELDS and not isinstance(v, dict))
    return not any(map(_holds_records, node.values())) and any(
        isinstance(v, str | int | float) or _is_texts(v) for v in plain
    )


def _holds_records(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(item, dict) for item in value)
    return isinstance(value, dict) and any(
        isinstance(inner, dict) or _holds_records(inner) or match_category(str(key)) for key, inner in value.items()
    )


def _columns(node: Mapping[Any, Any]) -> list[dict[str, Any]] | None:
    """Records of a table stored by column: lists of one length, or (as pandas writes) records of the same keys."""
    known = {str(k): v for k, v in node.items() if column(k) in FIELDS}
    values = [v for v in known.values() if isinstance(v, list | dict) and v]
    if len(values) < 2 or len(values) != len(node) or len({len(v) for v in values}) != 1:
        return None
    if all(isinstance(v, list) for v in values):
        lists = known
    elif all(isinstance(v, dict) and v.keys() == set(values[0]) for v in values):
        lists = {name: [v[key] for key in values[0]] for name, v in known.items()}
    else:
        return None
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _of_csv(text: str, known: Known) -> Records:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=lambda mark: (_count_known(first, mark), first.count(mark)))
    reader = csv.reader(io.StringIO(text.replace("\0", "\ufffd"), newline=""), delimiter=delimiter, strict=True)
    try:
        records = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise _Unreadable(f"not valid CSV ({error})") from None
    if not records:
        raise _Unreadable("empty")
    header = [column(cell) for cell in records[0][1]]
    if _count_known(first, delimiter) == 0:
        if len(header) != 2 or not (is_video_name(records[0][1][0]) or known(records[0][1][0])):
            raise _Unreadable(f"its first line has no column that is known: {', '.join(header)[:100]}")
        header = ["file", "prompt"]
        records.insert(0, (0, header))
    for number, cells in records[1:]:
        if len(cells) != len(header):
            raise _Unreadable(
                f"line {number} has {len(cells)} cells, the header {len(header)}; is a text with a comma not in "
                "quotation marks?"
            )
        yield f"line {number}", dict(zip(header, cells, strict=True)), None


def _count_known(line: str, delimiter: str) -> int:
    return sum(column(cell) in FIELDS for cell in next(csv.reader([line], delimiter=delimiter), []))


def _of_text(table: Found, text: str, known: Known) -> Records:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if known(table.stem):
        yield "the text", {"file": "/".join((*table.folders, table.stem)), "prompt": text}, None
        return
    for split in (_after_video, _after_tab, _after_mark, _after_blank, _alone):
        pairs = [split(line) for _, line in lines]
        named = [pair for pair in pairs if pair and (split is _after_video or known(pair[0]))]
        # One line that begins with a video's name by chance is no list; where blanks part, all must.
        if lines and len(named) > len(lines) * (0.999 if split in (_after_blank, _alone) else 0.5):
            for (number, _), pair in zip(lines, pairs, strict=True):
                name, prompt = pair or ("", "")
                yield f"line {number}", {"file": name, "prompt": prompt}, None
            return
    raise _Unreadable("its lines name no video that is here")


def _after_video(line: str) -> tuple[str, str] | None:
    found = _NAMED.fullmatch(line)
    return (found["name"].strip("\"' "), found["text"].strip()) if found else None


def _after_tab(line: str) -> tuple[str, str] | None:
    name, tab, prompt = line.partition("\t")
    return (name.strip(), prompt.strip()) if tab else None


def _after_mark(line: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"([^|,;:]+?)\s*[|,;:]\s*(.+)", line)
    return (found[1], found[2]) if found else None


def _after_blank(line: str) -> tuple[str, str] | None:
    name, blank, prompt = line.partition(" ")
    return (name, prompt.strip()) if blank else None


def _alone(line: str) -> tuple[str, str] | None:
    return line, ""
