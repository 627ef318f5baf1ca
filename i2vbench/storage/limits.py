"""What a run at an address cannot have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.models.base import Model
from i2vbench.types import PlannedClip


def check_models(address: str, models: Mapping[str, Model]) -> None:
    """Refuse a model whose own record is worth more than what can be done again.

    Raises:
        UserError: With it.
    """
    for name, model in models.items():
        if model.one_holder:
            raise UserError(
                f"--out {address}: model '{name}' notes in the run's folder what is paid for, before it is sent; at an "
                "address the last minute of that is lost with this machine, and would be paid for again. Name a "
                "folder, --out FOLDER"
            )


def check_workers(address: str, engine: str, home: Path, plan: Sequence[PlannedClip]) -> None:
    """Refuse workers in other processes that would not see what they need.

    Args:
        address: Where the run is kept.
        engine: As `--engine` names it.
        home: The run's folder on this machine.
        plan: Every clip, with the first frames that models are shown.

    Raises:
        UserError: With what they do not see.
    """
    if address.startswith("memory://"):
        raise UserError(f"--out {address}: is this process's own memory; workers in other processes do not see it")
    if engine != "local" and any(planned.sample.first_frame.path.is_relative_to(home) for planned in plan):
        raise UserError(
            f"--out {address}: pictures that the run makes (--first-frame generate:) are read from its folder, which "
            "workers on other machines do not see; make them in a run of their own, and show them with "
            "--first-frame images:FOLDER"
        )
