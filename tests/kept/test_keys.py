"""A key is of everything that decides what is kept under it, and of nothing that does not."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import i2vbench
from i2vbench import machine
from i2vbench.kept import keys
from i2vbench.kept.keys import Keys, Seen, code_files, is_kept
from i2vbench.registry import METRICS, MODELS
from i2vbench.types import ClipSource, FrameSource, Request, Sample
from tests.parts import FromKept, FromLooking, Kept, KeptOneByOne, Looking, LookingAgain

SETTINGS: dict[str, Any] = {
    "i2vbench": "1",
    "dtype": "float32",
    "reader": {"name": "pyav", "version": "PyAV 18"},
    "profile": {
        "name": "nine",
        "precision": "float32",
        "protocol": {"num_frames": 9, "height": 32, "other_videos": "bring", "name": "x", "note": "x", "metrics": []},
        "models": {"consisti2v": {"compile": False}},
    },
    "metrics": {
        "looking": {
            "spec": "a.py:Looking",
            "source_sha256": "00",
            "info": {"id": "looking", "checkpoints": ["a"], "reads": ["video"]},
            "checkpoints": {"a": "00"},
        }
    },
    "models": {
        "kept": {
            "spec": "a.py:Kept",
            "source_sha256": "00",
            "fingerprint": "00",
            "batch_size": 4,
            "settings": {"steps": 50},
            "info": {"name": "kept", "title": "Kept", "height": 32, "max_batch": 4},
        }
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The settings with another value at a path."""
    settings = copy.deepcopy(SETTINGS)
    *above, last = path.split("/")
    reduce(lambda table, name: table.setdefault(name, {}), above, settings)[last] = value
    return settings


SAMPLE = Sample("a", "Pet", "a dog", FrameSource(Path("a.png")), ClipSource(Path("a.mp4")), objects=("dog",), scene="p")
CLIPS = (Seen(SAMPLE, "00"), Seen(replace(SAMPLE, id="b"), "01"))
METRIC, MODEL = Looking(), Kept()


def of_measurements(settings: dict[str, Any] = SETTINGS, clips: tuple[Seen, ...] = CLIPS, metric: Any = METRIC) -> str:
    key = Keys(settings).of_measurements(metric, clips, "cpu")
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("metrics/looking/source_sha256", "01", False), ("metrics/looking/checkpoints/a", "01", False),
        ("metrics/looking/package", "p 1", False), ("metrics/looking/argument", "v", False),
        ("metrics/looking/info/range", [0, 1], False), ("metrics/looking/spec", "/b/a.py:Looking", True),
        ("profile/precision", "float16", False), ("profile/protocol/num_frames", 8, False),
        ("profile/protocol/fps", 8, False), ("profile/protocol/height", 64, False),
        ("profile/protocol/width", 64, False), ("profile/protocol/interpolation", "lanczos", False),
        ("profile/protocol/sampling", "first", False), ("profile/protocol/other_videos", "refuse", False),
        ("profile/protocol/note", "y", True), ("profile/name", "ten", True), ("profile/models", {}, True),
        ("reader/name", "decord", False), ("reader/version", "PyAV 19", False),
        ("models/kept/fingerprint", "01", True), ("dtype", "float16", True), ("seeds", [1], True),
    ],
)  # fmt: skip
def test_what_run_json_says_of_measurements(path: str, value: object, same: bool) -> None:
    assert (of_measurements(changed(path, value)) == of_measurements()) == same


@pytest.mark.parametrize(
    ("clips", "same"),
    [
        (CLIPS[:1], False), (CLIPS[::-1], False), ((*CLIPS, CLIPS[0]), False),
        ((CLIPS[0], replace(CLIPS[1], sha256="02")), False),
        ((CLIPS[0], replace(CLIPS[1], stretch=ClipSource(Path("b.mp4")))), False),
        ((CLIPS[0], Seen(replace(SAMPLE, id="c", category="Food"), "01")), True),
        ((CLIPS[0], Seen(replace(SAMPLE, prompt="a cat"), "01")), True),
    ],
)  # fmt: skip
def test_the_whole_group_is_in_the_key(clips: tuple[Seen, ...], same: bool) -> None:
    assert (of_measurements(clips=clips) == of_measurements()) == same


@pytest.mark.parametrize(
    "change", [{"start": 1.0}, {"end": 2.0}, {"stride": 3}, {"start": 1.0, "end": 2.0}, {"path": Path("b.mp4")}]
)
def test_the_stretch_of_a_real_clip_is_in_the_key(change: dict[str, Any]) -> None:
    source = ClipSource(Path("a.mp4"))
    one, other = (of_measurements(clips=(Seen(SAMPLE, "00", it),)) for it in (source, replace(source, **change)))
    assert (one == other) == ("path" in change), "its contents count, and not its name"


