"""AnimateAnything's entry script as a stand-in: its arguments, its settings, its names, without its network."""

import argparse
import math
import os

import imageio
import numpy
import torch
from omegaconf import OmegaConf
from PIL import Image
from standin import frames_of, record


class UNet3DConditionModel(torch.Module):
    pass


def load_primary_models(pretrained_model_path, in_channels=-1, motion_strength=False):
    assert os.path.isfile(os.path.join(pretrained_model_path, "config.yaml"))
    assert motion_strength
    return None, None, torch.Module(), torch.Module(), UNet3DConditionModel()


def eval(validation_data, out_file, index):
    picture = Image.open(validation_data.prompt_image)
    width, height = picture.size
    scale = math.sqrt(width * height / (validation_data.height * validation_data.width))
    validation_data.height = round(height / scale / 8) * 8
    validation_data.width = round(width / scale / 8) * 8
    picture = picture.resize((validation_data.width, validation_data.height))
    mask = numpy.full([validation_data.height, validation_data.width], 255, dtype=numpy.uint8)
    Image.fromarray(mask).save(os.path.splitext(out_file)[0] + "_mask.jpg")
    record(strength=validation_data.get("strength", index + 3))
    assert validation_data.guidance_scale == 9
    assert validation_data.num_inference_steps == 25
    noise = torch.randn(validation_data.num_frames, device="cuda")
    frames = frames_of(numpy.array(picture), validation_data.prompt, noise)
    fps = validation_data.get("fps", 8)
    imageio.mimwrite(out_file, list(frames), duration=int(1000 / fps), loop=0)
    imageio.mimwrite(out_file.replace("gif", ".mp4"), list(frames), fps=fps)
    return 1


def batch_eval(
    unet, text_encoder, vae, vae_processor, path, validation_data, output_dir, preview, global_step=0, iters=6
):
    for t in range(iters):
        name = os.path.basename(validation_data.prompt_image)
        folder = f"{output_dir}/{name.split('.')[0]}"
        os.makedirs(folder, exist_ok=True)
        eval(validation_data, f"{folder}/{global_step + t}.gif", t)


def main_eval(pretrained_model_path, validation_data, seed=None, motion_mask=False, motion_strength=False, **kwargs):
    if seed is not None:
        torch.manual_seed(seed)
    _, _, text_encoder, vae, unet = load_primary_models(pretrained_model_path, motion_strength=motion_strength)
    batch_eval(unet, text_encoder, vae, None, pretrained_model_path, validation_data, "output/demo", True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=str, default="./configs/my_config.yaml")
    parser.add_argument("--eval", action="store_true")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    settings = OmegaConf.merge(OmegaConf.load(args.config), OmegaConf.from_dotlist(args.rest))
    assert args.eval
    main_eval(**settings)
