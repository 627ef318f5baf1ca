"""ViCLIP-L/14, which sees eight frames and reads a text: the network of overall video-text consistency.

Matches VBench 0.1.5 (commit 45e79ec), `third_party/ViCLIP`, with ViClip-InternVid-10M-FLT.pth (Wang et al., InternVid,
ICLR 2024): CLIP's ViT-L/14 whose attention spans the patches of all frames and one class token, and CLIP's text
transformer with 32 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.bpe import VOCABULARY, tokenizer
from i2vbench.metrics.networks.layers import in_float32

SIZE_PX = 224
PATCH_PX = 14
NUM_FRAMES = 8
CONTEXT_LENGTH = 32

TOKENS_AT_ONCE = 1025
"""In the widest layer: half a clip, 17 MB. A whole one is a little over 32 MiB, from where on glibc's allocator returns
memory to the system each time. With `_GELU` in the products, the two layers take 15 % less time on a CPU so."""

_UNUSED = frozenset({"temp"})
"""Of the published keys, the temperature of the training loss: features and cosines are the same without it."""

_GELU = 1.702


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; the tiny profile and tests take smaller ones."""

    vision_width: int = 1024
    vision_layers: int = 24
    vision_heads: int = 16
    text_width: int = 768
    text_layers: int = 12
    text_heads: int = 12
    features: int = 768
    patch_px: int = PATCH_PX
    vocabulary: int = VOCABULARY
    context_length: int = CONTEXT_LENGTH


PUBLISHED = Sizes()


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> ViCLIP:
    """The network with the tensors of the published checkpoint, float32, in evaluation mode, without gradients.

    Args:
        state: Tensors by name, or what holds them under `model`; with or without `temp`, which only training needs.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network = ViCLIP(sizes)
    given = {name: value for name, value in unwrap(state).items() if name not in _UNUSED}
    fill(network, given, "ViCLIP-L/14", dtype=torch.float32)
    return network.eval().requires_grad_(False)


def tokenize(
    texts: Sequence[str], *, vocabulary: int = VOCABULARY, context_length: int = CONTEXT_LENGTH
) -> tuple[Tensor, list[int]]:
    """Token ids of texts, and how many of each text were cut off.

    Open_clip's tokenizer gives the published one's ids but for a text that spells out a start or end token, which the
    two spell differently.

    Returns:
        int64 [N, 32]: 49406, the text's, 49407, zeros. Of a text with more than 30 the first 30 stay.
    """
    encoding = tokenizer(vocabulary, context_length)
    cut = [max(0, len(encoding.encode(text)) - (context_length - 2)) for text in texts]
    return encoding(list(texts)), cut


class ViCLIP(nn.Module):
    """The two encoders; the modules bear the names of the published checkpoint."""

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        self.vocab_size, self.context_length = sizes.vocabulary, sizes.context_length  # as open_clip's CLIP has them
        self.vision_encoder = VisionEncoder(sizes)
        self.text_encoder = TextEncoder(sizes)


class VisionEncoder(nn.Module):
    """A transformer over the patches of all frames at once."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, patch = sizes.vision_width, sizes.patch_px
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty((SIZE_PX // patch) ** 2 + 1, width))
        self.temporal_positional_embedding = nn.Parameter(torch.empty(1, NUM_FRAMES, width))
        self.conv1 = nn.Conv3d(3, width, (1, patch, patch), (1, patch, patch), bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, sizes.vision_layers, sizes.vision_heads)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.empty(width, sizes.features))

    @in_float32
    def forward(self, videos: Tensor) -> Tensor:
        """Features of clips of eight frames.

        Args:
            videos: float32 [N, 8, 3, 224, 224], preprocessed.

        Returns:
            [N, 768], not normalised.

        Raises:
            ValueError: Another number of frames, or another size. A single frame would take the mean of the
                temporal table in the published code; here the one who samples repeats it.
        """
        if tuple(videos.shape[1:]) != (NUM_FRAMES, 3, SIZE_PX, SIZE_PX):
            raise ValueError(
                f"ViCLIP: expected videos [N, {NUM_FRAMES}, 3, {SIZE_PX}, {SIZE_PX}], got {list(videos.shape)}"
            )
        x = self._patches(videos) + self.positional_embedding[1:, None]  # [N, 256, 8, C]
        x = (x + self.temporal_positional_embedding).flatten(1, 2)  # [N, 2048, C], all frames of a patch side by side
        # One class token for the clip, without a place in time.
        first = (self.class_embedding + self.positional_embedding[0]).expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat((first, x), dim=1))  # [N, 2049, C]
        x = self.transformer(x, wanted=1)  # [N, 1, C]
        features: Tensor = self.ln_post(x[:, 0]) @ self.proj
        return features

    def _patches(self, videos: Tensor) -> Tensor:
        """The convolution as a product, since its steps are its size: [N, 8, 3, 224, 224] -> [N, 256, 8, C]."""
        size = self.conv1.kernel_size[1]
        x = videos.unfold(3, size, size).unfold(4, size, size)  # [N, 8, 3, 16, 16, 14, 14]
        x = x.permute(0, 3, 4, 1, 2, 5, 6).flatten(4).flatten(1, 2)  # [N, 256, 8, 588]
        return F.linear(x, self.conv1.weight.flatten(1))


