"""How far the fastest pixels of a clip move between its frames, by RAFT: for dynamic degree and the static filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from i2vbench.metrics.sampling import first_alike
from i2vbench.types import Frames, Video

if TYPE_CHECKING:
    from torch import Tensor, nn

PIXELS_AT_ONCE = {"cpu": 2**22}
"""Of the frames that are in memory together with their features, 80 bytes a pixel: 64 of 256 x 256."""

PIXELS_AT_ONCE_ELSEWHERE = 2**25

Pair = tuple[int, int]

NOT_FINITE = (
    "the flow is not finite: expected pixels, got NaN or infinity from RAFT; check its checkpoint with "
    "`i2vbench weights verify`"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be looked at.

    Attributes:
        frames: uint8 [T, H, W, 3].
        pairs: Positions of the frames from the first to the second of which the flow leads.
    """

    frames: Frames
    pairs: Sequence[Pair]


def too_small(video: Video) -> str | None:
    """Why a clip of this size has no flow; None if it has.

    Below the limit the published code's flow is NaN, of which it makes a static clip.
    """
    from i2vbench.metrics.networks.raft import LEAST_PX, MULTIPLE_PX, padded_size

    height, width = padded_size(video.height, video.width)
    if min(height, width) >= LEAST_PX:
        return None
    return (
        f"too small: expected sides of at least {LEAST_PX} pixels once padded to multiples of {MULTIPLE_PX}, got "
        f"{video.height} x {video.width}; below, RAFT gives NaN. Give the profile's protocol a larger height and width"
    )


def strongest_count(height: int, width: int, share: float) -> int:
    """How many of the vectors of a padded frame are that share, cut to a whole number."""
    return int(height * width * share)


def strongest_mean(flow: Tensor, share: float) -> Tensor:
    """Mean length of the longest vectors of a flow: [..., 2, H, W] -> [...], float64.

    Args:
        flow: x and y in pixels, of the padded frame.
        share: Of all vectors, `strongest_count` of which count; NaN where that is none.
    """
    import torch

    lengths = flow.square().sum(dim=-3).sqrt().flatten(-2)  # [..., H W]
    count = strongest_count(flow.shape[-2], flow.shape[-1], share)
    if count == 0:
        return lengths.new_full(lengths.shape[:-1], torch.nan, dtype=torch.float64)
    return lengths.topk(count, dim=-1, sorted=False).values.double().mean(dim=-1)


def strongest_means(network: nn.Module, device: str, looks: Sequence[Look], share: float) -> list[list[float]]:
    """`strongest_mean` of every pair of every clip, in order; NaN or infinite where the flow is.

    Args:
        network: RAFT, on `device`.
        looks: Of clips that are not `too_small`, of any sizes and lengths.
        share: As `strongest_mean` takes it.
    """
    return [[mean for (mean,) in means] for means in means_of_strongest(network, device, looks, (share,))]


def means_of_strongest(
    network: nn.Module, device: str, looks: Sequence[Look], shares: Sequence[float]
) -> list[list[tuple[float, ...]]]:
    """The same for several shares of one flow: a number for each of them."""
    import torch

    from i2vbench.metrics.networks import raft
    from i2vbench.transfer import take

    budget = PIXELS_AT_ONCE.get(device.split(":")[0], PIXELS_AT_ONCE_ELSEWHERE)
    asked: list[tuple[int, Pair]] = []
    looked: list[tuple[int, Pair]] = []
    seen: list[Tensor] = []  # [shares, pairs] each; read when all is done, since a GPU would be waited for
    for size in dict.fromkeys(look.frames.shape[1:3] for look in looks):
        alike = {i: first_alike(look.frames) for i, look in enumerate(looks) if look.frames.shape[1:3] == size}
        of_size = [(i, (alike[i][first], alike[i][second])) for i in alike for first, second in looks[i].pairs]
        asked += of_size
        for part in _stretches(list(dict.fromkeys(of_size)), max(2, budget // (size[0] * size[1]))):
            used = dict.fromkeys((i, frame) for i, pair in part for frame in pair)
            frames = take([(looks[i].frames, frame) for i, frame in used], device)
            place = {frame: position for position, frame in enumerate(used)}
            pairs = [(place[i, first], place[i, second]) for i, (first, second) in part]
            flow = network(raft.preprocess(frames), pairs).up
            seen.append(torch.stack([strongest_mean(flow, share) for share in shares]))
            looked += part
    means = torch.cat(seen, dim=1).cpu().T.tolist() if seen else []
    means_of = dict(zip(looked, map(tuple, means), strict=True))
    found: list[list[tuple[float, ...]]] = [[] for _ in looks]
    for i, pair in asked:
        found[i].append(means_of[i, pair])
    return found


def _stretches(todo: Sequence[tuple[int, Pair]], most: int) -> Iterator[list[tuple[int, Pair]]]:
    """(clip, pair) in order, as many together as are of at most so many frames."""
    part: list[tuple[int, Pair]] = []
    used: set[tuple[int, int]] = set()
    for i, pair in todo:
        more = {(i, frame) for frame in pair}
        if part and len(used | more) > most:
            yield part
            part, used = [], set()
        part.append((i, pair))
        used |= more
    if part:
        yield part
