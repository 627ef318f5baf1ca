"""Which runs may go on a leaderboard: finished ones, whose numbers can stand beside the paper's.

A leaderboard is of one data set, under that data set's protocol and the profile `paper`. What is asked here is what a
run says of itself; that it says the truth is shown only by measuring its videos again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2vbench import weights
from i2vbench.first_frames.record import KEY, title_of
from i2vbench.profiles import load_profile, parse_profile
from i2vbench.registry import DATASETS, METRICS
from i2vbench.rows import ClipRow, MeasurementRow, SampleRow
from i2vbench.run_file import read_settings
from i2vbench.store import REFERENCE, Store
from i2vbench.types import FrameSource, Need, Sample

PAPER = "paper"
LEFT_OUT = "left out"  # "not applicable", says the record, and its sample has all that the metric reads

States = Mapping[str, int]
"""How many are in each state: done, owed, failed, not_applicable; of records also `LEFT_OUT`."""


@dataclass(frozen=True, slots=True)
class Board:
    """What a run must have to go on the leaderboard of a data set.

    Attributes:
        metrics: Those that the paper has of the data set (Tables 1 and 2).
        samples: How many the whole is, and whatever else may count as that.
    """

    metrics: tuple[str, ...]
    samples: tuple[int, ...]


BOARDS: Mapping[str, Board] = {
    "i2v-bench": Board(
        (
            "background_consistency", "subject_consistency", "temporal_flickering", "motion_smoothness",
            "dynamic_degree", "object_consistency", "scene_consistency", "overall_consistency",
        ),
        (2950, 2951),  # the paper's text, and what the categories of its Table 4 add up to
    ),
    "ucf101": Board(("fvd", "inception_score", "fid"), (2048,)),
    "msrvtt": Board(("fvd", "clipsim"), (2990,)),
}  # fmt: skip
"""By data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a run's store holds, in numbers.

    Attributes:
        samples: Of the plan.
        clips: By model, the states of its clips under the run's seeds.
        measured: By metric and model, the states of the records of the model's clips that are done.
        real: By metric, the same of the real clips of those samples that it has measured of a model.
    """

    samples: int
    clips: Mapping[str, States]
    measured: Mapping[tuple[str, str], States] = field(default_factory=dict)
    real: Mapping[str, States] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a run.

    Attributes:
        reasons: Why it may not go on a leaderboard, a sentence each; none if it may.
        notes: What a run's own record cannot show, a sentence each; they refuse nothing.
    """

    reasons: list[str]
    notes: list[str]


def examine(run: Path) -> Verdict:
    """Whether a run may go on a leaderboard.

    Raises:
        UserError: If the folder is no run, or a damaged one.
    """
    settings = read_settings(run)
    with Store.open(run) as store:
        return judge(settings, store)


def judge(settings: Mapping[str, Any], store: Store) -> Verdict:
    """The same of an opened run, or of the models of it that `settings` names."""
    return Verdict(refusals(settings, _holdings(settings, store)), unverified(settings))


def refusals(settings: Mapping[str, Any], holdings: Holdings) -> list[str]:
    """Why a run may not go on a leaderboard, by its `run.json` and what its store holds."""
    board = BOARDS.get(settings["dataset"]["name"])
    return [
        *_of_profile(settings),
        *_of_data(settings),
        *(line for id_ in (board.metrics if board else ()) for line in _of_metric(id_, settings)),
        *_of_plan(settings, holdings),
        *_of_measurements(settings, holdings),
    ]


def unverified(settings: Mapping[str, Any]) -> list[str]:
    """The checkpoints of a board's metrics whose hashes there is nothing to compare with."""
    board = BOARDS.get(settings["dataset"]["name"])
    notes = []
    for id_ in board.metrics if board else ():
        names = settings["metrics"].get(id_, {}).get("checkpoints", {})
        paper = load_profile(PAPER).checkpoints.get(id_, ())
        if loose := [name for name in names if name in paper and not weights.entry(name).sha256]:
            listed = ", ".join(loose)
            notes.append(f"What {id_} looked through cannot be verified: the catalogue pins no SHA-256 of {listed}.")
    return notes


