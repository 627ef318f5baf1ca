"""The pipeline classes of diffusers: how a first frame goes in, what else they are told, which lengths they make.

Most are found out by their call: one that takes `image` and a number of frames makes a video of a picture. What the
call does not tell, because it lies in the class's code, stands here. Read in diffusers 0.42.1.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from i2vbench.errors import UserError
from i2vbench.names import nearest

Picture = Literal["image", "cond_image", "conditions", "video", "inpaint"]
"""How the first frame is handed over: as a picture under one of two names, as a condition at frame 0, as a clip of
one frame (floats [1, 1, 3, H, W]), or as a clip whose other frames are masked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is known of a class beyond its call.

    Attributes:
        picture: How the first frame is handed over.
        multiple: Height and width must be multiples of this, beside what the configurations ask for.
        frames: Rule of the number of frames: of the VAE's time step s and any whole k, "plain" makes 1 + s k frames,
            "pairs" 1 + 2 s k; "chunks" and "sections" make as many as their chunks have, of which the wanted ones
            are kept; "partition" makes the one length of its transformer's partition.
        pyramid: It begins at a fraction of the size, which its scheduler's stages tell.
        guidance: What `--guidance` is called.
        image_guidance: What `--image-guidance` is called.
        always: Passed in every call, whatever is asked.
        usual: Passed unless an option says otherwise.
        seed: The name of a seed that the call takes beside, or instead of, a generator.
        device_noise: Part of its noise is drawn on the device whatever the generator: it is handed one of the device.
        guardrail: It checks prompts and videos with the package cosmos_guardrail.
        refused_with: Settings of its parts, "PART.NAME", with which it asks for more than a request has, and what.
        num_frames: Frames where neither the call nor a configuration has a default.
        hint: What a reader of its videos must know.
    """

    picture: Picture = "image"
    multiple: int = 1
    frames: Literal["plain", "pairs", "chunks", "sections", "partition"] = "plain"
    pyramid: bool = False
    guidance: str = "guidance_scale"
    image_guidance: str = ""
    always: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)
    seed: str = ""
    device_noise: bool = False
    guardrail: bool = False
    refused_with: Mapping[str, str] = field(default_factory=dict)
    num_frames: int = 16
    hint: str = ""


_WAN = Kind(multiple=16)
_OF_TWO = "makes a video between two pictures: it asks for the last one too"
_WAN_I2V = replace(_WAN, refused_with={"transformer.pos_embed_seq_len": _OF_TWO})  # Wan2.1-FLF2V, of the same class
_LTX2 = Kind(multiple=32, num_frames=121)
_HELIOS = Kind(multiple=16, frames="chunks", device_noise=True, hint="the first frame is the picture's continuation")

KINDS: Mapping[str, Kind] = {
    "AnyFlowFARPipeline": Kind(picture="video", multiple=16, frames="partition"),
    "ChronoEditPipeline": Kind(
        multiple=16,
        always={"enable_temporal_reasoning": True, "num_temporal_reasoning_steps": 100_000},
        hint="edits pictures; its reasoning is the video, and its last four frames the edited picture",
    ),
    "CogVideoXImageToVideoPipeline": Kind(multiple=8, frames="pairs"),
    "ConsisIDPipeline": Kind(
        multiple=8,
        frames="pairs",
        refused_with={
            "transformer.is_train_face": "keeps a face: it asks for the face's features, which come from packages of "
            "their own (insightface, facexlib, consisid_eva_clip)"
        },
    ),
    "Cosmos2VideoToWorldPipeline": Kind(multiple=16, guardrail=True),
    "Cosmos2_5_PredictBasePipeline": Kind(multiple=16, guardrail=True),
    "Cosmos3OmniPipeline": Kind(guardrail=True, num_frames=121),
    "CosmosVideoToWorldPipeline": Kind(multiple=16, guardrail=True),
    "EasyAnimateInpaintPipeline": Kind(picture="inpaint", multiple=16, usual={"negative_prompt": ""}),
    "HeliosPipeline": _HELIOS,
    "HeliosPyramidPipeline": replace(_HELIOS, pyramid=True),
    "HunyuanSkyreelsImageToVideoPipeline": _WAN,
    "HunyuanVideo15ImageToVideoPipeline": Kind(),
    "HunyuanVideoFramepackPipeline": Kind(multiple=16, frames="sections"),
    "HunyuanVideoImageToVideoPipeline": _WAN,
    "I2VGenXLPipeline": Kind(multiple=8, hint="the first frame is made anew, close to the picture"),
    "Kandinsky5I2VPipeline": _WAN,
    "Kandinsky6TI2VAPipeline": Kind(),
    "LTX2ConditionPipeline": Kind(picture="conditions", multiple=32, num_frames=121),
    "LTX2ImageToVideoPipeline": _LTX2,
    "LTXConditionPipeline": Kind(multiple=32),
    "LTXI2VLongMultiPromptPipeline": Kind(picture="cond_image", multiple=32, seed="seed"),
    "LTXImageToVideoPipeline": Kind(multiple=32, device_noise=True),
    "MotifVideoImage2VideoPipeline": Kind(),
    "PIAPipeline": Kind(multiple=8),
    "SanaImageToVideoPipeline": Kind(multiple=32, always={"use_resolution_binning": False}),
    "SkyReelsV2DiffusionForcingImageToVideoPipeline": _WAN,
    "SkyReelsV2ImageToVideoPipeline": _WAN_I2V,
    "StableVideoDiffusionPipeline": Kind(multiple=8, guidance="", image_guidance="max_guidance_scale"),
    "WanImageToVideoPipeline": _WAN_I2V,
}
"""By class. What is not here is asked as its call says, with no rule of sizes beyond its configurations'."""

