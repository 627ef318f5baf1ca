"""Names of models, metrics and data sets: built in, from another package, from a file; and what is refused how."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.sampling import VARIANTS
from i2vbench.registry import DATASETS, METRICS, MODELS
from tests.conftest import environment, make_dataset

PLUGIN = '''
import numpy as np
from i2vbench.datasets.base import Dataset
from i2vbench.metrics.base import Metric
from i2vbench.models.baselines import Static
from i2vbench.datasets.folder import FolderDataset
from i2vbench.types import Cell, Measurement, MetricInfo, ModelInfo, Video

class Inverted(Static):
    """The first frame as a negative, held."""
    info = ModelInfo(name="inverted", title="a negative", max_batch=2)
    def generate(self, requests):
        return [Video(255 - v.frames, v.fps) for v in super().generate(requests)]

class Strong(Static):
    def __init__(self, strength):
        self.info = ModelInfo(name="strong", title="takes an argument")

class MeanColour(Metric):
    """Distance of mean colours: a distribution metric in miniature."""
    info = MetricInfo(id="mean_colour", title="Mean colour", direction="lower", reads=frozenset({"video", "reference"}))
    def measure(self, clips):
        return [Measurement(c.sample.id, "mean_colour", features=c.video.frames.mean((0, 1, 2))) for c in clips]
    def aggregate(self, generated, reference=None):
        ours, real = [m.features for m in generated], [m.features for m in reference]
        if not ours or not real:
            return Cell(None, len(ours), note="no clips to compare")
        return Cell(float(np.linalg.norm(np.mean(ours, 0) - np.mean(real, 0))), len(ours))

class Mine(FolderDataset):
    """A folder under a name of its own."""
'''

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "i2vbench-test-plugin"
version = "1.0"
[tool.setuptools]
py-modules = ["i2v_test_plugin"]
[project.entry-points."i2vbench.models"]
inverted = "i2v_test_plugin:Inverted"
strong = "i2v_test_plugin:Strong"
broken = "i2v_test_plugin:NotThere"
[project.entry-points."i2vbench.metrics"]
mean_colour = "i2v_test_plugin:MeanColour"
[project.entry-points."i2vbench.datasets"]
mine = "i2v_test_plugin:Mine"
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second package, really built and installed into a folder of its own."""
    source = tmp_path_factory.mktemp("plugin")
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "i2v_test_plugin.py").write_text(PLUGIN)
    target = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(target), str(source)], check=True, capture_output=True)
    return target


def run_with(plugin: Path, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = environment()
    env["PYTHONPATH"] += f":{plugin}"
    args_ = [sys.executable, "-m", "i2vbench", *map(str, args)]
    return subprocess.run(args_, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_another_packages_model_metric_and_data_set_run(plugin: Path, tmp_path: Path, small_profile_file: Path) -> None:
    data = make_dataset(tmp_path / "data")
    done = run_with(
        plugin, "run", "--model", "inverted", "--model", "ground_truth", "--metrics", "mean_colour,temporal_flickering",
        "--dataset", f"mine:{data}", "--profile", small_profile_file, "--device", "cpu", "--out", "run", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "run" / "tables" / "mean_colour.csv").read_text().splitlines()
    ground_truth = next(line for line in table if line.startswith("mean_colour,All")).split(",")
    assert "0.00" in ground_truth, "the real clips are at no distance from themselves"
    listing = run_with(plugin, "models", cwd=tmp_path).stdout
    assert "inverted" in listing
    assert "i2vbench-test-plugin" in listing


def test_a_models_argument_and_package_decide_its_numbers(
    plugin: Path, tmp_path: Path, small_profile_file: Path
) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1)
    common = (
        "--dataset", f"folder:{data}", "--profile", small_profile_file, "--metrics", "temporal_flickering",
        "--device", "cpu", "--out", "run", "-q",
    )  # fmt: skip
    assert run_with(plugin, "run", "--model", "strong:10", *common, cwd=tmp_path).returncode == 0
    made = json.loads((tmp_path / "run" / "run.json").read_text())["models"]["strong"]
    assert (made["package"], made["argument"]) == ("i2vbench-test-plugin 1.0", "10")
    refused = run_with(plugin, "run", "--model", "strong:200", *common, cwd=tmp_path)
    assert refused.returncode == 2
    assert "models.strong.argument: '10' there, '200' here" in refused.stderr


def test_a_package_that_does_not_import_is_named(plugin: Path, tmp_path: Path) -> None:
    done = run_with(plugin, "run", "--model", "broken", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 2
    assert "i2vbench-test-plugin" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("registry", "name", "hint"),
    [
        (MODELS, "statik", "did you mean static?"),
        (METRICS, "temporal_flicker", "did you mean temporal_flickering?"),
        (DATASETS, "fodler", "did you mean folder?"),
        (MODELS, "zzz", "there are static"),
    ],
)
def test_an_unknown_name_gets_the_nearest(registry: object, name: str, hint: str) -> None:
    with pytest.raises(UserError, match=f"unknown .* '{name}'") as refusal:
        registry.create(name)  # type: ignore[attr-defined]
    assert hint in str(refusal.value)


def test_arguments_are_asked_for_and_refused() -> None:
    with pytest.raises(UserError, match=r"videos:\[NAME=\]PATH"):
        MODELS.create("videos")
    with pytest.raises(UserError, match="takes no argument"):
        MODELS.create("static:fast")


def test_the_reference_model_is_named_with_a_variant_a_path_both_or_neither(tmp_path: Path) -> None:
    assert set(MODELS.builtin["consisti2v"].words) | {""} == set(VARIANTS)
    for word in VARIANTS:
        for argument in (word, "=".join(filter(None, (word, str(tmp_path))))):
            spec = f"consisti2v:{argument}" if argument else "consisti2v"
            MODELS.check_name(spec)
            assert MODELS.absolute(spec) == spec
            assert MODELS.origin(spec) == ({"argument": word} if word else {}), "a path is no origin"
    listed = MODELS.listing()
    assert "consisti2v[:[VARIANT=]PATH]" in listed
    assert "consisti2v:no-frameinit" in listed


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("", r"needs an argument: consisti2v:\[VARIANT=\]PATH"),
        ("no-frameinti", "nor a variant of that name: did you mean no-frameinit"),
        ("nothing-alike", "nor a variant of that name: there are no-frameinit, "),
        ("no/such/folder", "there is no folder 'no/such/folder'$"),
        ("no-frameinti=here", "there is no variant 'no-frameinti': did you mean no-frameinit"),
        ("no-frameinit=gone", "there is no folder 'gone'$"),
        ("no-frameinit=", "there is no folder ''$"),
    ],
)
def test_a_variant_that_is_not_there_gets_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(UserError, match=says):
        MODELS.check_name(f"consisti2v:{argument}")


