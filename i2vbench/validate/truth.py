"""The metrics' networks against the truth of drawn clips: flow, frames in between, names, captions.

Each number stands beside that of a simple rival, without which it would say little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from i2vbench.datasets.synthetic import SyntheticClip, draw_clip
from i2vbench.metrics.base import NetworkMetric
from i2vbench.profiles import Protocol
from i2vbench.progress import Progress


@dataclass(frozen=True, slots=True)
class Score:
    """What a network gets right.

    Attributes:
        metric: Whose network it is.
        what: Which number, with its unit.
        value: The network's.
        rival: What the number is compared with.
        rival_value: Its number.
        higher_is_better: Of both.
    """

    metric: str
    what: str
    value: float
    rival: str
    rival_value: float
    higher_is_better: bool


def against_truth(
    metrics: Mapping[str, NetworkMetric],
    seeds: Sequence[int],
    protocol: Protocol,
    progress: Progress,
    device: str = "cpu",
) -> list[Score]:
    """The scores of those of the metrics that have a truth.

    Args:
        metrics: By id, prepared and not loaded.
        seeds: Of the clips.
        protocol: What they are drawn to.
        progress: Told how far it is.
        device: As torch names it.
    """
    clips = [draw_clip(seed, protocol.num_frames, protocol.fps, protocol.height, protocol.width) for seed in seeds]
    scores: list[Score] = []
    for id_, compare in _TRUTHS.items():
        if id_ in metrics:
            stage = f"truth of {id_}"
            progress.start(stage, 1, 0)
            metrics[id_].load(device, "float32")
            try:
                scores += compare(metrics[id_], clips, device)
            finally:
                metrics[id_].unload()
            progress.advance(stage)
    return scores


def _flow(metric: Any, clips: Sequence[SyntheticClip], device: str) -> list[Score]:
    """From the first to the second frame and on to the fourth (or the last), over points that are seen in both."""
    import torch

    from i2vbench.metrics.networks import raft

    last, network = min(3, len(clips[0].frames) - 1), metric.network_in_memory
    pairs = [(i, j) for i, j in ((0, 1), (1, last)) if i < j]
    if not pairs:
        return []
    errors, lengths = [], []
    for clip in clips:
        frames = raft.preprocess(torch.from_numpy(clip.frames[:4]).to(device))
        pad = raft.padding(*clip.frames.shape[1:3])
        found = network(frames, pairs).up[..., pad.top :, pad.left :][
            ..., : clip.frames.shape[1], : clip.frames.shape[2]
        ]
        for pair, flow in zip(pairs, found.permute(0, 2, 3, 1).cpu().numpy(), strict=True):
            true, seen = clip.flow(*pair)
            errors.append(np.linalg.norm(flow - true, axis=-1)[seen])
            lengths.append(np.linalg.norm(true, axis=-1)[seen])
    error, length = (float(np.concatenate(parts).mean()) for parts in (errors, lengths))
    return [Score(metric.info.id, "end-point error in pixels", error, "no motion", length, False)]


def _between(metric: Any, clips: Sequence[SyntheticClip], device: str) -> list[Score]:
    """Every second frame from its neighbours, in decibels; nothing of clips that have none in between."""
    import torch

    from i2vbench.metrics.motion_smoothness import interpolate

    if len(clips[0].frames) < 3:
        return []
    own, blended = [], []
    for clip in clips:
        middle = np.arange(1, len(clip.frames) - 1, 2)
        pairs = torch.from_numpy(np.stack((clip.frames[middle - 1], clip.frames[middle + 1]), axis=1)).to(device)
        true = clip.frames[middle] / 255.0
        made = interpolate(metric.network_in_memory, pairs).permute(0, 2, 3, 1).cpu().numpy().clip(0, 1)
        linear = pairs.double().mean(dim=1).cpu().numpy() / 255.0
        own.append(float(((made - true) ** 2).mean()))
        blended.append(float(((linear - true) ** 2).mean()))
    decibels = [float(np.mean([-10 * math.log10(max(error, 1e-6)) for error in some])) for some in (own, blended)]
    return [Score(metric.info.id, "PSNR of frames in between, in dB", decibels[0], "blending", decibels[1], True)]


def _names(metric: Any, clips: Sequence[SyntheticClip], device: str) -> list[Score]:
    """Things of which a hundredth of the frame or more is seen, and what is named besides, frame by frame.

    Where nothing is in sight there is nothing to name, and no score.
    """
    found = total = wrong = named = 0
    kinds: Counter[str] = Counter()
    for clip in clips:
        for layers, seen in zip(clip.layers, metric.look(clip.video), strict=True):
            in_sight = {t.kind for k, t in enumerate(clip.things) if (layers == k + 1).mean() >= 0.01}
            there = {t.kind for k, t in enumerate(clip.things) if (layers == k + 1).any()}
            names = set(seen.names)
            found, total = found + len(in_sight & names), total + len(in_sight)
            wrong, named = wrong + len(names - there), named + len(names)
            kinds.update(in_sight)
    if not total:
        return []
    commonest = kinds.most_common(1)[0][1] / total
    id_ = metric.info.id
    return [
        Score(id_, "things in sight that are named", found / total, "always the commonest", commonest, True),
        Score(
            id_,
            "names of things that are not there",
            wrong / max(1, named),
            "always the commonest",
            1 - commonest,
            False,
        ),
    ]


def _captions(metric: Any, clips: Sequence[SyntheticClip], device: str) -> list[Score]:
    """Captions with the word of the scene, and with the kind of the nearest thing."""
    captions = [(clip, seen.text) for clip in clips for seen in metric.look(clip.video)]
    scores = []
    for what, words in (
        ("captions with the right scene", [clip.scene for clip, _ in captions]),
        ("captions with the nearest thing", [clip.things[0].kind for clip, _ in captions]),
    ):
        right = sum(word in text for word, (_, text) in zip(words, captions, strict=True)) / len(captions)
        commonest = Counter(words).most_common(1)[0][1] / len(captions)
        scores.append(Score(metric.info.id, what, right, "always the commonest", commonest, True))
    return scores


_TRUTHS: Mapping[str, Callable[[Any, Sequence[SyntheticClip], str], list[Score]]] = {
    "dynamic_degree": _flow,
    "motion_smoothness": _between,
    "object_consistency": _names,
    "scene_consistency": _captions,
}
