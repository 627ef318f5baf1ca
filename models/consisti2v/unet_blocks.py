"""Down, middle and up blocks of the inflated U-Net (Section 3.2).

A layer is a ResNet block and a spatial transformer of Stable Diffusion 2.1, each followed by its temporal counterpart:

    resnets -> conv3ds -> attentions -> tempo_attns

Blocks without attention have the first two. The published middle block has no temporal transformer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from i2vbench.models.consisti2v.positions import PositionKind
from i2vbench.models.consisti2v.spatial import spatial_transformer
from i2vbench.models.consisti2v.temporal import TemporalConvolution, temporal_transformer
from i2vbench.models.consisti2v.transformer import ProjectedText, Transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShape:
    """What all blocks of a U-Net share.

    Attributes:
        time_channels: Width of the timestep's embedding.
        text_channels: D.
        temporal_heads: Heads of the temporal transformers.
        groups: Groups of the normalisation of ResNet blocks and transformers.
        temporal_groups: Of the temporal convolutions'.
        eps: Epsilon of the ResNet blocks'.
        temporal: Whether there are temporal layers.
        first_frame: Whether spatial self-attention sees the first frame (Section 3.3).
        window: K of the temporal self-attention's window; 1 is none (Section 3.4).
        positions: How the temporal transformers tell frames apart.
        latent_channels: Channels of a first-frame latent that is written into every block; 0 for none.
    """

    time_channels: int
    text_channels: int
    temporal_heads: int
    groups: int
    temporal_groups: int
    eps: float
    temporal: bool
    first_frame: bool
    window: int
    positions: PositionKind
    latent_channels: int


class Block(nn.Module):
    """Layers one after the other; what the three kinds of block share.

    Args:
        shape: What all blocks share.
        in_channels: Channels that come in, skips not counted.
        widths: (input, output) channels of each layer.
        heads: Heads of the spatial transformers.
        spatial: How many layers, from the first, have a spatial transformer.
        temporal: How many have a temporal one.
    """

    gradient_checkpointing = False
    _gradient_checkpointing_func: Callable[..., Any]

    def __init__(
        self,
        shape: BlockShape,
        in_channels: int,
        widths: list[tuple[int, int]],
        heads: int,
        *,
        spatial: int,
        temporal: int,
    ) -> None:
        super().__init__()
        outputs = [output for _, output in widths]
        self.resnets = nn.ModuleList([_resnet(shape, *width) for width in widths])
        self.conv3ds = nn.ModuleList([_over_time(shape, width) for width in outputs] if shape.temporal else [])
        self.attentions = nn.ModuleList([_spatial(shape, width, heads) for width in outputs[:spatial]])
        timed = outputs[: temporal if shape.temporal else 0]
        self.tempo_attns = nn.ModuleList([_temporal(shape, width) for width in timed])
        self.first_frame_conv = nn.Conv2d(shape.latent_channels, in_channels, 1) if shape.latent_channels else None

    def layer(self, index: int, hidden: Tensor, time: Tensor, text: ProjectedText, num_frames: int) -> Tensor:
        """One layer, [b f, C, h, w] -> [b f, C', h, w]; its insides computed again on the way back if asked for."""
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return self._gradient_checkpointing_func(self._layer, index, hidden, time, text, num_frames)
        return self._layer(index, hidden, time, text, num_frames)

    def _layer(self, index: int, hidden: Tensor, time: Tensor, text: ProjectedText, num_frames: int) -> Tensor:
        hidden = self.resnets[index](hidden, time)
        for modules, arguments in (
            (self.conv3ds, (num_frames,)),
            (self.attentions, (text, num_frames)),
            (self.tempo_attns, (text, num_frames)),
        ):
            if index < len(modules):
                hidden = modules[index](hidden, *arguments)
        return hidden

    def write_first_frame(self, hidden: Tensor, first_frame: Tensor | None, num_frames: int) -> Tensor:
        """The published code's `conv2d` mode: frame 0 of [b f, C, h, w] is replaced by a projection of its latent."""
        if self.first_frame_conv is None or first_frame is None:
            return hidden
        scale = hidden.shape[-2] / first_frame.shape[-2]
        resized = F.interpolate(first_frame[:, :, 0], scale_factor=scale, mode="nearest")  # [b, 4, h, w]
        frames = hidden.unflatten(0, (-1, num_frames))  # [b, f, C, h, w]
        return torch.cat((self.first_frame_conv(resized)[:, None], frames[:, 1:]), dim=1).flatten(0, 1)


class DownBlock(Block):
    """Layers, then half the size.

    Args:
        shape: What all blocks share.
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        num_layers: Layers.
        heads: Heads of the spatial transformers; 0 for a block without attention.
        downsample: Whether it halves the size.
    """

    def __init__(
        self, shape: BlockShape, in_channels: int, out_channels: int, num_layers: int, heads: int, downsample: bool
    ) -> None:
        widths = [(in_channels, out_channels)] + [(out_channels, out_channels)] * (num_layers - 1)
        attentions = num_layers if heads else 0
        super().__init__(shape, in_channels, widths, heads, spatial=attentions, temporal=attentions)
        # Under any name but "conv" diffusers registers the convolution once, as `conv`.
        sampler = [Downsample2D(out_channels, use_conv=True, padding=1, name="op")] if downsample else []
        self.downsamplers = nn.ModuleList(sampler)

    def forward(
        self, hidden: Tensor, time: Tensor, text: ProjectedText, first_frame: Tensor | None, num_frames: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """[b f, C, h, w] -> ([b f, C', h/2, w/2], the skips in order).

        Skips are what each layer and the downsampling begin from: a block's result is the next block's first skip,
        with the first frame that the next block may write into it.
        """
        states = [self.write_first_frame(hidden, first_frame, num_frames)]
        for index in range(len(self.resnets)):
            states.append(self.layer(index, states[-1], time, text, num_frames))
        for sampler in self.downsamplers:
            states.append(sampler(states[-1]))
        return states[-1], tuple(states[:-1])


class MidBlock(Block):
    """ResNet, transformer, ResNet at the lowest size.

    Args:
        shape: What all blocks share.
        channels: C.
        heads: Heads of the spatial transformer.
    """

    def __init__(self, shape: BlockShape, channels: int, heads: int) -> None:
        super().__init__(shape, channels, [(channels, channels)] * 2, heads, spatial=1, temporal=0)

    def forward(
        self, hidden: Tensor, time: Tensor, text: ProjectedText, first_frame: Tensor | None, num_frames: int
    ) -> tuple[Tensor, tuple[Tensor]]:
        """[b f, C, h, w] -> ([b f, C, h, w], its one skip: what it begins from)."""
        skip = hidden = self.write_first_frame(hidden, first_frame, num_frames)
        for index in range(len(self.resnets)):
            hidden = self.layer(index, hidden, time, text, num_frames)
        return hidden, (skip,)


class UpBlock(Block):
    """Layers that take a skip each, then the size of the next skip.

    Args:
        shape: What all blocks share.
        in_channels: Channels that come in.
        out_channels: Channels that go out.
        skips: Channels of the skips, in the order they are taken.
        heads: Heads of the spatial transformers; 0 for a block without attention.
        upsample: Whether it doubles the size.
    """

    def __init__(
        self, shape: BlockShape, in_channels: int, out_channels: int, skips: list[int], heads: int, upsample: bool
    ) -> None:
        inputs = [in_channels] + [out_channels] * (len(skips) - 1)
        widths = [(came + skip, out_channels) for came, skip in zip(inputs, skips, strict=True)]
        attentions = len(skips) if heads else 0
        super().__init__(shape, in_channels, widths, heads, spatial=attentions, temporal=attentions)
        self.upsamplers = nn.ModuleList([Upsample2D(out_channels, use_conv=True)] if upsample else [])

    def forward(
        self,
        hidden: Tensor,
        skips: tuple[Tensor, ...],
        time: Tensor,
        text: ProjectedText,
        first_frame: Tensor | None,
        num_frames: int,
    ) -> Tensor:
        """[b f, C, h, w] -> [b f, C', 2h, 2w].

        Args:
            skips: Those not taken yet; this block takes the last ones, and reads the size to grow to off the next.
        """
        hidden = self.write_first_frame(hidden, first_frame, num_frames)
        for index in range(len(self.resnets)):
            joined = torch.cat((hidden, skips[-1 - index]), dim=1)  # [b f, C + C_skip, h, w]
            hidden = self.layer(index, joined, time, text, num_frames)
        for sampler in self.upsamplers:
            # The next skip's size is twice this one's unless an odd side was halved on the way down.
            hidden = sampler(hidden, output_size=skips[-1 - len(self.resnets)].shape[-2:])
        return hidden


def _over_time(shape: BlockShape, channels: int) -> TemporalConvolution:
    return TemporalConvolution(channels, shape.temporal_groups)


def _spatial(shape: BlockShape, channels: int, heads: int) -> Transformer:
    return spatial_transformer(channels, heads, shape.text_channels, shape.first_frame, shape.groups)


def _temporal(shape: BlockShape, channels: int) -> Transformer:
    return temporal_transformer(
        channels, shape.temporal_heads, shape.text_channels, shape.window, shape.positions, shape.groups
    )


def _resnet(shape: BlockShape, in_channels: int, out_channels: int) -> ResnetBlock2D:
    return ResnetBlock2D(
        in_channels=in_channels,
        out_channels=out_channels,
        temb_channels=shape.time_channels,
        groups=shape.groups,
        eps=shape.eps,
    )
