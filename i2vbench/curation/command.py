"""`i2vbench data curate` from start to end, and what it says."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench.curation.pipeline import NAMES, Report, StageReport, curate
from i2vbench.curation.plan import Plan, check_plan, load_plan
from i2vbench.curation.record import write_record
from i2vbench.curation.result import MANIFEST, removed_clips, write_clips
from i2vbench.curation.rows import forget_rows, write_rows
from i2vbench.curation.stage import Place
from i2vbench.curation.store import FOLDER, Store
from i2vbench.datasets.metadata import METADATA
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.machine import resolve_device
from i2vbench.progress import Progress
from i2vbench.texts import amount


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        text: What is to be said of it.
        is_complete: Whether every video could be had and a clip remains.
    """

    text: str
    is_complete: bool


def run(
    plan_file: Path,
    out: Path,
    progress: Progress,
    *,
    until: str = NAMES[-1],
    dry_run: bool = False,
    retry_failed: bool = False,
    device: str = "auto",
) -> Outcome:
    """Curate, and write all that a data set has.

    Raises:
        UserError: For anything the user must mend.
    """
    plan, out = load_plan(plan_file), out.expanduser().absolute()
    if until not in NAMES:
        raise UserError(f"--until '{until}': expected one of {', '.join(NAMES)}")
    check_plan(plan)
    if not dry_run:
        _check_folder(out)
    removed = removed_clips(out)
    device = "cpu" if dry_run else resolve_device(device)
    with Store(out, read_only=dry_run) as store, progress:
        place = Place(out, store, device, retry_failed, progress.say, removed)
        work = _judge_only if dry_run else _work
        report = work(plan, place, progress, until)
    complete = not report.lost and bool(report.chosen or report.stages[-1].name != NAMES[-1])
    return Outcome(describe(report, out, dry_run), complete)


def _check_folder(out: Path) -> None:
    """Refuse a folder that holds something else than what curation makes."""
    if out.is_dir() and not (out / FOLDER).is_dir() and any(out.iterdir()):
        raise UserError(f"{out} holds other things; name a new folder with --out")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is not a folder; name another one with --out")


def _judge_only(plan: Plan, place: Place, progress: Progress, until: str) -> Report:
    return curate(plan, place, progress, until, dry_run=True)


def _work(plan: Plan, place: Place, progress: Progress, until: str) -> Report:
    try:
        report = curate(plan, place, progress, until, ended=lambda stage: write_rows(place.folder, stage))
        forget_rows(place.folder, until)
        if until == NAMES[-1] and report.chosen:
            write_clips(place, report)
            _copy_plan(plan, place.folder)
            write_record(plan, place, report)
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise UserError(
            f"{place.folder} cannot be written to: {error.strerror}; what is there stays, and the same command goes on"
        ) from error
    return report


def _copy_plan(plan: Plan, folder: Path) -> None:
    """The plan and its list, under the names by which the plan knows it."""
    _copy(plan.path, folder / "PLAN.toml")
    if plan.sources.list:
        target = folder / plan.sources.list
        is_inside = target.resolve().is_relative_to(folder.resolve())
        if is_inside and target.name not in (METADATA, MANIFEST):
            _copy(plan.path.parent / plan.sources.list, target)


def _copy(source: Path, target: Path) -> None:
    if not (target.exists() and target.samefile(source)):  # the plan may be the one that lies there
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def describe(report: Report, out: Path, dry_run: bool) -> str:
    """What each stage kept and left out, and what remains of each category, as lines of text."""
    width = max(len(stage.name) for stage in report.stages)
    lines = [f"{'stage':{width}}  {'came':>7}  {'kept':>7}  left out"]
    lines += [_stage_line(stage, width) for stage in report.stages]
    if report.quotas:
        lines += ["", *_category_lines(report)]
    lines.append("")
    if report.stages[-1].name != NAMES[-1]:
        lines.append(f"Up to the stage {report.stages[-1].name}; without --until it goes on.")
    elif dry_run:
        lines.append(f"{amount(len(report.chosen), 'clip')} would remain. Nothing was measured or written.")
    elif not report.chosen:
        lines.append(
            f"No clip remains, so no data set was written (one that was there stays); {out / 'stages'} says why."
        )
    else:
        lines.append(
            f"{amount(len(report.chosen), 'clip')} in {out}: {METADATA}, DATASHEET.md, contact/index.html, stages/"
        )
        if files := sum(item.path is not None for item in report.chosen):
            lines.append(f"MANIFEST.csv is without {files} clips of files, which have no address.")
        lines.append(f"Next: i2vbench data annotate {out}, to correct what was proposed; i2vbench data verify {out}")
    return "\n".join(lines)


def _stage_line(stage: StageReport, width: int) -> str:
    why = ", ".join(f"{number:,} {kind}" for kind, number in stage.kinds.most_common())
    if stage.unmeasured:
        why = f"{why}{', ' if why else ''}{stage.unmeasured:,} not measured yet"
    return f"{stage.name:{width}}  {stage.came:7,}  {len(stage.kept):7,}  {why}".rstrip()


def _category_lines(report: Report) -> Sequence[str]:
    """Of each category what is wanted, what remained to choose from, and what was chosen."""
    quota = next(stage for stage in report.stages if stage.name == "quota")
    there = Counter(item.category for item in quota.items)
    chosen = Counter(item.category for item in quota.kept)
    width = max(len("category"), *(len(name) for name in report.quotas))
    lines = [f"{'category':{width}}  {'wanted':>7}  {'there':>7}  {'chosen':>7}"]
    lines += [f"{c:{width}}  {n:7,}  {there[c]:7,}  {chosen[c]:7,}" for c, n in report.quotas.items()]
    total = f"{'All':{width}}  {sum(report.quotas.values()):7,}  {there.total():7,}  {chosen.total():7,}"
    return [*lines, total]
