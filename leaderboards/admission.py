"""Which runs may go on a leaderboard: finished ones, whose numbers can stand beside the paper's.

A leaderboard is of one data set, under that data set's protocol and the profile `paper`. What is asked here is what a
run says of itself; that it says the truth is shown only by measuring its videos again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i2vbench import weights
from i2vbench.profiles import load_profile, parse_profile
from i2vbench.run_file import read_settings
from i2vbench.store import Store

BOARDS: Mapping[str, tuple[str, ...]] = {
    "i2v-bench": (
        "background_consistency", "subject_consistency", "temporal_flickering", "motion_smoothness", "dynamic_degree",
        "object_consistency", "scene_consistency", "overall_consistency",
    ),
    "ucf101": ("fvd", "inception_score", "fid"),
    "msrvtt": ("fvd", "clipsim"),
}  # fmt: skip
"""By data set the metrics that the paper has of it (Tables 1 and 2), each of which a run must have."""

PAPER = "paper"

States = Mapping[str, Mapping[str, int]]
"""By what is counted, how many are in each state."""


def objections(run: Path) -> list[str]:
    """Why a run may not go on a leaderboard, a sentence each; none if it may.

    Raises:
        UserError: If the folder is no run, or a damaged one.
    """
    settings = read_settings(run)
    with Store.open(run) as store:
        clips = {model: Counter(str(clip.state) for clip in store.clips(model)) for model in settings["models"]}
        measured: dict[str, Counter[str]] = {}
        for row in store.measurements():
            if row.model in settings["models"]:
                measured.setdefault(row.metric, Counter())[row.state] += 1
    return refusals(settings, clips, measured)


def refusals(settings: Mapping[str, Any], clips: States, measured: States) -> list[str]:
    """The same of what a run holds.

    Args:
        settings: Its `run.json`.
        clips: By model, how many of its clips are done, owed, failed and not applicable.
        measured: By metric, the same of the records of these clips.
    """
    return [
        *_of_profile(settings),
        *_of_data(settings),
        *(line for id_ in BOARDS.get(settings["dataset"]["name"], ()) for line in _of_metric(id_, settings)),
        *_of_progress(settings, clips, measured),
    ]


def _of_profile(settings: Mapping[str, Any]) -> list[str]:
    """The profile, but for its protocol."""
    profile, paper = parse_profile(settings["profile"]), load_profile(PAPER)
    if profile.note:
        return [f"It was made under the profile {profile.name}. {profile.note}"]
    if profile.name != paper.name:
        return [f"It was made under the profile {profile.name}; a leaderboard takes the profile {paper.name} alone."]
    differ = [id_ for id_, names in paper.checkpoints.items() if profile.checkpoints.get(id_) != names]
    if differ or profile.precision != paper.precision:
        return [f"Its profile is called {paper.name} and is another one: it differs in {', '.join(differ)}."]
    return []


def _of_data(settings: Mapping[str, Any]) -> list[str]:
    """The data set, what was taken of it, and the protocol."""
    name, selection = settings["dataset"]["name"], settings["selection"]
    if name not in BOARDS:
        return [f"Its data set is {name}; there are leaderboards of {', '.join(BOARDS)}."]
    found = []
    if parse_profile(settings["profile"]).protocol != load_profile(PAPER).under(name).protocol:
        found.append(f"Its protocol is not that of {name}.")
    if selection.get("limit") is not None or selection.get("categories"):
        found.append(f"It is of a part of {name} alone (--limit or --categories).")
    return found


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
    others = [name for name, sha256 in hashes.items() if not str(sha256).startswith(weights.entry(name).sha256)]
    return [f"Its {id_} looked through other files than the catalogue states: {', '.join(others)}."] if others else []


def _of_progress(settings: Mapping[str, Any], clips: States, measured: States) -> list[str]:
    """Clips and records that failed or are still owed."""
    found = []
    for model, states in clips.items():
        if owed := states.get("owed", 0):
            found.append(f"It is not finished: {owed} clips of {model} are not generated yet.")
        if failed := states.get("failed", 0):
            found.append(f"{failed} clips of {model} failed.")
    done = sum(states.get("done", 0) for states in clips.values())
    for id_, record in settings["metrics"].items():
        if "skipped" in record or record["info"].get("features_of"):
            continue
        states = measured.get(id_, {})
        if owed := done - sum(states.values()):
            found.append(f"It is not finished: {owed} clips are not measured with {id_} yet.")
        if failed := states.get("failed", 0):
            found.append(f"{failed} clips could not be measured with {id_}.")
    return found
