"""Tag2Text for the tiny profile: tags and captions of pictures of the synthetic world."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import COLOURS, KINDS, SCENES, draw_clip, held_out
from i2vbench.metrics.frame_success import tells_scene
from i2vbench.metrics.networks import tag2text, wordpiece
from i2vbench.metrics.networks.tag2text import Caption, Sizes, Tag2Text, published_order
from i2vbench.metrics.networks.tag2text.caption import RULES, prompt_ids
from i2vbench.metrics.networks.tag2text.tagging import BETWEEN, tag_pieces
from i2vbench.tiny.recipe import Curve, Recipe
from i2vbench.tiny.tag2text_pictures import TAGS, Pictures, disturbed, draw_pictures

_BATCH = 32
_RATE, _WARM_UP, _DECAY = 2e-3, 200, 0.02
_ROWS = 50

_TAGS_WEIGHT = 20.0
"""Of the mean over tags, most of which are easy, beside the mean over words."""

_NO_TAGS, _DROPPED, _WRONG = 0.15, 0.2, 0.4
"""How often a caption is learned without any tag, without a right one, and with a wrong one."""

_NEVER = -100.0
"""The logit of words that were not learned."""


class TinyTag2Text(Recipe):
    name = "tag2text"
    checkpoint = "tiny_tag2text"
    title = "Tag2Text: a Swin of 24 to 96 channels at 96 pixels, and two layers of width 32 each"
    data = "Four pictures each of 4,000 clips, mirrored, compressed, blurred, lit and grained by chance."
    method = (
        "Binary cross entropy of the tags and cross entropy of the caption's words, by AdamW; the published training "
        "has the asymmetric loss, label smoothing and BERT's weights to begin with. Captions are learned from the true "
        "tags with some missing and some wrong ones. Kinds of things are not learned in so many steps: captions name "
        "them at random."
    )
    scores: Mapping[str, str] = {
        "scene": "captions that tell the scene, of 800 pictures",
        "scene_rival": "the same of a captioner that always tells the commonest scene",
        "scene_blurred": "captions that tell the scene, of the same pictures shrunk to 40 pixels",
        "colours": "colours of things seen that the caption names",
        "colours_rival": "the same of a captioner that always names the commonest colour",
        "colours_wrong": "colours named that no thing seen has",
        "kinds": "kinds of things seen that the caption names: not learned",
        "kinds_rival": "the same of a captioner that always names the commonest kind",
        "kinds_wrong": "kinds named that are not seen",
        "tags_precision": "detected tags that apply",
        "tags_recall": "tags that apply that are detected",
        "consistency": "scene consistency of 48 clips with their scene",
        "consistency_wrong": "scene consistency of these clips with another scene",
    }
    steps = 2400
    cpu_minutes = 9.0
    extras = ("tiny_tag2text_tags",)
    clips = 4000

    @property
    def sizes(self) -> Sizes:
        return Sizes(**weights.entry(self.checkpoint).sizes)

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        random = np.random.default_rng(self.seed)
        pictures = draw_pictures(range(self.clips), self.sizes.image_px)
        lesson = Lesson(pictures, self.sizes)
        network = begin(lesson.sizes)
        optimizer = torch.optim.AdamW(network.parameters(), _RATE, (0.9, 0.98), weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, self.steps))
        sums = np.zeros(2)
        every = max(1, self.steps // _ROWS)
        for step in range(1, self.steps + 1):
            rows = torch.from_numpy(random.integers(len(pictures.frames), size=_BATCH))
            losses = lesson.losses(network, rows, random)
            optimizer.zero_grad(set_to_none=True)
            (_TAGS_WEIGHT * losses[0] + losses[1]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            sums += [loss.item() for loss in losses]
            if step % every == 0:
                log.row(step, tags=sums[0] / every, caption=sums[1] / every)
                sums[:] = 0
        return lesson.with_all_words(tag2text.tensors(network))

    def extra(self, name: str) -> list[str]:
        return list(TAGS)

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        return score(tag2text.load(state, TAGS, self.sizes))


class Lesson:
    """What is learned of pictures: a network that has the words alone that are ever said of them.

    The softmax over thousands of words that are never said would be a third of the work.

    Attributes:
        sizes: Of that network.
        places: Its id of each piece, by the piece's own; -1 for those it has not.
    """

    def __init__(self, pictures: Pictures, sizes: Sizes) -> None:
        self._pictures, self._whole = pictures, sizes
        said = [prompt_ids(sizes) + wordpiece.encode(text, sizes.pieces)[1:] for text in pictures.captions]
        longest = max(map(len, said))
        if longest > RULES.max_length:
            raise ValueError(f"captions of {longest} pieces, and the search ends at {RULES.max_length}")
        tags = set(wordpiece.encode(BETWEEN.join(TAGS), sizes.pieces))
        own = {sizes.decode_id, sizes.encode_id}
        used = sorted({wordpiece.PAD, *tags, *(piece for ids in said for piece in ids)} - own)
        self.sizes = replace(sizes, pieces=len(used))
        self._rows = torch.tensor([*used, sizes.decode_id, sizes.encode_id])
        self.places = torch.full((sizes.vocabulary,), -1)
        self.places[self._rows] = torch.arange(len(self._rows))
        filled = [ids + [wordpiece.PAD] * (longest - len(ids)) for ids in said]
        self._ids = self.places[torch.tensor(filled)]  # [N, L]

    def losses(self, network: Tag2Text, rows: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Of the tags and of the captions of these pictures."""
        image = network.visual_encoder(disturbed(self._pictures.frames[rows], random))
        targets, ids = self._pictures.tags[rows], self._ids[rows]
        queries = network.label_embed.weight
        found = network.vision_multi(queries, network.vision_multi.asked(queries), image)
        tags = F.binary_cross_entropy_with_logits(network.fc(found), targets)
        pieces, mask = tag_pieces([_guide(row, random) for row in targets.numpy()], self._whole)
        states = network.tag_encoder(self.places[pieces], mask, image)
        logits = network.text_decoder(ids[:, :-1], states)  # [N, L - 1, V]
        known = len(prompt_ids(self._whole))
        caption = F.cross_entropy(
            logits[:, known - 1 :].flatten(0, 1), ids[:, known:].flatten(), ignore_index=wordpiece.PAD
        )
        return tags, caption

    def with_all_words(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a network that has all words: those that it never learned are zeros, and never said."""
        whole = dict(state)
        for name, tensor in state.items():
            if name.endswith(("word_embeddings.weight", "predictions.decoder.weight", "predictions.decoder.bias")):
                never = _NEVER if name.endswith("bias") else 0.0
                whole[name] = torch.full((self._whole.vocabulary, *tensor.shape[1:]), never)
                whole[name][self._rows] = tensor
        return whole


def score(network: Tag2Text, pictures: int = 200, clips: int = 48) -> dict[str, float]:
    """What it says of the first held-out clips: of four pictures of each, and of the sixteen frames of other ones."""
    seen = draw_pictures((held_out(i) for i in range(pictures)), network.sizes.image_px)
    said, blurred = network.caption(seen.frames), network.caption(_blurred(seen.frames, 40))
    detected = torch.tensor([[float(tag in caption.tags) for tag in TAGS] for caption in said])
    both = float((detected * seen.tags).sum())
    return {
        "scene": _share(tells_scene(w, c.text) for w, c in zip(seen.scenes, said, strict=True)),
        "scene_rival": Counter(seen.scenes).most_common(1)[0][1] / len(said),
        "scene_blurred": _share(tells_scene(w, c.text) for w, c in zip(seen.scenes, blurred, strict=True)),
        **_named("colours", list(COLOURS), said, seen.tags),
        **_named("kinds", list(KINDS), said, seen.tags),
        "tags_precision": both / max(1.0, float(detected.sum())),
        "tags_recall": both / float(seen.tags.sum()),
        **_consistency(network, range(pictures, pictures + clips)),
    }


def _named(what: str, words: Sequence[str], said: Sequence[Caption], tags: Tensor) -> dict[str, float]:
    """How many of the words that apply are in the captions, of pictures with tags [N, tags]; and the rival's."""
    apply = tags[:, [TAGS.index(word) for word in words]]
    named = torch.tensor([[float(word in caption.text.split()) for word in words] for caption in said])
    both, seen = float((apply * named).sum()), float(apply.sum())
    return {
        what: both / seen,
        f"{what}_rival": float(apply.sum(0).max()) / seen,
        f"{what}_wrong": 1 - both / max(1.0, float(named.sum())),
    }


def _consistency(network: Tag2Text, indices: Sequence[int]) -> dict[str, float]:
    """By the published rule, of sixteen frames; the wrong scene is the one before it in the list."""
    drawn = [draw_clip(held_out(index)) for index in indices]
    said = [[caption.text for caption in network.caption(clip.frames)] for clip in drawn]
    scenes = [clip.scene for clip in drawn]
    others = [list(SCENES)[list(SCENES).index(scene) - 1] for scene in scenes]

    def value(asked: Sequence[str]) -> float:
        return _share(
            tells_scene(word, text) for word, texts in zip(asked, said, strict=True) for text in published_order(texts)
        )

    return {"consistency": value(scenes), "consistency_wrong": value(others)}


def _share(found: Iterable[bool]) -> float:
    return float(np.mean(list(found)))


def _blurred(frames: Tensor, side: int) -> Tensor:
    """uint8 [N, S, S, 3], shrunk and enlarged again."""
    planes = frames.permute(0, 3, 1, 2).float()
    small = F.interpolate(planes, (side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, planes.shape[2:], mode="bilinear").round().byte().permute(0, 2, 3, 1)


def begin(sizes: Sizes) -> Tag2Text:
    """Untrained, in training mode; a linear layer begins as PyTorch has it."""
    network = Tag2Text(TAGS, sizes)
    for name, parameter in network.named_parameters():
        if name.endswith(tag2text.TABLE):
            nn.init.trunc_normal_(parameter, std=0.02)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)
    nn.init.normal_(network.fc.W, std=0.1)
    nn.init.constant_(network.fc.b, -2.0)  # a tag in eight applies
    nn.init.normal_(network.text_decoder.cls.predictions.decoder.weight, std=0.1)
    return network.train()


def _rate(step: int, steps: int) -> float:
    """Of the largest learning rate: up in a line, down along a cosine."""
    warm_up = min(_WARM_UP, steps // 10 + 1)
    return min((step + 1) / warm_up, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def _guide(tags: np.ndarray, random: np.random.Generator) -> str:
    """The text of the tags of a picture, as if they had been detected with some mistakes."""
    if random.random() < _NO_TAGS:
        return ""
    kept = (tags > 0) & (random.random(len(tags)) >= _DROPPED)
    if random.random() < _WRONG:
        kept[random.integers(len(tags))] = True
    return BETWEEN.join(TAGS[index] for index in np.flatnonzero(kept))
