"""A run's numbers in the files that VBench writes, for those who must hand them in there.

Matches the layout of VBench 0.1.5 (commit 45e79ec): `NAME_eval_results.json` has of each dimension a pair, its number
and a record of every video; `NAME_full_info.json` is the list of prompts, each with its videos and the dimensions that
judge them. Numbers are 0 to 1, as VBench's are; a dimension's is what VBench computes on one process: for subject and
background consistency the mean over the frames of all clips, for objects and scenes all successful frames over all
frames, else the mean over clips.

VBench has no place for a clip without a number, so that such a run is refused unless it is asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.export.dimensions import (
    ALL_DIMENSIONS,
    DIMENSIONS,
    I2V_DIMENSIONS,
    OBJECTS,
    SCENE,
    SPECS,
    Dimension,
    Judged,
)
from i2vbench.files import write_bytes
from i2vbench.first_frames.record import KEY, title_of
from i2vbench.profiles import parse_profile
from i2vbench.registry import METRICS
from i2vbench.rows import ClipRow, SampleRow
from i2vbench.store import Store, folder_name
from i2vbench.tables.runs import Run
from i2vbench.texts import one_line

MOST_LISTED = 20


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """What VBench's files are to say of one model.

    Attributes:
        model: Its name in the run.
        results: Per dimension its number and the videos' records.
        full_info: The prompts with their videos.
        prompts: Every video's prompt by file name, as `evaluate.py --prompt_file` takes them.
        clips: How many were planned.
        faults: Why the files say less than the run was to measure, or something else than VBench's would.
        notes: What the files do not say.
    """

    model: str
    results: Mapping[str, tuple[float, Sequence[Mapping[str, Any]]]]
    full_info: Sequence[Mapping[str, Any]]
    prompts: Mapping[str, str]
    clips: int
    faults: Sequence[str]
    notes: Sequence[str]


def export_model(run: Run, model: str) -> Export:
    """What VBench's files are to say of one model of a run.

    Raises:
        UserError: The run has no number of any of VBench's dimensions, or its records are damaged.
    """
    chosen = _chosen(run)
    clips = [clip for clip in run.clips[model] if clip.state != "not_applicable"]
    judged: dict[ClipRow, dict[str, Judged]] = {clip: {} for clip in clips}
    lost: dict[tuple[ClipRow, str], list[str]] = {
        (clip, f"no video ({clip.state}): {clip.reason or 'not generated yet'}"): []
        for clip in clips
        if clip.state != "done"
    }
    with Store.open(run.folder) as store:
        for dimension in chosen:
            for clip, found in _judge(run, store, dimension, [clip for clip in clips if clip.state == "done"]):
                if isinstance(found, Judged):
                    judged[clip][dimension.name] = found
                else:
                    lost.setdefault((clip, found), []).append(dimension.name)
    full_info, results = _files(run, judged, [dimension.name for dimension in chosen])
    if not results:
        known = ", ".join(dict.fromkeys(dimension.metric for dimension in DIMENSIONS))
        raise UserError(f"{run.folder}: {model} has no number of a dimension of VBench; expected some of {known}")
    faults = [
        f"{clip.sample_id}-seed{clip.seed}: {'; '.join(filter(None, [', '.join(names), run.without_paths(reason)]))}"
        for (clip, reason), names in lost.items()
    ]
    return Export(
        model=model,
        results=results,
        full_info=full_info,
        prompts={Path(clip.video).name: run.samples[clip.sample_id].prompt for clip in judged if judged[clip]},
        clips=len(run.clips[model]),
        faults=[*_other_networks(run, chosen), *map(one_line, faults)],
        notes=_notes(run, chosen, results),
    )


def write_export(export: Export, out: Path) -> list[Path]:
    """Write a model's two files to `out/MODEL/`, and its prompts beside that folder, where VBench's script that reads
    every JSON file of the folder does not take them for results.

    Raises:
        UserError: A folder or file cannot be written.
    """
    name = folder_name(export.model)
    contents = {
        out / name / f"{name}_eval_results.json": export.results,
        out / name / f"{name}_full_info.json": export.full_info,
        out / f"{name}_prompts.json": export.prompts,
    }
    try:
        (out / name).mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            # In ASCII, for VBench's scripts read them in whatever encoding the machine has.
            write_bytes(path, (json.dumps(content, indent=4, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise UserError(
            f"VBench's files cannot be written to {out}: {error.strerror or error}; name a folder with --out"
        ) from error
    return list(contents)


def refusal(export: Export) -> str:
    """Why an export with faults is not written unasked."""
    listed = "".join(f"\n  {fault}" for fault in export.faults[:MOST_LISTED])
    more = f"\n  and {len(export.faults) - MOST_LISTED} more" if len(export.faults) > MOST_LISTED else ""
    return (
        f"{export.model} cannot be exported as it is: VBench's files have no place for clips without a number, nor for "
        "what made the numbers. Mend this (run --retry-failed, weights fetch); or say --anyway: such clips are left "
        f"out, numbers of other networks written:{listed}{more}"
    )


def _chosen(run: Run) -> list[Dimension]:
    """The dimensions that the run has a metric of."""
    found: dict[str, Dimension] = {}
    for dimension in DIMENSIONS:
        if _measured(run, dimension):
            found.setdefault(dimension.name, dimension)
    return list(found.values())


def _measured(run: Run, dimension: Dimension) -> bool:
    """Whether the built-in metric, and not one of a file that has its id, was run."""
    record = run.settings["metrics"].get(dimension.metric, {})
    return record.get("spec") == SPECS.get(dimension.metric, dimension.metric) and not record.get("skipped")


def _judge(
    run: Run, store: Store, dimension: Dimension, clips: Sequence[ClipRow]
) -> list[tuple[ClipRow, Judged | str]]:
    """Each clip's record in one dimension, or why it has none; clips that the dimension does not judge are left out."""
    by_key = {(clip.sample_id, clip.seed): clip for clip in clips}
    found: dict[ClipRow, Judged | str | None] = dict.fromkeys(clips, "not measured yet")
    for row in store.measurements(dimension.metric, clips[0].model if clips else ""):
        clip = by_key.get((row.sample_id, row.seed))
        if clip is None:
            continue
        if row.state == "not_applicable":
            found[clip] = None
        elif row.state != "done":
            found[clip] = row.reason or row.state
        elif dimension.name == OBJECTS and len(set(run.samples[row.sample_id].objects)) > 1:
            found[clip] = "several object words, all of which a frame must name here; VBench's dimension knows one"
        else:
            try:
                found[clip] = dimension.judge(row)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise UserError(
                    f"{run.folder / 'run.sqlite'}: the record of {row.sample_id} by {row.metric} lacks what VBench's "
                    f"file needs of it ({error}); measure it again"
                ) from error
    return [(clip, one) for clip, one in found.items() if one is not None]


