"""The video U-Net: Stable Diffusion 2.1-base's, inflated (Section 3.2).

The first frame's latent takes the place of the first frame's noise. Everything is matched against the published
implementation to float32 rounding (tests/reference/consisti2v/unet), with a fifth less arithmetic: nothing is projected
twice (see spatial.py, temporal.py, transformer.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.unets.unet_3d_condition import UNet3DConditionOutput
from torch import Tensor, nn

from i2vbench.checkpoints import read_state
from i2vbench.models.consisti2v.checkpoint import fill
from i2vbench.models.consisti2v.positions import PositionKind
from i2vbench.models.consisti2v.temporal import GROUPS, Gate
from i2vbench.models.consisti2v.transformer import ProjectedText, TextAttention
from i2vbench.models.consisti2v.unet_blocks import BlockShape, DownBlock, MidBlock, UpBlock
from i2vbench.parsing import parse_json

FirstFrameMode = Literal["concat", "input_only", "none", "conv2d"]
"""concat: in the input and in spatial attention. input_only: in the input alone. none: no first frame (text to video).
conv2d: concat, and written into every block's input besides."""

_FIXED: dict[str, object] = {
    "center_input_sample": False,
    "downsample_padding": 1,
    "mid_block_scale_factor": 1,
    "act_fn": "silu",
    "dual_cross_attention": False,
    "use_linear_projection": True,
    "only_cross_attention": False,
}
"""Settings of diffusers' U-Nets that this one has in one way only: Stable Diffusion 2.1's."""


