"""What a forward pass of the U-Net costs, and what others report of it: Table 3's right half (Section 5.4).

Floating point operations are counted, not measured: torch.utils.flop_counter goes through one forward pass on the
meta device, where tensors have shapes and no numbers, and adds two for each multiply-add of a convolution, a linear
layer or an attention product. It does not see normalisations, activations and additions; nor did the published count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.leaderboards.published import numbers
from i2vbench.models.consisti2v.sampling import VARIANTS

_ATTENTION = ("bmm", "baddbmm", "scaled_dot_product", "efficient_attention", "flash_attention", "cudnn_attention")
"""Operations of attention products; linear layers come down to mm and addmm. Meta tensors take the plain products."""


@dataclass(frozen=True, slots=True)
class Flops:
    """Floating point operations of one forward pass.

    Attributes:
        total: Convolutions, linear layers and attention products.
        attention: The attention products (Q K^T, and the weights times V) alone.
        text: Projecting the text's keys and values, part of `total`; a sampler does it once a clip, not once a step.
    """

    total: int
    attention: int
    text: int

    @property
    def without_attention(self) -> int:
        return self.total - self.attention


@dataclass(frozen=True, slots=True)
class Reported:
    """A row of Table 3's right half as others have it.

    Attributes:
        memory_mb: The paper's peak GPU memory, in its "Mb": RTX 4090, float32, batch 1.
        seconds: The paper's seconds a clip, on the same.
        paper: The paper's TFLOPs of the U-Net; its counter did not see the attention products.
        code: The published code's TFLOPs, counted as ours are.
        code_without_attention: The same without attention products.
    """

    memory_mb: int
    seconds: float
    paper: float
    code: float
    code_without_attention: float


_CODE = {
    "": (5.439, 5.162),
    "no-frameinit": (5.439, 5.162),
    "no-frameinit-no-temporal": (5.388, 5.111),
    "no-frameinit-no-temporal-no-spatial": (5.163, 5.009),
}


def _paper(variant: str, metric: str) -> float:
    """A number of Table 3."""
    return next(n.value or 0.0 for n in numbers(3) if (n.method, n.metric) == (VARIANTS[variant].title, metric))


REPORTED: Mapping[str, Reported] = {
    variant: Reported(
        int(_paper(variant, "GPU memory (MB)")), _paper(variant, "Runtime (s)"), _paper(variant, "TFLOPs (UNet)"), *code
    )
    for variant, code in _CODE.items()
}
"""By variant. Paper: Table 3. Published code: its U-Net at real size, run with a counter of the same three kinds of
operation (`official` in flops.json of the reference cases: 5439360860160, 5387561205760 and 5162725539840)."""


def network_shape(folder: Path) -> dict[str, Any]:
    """What `count_flops` must know of a checkpoint's networks.

    Raises:
        UserError: Their configurations do not say it.
    """
    from i2vbench.models.consisti2v.components import read_json

    unet, vae, text = (read_json(folder / part / "config.json") for part in ("unet", "vae", "text_encoder"))
    try:
        return {
            "config": unet,
            "vae_factor": 2 ** (len(vae["block_out_channels"]) - 1),
            "text_tokens": text["max_position_embeddings"],
        }
    except KeyError as error:
        raise UserError(f"checkpoint {folder}: its configurations lack {error}") from error


def count_flops(
    config: Mapping[str, Any] | None = None,
    *,
    num_frames: int = 16,
    height: int = 256,
    width: int = 256,
    text_tokens: int = 77,
    vae_factor: int = 8,
    device: str = "meta",
    **overrides: Any,
) -> Flops:
    """Count one forward pass of the U-Net for a batch of one clip.

    Args:
        config: The U-Net's configuration; the published one if not given.
        num_frames: T, the first frame included.
        height: Of the video, in pixels.
        width: Of the video, in pixels.
        text_tokens: L.
        vae_factor: Pixels of a latent's side.
        device: "meta" needs no memory; elsewhere a U-Net with random weights really runs.
        **overrides: Win over the configuration's settings (the ablations of `sampling.VARIANTS`).
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from i2vbench.models.consisti2v.unet import ConsistI2VUNet

    with torch.device(device), torch.no_grad():
        unet = ConsistI2VUNet.from_config(config or {}, **overrides).eval()
        facts = unet.config
        h, w = height // vae_factor, width // vae_factor
        frames = torch.zeros(1, facts.in_channels, num_frames - 1, h, w)
        first = torch.zeros(1, facts.in_channels, 1, h, w)
        text = torch.zeros(1, text_tokens, facts.cross_attention_dim)
        with FlopCounterMode(display=False) as whole:
            unet(frames, 500, text, first, 3)
        with FlopCounterMode(display=False) as projected:
            unet.project_text(text)
    counts = whole.get_flop_counts()["Global"]
    attention = sum(n for op, n in counts.items() if any(name in str(op) for name in _ATTENTION))
    return Flops(whole.get_total_flops(), attention, projected.get_total_flops())
