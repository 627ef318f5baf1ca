"""The metrics of training loops give the benchmark's numbers, in one process and in two."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.multiprocessing
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from i2vbench.metrics.base import Metric as BenchmarkMetric
from i2vbench.metrics.clipsim import CLIPSIM
from i2vbench.metrics.fid import FID
from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.fvd import FVD
from i2vbench.metrics.inception_score import InceptionScore
from i2vbench.metrics.moments import MIN_BLOCK, Moments
from i2vbench.metrics.networks import i3d
from i2vbench.metrics.networks.inception import Features
from i2vbench.types import Cell, Clip, FrameSource, Sample, Video
from i2vbench.weights import MissingCheckpoint
from tests.conftest import ROOT
from tests.metrics.networks.states import state

pytest.importorskip("torchmetrics")

from torchmetrics import MetricCollection

from i2vbench.metrics import (
    CLIPSimilarity,
    FrechetFrameDistance,
    FrechetVideoDistance,
    VideoInceptionScore,
)
from i2vbench.metrics.training_loops import base, distances

T, H, W = 16, 10, 12
MEAN = torch.full((3, 16, 112, 112), 100.0)


def pixels(x: Tensor, count: int) -> Tensor:
    """[N, ..., S, S] -> [N, count]: some that lie so far apart that resizing did not tie them to each other."""
    side = x.shape[-1]
    picked = x[..., side // 6 :: side // 3, side // 6 :: side // 3].flatten(1)
    return picked.repeat(1, -(-count // picked.shape[1]))[:, :count]


class Videos(nn.Module):
    """Features [N, d] that depend on what is seen, without weights: pixels of some frames."""

    def __init__(self, dimensions: int, classes: bool = False) -> None:
        super().__init__()
        self.dimensions, self.classes = dimensions, classes
        self.register_buffer("scale", torch.tensor(1.0))

    def forward(self, videos: Tensor) -> Tensor:  # [N, 3, T, S, S]
        picked = pixels(videos[:, :, ::4], self.dimensions) * self.scale
        return (picked / 50).softmax(1) if self.classes else picked


class Frames(nn.Module):
    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, images: Tensor) -> Features:  # [N, 3, S, S]
        features = pixels(images, self.dimensions)
        return Features(features, features, features, features, features)


class Words(nn.Module):
    vocab_size, context_length = 49408, 77

    def encode_image(self, images: Tensor) -> Tensor:  # [N, 3, 224, 224]
        return images[:, :, 7::56, 7::56].flatten(1)

    def encode_text(self, tokens: Tensor) -> Tensor:  # [N, 77]
        return tokens[:, :48].float().sin()


class SmallVideoDistance(FrechetVideoDistance):
    dimensions = 6


class SmallFrameDistance(FrechetFrameDistance):
    dimensions = 6


METRICS: dict[str, Callable[[], Any]] = {
    "fvd": lambda: SmallVideoDistance(Videos(6)),
    "fid": lambda: SmallFrameDistance(Frames(6)),
    "inception score": lambda: VideoInceptionScore(Videos(101, classes=True), MEAN, splits=2),
    "clipsim": lambda: CLIPSimilarity(Words()),
}


def videos(count: int, seed: int = 0) -> Tensor:
    """uint8 [count, T, H, W, 3] of every level."""
    return torch.randint(256, (count, T, H, W, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def prompts(count: int) -> list[str]:
    return [f"clip number {i}." for i in range(count)]


REAL, GENERATED = videos(9, 1), videos(7, 2)


def take(metric: Any, generated: Tensor, real: Tensor, size: int = 3, texts: list[str] | None = None) -> None:
    """Update with what a metric takes, in batches; torchmetrics knows which arguments that are."""
    texts = texts or prompts(len(generated))
    if isinstance(metric, SmallFrameDistance):
        generated, real = generated[:, :4], real[:, :4]
    if isinstance(metric, distances.FrechetDistance):
        for begin in range(0, len(real), size):
            metric.update(real[begin : begin + size], real=True)
    for begin in range(0, len(generated), size):
        some = slice(begin, begin + size)
        metric.update(generated[some], **metric._filter_kwargs(real=False, prompts=texts[some]))


def numbers(metric: Any) -> list[float]:
    return floats(metric.compute())


def floats(value: Tensor | tuple[Tensor, ...]) -> list[float]:
    return [float(x) for x in (value if isinstance(value, tuple) else (value,))]


def benchmark(metric: BenchmarkMetric, generated: Tensor, real: Tensor) -> Cell:
    """The benchmark's cell of the same clips."""

    def measured(some: Tensor) -> list[Any]:
        clips = [
            Clip(Sample(f"s{i}", "Pet", prompt, FrameSource(Path("first.png"))), Video(video.numpy(), 8.0))
            for i, (video, prompt) in enumerate(zip(some, prompts(len(some)), strict=True))
        ]
        return list(metric.measure(clips))

    return metric.aggregate(measured(generated), measured(real))


