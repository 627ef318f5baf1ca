"""Runs -> the models, sources and samples of a study, and which samples are left out and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.first_frames.record import KEY, identity, title_of
from i2vbench.human.study import Source
from i2vbench.names import nearest
from i2vbench.plan import resolve_categories
from i2vbench.profiles import Protocol
from i2vbench.rows import ClipRow, SampleRow
from i2vbench.tables.notes import canonical
from i2vbench.tables.runs import Run, open_run


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample of which every model has a video.

    Attributes:
        source: A position in `Choice.sources`.
        sample: What it is of.
        seed: The lowest one under which every model has a video.
        first_frame: The file of its first frame.
        videos: The file of each model's video, in the models' order.
    """

    source: int
    sample: SampleRow
    seed: int
    first_frame: Path
    videos: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a study of some runs can be of.

    Attributes:
        models: Names, in the order of the runs.
        sources: In the same order.
        candidates: The samples, the sources taking turns, each in its data set's order.
        left_out: Which samples are not among them, in sentences.
        categories: Those asked for, in the data sets' order; None for all.
        protocol: Of all runs.
        profile: What they were made under, in words.
    """

    models: tuple[str, ...]
    sources: tuple[Source, ...]
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]
    categories: tuple[str, ...] | None
    protocol: Protocol
    profile: str


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The runs of one source, and which of them each model's videos are of."""

    source: Source
    runs: Sequence[Run]
    run_of: Mapping[str, Run]

    @property
    def samples(self) -> list[SampleRow]:
        """Of all its runs, in the data set's order."""
        found = {id_: sample for run in self.runs for id_, sample in run.samples.items()}
        return sorted(found.values(), key=lambda sample: (sample.position, sample.id))


def choose(
    folders: Sequence[Path],
    models: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    limit: int | None = None,
) -> Choice:
    """What a study of these runs can be of; finished or not, they are only read.

    Args:
        folders: Of the runs.
        models: The models wanted; None takes all.
        categories: Only samples of these, as `resolve_categories` takes them; None takes all.
        limit: Only so many samples, as many of each source as there are; None takes all.

    Raises:
        UserError: A folder is no run, or named twice; the runs were made under several protocols; a model is unknown,
            is twice in a source or not in all of them; there are fewer than two models, or no sample is left.
    """
    places = [folder.resolve() for folder in folders]
    if twice := [folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1]:
        raise UserError(f"the run {twice[0]} is named more than once; name each once")
    runs = [open_run(folder) for folder in folders]
    protocol = _protocol(runs)
    groups = [_group(index, some, models) for index, some in enumerate(_by_source(runs))]
    names = _models(groups, models, runs)
    everything = [sample for group in groups for sample in group.samples]
    wanted = resolve_categories(everything, categories)
    complete, left_out = [], []
    for index, group in enumerate(groups):
        samples = [sample for sample in group.samples if wanted is None or sample.category in wanted]
        lacking: dict[str, list[str]] = {}
        complete.append([*_candidates(index, group, names, samples, lacking)])
        left_out += _told(group.source, len(samples), lacking)
    turns = [one for several in zip_longest(*complete) for one in several if one is not None]
    if not turns:
        reasons = "; ".join(left_out) or "the runs hold none"
        raise UserError(f"there is no sample of which every model ({', '.join(names)}) has a video: {reasons}")
    profiles = dict.fromkeys(run.profile.label for run in runs)
    return Choice(
        models=names,
        sources=tuple(group.source for group in groups),
        candidates=tuple(turns[:limit]),
        left_out=tuple(left_out),
        categories=wanted,
        protocol=protocol,
        profile=", ".join(profiles),
    )


def _protocol(runs: Sequence[Run]) -> Protocol:
    """The one that all runs were made under: it decides what is shown of a video."""
    found: dict[str, Run] = {}
    for run in runs:
        found.setdefault(run.profile.protocol.describe(), run)
    if len(found) > 1:
        listing = "; ".join(f"{run.folder}: {text}" for text, run in found.items())
        raise UserError(f"these runs were made under several protocols, and would not be shown alike ({listing})")
    return next(iter(found.values())).profile.protocol


