"""RAFT, the optical flow of dynamic degree and of VBench's static filter: torchvision's layers in a loop of our own.

Matches the basic model of princeton-vl/RAFT (Teed and Deng, ECCV 2020) as VBench 0.1.5 runs it: raft-things.pth, 20
iterations, float32, no warm start. The numbers are the same for less work: a frame is encoded once for all its pairs,
the context's share of the recurrent unit is computed once for all iterations, correlations are read as whole patches,
and only the last flow is brought to full size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large
from torchvision.models.optical_flow.raft import (
    FeatureEncoder,
    FlowHead,
    MaskPredictor,
    MotionEncoder,
    RecurrentBlock,
    UpdateBlock,
)

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.correlations import LEVELS, WINDOW, Correlations, cells_per_position, reading_patches
from i2vbench.metrics.networks.frames import Padding, padding_to
from i2vbench.metrics.networks.layers import FrozenBatchNorm, in_float32
from i2vbench.metrics.networks.winograd import WinogradConv
from i2vbench.transfer import put

ITERATIONS = 20
MULTIPLE_PX = 8
"""What the sides are padded to; the flow is computed at an eighth."""

LEAST_PX = 128
"""Of a padded side. Below, the coarsest correlations are one pixel wide, and the published code's flow is NaN."""

EPS = 1e-5
"""Of every norm."""

_NAMES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^fnet\.", "feature_encoder."),
        (r"^cnet\.", "context_encoder."),
        (r"(?<=_encoder)\.conv1\.", ".convnormrelu.0."),
        (r"(?<=_encoder)\.norm1\.", ".convnormrelu.1."),
        (r"(?<=_encoder)\.conv2\.", ".conv."),
        (r"(\.layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
        (r"(\.layer\d\.\d)\.norm(\d)\.", r"\1.convnormrelu\2.1."),
        (r"^update_block\.encoder\.convc(\d)\.", r"update_block.motion_encoder.convcorr\1.0."),
        (r"^update_block\.encoder\.convf(\d)\.", r"update_block.motion_encoder.convflow\1.0."),
        (r"^update_block\.encoder\.conv\.", "update_block.motion_encoder.conv.0."),
        (r"^update_block\.gru\.conv([zrq])(\d)\.", r"update_block.recurrent_block.convgru\2.conv\1."),
        (r"^update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
        (r"^update_block\.mask\.2\.", "mask_predictor.conv."),
    )
)
"""Published names -> torchvision's, one after the other."""

_ALIAS = re.compile(r"cnet\.layer[23]\.0\.norm3\.")
"""Begins the second names of `downsample.1`; the first ones' numbers count, as the published loader takes them last."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Channels, of the published network.

    Attributes:
        encoders: Of both, after the three layers; the first convolution has the first one's.
        features: That are correlated.
        hidden: Of the recurrent unit's state; as many of its context, and of what it is told of the motion.
        correlations: Of what is made of them, after each of two convolutions.
        flows: The same of the flow.
        head: Inside what makes the flow's changes and the mask of the state.
    """

    encoders: tuple[int, int, int] = (64, 96, 128)
    features: int = 256
    hidden: int = 128
    correlations: tuple[int, int] = (256, 192)
    flows: tuple[int, int] = (128, 64)
    head: int = 256


PUBLISHED = Sizes()


class Flow(NamedTuple):
    """Of P pairs, x before y, each in pixels of its own resolution.

    Attributes:
        low: float32 [P, 2, H/8, W/8].
        up: float32 [P, 2, H, W].
    """

    low: Tensor
    up: Tensor


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> RAFT:
    """The network with the tensors of the published checkpoint, in evaluation mode, without gradients.

    Args:
        state: Tensors by the published names or torchvision's, with or without the prefix `module.` and
            `num_batches_tracked`.
        sizes: Of the network.

    Raises:
        CheckpointError: Naming every key, as torchvision calls it, that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        published = torchvisions(sizes, InstanceNorm, partial(FrozenBatchNorm, eps=EPS))
    given = {_torchvision_name(key): value for key, value in unwrap(state).items() if not _ALIAS.match(key)}
    fill(published, given, "RAFT", dtype=torch.float32)
    return RAFT(published).eval().requires_grad_(False)


def torchvisions(
    sizes: Sizes, feature_norm: Callable[[int], nn.Module], context_norm: Callable[[int], nn.Module]
) -> Any:
    """torchvision's RAFT of these sizes, with the norms of its encoders given, each of so many channels."""
    layers, hidden = (sizes.encoders[0], *sizes.encoders), sizes.hidden
    return raft_large(
        feature_encoder=FeatureEncoder(layers=(*layers, sizes.features), norm_layer=feature_norm),
        context_encoder=FeatureEncoder(layers=(*layers, 2 * hidden), norm_layer=context_norm),
        update_block=UpdateBlock(
            motion_encoder=MotionEncoder(
                in_channels_corr=LEVELS * WINDOW**2,
                corr_layers=sizes.correlations,
                flow_layers=sizes.flows,
                out_channels=hidden,
            ),
            recurrent_block=RecurrentBlock(input_size=2 * hidden, hidden_size=hidden),
            flow_head=FlowHead(in_channels=hidden, hidden_size=sizes.head),
        ),
        mask_predictor=MaskPredictor(in_channels=hidden, hidden_size=sizes.head),
    )


