"""The sizes of GRiT's parts."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = 5
"""Of the pyramid, p3 to p7."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; tests and the tiny profile take smaller ones.

    Attributes:
        patch_px: Side of a token of the backbone.
        stem: Channels of the convolutions before it; the first of each width halves the frame.
        stem_depth: Convolutions of each width.
        width: Of the backbone's tokens; its wider layers are four times as wide.
        depth: Blocks of the backbone. Every third one attends to the whole frame.
        heads: Of each block.
        window: Tokens along a side of the windows in which the other blocks attend.
        grid: Tokens along a side of the frames on which the tables of relative positions were trained.
        channels: Of the pyramid; a multiple of `groups`.
        groups: Of the norms of the proposals.
        convolutions: Of the proposals.
        box_width: Of the two layers that look at a box.
        text_width: Of the text decoder's tokens; its wider layers are four times as wide.
        text_depth: Layers of the text decoder.
        text_heads: Of each layer.
        vocabulary: Word pieces.
        text_positions: Rows of the table of positions in a text.
    """

    patch_px: int = 16
    stem: tuple[int, ...] = ()
    stem_depth: int = 1
    width: int = 768
    depth: int = 12
    heads: int = 12
    window: int = 14
    grid: int = 64
    channels: int = 256
    groups: int = 32
    convolutions: int = 4
    box_width: int = 1024
    text_width: int = 768
    text_depth: int = 6
    text_heads: int = 12
    vocabulary: int = 30522
    text_positions: int = 1024

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels between the positions of each level of the pyramid: 8, 16, 32, 64 and 128."""
        return tuple(self.patch_px // 2 << level for level in range(LEVELS))


PUBLISHED = Sizes()
