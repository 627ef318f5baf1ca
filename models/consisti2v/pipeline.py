"""Sampling a video from a first frame and a prompt (Section 5.1), in the idiom of diffusers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline
from diffusers.utils import BaseOutput
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.camera import camera_frames
from i2vbench.models.consisti2v.components import complete_layout, load_components
from i2vbench.models.consisti2v.denoise import Generators, StepCallback, Steps, denoise
from i2vbench.models.consisti2v.encoders import decode_latents, encode_frames, encode_prompts
from i2vbench.models.consisti2v.frameinit import FrameInit, initialise
from i2vbench.models.consisti2v.guidance import Guidance
from i2vbench.models.consisti2v.inputs import check_inputs, check_size
from i2vbench.models.consisti2v.long_video import sample_chunks
from i2vbench.models.consisti2v.noise import initial_noise
from i2vbench.models.consisti2v.pictures import ONE_IMAGE, AnyImage, OutputType, as_array, as_output, as_pixels
from i2vbench.models.consisti2v.sampling import CameraMotion, NoiseMethod
from i2vbench.models.consisti2v.unet import ConsistI2VUNet


@dataclass
class ConsistI2VOutput(BaseOutput):  # type: ignore[misc]  # diffusers is not typed
    """What the pipeline returns.

    Attributes:
        frames: One video per prompt (and repetition), by `output_type`: "pil" lists of pictures; "np" float32
            [b, T, H, W, 3] in 0..1; "pt" the same as [b, T, 3, H, W]; "uint8" [b, T, H, W, 3]; "latent"
            [b, 4, T, h, w].
    """

    frames: Any


class ConsistI2VPipeline(DiffusionPipeline):  # type: ignore[misc]  # diffusers is not typed
    """Image-to-video generation with ConsistI2V.

    Example:
        pipe = ConsistI2VPipeline.from_pretrained("TIGER-Lab/ConsistI2V", torch_dtype=torch.bfloat16).to("cuda")
        video = pipe(image, "a dog swimming", generator=torch.Generator().manual_seed(0)).frames[0]

    Args:
        vae: Stable Diffusion 2.1-base's.
        text_encoder: The same.
        tokenizer: The same.
        unet: The video U-Net.
        scheduler: DDIM.
    """

    model_cpu_offload_seq = "text_encoder->unet->vae"

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: ConsistI2VUNet,
        scheduler: DDIMScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler)
        self.vae_scale_factor = 2 ** (len(vae.config.block_out_channels) - 1)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        torch_dtype: torch.dtype | None = None,
        unet_config: Mapping[str, Any] | None = None,
        local_files_only: bool = False,
    ) -> ConsistI2VPipeline:
        """The pipeline of a folder in the published layout, or of a name on the Hugging Face hub.

        Args:
            pretrained_model_name_or_path: Folder, or hub name such as "TIGER-Lab/ConsistI2V".
            torch_dtype: Of the networks; as stored if not given.
            unet_config: Settings of the U-Net that win over the stored ones (ablations).
            local_files_only: Do not fetch what is not in the local cache.

        Raises:
            UserError: What is missing, in one line; or tensors that are not this model's.
        """
        return cls(**load_components(pretrained_model_name_or_path, torch_dtype, unet_config, not local_files_only))

    def save_pretrained(self, save_directory: str | os.PathLike[str], **options: Any) -> None:
        """Write a folder in the published layout.

        Args:
            save_directory: Made if it is not there.
            **options: Of diffusers' `DiffusionPipeline.save_pretrained`.
        """
        super().save_pretrained(save_directory, **options)
        complete_layout(Path(save_directory), self.text_encoder, self.tokenizer)

    @torch.no_grad()
    def __call__(
        self,
        image: AnyImage | Sequence[AnyImage],
        prompt: str | Sequence[str],
        negative_prompt: str | Sequence[str] | None = "",
        height: int = 256,
        width: int = 256,
        num_frames: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        image_guidance_scale: float = 1.0,
        guidance_rescale: float = 0.0,
        eta: float = 0.0,
        frame_stride: int = 3,
        noise_method: NoiseMethod = "pyoco_mixed",
        noise_alpha: float = 1.0,
        frameinit: FrameInit | None = FrameInit(),  # noqa: B008 - frozen
        camera_motion: CameraMotion | None = None,
        num_videos_per_prompt: int = 1,
        autoregressive_chunks: int = 1,
        generator: Generators = None,
        latents: Tensor | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
    ) -> ConsistI2VOutput | tuple[Any]:
        """Make a video from each first frame and prompt.

        Frame 0 of a video is the VAE's reconstruction of the picture, not the picture.

        Args:
            image: A picture, or one per prompt: PIL, uint8 [H, W, 3], a path, or a tensor [3, height, width] in -1..1.
            prompt: Text, or several.
            negative_prompt: Stands for "no text"; one for all, or one per prompt. None is the empty one.
            height: Pixels, a multiple of 8.
            width: Pixels, a multiple of 8.
            num_frames: Of a clip, the first one included; what the U-Net was trained on if not given.
            num_inference_steps: DDIM steps.
            guidance_scale: Weight of the text; 1 or less is none.
            image_guidance_scale: Weight of the first frame; 1 or less is none.
            guidance_rescale: See `Guidance`.
            eta: Noise of the DDIM steps.
            frame_stride: What the U-Net is told of the frame rate, 1 (slow) to 5 in training.
            noise_method: Prior of the initial noise.
            noise_alpha: What its frames share.
            frameinit: Settings of FrameInit; None is without.
            camera_motion: The layout that FrameInit takes; None is the first frame held.
            num_videos_per_prompt: Repetitions, each with noise of its own.
            autoregressive_chunks: Clips that go on from one another: k clips of T frames give k (T - 1) + 1.
            generator: One, or one per video, each then drawing for its video alone; None is torch's global one of
                the CPU. Drawn are, in order, the VAE's posterior noise, the initial noise, with eta > 0 each step's.
            latents: Initial noise [b, 4, T, h, w] of the first clip, instead of drawing it.
            output_type: See `ConsistI2VOutput`.
            return_dict: False returns a tuple.
            callback_on_step_end: Called with (pipeline, step, timestep, {"latents": ...}) after each step; the
                latents it returns are gone on with.

        Raises:
            UserError: For inputs that cannot be, and for latents that became NaN.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt or ())
        given = negative_prompt or ""
        negatives = [given] if isinstance(given, str) else list(given)
        images = [image] if isinstance(image, ONE_IMAGE) else list(() if image is None else image)
        steps = Steps(num_inference_steps, frame_stride, eta, generator, callback_on_step_end)
        num_frames = int(self.unet.config.n_frames) if num_frames is None else num_frames
        videos = len(prompts) * num_videos_per_prompt
        chunks = autoregressive_chunks
        check_size(height, width, num_frames)
        check_inputs(
            prompts=prompts,
            negatives=negatives,
            images=images,
            repetitions=num_videos_per_prompt,
            chunks=chunks,
            steps=steps,
            training_steps=self.scheduler.config.num_train_timesteps,
            noise_method=noise_method,
            frameinit=frameinit,
            camera_motion=camera_motion,
            output_type=output_type,
        )
        guidance = Guidance(guidance_scale, image_guidance_scale, guidance_rescale)
        text = self._guided_text(prompts, negatives, guidance, num_videos_per_prompt)
        size = (height, width)
        layout = self._encode_layout(images, size, num_frames, camera_motion, num_videos_per_prompt, generator)
        shape = (videos, layout.shape[1], num_frames, *layout.shape[-2:])
        if not hasattr(self.unet, "_hf_hook"):  # with offloading, weights are on the device in `forward` alone
            text = self.unet.project_text(text)

        def sample(first_frame: Tensor, chunk: int) -> Tensor:
            """Frames 2 .. T of a clip, [b, 4, T-1, h, w], from its first frame's latents [b, 4, 1, h, w]."""
            if latents is not None and chunk == 0:
                noise = latents
                if noise.shape != shape:
                    raise UserError(f"latents: expected initial noise {list(shape)}, got {list(noise.shape)}")
                if not torch.isfinite(noise).all():
                    raise UserError("latents: the initial noise that was given is NaN or infinite in places")
            else:
                noise = initial_noise(shape, noise_method, noise_alpha, generator)
            noise = noise.to(self._execution_device, layout.dtype)
            if frameinit is not None:
                static = layout if camera_motion else first_frame.expand(-1, -1, num_frames, -1, -1)
                _, noise = initialise(static, noise, frameinit, self.scheduler.alphas_cumprod)
            first_frames = guidance.repeat_first_frame(first_frame, noise[:, :, :1])
            label = f"chunk {chunk + 1} of {chunks}" if chunks > 1 else "denoising"
            return denoise(self, noise[:, :, 1:], first_frames, text, guidance, steps, label)

        video = sample_chunks(layout[:, :, :1], chunks, sample)  # [b, 4, T', h, w]
        frames = video if output_type == "latent" else as_output(self.decode_latents(video), output_type)
        self.maybe_free_model_hooks()
        return ConsistI2VOutput(frames=frames) if return_dict else (frames,)

    def encode_prompt(self, prompts: Sequence[str], what: str = "prompt") -> Tensor:
        """Text embeddings [n, L, D]; warns of what is cut off a prompt, or `what` it is, that is too long."""
        return encode_prompts(self.text_encoder, self.tokenizer, prompts, self._execution_device, what)

    def encode_frames(self, pixels: Tensor, generator: Generators = None) -> Tensor:
        """Latents [n, 4, h, w] of pictures [n, 3, H, W] in -1..1, drawn from the VAE's posterior and scaled."""
        return encode_frames(self.vae, pixels, generator, self._execution_device)

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Videos float32 [b, 3, T, H, W] in 0..1 of latents [b, 4, T, h, w]."""
        return decode_latents(self.vae, latents, self._execution_device)

    def _guided_text(
        self, prompts: Sequence[str], negatives: Sequence[str], guidance: Guidance, repetitions: int
    ) -> Tensor:
        """Text embeddings of all passes, [passes b, L, D]."""
        positive = self.encode_prompt(prompts).repeat_interleave(repetitions, dim=0)
        if guidance.passes == 1:
            return positive
        without = self.encode_prompt(negatives, "negative prompt")
        without = without.expand_as(positive) if len(negatives) == 1 else without.repeat_interleave(repetitions, dim=0)
        return guidance.repeat_text(without, positive)

    def _encode_layout(
        self,
        images: Sequence[AnyImage],
        size: tuple[int, int],
        num_frames: int,
        motion: CameraMotion | None,
        repetitions: int,
        generator: Generators,
    ) -> Tensor:
        """Latents of the first frames [b, 4, 1, h, w], or of the camera's layout videos [b, 4, T, h, w]."""
        if motion is None:
            frames = torch.stack([as_pixels(image, *size) for image in images])[:, None]  # [n, 1, 3, H, W]
        else:
            arrays = [as_array(image) for image in images]
            frames = torch.stack(
                [camera_frames(array, motion, num_frames, *size) for array in arrays]
            )  # [n, T, 3, H, W]
        if isinstance(generator, Sequence):  # each video draws for itself, from the first picture on
            frames, repetitions = frames.repeat_interleave(repetitions, dim=0), 1
        latents = self.encode_frames(frames.flatten(0, 1), generator).unflatten(0, frames.shape[:2])  # [n, T, 4, h, w]
        return latents.transpose(1, 2).repeat_interleave(repetitions, dim=0).to(self.unet.dtype)
