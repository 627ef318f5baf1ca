"""CLIP-tiny's text transformer as Hugging Face has it, as Stable Diffusion 2.1 has OpenCLIP's."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from i2vbench import weights
from i2vbench.checkpoints import fill
from i2vbench.metrics.networks.bpe import tokenizer
from i2vbench.metrics.networks.clip import Sizes

START, END = "<|startoftext|>", "<|endoftext|>"
"""Open_clip spells them otherwise.

Texts are padded with the end, as OpenAI's were. Open_clip pads with 0, the id of "!", which Hugging Face's tokenizer
would then take for padding wherever a prompt has it."""

_NAMES = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
"""Of a block's modules: open_clip's and Hugging Face's."""


def read_text_encoder(checkpoint: str = "tiny_clip") -> tuple[CLIPTextModel, CLIPTokenizer]:
    """The text transformer of a CLIP in the catalogue, float32, in evaluation mode, without gradients; its tokenizer.

    Its last hidden states are open_clip's after the final norm, of the same tokens, up to the end of a text. For
    vocab.json and merges.txt see `complete_layout` of components.py.
    """
    sizes = Sizes(**weights.entry(checkpoint).sizes)
    return text_model(weights.read(checkpoint), sizes), text_tokenizer(sizes)


def text_model(state: Mapping[str, Tensor], sizes: Sizes) -> CLIPTextModel:
    """The text transformer among the tensors of open_clip's CLIP; its projection is left out."""
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.text_width,
            intermediate_size=4 * sizes.text_width,
            projection_dim=sizes.features,
            num_hidden_layers=sizes.text_layers,
            num_attention_heads=sizes.text_heads,
            max_position_embeddings=sizes.context_length,
            hidden_act="quick_gelu",
            pad_token_id=sizes.vocabulary - 1,
            bos_token_id=sizes.vocabulary - 2,
            eos_token_id=sizes.vocabulary - 1,
        )
    )
    ours = {
        "embeddings.token_embedding.weight": state["token_embedding.weight"],
        "embeddings.position_embedding.weight": state["positional_embedding"],
        "final_layer_norm.weight": state["ln_final.weight"],
        "final_layer_norm.bias": state["ln_final.bias"],
    }
    for layer in range(sizes.text_layers):
        block, target = f"transformer.resblocks.{layer}", f"encoder.layers.{layer}"
        for kind in ("weight", "bias"):
            parts = state[f"{block}.attn.in_proj_{kind}"].chunk(3)
            for name, part in zip("qkv", parts, strict=True):
                ours[f"{target}.self_attn.{name}_proj.{kind}"] = part
            for old, new in _NAMES.items():
                ours[f"{target}.{new}.{kind}"] = state[f"{block}.{old}.{kind}"]
    # Releases of transformers differ in whether a prefix stands before all names.
    prefix = "text_model." if any(name.startswith("text_model.") for name in model.state_dict()) else ""
    fill(model, {prefix + name: tensor.float() for name, tensor in ours.items()}, "the text encoder")
    return model.eval().requires_grad_(False)


def text_tokenizer(sizes: Sizes) -> CLIPTokenizer:
    """The cut byte-pair encoding; ids are those of `clip.tokenize` up to the end of a text that ftfy does not mend."""
    encoding = tokenizer(sizes.vocabulary, sizes.context_length)
    *words, _start, _end = encoding.encoder
    return CLIPTokenizer(
        vocab={word: number for number, word in enumerate([*words, START, END])},
        merges=[(first, second) for first, second in encoding.bpe_ranks],
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=sizes.context_length,
    )
