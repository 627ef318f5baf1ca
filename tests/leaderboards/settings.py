"""What runs that may go on a leaderboard say and hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from i2vbench.admission import BOARDS, Holdings
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.weights import entry

Settings = dict[str, Any]


def settings_of(board: str) -> Settings:
    """The `run.json` of a run that may go on a board."""
    profile = load_profile("paper").under(board)
    return {
        "dataset": {"name": board, "spec": board if board == "i2v-bench" else f"{board}:/data/{board}"},
        "selection": {"limit": None, "categories": None},
        "seeds": [0],
        "profile": profile.as_dict(),
        "models": {"mine": {"spec": "videos:mine=/data/mine", "info": {}}},
        "metrics": {id_: recorded(id_) for id_ in BOARDS[board].metrics},
    }


def recorded(id_: str) -> Settings:
    hashes = {name: entry(name).sha256 or "ab" for name in METRICS.create(id_).info.checkpoints}
    return {"spec": id_, "info": {}, **({"checkpoints": hashes} if hashes else {})}


def whole(settings: Settings) -> Holdings:
    """What the store of a finished run of the whole data set holds, under each seed."""
    samples = BOARDS[settings["dataset"]["name"]].samples[0]
    clips = samples * len(settings["seeds"])
    return Holdings(
        samples=samples,
        clips={model: {"done": clips} for model in settings["models"]},
        measured={
            (id_, model): {"done": clips - 1, "not_applicable": 1}
            for id_ in settings["metrics"]
            for model in settings["models"]
        },
        real={id_: {"done": samples} for id_ in settings["metrics"]},
    )


def change(*keys: str, to: Any) -> Callable[[Settings], None]:
    def apply(settings: Settings) -> None:
        place: Any = settings
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return apply
