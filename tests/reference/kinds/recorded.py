"""What VBench's cases have in common: the clips they name, and checkpoints of the recipe with overrides.

`overrides` in a sidecar are factors by which tensors of the recipe are multiplied, so that a mistake shows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
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


def tied_state(case: Case) -> dict[str, Tensor]:
    """The recipe's checkpoint of a network some of whose tensors have several names, changed as `overrides` lists.

    Every name of a shared tensor (ties.json: alias -> canonical) has the canonical one's numbers. A change is
    `old * scale + add`, of the tensor `key` or of those whose whole name `match` fits, at the flat places `index`, in
    `rows`, or throughout.

    Raises:
        CaseError: A change is of a tensor that the checkpoint has not.
    """
    ties: dict[str, str] = read_json(case.find("ties.json"))
    state = dict(_recipe_state(case.find("keys.json"), case.sidecar["seed"]))
    for change in case.sidecar.get("overrides", []):
        pattern = re.compile(re.escape(change["key"]) if "key" in change else change["match"])
        names = {ties.get(key, key) for key in state if pattern.fullmatch(key)}
        if not names:
            raise CaseError(f"overrides of tensors that {case.folder} has not: {pattern.pattern}")
        for name in names:
            state[name] = _changed(state[name], change)
    return {key: torch.from_numpy(state[ties.get(key, key)]) for key in state}


def _changed(old: recipe.Array, change: Mapping[str, Any]) -> recipe.Array:
    new = old.copy()
    part = new if "rows" in change else new.reshape(-1)  # a view, as it is contiguous
    places = change.get("rows", change.get("index", slice(None)))
    part[places] = part[places] * np.float32(change.get("scale", 1)) + np.float32(change.get("add", 0))
    return new


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
