"""Its entry point for I2VGen-XL: the list, the seed, the names and the last frame as published, without the network."""

import logging
import os
import os.path as osp
import re
from importlib import reload
from types import SimpleNamespace

import numpy
import torch
from PIL import Image
from standin import encode, frames_of
from utils.assign_cfg import read_yaml
from utils.registry_class import AUTO_ENCODER, DIFFUSION, EMBEDDER, INFER_ENGINE, MODEL


def save_i2vgen_video_safe(local_path, video, captions, mean, std, text_size=256, retry=5, save_fps=8):
    frames = ((video[0] * std[0] + mean[0]).clip(0, 1) * 255).transpose(1, 2, 3, 0).astype("uint8")
    if numpy.mean((frames[-1] >= 117) & (frames[-1] <= 137)) > 0.4:
        frames = frames[:-1]
    encode(local_path, frames, save_fps)


@INFER_ENGINE.register_function()
def inference_i2vgen_entrance(cfg_update, **kwargs):
    cfg = SimpleNamespace(**{"mean": [0.5] * 3, "std": [0.5] * 3, **read_yaml(cfg_update["vldm_cfg"])})
    for name, value in cfg_update.items():
        known = getattr(cfg, name, None)
        setattr(cfg, name, {**known, **value} if isinstance(value, dict) and known else value)
    worker(cfg)


def worker(cfg):
    cfg.seed = int(cfg.seed)
    torch.manual_seed(cfg.seed)
    exp_name = osp.basename(cfg.test_list_path).split(".")[0]
    cfg.log_dir = osp.join(cfg.log_dir, exp_name)
    os.makedirs(cfg.log_dir, exist_ok=True)
    reload(logging)
    logging.basicConfig(level=logging.INFO, handlers=[logging.FileHandler(osp.join(cfg.log_dir, "log_00.txt"))])
    assert len(cfg.resolution) == 2, cfg.resolution
    DIFFUSION.build({"type": "DiffusionDDIM"})
    EMBEDDER.build(cfg.embedder)
    AUTO_ENCODER.build(cfg.auto_encoder)
    model = MODEL.build(cfg.UNet)
    checkpoint = torch.load(cfg.test_model, map_location="cpu")
    model.load_state_dict(checkpoint["state_dict"], strict=True)
    lines = [line.strip() for line in open(cfg.test_list_path).readlines()]  # noqa: SIM115
    for idx, line in enumerate(one for one in lines for _ in range(cfg.round)):
        if line.startswith("#"):
            continue
        img_key, caption = line.split("|||")
        if caption == "":
            continue
        image = Image.open(img_key)
        assert [image.width, image.height] == cfg.resolution
        frames = frames_of(numpy.array(image.convert("RGB")), caption, torch.randn(cfg.max_frames))
        video = (frames.transpose(3, 0, 1, 2)[None] / 255.0 - 0.5) / 0.5
        name = re.sub(r"[^\w\s]", "", caption).replace(" ", "_")
        path = osp.join(cfg.log_dir, f"{osp.basename(img_key).split('.')[0]}_01_00_{name}_{idx:02d}.mp4")
        try:
            save_i2vgen_video_safe(path, video, [caption], cfg.mean, cfg.std, cfg.resolution[-1])
        except Exception as error:  # noqa: BLE001 - as published
            print(f"Step: save text or video error with {error}")
