"""Small runs with videos, of which studies are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.profiles import load_profile
from i2vbench.types import Sample, Video
from tests.tables.runs import RunSpec, make_run, moving_square, sample

FRAMES, SIZE = 8, 32


def profile(**protocol: Any) -> dict[str, Any]:
    """What run.json holds of a profile whose videos are those made here; `protocol` are changes of its protocol."""
    made = load_profile("paper").as_dict()
    made["protocol"] |= {"num_frames": FRAMES, "fps": 8.0, "height": SIZE, "width": SIZE} | protocol
    return made


def video(model: str, index: int) -> Video:
    """A model's video of a sample; no two are alike."""
    return moving_square(seed=10 * index + sum(model.encode()) % 10, frames=FRAMES, size=SIZE)


def run_of(
    folder: Path,
    models: Sequence[str],
    samples: int | Sequence[Sample] = 4,
    seeds: Sequence[int] = (0,),
    videos: Mapping[str, Sequence[Video]] | None = None,
    **more: Any,
) -> Path:
    """A run whose models have made a video of every sample (s0, s1, ..., of the categories Pet and Food in turn).

    `more` are settings of run.json, and `lost` as `RunSpec` has it.
    """
    some = [sample(f"s{i}", ("Pet", "Food")[i % 2], f"prompt {i}") for i in range(samples)] if isinstance(
        samples, int
    ) else samples  # fmt: skip
    made = videos or {m: [video(m, i) for i in range(len(some)) for _ in seeds] for m in models}
    lost = more.pop("lost", {})
    changes = {"profile": profile()} | more
    return make_run(
        folder,
        RunSpec(some, {}, models=models, seeds=seeds, lost=lost, changes=changes, videos=made),
    )  # fmt: skip


GENERATED = {"spec": "generate:x", "title": "made by X", "fingerprint": "b" * 64}
"""First frames that are not the data set's own, as run.json has them."""
