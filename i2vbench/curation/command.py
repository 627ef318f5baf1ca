"""`i2vbench data curate` from start to end, and what it says."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from i2vbench.curation.pipeline import NAMES, Report, StageReport, curate
from i2vbench.curation.plan import Plan, load_plan
from i2vbench.curation.record import write_record
from i2vbench.curation.result import write_clips
from i2vbench.curation.rows import write_rows
from i2vbench.curation.stage import Place
from i2vbench.curation.store import FOLDER, Store
from i2vbench.datasets.metadata import METADATA
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.progress import Progress
from i2vbench.settings import resolve_device


def run(
    plan_file: Path,
    out: Path,
    progress: Progress,
    *,
    until: str = NAMES[-1],
    dry_run: bool = False,
    retry_failed: bool = False,
    device: str = "auto",
) -> str:
    """Curate, and write all that a data set has; what is to be said of it.

    Raises:
        UserError: For anything the user must mend.
    """
    plan, out = load_plan(plan_file), out.expanduser().absolute()
    if until not in NAMES:
        raise UserError(f"--until '{until}': expected one of {', '.join(NAMES)}")
    if not dry_run:
        _check_folder(out)
    with Store(out, read_only=dry_run) as store, progress:
        place = Place(out, store, "cpu" if dry_run else resolve_device(device), retry_failed, progress.say)
        report = curate(plan, place, progress, until, dry_run)
        if not dry_run:
            _write(plan, place, report, progress)
    return describe(report, plan, out, dry_run)


def _check_folder(out: Path) -> None:
    """Refuse a folder that holds something else than what curation makes."""
    if out.is_dir() and not (out / FOLDER).is_dir() and any(out.iterdir()):
        raise UserError(f"{out} holds other things; name a new folder with --out")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is not a folder; name another one with --out")


def _write(plan: Plan, place: Place, report: Report, progress: Progress) -> None:
    try:
        write_rows(place.folder, report)
        if report.stages[-1].name == NAMES[-1] and report.chosen:
            write_clips(place, report)
            shutil.copyfile(plan.path, place.folder / "PLAN.toml")
            write_record(plan, place, report)
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise UserError(f"{place.folder} cannot be written to: {error.strerror}") from error


def describe(report: Report, plan: Plan, out: Path, dry_run: bool) -> str:
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
        lines.append(f"{len(report.chosen)} clips would remain. Nothing was measured or written.")
    elif not report.chosen:
        lines.append(f"No clip remains, so no data set was written; {out / 'stages'} says why each was left out.")
    else:
        lines.append(f"{len(report.chosen)} clips in {out}: {METADATA}, DATASHEET.md, contact/index.html, stages/")
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
