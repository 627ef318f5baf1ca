"""One step of training: what is drawn, what is dropped, the loss and its gradients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.models.consisti2v.training.objective import (
    Objective,
    TrainingStep,
    drop_texts,
    training_step,
)
from tests.reference.cases import Case
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.draws import RecordedDraws
from tests.reference.kinds.consisti2v import networks

TOKENIZER = "tokenizer_tiny"
"""These cases name none."""


@networks.one_thread
def training(case: Case) -> Iterator[Check]:
    """The recorded draws go in; everything between them and the gradients is compared."""
    sidecar = case.sidecar
    overrides, config = sidecar["config_overrides"], sidecar["unet_config"]
    keys = networks.keys_beside(case, config, overrides)
    unet = networks.unet(case, config, overrides, keys, sidecar["unet_alpha_shift"]).train()
    stated = {name: Tolerance.of(value) for name, value in sidecar["tolerance"].items()}
    draws = _draws(case)

    texts = drop_texts(sidecar["text_in"], sidecar["cfg_random_null_text_ratio"], draws)
    yield Check("sidecar: text_used", texts, sidecar["text_used"], EXACT)
    input_ids, text_embeddings = _encode(case, texts)
    step = training_step(
        unet,
        networks.vae(case, sidecar["vae_config"], networks.keys_beside(case, sidecar["vae_config"])),
        networks.scheduler(case, sidecar["scheduler_config"]),
        _objective(case, unet.config),
        draws,
        pixel_values=case.input("pixel_values"),
        text_embeddings=text_embeddings,
        frame_stride=_stride(case, unet.config),
    )
    step.loss.backward()

    yield from networks.shapes(case, "tensors")
    shapes = [list(case.tensors[f"randn{index}"].shape) for index in range(len(sidecar["torch_draws_in_order"]))]
    yield Check("sidecar: torch_draws_in_order", shapes, sidecar["torch_draws_in_order"], EXACT, minor=True)
    yield Check("sidecar: image_dropped", list(step.image_dropped), sidecar["image_dropped"], EXACT)
    ours: dict[str, Any] = _tensors(case, step) | {"input_ids": input_ids, "encoder_hidden_states": text_embeddings}
    ours |= {f"grad.{name}": parameter.grad for name, parameter in unet.named_parameters()}
    tolerances = {name.split(".")[0]: stated["tensors"] for name in case.tensors} | {"loss": stated["loss"]}
    yield from case.against(ours, tolerances | {"input_ids": EXACT, "timesteps": EXACT})
    yield Check("sidecar: loss", step.loss.item(), sidecar["loss"], stated["loss"])
    yield from _gradients(case, unet, stated["grad_norms"])


def _draws(case: Case) -> RecordedDraws:
    """Those of the file; ours ask for them in their order and refuse other shapes than they want."""
    count = len(case.sidecar["torch_draws_in_order"])
    normals = [case.input(f"randn{index}") for index in range(count)]
    uniforms = case.sidecar["python_random_draws"]
    return RecordedDraws(normals, case.input("timesteps"), uniforms["text"] + uniforms["image"])


def _objective(case: Case, config: Any) -> Objective:
    return Objective(
        prediction_type=case.sidecar["prediction_type"],
        noise_method=case.sidecar["noise_sampling_method"],
        noise_alpha=case.sidecar["noise_alpha"],
        text_dropout=case.sidecar["cfg_random_null_text_ratio"],
        image_dropout=case.sidecar["cfg_random_null_img_ratio"],
        first_frame_mode=config["first_frame_condition_mode"],
    )


def _encode(case: Case, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Token ids [b, L] and hidden states [b, L, D]."""
    config = case.sidecar["text_config"]
    encoder = networks.text_encoder(case, config, networks.keys_beside(case, config))
    return networks.encode(encoder, networks.tokenizer(case, case.sidecar.get("tokenizer", TOKENIZER)), texts)


def _stride(case: Case, config: Any) -> Tensor | None:
    recorded = case.input("frame_stride") if "frame_stride" in case.tensors else None
    return recorded if config["use_frame_stride_condition"] else None


def _tensors(case: Case, step: TrainingStep) -> dict[str, Any]:
    names = ("latents", "noise", "noisy_latents", "unet_sample", "target", "model_pred", "loss", "first_frame_latents")
    ours: dict[str, Any] = {name: getattr(step, name) for name in names}
    return ours | {"vae.mean": step.posterior_mean, "vae.std": step.posterior_std}


def _gradients(case: Case, unet: nn.Module, stated: Tolerance) -> Iterator[Check]:
    """Norms of some gradients and of all together, and which parameters have none."""
    gradients = {name: parameter.grad for name, parameter in unet.named_parameters()}
    for name, norm in case.sidecar["grad_norms"].items():
        gradient = gradients[name]
        yield Check(f"sidecar: grad_norms.{name}", 0.0 if gradient is None else gradient.norm().item(), norm, stated)
    norms = [gradient.norm() for gradient in gradients.values() if gradient is not None]
    yield Check("sidecar: total_grad_norm", torch.stack(norms).norm().item(), case.sidecar["total_grad_norm"], stated)

    without = [name for name, gradient in gradients.items() if gradient is None]
    expected = case.sidecar["parameters_without_gradient"]
    yield Check("sidecar: parameters_without_gradient.count", len(without), expected["count"], EXACT)
    patterns = sorted({re.sub(r"\d+", "N", name) for name in without})
    yield Check("sidecar: parameters_without_gradient.patterns", patterns, sorted(expected["patterns"]), EXACT)
