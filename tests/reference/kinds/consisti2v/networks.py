"""The networks of a case, built from the configurations and key lists that it names and filled by the recipe."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from i2vbench.models.consisti2v import ConsistI2VUNet
from i2vbench.models.consisti2v.checkpoint import fill
from i2vbench.models.consisti2v.components import ddim_scheduler
from i2vbench.models.consisti2v.encoders import encode_prompts
from tests.reference import recipe
from tests.reference.cases import BUNDLED, Case
from tests.reference.compare import EXACT, Check

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer


def one_thread(kind: Callable[[Case], Iterator[Check]]) -> Callable[[Case], Iterator[Check]]:
    """A kind that computes in one thread: in networks this small threads mostly wait for one another."""

    @functools.wraps(kind)
    def limited(case: Case) -> Iterator[Check]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield from kind(case)
        finally:
            torch.set_num_threads(threads)

    return limited


def unet(case: Case, config: str, overrides: dict[str, Any], keys: str, alpha_shift: float) -> ConsistI2VUNet:
    """Ours, filled through its own loader, in evaluation mode."""
    network = ConsistI2VUNet.from_config(case.read_json(config), **overrides)
    network.load_published(recipe.unet_state(case.read_json(keys), case.sidecar["weights_seed"], alpha_shift))
    network.eval()
    return network


def vae(case: Case, config: str, keys: str) -> AutoencoderKL:
    """diffusers' VAE."""
    from diffusers import AutoencoderKL

    network = AutoencoderKL.from_config(case.read_json(config))
    fill(network, recipe.state(case.read_json(keys), case.sidecar["weights_seed"]), "the VAE")
    return network.eval()


def text_encoder(case: Case, config: str, keys: str) -> CLIPTextModel:
    """transformers' CLIP text model."""
    from transformers import CLIPTextConfig, CLIPTextModel

    settings = {key: value for key, value in case.read_json(config).items() if not key.startswith("_")}
    network = CLIPTextModel(CLIPTextConfig(**settings))
    fill(network, recipe.state(case.read_json(keys), case.sidecar["weights_seed"]), "the text encoder")
    return network.eval()


def tokenizer(case: Case, folder: str) -> CLIPTokenizer:
    """The case's byte-level tokenizer."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(case.find(folder), clean_up_tokenization_spaces=False)


def scheduler(case: Case, config: str = "scheduler_config.json") -> DDIMScheduler:
    """The pipeline's own scheduler, unless the case's configuration is another than the published one."""
    from diffusers import DDIMScheduler

    settings = case.read_json(config)
    published = json.loads((BUNDLED / "consisti2v" / "scheduler_config.json").read_text(encoding="utf-8"))
    return ddim_scheduler() if settings == published else DDIMScheduler.from_config(settings)


def encode(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Token ids [n, L] that ours gives the encoder, and the embeddings [n, L, D]."""
    seen: list[Tensor] = []

    def keep(module: object, arguments: tuple[Tensor, ...], keywords: dict[str, Tensor]) -> None:
        seen.append(arguments[0] if arguments else keywords["input_ids"])

    handle = encoder.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        with torch.no_grad():
            embeddings = encode_prompts(encoder, tokenizer, texts)
    finally:
        handle.remove()
    return torch.cat(seen), embeddings


def keys_beside(case: Case, config: str, overrides: dict[str, Any] | None = None) -> str:
    """The key list that belongs to a configuration, for a case that names none.

    A network's key list is called like its configuration: unet_tiny_config.json, unet_tiny_keys.json; a variant with
    other keys has a suffix. A configuration called otherwise has the tiny network's.
    """
    stem = config.removesuffix(".json").removesuffix("_config") + "_keys"
    suffix = "".join(suffix for (name, value), suffix in _VARIANTS.items() if (overrides or {}).get(name) == value)
    names = (f"{stem}{suffix}.json", f"{config.split('_')[0]}_tiny_keys{suffix}.json")
    return next(filter(case.has, names), names[0])


_VARIANTS: dict[tuple[str, object], str] = {
    ("use_frame_stride_condition", False): "-nostride",
    ("temp_pos_embedding", "sinusoidal"): "-sinusoidal",
    ("first_frame_condition_mode", "conv2d"): "-conv2d",
    ("use_temporal", False): "-notemporal",
}


def shapes(case: Case, field: str, prefix: str = "") -> Iterator[Check]:
    """The shapes that the sidecar lists under `field` are those of the file's tensors."""
    for name, shape in case.sidecar.get(field, {}).items():
        if prefix + name in case.tensors:
            yield Check(f"sidecar: {field}.{name}", list(case.tensors[prefix + name].shape), shape, EXACT, minor=True)