def _by_source(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that were shown the same pictures stand together, in the order given."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        key = canonical([run.settings["dataset"]["fingerprint"], identity(run.settings)])
        found.setdefault(key, []).append(run)
    return list(found.values())


def _group(index: int, runs: Sequence[Run], models: Sequence[str] | None) -> _Group:
    settings = runs[0].settings
    data = settings["dataset"]
    title = f"{data['name']}, first frames: {title_of(settings)}" if KEY in settings else str(data["name"])
    source = Source(str(data["name"]), str(data["fingerprint"]), identity(settings), title)
    run_of: dict[str, Run] = {}
    for run in runs:
        for model in run.settings["models"]:
            if models is not None and model not in models:
                continue
            if model in run_of:
                raise UserError(
                    f"the model {model} is in two runs of {title}, {run_of[model].folder} and {run.folder}: leave one "
                    "of them out, or name the other models alone (--model)"
                )
            run_of[model] = run
    return _Group(source, runs, run_of)


def _models(groups: Sequence[_Group], wanted: Sequence[str] | None, runs: Sequence[Run]) -> tuple[str, ...]:
    """The models of the study, which every source has."""
    known = list(dict.fromkeys(model for run in runs for model in run.settings["models"]))
    for name in wanted or ():
        if name not in known:
            raise UserError(f"no model '{name}' in these runs: {nearest(name, known)}")
    names = tuple(name for name in known if wanted is None or name in wanted)
    for group in groups:
        if missing := [name for name in names if name not in group.run_of]:
            everywhere = [name for name in names if all(name in one.run_of for one in groups)]
            hint = f"; --model {' --model '.join(everywhere)} takes those that are" if len(everywhere) > 1 else ""
            raise UserError(
                f"every model must have made videos of every source; {', '.join(missing)} is not in the runs of "
                f"{group.source.title}{hint}"
            )
    if len(names) < 2:
        raise UserError(f"a study compares two or more models; these runs have {', '.join(names) or 'none'}")
    return names


def _candidates(
    index: int, group: _Group, models: Sequence[str], samples: Sequence[SampleRow], lacking: dict[str, list[str]]
) -> Iterator[Candidate]:
    """The samples with a video by every model; the others go to `lacking`, by the reason."""
    clips: dict[tuple[str, str], list[ClipRow]] = {}
    for model in models:
        for clip in group.run_of[model].clips[model]:
            clips.setdefault((model, clip.sample_id), []).append(clip)
    for sample in samples:
        found = [{clip.seed: clip for clip in clips.get((model, sample.id), ())} for model in models]
        done = [{seed: clip for seed, clip in some.items() if clip.state == "done"} for some in found]
        first_frame = _first_frame(group, sample)
        seeds = set.intersection(*map(set, done))
        if seeds and first_frame is not None:
            seed = min(seeds)
            videos = (_inside(group.run_of[m], some[seed].video) for m, some in zip(models, done, strict=True))
            yield Candidate(index, sample, seed, first_frame, tuple(videos))
            continue
        reasons = [_why(model, some) for model, some in zip(models, found, strict=True)]
        reason = next(filter(None, reasons), "not all models have a video under one seed" if not seeds else "")
        lacking.setdefault(reason or "the run has no first frame", []).append(sample.id)


def _why(model: str, clips: Mapping[int, ClipRow]) -> str:
    """Why a model has no video of a sample; "" if it has one."""
    states = [clip.state for clip in clips.values()]
    if "done" in states:
        return ""
    if not states:
        return f"{model} was not asked for them"
    words = {"failed": "failed", "owed": "has not made them yet", "not_applicable": "has nothing to make them of"}
    return f"{model} {words[states[0]]}"


def _first_frame(group: _Group, sample: SampleRow) -> Path | None:
    """Where a sample's first frame is: all runs of a source were shown the same."""
    for run in group.runs:
        there = run.samples.get(sample.id)
        if there is not None and there.first_frame is not None:
            return _inside(run, there.first_frame)
    return None


def _inside(run: Run, relative: str) -> Path:
    """A file of a run, which may be somebody else's.

    Raises:
        UserError: A link leads out of the run's folder.
    """
    path = run.folder / relative
    if not path.resolve().is_relative_to(run.folder.resolve()):
        raise UserError(f"{path} lies outside of the run: a link leads there; put the file in its place")
    return path


def _told(source: Source, total: int, lacking: Mapping[str, Sequence[str]]) -> list[str]:
    """How many samples of a source are left out, a sentence for each reason."""
    return [
        f"{source.title}: {len(ids)} of {total} samples left out, {reason} (first: {ids[0]})"
        for reason, ids in lacking.items()
    ]