def _holdings(settings: Mapping[str, Any], store: Store) -> Holdings:
    models = settings["models"]
    planned = {(sample.id, seed) for sample in store.samples() for seed in settings["seeds"]}
    clips = {model: [clip for clip in store.clips(model) if _key(clip) in planned] for model in models}
    measured: dict[tuple[str, str], States] = {}
    real: dict[str, States] = {}
    for id_ in settings["metrics"]:
        seen, fitting = set[str](), _fitting(store.samples(), frozenset(_info(id_, settings).get("reads", ())))
        for model in models:
            rows = {_key(row): _state(row, fitting) for row in store.measurements(id_, model)}
            made = [_key(clip) for clip in clips[model] if clip.state == "done"]
            measured[id_, model] = _states(made, rows)
            seen |= {sample for sample, seed in made if rows.get((sample, seed)) == "done"}
        if _compares(id_, settings):
            rows = {_key(row): str(row.state) for row in store.measurements(id_, REFERENCE)}
            real[id_] = _states([(sample, 0) for sample in seen], rows)
    return Holdings(
        samples=len({sample for sample, _ in planned}),
        clips={model: Counter(str(clip.state) for clip in rows) for model, rows in clips.items()},
        measured=measured,
        real=real,
    )


def _fitting(samples: Iterable[SampleRow], reads: frozenset[Need]) -> set[str]:
    """The ids of samples that have all that a metric reads; a board's samples all have real clips."""
    known = (Sample(s.id, s.category, s.prompt, FrameSource(Path()), objects=s.objects, scene=s.scene) for s in samples)
    return {sample.id for sample in known if sample.lacks(reads - {"reference"}) is None}


def _state(row: MeasurementRow, fitting: Collection[str]) -> str:
    return LEFT_OUT if row.state == "not_applicable" and row.sample_id in fitting else str(row.state)


def _key(row: ClipRow | MeasurementRow) -> tuple[str, int]:
    return row.sample_id, row.seed


def _states(wanted: Iterable[tuple[str, int]], rows: Mapping[tuple[str, int], str]) -> States:
    """The states of the records of these clips; what has none is owed. Records of other clips count for nothing."""
    return Counter(rows.get(key, "owed") for key in wanted)