REFUSED: Mapping[str, str] = {
    "SanaWMPipeline": "it moves a camera: it asks for a path or actions and for the camera's intrinsics",
    "WanAnimatePipeline": "it moves a character as a video of poses says",
    "WanVACEPipeline": "it edits a video under masks",
    "LucyEditPipeline": "it edits a video",
}
"""Classes that make videos, of something else than a picture and a prompt."""

SIBLINGS: Mapping[str, str] = {
    "LTX2Pipeline": "LTX2ImageToVideoPipeline",
    "LTXPipeline": "LTXImageToVideoPipeline",
    "MotifVideoPipeline": "MotifVideoImage2VideoPipeline",
    "SanaVideoPipeline": "SanaImageToVideoPipeline",
    "SkyReelsV2DiffusionForcingPipeline": "SkyReelsV2DiffusionForcingImageToVideoPipeline",
    "WanPipeline": "WanImageToVideoPipeline",
}
"""Classes that make a video of a prompt, and the one that the same parts make with a picture too."""

LENGTHS = ("num_frames", "frames", "video_length")
RATES = ("fps", "target_fps", "frame_rate")
_GIVEN = frozenset({"prompt", "image", "cond_image", "conditions", "video", "mask_video"})
"""What a request has."""


@dataclass(frozen=True, slots=True)
class PipelineClass:
    """A class that makes a video of a picture, with its call.

    Attributes:
        name: As diffusers calls it.
        kind: What is known of it.
        defaults: Every parameter of its call with its default; `inspect.Parameter.empty` where it has none.
        length: The parameter that says how many frames.
        rate: The parameter that says how many a second; "" if it is told nothing of it.
    """

    name: str
    kind: Kind
    defaults: Mapping[str, Any]
    length: str
    rate: str

    @property
    def sized(self) -> bool:
        """Whether its call takes height and width."""
        return "height" in self.defaults and "width" in self.defaults

    def lacks_guardrail(self) -> bool:
        """Whether it asks for a guardrail that is not installed: diffusers then has a class of its own in its place."""
        module = inspect.getmodule(self.load()) if self.kind.guardrail else None
        checker = getattr(module, "CosmosSafetyChecker", None)
        return module is not None and getattr(checker, "__module__", "") == module.__name__

    def load(self) -> Any:
        """The class itself."""
        import diffusers

        return getattr(diffusers, self.name)


def choose_class(name: str, config: Mapping[str, Any], what: str) -> PipelineClass:
    """The class that makes videos of pictures with the parts of a pipeline.

    Args:
        name: The class that its `model_index.json` names.
        config: Its plain settings.
        what: What the pipeline is called, for messages.

    Raises:
        UserError: There is no such class, or it makes something else.
    """
    if name in SIBLINGS and (name != "WanPipeline" or config.get("expand_timesteps")):
        name = SIBLINGS[name]  # of Wan's, one checkpoint alone was trained on both
    if name in REFUSED:
        raise UserError(f"{what} is a {name}, which is no image-to-video pipeline: {REFUSED[name]}")
    return _inspect(name, what)


def call_defaults(name: str, what: str) -> dict[str, Any]:
    """Every parameter of a class's call with its default; `inspect.Parameter.empty` where it has none.

    Raises:
        UserError: diffusers has no such class.
    """
    import diffusers

    known = [each for each in dir(diffusers) if each.endswith("Pipeline")]
    if name not in known:
        raise UserError(
            f"{what} is a {name}, which diffusers {diffusers.__version__} does not have: {nearest(name, known)}"
        )
    parameters = inspect.signature(getattr(diffusers, name).__call__).parameters
    return {key: each.default for key, each in parameters.items() if key != "self"}


def _inspect(name: str, what: str) -> PipelineClass:
    defaults = call_defaults(name, what)
    kind = KINDS.get(name, Kind())
    length = next((key for key in LENGTHS if key in defaults), "")
    picture = "mask_video" if kind.picture == "inpaint" else kind.picture
    if not length:
        raise UserError(f"{what} is a {name}, which makes pictures, not videos; an image-to-video pipeline is needed")
    if picture not in defaults:
        sibling = SIBLINGS.get(name)
        such = f" such as {sibling}" if sibling else ""
        raise UserError(f"{what} is a {name}, which takes no first frame; an image-to-video pipeline{such} is needed")
    wanting = [key for key, value in defaults.items() if value is inspect.Parameter.empty and key not in _GIVEN]
    if wanting:
        raise UserError(
            f"{what} is a {name}, which asks for {', '.join(wanting)}, which a benchmark's clip does not have"
        )
    return PipelineClass(name, kind, defaults, length, next((key for key in RATES if key in defaults), ""))
