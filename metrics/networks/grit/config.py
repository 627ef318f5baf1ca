"""The sizes of GRiT's parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GRiTConfig:
    """Of the published network; tests take smaller ones.

    Attributes:
        width: Of the backbone's tokens; its wider layers are four times as wide.
        depth: Blocks of the backbone. Every third one attends to the whole frame.
        heads: Of each block.
        window: Tokens along a side of the windows in which the other blocks attend.
        grid: Tokens along a side of the frames on which the tables of relative positions were trained.
        channels: Of the pyramid; a multiple of 64, for the 32 groups of the norms of the proposals.
        box_width: Of the two layers that look at a box.
        text_width: Of the text decoder's tokens; its wider layers are four times as wide.
        text_depth: Layers of the text decoder.
        text_heads: Of each layer.
        vocabulary: Word pieces.
        text_positions: Rows of the table of positions in a text.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    window: int = 14
    grid: int = 64
    channels: int = 256
    box_width: int = 1024
    text_width: int = 768
    text_depth: int = 6
    text_heads: int = 12
    vocabulary: int = 30522
    text_positions: int = 1024


PUBLISHED = GRiTConfig()
