"""What VBench's cases have in common: the clips they name, and checkpoints of the recipe with overrides.

`overrides` in a sidecar are factors by which tensors of the recipe are multiplied, so that a mistake shows.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.numpy import load_file
from torch import Tensor

from i2vbench.types import Clip, FrameSource, Sample, Video
from tests.reference import recipe
from tests.reference.cases import Case, CaseError, read_json
from tests.reference.compare import Tolerance


def published_state(case: Case, network: str, overrides: Mapping[str, float]) -> dict[str, Tensor]:
    """The recipe's checkpoint of the sidecar's seed.

    Args:
        network: The folder of its key list.
        overrides: Tensor name -> factor.

    Raises:
        CaseError: An override is of a tensor that the checkpoint has not.
    """
    keys = case.find("keys.json" if case.folder == network else f"../{network}/keys.json")
    state = _recipe_state(keys, case.sidecar["seed"])
    unknown = sorted(set(overrides) - set(state))
    if unknown:
        raise CaseError(f"overrides of tensors that {network} has not: {', '.join(unknown)}")
    return {key: torch.from_numpy(array) * overrides.get(key, 1) for key, array in state.items()}


def stated(case: Case, name: str) -> Tolerance | None:
    """What the sidecar's `tolerance` allows under this name; None where it says nothing."""
    atol = case.sidecar.get("tolerance", {}).get(name)
    return None if atol is None else Tolerance(atol=atol)


@functools.lru_cache(maxsize=1)
def _recipe_state(keys: Path, seed: int) -> dict[str, recipe.Array]:
    # The largest takes ten seconds to fill, and neighbouring cases want the same.
    return recipe.state(read_json(keys), seed)


def read_clip(case: Case, name: str, prompt: str = "", fps: float = 8.0) -> Clip:
    """A recorded clip under its name; none says its rate, so it is 8 frames a second unless the case says otherwise.

    Raises:
        CaseError: It is nowhere.
    """
    frames = load_file(case.find(f"../clips/{name}.safetensors"))["frames"]  # uint8 [T, H, W, 3]
    return Clip(Sample(name, "", prompt, FrameSource(Path(name))), Video(frames, fps))
