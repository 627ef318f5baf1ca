"""What the pipeline refuses to sample, each in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.denoise import Steps
from i2vbench.models.consisti2v.frameinit import FilterMethod, FrameInit
from i2vbench.models.consisti2v.pictures import AnyImage, OutputType
from i2vbench.models.consisti2v.sampling import CAMERA_MOTIONS, NOISE_METHODS
from i2vbench.names import nearest


def check_inputs(
    *,
    prompts: Sequence[str],
    negatives: Sequence[str],
    images: Sequence[AnyImage],
    repetitions: int,
    chunks: int,
    steps: Steps,
    training_steps: int,
    noise_method: str,
    frameinit: FrameInit | None,
    camera_motion: str | None,
    output_type: str,
) -> None:
    """Refuse what cannot be sampled; arguments as the pipeline's.

    Raises:
        UserError: In one sentence.
    """
    if not prompts or not all(isinstance(prompt, str) for prompt in prompts):
        raise UserError("prompt: expected a text, or a list of one text per first frame")
    if len(images) != len(prompts):
        raise UserError(f"expected one first frame per prompt, {len(prompts)}, got {len(images)}")
    if len(negatives) not in (1, len(prompts)):
        raise UserError(f"expected one negative prompt, or one per prompt, {len(prompts)}, got {len(negatives)}")
    for name, number in (("autoregressive_chunks", chunks), ("num_videos_per_prompt", repetitions)):
        if number < 1:
            raise UserError(f"{name}: expected at least 1, got {number}")
    if not 1 <= steps.number < training_steps:
        raise UserError(f"num_inference_steps: expected 1 to {training_steps - 1}, got {steps.number}")
    if not 0 <= steps.eta <= 1:
        raise UserError(f"eta: expected a number from 0 to 1, got {steps.eta}")
    videos = len(prompts) * repetitions
    if isinstance(steps.generator, Sequence) and len(steps.generator) != videos:
        raise UserError(f"generator: expected one, or one per video, {videos}, got {len(steps.generator)}")
    words_given: list[tuple[str, str | None, tuple[str, ...]]] = [
        ("noise_method", noise_method, NOISE_METHODS),
        ("output_type", output_type, get_args(OutputType)),
        ("camera motion", camera_motion, CAMERA_MOTIONS),
        ("filter", None if frameinit is None else frameinit.method, get_args(FilterMethod)),
    ]
    for name, word, words in words_given:
        if word is not None and word not in words:
            raise UserError(f"unknown {name} '{word}': {nearest(word, words)}")
    if frameinit is not None and not 0 <= frameinit.tau < training_steps:
        raise UserError(f"tau: expected a step from 0 to {training_steps - 1}, got {frameinit.tau}")
    if camera_motion is not None and (frameinit is None or chunks > 1):
        raise UserError(f"camera motion '{camera_motion}' needs FrameInit, and one clip")


def check_size(height: int, width: int, num_frames: int) -> None:
    """Refuse sizes that have no latents and clips that are pictures.

    Raises:
        UserError: In one sentence.
    """
    if height < 8 or width < 8 or height % 8 or width % 8:
        raise UserError(f"size {height} x {width}: ConsistI2V needs a height and a width that are multiples of 8")
    if num_frames < 2:
        raise UserError(f"{num_frames} frames: ConsistI2V makes videos of at least 2, the first frame included")