def test_a_relative_checkpoint_means_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-frameinit").mkdir()
    assert MODELS.absolute("consisti2v:no-frameinit") == "consisti2v:no-frameinit", "the word, not the folder"
    assert MODELS.absolute("consisti2v:./no-frameinit") == f"consisti2v:{tmp_path}/no-frameinit"
    assert MODELS.absolute("consisti2v:no-frameinit=no-frameinit") == (
        f"consisti2v:no-frameinit={tmp_path}/no-frameinit"
    )
    assert MODELS.absolute("videos:mine=made") == f"videos:mine={tmp_path}/made"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nowhere_to_be_found\nclass M: pass", "line 1: ModuleNotFoundError"),
        ("x = 1\nclass M(:", "line 2: SyntaxError"),
        ("def f():\n    raise RuntimeError('no\\nweights')\nf()", "line 2: RuntimeError: no weights"),
        ("class Other: pass", "has no class 'M'; it has Other"),
        ("class M: pass", "not a class derived from i2vbench.models.base.Model"),
        ("from i2vbench.models.base import Model\nclass M(Model): pass", "does not define generate"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / f"{len(text)}_adapter.py"  # older pytest hands out one folder again, and a file is imported once
    path.write_text(text)
    with pytest.raises(UserError, match="adapter.py") as refusal:
        MODELS.create(f"{path}:M")
    assert reason in str(refusal.value)


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_adapter.py").write_text("NAME = 'next door'")
    (tmp_path / "adapter.py").write_text(
        "from neighbour_of_adapter import NAME\nfrom i2vbench.models.baselines import Static\n"
        "from i2vbench.types import ModelInfo\nclass M(Static):\n    info = ModelInfo(name=NAME, title='')\n"
    )
    assert MODELS.create(f"{tmp_path / 'adapter.py'}:M").info.name == "next door"


class TestNamesOnTheHub:
    """`diffusers:OWNER/REPO`: neither a path nor a word."""

    @pytest.mark.parametrize(
        "spec", ["diffusers:owner/video-1.5", "diffusers:owner/video@refs/pr/1", "diffusers:mine=owner/video"]
    )
    def test_they_stay_what_they_are_and_decide_the_numbers(self, spec: str) -> None:
        MODELS.check_name(spec)
        assert MODELS.absolute(spec) == spec
        assert MODELS.origin(spec) == {"argument": spec.partition(":")[2].rpartition("=")[2]}

    def test_a_folder_of_such_a_name_is_a_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "owner" / "video").mkdir(parents=True)
        monkeypatch.chdir(tmp_path)
        assert MODELS.absolute("diffusers:mine=owner/video") == f"diffusers:mine={tmp_path}/owner/video"
        assert MODELS.origin("diffusers:owner/video") == {}

    @pytest.mark.parametrize("argument", ["./owner/video", "/owner/video", "video", "~/video", "a/b/c", "mine=video"])
    def test_a_folder_that_is_not_there_is_told_without_importing_anything(self, argument: str) -> None:
        with pytest.raises(
            UserError, match="there is no folder '.*', nor is it OWNER/REPO of the hub; `i2vbench models"
        ):
            MODELS.check_name(f"diffusers:{argument}")

    def test_a_name_without_an_argument_says_what_it_takes(self) -> None:
        with pytest.raises(UserError, match=r"needs an argument: diffusers:\[NAME=\]OWNER/REPO\|PATH"):
            MODELS.check_name("diffusers")

    def test_what_is_known_by_name_is_listed(self) -> None:
        assert "diffusers:stabilityai/stable-video-diffusion-img2vid-xt" in MODELS.known("diffusers")
        assert MODELS.known("static") == MODELS.known("nonesuch") == {}


def test_a_path_alone_is_told_how_it_is_written(tmp_path: Path) -> None:
    script, described = tmp_path / "mine.py", tmp_path / "mine.toml"
    script.touch()
    described.touch()
    with pytest.raises(UserError, match=f"expected {script}:CLASS"):
        MODELS.check_name(str(script))
    with pytest.raises(UserError, match=f"expected one of .*external:{described}, http:{described}"):
        MODELS.check_name(str(described))
