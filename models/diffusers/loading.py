"""An image-to-video pipeline on its device, as its options want it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.diffusers.assembling import assemble
from i2vbench.models.diffusers.classes import PipelineClass
from i2vbench.models.diffusers.options import Options
from i2vbench.models.diffusers.place import Place
from i2vbench.models.diffusers.quiet import quiet_libraries


def load_pipeline(
    cls: PipelineClass,
    options: Options,
    *,
    place: Place,
    device: str,
    dtype: str,
    what: str,
) -> Any:
    """A pipeline on its device.

    Args:
        cls: Its class.
        options: How it is loaded.
        place: Its files.
        device: As torch names it.
        dtype: As torch names it.
        what: What it is called, for messages.

    Raises:
        UserError: It cannot be loaded, or cannot do what the options ask for.
    """
    import torch

    kind = getattr(torch, dtype)
    pipeline = assemble(cls.load(), place, {"default": kind} | dict.fromkeys(options.float32, torch.float32))
    with quiet_libraries():
        _mend(pipeline)
        _shift(pipeline, options, what)
        _spare_memory(pipeline, options, what)
        _place(pipeline, options, device, what)
    return pipeline


def _mend(pipeline: Any) -> None:
    """Give CLIP's text encoder the name that transformers 5 took from its inside: I2VGen-XL's pipeline, which its
    library keeps without mending it, still asks for it."""
    encoder: Any = getattr(pipeline, "text_encoder", None)
    if type(encoder).__name__ == "CLIPTextModel" and not hasattr(encoder, "text_model"):
        encoder.text_model = SimpleNamespace(final_layer_norm=encoder.final_layer_norm)


def _shift(pipeline: Any, options: Options, what: str) -> None:
    """Give the scheduler another shift of its flow."""
    if options.flow_shift is None:
        return
    config = pipeline.scheduler.config
    name = next((name for name in ("flow_shift", "shift") if name in config), None)
    if name is None:
        raise UserError(f"{what}: flow_shift: its {type(pipeline.scheduler).__name__} has no shift of the flow")
    pipeline.scheduler = type(pipeline.scheduler).from_config(config, **{name: options.flow_shift})


def _spare_memory(pipeline: Any, options: Options, what: str) -> None:
    for name in ("vae_tiling", "vae_slicing"):
        if not getattr(options, name):
            continue
        switch = getattr(getattr(pipeline, "vae", None), f"enable_{name.removeprefix('vae_')}", None)
        if switch is None:
            raise UserError(f"{what}: {name}: its VAE cannot do that; leave it out")
        try:
            switch()
        except NotImplementedError as error:
            raise UserError(f"{what}: {name}: its VAE cannot do that; leave it out") from error


def _place(pipeline: Any, options: Options, device: str, what: str) -> None:
    if options.offload == "none":
        pipeline.to(device)
        return
    if not device.startswith("cuda"):
        raise UserError(f"{what}: offload: parts are moved to a GPU and back; on {device} leave it out")
    if options.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