def _info(id_: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """A metric's facts: of a built-in one as they are, not as a run may have them."""
    record: Mapping[str, Any] = settings["metrics"][id_]
    if record["spec"] == id_ and id_ in METRICS.builtin:
        facts = METRICS.create(id_).info
        return {"reads": facts.reads, "features_of": facts.features_of}
    return dict(record["info"])


def _compares(id_: str, settings: Mapping[str, Any]) -> bool:
    """Whether a metric measures real clips too."""
    return _measures(id_, settings) and "reference" in _info(id_, settings).get("reads", ())


def _measures(id_: str, settings: Mapping[str, Any]) -> bool:
    """Whether a metric measures clips itself."""
    return "skipped" not in settings["metrics"][id_] and not _info(id_, settings).get("features_of")


def _of_profile(settings: Mapping[str, Any]) -> list[str]:
    """The profile, but for its protocol."""
    profile, paper = parse_profile(settings["profile"]), load_profile(PAPER)
    if profile.note:
        return [f"It was made under the profile {profile.name}. {profile.note}"]
    if profile.name != paper.name:
        return [f"It was made under the profile {profile.name}; a leaderboard takes the profile {paper.name} alone."]
    differ = [id_ for id_, names in paper.checkpoints.items() if profile.checkpoints.get(id_) != names]
    if differ:
        return [f"Its profile is called {paper.name} and is another one: it differs in {', '.join(differ)}."]
    return []


def _of_data(settings: Mapping[str, Any]) -> list[str]:
    """The data set, what was taken of it, and the protocol."""
    name, selection = settings["dataset"]["name"], settings["selection"]
    found = []
    if KEY in settings:
        found.append(f"Its first frames are {title_of(settings)}; a leaderboard takes the data set's own alone.")
    if name not in BOARDS:
        return [*found, f"Its data set is {name}; there are leaderboards of {', '.join(BOARDS)}."]
    spec = settings["dataset"].get("spec")
    if not is_builtin(name, spec):
        found.append(f"Its data set is called {name} and is not the built-in one: {spec or 'what it was is not told'}.")
    if parse_profile(settings["profile"]).protocol != load_profile(PAPER).under(name).protocol:
        found.append(f"Its protocol is not that of {name}.")
    if selection.get("limit") is not None or selection.get("categories"):
        found.append(f"It is of a part of {name} alone (--limit or --categories).")
    return found


def is_builtin(name: str, spec: str | None) -> bool:
    """Whether a data set was named NAME, or NAME:PATH where it takes a path; no variant, nobody's FILE.py:Class."""
    entry = DATASETS.builtin[name]
    if spec is None or DATASETS.is_file(spec):
        return False
    first, colon, argument = spec.partition(":")
    if first != name or bool(colon) != bool(argument):
        return False
    return bool(argument) == entry.takes_path and not entry.split(argument)[0]


def _of_metric(id_: str, settings: Mapping[str, Any]) -> list[str]:
    """A metric that must be there: whether it is, is the built-in one, and looked through the published network."""
    record = settings["metrics"].get(id_)
    if record is None:
        return [f"It has no {id_}."]
    if "skipped" in record:
        return [f"It has no {id_}: {record['skipped']}."]
    if record["spec"] != id_:
        return [f"Its {id_} is not the built-in one."]
    hashes = record.get("checkpoints", {})
    wanted = load_profile(PAPER).checkpoints.get(id_, ())
    if tuple(hashes) != wanted:
        return [f"Its {id_} looked through {', '.join(hashes) or 'nothing'}, not through {', '.join(wanted)}."]
    others = [name for name, sha256 in hashes.items() if not may_be(name, sha256)]
    return [f"Its {id_} looked through other files than the catalogue states: {', '.join(others)}."] if others else []


def may_be(checkpoint: str, sha256: str) -> bool:
    """Whether a file of this hash can be the checkpoint; any can, of which the catalogue pins none (`unverified`)."""
    pinned = weights.entry(checkpoint).sha256
    return not pinned or sha256.startswith(pinned)


def _of_plan(settings: Mapping[str, Any], holdings: Holdings) -> list[str]:
    """Samples and clips: whether all are there, and generated."""
    found = []
    name, seeds = settings["dataset"]["name"], len(set(settings["seeds"]))
    if name in BOARDS and holdings.samples not in BOARDS[name].samples:
        whole = " or ".join(f"{number:,}" for number in BOARDS[name].samples)
        found.append(f"It has {holdings.samples:,} samples; the whole of {name} is {whole}.")
    if not settings["models"]:
        found.append("It has no model.")
    for model, states in holdings.clips.items():
        planned, wanted = sum(states.values()), holdings.samples * seeds
        if planned != wanted:
            found.append(f"{planned} clips of {model} are planned; samples by seeds are {wanted}.")
        if owed := states.get("owed", 0):
            found.append(f"It is not finished: {owed} clips of {model} are not generated yet.")
        for state, words in (("failed", "failed"), ("not_applicable", "were not made, as not applicable")):
            if count := states.get(state, 0):
                found.append(f"{count} clips of {model} {words}.")
    return found


def _of_measurements(settings: Mapping[str, Any], holdings: Holdings) -> list[str]:
    """Records that failed, are still owed, or are all of clips that a metric does not apply to."""
    found = []
    board = BOARDS.get(settings["dataset"]["name"])
    for id_ in settings["metrics"]:
        if not _measures(id_, settings):
            continue
        for model in holdings.clips:
            states = holdings.measured.get((id_, model), {})
            if owed := states.get("owed", 0):
                found.append(f"It is not finished: {owed} clips of {model} are not measured with {id_} yet.")
            if failed := states.get("failed", 0):
                found.append(f"{failed} clips of {model} could not be measured with {id_}.")
            if (wanted := board and id_ in board.metrics) and (left := states.get(LEFT_OUT, 0)):
                found.append(f"{left} clips of {model} were left out of {id_}, though it applies to them.")
            elif wanted and not (owed or failed or states.get("done", 0)):
                found.append(f"No clip of {model} has been measured with {id_}.")
        states = holdings.real.get(id_, {})
        if owed := states.get("owed", 0):
            found.append(f"It is not finished: {owed} real clips are not measured with {id_} yet.")
        if failed := states.get("failed", 0) + states.get("not_applicable", 0):
            found.append(f"{failed} real clips could not be measured with {id_}.")
    return found