def _files(
    run: Run, judged: Mapping[ClipRow, Mapping[str, Judged]], names: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, tuple[float, list[dict[str, Any]]]]]:
    """Prompts with videos, and each dimension's number and records, in the order in which VBench goes through them."""
    entries: dict[tuple[str, tuple[str, ...]], list[ClipRow]] = {}
    for clip, records in judged.items():
        if records:  # an entry's videos are all judged in all of its dimensions
            entries.setdefault((clip.sample_id, tuple(records)), []).append(clip)
    full_info = [
        _prompt(run.samples[id_], dimensions) | {"video_list": [clip.video for clip in clips]}
        for (id_, dimensions), clips in entries.items()
    ]
    results = {}
    for name in names:
        of_dimension = [
            (clip, judged[clip][name]) for (_, dims), clips in entries.items() if name in dims for clip in clips
        ]
        if of_dimension:
            number = math.fsum(one.part for _, one in of_dimension) / sum(one.whole for _, one in of_dimension)
            results[name] = number, [{"video_path": clip.video, **one.record} for clip, one in of_dimension]
    return full_info, results


def _prompt(sample: SampleRow, dimensions: Sequence[str]) -> dict[str, Any]:
    auxiliary: dict[str, Any] = {}
    if OBJECTS in dimensions:
        auxiliary[OBJECTS] = {"object": sample.objects[0] if sample.objects else ""}
    if SCENE in dimensions:
        auxiliary[SCENE] = {"scene": {"scene": sample.scene}}
    entry = {"prompt_en": sample.prompt, "dimension": list(dimensions)}
    return entry | ({"auxiliary_info": auxiliary} if auxiliary else {})


def _other_networks(run: Run, chosen: Sequence[Dimension]) -> list[str]:
    """A line for each metric that did not look through the network that VBench looks through."""
    found = []
    for dimension in chosen:
        record = run.settings["metrics"][dimension.metric]
        used, published = record["info"].get("checkpoints", []), METRICS.create(record["spec"]).info.checkpoints
        if list(used) != list(published):
            found.append(
                f"{dimension.name}: measured through {', '.join(map(str, used)) or 'no checkpoint'}, and not through "
                f"VBench's {', '.join(published)}: no number of VBench"
            )
    return found


def _notes(
    run: Run, chosen: Sequence[Dimension], results: Mapping[str, tuple[float, Sequence[Mapping[str, Any]]]]
) -> list[str]:
    """What a reader of the files must be told, since they do not say it."""
    settings, metrics = run.settings, run.settings["metrics"]
    frames = f", first frames: {title_of(settings)}" if KEY in settings else ""
    found = [
        f"These are numbers of {len(run.samples)} samples of {settings['dataset']['name']} "
        f"({parse_profile(settings['profile']).label}{frames}). The files do not say so: VBench's leaderboard would "
        "take them for numbers of its own prompts, with which they are not comparable."
    ]
    skipped = [id_ for id_, record in metrics.items() if record.get("skipped")]
    taken = {dimension.metric for dimension in chosen}
    others = [id_ for id_ in metrics if id_ not in taken and id_ not in skipped]
    if others:
        found.append(f"Left out, as VBench has no such dimension: {', '.join(others)}.")
    if skipped:
        found.append(f"Left out, as the run did not measure it: {', '.join(skipped)}.")
    missing = [name for name in ALL_DIMENSIONS if name not in results]
    if missing:
        found.append(f"Not in the files, and 0 to VBench's score script: {', '.join(missing)}.")
    found.append(f"VBench-I2V's {', '.join(I2V_DIMENSIONS)} are not measured by i2vbench.")
    if "temporal_flickering" in taken:
        found.append(
            "temporal_flickering is of every clip; VBench's protocol keeps those that its static filter passes "
            "(run --static-only)."
        )
    for name in ("subject_consistency", "background_consistency"):
        if name not in results:
            continue
        number, records = results[name]
        mean = math.fsum(record["video_results"] for record in records) / len(records)
        if not math.isclose(number, mean, abs_tol=1e-9):
            found.append(
                f"{name}: clips differ in length, so that VBench's mean over frames, {number:.4f}, is not the tables' "
                f"mean over clips, {mean:.4f}."
            )
    return list(map(one_line, found))
