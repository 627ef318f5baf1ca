"""The image encoder, timm's Swin-B for 384 pixels and windows of 12 x 12 tokens, and what it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.models.swin_transformer import SwinTransformer, SwinTransformerBlock
from torch import Tensor, nn

from i2vbench.metrics.networks.frames import check_images, normalise
from i2vbench.metrics.networks.layers import in_float32
from i2vbench.metrics.networks.tag2text.sizes import PUBLISHED, Sizes

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def preprocess(frames: Tensor, size_px: int = PUBLISHED.image_px) -> Tensor:
    """Stretched to a square by PIL's bilinear filter, which smooths what it shrinks; ImageNet's mean and deviation.

    Args:
        frames: uint8 [N, H, W, 3] RGB. The published code lets its video decoder resize those of an .mp4; which filter
            that takes is the decoder's affair.

    Returns:
        float32 [N, 3, size_px, size_px] on the same device.

    Raises:
        ValueError: For another dtype or shape, or nothing in it.
    """
    check_images(frames)
    images = [Image.fromarray(frame) for frame in frames.cpu().numpy()]
    # PIL rounds to grey levels after each of the two axes, which no resize of PyTorch's float images does.
    resized = [np.asarray(image.resize((size_px, size_px), Image.Resampling.BILINEAR)) for image in images]
    planes = torch.from_numpy(np.stack(resized)).to(frames.device).permute(0, 3, 1, 2)  # [N, 3, S, S]
    return normalise(planes.to(torch.float32, memory_format=torch.contiguous_format), MEAN, STD)


class ImageEncoder(SwinTransformer):
    """The modules bear the names of the published checkpoint.

    timm merges patches at the beginning of a stage, the published code at the end of the one before: the same steps in
    the same order under other names.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(
            img_size=sizes.image_px,
            patch_size=sizes.patch_px,
            embed_dim=sizes.embed,
            depths=sizes.depths,
            num_heads=sizes.image_heads,
            window_size=sizes.window,
            drop_path_rate=0.0,
            num_classes=0,
            weight_init="skip",
        )
        merges = [stage.downsample for stage in self.layers]
        for stage, merge in zip(self.layers, [*merges[1:], nn.Identity()], strict=True):
            stage.downsample = merge

    def make_tables(self) -> None:
        """Fill what is no parameter, on the device of the parameters: it has no numbers after the meta device."""
        for block in self.modules():
            if isinstance(block, SwinTransformerBlock):
                attention: Any = block.attn
                attention.relative_position_index = torch.empty_like(
                    attention.relative_position_index, device=attention.qkv.weight.device
                )
                attention.init_non_persistent_buffers()
                block.init_non_persistent_buffers()

    @in_float32
    def forward(self, pixels: Tensor) -> Tensor:
        """`preprocess`ed images [N, 3, 384, 384] -> [N, 145, 1024]: the mean of the tokens, then the 144 tokens."""
        x: Tensor = self.patch_embed(pixels)  # [N, 96, 96, 128]
        stage: Any
        for stage in self.layers:
            x = stage.downsample(stage.blocks(x))  # [N, 48, 48, 256], [N, 24, 24, 512], [N, 12, 12, 1024] twice
        x = self.norm(x).flatten(1, 2)  # [N, 144, 1024]
        return torch.cat((x.mean(1, keepdim=True), x), 1)
