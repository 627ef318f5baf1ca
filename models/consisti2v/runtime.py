"""Seconds and peak memory of a clip, measured in a process of its own (Table 3's right half)."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.sampling import VARIANTS

if TYPE_CHECKING:
    from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline

_STOPS = ("<|startoftext|>", "<|endoftext|>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is measured.

    Attributes:
        variant: A word of `sampling.VARIANTS`.
        checkpoint: Folder; None measures random weights at the published size.
        device: As torch names it.
        dtype: As torch names it.
        num_frames: T.
        height: Pixels.
        width: Pixels.
        steps: DDIM steps.
        repeats: Clips that are timed; the fastest counts.
    """

    variant: str
    checkpoint: Path | None
    device: str
    dtype: str
    num_frames: int
    height: int
    width: int
    steps: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a clip took.

    Attributes:
        seconds: From picture and prompt to uint8 frames: text encoder, VAE, sampling, decoding; the fastest repeat.
        memory_bytes: CUDA: the most that torch handed out, weights included. CPU: the most memory resident in the
            process, Python and the libraries included. None where it cannot be asked for.
    """

    seconds: float
    memory_bytes: int | None


def measure_apart(job: Job) -> Runtime:
    """Measure in a fresh process, so that nothing but this job counts.

    Raises:
        UserError: A checkpoint that is not there or another model's, or too little memory.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            found = pool.submit(_measure_or_say, job).result()
        except BrokenProcessPool as error:
            raise UserError(
                f"the process that measured {VARIANTS[job.variant].title} in {job.dtype} was ended; the system does so "
                "when memory runs out: choose a smaller size, fewer frames or another dtype"
            ) from error
    if isinstance(found, str):
        raise UserError(found)
    return found


def _measure_or_say(job: Job) -> Runtime | str:
    """As `measure`; a sentence for the user comes back as one, for not every exception crosses processes."""
    try:
        return measure(job)
    except UserError as error:
        return str(error)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        return f"too little GPU memory for {VARIANTS[job.variant].title} in {job.dtype}"


def measure(job: Job) -> Runtime:
    """Make clips of noise, and say what one takes."""
    import numpy as np
    import torch

    from i2vbench.models.consisti2v.frameinit import FrameInit

    cuda = job.device.startswith("cuda")
    pipeline = _pipeline(job)
    pipeline.set_progress_bar_config(disable=True)
    picture = np.random.default_rng(0).integers(0, 256, (job.height, job.width, 3), dtype=np.uint8)

    def clip(steps: int) -> float:
        begun = time.monotonic()
        pipeline(
            picture,
            "a dog swimming",
            height=job.height,
            width=job.width,
            num_frames=job.num_frames,
            num_inference_steps=steps,
            frameinit=FrameInit() if VARIANTS[job.variant].frameinit else None,
            generator=torch.Generator().manual_seed(0),
            output_type="uint8",
        )
        return time.monotonic() - begun

    if cuda:
        clip(min(job.steps, 2))  # kernels are chosen and loaded by the first clip
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(job.device)
    seconds = min(clip(job.steps) for _ in range(job.repeats))
    return Runtime(seconds, torch.cuda.max_memory_allocated(job.device) if cuda else peak_resident())


def peak_resident() -> int | None:
    """The most memory that was resident in this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux carries getrusage's number over from the parent
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024 if "VmHWM" in lines else None
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _pipeline(job: Job) -> ConsistI2VPipeline:
    import torch

    from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline

    overrides = VARIANTS[job.variant].unet
    dtype = getattr(torch, job.dtype)
    if job.checkpoint is None:
        return random_pipeline(dict(overrides), job.device, dtype)
    pipeline = ConsistI2VPipeline.from_pretrained(
        job.checkpoint, torch_dtype=dtype, unet_config=overrides, local_files_only=True
    )
    return pipeline.to(job.device)


def random_pipeline(overrides: dict[str, Any], device: str, dtype: Any) -> ConsistI2VPipeline:
    """The pipeline at its published size with random weights, and a tokenizer of single letters.

    Args:
        overrides: Settings of the U-Net that win over the published ones.
        device: Where the weights are made.
        dtype: A torch dtype.
    """
    import torch
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from i2vbench.models.consisti2v.components import ddim_scheduler
    from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
    from i2vbench.models.consisti2v.unet import ConsistI2VUNet

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *_STOPS]
    tokenizer = CLIPTokenizer(
        vocab={word: index for index, word in enumerate(words)}, merges=[], pad_token="!", model_max_length=77
    )
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            unet = ConsistI2VUNet.from_config({}, **overrides).eval()
            vae = AutoencoderKL(**_VAE).eval()
            text_encoder = CLIPTextModel(CLIPTextConfig(**_TEXT)).eval()
    finally:
        torch.set_default_dtype(before)
    torch.nn.Module.to(unet, dtype)  # the rotary frequencies are made in float32; diffusers' own `to` warns
    return ConsistI2VPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=ddim_scheduler()
    )


# Stable Diffusion 2.1-base's, which the published checkpoint has frozen copies of.
_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}
_TEXT = {
    "vocab_size": 49408,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "hidden_act": "gelu",
    "projection_dim": 512,
}
