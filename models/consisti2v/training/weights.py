"""The weights that are trained, their average, and both on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.training.checkpoints import take_name
from i2vbench.models.consisti2v.unet import ConsistI2VUNet

LAST_FILE, AVERAGED_FILE = "model.safetensors", "ema.safetensors"


class Weights:
    """A U-Net under training. Those of its weights that the published checkpoint stores and never uses stand still.

    Args:
        unet: On its device.
        ema_decay: Of the average; 0 for none. It grows to this over the first steps, as (1 + n) / (10 + n).

    Attributes:
        trained: The parameters that are trained.
    """

    def __init__(self, unet: ConsistI2VUNet, ema_decay: float) -> None:
        named = [(name, value) for name, value in unet.named_parameters() if value.requires_grad]
        self.trained: list[nn.Parameter] = [value for _, value in named]
        self._names = [name for name, _ in named]
        self._unet = unet
        self._ema = EMAModel(self.trained, decay=ema_decay) if ema_decay else None

    def after_step(self) -> None:
        """What follows a step of the optimizer: gates back into [0, 1], and the average."""
        self._unet.clamp_gates()
        if self._ema:
            self._ema.step(self.trained)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The U-Net with its averaged weights, where there are any."""
        if self._ema is None:
            yield
            return
        self._ema.store(self.trained)
        self._ema.copy_to(self.trained)
        try:
            yield
        finally:
            self._ema.restore(self.trained)

    def write(self, folder: Path) -> None:
        """Both, under the U-Net's own names, for going on."""
        save_file({name: value.contiguous() for name, value in self._unet.state_dict().items()}, folder / LAST_FILE)
        if self._ema:
            save_file(dict(zip(self._names, self._ema.shadow_params, strict=True)), folder / AVERAGED_FILE)

    def read(self, folder: Path, step: int) -> None:
        """The counterpart of `write`.

        Raises:
            UserError: If a file is damaged or lacks a weight.
        """
        try:
            self._unet.load_state_dict(load_file(folder / LAST_FILE))
            if self._ema:
                averaged: Mapping[str, Tensor] = load_file(folder / AVERAGED_FILE)
                device = self.trained[0].device
                self._ema.shadow_params = [averaged[name].to(device) for name in self._names]
                self._ema.optimization_step = step
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise UserError(
                f"checkpoint {folder} is damaged ({error}); remove it, and training goes on from the one before"
            ) from error

    def write_pipeline(self, pipeline: ConsistI2VPipeline, out: Path) -> None:
        """OUT/pipeline in the published layout, and where it is the average the last step's OUT/unet-last-step."""
        parts = {"pipeline": pipeline.save_pretrained}
        if self._ema:
            parts["unet-last-step"] = self._unet.save_pretrained
        for name, save in parts.items():
            partial = out / f".{name}.partial"
            with self.averaged() if name == "pipeline" else nullcontext(), torch.no_grad():
                save(partial)
            take_name(partial, out / name)
