"""Tag2Text (Swin-B, 384 pixels, 14 M images): tags of an image, and a caption of it: the network of scene consistency.

Matches VBench 0.1.5 (commit 45e79ec), `third_party/tag2Text`, with tag2text_swin_14m.pth (Huang et al., Tag2Text, ICLR
2024, arXiv:2303.05657) and transformers 4.33.2, whose beam search is part of it. VBench captions the frames of a video
in one call, which mixes them up (`published_order`); here each frame is captioned from itself.

All is float32: autocast is off, as no test shows that words stay what they are under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from i2vbench.checkpoints import CheckpointError, fill, unwrap
from i2vbench.errors import UserError
from i2vbench.metrics.networks.tag2text.caption import RULES, CaptionDecoder, prompt_ids, text_of
from i2vbench.metrics.networks.tag2text.image import ImageEncoder, preprocess
from i2vbench.metrics.networks.tag2text.sizes import PUBLISHED, Sizes
from i2vbench.metrics.networks.tag2text.tagging import (
    BETWEEN,
    Scores,
    TagEncoder,
    TaggingDecoder,
    detected,
    tag_pieces,
)
from i2vbench.transfer import put

__all__ = ["PUBLISHED", "Caption", "Sizes", "Tag2Text", "load", "published_order", "tensors"]

T = TypeVar("T")

ENCODED_AT_ONCE = 4
"""Frames in the image encoder, of 120 MB each. A CPU takes no longer over one at a time."""

TAGGED_AT_ONCE = 2
"""Frames in the tagging decoder, where each has 3,429 queries and takes 140 MB. A CPU takes no longer over two."""

WRITTEN_AT_ONCE = 32
"""Frames whose captions are searched for, of 20 MB each. Every word reads all weights, whatever the frames: one core
takes 0.6 to 0.9 s a frame for four together, 0.3 to 0.5 s for 32."""

TABLE = "relative_position_bias_table"


@dataclass(frozen=True, slots=True)
class Caption:
    """Of one frame.

    Attributes:
        text: What it says after "a picture of "; may be empty.
        tags: Those detected, in the order of the list, in which names occur more than once: so they may here.
        fault: Why there is neither; "" if there is. Such a frame leaves those beside it as they are.
    """

    text: str
    tags: tuple[str, ...]
    fault: str = ""


def load(state: Mapping[str, Any], tags: Sequence[str], sizes: Sizes = PUBLISHED) -> Tag2Text:
    """The network with the tensors of the published checkpoint, float32, in evaluation mode, without gradients.

    Args:
        state: Tensors by name, or what holds them under `model`. Every parameter must be there under the name that the
            published loader ends with where it has several: that of `vision_multi` for layers of `tag_encoder`, that of
            `cls.predictions.decoder` for words and their bias. What else is there (the other names, index tables,
            masks) is not looked at.
        tags: The names of the tags in the order of their indices.

    Raises:
        CheckpointError: Naming every key that is missing or of another shape, a tensor of several names under each.
        UserError: For another number of tags.
    """
    if len(tags) != sizes.tags:
        raise UserError(f"Tag2Text's list of tags: expected {sizes.tags} names, a line each, got {len(tags)}")
    with torch.device("meta"):
        network = Tag2Text(tags, sizes)
    own = network.state_dict(keep_vars=True)
    given = {name: tensor for name, tensor in unwrap(state).items() if name in own}
    _check_windows(given, sizes)
    last = {id(tensor): name for name, tensor in own.items()}  # of several names the last
    names = {name: last[id(tensor)] for name, tensor in own.items()}
    present = {name: given[source] for name, source in names.items() if source in given}
    fill(network, present, "Tag2Text", dtype=torch.float32)
    network.visual_encoder.make_tables()
    return network.eval().requires_grad_(False)


def tensors(network: Tag2Text) -> dict[str, Tensor]:
    """What `load` makes the network of: every tensor once, under the last of its names."""
    own = network.state_dict(keep_vars=True)
    last = {id(tensor): name for name, tensor in own.items()}
    return {name: own[name].detach() for name in last.values()}


def _check_windows(given: Mapping[str, Any], sizes: Sizes) -> None:
    misshapen = [name for name, table in given.items() if name.endswith(TABLE) and len(table) != sizes.offsets]
    if misshapen:
        raise CheckpointError(
            f"checkpoint of Tag2Text: {misshapen[0]} has {len(given[misshapen[0]])} rows, expected {sizes.offsets}: it "
            f"was trained with windows of another size than {sizes.window} tokens, as for another size of images. The "
            "published code would resize the table, and the captions would be another network's",
            [], [], misshapen,
        )  # fmt: skip


def published_order(captions: Sequence[T]) -> list[T]:
    """What VBench takes for the captions of the frames of one video: entry i is that of frame i // 3.

    Its code repeats the states of every frame for the three beams, transformers 4.33 repeats them once more, and the
    attention cuts them to the number of beams: beams 3i to 3i + 2, which are frame i's, meet repetitions 3i to 3i + 2
    of 9 a frame, all of frame i // 3. So of 16 frames the first five are captioned three times and the sixth once;
    the others never count. The scores that are published were made so.

    Args:
        captions: Of the frames by themselves, or anything else of each: the published tags are in this order too.
    """
    return [captions[i // RULES.beams] for i in range(len(captions))]


class Tag2Text(nn.Module):
    """The modules bear the names of the published checkpoint.

    Args:
        tags: Their names, in the order of their indices.
    """

    def __init__(self, tags: Sequence[str], sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        self.tags = tuple(tags)
        self.sizes = sizes
        self.visual_encoder = ImageEncoder(sizes)
        tagging = TaggingDecoder(sizes)
        self.tag_encoder = TagEncoder(sizes, tagging)
        self.vision_multi = tagging  # after it: of the two names of a shared tensor the last counts
        self.text_decoder = CaptionDecoder(sizes)
        self.label_embed = nn.Embedding(sizes.tags, sizes.width)
        self.fc = Scores(sizes)

    def caption(self, frames: Tensor | np.ndarray[Any, Any]) -> list[Caption]:
        """A caption of each frame, from this frame alone.

        Args:
            frames: uint8 [N, H, W, 3] RGB, of any size, on any device.

        Raises:
            ValueError: For another dtype or shape, or nothing in it.
        """
        captions: list[Caption] = []
        for start in range(0, max(1, len(frames)), WRITTEN_AT_ONCE):
            captions += self._caption(frames[start : start + WRITTEN_AT_ONCE])
        return captions

    def _caption(self, frames: Tensor | np.ndarray[Any, Any]) -> list[Caption]:
        image = self.image_tokens(frames)
        logits = self.tag_logits(image)
        finite = logits.isfinite().all(1)
        kept = finite.nonzero().flatten()
        captions = [Caption("", (), "a score of a tag is not finite")] * len(image)
        if not len(kept):
            return captions
        found = [tuple(self.tags[index] for index in row) for row in detected(logits[kept])]
        states = self.tag_states([BETWEEN.join(tags) for tags in found], image[kept])
        said = self.text_decoder.search(states, prompt_ids(self.sizes))
        for place, tags, hypothesis in zip(kept.tolist(), found, said, strict=True):
            if hypothesis is None:
                captions[place] = Caption("", (), "a score of a word is not finite")
            else:
                captions[place] = Caption(text_of(hypothesis.ids, self.sizes), tags)
        return captions

    def image_tokens(self, frames: Tensor | np.ndarray[Any, Any]) -> Tensor:
        """uint8 [N, H, W, 3] -> [N, 145, 1024]."""
        device = self.label_embed.weight.device
        tokens = []
        for start in range(0, max(1, len(frames)), ENCODED_AT_ONCE):
            part = frames[start : start + ENCODED_AT_ONCE]
            # A copy: arrays may be read-only or lie backwards.
            pixels = preprocess(
                part if isinstance(part, Tensor) else torch.from_numpy(part.copy()), self.sizes.image_px
            )
            tokens.append(self.visual_encoder(put(pixels, device)))
        return torch.cat(tokens)

    def tag_features(self, image: Tensor) -> Iterator[Tensor]:
        """Of images with tokens [N, 145, 1024], a few at a time, [n, tags, 768]: what is found of each tag."""
        queries = self.label_embed.weight
        asked = self.vision_multi.asked(queries)
        for part in image.split(TAGGED_AT_ONCE):
            yield self.vision_multi(queries, asked, part)

    def tag_logits(self, image: Tensor) -> Tensor:
        """Of images with tokens [N, 145, 1024], [N, tags]: whether a tag applies."""
        return torch.cat([self.fc(features) for features in self.tag_features(image)])

    def tag_states(self, texts: Sequence[str], image: Tensor) -> Tensor:
        """What captions are written from: of each text of tags and the image that it is of, [N, 40, 768]."""
        ids, mask = tag_pieces(texts, self.sizes)
        states: Tensor = self.tag_encoder(put(ids, image.device), put(mask, image.device), image)
        return states