class TextEncoder(nn.Module):
    """CLIP's causal text transformer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.text_width
        self.positional_embedding = nn.Parameter(torch.empty(sizes.context_length, width))
        self.text_projection = nn.Parameter(torch.empty(width, sizes.features))
        self.transformer = Transformer(width, sizes.text_layers, sizes.text_heads, causal=True)
        self.token_embedding = nn.Embedding(sizes.vocabulary, width)
        self.ln_final = nn.LayerNorm(width)

    @in_float32
    def forward(self, tokens: Tensor) -> Tensor:
        """Features [N, 768], not normalised, of `tokenize`d texts [N, 32]: of their end tokens, the largest ids.

        Columns after the last end may be left out.
        """
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]  # [N, 32, C]
        x = self.transformer(x)
        ends = x[torch.arange(len(x), device=x.device), tokens.argmax(dim=1)]  # [N, C]
        features: Tensor = self.ln_final(ends) @ self.text_projection
        return features


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads, causal) for _ in range(layers))

    def forward(self, x: Tensor, wanted: int | None = None) -> Tensor:
        """[N, L, C] -> [N, L, C], or the first `wanted` tokens of it, for which the last layer then does no more."""
        *others, last = self.resblocks
        for block in others:
            x = block(x)
        result: Tensor = last(x, wanted)
        return result


class Block(nn.Module):
    """Attention and a wider network, each on a layer norm of what it adds to."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.attn = Attention(width, heads, causal)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = MLP(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, wanted: int | None = None) -> Tensor:
        """As `Transformer.forward`."""
        x = x[:, :wanted] + self.attn(self.ln_1(x), wanted)  # of our own, so that it may be added to
        if self.training:  # gradients allow no writing into parts
            return x + self.mlp(self.ln_2(x).flatten(0, 1)).view_as(x)
        for rows in x.flatten(0, 1).split(TOKENS_AT_ONCE):
            rows += self.mlp(self.ln_2(rows))
        return x


class MLP(nn.Module):
    """Two layers, four times as wide between them, with QuickGELU, which is x sigmoid(1.702 x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[M, C] -> [M, C]."""
        # As SiLU(1.702 x) / 1.702 with the factors in the products: the widest tensor is passed over once, not 4 times.
        x = torch.addmm(self.c_fc.bias, x, self.c_fc.weight.T, beta=_GELU, alpha=_GELU)  # [M, 4 C]
        return torch.addmm(self.c_proj.bias, F.silu(x, inplace=True), self.c_proj.weight.T, alpha=1 / _GELU)


class Attention(nn.Module):
    """Multi-head attention; nothing of size L x L is kept where PyTorch has a fused kernel."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, wanted: int | None = None) -> Tensor:
        """[N, L, C] -> [N, L, C], or of the first `wanted` tokens, which look at all."""
        width = x.shape[-1]
        of_query, of_rest = self.in_proj_weight.split((width, 2 * width))
        query_bias, rest_bias = self.in_proj_bias.split((width, 2 * width))
        query = F.linear(x[:, :wanted], of_query, query_bias)
        key, value = F.linear(x, of_rest, rest_bias).chunk(2, dim=-1)
        # Each [N, heads, L, C / heads]
        query, key, value = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in (query, key, value))
        x = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        result: Tensor = self.out_proj(x.transpose(1, 2).flatten(2))
        return result
