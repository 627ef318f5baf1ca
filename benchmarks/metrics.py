"""VBench's metrics: clips a second and peak memory, ours and VBench's own functions, in one process and in turns.

    python benchmarks/metrics.py [--device cuda] [--metrics NAME,...]
        [--vbench CHECKOUT --dino CHECKOUT --detectron2 CHECKOUT --transformers FOLDER] [--cases FOLDER]

Run it in the root of a checkout. Clips are 16 frames of 256 x 256; weights are the recipe's (tests/reference/recipe.py)
in the published layout on both sides; those of object and scene consistency are changed as a recorded case says, so
that a frame has a few boxes and captions end. VBench's functions read the same frames from lossless files; CHECKOUT is
one of VBench (of facebookresearch/dino, whose code VBench fetches; of facebookresearch/detectron2, not built), with
what they import installed: opencv-python-headless, easydict, omegaconf, einops, openai-clip, "setuptools<81", and for
object consistency fvcore, iopath, yacs, hydra-core, cloudpickle, tabulate, termcolor, pycocotools, lvis, fairscale,
boto3. Object and scene consistency take transformers 4.33.2 on VBench's side: FOLDER is where it was put by
`pip install --no-deps --target FOLDER transformers==4.33.2 tokenizers==0.13.3 huggingface_hub==0.19.4`.

Prints a Markdown table: seconds per clip (the faster of two rounds), clips/s, peak memory above what the process held
before (resident on a CPU, allocated on a GPU), the ratio, and the largest difference of the scores. On a GPU also how
often ours waits for it, in a round of its own that is not timed (tests/waits.py). Frames are brought to the GPU anew
for each metric and round; in a run they are brought once for all metrics.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import vbench_side

from i2vbench import weights
from i2vbench.registry import METRICS
from i2vbench.types import Clip, Frames, FrameSource, Sample, Video
from i2vbench.video import write_video
from tests.reference import recipe
from tests.reference.cases import BUNDLED, Case, bundled_json
from tests.reference.kinds.recorded import tied_state
from tests.reference.kinds.tag2text import tag_names
from tests.waits import Waits

METRIC_FOLDERS = {
    "background_consistency": "clip_vit_b32",
    "subject_consistency": "dino_vitb16",
    "temporal_flickering": "",
    "motion_smoothness": "amt_s",
    "dynamic_degree": "raft",
    "object_consistency": "grit",
    "scene_consistency": "tag2text",
    "overall_consistency": "viclip",
}
"""Metric id -> folder of its network's key list."""

METRIC_CASES = {"object_consistency": "grit/e2e-1", "scene_consistency": "tag2text/scene-0"}
"""Metric id -> the recorded case whose weights are taken."""

OBJECT, SCENE = "parks", "swift"
"""Words that these weights see in some frames of the first clip, not in all."""

_CLASSES = "roi_heads.box_predictor.{}.cls_score.bias"
CHANGES = {
    "object_consistency": [
        *((_CLASSES.format(stage), 0, 0.5) for stage in range(3)),
        ("roi_heads.text_decoder.textual.output.bias", 102, -2.0),
    ]
}
"""Metric id -> tensors, a place in each, and what is added there: on another clip than its own the case's weights see
next to no box, and name none."""

Scores = Callable[[], Sequence[float]]

NUM_FRAMES, SIDE_PX, FPS = 16, 256, 8.0
ROUNDS = 2


@dataclass(frozen=True)
class Run:
    """What measuring all clips took.

    Attributes:
        seconds: Per clip.
        memory: Peak bytes above what was held before.
        scores: One per clip.
    """

    seconds: float
    memory: int
    scores: tuple[float, ...]

    @classmethod
    def best(cls, runs: Sequence[Run]) -> Run:
        """The seconds of the fastest, the memory of the most needy."""
        fastest = min(runs, key=lambda run: run.seconds)
        return replace(fastest, memory=max(run.memory for run in runs))

    def text(self) -> str:
        return f"{self.seconds:.2f} | {1 / self.seconds:.3f} | {self.memory / 2**20:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--metrics", default=",".join(METRIC_FOLDERS), help="names, separated by commas")
    parser.add_argument("--vbench", type=Path, help="a checkout of Vchitect/VBench")
    parser.add_argument("--dino", type=Path, help="a checkout of facebookresearch/dino")
    parser.add_argument("--detectron2", type=Path, help="a checkout of facebookresearch/detectron2")
    parser.add_argument("--transformers", type=Path, help="a folder with transformers 4.33.2")
    parser.add_argument("--cases", type=Path, default=BUNDLED, help="a folder of recorded cases (those bundled)")
    args = parser.parse_args()
    chosen = args.metrics.split(",")
    clips = [make_clip(seed) for seed in range(args.clips)]
    published = (
        vbench_side.Published(args.vbench, args.dino, args.detectron2, args.transformers) if args.vbench else None
    )

    columns = "| metric | ours, s | clips/s | MiB |" + (" waits |" if args.device.startswith("cuda") else "")
    columns += " VBench, s | clips/s | MiB | ratio | score off by |" if published else ""
    print(columns)
    print("|---" + "|---:" * (columns.count("|") - 2) + "|")
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(clips, Path(folder))
        samples = [clip.sample for clip in clips]
        ours: list[Scores] = []
        theirs: list[Scores] = []
        for name in chosen:
            state = case_state(args.cases, name) if name in METRIC_CASES else recipe_state(METRIC_FOLDERS[name])
            ours.append(our_function(name, state, clips, args.device, args.cases))
            if published:
                theirs.append(vbench_side.function(name, state, files, samples, args.device, published, Path(folder)))
            print(row(name, ours[-1:], theirs[-1:], args.device, len(clips)), flush=True)
        print(row("all together", ours, theirs, args.device, len(clips)))


