"""ConsistI2V as the harness sees it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from i2vbench.checkpoints import weight_file
from i2vbench.errors import UserError
from i2vbench.models.base import Model, Preparation
from i2vbench.models.consisti2v.checkpoint import LICENCE
from i2vbench.models.consisti2v.long_video import chunks_needed
from i2vbench.models.consisti2v.sampling import VARIANTS, Sampling
from i2vbench.models.consisti2v.tiny.folder import TINY, find_variant
from i2vbench.names import nearest, split_word
from i2vbench.types import ModelInfo, Request, Video
from i2vbench.weights.hashes import content_sha256

if TYPE_CHECKING:
    from i2vbench.models.consisti2v.frameinit import FrameInit
    from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline

MAX_BATCH = 4
TINY_LICENCE = "Apache-2.0, as i2vbench"

_HASHED = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


class ConsistI2V(Model):
    """`consisti2v`, `consisti2v:VARIANT`, `consisti2v:PATH` or `consisti2v:VARIANT=PATH`.

    Args:
        argument: A variant (an ablation of Table 3), a checkpoint folder in the published layout, or both.

    Attributes:
        sampling: How clips are sampled.
        pipeline: The networks, between `load` and `unload`.
    """

    kept_over_runs = True

    def __init__(self, argument: str = "") -> None:
        word, path = split_word(argument, [name for name in VARIANTS if name])
        if word not in VARIANTS:
            raise UserError(f"model 'consisti2v:{argument}': no variant '{word}': {nearest(word, list(VARIANTS)[1:])}")
        self.variant = VARIANTS[word]
        self.checkpoint: str | None = path or None
        self.compile = False
        self.sampling = Sampling(frameinit=self.variant.frameinit, noise_alpha=self.variant.noise_alpha)
        self.pipeline: ConsistI2VPipeline | None = None
        name = "consisti2v" + (f":{word}" if word else "")
        self.info = ModelInfo(
            name=f"{name} ({Path(path).resolve().name})" if path else name,
            title=f"{self.variant.title} (Ren et al., TMLR 07/2024)",
            paper="https://arxiv.org/abs/2402.04324",
            licence=LICENCE,
            needs_gpu=True,
            max_batch=MAX_BATCH,
            size_multiple=8,
        )

    def configure(self, options: Mapping[str, object]) -> None:
        """Settings of `Sampling` by name; `checkpoint` (folder, hub name or "tiny") and `compile` besides."""
        given = dict(options)
        checkpoint = given.pop("checkpoint", None)
        if checkpoint is not None:
            if self.checkpoint not in (None, str(checkpoint)):
                raise UserError(f"two checkpoints are named, '{self.checkpoint}' and '{checkpoint}'; leave one out")
            self.checkpoint = str(checkpoint)
        if self.checkpoint == TINY:
            self.info = replace(self.info, licence=TINY_LICENCE, needs_gpu=False)
        compiled = given.pop("compile", self.compile)
        if not isinstance(compiled, bool):
            raise UserError(f"model '{self.info.name}': compile: expected true or false, got {compiled!r}")
        self.compile = compiled
        if given.get("frameinit") and not self.variant.frameinit:
            raise UserError(f"model '{self.info.name}' is the variant without FrameInit; leave the variant out")
        self.sampling = self.sampling.with_options(given)

    def settings(self) -> dict[str, object]:
        # Compiled, the U-Net rounds otherwise: another video of the same seed. Not said where it is not asked for, so
        # that earlier runs go on.
        return {**self.sampling.as_dict(), **({"compile": True} if self.compile else {})}

    def prepare(self, preparation: Preparation) -> None:
        self.checkpoint_folder()

    def fingerprint(self) -> str:
        folder = self.checkpoint_folder()
        total = hashlib.sha256()
        for part in _HASHED:
            weights = weight_file(folder / part)
            small = [path for path in (folder / part).glob("*") if path.suffix in (".json", ".txt")]
            for path in sorted(small) + ([weights] if weights else []):
                total.update(f"{part}/{path.name} {content_sha256(path)}\n".encode())
        return total.hexdigest()

    def load(self, device: str, dtype: str) -> None:
        import diffusers
        import torch

        from i2vbench.models.consisti2v.components import load_components
        from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline

        networks = load_components(self.checkpoint_folder(), getattr(torch, dtype), self.variant.unet)
        diffusers.utils.logging.set_verbosity_error()  # else it advises against float16 on a CPU, at each move
        self.pipeline = ConsistI2VPipeline(**networks).to(device)
        self.pipeline.set_progress_bar_config(disable=not self.show_progress)
        if self.compile:
            self.pipeline.unet.compile()

    def checkpoint_folder(self) -> Path:
        """Where the networks are.

        Raises:
            UserError: They are not here, or not whole.
        """
        return find_variant(self.checkpoint, self.variant)

    def unload(self) -> None:
        self.pipeline = None

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        groups: dict[tuple[object, ...], list[int]] = {}
        for index, request in enumerate(requests):
            alike = (request.height, request.width, request.num_frames, request.frame_stride)
            groups.setdefault(alike, []).append(index)
        videos: dict[int, Video] = {}
        for indices in groups.values():
            videos |= zip(indices, self._generate_alike([requests[index] for index in indices]), strict=True)
        return [videos[index] for index in range(len(requests))]

    def _generate_alike(self, requests: Sequence[Request]) -> list[Video]:
        """Videos of requests of one size, length and stride."""
        import torch

        assert self.pipeline is not None, "generate before load"
        sampling, first = self.sampling, requests[0]
        trained = int(self.pipeline.unet.config.n_frames)
        num_frames = trained if sampling.autoregressive else first.num_frames
        if num_frames != trained:
            warnings.warn(f"clips of {num_frames} frames; ConsistI2V was trained on {trained}", stacklevel=2)
        images = [r.first_frame if r.source_image is None else r.source_image for r in requests]
        output = self.pipeline(
            images,
            [request.prompt for request in requests],
            negative_prompt=sampling.negative_prompt,
            height=first.height,
            width=first.width,
            num_frames=num_frames,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance,
            image_guidance_scale=sampling.image_guidance,
            guidance_rescale=sampling.guidance_rescale,
            eta=sampling.eta,
            frame_stride=first.frame_stride or sampling.frame_stride,
            noise_method=sampling.noise,
            noise_alpha=sampling.noise_alpha,
            frameinit=self.frameinit(),
            camera_motion=sampling.camera,
            autoregressive_chunks=chunks_needed(first.num_frames, trained) if sampling.autoregressive else 1,
            generator=[torch.Generator().manual_seed(request.seed) for request in requests],
            output_type="uint8",
            return_dict=False,
        )
        return [Video(made[: r.num_frames], r.fps) for r, made in zip(requests, output[0], strict=True)]

    def frameinit(self) -> FrameInit | None:
        """FrameInit's settings, or None without it."""
        from i2vbench.models.consisti2v.frameinit import FrameInit

        settings = self.sampling.frameinit_settings()
        return None if settings is None else FrameInit(tau=settings[0], d_s=settings[1], d_t=settings[1])
