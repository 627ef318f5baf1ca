"""DynamiCrafter's entry script as a stand-in: its arguments, its folder of prompts, its names, without its network."""

import argparse
import glob
import os
import sys

import numpy
import torch
import torchvision
from omegaconf import OmegaConf
from PIL import Image
from pytorch_lightning import seed_everything

sys.path.insert(1, os.path.join(sys.path[0], "..", ".."))
from lvdm import instantiate_from_config
from standin import frames_of


def load_model_checkpoint(model, ckpt):
    model.load_state_dict(torch.load(ckpt, map_location="cpu")["state_dict"], strict=True)
    return model


def listed(folder, endings):
    return sorted(path for ending in endings for path in glob.glob(os.path.join(folder, "*." + ending)))


def load_data_prompts(data_dir, video_size=(256, 256), video_frames=16, interp=False):
    lines = listed(data_dir, ["txt"])
    assert lines, "no file of prompts"
    with open(lines[0]) as file:
        prompts = [line.strip() for line in file.readlines() if line.strip()]
    pictures = listed(data_dir, ["jpg", "png", "jpeg", "JPEG", "PNG"])
    frames = [numpy.array(Image.open(pictures[i]).convert("RGB")) for i in range(len(prompts))]
    assert all(frame.shape == (*video_size, 3) for frame in frames)
    return [os.path.split(pictures[i])[1] for i in range(len(prompts))], frames, prompts


def save_results_seperate(frames, filename, fakedir, fps):
    path = os.path.join(fakedir.replace("samples", "samples_separate"), f"{filename.split('.')[0]}_sample0.mp4")
    torchvision.io.write_video(path, frames, fps=fps, video_codec="h264", options={"crf": "10"})


def run_inference(args, gpu_num, gpu_no):
    config = OmegaConf.load(args.config).pop("model", OmegaConf.create())
    model = instantiate_from_config(config).cuda(gpu_no)
    assert os.path.exists(args.ckpt_path)
    model = load_model_checkpoint(model, args.ckpt_path)
    assert args.height % 16 == 0
    assert args.bs == 1
    fakedir = os.path.join(args.savedir, "samples")
    os.makedirs(os.path.join(args.savedir, "samples_separate"), exist_ok=True)
    assert os.path.exists(args.prompt_dir)
    names, pictures, prompts = load_data_prompts(
        args.prompt_dir, video_size=(args.height, args.width), video_frames=args.video_length, interp=args.interp
    )
    for name, picture, prompt in zip(names, pictures, prompts, strict=True):
        assert args.text_input
        assert args.unconditional_guidance_scale == 7.5
        frames = frames_of(picture, prompt, torch.randn(args.video_length, device="cuda") / args.frame_stride)
        save_results_seperate(frames, name, fakedir, fps=8)


def get_parser():
    parser = argparse.ArgumentParser()
    for name in ("savedir", "ckpt_path", "config", "prompt_dir"):
        parser.add_argument("--" + name, type=str, default=None)
    for name, default in (("n_samples", 1), ("ddim_steps", 50), ("bs", 1), ("height", 512), ("width", 512)):
        parser.add_argument("--" + name, type=int, default=default)
    for name, default in (("frame_stride", 3), ("seed", 123), ("video_length", 16)):
        parser.add_argument("--" + name, type=int, default=default)
    for name, default in (("ddim_eta", 1.0), ("unconditional_guidance_scale", 1.0), ("guidance_rescale", 0.0)):
        parser.add_argument("--" + name, type=float, default=default)
    parser.add_argument("--cfg_img", type=float, default=None)
    parser.add_argument("--timestep_spacing", type=str, default="uniform")
    for name in ("negative_prompt", "text_input", "multiple_cond_cfg", "perframe_ae", "loop", "interp"):
        parser.add_argument("--" + name, action="store_true", default=False)
    return parser


if __name__ == "__main__":
    args = get_parser().parse_args()
    seed_everything(args.seed)
    run_inference(args, 1, 0)
