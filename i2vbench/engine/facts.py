"""What must be the same wherever a run's work is done, for its numbers to be the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from i2vbench.errors import UserError
from i2vbench.job import Tools
from i2vbench.kept.keys import ROOMS, code_sha256, processor
from i2vbench.machine import versions
from i2vbench.names import ALL
from i2vbench.registry import FIRST_FRAMES, METRICS, MODELS
from i2vbench.settings import RunConfig
from i2vbench.weights.needs import lacking

ON_GPU = ("gpu", "cuda")
"""Of `versions`, those that only a machine with a GPU knows."""


def facts(device: str, config: RunConfig) -> dict[str, str]:
    """By what it is called: versions, the kinds of machine and processor, and the code that works.

    Args:
        device: As torch names it.
        config: With names from the root.
    """
    found = versions(device) | machine(device)
    found |= {f"i2vbench's own code of {room} (sha256)": code_sha256(room) for room in ROOMS}
    origins = {spec: MODELS.origin(spec) for spec in config.models}
    origins |= {spec: METRICS.origin(spec) for spec in config.metrics if spec != ALL}
    if config.first_frame:
        origins[config.first_frame] = FIRST_FRAMES.origin(config.first_frame)
    return found | {f"{key} of {spec}": value for spec, origin in origins.items() for key, value in origin.items()}


def machine(device: str) -> dict[str, str]:
    """What computes, on this machine."""
    import torch

    # Kernels are chosen by it, and more of them by the processor itself where nothing else computes.
    found = {"instruction set": torch.backends.cpu.get_cpu_capability()}
    if device == "cpu":
        return found | {"processor": processor()}
    return found | {name: text for name, text in versions(device).items() if name in ON_GPU}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What is not the same, a line each."""
    names = [name for name in dict.fromkeys([*expected, *found]) if expected.get(name) != found.get(name)]
    return [f"{name}: {found.get(name, 'none')} there, {expected.get(name, 'none')} here" for name in names]


def check_files(tools: Tools, recorded: Mapping[str, Any]) -> None:
    """Refuse where what models and metrics are made of is not what the run has recorded.

    Args:
        tools: As they were made here.
        recorded: What run.json says.

    Raises:
        UserError: A model's files are others; a checkpoint is missing.
    """
    for name, model in tools.models.items():
        if not model.one_holder and model.fingerprint() != recorded["models"][name]["fingerprint"]:
            raise UserError(f"the files of the model {name} are not those that the run was begun with")
    lacking({id_: metric.info for id_, metric in tools.metrics.items()}, skip=False)
