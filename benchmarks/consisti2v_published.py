"""One clip with the published ConsistI2V code; run by benchmarks/consisti2v.py in an environment of that code's own."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

UNET = {
    "sample_size": 64, "in_channels": 4, "out_channels": 4, "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "use_temporal": True, "n_temp_heads": 8, "first_frame_condition_mode": "concat", "augment_temporal_attention": True,
    "temp_pos_embedding": "rotary", "use_frame_stride_condition": True,
}  # fmt: skip


def main(checkout: str, settings: dict[str, int | str]) -> None:
    sys.path.insert(0, checkout)
    from consisti2v.models.videoldm_unet import VideoLDMUNet3DConditionModel
    from consisti2v.pipelines.pipeline_conditional_animation import ConditionalAnimationPipeline
    from diffusers import AutoencoderKL, DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    frames, height, width = (int(settings[key]) for key in ("num_frames", "height", "width"))
    device = str(settings["device"])
    torch.manual_seed(0)
    unet = VideoLDMUNet3DConditionModel(**UNET, n_frames=frames).eval()
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
    ).eval()
    text = CLIPTextConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu"
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="linear", steps_offset=1, clip_sample=False
    )
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = CLIPTokenizer(*letters(Path(folder)), model_max_length=77, pad_token="!")
    pipeline = ConditionalAnimationPipeline(
        vae=vae, text_encoder=CLIPTextModel(text).eval(), tokenizer=tokenizer, unet=unet, scheduler=scheduler
    ).to(device)
    pipeline.set_progress_bar_config(disable=True)
    pipeline._progress_bar_config = {"disable": True}
    parameters = {"method": "gaussian", "d_s": 0.25, "d_t": 0.25}
    pipeline.init_filter(width=width, height=height, video_length=frames, filter_params=Parameters(parameters))
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, height, width)).astype(np.float32) / 127.5 - 1

    def clip(steps: int) -> float:
        begun = time.monotonic()
        pipeline(
            ["a dog swimming"], video_length=frames, height=height, width=width, num_inference_steps=steps,
            guidance_scale_txt=7.5, guidance_scale_img=1.0, first_frames=torch.from_numpy(picture), frame_stride=3,
            noise_sampling_method="pyoco_mixed", use_frameinit=True, frameinit_noise_level=850, negative_prompt="",
        )  # fmt: skip
        return time.monotonic() - begun

    cuda = device.startswith("cuda")
    if cuda:
        clip(2)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    seconds = min(clip(int(settings["steps"])) for _ in range(int(settings["repeats"])))
    memory = torch.cuda.max_memory_allocated(device) if cuda else peak_resident()
    print(json.dumps({"seconds": seconds, "memory_bytes": memory, "flops": flops(unet, frames, height, width, device)}))


class Parameters(dict):  # type: ignore[type-arg]
    """The published code reads its settings as attributes."""

    __getattr__ = dict.__getitem__


def flops(unet: torch.nn.Module, frames: int, height: int, width: int, device: str) -> int:
    """Of one forward pass, counted as ours are; really run, for the code cannot run on the meta device."""
    size = (height // 8, width // 8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        unet(
            torch.zeros(1, 4, frames - 1, *size, device=device),
            500,
            torch.zeros(1, 77, 1024, device=device),
            first_frame_latents=torch.zeros(1, 4, 1, *size, device=device),
            frame_stride=3,
        )
    return int(counter.get_total_flops())


def letters(folder: Path) -> tuple[str, str]:
    """Vocabulary and merges of a tokenizer of single letters."""
    characters = [chr(code) for code in range(33, 127)]
    words = [*characters, *(f"{c}</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return str(folder / "vocab.json"), str(folder / "merges.txt")


def peak_resident() -> int:
    """The most memory that was resident in this process, in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
