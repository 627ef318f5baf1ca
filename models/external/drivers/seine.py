"""SEINE, kept alive: its own main() makes every video, and finds what it would load already loaded."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from serve import import_script  # type: ignore[import-not-found]  # beside this file

sample: Any = None


def load(job: dict[str, Any]) -> None:
    global sample
    sample = import_script(os.path.join(job["repository"], "sample_scripts", "with_mask_sample.py"))
    config = SimpleNamespace(**job["config"])
    model = sample.get_models(config)
    model.load_state_dict(sample.torch.load(config.ckpt, map_location="cpu")["ema"])
    vae = sample.AutoencoderKL.from_pretrained(config.pretrained_model_path, subfolder="vae")
    text_encoder = sample.TextEmbedder(config.pretrained_model_path)
    model.load_state_dict = lambda state: None  # main() fills it again for every request
    sample.torch.load = lambda *_, **__: {"ema": None}
    sample.get_models = lambda _: model
    sample.AutoencoderKL = SimpleNamespace(from_pretrained=lambda *_, **__: vae)
    sample.TextEmbedder = lambda *_: text_encoder


def generate(request: dict[str, Any]) -> Any:
    made: list[Any] = []
    # In place of H.264: the frames [T, H, W, 3] as they are.
    sample.torchvision.io.write_video = lambda path, frames, fps: made.append(frames)
    sample.torch.manual_seed(request["seed"])  # main() takes a seed of 0 for none
    sample.main(SimpleNamespace(**request["config"]))
    return made[0]