def padding(height: int, width: int) -> Padding:
    """What brings the sides to multiples of 8."""
    return padding_to(height, width, MULTIPLE_PX)


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width with `padding`."""
    pad = padding(height, width)
    return height + pad.top + pad.bottom, width + pad.left + pad.right


def preprocess(frames: Tensor) -> Tensor:
    """2x/255 - 1, and the border repeated up to multiples of 8.

    Args:
        frames: uint8 [T, H, W, 3] RGB.

    Returns:
        float32 [T, 3, H, W] on the same device, H and W padded.
    """
    pixels = frames.permute(0, 3, 1, 2).float().div_(255).mul_(2).sub_(1)
    return F.pad(pixels, padding(*frames.shape[1:3]), mode="replicate")


class RAFT(nn.Module):
    """The basic model.

    Args:
        published: torchvision's `raft_large`, filled; its layers are taken over.
    """

    def __init__(self, published: Any) -> None:
        super().__init__()
        update = published.update_block
        self.feature_encoder, self.context_encoder = published.feature_encoder, published.context_encoder
        self.motion_encoder = update.motion_encoder
        self.motion_encoder.convcorr1[0] = reading_patches(self.motion_encoder.convcorr1[0])
        for layer in (self.motion_encoder.convcorr2, self.motion_encoder.conv):
            layer[0] = WinogradConv(layer[0].weight, layer[0].bias)
        recurrent = update.recurrent_block
        self.across, self.down = GatedStep(recurrent.convgru1), GatedStep(recurrent.convgru2)
        self.flow_head, self.mask_predictor = update.flow_head, published.mask_predictor
        self.flow_head.conv1 = WinogradConv(self.flow_head.conv1.weight, self.flow_head.conv1.bias)
        self.to(memory_format=torch.channels_last)

    @in_float32
    def forward(self, frames: Tensor, pairs: Sequence[tuple[int, int]], iterations: int = ITERATIONS) -> Flow:
        """The flow from the first to the second frame of each pair.

        Args:
            frames: `preprocess`ed, float32 [F, 3, H, W].
            pairs: Positions of frames; a frame may be in many.
            iterations: How often the flow is refined.

        Raises:
            ValueError: For sides under 128 pixels or that are no multiples of 8, or without a pair or an iteration.
        """
        height, width = frames.shape[2:]
        if min(height, width) < LEAST_PX or height % MULTIPLE_PX or width % MULTIPLE_PX:
            raise ValueError(f"RAFT: expected sides of at least 128 pixels, multiples of 8, got {height} x {width}")
        if not pairs or iterations < 1:
            raise ValueError(f"RAFT: expected pairs and iterations, got {len(pairs)} and {iterations}")
        firsts = sorted({first for first, _ in pairs})
        features = _in_chunks(self.feature_encoder, frames)
        contexts = _in_chunks(self.context_encoder, frames[put(torch.tensor(firsts), frames.device)])
        places = put(torch.tensor([(first, second, firsts.index(first)) for first, second in pairs]), frames.device)
        flows = [
            self._refine(features[first], features[second], contexts[context], iterations)
            for first, second, context in (
                some.unbind(1) for some in places.split(pairs_at_once(height, width, frames.device))
            )
        ]
        return Flow(*(torch.cat(parts) for parts in zip(*flows, strict=True)))

    def _refine(self, first: Tensor, second: Tensor, context: Tensor, iterations: int) -> Flow:
        """The flow between features [P, C, h, w], given the context encoder's [P, 2 C', h, w] of the first."""
        hidden, context = context.chunk(2, dim=1)
        hidden, context = hidden.tanh(), context.relu()
        across, down = self.across.constant(context), self.down.constant(context)
        correlations = Correlations(first, second)
        flow = torch.zeros_like(first[:, :2])
        for _ in range(iterations):
            motion = self.motion_encoder(flow, correlations.around(flow))  # [P, C', h, w]
            hidden = self.down(self.across(hidden, motion, across), motion, down)
            flow = flow + self.flow_head(hidden)
        return Flow(flow, upsample(flow, self.mask_predictor(hidden)))


def upsample(flow: Tensor, mask: Tensor) -> Tensor:
    """Of each position 8 x 8 pixels, convex combinations of the 9 positions around it (RAFT, Section 3.3).

    Args:
        flow: [P, 2, h, w].
        mask: [P, 9 * 8 * 8, h, w], logits of the combinations.

    Returns:
        [P, 2, 8h, 8w], in pixels.
    """
    height, width = flow.shape[2:]
    weights = mask.unflatten(1, (9, MULTIPLE_PX, MULTIPLE_PX)).softmax(dim=1)  # [P, 9, 8, 8, h, w]
    around = F.unfold(MULTIPLE_PX * flow, 3, padding=1).unflatten(1, (2, 9)).unflatten(3, (height, width))
    up = torch.einsum("pkijhw,pckhw->pchiwj", weights, around)
    return up.flatten(4, 5).flatten(2, 3)


class GatedStep(nn.Module):
    """One half of the recurrent unit, along one axis.

    Its inputs are state, context and motion. The context is the same in all iterations, so its share is apart; the two
    gates are one convolution.

    Args:
        published: torchvision's `ConvGRU`, filled.
    """

    def __init__(self, published: Any) -> None:
        super().__init__()
        z, r, q = published.convz, published.convr, published.convq
        gates, context = _apart(torch.cat((z.weight, r.weight)))
        candidate, context_q = _apart(q.weight)
        self.gates, self.candidate = WinogradConv(gates), nn.Parameter(candidate)
        self.context = nn.Parameter(torch.cat((context, context_q)))
        self.bias = nn.Parameter(torch.cat((z.bias, r.bias, q.bias)))
        self.padding = z.padding

    def constant(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """What the context, [P, C, h, w], adds to the gates and to the candidate: [P, 2 C, h, w] and [P, C, h, w]."""
        both = F.conv2d(context, self.context, self.bias, padding=self.padding)  # [P, 3 C, h, w]
        gates, candidate = both.split((2 * context.shape[1], context.shape[1]), dim=1)
        return gates, candidate

    def forward(self, hidden: Tensor, motion: Tensor, constant: tuple[Tensor, Tensor]) -> Tensor:
        gates = self.gates(torch.cat((hidden, motion), dim=1))
        update, reset = gates.add_(constant[0]).sigmoid_().chunk(2, dim=1)
        seen = torch.cat((reset * hidden, motion), dim=1)
        candidate = F.conv2d(seen, self.candidate, padding=self.padding).add_(constant[1]).tanh_()
        return torch.lerp(hidden, candidate, update)


class InstanceNorm(nn.Module):
    """Without weights. torch's own copies what has its channels last, twice.

    Args:
        channels: C of the input [N, C, H, W]; as every norm takes it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)  # [N, H W, C]
        centred = rows - rows.mean(dim=1, keepdim=True)
        scale = centred.square().mean(dim=1, keepdim=True).add_(EPS).rsqrt_()
        return centred.mul_(scale).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


