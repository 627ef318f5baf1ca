"""What several tests need: a small data set, a small profile, and the command line as a process."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.place import Place
from i2vbench.profiles import Profile, load_profile
from i2vbench.progress import Quiet
from i2vbench.run import Outcome, run
from i2vbench.settings import RunConfig
from i2vbench.store import Store, keep
from i2vbench.types import Frames, Measurement, Video
from i2vbench.weights.places import cache_folder
from tests import parts, processes

ROOT = Path(__file__).resolve().parent.parent

SMALL_PROFILE = """
name = "small"
title = "small clips for tests"

[protocol]
num_frames = 4
fps = 8
height = 32
width = 48
interpolation = "bilinear"
sampling = "nearest"
"""


def pytest_configure() -> None:
    """Let commands of tests be stopped by Ctrl-C where this process was begun in a shell's background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cache_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache, but for what is kept over runs: no test takes over what was made before it."""
    users, own = cache_folder(), tmp_path_factory.mktemp("cache")
    for name in ("weights", "tiny", "synthetic-1"):
        (users / name).mkdir(parents=True, exist_ok=True)
        (own / name).symlink_to(users / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("I2VBENCH_CACHE", str(own))
        yield own


@pytest.fixture(autouse=True)
def nothing_is_kept(cache_of_tests: Path) -> Iterator[None]:
    yield
    shutil.rmtree(cache_of_tests / "kept", ignore_errors=True)


Cli = Callable[..., "subprocess.CompletedProcess[str]"]

INTERRUPTED = (130, -signal.SIGINT)
"""How a process ends that Ctrl-C reached: a shell calls both 130.

CPython ends itself by the signal, whatever was caught since, if the interrupt came while text was run with `exec` (as
namedtuple and dataclass do when something is imported).
"""


@pytest.fixture
def small_profile_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL_PROFILE)
    return path


@pytest.fixture
def small_profile(small_profile_file: Path) -> Profile:
    return load_profile(str(small_profile_file))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `i2vbench ARGS` in a folder of its own and returns what it printed."""

    def call(*args: object, cwd: Path = tmp_path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return processes.run(command(*args), cwd=cwd, env=environment(), timeout=timeout)

    return call


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "i2vbench", *map(str, args)]


def environment() -> dict[str, str]:
    # A fixed width, so that wrapped messages do not depend on where the tests run. One thread: networks as small as
    # those of the tests lose more by a second than they gain.
    fixed = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    return os.environ | fixed


def moving_frames(num_frames: int = 8, height: int = 40, width: int = 56, seed: int = 0) -> Frames:
    """Smooth noise that slides by two pixels a frame, uint8 [T, H, W, 3]."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(0, 256, (height, width + 2 * num_frames, 3), dtype=np.uint8)
    return np.stack([texture[:, 2 * t : 2 * t + width] for t in range(num_frames)])


def make_dataset(
    folder: Path, num_clips: int = 3, num_images: int = 1, categories: Sequence[str] = ("Pet", "Food")
) -> Path:
    """A `folder:PATH` data set of `num_clips` clips (ids clip-0, ...) and `num_images` pictures (image-0, ...)."""
    from PIL import Image

    from i2vbench.video import write_video

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(num_clips):
        write_video(folder / f"clip-{i}.mp4", Video(moving_frames(seed=i), 8.0))
        rows.append((f"clip-{i}.mp4", f"clip-{i}", categories[i % len(categories)], f"clip number {i}.", "dog", "park"))
    for i in range(num_images):
        Image.fromarray(moving_frames(1, seed=100 + i)[0]).save(folder / f"image-{i}.png")
        rows.append((f"image-{i}.png", f"image-{i}", categories[i % len(categories)], f"picture number {i}.", "", ""))
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "id", "category", "prompt", "objects", "scene"))
        writer.writerows(rows)
    return folder


def record(store: Store, model: str, seeds: Sequence[int], measurements: Sequence[Measurement]) -> None:
    """Keep measurements of clips of these seeds, as a worker and the one that directs it do."""
    place = Place(store.folder)
    store.record([keep(m, model, seed, place) for seed, m in zip(seeds, measurements, strict=True)])


Go = Callable[..., Outcome]


def spec(thing: object) -> str:
    return thing if isinstance(thing, str) else f"{parts.__file__}:{thing.__name__}"  # type: ignore[attr-defined]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six samples: clip-0 to clip-4 and image-0."""
    return make_dataset(tmp_path / "data", num_clips=5, num_images=1)


@pytest.fixture
def go(tmp_path: Path, data: Path, small_profile_file: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    monkeypatch.setenv(parts.LOG, str(tmp_path / "calls"))

    def call(models: Sequence[object], metrics: Sequence[object] = (parts.One,), **options: object) -> Outcome:
        given: dict[str, object] = {
            "dataset": f"folder:{data}", "profile": str(small_profile_file), "device": "cpu", "out": tmp_path / "run",
        }  # fmt: skip
        config = RunConfig(models=tuple(map(spec, models)), metrics=tuple(map(spec, metrics)), **(given | options))  # type: ignore[arg-type]
        return run(config, Quiet())

    return call


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window, a module's own: what its console says can be read."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for name in (
        *("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"),
        *("disable-component-update", "disable-sync", "window-size=1200,900"),
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{name}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


def until(browser: Any, condition: str) -> None:
    """Wait for a condition of the page."""
    end = time.monotonic() + 60
    while not browser.execute_script(f"return {condition}"):
        if time.monotonic() >= end:
            said = browser.execute_script("return document.body.innerText")
            raise AssertionError(f"never true: {condition}\non the page:\n{said}\n{browser.get_log('browser')}")
        time.sleep(0.05)