# The benchmark's numbers.


def test_fvd_with_the_real_network_is_the_benchmarks() -> None:
    network = i3d.load(state("i3d"))
    theirs = FVD()
    theirs._network = network
    ours = FrechetVideoDistance(network)
    real, generated = videos(2, 1)[:, :9], videos(2, 2)[:, :9]
    expected = benchmark(theirs, generated, real).value
    take(ours, generated, real, size=2)
    assert ours.compute().item() == expected, "to the last bit"
    ours.reset()
    take(ours, generated, real, size=1)
    assert ours.compute().item() == pytest.approx(expected, rel=1e-5), "as far as the network rounds alike"


def test_the_other_variant_has_its_own_network_and_covariances() -> None:
    class Script(nn.Module):
        def forward(self, pixels: Tensor, *, rescale: bool, resize: bool, return_features: bool) -> Tensor:
            assert (rescale, resize, return_features) == (True, True, True)
            return pixels[:, :, ::4, ::5, ::5].flatten(1).repeat(1, 6)[:, :400]

    theirs = FVD("stylegan-v")
    theirs._network = Script()
    ours = FrechetVideoDistance(Script(), variant="stylegan-v")
    take(ours, GENERATED, REAL)
    assert ours.compute().item() == benchmark(theirs, GENERATED, REAL).value


@pytest.mark.parametrize(("kind", "count"), [(FrechetFrameDistance, 3), (SmallFrameDistance, 90)])
def test_fid_is_the_benchmarks(kind: type[FrechetFrameDistance], count: int) -> None:
    """12 frames are fewer than 2048 dimensions, 360 more than a block."""
    theirs = FID()
    theirs._network = Frames(kind.dimensions)
    real, generated = videos(count, 1)[:, :4], videos(count + 1, 2)[:, :4]
    ours = kind(Frames(kind.dimensions))
    take(ours, generated, real, size=11)
    assert ours.compute().item() == benchmark(theirs, generated, real).value


def test_the_inception_score_is_the_benchmarks() -> None:
    theirs = InceptionScore()
    theirs._network, theirs._mean = Videos(101, classes=True), MEAN
    generated = videos(23)
    ours = VideoInceptionScore(Videos(101, classes=True), MEAN)
    take(ours, generated, REAL)
    cell = benchmark(theirs, generated, REAL)
    assert numbers(ours) == [cell.value, cell.spread]


def test_clipsim_is_the_benchmarks() -> None:
    theirs = CLIPSIM()
    theirs._network = Words()
    ours = CLIPSimilarity(Words())
    take(ours, GENERATED, REAL)
    assert ours.compute().item() == pytest.approx(benchmark(theirs, GENERATED, REAL).value, rel=1e-14)
    assert ours.compute().dtype == torch.float64


# Precision of the state.