def pairs_at_once(height: int, width: int, device: torch.device) -> int:
    """How many pairs of padded frames go through the iterations together, by the memory of their correlations.

    Of 256 x 256 these are 6, and more are no faster; on a GPU, which they must fill, 97.
    """
    positions = height * width // MULTIPLE_PX**2
    cells = positions * cells_per_position(height // MULTIPLE_PX, width // MULTIPLE_PX)
    budget = 2**27 if device.type == "cpu" else 2**31
    return max(1, budget // (4 * cells))


def _in_chunks(encoder: nn.Module, frames: Tensor) -> Tensor:
    """[F, 3, H, W] -> [F, C, H/8, W/8].

    Of 256 x 256 pixels 64 frames go together, on a CPU one: two take 15 % longer each, since the caches hold no more.
    """
    budget = 2**16 if frames.device.type == "cpu" else 2**22
    at_once = max(1, budget // (frames.shape[2] * frames.shape[3]))
    return torch.cat([encoder(some.contiguous(memory_format=torch.channels_last)) for some in frames.split(at_once)])


def _apart(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of state and motion, and those of the context between them."""
    state, context, motion = weight.detach().chunk(3, dim=1)
    return torch.cat((state, motion), dim=1), context


def _torchvision_name(key: str) -> str:
    for pattern, name in _NAMES:
        key = pattern.sub(name, key)
    return key