@pytest.mark.parametrize(
    ("read", "change"),
    [("prompt", {"prompt": "x"}), ("objects", {"objects": ("x",)}), ("scene", {"scene": "x"})],
)
def test_what_a_metric_reads_of_a_sample_is_in_the_key(read: Any, change: dict[str, Any]) -> None:
    metric = Looking()
    metric.info = replace(metric.info, reads=frozenset({"video", read}))
    other = (Seen(replace(SAMPLE, **change), "00"), CLIPS[1])
    assert of_measurements(clips=other, metric=metric) != of_measurements(metric=metric)
    assert of_measurements(clips=other) == of_measurements(), "and only for those that read it"


def test_a_sample_that_lacks_a_real_clip_is_another() -> None:
    metric = Looking()
    metric.info = replace(metric.info, reads=frozenset({"video", "reference"}))
    lacking = (Seen(replace(SAMPLE, reference=None), "00"), CLIPS[1])
    assert of_measurements(clips=lacking, metric=metric) != of_measurements(metric=metric)


def test_two_classes_of_a_file_are_apart() -> None:
    settings = changed("metrics/again", SETTINGS["metrics"]["looking"])
    assert of_measurements(settings, metric=LookingAgain()) != of_measurements(settings)
    assert of_videos(model=KeptOneByOne()) != of_videos()


REQUEST = Request("a", np.zeros((32, 48, 3), np.uint8), "a dog", 4, 32, 48, 8.0, 5, frame_stride=None)


def of_videos(
    settings: dict[str, Any] = SETTINGS, requests: tuple[Request, ...] = (REQUEST,), model: Any = MODEL
) -> str:
    key = Keys(settings).of_videos("kept", model, requests, "cpu")
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("models/kept/source_sha256", "01", False), ("models/kept/fingerprint", "01", False),
        ("models/kept/package", "p 1", False), ("models/kept/argument", "v", False),
        ("models/kept/settings/steps", 25, False), ("models/kept/info/height", 64, False),
        ("models/kept/info/name", "other", True), ("models/kept/spec", "/b/a.py:Kept", True),
        ("models/kept/batch_size", 8, True), ("dtype", "float16", False),
        ("profile/models/consisti2v/compile", True, False), ("profile/name", "ten", True),
        ("profile/protocol/height", 64, True), ("metrics", {}, True), ("reader/version", "PyAV 19", True),
    ],
)  # fmt: skip
def test_what_run_json_says_of_videos(path: str, value: object, same: bool) -> None:
    assert (of_videos(changed(path, value)) == of_videos()) == same


def a_pixel(request: Request) -> np.ndarray[Any, Any]:
    picture = request.first_frame.copy()
    picture[0, 0, 0] = 1
    return picture


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"first_frame": a_pixel(REQUEST)}, False), ({"prompt": "a cat"}, False), ({"num_frames": 5}, False),
        ({"height": 48, "width": 32, "first_frame": np.zeros((48, 32, 3), np.uint8)}, False), ({"fps": 9.0}, False),
        ({"seed": 6}, False), ({"frame_stride": 3}, False), ({"source_image": np.zeros((2, 2, 3), np.uint8)}, False),
        ({"sample_id": "b"}, True),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_in_the_key(change: dict[str, Any], same: bool) -> None:
    assert (of_videos(requests=(replace(REQUEST, **change),)) == of_videos()) == same


def test_two_shapes_of_the_same_bytes_are_apart() -> None:
    shapes = ((2, 8, 3), (4, 4, 3))
    found = {of_videos(requests=(replace(REQUEST, source_image=np.zeros(shape, np.uint8)),)) for shape in shapes}
    assert len(found) == 2


def test_what_nothing_is_asked_of_has_no_key() -> None:
    assert Keys(SETTINGS).of_videos("kept", MODEL, [], "cpu") is None


def test_the_whole_batch_is_in_the_key() -> None:
    other = replace(REQUEST, seed=6)
    found = [of_videos(requests=r) for r in ((REQUEST,), (other,), (REQUEST, other), (other, REQUEST))]
    assert len(set(found)) == 4