@given(st.lists(st.integers(0, 3 * MIN_BLOCK), max_size=6), st.integers(1, 4), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_state_is_the_moments_whatever_the_batches(cuts: list[int], d: int, seed: int) -> None:
    rows = 1e3 + np.random.default_rng(seed).standard_normal((3 * MIN_BLOCK, d))
    packed = torch.from_numpy(Moments(d).to_array())
    for part in np.split(rows, sorted(cuts)):
        before = packed.clone()
        after = distances.with_rows(packed, part)
        assert (packed == before).all(), "torchmetrics keeps references to states"
        packed = after
    streamed, whole = Moments.from_array(packed.numpy()), Moments.of(rows)
    assert streamed.count == whole.count
    assert (streamed.mean == whole.mean).all()
    assert (streamed.covariance() == whole.covariance()).all()


@pytest.mark.parametrize("sizes", [(5, 3), (300, 700), (0, 40), (MIN_BLOCK, 2 * MIN_BLOCK), (200, 200, 200)])
def test_processes_merge_without_loss(sizes: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    parts = [1e3 + random.standard_normal((n, 8)) @ random.standard_normal((8, 8)) for n in sizes]
    states = [distances.with_rows(torch.from_numpy(Moments(8).to_array()), part) for part in parts]
    other = random.standard_normal((60, 8))
    together = Moments.from_array(distances.merged(torch.stack(states)).numpy())
    expected = frechet_distance(np.concatenate(parts), other)
    assert frechet_distance(together, other) == pytest.approx(expected, rel=1e-12)


def test_the_size_of_the_state_does_not_grow() -> None:
    metric = SmallVideoDistance(Videos(6))
    before = metric.real.shape
    for _ in range(3):
        metric.update(videos(90)[:, :9], real=True)
    assert metric.real[0, 0] > MIN_BLOCK
    assert metric.real.shape == before
    assert metric.real.numel() * 8 == (2 + 6 + MIN_BLOCK) * 6 * 8


# What torchmetrics asks of a metric.


@pytest.mark.parametrize("name", METRICS)
def test_the_batch_size_changes_nothing(name: str) -> None:
    one, many = METRICS[name](), METRICS[name]()
    take(one, GENERATED, REAL, size=1)
    take(many, GENERATED, REAL, size=9)
    assert numbers(one) == pytest.approx(numbers(many), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_reset_forgets_everything(name: str) -> None:
    fresh, used = METRICS[name](), METRICS[name]()
    take(used, videos(5, 8), videos(5, 9))
    used.compute()
    used.reset()
    for metric in (fresh, used):
        take(metric, GENERATED, REAL)
    assert numbers(used) == numbers(fresh)


def test_reset_can_keep_the_real_videos() -> None:
    metric, fresh = SmallVideoDistance(Videos(6), reset_real_features=False), SmallVideoDistance(Videos(6))
    take(metric, videos(5, 8), REAL)
    metric.reset()
    metric.update(GENERATED, real=False)
    take(fresh, GENERATED, REAL)
    assert numbers(metric) == numbers(fresh)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: m.clone(), lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("name", METRICS)
def test_copies_go_on_by_themselves(name: str, copied: Callable[[Any], Any]) -> None:
    metric = METRICS[name]()
    take(metric, GENERATED, REAL)
    expected = numbers(metric)
    other = copied(metric)
    assert numbers(other) == expected
    take(other, videos(6, 8), REAL)
    assert numbers(other) != expected
    metric._computed = None
    assert numbers(metric) == expected


@pytest.mark.parametrize("name", METRICS)
def test_a_state_dict_brings_the_state_back_and_no_network(name: str) -> None:
    metric, other = METRICS[name](), METRICS[name]()
    assert not metric.state_dict(), "as torchmetrics': only on demand"
    assert not list(metric.parameters()), "nothing for an optimizer"
    metric.persistent(True)
    take(metric, GENERATED, REAL)
    file = io.BytesIO()
    torch.save(metric.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for each in (metric, other):
        take(each, videos(6, 8), REAL)
    assert numbers(other) == numbers(metric)


@pytest.mark.parametrize("name", ["fvd", "clipsim"])
def test_merge_state_joins_two_metrics(name: str) -> None:
    whole, first, second = METRICS[name](), METRICS[name](), METRICS[name]()
    take(whole, GENERATED, REAL)
    take(first, GENERATED[:2], REAL[:4])
    take(second, GENERATED[2:], REAL[4:], texts=prompts(7)[2:])
    second.merge_state(first)
    assert numbers(second) == pytest.approx(numbers(whole), rel=1e-12)


def test_a_collection_gives_each_what_it_takes() -> None:
    collection = MetricCollection({name: make() for name, make in METRICS.items() if name != "fid"})
    collection["fvd"].update(REAL, real=True)
    for begin in (0, 4):
        batch = GENERATED[begin : begin + 4]
        collection.update(batch, real=False, prompts=prompts(7)[begin : begin + 4])
    for name, value in collection.compute().items():
        alone = METRICS[name]()
        take(alone, GENERATED, REAL, size=4)
        assert floats(value) == numbers(alone), name
    collection.reset()
    assert not any(metric.update_called for metric in collection.values())


def test_one_batch_by_itself_is_a_value_of_clipsim_alone() -> None:
    metric = CLIPSimilarity(Words())
    batch = metric(GENERATED[:3], prompts(3))
    whole = CLIPSimilarity(Words())
    whole.update(GENERATED[:3], prompts(3))
    assert batch == whole.compute()
    metric(GENERATED[3:], prompts(7)[3:])
    assert metric.count == 7
    distance = SmallVideoDistance(Videos(6))
    distance.update(REAL, real=True)
    with pytest.raises(RuntimeError, match=r"SmallVideoDistance has no value of one batch: call update\(...\)"):
        distance(GENERATED, real=False)
    distance.update(GENERATED, real=False)
    assert numbers(distance), "nothing was lost"


# The model around.


class Model(nn.Module):
    def __init__(self, metric: nn.Module) -> None:
        super().__init__()
        self.layer, self.metric = nn.Linear(2, 2), metric


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("cast", [nn.Module.half, nn.Module.bfloat16, lambda m: m.to(torch.bfloat16), nn.Module.train])
def test_casts_of_the_model_do_not_reach_the_metric(name: str, cast: Callable[[nn.Module], nn.Module]) -> None:
    metric, alone = METRICS[name](), METRICS[name]()
    take(metric, GENERATED[:4], REAL)
    model = cast(Model(metric))
    assert set(dict(model.named_parameters())) == {"layer.weight", "layer.bias"}
    assert not metric.network.training
    take(metric, GENERATED[4:], REAL[:0], texts=prompts(7)[4:])
    take(alone, GENERATED[:4], REAL)
    take(alone, GENERATED[4:], REAL[:0], texts=prompts(7)[4:])
    assert numbers(metric) == numbers(alone)
    assert model.to(torch.float64).metric.compute() == alone.compute()


@pytest.mark.parametrize("name", METRICS)
def test_autocast_and_inference_mode_change_nothing(name: str) -> None:
    metric, plain = METRICS[name](), METRICS[name]()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        take(metric, GENERATED[:4], REAL)
        metric.reset()
        take(metric, GENERATED[:4], REAL)
    take(plain, GENERATED[:4], REAL)
    for each in (metric, plain):
        take(each, GENERATED[4:], REAL[:2], texts=prompts(7)[4:])
    assert numbers(metric) == numbers(plain)


@pytest.mark.parametrize("name", METRICS)
def test_without_float64_the_sums_stay_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device "meta" stands for one that has none."""
    monkeypatch.setattr(base, "WITHOUT_FLOAT64", {"meta"})
    metric = METRICS[name]()
    take(metric, GENERATED, REAL)
    expected = numbers(metric)
    metric.to("meta")
    assert metric.device.type == "meta"
    assert all(tensor.is_meta for tensor in metric.network.buffers())
    assert numbers(metric) == expected


# What is refused.


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (GENERATED.float(), r"videos: expected uint8 \[N, T, H, W, 3\] .* got float32 \[7, 16, 10, 12, 3\]"),
        (GENERATED[0], r"got uint8 \[16, 10, 12, 3\]"),
        (GENERATED.movedim(-1, 2), r"got uint8 \[7, 16, 3, 10, 12\]"),
        (GENERATED[:0], r"got uint8 \[0, 16, 10, 12, 3\]"),
        (GENERATED.numpy(), "expected a tensor, .* got ndarray"),
    ],
)
def test_other_videos_are_refused_and_leave_no_trace(name: str, wrong: Any, sentence: str) -> None:
    metric = METRICS[name]()
    take(metric, GENERATED, REAL)
    expected = numbers(metric)
    arguments = metric._filter_kwargs(real=False, prompts=prompts(len(wrong)))
    with pytest.raises(ValueError, match=sentence):
        metric.update(wrong, **arguments)
    assert numbers(metric) == expected


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["a dog"], "expected a list of 2, one for each video, got 1"),
        ("a dog", "expected a list of 2, .* got one text"),
        (["a dog", ""], "number 1 of 2 is empty"),
    ],
)
def test_other_prompts_are_refused(texts: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        CLIPSimilarity(Words()).update(GENERATED[:2], texts)


def test_features_that_are_not_finite_or_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected numbers \[n, 400\], got float32 \[7, 6\]"):
        FrechetVideoDistance(Videos(6)).update(GENERATED, real=True)
    network = Videos(6)
    network.scale.fill_(torch.nan)
    metric = SmallVideoDistance(network)
    with pytest.raises(ValueError, match="NaN or infinity in row 0 of 7"):
        metric.update(GENERATED, real=True)
    assert not metric.real.any()


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("fvd", "at least two features on each side, got 0 real and 1 generated"),
        ("inception score", "got 1 rows and 2 splits"),
        ("clipsim", "no video was taken in"),
    ],
)
def test_too_few_videos_are_refused(name: str, sentence: str) -> None:
    metric = METRICS[name]()
    if name != "clipsim":
        take(metric, GENERATED[:1], REAL[:0])
    with pytest.raises(ValueError, match=sentence):
        metric.compute()


def test_a_missing_checkpoint_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for make, name in [
        (FrechetVideoDistance, "i3d_tats"),
        (lambda: FrechetVideoDistance(variant="stylegan-v"), "i3d_torchscript"),
        (FrechetFrameDistance, "inception_2015_12_05"),
        (VideoInceptionScore, "c3d_ucf"),
        (CLIPSimilarity, "clip_vit_b32"),
    ]:
        with pytest.raises(MissingCheckpoint, match=f"`i2vbench weights fetch {name}` gets it"):
            make()


# Imports.


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    run_python(
        "import sys, i2vbench.metrics\n"
        "assert not {'torch', 'torchmetrics', 'numpy'} & set(sys.modules)\n"
        "from i2vbench.metrics import FrechetVideoDistance\n"
        "assert 'torchmetrics' in sys.modules\n"
        "assert not hasattr(i2vbench.metrics, 'FrechetDistances')"
    )


def test_without_torchmetrics_one_sentence_says_what_to_do() -> None:
    said = run_python(
        "import sys\n"
        "sys.modules['torchmetrics'] = None\n"
        "try:\n"
        "    from i2vbench.metrics import FrechetVideoDistance\n"
        "except ImportError as error:\n"
        "    print(error)"
    )
    assert said == 'metrics for training loops need torchmetrics: pip install "i2vbench[torchmetrics]"\n'


# Two processes.

SHARES = {"uneven": [(0, 5), (5, 7)], "one has nothing": [(0, 7), (7, 7)]}
"""Which of the generated videos each process sees; of the real ones the first sees 0 to 2, the second the rest."""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as `one_of_two` has: float32 features round by the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def one_of_two(rank: int, folder: str) -> None:
    """What each of the two processes runs."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.set_num_threads(1)
    results = {}
    for share, borders in SHARES.items():
        begin, end = borders[rank]
        real = REAL[:2] if rank == 0 else REAL[2:]
        for name, make in METRICS.items():
            metric = make()
            take(metric, GENERATED[begin:end], real, size=2 + rank, texts=prompts(7)[begin:end])
            results[share, name] = numbers(metric)
            take(metric, GENERATED[:1], real[:0])  # its state is its own again, and goes on
            results[f"{share}, and one more", name] = numbers(metric)
    torch.save(results, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_processes_are_one(tmp_path: Path, one_thread: None) -> None:
    torch.multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first == second, "every process has the number"
    for (share, name), found in first.items():
        alone = METRICS[name]()
        border = SHARES[share.removesuffix(", and one more")][0][1]
        more = [0] * share.endswith("one more")
        order = [*range(border), *more, *range(border, 7), *more]  # process by process
        take(alone, GENERATED[order], REAL, texts=[prompts(7)[i] for i in order])
        assert found == pytest.approx(numbers(alone), rel=1e-12), (share, name)


# The docs.


def test_the_example_of_the_docs_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("i2vbench.weights.read", lambda name: {"i3d_tats": state("i3d")}[name])
    text = (ROOT / "docs" / "training-loops.md").read_text()
    exec(text.partition("```python\n")[2].partition("```")[0], {})
    assert capsys.readouterr().out.startswith("FVD ")
