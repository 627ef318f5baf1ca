"""What there is by name: models, metrics, data sets and first frames. `finding.py` says how a name is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from i2vbench.entry import Entry
from i2vbench.finding import Registry

if TYPE_CHECKING:
    from i2vbench.datasets.base import Dataset
    from i2vbench.first_frames.base import FirstFrames
    from i2vbench.metrics.base import Metric
    from i2vbench.models.base import Model

MODELS: Registry[Model] = Registry(
    "model",
    base="i2vbench.models.base:Model",
    info="i2vbench.types:ModelInfo",
    group="i2vbench.models",
    builtin={
        "static": Entry("i2vbench.models.baselines:Static", "the first frame, held: perfect consistency, no motion"),
        "pan": Entry("i2vbench.models.baselines:Pan", "a crop sliding over the first frame: motion without content"),
        "ground_truth": Entry("i2vbench.models.baselines:GroundTruth", "the reference clip itself: the ceiling"),
        "videos": Entry("i2vbench.models.videos:Videos", "a folder of videos made elsewhere", argument="[NAME=]PATH"),
        "diffusers": Entry(
            "i2vbench.models.diffusers.adapter:Diffusers",
            "an image-to-video pipeline of the diffusers library: a name on the Hugging Face hub, or a folder",
            argument="[NAME=]OWNER/REPO|PATH",
            hub=True,
            hint="`i2vbench models diffusers` lists those that are known by name",
            known="i2vbench.models.diffusers.known:listing",
        ),
        "external": Entry(
            "i2vbench.models.external.adapter:External",
            "a research repository run as its own process, as a TOML file says (docs/external.md)",
            argument="[NAME=]PATH",
            words={
                "seine": "SEINE 320 x 512; PATH is its repository's folder, for all of these",
                "dynamicrafter": "DynamiCrafter 256 x 256",
                "dynamicrafter-512": "DynamiCrafter 320 x 512",
                "dynamicrafter-1024": "DynamiCrafter 576 x 1024",
                "animateanything": "AnimateAnything 512 x 512",
                "vgen": "I2VGen-XL 704 x 1280, by its original repository",
            },
            labelled=True,
            hint="PATH is a TOML file (docs/external.md), or with one of these words its repository's folder",
        ),
        "http": Entry(
            "i2vbench.models.http.adapter:Http",
            "a model behind an HTTP API, as a TOML file says",
            argument="[NAME=]PATH",
            hint="docs/http.md says what is in that file",
        ),
        "consisti2v": Entry(
            "i2vbench.models.consisti2v.adapter:ConsistI2V",
            "the paper's own model; PATH is a folder with its checkpoint",
            argument="[VARIANT=]PATH",
            optional=True,
            words={
                "no-frameinit": "without FrameInit (Table 3, row 2)",
                "no-frameinit-no-temporal": "without temporal first-frame conditioning too (row 3)",
                "no-frameinit-no-temporal-no-spatial": "without spatial first-frame conditioning too (row 4)",
                "paper-noise": "the paper's correlation of the frames' noise (alpha 1.5; the published code has 1.0)",
            },
        ),
    },
)

_DRAWN = {
    "stride-1": "every frame instead of every third",
    "seed-N": "another draw than the protocol's, which is that of seed 0",
}
_TABLE_1 = "docs/table-1.md says what to download, and from where"

_ANTIALIAS = {"antialias": "frames resized with antialiasing, as torchvision 0.17 does unasked; a column of its own"}

METRICS: Registry[Metric] = Registry(
    "metric",
    base="i2vbench.metrics.base:Metric",
    info="i2vbench.types:MetricInfo",
    group="i2vbench.metrics",
    builtin={
        "background_consistency": Entry(
            "i2vbench.metrics.background_consistency:BackgroundConsistency",
            "similarity of frames by CLIP ViT-B/32 (VBench; Table 6)",
            argument="VARIANT",
            optional=True,
            words=_ANTIALIAS,
        ),
        "subject_consistency": Entry(
            "i2vbench.metrics.subject_consistency:SubjectConsistency",
            "similarity of frames by DINO ViT-B/16 (VBench; Table 7)",
            argument="VARIANT",
            optional=True,
            words=_ANTIALIAS,
        ),
        "temporal_flickering": Entry(
            "i2vbench.metrics.temporal_flickering:TemporalFlickering",
            "mean absolute difference of neighbouring frames; needs no checkpoint (VBench; Table 8)",
            argument="VARIANT",
            optional=True,
            words={"static-only": "of clips that VBench's static filter finds static; a column of its own"},
        ),
        "motion_smoothness": Entry(
            "i2vbench.metrics.motion_smoothness:MotionSmoothness",
            "error of frames interpolated from their neighbours (VBench; Table 9; AMT-S: non-commercial)",
        ),
        "dynamic_degree": Entry(
            "i2vbench.metrics.dynamic_degree:DynamicDegree", "share of clips that move, by RAFT (VBench; Table 12)"
        ),
        "object_consistency": Entry(
            "i2vbench.metrics.object_consistency:ObjectConsistency",
            "share of frames in which GRiT names the annotated object (VBench; Table 10)",
            argument="VARIANT",
            optional=True,
            words={"synonyms": "plurals and synonyms count as the object; a column of its own"},
        ),
        "scene_consistency": Entry(
            "i2vbench.metrics.scene_consistency:SceneConsistency",
            "share of frames whose caption by Tag2Text tells the annotated scene (VBench; Table 11)",
            argument="VARIANT",
            optional=True,
            words={"own-frames": "each frame's own caption, not that of frame i // 3; a column of its own"},
        ),
        "overall_consistency": Entry(
            "i2vbench.metrics.overall_consistency:OverallConsistency",
            "cosine of video and prompt by ViCLIP-L/14 (VBench; Table 13)",
            argument="VARIANT",
            optional=True,
            words=_ANTIALIAS,
        ),
        "fvd": Entry(
            "i2vbench.metrics.fvd:FVD",
            "Fréchet distance to the real clips through I3D (TATS; Table 1)",
            argument="VARIANT",
            optional=True,
            words={"stylegan-v": "the field's other FVD: StyleGAN-V's TorchScript I3D; a column of its own"},
        ),
        "fvd_infinity": Entry("i2vbench.metrics.fvd:FVDInfinity", "FVD extrapolated to infinitely many clips"),
        "fid": Entry("i2vbench.metrics.fid:FID", "Fréchet distance of frames through Inception (StyleGAN3; Table 1)"),
        "fid_infinity": Entry("i2vbench.metrics.fid:FIDInfinity", "FID extrapolated to infinitely many frames"),
        "kid": Entry("i2vbench.metrics.fid:KID", "kernel distance of frames: FID's alternative for few clips"),
        "inception_score": Entry(
            "i2vbench.metrics.inception_score:InceptionScore", "video Inception Score through C3D (StyleGAN-V; Table 1)"
        ),
        "clipsim": Entry("i2vbench.metrics.clipsim:CLIPSIM", "cosine of frames and prompt by CLIP ViT-B/32 (Table 1)"),
    },
)

DATASETS: Registry[Dataset] = Registry(
    "data set",
    base="i2vbench.datasets.base:Dataset",
    info="",
    group="i2vbench.datasets",
    builtin={
        "demo": Entry("i2vbench.datasets.demo:DemoDataset", "a few real clips and photographs; needs no network"),
        "synthetic": Entry(
            "i2vbench.datasets.synthetic.dataset:SyntheticDataset",
            "drawn clips with every word known; one of each category, or COUNT; needs no network",
            argument="COUNT",
            optional=True,
        ),
        "tiny": Entry(
            "i2vbench.datasets.tiny:TinyDataset",
            "the demo and one drawn clip of each category: what the profile tiny takes; needs no network",
        ),
        "i2v-bench": Entry(
            "i2vbench.datasets.i2v_bench:I2VBenchDataset",
            "the paper's 2,951 clips in 17 categories (Table 4; its text says 2,950 in 16)",
        ),
        "ucf101": Entry(
            "i2vbench.datasets.ucf101:UCF101",
            "UCF-101 as in Table 1: 2,048 clips; PATH holds its videos",
            argument="[VARIANT=]PATH",
            words=_DRAWN,
            several=True,
            hint=_TABLE_1,
        ),
        "msrvtt": Entry(
            "i2vbench.datasets.msrvtt:MSRVTT",
            "MSR-VTT as in Table 1: the test split; PATH holds its videos and captions",
            argument="[VARIANT=]PATH",
            words=_DRAWN,
            several=True,
            hint=_TABLE_1,
        ),
        "folder": Entry(
            "i2vbench.datasets.folder:FolderDataset", "a folder of clips with a metadata.csv", argument="PATH"
        ),
    },
)

FIRST_FRAMES: Registry[FirstFrames] = Registry(
    "first frames",
    base="i2vbench.first_frames.base:FirstFrames",
    info="",
    group="i2vbench.first_frames",
    builtin={
        "generate": Entry(
            "i2vbench.first_frames.generated:Generated",
            "made from the prompts by a text-to-image pipeline of diffusers: a folder, or a name on the hub (Table 5)",
            argument="[VARIANT=]OWNER/REPO|PATH",
            words={"seed-N": "other pictures than those of seed 0"},
            hub=True,
            hint="say, generate:stabilityai/stable-diffusion-2-1-base",
        ),
        "images": Entry(
            "i2vbench.first_frames.images:Images",
            "a folder of pictures made elsewhere, ID.png for each sample",
            argument="[NAME=]PATH",
        ),
    },
)


def open_dataset(what: str) -> Dataset:
    """A data set as `--dataset` names it; a path of a folder is one, too.

    Raises:
        UserError: There is none.
    """
    if what not in DATASETS.builtin and os.path.isdir(os.path.expanduser(what)):
        return DATASETS.create(f"folder:{what}")
    return DATASETS.create(what)
