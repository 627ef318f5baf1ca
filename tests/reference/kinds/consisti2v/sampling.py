"""The pipeline from a picture and a prompt to a video, in one clip or several that go on from one another.

The published scripts seed torch's global generator. A generator of our own with that seed gives the same stream, so
what is drawn is compared as well, and so is everything on the way that was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from i2vbench.models.consisti2v import ConsistI2VPipeline
from i2vbench.models.consisti2v import pipeline as pipeline_module
from i2vbench.models.consisti2v.frameinit import FrameInit
from tests.reference.cases import Case
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.consisti2v import networks

LATENTS = ("initial_noise", "unet_input", "unet_output", "step_latents", "final_latents")


@networks.one_thread
def pipeline(case: Case) -> Iterator[Check]:
    """Every tensor from the VAE's input to the video; names of a long video's chunks end in their number."""
    sidecar = case.sidecar
    pipe = _build(case)
    stated = {name: Tolerance.of(value) for name, value in sidecar["tolerance"].items()}
    ours = _sample(case, pipe)
    tolerances: dict[str, Tolerance | None] = dict.fromkeys(LATENTS, stated["latents"])
    tolerances |= {"video": stated["video"], "timesteps": EXACT, "input_ids": EXACT, "negative_input_ids": EXACT}
    yield from case.against(ours, tolerances)
    yield from networks.shapes(case, "tensors")
    yield Check("sidecar: draws_in_order", ours["draws"], sidecar["draws_in_order"], EXACT)
    if "final_latents_std" in sidecar:
        deviation = ours["final_latents"].std().item()
        yield Check("sidecar: final_latents_std", deviation, sidecar["final_latents_std"], stated["latents"])


def _build(case: Case) -> ConsistI2VPipeline:
    sidecar, keys = case.sidecar, case.sidecar["keys"]
    pipe = ConsistI2VPipeline(
        vae=networks.vae(case, sidecar["vae_config"], keys["vae"]),
        text_encoder=networks.text_encoder(case, sidecar["text_config"], keys["text"]),
        tokenizer=networks.tokenizer(case, sidecar["tokenizer"]),
        unet=networks.unet(
            case, sidecar["unet_config"], sidecar["unet_config_overrides"], keys["unet"], sidecar["unet_alpha_shift"]
        ),
        scheduler=networks.scheduler(case, sidecar["scheduler_config"]),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _sample(case: Case, pipe: ConsistI2VPipeline) -> dict[str, Any]:
    """Run it, and give what passed through it under the names of the recording."""
    sidecar = case.sidecar
    chunks = sidecar["autoregress_steps"]
    images = case.inputs("image.")
    motion = sidecar["camera_motion"]
    latents: list[Tensor] = []

    def keep(pipe: object, step: int, timestep: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        latents.append(tensors["latents"])
        return {}

    with Taps() as taps:
        taps.watch(torch, "randn")
        taps.watch(pipe.vae, "encode")
        taps.watch(pipe.unet, "project_text")
        taps.watch(pipe.unet, "forward")
        taps.watch(pipe.scheduler, "step")
        taps.watch(pipe, "decode_latents")
        taps.watch(pipeline_module, "initial_noise")
        frames = pipe(
            [images[str(index)].numpy() for index in range(len(images))],
            sidecar["prompt"],
            negative_prompt=sidecar["negative_prompt"],
            height=sidecar["height"],
            width=sidecar["width"],
            num_frames=sidecar["video_length"],
            num_inference_steps=sidecar["num_inference_steps"],
            guidance_scale=sidecar["guidance_scale_txt"],
            image_guidance_scale=sidecar["guidance_scale_img"],
            guidance_rescale=sidecar["guidance_rescale"],
            eta=sidecar["eta"],
            frame_stride=sidecar["frame_stride"],
            noise_method=sidecar["noise_sampling_method"],
            noise_alpha=sidecar["noise_alpha"],
            frameinit=_frameinit(sidecar),
            camera_motion=motion.replace("_", "-") if motion else None,
            num_videos_per_prompt=sidecar["num_videos_per_prompt"],
            autoregressive_chunks=chunks or 1,
            generator=torch.Generator().manual_seed(sidecar["torch_seed"]),
            output_type="pt",
            callback_on_step_end=keep,
        ).frames  # [b, T, 3, H, W]
    ours = _encoded(case, pipe, taps) | {"video": frames.transpose(1, 2), "timesteps": pipe.scheduler.timesteps}
    ours["final_latents"] = taps.arguments("decode_latents")[0][0]
    steps = sidecar["num_inference_steps"]
    for chunk in range(chunks or 1):
        ours |= _chunk(taps, latents, chunk, steps, "" if chunks is None else f".{chunk}")
    return ours


def _frameinit(sidecar: dict[str, Any]) -> FrameInit | None:
    if not sidecar["use_frameinit"]:
        return None
    settings = {key: value for key, value in sidecar["frameinit_filter"].items() if value is not None}
    if "n" in settings:
        settings["order"] = settings.pop("n")
    return FrameInit(tau=sidecar["frameinit_noise_level"], **settings)


def _encoded(case: Case, pipe: ConsistI2VPipeline, taps: Taps) -> dict[str, Any]:
    """What the VAE and the text encoder were given and gave, and the shapes of all draws."""
    posteriors = [result.latent_dist for result in taps.results("encode")]
    drawn = taps.results("randn")
    sidecar = case.sidecar
    input_ids, _ = networks.encode(pipe.text_encoder, pipe.tokenizer, sidecar["prompt"])
    # The published code encodes the negative prompt once a prompt, and also where nothing is guided.
    negative = [sidecar["negative_prompt"]] * len(sidecar["prompt"])
    negative_ids, _ = networks.encode(pipe.text_encoder, pipe.tokenizer, negative)
    return {
        "vae.input": torch.cat([arguments[0] for arguments in taps.arguments("encode")]),
        "vae.mean": torch.cat([posterior.mean for posterior in posteriors]),
        "vae.std": torch.cat([posterior.std for posterior in posteriors]),
        "vae.eps": drawn[0],
        "text_embeddings": taps.arguments("project_text")[0][0],
        "input_ids": input_ids,
        "negative_input_ids": negative_ids,
        "draws": [list(draw.shape) for draw in drawn],
    }


def _chunk(taps: Taps, latents: list[Tensor], chunk: int, steps: int, suffix: str) -> dict[str, Any]:
    """One clip: its initial noise, before FrameInit; the U-Net's first call; and all steps."""
    first = chunk * steps
    arguments, keywords, result = taps.calls["forward"][first]
    step_noise = [keywords["variance_noise"] for _, keywords, _ in taps.calls["step"][first : first + steps]]
    ours = {
        f"initial_noise{suffix}": taps.results("initial_noise")[chunk],
        f"unet_input.latents{suffix}": arguments[0],
        f"unet_input.first_frame{suffix}": keywords["first_frame_latents"],
        f"unet_output{suffix}": result[0],
        f"step_latents{suffix}": torch.stack(latents[first : first + steps]),
    }
    if None not in step_noise:
        ours[f"variance_noise{suffix}"] = torch.stack(step_noise)
    return ours


class Taps:
    """Keeps what passes through functions, which go on as they are, while in the context."""

    def __init__(self) -> None:
        self.calls: dict[str, list[tuple[tuple[Any, ...], dict[str, Any], Any]]] = {}
        self._patches = ExitStack()

    def __enter__(self) -> Taps:
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def watch(self, owner: Any, name: str) -> None:
        """Keep the calls of an object's or a module's function under its name."""
        function = getattr(owner, name)
        calls = self.calls.setdefault(name, [])

        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            result = function(*arguments, **keywords)
            calls.append((arguments, keywords, result))
            return result

        self._patches.enter_context(patch.object(owner, name, wrapper))

    def arguments(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for arguments, _, _ in self.calls[name]]

    def results(self, name: str) -> list[Any]:
        return [result for _, _, result in self.calls[name]]