class ConsistI2VUNet(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is not typed
    """Predicts the noise of frames 2 .. f of a clip from its first frame's latent, a text and a frame stride.

    Parameter names are the published checkpoint's. Clips of any length can be given, each batch row is one clip; the
    published code cuts lengths that are multiples of `n_frames` into several.

    Args:
        sample_size: Height and width of the latents of the base model; a fact of the configuration, not a limit.
        in_channels: Latent channels that come in.
        out_channels: Latent channels that go out.
        block_out_channels: Width of each level.
        layers_per_block: Layers of a down block; up blocks have one more.
        norm_num_groups: Groups of the normalisation of ResNet blocks and transformers.
        norm_eps: Epsilon of the ResNet blocks'.
        cross_attention_dim: D, the text's width.
        attention_head_dim: Number of spatial heads, of each level (what diffusers and the checkpoint call it).
        down_block_types: With "CrossAttn" in its name, a block has attention.
        up_block_types: The same.
        use_temporal: Whether there are temporal layers.
        n_frames: Frames of the clips it was trained on, the first one included.
        n_temp_heads: Heads of the temporal transformers.
        first_frame_condition_mode: See `FirstFrameMode`; "input_only" is the ablation without spatial conditioning.
        augment_temporal_attention: The first frame's window in temporal attention; False is the ablation without it.
        temp_pos_embedding: "rotary" as published, "rotary-per-head" as the paper describes it, or "sinusoidal".
        use_frame_stride_condition: Whether it is told the frame stride (Appendix A.1, "FPS Control").
        temporal_window: K of Section 3.4.
        temporal_groups: Groups of the normalisation of temporal convolutions.
        flip_sin_to_cos: Whether the timestep's sinusoid has its cosines first.
        freq_shift: Shift of its frequencies.
        center_input_sample: This and those below are settings of the published config.json that this U-Net has in one
            way only.

    Raises:
        ValueError: For a setting that it does not have.
    """

    _supports_gradient_checkpointing = True
    _no_split_modules = ("DownBlock", "MidBlock", "UpBlock")

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        sample_size: int = 64,
        in_channels: int = 4,
        out_channels: int = 4,
        block_out_channels: Sequence[int] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        norm_num_groups: int = 32,
        norm_eps: float = 1e-5,
        cross_attention_dim: int = 1024,
        attention_head_dim: int | Sequence[int] = (5, 10, 20, 20),
        down_block_types: Sequence[str] = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types: Sequence[str] = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        use_temporal: bool = True,
        n_frames: int = 16,
        n_temp_heads: int = 8,
        first_frame_condition_mode: FirstFrameMode = "concat",
        augment_temporal_attention: bool = True,
        temp_pos_embedding: PositionKind = "rotary",
        use_frame_stride_condition: bool = True,
        temporal_window: int = 3,
        temporal_groups: int = GROUPS,
        flip_sin_to_cos: bool = True,
        freq_shift: int = 0,
        center_input_sample: bool = False,
        downsample_padding: int = 1,
        mid_block_scale_factor: float = 1,
        act_fn: str = "silu",
        dual_cross_attention: bool = False,
        use_linear_projection: bool = True,
        only_cross_attention: bool = False,
    ) -> None:
        super().__init__()
        _check(self.config)
        widths = list(block_out_channels)
        levels = len(widths)
        heads = [attention_head_dim] * levels if isinstance(attention_head_dim, int) else list(attention_head_dim)
        time_channels = 4 * widths[0]
        self.conv_in = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.time_proj = Timesteps(widths[0], flip_sin_to_cos, freq_shift)
        self.time_embedding = TimestepEmbedding(widths[0], time_channels)
        if use_frame_stride_condition:
            self.frame_stride_embedding = TimestepEmbedding(widths[0], time_channels)
            nn.init.zeros_(self.frame_stride_embedding.linear_2.weight)
            nn.init.zeros_(self.frame_stride_embedding.linear_2.bias)
        shape = BlockShape(
            time_channels=time_channels,
            text_channels=cross_attention_dim,
            temporal_heads=n_temp_heads,
            groups=norm_num_groups,
            temporal_groups=temporal_groups,
            eps=norm_eps,
            temporal=use_temporal,
            first_frame=first_frame_condition_mode in ("concat", "conv2d"),
            window=temporal_window if augment_temporal_attention else 1,
            positions=temp_pos_embedding,
            latent_channels=in_channels if first_frame_condition_mode == "conv2d" else 0,
        )
        self.down_blocks = nn.ModuleList()
        skips = [widths[0]]
        for level, width in enumerate(widths):
            last = level == levels - 1
            attention = heads[level] if "CrossAttn" in down_block_types[level] else 0
            below = widths[max(level - 1, 0)]
            self.down_blocks.append(DownBlock(shape, below, width, layers_per_block, attention, not last))
            skips += [width] * (layers_per_block + (not last))
        self.mid_block = MidBlock(shape, widths[-1], heads[-1])
        self.up_blocks = nn.ModuleList()
        above = widths[-1]
        for index, width in enumerate(reversed(widths)):
            attention = heads[levels - 1 - index] if "CrossAttn" in up_block_types[index] else 0
            taken = [skips.pop() for _ in range(layers_per_block + 1)]
            self.up_blocks.append(UpBlock(shape, above, width, taken, attention, index < levels - 1))
            above = width
        self.conv_norm_out = nn.GroupNorm(norm_num_groups, widths[0], eps=norm_eps)
        self.conv_out = nn.Conv2d(widths[0], out_channels, 3, padding=1)
        self._text_attentions = [module for module in self.modules() if isinstance(module, TextAttention)]
        for index, attention_layer in enumerate(self._text_attentions):
            attention_layer.index = index

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | str | os.PathLike[str], **overrides: Any) -> ConsistI2VUNet:
        """A U-Net with random weights, from the published config.json (as a mapping, or its path).

        Args:
            config: Keys of other classes of diffusers are passed over.
            **overrides: Win over the configuration's, as in the published scripts.
        """
        given = config if isinstance(config, Mapping) else parse_json(Path(config).read_text(encoding="utf-8"))
        known = {key: value for key, value in given.items() if not key.startswith("_")}
        return cast("ConsistI2VUNet", super().from_config(known, **overrides))

    def load_published(self, state: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Take the weights of a published checkpoint: exactly its keys, none missing and none left over.

        Args:
            state: Tensors or arrays by name; or a .safetensors or .bin file, or the folder that holds one.

        Raises:
            UserError: Naming every key that is missing, left over or of another shape.
        """
        fill(self, state if isinstance(state, Mapping) else read_state(state), "the ConsistI2V U-Net")

    def clamp_gates(self) -> None:
        """Bring every gate back into [0, 1]; training calls it after each step of the optimiser."""
        for module in self.modules():
            if isinstance(module, Gate):
                module.clamp()

    def project_text(self, encoder_hidden_states: Tensor) -> ProjectedText:
        """The text's keys and values in every layer, from [b, L, D]; a sampler makes them once for all its steps."""
        return tuple(layer.project_text(encoder_hidden_states) for layer in self._text_attentions)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float,
        encoder_hidden_states: Tensor | ProjectedText,
        first_frame_latents: Tensor | None = None,
        frame_stride: Tensor | float | None = None,
        return_dict: bool = True,
    ) -> UNet3DConditionOutput | tuple[Tensor]:
        """Predict the noise (or the velocity) of the frames of `sample`.

        Args:
            sample: Noisy latents [b, 4, f', h, w].
            timestep: One for all, or one per clip [b], or per frame [b f] with b slowest; f counts the first frame.
            encoder_hidden_states: Text [b, L, D], or what `project_text` made of it.
            first_frame_latents: [b, 4, 1, h, w], put before the sample's frames: f = f' + 1. None in mode "none".
            frame_stride: Like `timestep`; source frames per frame.
            return_dict: False returns a tuple.

        Returns:
            `.sample`: [b, 4, f', h, w].

        Raises:
            ValueError: A first frame or stride that is missing, or not wanted.
        """
        clip = self._clip(sample, first_frame_latents)  # [b, 4, f, h, w]
        num_frames = clip.shape[2]
        time = self._embed(clip, timestep, frame_stride)  # [b f, 4 C0]
        text = encoder_hidden_states
        if isinstance(text, Tensor):
            text = self.project_text(text)
        hidden = self.conv_in(clip.transpose(1, 2).flatten(0, 1))  # [b f, C0, h, w]
        skips: tuple[Tensor, ...] = ()
        for block in self.down_blocks:
            hidden, taken = block(hidden, time, text, first_frame_latents, num_frames)
            skips += taken
        hidden, taken = self.mid_block(hidden, time, text, first_frame_latents, num_frames)
        skips += taken
        for block in self.up_blocks:
            hidden = block(hidden, skips, time, text, first_frame_latents, num_frames)
            skips = skips[: -self.config.layers_per_block - 1]
        hidden = self.conv_out(nn.functional.silu(self.conv_norm_out(hidden)))  # [b f, 4, h, w]
        video = hidden.unflatten(0, (-1, num_frames)).transpose(1, 2)  # [b, 4, f, h, w]
        if first_frame_latents is not None:
            video = video[:, :, 1:]
        return UNet3DConditionOutput(sample=video) if return_dict else (video,)

    def _clip(self, sample: Tensor, first_frame_latents: Tensor | None) -> Tensor:
        """The sample with its first frame, [b, 4, f, h, w]."""
        mode = self.config.first_frame_condition_mode
        if (mode == "none") != (first_frame_latents is None):
            raise ValueError(
                f"first_frame_condition_mode '{mode}' {'takes no' if mode == 'none' else 'needs'} first_frame_latents"
            )
        if first_frame_latents is None:
            return sample
        expected = (*sample.shape[:2], 1, *sample.shape[3:])
        if first_frame_latents.shape != expected:
            raise ValueError(f"first_frame_latents: expected {list(expected)}, got {list(first_frame_latents.shape)}")
        return torch.cat((first_frame_latents, sample), dim=2)

    def _embed(self, clip: Tensor, timestep: Tensor | float, frame_stride: Tensor | float | None) -> Tensor:
        """The sum of the timestep's and the stride's embedding, [b f, 4 C0]."""
        time = self.time_embedding(self._sinusoid(timestep, clip, "timestep"))
        if not self.config.use_frame_stride_condition:
            return time
        if frame_stride is None:
            raise ValueError("this U-Net is told the frame stride: pass frame_stride")
        return time + self.frame_stride_embedding(self._sinusoid(frame_stride, clip, "frame_stride"))

    def _sinusoid(self, value: Tensor | float, clip: Tensor, name: str) -> Tensor:
        """A number per frame as a sinusoid, [b f, C0]."""
        batch, num_frames = clip.shape[0], clip.shape[2]
        values = torch.as_tensor(value, device=clip.device).reshape(-1)
        if len(values) == batch and batch > 1:
            values = values.repeat_interleave(num_frames)
        if len(values) not in (1, batch * num_frames):
            raise ValueError(f"{name}: expected 1, {batch} or {batch * num_frames} numbers, got {len(values)}")
        return self.time_proj(values.expand(batch * num_frames)).to(clip.dtype)


def _check(config: Mapping[str, Any]) -> None:
    """Refuse what this U-Net cannot be."""
    for name, only in _FIXED.items():
        if config[name] != only:
            raise ValueError(f"U-Net configuration: expected {name} = {only!r}, got {config[name]!r}")
    mode, window = config["first_frame_condition_mode"], config["temporal_window"]
    if mode not in FirstFrameMode.__args__:  # type: ignore[attr-defined]
        raise ValueError(f"first_frame_condition_mode '{mode}': expected one of {', '.join(FirstFrameMode.__args__)}")  # type: ignore[attr-defined]
    if window < 1 or window % 2 == 0:
        raise ValueError(f"temporal_window: expected an odd number, got {window}")
    if config["n_frames"] < 2:
        raise ValueError(f"n_frames: expected at least 2, got {config['n_frames']}")
    levels = len(config["block_out_channels"])
    for name in ("down_block_types", "up_block_types"):
        if len(config[name]) != levels:
            raise ValueError(f"{name}: expected {levels}, one per level, got {len(config[name])}")
