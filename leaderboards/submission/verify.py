"""Whether an archive is what it says: its bytes, its rows, its tables, its plan, and a sample of its numbers.

Nothing of it is run, unpacked under its own names, or believed before it was held to something. The order is that of
trust: what a step reads was bounded and checked by the one before. What cannot be seen: whether the model made the
videos, and made them at the first attempt.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench import __version__
from i2vbench.admission import judge
from i2vbench.attempt import Failure, try_once
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.leaderboards.submission.adapters import faults_of_adapters
from i2vbench.leaderboards.submission.archive import Archive
from i2vbench.leaderboards.submission.compare import differing_tables
from i2vbench.leaderboards.submission.data_set import Compared, compare_data_set, faults_of_first_frames
from i2vbench.leaderboards.submission.lines import ClipLine
from i2vbench.leaderboards.submission.manifest import Manifest, read_manifest
from i2vbench.leaderboards.submission.names import SAMPLES
from i2vbench.leaderboards.submission.remeasure import (
    Remeasured,
    Work,
    faults_of_checkpoints,
    remeasure,
    wanted_metrics,
)
from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.restore import Restored, restore
from i2vbench.leaderboards.submission.sampling import Videos, choose, keep_videos
from i2vbench.leaderboards.submission.settings_check import faults_of_metrics, read_run
from i2vbench.log import log_to
from i2vbench.machine import resolve_device
from i2vbench.names import FORMATS
from i2vbench.store import Store
from i2vbench.tables import collect, write_tables
from i2vbench.texts import amount
from i2vbench.types import Sample
from i2vbench.weights.catalogue import human_size

NOT_MEASURED = (
    "nothing was measured again: that its tables follow from its measurements says nothing of whether these are true. "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be done.

    Attributes:
        archive: The file.
        clips: How many clips are measured again.
        seed: Of the draw; None draws one.
        videos: A folder laid out as a run's videos/, where the archive has none.
        dataset: The data set, as its verifier names it; None takes a built-in one of that name.
        device: As torch names it, or "auto".
        skip_missing: Leave out metrics whose checkpoints are not here.
        recompute_only: Measure nothing again.
        anyway: A run that may not go on a leaderboard may be well all the same.
        model: The one that is to go on a leaderboard: whether the others may is not asked, and none of their clips is
            measured again. "" takes all.
        keep_videos: Lay the archive's videos into the run that is made anew.
    """

    archive: Path
    clips: int = 20
    seed: int | None = None
    videos: Path | None = None
    dataset: str | None = None
    device: str = "auto"
    skip_missing: bool = False
    recompute_only: bool = False
    anyway: bool = False
    model: str = ""
    keep_videos: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking at an archive.

    Attributes:
        report: What is said of it.
        manifest: What it says it holds.
        restored: The run that was made anew of its rows.
        samples: The data set's own by id; none where it is not here.
    """

    report: Report
    manifest: Manifest
    restored: Restored
    samples: Mapping[str, Sample]


def verify(wish: Wish, room: Path) -> Report:
    """Look at an archive.

    Args:
        wish: What is to be done.
        room: An empty folder, for the run that is made anew of its rows (run/) and that run's tables (tables/).

    Raises:
        UserError: It is not one of ours, or hostile; checkpoints are missing; the data set that was named is.
    """
    with log_to(room), Archive(wish.archive) as archive:
        return look_at(archive, wish, room).report


def look_at(archive: Archive, wish: Wish, room: Path) -> Looked:
    """The same of an archive that is open, for those who go on with what was made of it."""
    report = Report(archive=wish.archive.name, sha256=file_sha256(wish.archive))
    manifest = read_manifest(archive)
    (room / "run").mkdir()
    settings = read_run(archive, room / "run")
    if wish.model and wish.model not in settings["models"]:
        raise UserError(f"no model '{wish.model}' in {wish.archive}: it has {', '.join(settings['models'])}")
    restored = restore(archive, settings, room / "run")
    size = sum(entry.size for entry in archive.entries.values())
    report.passed.append(f"{len(archive.entries)} files, {human_size(size)}, are what the manifest says they are")
    _tell_facts(report, manifest, restored)
    _look_at_rows(report, archive, manifest, restored)
    _look_at_tables(report, archive, manifest, restored, room / "tables")
    _look_at_admission(report, manifest, restored, wish)
    compared = _look_at_data_set(report, restored, wish.dataset)
    _measure_again(report, archive, manifest, restored, wish, room, compared.samples)
    if wish.keep_videos:
        keep_videos(archive, restored)
    return Looked(report, manifest, restored, compared.samples)


def _tell_facts(report: Report, manifest: Manifest, restored: Restored) -> None:
    settings = restored.settings
    dataset = settings["dataset"]
    report.facts = {
        "packed by": f"i2vbench {manifest.i2vbench}",
        **({"contact": manifest.contact} if manifest.contact else {}),
        "data set": f"{dataset['name']}, {len(restored.samples)} samples, fingerprint {dataset['fingerprint'][:12]}",
        "seeds": ", ".join(map(str, settings["seeds"])),
        "made with": f"i2vbench {settings['i2vbench']}, profile {settings['profile']['name']}, {settings['device']}",
    }
    for name, made in settings["models"].items():
        states = Counter(row.state.replace("_", " ") for row in restored.clips.values() if row.model == name)
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        about = manifest.models.get(name, {})
        source = about.get("member") or about.get("package") or str(made["spec"])
        report.facts[f"model {name}"] = f"{counted}; {source}"
    report.notes += [f"{id_} is not built in: its cells are not looked at" for id_ in restored.others]


def _look_at_rows(report: Report, archive: Archive, manifest: Manifest, restored: Restored) -> None:
    """Rows against each other, the plan, the manifest and what i2vbench knows of its metrics."""
    settings, dataset = restored.settings, restored.settings["dataset"]
    report.add("run.json has the metrics as they are", faults_of_metrics(settings))
    report.add("the seeds of all requests follow from the run's", restored.faults)
    sources = "sources of Python adapters have the hashes that run.json states; nothing of them was run"
    report.add(sources, faults_of_adapters(archive, settings))
    faults = []
    if dataset["samples"] != len(restored.samples):
        faults.append(f"run.json states {dataset['samples']} samples; {SAMPLES} has {len(restored.samples)}")
    said = {
        "dataset": {key: dataset[key] for key in ("name", "samples", "fingerprint")},
        "seeds": settings["seeds"],
        "metrics": restored.metrics,
        "others": restored.others,
    }
    faults += [
        f"manifest.json says another {key} than run.json" for key, v in said.items() if getattr(manifest, key) != v
    ]
    if list(manifest.models) != list(settings["models"]):
        faults.append("manifest.json names other models than run.json")
    for name, about in manifest.models.items():
        if about["member"] and about["member"] not in archive.under("adapters"):
            faults.append(f"manifest.json: the source of the adapter of {name} is not in the archive")
    report.add("manifest.json and run.json say the same", faults + _faults_of_videos(archive, manifest, restored))


def _faults_of_videos(archive: Archive, manifest: Manifest, restored: Restored) -> list[str]:
    """Packed videos against the hashes of the clips."""
    done = {restored.video(row): row for row in restored.clips.values() if row.state == "done"}
    packed, found = set(archive.under("videos")), []
    if manifest.videos["packed"]:
        found += [f"{name} is not in the archive" for name in done if name not in packed]
    for name in sorted(packed):
        row = done.get(name) if manifest.videos["packed"] else None
        if row is None:
            found.append(f"{name} is a video of no clip")
        elif {"bytes": row.bytes, "sha256": row.sha256} != manifest.members[name]:
            found.append(f"{name} is not the video that clips.jsonl states (SHA-256)")
    stated = {"count": len(done), "bytes": sum(row.bytes or 0 for row in done.values())}
    if stated != {key: manifest.videos[key] for key in stated}:
        found.append("manifest.json states another number or size of videos than clips.jsonl")
    return found


def _look_at_tables(report: Report, archive: Archive, manifest: Manifest, restored: Restored, folder: Path) -> None:

    def make() -> list[str]:
        write_tables(collect([restored.folder], restored.metrics, trusted=[]), folder, FORMATS, clips=False)
        return differing_tables(archive, folder)

    # Numbers that no metric writes, in details that the page shows, may be too much for it: that is their fault.
    faults = try_once(make, "tables")
    if isinstance(faults, Failure):
        faults = [f"no tables can be made of its measurements: {faults.reason}"]
    count = len(archive.under("tables"))
    report.add(f"{count} files of tables are, to the byte, what its measurements make", faults)
    if faults and manifest.i2vbench != __version__:
        report.notes.append(f"its tables were made by i2vbench {manifest.i2vbench}; this is {__version__}")


def _look_at_admission(report: Report, manifest: Manifest, restored: Restored, wish: Wish) -> None:
    settings = restored.settings
    with Store.open(restored.folder) as store:
        verdict = judge(settings, store)
        if manifest.reasons != verdict.reasons:
            report.faults.append(
                "manifest.json says otherwise than `leaderboard check` whether it may go on a leaderboard"
            )
        if wish.model:
            verdict = judge({**settings, "models": {wish.model: settings["models"][wish.model]}}, store)
    report.notes += verdict.notes
    if wish.anyway:
        report.notes += [f"it may not go on a leaderboard: {reason}" for reason in verdict.reasons]
    else:
        report.add("it may go on a leaderboard", [f"it may not go on a leaderboard: {r}" for r in verdict.reasons])


def _look_at_data_set(report: Report, restored: Restored, spec: str | None) -> Compared:
    compared = compare_data_set(restored, spec)
    report.data_set = not compared.note
    if compared.note:
        report.notes.append(f"prompts, ids, fingerprint and real clips' numbers are taken on trust: {compared.note}")
    else:
        report.add("samples and fingerprint are the data set's", compared.faults)
    return compared


def _measure_again(
    report: Report,
    archive: Archive,
    manifest: Manifest,
    restored: Restored,
    wish: Wish,
    room: Path,
    samples: Mapping[str, Sample],
) -> None:
    """A sample of clips; `samples` are the data set's own, where it is here."""
    if wish.recompute_only:
        report.notes.append(NOT_MEASURED + "You asked for that (--recompute-only).")
        return
    if not manifest.videos["packed"] and wish.videos is None:
        report.faults.append(
            NOT_MEASURED + "The archive has no videos: name their folder (--videos), or --recompute-only"
        )
        return
    if faults_of_metrics(restored.settings):
        report.faults.append(NOT_MEASURED + "The metrics of run.json are not those of i2vbench")
        return
    metrics, notes = wanted_metrics(restored, wish.skip_missing)
    report.notes += notes
    report.seed = secrets.randbelow(1 << 31) if wish.seed is None else wish.seed
    chosen = choose(restored, wish.clips, report.seed, [wish.model] if wish.model else None)
    found = Remeasured()
    work = Work(restored, metrics, Videos(archive, wish.videos), room, resolve_device(wish.device), samples)
    report.faults += faults_of_checkpoints(restored, metrics)
    report.faults += faults_of_first_frames(restored, samples, [row.sample for row in chosen])
    remeasure(work, chosen, found)
    report.compared = found.compared
    own = [record for record in found.compared if record.model]
    numbers = Counter(record.metric for record in own if record.state == "done")
    how = "the same kind of device" if work.same else f"{work.device}; it was made on {restored.settings['device']}"
    counted = ", ".join(f"{id_} {count}" for id_, count in numbers.items())
    clips = amount(len(chosen), "clip")
    told = f"{numbers.total()} numbers of {clips} (seed {report.seed}) are the same, measured again on {how}: {counted}"
    if not wish.model:
        report.faults += _faults_of_draw(restored, chosen, wish.clips)
    report.notes += [f"{id_}: none of its numbers was measured again" for id_ in metrics if not numbers[id_]]
    if not own:
        report.faults.append(NOT_MEASURED + "No clip that was drawn has a video and a record")
    elif not found.faults:
        report.passed.append(told)
    report.faults += found.faults
    if (real := len(found.compared) - len(own)) and not found.faults:
        report.passed.append(f"{real} numbers of real clips are the same")


def _faults_of_draw(restored: Restored, chosen: Sequence[ClipLine], count: int) -> list[str]:
    """Models of which no clip was drawn, though they have some."""
    made = {row.model for row in restored.clips.values() if row.state == "done"}
    missed = made - {row.model for row in chosen}
    if not missed:
        return []
    return [
        f"no clip of {len(missed)} of {len(made)} models was measured again, of {min(missed)} for one: {count} clips "
        f"are too few; --clips {len(made)} or more takes some of each"
    ]
