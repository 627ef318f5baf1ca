"""Finding models, metrics and data sets: built in, by entry point, or by FILE.py:Class.

One generic class serves all three. A name is written NAME or NAME:ARGUMENT; what it names is imported only when it
is asked for, so that listing and refusing cost nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from i2vbench.entry import Entry
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.names import nearest

if TYPE_CHECKING:
    from i2vbench.datasets.base import Dataset
    from i2vbench.metrics.base import Metric
    from i2vbench.models.base import Model

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing, and how to make one.

    Args:
        kind: "model", "metric" or "data set", as messages call it.
        base: "module:Class" that everything of this kind derives from.
        info: "module:Class" of the facts that each has as `info`; "" if it has none.
        group: The entry-point group through which other packages add theirs.
        builtin: What comes with i2vbench, in the order of listings.
    """

    def __init__(self, kind: str, base: str, info: str, group: str, builtin: Mapping[str, Entry]) -> None:
        self.kind = kind
        self.base = base
        self.info = info
        self.group = group
        self.builtin = builtin

    def listing(self) -> dict[str, str]:
        """Every name with its one line; what is installed beside i2vbench comes last, by name."""
        lines: dict[str, str] = {}
        for name, entry in self.builtin.items():
            lines |= entry.lines(name)
        for name, point in sorted(self._plugins().items()):
            lines[name] = f"from the package {point.dist.name if point.dist else '?'}"
        return lines

    def create(self, spec: str) -> T:
        """The thing that `spec` names: NAME, NAME:ARGUMENT or FILE.py:Class.

        Raises:
            UserError: For an unknown name (with the nearest ones), an argument that is missing or not taken, a
                file or package that does not import, a class that is not of this kind.
        """
        cls, argument = self._find(spec)
        self._check_base(cls, spec)
        try:
            made: T = cls() if argument is None else cls(argument)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.kind} '{spec}' cannot be made: {_last_line(error)}") from error
        if self.info:
            facts = _import_target(self.info)
            if not isinstance(getattr(made, "info", None), facts):
                got = type(getattr(made, "info", None)).__name__
                raise UserError(f"{self.kind} '{spec}': expected its info to be a {facts.__name__}, got {got}")
        return made

    def check_name(self, spec: str) -> None:
        """Refuse a name that cannot be found, without importing anything.

        Raises:
            UserError: As `create`, for an unknown name, an argument that cannot be right, or a missing file.
        """
        if _is_file(spec):
            path, _ = _split_file(spec)
            if not path.is_file():
                raise UserError(f"{self.kind} '{spec}': there is no file {path}")
            return
        name, colon, argument = spec.partition(":")
        if name in self.builtin:
            self.builtin[name].check(self.kind, name, argument if colon else None)
        elif name not in self._plugins():
            raise UserError(self._unknown(name))

    @staticmethod
    def is_file(spec: str) -> bool:
        """Whether a name is FILE.py:Class."""
        return _is_file(spec)

    def absolute(self, spec: str) -> str:
        """The same name with its path, if it has one, from the root: it then means the same from any folder."""
        if _is_file(spec):
            path, name = _split_file(spec)
            return f"{_from_root(str(path))}:{name}"
        name, _, argument = spec.partition(":")
        entry = self.builtin.get(name)
        if entry is None or not entry.takes_path or not argument:
            return spec
        label, path_ = entry.split(argument)
        return f"{name}:" + "=".join(filter(None, (label, path_ and _from_root(path_))))

    def origin(self, spec: str) -> dict[str, str]:
        """What decides what `spec` makes: the hash of its file; or its package and version, and its argument.

        A path in an argument is left out: what lies there is for the thing itself to say.
        """
        if _is_file(spec):
            return {"source_sha256": file_sha256(_split_file(spec)[0])}
        name, _, argument = spec.partition(":")
        entry = self.builtin.get(name)
        point = None if entry else self._plugins().get(name)  # to list them is to read what every package installed
        found = {"package": f"{point.dist.name} {point.dist.version}"} if point is not None and point.dist else {}
        if entry is not None and entry.takes_path:
            argument = entry.split(argument)[0] if entry.words else ""
        return found | ({"argument": argument} if argument else {})

    def _find(self, spec: str) -> tuple[Any, str | None]:
        self.check_name(spec)
        if _is_file(spec):
            path, name = _split_file(spec)
            module = _import_file(path, self.kind)
            if not hasattr(module, name):
                classes = [n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module.__name__]
                raise UserError(
                    f"{self.kind} '{spec}': {path} has no class '{name}'; it has {', '.join(classes) or 'none'}"
                )
            return getattr(module, name), None
        name, colon, argument = spec.partition(":")
        if name in self.builtin:
            return _import_target(self.builtin[name].target), argument if colon else None
        point = self._plugins()[name]
        try:
            return point.load(), argument if colon else None
        except (Exception, SystemExit) as error:
            package = point.dist.name if point.dist else "?"
            raise UserError(
                f"{self.kind} '{name}' of the package {package} cannot be imported: {_last_line(error)}"
            ) from error

    def _check_base(self, cls: object, spec: str) -> None:
        base = _import_target(self.base)
        if not (inspect.isclass(cls) and issubclass(cls, base)):
            raise UserError(f"{self.kind} '{spec}' is not a class derived from {self.base.replace(':', '.')}")
        missing = sorted(getattr(cls, "__abstractmethods__", ()))
        if missing:
            raise UserError(f"{self.kind} '{spec}' does not define {', '.join(missing)}")

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group) if point.name not in self.builtin}

    def _unknown(self, name: str) -> str:
        return f"unknown {self.kind} '{name}': {nearest(name, [*self.builtin, *self._plugins()])} (or FILE.py:Class)"


def _is_file(spec: str) -> bool:
    path, colon, name = spec.rpartition(":")
    return bool(colon) and path.endswith(".py") and name.isidentifier()


def _split_file(spec: str) -> tuple[Path, str]:
    path, _, name = spec.rpartition(":")
    return Path(path), name


def _import_target(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _import_file(path: Path, kind: str) -> Any:
    # The file's own folder is importable while it loads, as it would be were it run as a script.
    name = f"i2vbench_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{kind} file {path} cannot be imported: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"{kind} file {path} cannot be imported: {_last_line(error, path)}") from error
    finally:
        sys.path.remove(folder)
    if folder not in sys.path:
        sys.path.append(folder)  # for what it imports later, in `load`
    return module


def _from_root(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _last_line(error: BaseException, path: Path | None = None) -> str:
    """The error as one line, with the line of the file it arose in."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: SyntaxError: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if path is not None and Path(f.filename).resolve() == path.resolve()]
    where = f"line {own[-1].lineno}: " if own else ""
    return f"{where}{type(error).__name__}: {' '.join(str(error).split())}"


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
            "mean absolute difference of neighbouring frames (VBench; Table 8)",
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
            "i2vbench.datasets.i2v_bench:I2VBenchDataset", "the paper's 2,950 clips in 16 categories (Section 4)"
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
