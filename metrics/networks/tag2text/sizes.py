"""How large the network is: as published, or smaller."""

from __future__ import annotations

from dataclasses import dataclass

from i2vbench.metrics.networks import wordpiece


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; tests and tiny profiles take smaller ones.

    Attributes:
        image_px: Side of what it sees: `patch_px` times `window` times a power of two.
        patch_px: Side of a token of the first stage.
        embed: Channels of the first stage of the image encoder; each later one has twice as many.
        depths: Blocks of each stage; every second one shifts its windows.
        image_heads: Attention heads of each stage.
        window: Tokens along a side of a window.
        width: C of the three text transformers.
        heads: Of the image-tag encoder and of the caption decoder.
        layers: Of each of these two.
        tagging_heads: Of the tagging decoder, which has the first layers of the image-tag encoder.
        tagging_layers: How many of them.
        tags: Known ones.
        positions: Pieces of the longest text.
        pieces: Known ones, BERT's first; the network's two special ones follow them.
    """

    image_px: int = 384
    patch_px: int = 4
    embed: int = 128
    depths: tuple[int, ...] = (2, 2, 18, 2)
    image_heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 12
    width: int = 768
    heads: int = 12
    layers: int = 12
    tagging_heads: int = 4
    tagging_layers: int = 2
    tags: int = 3429
    positions: int = 512
    pieces: int = wordpiece.NUM_PIECES

    @property
    def image_width(self) -> int:
        """Channels of an image's tokens: 1024."""
        return self.embed << (len(self.depths) - 1)

    @property
    def offsets(self) -> int:
        """From one token of a window to another: the rows of a table of position biases, 529."""
        return (2 * self.window - 1) ** 2

    @property
    def decode_id(self) -> int:
        """[DEC], 30522, which a caption's prompt begins with in place of [CLS]."""
        return self.pieces

    @property
    def encode_id(self) -> int:
        """[ENC], 30523, which a text of tags begins with in place of [CLS]."""
        return self.pieces + 1

    @property
    def vocabulary(self) -> int:
        """Rows of a table of words: 30524."""
        return self.pieces + 2


PUBLISHED = Sizes()
