"""Checkpoints of a training: either whole or not there, whenever the power goes.

    OUT/checkpoints/step-00002000/   model.safetensors, ema.safetensors, optimizer.bin, random_states_0.pkl, state.json

Weights are kept under the U-Net's own names, whatever the number of devices they were trained on. Nothing is unpickled
when one is read: tensors come from safetensors files, the optimizer's from torch's weights-only reader.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2vbench.errors import UserError
from i2vbench.files import to_disk, write_json
from i2vbench.parsing import parse_json

if TYPE_CHECKING:
    from accelerate import Accelerator

STATE = "state.json"
_NAME = re.compile(r"step-(\d+)")


class Checkpoints:
    """The checkpoints in one folder.

    Args:
        folder: Where they lie; made when the first one is saved.
        keep: How many are kept.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep

    def newest(self) -> Path | None:
        """The one with the most steps; None if there is none."""
        there = self._all()
        return there[-1] if there else None

    def read_state(self, checkpoint: Path) -> dict[str, Any]:
        """What `save` was given.

        Raises:
            UserError: If it is damaged.
        """
        try:
            state = parse_json((checkpoint / STATE).read_text(encoding="utf-8"))
            if not isinstance(state, dict) or not isinstance(state.get("step"), int):
                raise ValueError("it names no step")
        except (OSError, ValueError) as error:
            raise UserError(
                f"checkpoint {checkpoint} is damaged ({error}); remove it, and training goes on from the one before"
            ) from error
        return state

    def save(self, accelerator: Accelerator, step: int, state: Mapping[str, Any]) -> Path:
        """Save what accelerate knows of, and `state`; called in every process. Older checkpoints are then removed.

        The folder takes its name when everything in it is on the disk: killed before, the one before is the newest.
        """
        final = self._folder / f"step-{step:08d}"
        partial = self._folder / f".{final.name}.partial"
        if accelerator.is_main_process:
            self.clean()
            partial.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            write_json(partial / STATE, {"step": step, **state})
            take_name(partial, final)
            for old in self._all()[: -self._keep]:
                # Under another name first: half removed it must not be taken for a checkpoint.
                gone = old.with_name(f".{old.name}.removed")
                old.rename(gone)
                shutil.rmtree(gone)
        accelerator.wait_for_everyone()
        return final

    def clean(self) -> None:
        """Remove what was being written or removed when a training was killed."""
        for pattern in (".step-*.partial", ".step-*.removed"):
            for folder in self._folder.glob(pattern):
                shutil.rmtree(folder)

    def _all(self) -> list[Path]:
        """Whole checkpoints, by their steps."""
        if not self._folder.is_dir():
            return []
        found = [(int(match[1]), path) for path in self._folder.iterdir() if (match := _NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found)]


def take_name(partial: Path, final: Path) -> None:
    """Give a folder that is written its name, once all of it is on the disk; one that had the name goes."""
    for path in [*partial.rglob("*"), partial]:
        to_disk(path)
    if final.exists():
        gone = final.with_name(f".{final.name}.removed")
        shutil.rmtree(gone, ignore_errors=True)
        final.rename(gone)
        partial.rename(final)
        shutil.rmtree(gone)
    else:
        partial.rename(final)
    to_disk(final.parent)
