"""SEINE's entry script as a stand-in: its arguments, its file of settings, its names, without its network."""

import argparse
import os

import numpy
import torch
import torchvision
from diffusers import AutoencoderKL
from omegaconf import OmegaConf
from PIL import Image
from standin import frames_of


class TextEmbedder(torch.Module):
    def __init__(self, path):
        assert os.path.isdir(path), path
        super().__init__()


class UNet(torch.Module):
    pass


def get_models(args):
    assert args.model == "UNet"
    assert args.use_mask
    return UNet()


def get_input(args):
    assert os.path.splitext(args.input_path)[1] in (".jpg", ".png")
    return numpy.array(Image.open(args.input_path))


def main(args):
    if args.seed:
        torch.manual_seed(args.seed)
    torch.set_grad_enabled(False)
    args.image_h, args.image_w = args.image_size
    model = get_models(args).to("cpu")
    model.load_state_dict(torch.load(args.ckpt, map_location=None)["ema"])
    AutoencoderKL.from_pretrained(args.pretrained_model_path, subfolder="vae").to("cpu")
    TextEmbedder(args.pretrained_model_path).to("cpu")
    prompt = args.text_prompt
    prompt = os.path.basename(args.input_path).split(".")[0].replace("_", " ") if prompt == [] else prompt[0]
    name = prompt.replace(" ", "_")
    prompt = prompt + args.additional_prompt
    if not os.path.exists(args.save_path):
        os.makedirs(args.save_path)
    picture = get_input(args)
    assert picture.shape == (args.image_h, args.image_w, 3), picture.shape
    assert args.num_sampling_steps == 250
    assert args.cfg_scale == 8.0
    frames = frames_of(picture, prompt, torch.randn(args.num_frames, device="cuda"))
    torchvision.io.write_video(os.path.join(args.save_path, name + ".mp4"), frames, fps=8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=str, default="./configs/sample_mask.yaml")
    main(OmegaConf.load(parser.parse_args().config))
