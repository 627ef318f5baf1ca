"""Whether a model can make what it is asked for, and whether it has."""

from __future__ import annotations

from i2vbench.errors import UserError
from i2vbench.profiles import Protocol
from i2vbench.types import ModelInfo, Request, Video


def check_protocol(info: ModelInfo, protocol: Protocol) -> None:
    """Refuse a model that cannot make the protocol's size, or clips as long as it, before it has tried them all.

    Raises:
        UserError: With what it makes and what the protocol takes.
    """
    if info.any_output:
        return
    check_size(info, info.height or protocol.height, info.width or protocol.width)
    frames, fps = info.num_frames or protocol.num_frames, info.fps or protocol.fps
    check_frames(info, frames)
    try:
        protocol.frame_indices([i / fps for i in range(frames)], fps)
    except ValueError as error:
        raise UserError(f"model '{info.name}': its native clip {error}; choose a --profile that takes less") from error


def check_size(info: ModelInfo, height: int, width: int) -> None:
    """Refuse a size that a model cannot make.

    Raises:
        UserError: With the nearest size that it can.
    """
    if info.sizes and (height, width) not in info.sizes:
        nearest = min(info.sizes, key=lambda size: abs(size[0] - height) + abs(size[1] - width))
        makes = "one size," if len(info.sizes) == 1 else f"{len(info.sizes)} sizes; the nearest is"
        raise UserError(f"size {height}x{width}: model '{info.name}' makes {makes} {nearest[0]}x{nearest[1]}")
    step = info.size_multiple or 1
    if height % step or width % step:
        near = "x".join(str(max(step, round(side / step) * step)) for side in (height, width))
        raise UserError(
            f"size {height}x{width}: model '{info.name}' makes heights and widths that are multiples of {step}, "
            f"such as {near}"
        )


def check_frames(info: ModelInfo, num_frames: int) -> None:
    """Refuse a length that a model cannot make.

    Raises:
        UserError: With the nearest length that it can.
    """
    step = info.frames_step or 1
    if (num_frames - 1) % step:
        near = max(1, round((num_frames - 1) / step)) * step + 1
        raise UserError(
            f"{num_frames} frames: model '{info.name}' makes clips of 1 frame more than a multiple of {step}, "
            f"such as {near}"
        )


def fault_of(video: object, request: Request, info: ModelInfo) -> str | None:
    """What the contract finds wrong with one returned video; None if nothing."""
    if not isinstance(video, Video):
        return f"returned {type(video).__name__}; expected i2vbench.types.Video"
    if info.any_output:
        return None
    asked = (request.num_frames, request.height, request.width)
    got = (video.num_frames, video.height, video.width)
    if got != asked:
        return (
            f"returned {got[0]} frames of {got[1]} x {got[2]} pixels; "
            f"asked for were {asked[0]} frames of {asked[1]} x {asked[2]}"
        )
    if abs(video.fps - request.fps) > 1e-6:
        return f"returned a video of {video.fps:g} fps; asked for were {request.fps:g} fps"
    return None
