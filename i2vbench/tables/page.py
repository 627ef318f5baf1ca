"""`tables.html`: the tables with the clips behind every number, in one page that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from i2vbench.files import write_bytes
from i2vbench.pages import policy_hash, templates
from i2vbench.rows import SampleRow
from i2vbench.store import folder_name
from i2vbench.tables.layout import print_value
from i2vbench.tables.notes import headline
from i2vbench.tables.page_clips import PageClips, page_clips
from i2vbench.tables.previews import EMBED_BYTES, Previews, Wanted, make_previews
from i2vbench.tables.printed import Table, notes_apart
from i2vbench.tables.results import Results
from i2vbench.tables.runs import Column, Record
from i2vbench.tables.seen import seen_frames
from i2vbench.texts import clean
from i2vbench.types import MetricInfo

_HERE = Path(__file__).parent
_MAX_POINTS = 64

NOT_SHOWN = "this page is made without clips"


def write_page(
    results: Results, tables: Sequence[Table], out: Path, embed_bytes: int = EMBED_BYTES, *, clips: bool = True
) -> Path:
    """Write `tables.html`, and, if it shows `clips`, `clips/` beside it where these are too many for one file."""
    shown = page_clips(results)
    wanted = _wanted(shown)
    none = Previews(reasons=dict.fromkeys(wanted, NOT_SHOWN))
    previews = make_previews(wanted, out, embed_bytes) if clips else none
    path = out / "tables.html"
    text = render(results, tables, _page_data(shown, previews), previews.embedded, shown.note)
    write_bytes(path, text.encode())
    return path


def render(
    results: Results, tables: Sequence[Table], data: Mapping[str, Any], media: Mapping[str, str], note: str = ""
) -> str:
    """The page's text; `note` says which clips it leaves out."""
    own, shared = notes_apart(tables)
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    return (
        templates(_HERE)
        .get_template("report.html.jinja")
        .render(
            headline=headline(results.runs),
            warnings=_warnings(results),
            summary=(tables[0], own[0]),
            tables=list(zip(tables[1:], own[1:], strict=True)),
            shared=shared,
            style=Markup((_HERE / "report.css").read_text(encoding="utf-8")),
            script=Markup(script),
            script_hash=policy_hash(script),
            data=data,
            media=media,
            note=note,
        )
    )


def _warnings(results: Results) -> list[str]:
    """What profiles have to say before anything else is read."""
    profiles = [run.profile for run in results.runs]
    return list(dict.fromkeys(f"Profile {profile.name}: {profile.note}" for profile in profiles if profile.note))


def _wanted(shown: PageClips) -> dict[str, Wanted]:
    """The previews that the page shows, by address."""
    found: dict[str, Wanted] = {}
    for column, clips in shown.clips.items():
        run = shown.results.runs[column.run]
        for clip in clips:
            address = _frame_address(column.run, run.samples[clip.sample_id])
            first_frame = run.samples[clip.sample_id].first_frame
            if address and first_frame:
                found[address] = Wanted(address, run.folder, first_frame, "picture")
            if clip.state == "done":
                address = _video_address(column, clip.sample_id, clip.seed)
                found[address] = Wanted(address, run.folder, clip.video, "video")
    return found


def _frame_address(run: int, sample: SampleRow) -> str | None:
    folder = f"first_frames-{run + 1}" if run else "first_frames"
    return f"clips/{folder}/{folder_name(sample.id)}.png" if sample.first_frame else None


def _video_address(column: Column, sample: str, seed: int) -> str:
    return f"clips/{folder_name(column.label)}/{folder_name(sample)}-seed{seed}.mp4"


def _page_data(shown: PageClips, previews: Previews) -> dict[str, Any]:
    """What the script needs to show clips: each clip once, and its scores by metric and column."""
    results = shown.results
    clips: list[dict[str, Any]] = [{} for _ in shown.places]
    scores: list[list[list[Any]]] = [[[None] * len(results.columns) for _ in clips] for _ in results.metrics]
    for c, column in enumerate(results.columns):
        for m, info in enumerate(results.metrics):
            for place, record in shown.records(info.id, column):
                scores[m][place][c] = _score(record, info)
        run = results.runs[column.run]
        for place, clip in shown.of(column):
            told = clips[place]
            if not told:
                seed = shown.seed_text(column, clip.seed)
                told |= _clip_text(results, column, run.samples[clip.sample_id], seed, previews)
            address = _video_address(column, clip.sample_id, clip.seed)
            reason = clip.reason or "not generated yet" if clip.state != "done" else previews.reasons.get(address, "")
            told["videos"][c] = {"why": clean(run.without_paths(reason))} if reason else {"at": address}
    return {
        "rows": [clean(name) for name in results.categories],
        "columns": [clean(column.label) for column in results.columns],
        "metrics": [{"title": clean(info.title), "direction": info.direction} for info in results.metrics],
        "clips": clips,
        "scores": scores,
    }


def _clip_text(results: Results, column: Column, sample: SampleRow, seed: str, previews: Previews) -> dict[str, Any]:
    address = _frame_address(column.run, sample)
    reason = "no first frame is stored" if address is None else previews.reasons.get(address, "")
    return {
        "row": results.categories.index(sample.category),
        "sample": clean(sample.id),
        "seed": seed,
        "prompt": clean(sample.prompt),
        "objects": [clean(word) for word in sample.objects],
        "scene": clean(sample.scene),
        "frame": {"why": clean(reason)} if reason else {"at": address},
        "videos": [None] * len(results.columns),
    }


def _score(record: Record, info: MetricInfo) -> dict[str, Any]:
    if record.state != "done" or record.row is None:
        return {"state": record.state, "why": clean(record.reason)}
    value = record.row.value
    found: dict[str, Any] = {"state": "done"}
    if value is not None:
        found |= {"value": value, "text": print_value(info, value)}
    series = {clean(str(k)): _points(v) for k, v in record.row.details.items() if _is_series(v)}
    if series:
        found["series"] = series
    facts = {str(k): v for k, v in record.row.details.items() if _is_number(v)}
    if facts:
        found["facts"] = clean(", ".join(f"{name.replace('_', ' ')} {number:.4g}" for name, number in facts.items()))
    if "threshold" in facts:
        found["threshold"] = facts["threshold"]
    if (seen := seen_frames(record.row.details)) is not None:
        found["seen"] = seen
    return found


def _is_series(value: object) -> bool:
    """Whether it is a list of measured numbers; one of integers alone numbers frames."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(map(_is_number, value))
        and any(isinstance(x, float) for x in value)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _points(values: Sequence[float]) -> list[float]:
    """At most `_MAX_POINTS` of them, evenly spaced, to the digits that a small drawing shows."""
    if len(values) > _MAX_POINTS:
        values = [values[i * (len(values) - 1) // (_MAX_POINTS - 1)] for i in range(_MAX_POINTS)]
    return [float(f"{x:.4g}") for x in values]