def row(name: str, ours: Sequence[Scores], theirs: Sequence[Scores], device: str, clips: int) -> str:
    """A line of the table: ours and VBench's, in turns, each the faster of its rounds."""
    runs = [[timed(some, device, clips) for some in (ours, theirs) if some] for _ in range(ROUNDS)]
    columns = [Run.best(column) for column in zip(*runs, strict=True)]
    texts = [run.text() for run in columns]
    if device.startswith("cuda"):
        texts.insert(1, str(count_waits(ours)))
    line = f"| {name} | " + " | ".join(texts) + " |"
    if theirs:
        our, their = columns
        off = max(abs(a - b) for a, b in zip(our.scores, their.scores, strict=True))
        line += f" {their.seconds / our.seconds:.2f} | {off:.1e} |"
    return line


def our_function(name: str, state: dict[str, torch.Tensor], clips: Sequence[Clip], device: str, cases: Path) -> Scores:
    weights.read = lambda _: state  # type: ignore[assignment]  # the recipe's, whatever is on this machine
    if name == "scene_consistency":
        names = tags(cases)
        weights.read_lines = lambda _: names  # type: ignore[assignment]
    metric = METRICS.create(name)
    metric.load(device, "float32")

    def run() -> list[float]:
        # Anew: what a network has seen of a clip is kept as long as the clip is, and on a GPU its frames are.
        fresh = [replace(clip, video=replace(clip.video, frames=clip.video.frames.copy())) for clip in clips]
        measured = metric.measure(fresh)
        for m in measured:
            if m.value is None:
                raise RuntimeError(f"{name}: {m.error}")
        return [m.value for m in measured if m.value is not None]

    return run


def count_waits(functions: Sequence[Scores]) -> int:
    with Waits() as waits:
        for function in functions:
            function()
    return len(waits.places)


def timed(functions: Sequence[Scores], device: str, clips: int) -> Run:
    gc.collect()
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if cuda else reset_peak_resident()
    begun = time.perf_counter()
    scores = tuple(score for function in functions for score in function())
    if cuda:
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - begun
    peak = torch.cuda.max_memory_allocated(device) if cuda else resident("VmHWM")
    return Run(seconds / clips, peak - before, scores)


def reset_peak_resident() -> int:
    """Give freed memory back and forget the peak so far (Linux); what is resident now, in bytes."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def recipe_state(folder: str) -> dict[str, torch.Tensor]:
    """The published layout filled by the recipe; nothing for a metric without a network."""
    if not folder:
        return {}
    arrays = recipe.state(bundled_json(f"{folder}/keys.json"))
    return {key: torch.from_numpy(array) for key, array in arrays.items()}


def case_state(cases: Path, name: str) -> dict[str, torch.Tensor]:
    """The published layout filled by the recipe and changed by the overrides of the metric's case."""
    state = tied_state(Case(cases, METRIC_CASES[name]))
    for key, place, added in CHANGES.get(name, ()):
        state[key] = state[key].clone()
        state[key][place] += added
    return state


def tags(cases: Path) -> list[str]:
    """Tag2Text's, which a checkout does not hold."""
    names = tag_names(Case(cases, METRIC_CASES["scene_consistency"]))
    if names is None:
        raise SystemExit("scene_consistency: its list of tags is not here: `i2vbench weights fetch tag2text_tag_list`")
    return list(names)


def make_clip(seed: int) -> Clip:
    """A texture that moves over another one."""
    random = np.random.default_rng(seed)
    back, front = (texture(random) for _ in range(2))
    frames = np.stack([compose(back, front, step) for step in range(NUM_FRAMES)])
    prompt = f"a disk number {seed} gliding over a rocky field"
    sample = Sample(f"clip-{seed}", "Others", prompt, FrameSource(Path("x.png")), objects=(OBJECT,), scene=SCENE)
    return Clip(sample, Video(frames, FPS))


def texture(random: np.random.Generator) -> Frames:
    coarse = torch.from_numpy(random.uniform(0, 255, (1, 3, 24, 24)).astype(np.float32))
    fine = torch.nn.functional.interpolate(coarse, SIDE_PX, mode="bicubic").clamp(0, 255)
    pixels: Frames = fine[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
    return pixels


def compose(back: Frames, front: Frames, step: int) -> Frames:
    rows, columns = np.ogrid[:SIDE_PX, :SIDE_PX]
    inside = (rows - 128) ** 2 + (columns - 60 - 9 * step) ** 2 < 50**2
    frame: Frames = np.where(inside[..., None], np.roll(front, 9 * step, axis=1), np.roll(back, step, axis=0))
    return frame


def write_files(clips: Sequence[Clip], folder: Path) -> list[Path]:
    files = [folder / f"{clip.sample.id}.mp4" for clip in clips]
    for file, clip in zip(files, clips, strict=True):
        write_video(file, clip.video)
    return files


if __name__ == "__main__":
    main()
