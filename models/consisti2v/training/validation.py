"""Videos made now and then while a model is trained, always from the same first frames, prompts and noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import torch

from i2vbench.errors import UserError
from i2vbench.log import plain_warnings
from i2vbench.models.consisti2v.pipeline import ConsistI2VOutput, ConsistI2VPipeline
from i2vbench.models.consisti2v.training.clips import TrainingClip
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.log import CurveLog
from i2vbench.types import Image, Video
from i2vbench.video import probe, read_image, read_video, shown_frames, write_mp4

FPS = 8.0
"""The published files' rate."""


class Validation:
    """Makes the validation videos.

    Args:
        config: What they are: its [[validation]] tables, else the first clips of the data.
        clips: The data.
        folder: Where the files go, step-00001000/0.mp4 and so on.
        say: Told what could not be made.
    """

    def __init__(
        self, config: TrainConfig, clips: Sequence[TrainingClip], folder: Path, say: Callable[[str], None]
    ) -> None:
        self._config, self._clips, self._folder, self._say = config, clips, folder, say
        # Text to video: there is no first frame to show, and the pipeline needs one.
        self._on = config.validate_every > 0 and config.first_frame_condition_mode != "none"
        self._prompts: list[tuple[str, Image]] | None = None

    def prepare(self) -> None:
        """Read the first frames, so that a wrong path is told before the first step.

        Raises:
            UserError: If a picture of the configuration cannot be read.
        """
        if self._on and self._prompts is None:
            given = [(item.prompt, read_image(item.image)) for item in self._config.validation]
            self._prompts = given or self._from_data()

    def is_due(self, step: int) -> bool:
        """Whether a step has videos."""
        return self._on and step > 0 and step % self._config.validate_every == 0

    def is_made(self, step: int) -> bool:
        """Whether they are there; a training that was killed amid them makes them when it goes on."""
        return self._place(step).exists()

    def make(self, pipeline: ConsistI2VPipeline, step: int, log: CurveLog) -> None:
        """Make, write and log the videos of a step. One that cannot be made is spoken of, and training goes on."""
        config, place = self._config, self._place(step)
        partial = place.with_name(f".{place.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        for index, (prompt, image) in enumerate(self._prompts or []):
            try:
                with plain_warnings(self._say):
                    made = pipeline(
                        image,
                        prompt,
                        height=config.height,
                        width=config.width,
                        num_frames=config.num_frames,
                        num_inference_steps=config.validation_steps,
                        guidance_scale=config.validation_guidance,
                        frame_stride=config.validation_stride,
                        noise_method=config.noise_method,  # type: ignore[arg-type]  # one of its choices
                        noise_alpha=config.noise_alpha,
                        generator=torch.Generator().manual_seed(config.seed + index),
                        output_type="uint8",
                    )
            except UserError as error:
                self._say(f"step {step}: validation video {index} ('{prompt}') could not be made: {error}")
                continue
            video = Video(cast(ConsistI2VOutput, made).frames[0], FPS)
            write_mp4(partial / f"{index}.mp4", video, comment=prompt)
            log.video(step, f"validation/{index} {prompt[:60]}", video)
        partial.rename(place)

    def _place(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"

    def _from_data(self) -> list[tuple[str, Image]]:
        """First frames and texts of the first readable clips of the data."""
        found: list[tuple[str, Image]] = []
        for index in range(min(len(self._clips), 10 * self._config.validation_samples)):
            if len(found) == self._config.validation_samples:
                break
            try:
                clip = self._clips[index]
                info = probe(clip.path)
                first = shown_frames(info, clip.start, clip.end).start
                found.append((clip.text, read_video(clip.path, [first], self._config.reader, info=info).frames[0]))
            except UserError as error:
                self._say(f"not shown in validation: {error}")
        return found
