"""Tiny random instances of the image-to-video pipelines of diffusers, with tokenizers made here: nothing is fetched.

Facts about sizes that fit each other come from the classes themselves; nothing is imported before it is built.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiny:
    """How one is built, and what it is asked for.

    Attributes:
        pipeline: Its class in diffusers.
        builder: "module.function" in this folder.
        height: Pixels.
        width: Pixels; another number, so that the two are not mixed up.
        num_frames: The fewest that show whether the length is kept.
        options: What its model is configured with beside.
        prompted: Whether it reads a prompt.
        guarded: Whether it asks for the package cosmos_guardrail.
    """

    pipeline: str
    builder: str
    height: int = 32
    width: int = 48
    num_frames: int = 5
    options: Mapping[str, Any] = field(default_factory=lambda: {"steps": 2})
    prompted: bool = True
    guarded: bool = False

    def cls(self) -> Any:
        """Its class; skips the test where the installed diffusers is too old for it."""
        import diffusers

        if not hasattr(diffusers, self.pipeline):
            pytest.skip(f"diffusers {diffusers.__version__} has no {self.pipeline}")
        return getattr(diffusers, self.pipeline)

    def build(self) -> Any:
        self.cls()
        module, _, name = self.builder.partition(".")
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)()

    def save(self, folder: Path) -> Path:
        """Write it as a checkpoint of the hub is written."""
        pipeline = self.build()
        if self.guarded:
            pipeline.register_modules(safety_checker=None)  # published checkpoints come without it
        pipeline.save_pretrained(folder)
        return folder


_STAGES = {"pyramid_num_inference_steps_list": [1, 1, 1]}

TINY: Mapping[str, Tiny] = {
    "svd": Tiny(
        pipeline="StableVideoDiffusionPipeline", builder="unets.stable_video_diffusion", num_frames=3, prompted=False
    ),
    "i2vgen_xl": Tiny(pipeline="I2VGenXLPipeline", builder="unets.i2vgen_xl", num_frames=3),
    "pia": Tiny(pipeline="PIAPipeline", builder="unets.pia", num_frames=3),
    "cogvideox": Tiny(pipeline="CogVideoXImageToVideoPipeline", builder="cogvideox.cogvideox", num_frames=9),
    "cogvideox15": Tiny(pipeline="CogVideoXImageToVideoPipeline", builder="cogvideox.cogvideox15", num_frames=9),
    "consisid": Tiny(pipeline="ConsisIDPipeline", builder="cogvideox.consisid", num_frames=9),
    "wan21": Tiny(pipeline="WanImageToVideoPipeline", builder="wan.wan21"),
    "wan22_two_experts": Tiny(pipeline="WanImageToVideoPipeline", builder="wan.wan22_two_experts"),
    "wan22_expand_timesteps": Tiny(pipeline="WanImageToVideoPipeline", builder="wan.wan22_expand_timesteps", width=64),
    "skyreels_v2": Tiny(pipeline="SkyReelsV2ImageToVideoPipeline", builder="wan.skyreels_v2"),
    "skyreels_v2_diffusion_forcing": Tiny(
        pipeline="SkyReelsV2DiffusionForcingImageToVideoPipeline", builder="wan.skyreels_v2_diffusion_forcing"
    ),
    "chronoedit": Tiny(pipeline="ChronoEditPipeline", builder="wan.chronoedit"),
    "anyflow": Tiny(pipeline="AnyFlowFARPipeline", builder="wan.anyflow", num_frames=9),
    "ltx": Tiny(pipeline="LTXImageToVideoPipeline", builder="ltx.ltx", width=64),
    "ltx_condition": Tiny(pipeline="LTXConditionPipeline", builder="ltx.ltx_condition", width=64),
    "ltx_long": Tiny(pipeline="LTXI2VLongMultiPromptPipeline", builder="ltx.ltx_long", width=64),
    "ltx2": Tiny(pipeline="LTX2ImageToVideoPipeline", builder="ltx.ltx2", width=64),
    "ltx2_condition": Tiny(pipeline="LTX2ConditionPipeline", builder="ltx.ltx2_condition", width=64),
    "hunyuan_latent_concat": Tiny(pipeline="HunyuanVideoImageToVideoPipeline", builder="hunyuan.hunyuan_latent_concat"),
    "hunyuan_token_replace": Tiny(pipeline="HunyuanVideoImageToVideoPipeline", builder="hunyuan.hunyuan_token_replace"),
    "skyreels_v1": Tiny(pipeline="HunyuanSkyreelsImageToVideoPipeline", builder="hunyuan.skyreels_v1"),
    "framepack": Tiny(pipeline="HunyuanVideoFramepackPipeline", builder="hunyuan.framepack"),
    "hunyuan15": Tiny(pipeline="HunyuanVideo15ImageToVideoPipeline", builder="hunyuan.hunyuan15", height=48, width=64),
    "kandinsky5": Tiny(pipeline="Kandinsky5I2VPipeline", builder="kandinsky.kandinsky5", num_frames=17),
    "kandinsky6": Tiny(pipeline="Kandinsky6TI2VAPipeline", builder="kandinsky.kandinsky6"),
    "cosmos1": Tiny(pipeline="CosmosVideoToWorldPipeline", builder="cosmos.cosmos1", guarded=True),
    "cosmos2": Tiny(pipeline="Cosmos2VideoToWorldPipeline", builder="cosmos.cosmos2", guarded=True),
    "cosmos25": Tiny(pipeline="Cosmos2_5_PredictBasePipeline", builder="cosmos.cosmos25", guarded=True),
    "cosmos3": Tiny(pipeline="Cosmos3OmniPipeline", builder="cosmos.cosmos3"),
    "sana_video": Tiny(pipeline="SanaImageToVideoPipeline", builder="others.sana_video", width=64),
    "easyanimate": Tiny(pipeline="EasyAnimateInpaintPipeline", builder="others.easyanimate"),
    "motif_video": Tiny(pipeline="MotifVideoImage2VideoPipeline", builder="others.motif_video"),
    "helios": Tiny(pipeline="HeliosPipeline", builder="others.helios"),
    "helios_pyramid": Tiny(
        pipeline="HeliosPyramidPipeline", builder="others.helios_pyramid", height=64, width=128, options=_STAGES
    ),
}
"""By a short name of their own."""

NOT_AS_PUBLISHED: Mapping[str, str] = {
    "ConsisIDPipeline": "without the layers for a face, whose features packages and checkpoints of others find",
    "Cosmos2VideoToWorldPipeline": "with a stand-in for the guardrail of the package cosmos_guardrail",
    "Cosmos2_5_PredictBasePipeline": "with a stand-in for the guardrail of the package cosmos_guardrail",
    "Cosmos3OmniPipeline": "without the guardrail, as its files can say; without sound",
    "CosmosVideoToWorldPipeline": "with a stand-in for the guardrail of the package cosmos_guardrail",
    "HeliosPyramidPipeline": "with a gamma of 0.3: its own of 1/3 fails on a CPU",
}
"""Classes of which a part cannot be made here: what is tried instead."""
