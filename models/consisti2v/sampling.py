"""What sampling is asked for, and the ablations of Table 3. Imports nothing heavy: the command line reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from i2vbench.errors import UserError
from i2vbench.names import nearest

CameraMotion = Literal["pan-left", "pan-right", "zoom-in", "zoom-out", "rotate"]
CAMERA_MOTIONS: tuple[str, ...] = get_args(CameraMotion)

PredictionType = Literal["epsilon", "v_prediction"]

NoiseMethod = Literal["pyoco_mixed", "pyoco_progressive", "vanilla"]
NOISE_METHODS: tuple[str, ...] = get_args(NoiseMethod)

MOST_STEPS = 999
"""DDIM steps: their timesteps, one apart and offset by one as published, must be among the 1,000 of training."""

TAU, D0 = 850, 0.25
"""FrameInit's defaults (Section 5.1)."""

CAMERA_FRAMEINIT: Mapping[str, tuple[int, float]] = {
    motion: (700, 0.5) if motion == "rotate" else (750, 0.5) for motion in CAMERA_MOTIONS
}
"""(tau, D0) of each camera motion (Section 5.5)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of Table 3, or the paper's own choice where the published code makes another.

    Attributes:
        title: As the table calls it.
        frameinit: Whether FrameInit is used.
        noise_alpha: Default of `Sampling.noise_alpha`.
        unet: What its U-Net's configuration has otherwise.
    """

    title: str
    frameinit: bool = True
    noise_alpha: float = 1.0
    unet: Mapping[str, Any] = field(default_factory=dict)


_NO_TEMPORAL = {"augment_temporal_attention": False}
_NO_SPATIAL = {"first_frame_condition_mode": "input_only"}
VARIANTS: Mapping[str, Variant] = {
    "": Variant("ConsistI2V"),
    "no-frameinit": Variant("w/o FrameInit", frameinit=False),
    "no-frameinit-no-temporal": Variant("w/o FrameInit & T.Cond.", frameinit=False, unet=_NO_TEMPORAL),
    "no-frameinit-no-temporal-no-spatial": Variant(
        "w/o FrameInit & T.Cond. & S.Cond.", frameinit=False, unet=_NO_TEMPORAL | _NO_SPATIAL
    ),
    "paper-noise": Variant("ConsistI2V, noise as in eq. 9", noise_alpha=1.5),
}
"""The model, its ablations and its other noise, by the word that follows `consisti2v:`. Ablations of the published
checkpoint are switched at inference, as whether the paper's were trained anew it does not say; of the small networks
that come with i2vbench each was trained by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a clip is sampled; the defaults are the published code's.

    Attributes:
        steps: DDIM steps.
        guidance: Weight of the text (classifier-free guidance); 1 or less is none.
        image_guidance: Weight of the first frame; above 1 a third pass without it is made. Not in the paper.
        guidance_rescale: Share of the rescaling of guided noise to the unguided one's deviation.
        negative_prompt: Stands for "no text".
        eta: Noise of the DDIM steps; 0 is deterministic.
        noise: Prior of the initial noise.
        noise_alpha: What its frames share; the paper's is 1.5.
        frameinit: Whether FrameInit is used.
        tau: FrameInit's noise step; None takes what the camera motion asks for, else 850.
        d0: FrameInit's stop frequency; None takes what the camera motion asks for, else 0.25.
        frame_stride: Frames of the training videos per frame: how fast things move.
        camera: Camera motion of the layout.
        autoregressive: Whether long videos are made in chunks.

    Raises:
        UserError: For a value out of its range.
    """

    steps: int = 50
    guidance: float = 7.5
    image_guidance: float = 1.0
    guidance_rescale: float = 0.0
    negative_prompt: str = ""
    eta: float = 0.0
    noise: NoiseMethod = "pyoco_mixed"
    noise_alpha: float = 1.0
    frameinit: bool = True
    tau: int | None = None
    d0: float | None = None
    frame_stride: int = 3
    camera: CameraMotion | None = None
    autoregressive: bool = False

    def __post_init__(self) -> None:
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                limits = f"from {least:g} to {most:g}" if most < _ANY else f"of at least {least:g}, below {_ANY:g}"
                raise UserError(f"{name.replace('_', ' ')}: expected a number {limits}, got {value}")
        for name, words in (("noise", NOISE_METHODS), ("camera", CAMERA_MOTIONS)):
            word = getattr(self, name)
            if word is not None and word not in words:
                raise UserError(f"unknown {name} '{word}': {nearest(word, words)}")
        if self.camera is not None and not self.frameinit:
            raise UserError(f"camera motion '{self.camera}' works through FrameInit, which is switched off")
        if self.camera is not None and self.autoregressive:
            raise UserError(f"camera motion '{self.camera}' is for one clip; a long video has none")

    def with_options(self, options: Mapping[str, object]) -> Sampling:
        """The same with some settings changed, by name.

        Raises:
            UserError: For an unknown name, or a value of another type or out of its range.
        """
        known = {f.name: _OF_NONE.get(f.name, type(f.default)) for f in dataclasses.fields(self)}
        if unknown := [name for name in options if name not in known]:
            raise UserError(f"ConsistI2V has no option {', '.join(unknown)}")
        for name, value in options.items():
            kind = known[name]
            if (
                type(value) is not kind
                and not (kind is float and type(value) is int)
                and not (value is None and name in _OF_NONE)
            ):
                raise UserError(f"{name.replace('_', ' ')}: expected {_TYPES[kind]}, got {value!r}")
        changed = dataclasses.replace(self, **options)  # type: ignore[arg-type]
        unguided = changed.guidance <= 1 and changed.image_guidance <= 1
        for name, idle, why in (
            ("tau", not changed.frameinit, "FrameInit is switched off"),
            ("d0", not changed.frameinit, "FrameInit is switched off"),
            ("noise_alpha", changed.noise == "vanilla", "the frames of vanilla noise share nothing"),
            ("negative_prompt", unguided, "there is no guidance"),
            ("guidance_rescale", unguided, "there is no guidance"),
        ):
            if idle and options.get(name):
                raise UserError(f"{name.replace('_', ' ')} would change nothing: {why}")
        return changed

    def as_dict(self) -> dict[str, object]:
        """Every setting by name, with the tau and D0 that are used."""
        tau, d0 = self.frameinit_settings() or (None, None)
        return {**dataclasses.asdict(self), "tau": tau, "d0": d0}

    def frameinit_settings(self) -> tuple[int, float] | None:
        """(tau, D0), or None without FrameInit."""
        if not self.frameinit:
            return None
        tau, d0 = CAMERA_FRAMEINIT[self.camera] if self.camera else (TAU, D0)
        return (tau if self.tau is None else self.tau, d0 if self.d0 is None else self.d0)


_OF_NONE: Mapping[str, type] = {"tau": int, "d0": float, "camera": str}
"""Types of the settings that may be None."""

_TYPES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_ANY = 1e9
_RANGES = (
    ("steps", 1, MOST_STEPS),
    ("guidance", 0, _ANY),
    ("image_guidance", 0, _ANY),
    ("guidance_rescale", 0, 1),
    ("eta", 0, 1),
    ("noise_alpha", 0, _ANY),
    ("tau", 0, 999),
    ("d0", 0, 1),
    ("frame_stride", 1, _ANY),
)
