"""What a user may ask of a pipeline beyond a request: its call's own parameters, by name, and how it is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.diffusers.classes import LENGTHS, PipelineClass

NATIVE = ("height", "width", "num_frames", "fps")
"""Options that say what size, length and rate the model makes, where its authors' are not wanted or not known."""

_SWITCHES = ("offload", "vae_tiling", "vae_slicing")
OFFLOADS = ("none", "model", "sequential")
"""What stays on the CPU until it is needed: nothing; every part; every layer of every part."""

_RESERVED = frozenset({
    *LENGTHS, "fps", "height", "width", "image", "cond_image", "conditions", "video", "mask_video", "prompt",
    "generator", "seed", "output_type", "return_dict", "latents", "num_videos_per_prompt", "num_images_per_prompt",
    "callback", "callback_steps", "kwargs", "prompt_segments", "action", "last_image", "ip_adapter_image", "id_cond",
    "kps_cond",
})  # fmt: skip
"""Parameters that the harness fills, or that hold what no option can say."""

_COUNTS = frozenset({"num_inference_steps", "decode_chunk_size"})
"""Whole numbers from 1 on: no step at all makes a video of the noise, without a word."""

_TENSOR_WORDS = ("_embeds", "_latents", "callback_on_", "attention_mask", "_kwargs", "_seqlens", "_vit_hidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked of a pipeline in every call, and how it is loaded.

    Attributes:
        call: Parameters of its call.
        native: Size, length and rate, where they are not its authors'.
        prompt: What a prompt becomes, with {prompt} for itself; "" leaves it.
        flow_shift: Of its scheduler; None leaves what its files say.
        float32: Parts that stay in float32 whatever the run's dtype.
        offload: One of `OFFLOADS`.
        vae_tiling: Whether its VAE decodes tile by tile.
        vae_slicing: Whether its VAE decodes clip by clip.
    """

    call: Mapping[str, Any] = field(default_factory=dict)
    native: Mapping[str, Any] = field(default_factory=dict)
    prompt: str = ""
    flow_shift: float | None = None
    float32: tuple[str, ...] = ()
    offload: str = "none"
    vae_tiling: bool = False
    vae_slicing: bool = False

    def with_given(self, given: Mapping[str, object], cls: PipelineClass, model: str) -> Options:
        """The same with what a user asks for.

        Raises:
            UserError: The class does not take one, or not such a value.
        """
        call, native, rest = dict(self.call), dict(self.native), {}
        for name, value in given.items():
            where = f"model '{model}': option {name}"
            if name in NATIVE:
                native[name] = _native(value, name, where)
            elif name in _own_names(cls):
                rest[name] = _own(value, name, where)
            else:
                parameter = parameter_of(name, cls)
                if parameter is None:
                    raise UserError(f"{where}: {cls.name} does not take it; it takes {', '.join(takes(cls))}")
                if parameter != name and parameter in given:
                    raise UserError(f"{where}: {parameter} is the same; give one of them")
                counted = parameter in _COUNTS
                default = cls.defaults[parameter]
                call[parameter] = _count(value, where) if counted else _checked(value, default, where)
        if "num_inference_steps" in call and call["num_inference_steps"] != self.call.get("num_inference_steps"):
            for schedule in {"timesteps", "sigmas"} - given.keys():  # its authors', which would win over a number
                call.pop(schedule, None)
        return replace(self, call=call, native=native, **rest)

    def as_dict(self) -> dict[str, object]:
        """What decides the videos, as JSON holds it."""
        decides: dict[str, object] = {**self.call}
        if self.flow_shift is not None:
            decides["flow_shift"] = self.flow_shift
        if self.prompt:
            decides["prompt"] = self.prompt
        if self.float32:
            decides["float32"] = list(self.float32)
        return decides | {name: True for name in ("vae_tiling", "vae_slicing") if getattr(self, name)}


def parameter_of(name: str, cls: PipelineClass) -> str | None:
    """The parameter of a class's call that an option means; None if it has none."""
    common = {"steps": "num_inference_steps", "guidance": cls.kind.guidance, "image_guidance": cls.kind.image_guidance}
    parameter = common.get(name, name)
    return parameter if parameter in _free(cls) else None


def takes(cls: PipelineClass) -> list[str]:
    """Every option that a class takes, as users write it."""
    names = {"num_inference_steps": "steps", cls.kind.guidance: "guidance", cls.kind.image_guidance: "image_guidance"}
    own = [names.get(parameter, parameter) for parameter in _free(cls)]
    return [*own, *NATIVE, *_own_names(cls)]


def _own_names(cls: PipelineClass) -> list[str]:
    """The options that are ours, not its call's; `prompt` of those that read one."""
    return [*(["prompt"] if "prompt" in cls.defaults else []), "flow_shift", "float32", *_SWITCHES]


def _free(cls: PipelineClass) -> list[str]:
    """The parameters that an option may set."""
    return [
        name
        for name in cls.defaults
        if name not in _RESERVED and name not in cls.kind.always and not any(word in name for word in _TENSOR_WORDS)
    ]


def _native(value: object, name: str, where: str) -> float | int:
    if name == "fps":
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
            return float(value)
        raise UserError(f"{where}: expected a positive number, got {value!r}")
    return _count(value, where)


def _count(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise UserError(f"{where}: expected a positive whole number, got {value!r}")


def _own(value: object, name: str, where: str) -> Any:
    if name == "offload":
        if value not in OFFLOADS:
            raise UserError(f"{where}: expected one of {', '.join(OFFLOADS)}, got {value!r}")
        return value
    if name == "prompt":
        if isinstance(value, str) and "{prompt}" in value:
            return value
        raise UserError(f"{where}: expected a text with {{prompt}} in it, got {value!r}")
    if name == "flow_shift":
        return float(_checked(value, 1.0, where))
    if name == "float32":
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return tuple(value)
        raise UserError(f'{where}: expected a list of parts, as ["vae"], got {value!r}')
    if not isinstance(value, bool):
        raise UserError(f"{where}: expected true or false, got {value!r}")
    return value


def _checked(value: object, default: object, where: str) -> Any:
    """A value of the same kind as a parameter's default; where that has none, anything that TOML holds."""
    if isinstance(default, bool):
        fits, expected = isinstance(value, bool), "true or false"
    elif isinstance(default, int | float):  # scales of guidance have whole defaults here and there
        fits, expected = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    elif isinstance(default, str):
        fits, expected = isinstance(value, str), "a text"
    elif isinstance(default, list | tuple):
        fits, expected = isinstance(value, list), "a list"
    elif isinstance(default, dict):
        fits, expected = isinstance(value, dict), "a table"
    else:
        fits, expected = isinstance(value, int | float | str | bool | list), "a number, a text or a list"
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise UserError(f"{where}: expected {expected}, got {value!r}")
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    return value
