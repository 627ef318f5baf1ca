"""A text-to-image pipeline of diffusers: one picture of one prompt.

Any pipeline that takes a prompt and asks for nothing else will do. What the known ones are asked for is in `NATIVE`;
all others are asked for what their call has as defaults.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench.errors import UserError
from i2vbench.models.diffusers.classes import call_defaults
from i2vbench.models.diffusers.place import find_place
from i2vbench.names import is_hub_name
from i2vbench.types import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """What a pipeline is asked for, as its authors' code and papers have it.

    Attributes:
        steps: Sampling steps.
        guidance: Scale of classifier-free guidance.
        network: The part whose configuration says for which size it was trained, in latents.
        more: Further arguments.
    """

    steps: int
    guidance: float
    network: str
    more: Mapping[str, Any] = field(default_factory=dict)


NATIVE: Mapping[str, Native] = {
    # Stable Diffusion 1.x, 2.x (2.1-base: 512 x 512). 50 steps at 7.5 are diffusers' StableDiffusionPipeline's.
    "StableDiffusionPipeline": Native(steps=50, guidance=7.5, network="unet"),
    # SDXL (Podell et al., 2023), the base model without its refiner. 50 steps at 5.0: StableDiffusionXLPipeline.
    "StableDiffusionXLPipeline": Native(steps=50, guidance=5.0, network="unet"),
    # PixArt-alpha (Chen et al., 2023): DPM-Solver, 20 steps at 4.5: PixArtAlphaPipeline.
    "PixArtAlphaPipeline": Native(steps=20, guidance=4.5, network="transformer"),
}
"""By class. The scheduler is the one of the folder."""

_SHOWN = ("height", "width", "num_inference_steps", "guidance_scale", "true_cfg_scale")
"""Arguments whose defaults are recorded where nothing else is asked for."""

_OF_OTHERS = frozenset(
    {
        "num_frames", "frames", "video_length", "video", "audio_length_in_s", "audio_end_in_s", "frame_size",
        "strength", "mask_image", "control_image", "controlnet_conditioning_scale", "adapter_conditioning_scale",
        "noise_level", "image_guidance_scale",
    }
)  # fmt: skip
"""Arguments of what makes videos, sounds or shapes, or changes pictures."""


class TextToImage:
    """A pipeline, found and looked at, not loaded.

    Args:
        where: A folder, or OWNER/REPO[@REVISION] of the Hugging Face hub.

    Attributes:
        name: What tables call it: as it is called on the hub, or the folder's last name.
        class_name: Its class in diffusers.

    Raises:
        UserError: It is not here or not whole, makes no pictures of prompts, or would run code of its own.
    """

    def __init__(self, where: str) -> None:
        self._place = find_place(where)
        self._place.check_here()
        self.name = where if is_hub_name(where) else Path(where).expanduser().resolve().name
        self.class_name = self._place.class_name
        self._defaults = call_of(self.class_name, f"the pipeline '{where}'")
        self._pipeline: Any = None

    def settings(self) -> dict[str, Any]:
        """What it is asked for beside a prompt, and what of its defaults is worth knowing; as JSON holds it."""
        defaults = {name: self._defaults[name] for name in _SHOWN if self._defaults.get(name) is not None}
        return defaults | self._arguments()

    def fingerprint(self) -> str:
        """A hash of its files."""
        return self._place.fingerprint()

    def load(self, device: str, dtype: str) -> None:
        """Bring it into memory.

        Args:
            device: As torch names it.
            dtype: As torch names it.
        """
        import diffusers
        import torch

        from i2vbench.models.diffusers.assembling import assemble

        cls = getattr(diffusers, self.class_name)
        # A watermark is in the picture only where a package for it happens to be installed; here it never is.
        marked = "add_watermarker" in inspect.signature(cls.__init__).parameters
        options = {"add_watermarker": False} if marked else {}
        pipeline = assemble(cls, self._place, {"default": getattr(torch, dtype)}, **options)
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline.to(device)

    def unload(self) -> None:
        self._pipeline = None
        gc.collect()  # its parts refer to each other, and a video model is loaded next

    def make(self, prompt: str, seed: int) -> Image:
        """The picture of a prompt, uint8 [H, W, 3]. Its noise is drawn on the CPU, from `seed` alone.

        Raises:
            ValueError: The pipeline returned no picture, one of a single colour or with numbers that are none, or its
                safety checker has blackened it.
        """
        import torch

        from i2vbench.models.diffusers.quiet import quiet_libraries

        assert self._pipeline is not None, "make before load"
        generator = torch.Generator().manual_seed(seed)
        with quiet_libraries():
            output = self._pipeline(prompt=prompt, generator=generator, output_type="np", **self._arguments())
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise ValueError("the pipeline's safety checker withholds the picture of this prompt")
        return picture_of(getattr(output, "images", None))

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        # It cleans prompts only where packages happen to be installed, so that they would decide the picture.
        if "clean_caption" in self._defaults:
            arguments["clean_caption"] = False
        native = NATIVE.get(self.class_name)
        if native is None:
            return arguments
        if side := self._side_px(native):
            arguments |= {"height": side, "width": side}
        return arguments | {"num_inference_steps": native.steps, "guidance_scale": native.guidance, **native.more}

    def _side_px(self, native: Native) -> int | None:
        """The side of its native, square picture in pixels; None where its parts do not tell."""
        latents = self._place.configs.get(native.network, {}).get("sample_size")
        levels = self._place.configs.get("vae", {}).get("block_out_channels")
        if not isinstance(latents, int) or not isinstance(levels, list):
            return None
        return int(latents * 2 ** (len(levels) - 1))


def call_of(name: str, what: str) -> dict[str, Any]:
    """The arguments of a pipeline's call, with their defaults.

    Args:
        name: Its class.
        what: The pipeline, for messages.

    Raises:
        UserError: diffusers has no such class, or it does not make a picture of a prompt alone.
    """
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    defaults = call_defaults(name, what)
    listed = name in {cls.__name__ for cls in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    wanting = [k for k, value in defaults.items() if value is inspect.Parameter.empty and k not in ("prompt", "kwargs")]
    # A picture that may be left out is left out: some of those that diffusers lists edit pictures too.
    others = sorted(_OF_OTHERS & defaults.keys()) + (["image"] if "image" in defaults and not listed else [])
    if "prompt" not in defaults or not {"generator", "output_type"} <= defaults.keys():
        raise UserError(f"{what} is a {name}, which takes no prompt; expected a text-to-image pipeline of diffusers")
    if wanting or others:
        asks = ", ".join([*wanting, *others])
        raise UserError(f"{what} is a {name}, which is about {asks}; expected a text-to-image pipeline of diffusers")
    return defaults


def picture_of(images: Any) -> Image:
    """One picture uint8 [H, W, 3] of what a pipeline returned: float [1, H, W, 3] in 0..1.

    Raises:
        ValueError: It is something else; or one of a single colour, which is no picture of anything.
    """
    if images is None or len(images) != 1:
        raise ValueError(
            f"the pipeline returned {'no pictures' if images is None else f'{len(images)} pictures'}, not one"
        )
    made = np.asarray(images[0])
    if made.ndim != 3 or made.shape[2] != 3 or made.dtype.kind != "f":
        raise ValueError(f"the pipeline returned {made.dtype} {list(made.shape)}; expected floats [height, width, 3]")
    if not np.isfinite(made).all():
        raise ValueError(
            "the picture holds numbers that are none: the pipeline's networks overflow in this number type"
        )
    picture: Image = (made.clip(0, 1) * 255).round().astype(np.uint8)
    if (picture == picture[0, 0]).all():
        raise ValueError("the picture is of one colour: the pipeline's networks may overflow in this number type")
    return picture