SURROUNDINGS: list[tuple[str, Callable[[pytest.MonkeyPatch], object]]] = [
    ("threads", lambda patch: patch.setattr(torch, "get_num_threads", lambda: 77)),
    ("kernels", lambda patch: patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "OLD")),
    ("processor", lambda patch: patch.setattr(keys, "processor", lambda: "another")),
    ("versions", lambda patch: patch.setattr(keys, "versions", lambda device, more: {"torch": "1"})),
    ("i2vbench", lambda patch: patch.setattr(i2vbench, "__version__", "0")),
    ("environment", lambda patch: patch.setenv("ATEN_CPU_CAPABILITY", "default")),
    (
        "package",
        lambda patch: patch.setattr(machine, "version", lambda name: "0" if name == "ftfy" else version(name)),
    ),
    ("TF32", lambda patch: patch.setenv("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1")),
    ("attention", lambda patch: patch.setenv("DIFFUSERS_ATTN_BACKEND", "native")),
    ("deterministic", lambda patch: patch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)),
    ("tuned", lambda patch: patch.setattr(torch.backends.cudnn, "benchmark", True)),
    ("code", lambda patch: patch.setattr(keys, "code_sha256", lambda room: "00")),
]


@pytest.mark.parametrize("change", [call for _, call in SURROUNDINGS], ids=[name for name, _ in SURROUNDINGS])
def test_the_machine_and_the_code_are_in_both(
    change: Callable[[pytest.MonkeyPatch], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of_measurements(), of_videos()
    with monkeypatch.context() as patch:
        change(patch)
        keys._lasting.cache_clear()
        now = of_measurements(), of_videos()
    keys._lasting.cache_clear()
    assert now[0] != before[0]
    assert now[1] != before[1]
    assert (of_measurements(), of_videos()) == before


def test_a_gpu_and_its_name_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for name in ("A100", "H100"):
        monkeypatch.setattr(keys, "versions", lambda device, more, name=name: {"gpu": name})
        keys._lasting.cache_clear()
        found |= {Keys(SETTINGS).of_videos("kept", MODEL, [REQUEST], device) for device in ("cuda", "cuda:1", "cpu")}
    keys._lasting.cache_clear()
    assert len(found) == 4, "the kind of device and its name, and not its number"


@pytest.mark.parametrize(("thing", "kept"), [(Kept(), True), (FromKept(), False), (FromLooking(), False)])
def test_a_class_says_for_itself_that_it_is_kept(thing: Any, kept: bool) -> None:
    assert is_kept(thing) == kept


def test_which_of_the_built_in_ones_are_kept() -> None:
    measuring = [metric for name in METRICS.builtin if not (metric := METRICS.create(name)).info.features_of]
    assert len(measuring) == 12
    assert all(is_kept(metric) for metric in measuring)
    classes = {name: import_target(entry.target) for name, entry in MODELS.builtin.items()}
    said = {name for name, cls in classes.items() if vars(cls).get("kept_over_runs")}
    assert said == {"consisti2v", "diffusers", "external"}, "an API may change behind its address"


def import_target(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


ELSEWHERE = {
    "i2vbench.leaderboards.published",  # what the paper says models cost
    # What ConsistI2V-tiny's folder is laid out with; a model's fingerprint is of its files.
    "i2vbench.metrics.networks.bpe",
    "i2vbench.metrics.networks.clip",
}


@pytest.mark.parametrize("room", ["metrics", "models"])
def test_all_code_that_a_room_leans_on_is_in_its_hash(room: Any) -> None:
    files = {path.resolve() for path in code_files(room).values()}
    own = Path(import_module(f"i2vbench.{room}").__path__[0]).resolve()
    owed, seen = [path for path in own.rglob("*.py") if "training" not in str(path)], set()
    missing = set()
    while owed:
        path = owed.pop()
        for module in imported(path) - seen - ELSEWHERE:
            seen.add(module)
            file = file_of(module)
            if file is not None and "training" not in str(file):
                owed.append(file)
                missing |= {module} if file not in files else set()
    assert not missing
    assert len(seen) > 30
    assert {"metrics/object_words.toml", "metrics/networks/bert_vocab.txt"} <= set(code_files("metrics"))
    assert "weights/catalogue.toml" in code_files(room), "sizes of networks stand there"


def imported(path: Path) -> set[str]:
    """The modules of ours that a file names, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.startswith("i2vbench.")}


def file_of(module: str) -> Path | None:
    """Its file; None if that is no module."""
    _, room, *rest = module.split(".")
    top = Path(i2vbench.__file__).resolve().parent
    root = top / room if (top / room).exists() or (top / f"{room}.py").exists() else top.parent / room
    path = root.joinpath(*rest)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)
