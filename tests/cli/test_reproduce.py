"""`reproduce`: each figure has the paper's rows, made as `generate` makes a video."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2vbench.models.consisti2v import figures
from tests.cli.inside import Inside, call_inside
from tests.conftest import make_dataset, moving_frames
from tests.models.consisti2v.tiny import FRAMES, SIDE, save_tiny_checkpoint

Rows = list[figures.Row]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The rows that the last figure was drawn of."""
    rows: Rows = []
    draw = figures.draw_grid

    def note(given: Rows, *args: object) -> np.ndarray:
        rows[:] = given
        return draw(given, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(figures, "draw_grid", note)
    return rows


@pytest.fixture
def inside(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Inside:
    Image.fromarray(moving_frames(1, 40, 70)[0]).save(tmp_path / "dog.png")
    call = call_inside(tmp_path, monkeypatch, capsys)
    common = ("--checkpoint", checkpoint, "--size", f"{SIDE}x{SIDE}", "--frames", FRAMES, "--device", "cpu")
    return lambda command, *args: call(command, *args, *common)


SAMPLED = ("--image", "dog.png", "--prompt", "fireworks", "--steps", 2, "--seed", 7)


def test_figure_6_has_the_ablations_of_one_seed(inside: Inside, tmp_path: Path, drawn: Rows) -> None:
    done = inside("reproduce", "figure6", *SAMPLED, "--out", "new/six.png")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("new/six.png: 4 rows")
    assert [row.label for row in drawn] == ["ConsistI2V", "w/o FrameInit", "w/o F.I.+T.C.", "w/o F.I.+T.C.+S.C."]
    for name, row in zip(("", ":no-frameinit", ":no-frameinit-no-temporal"), drawn, strict=False):
        made = inside("generate", "--model", f"consisti2v{name}", *SAMPLED, "--out", f"frames{name}/")
        assert made.code == 0, made.stderr
        frames = [np.asarray(Image.open(path)) for path in sorted((tmp_path / f"frames{name}").iterdir())]
        assert np.array_equal(row.frames, frames)
    assert len({row.frames.tobytes() for row in drawn}) == 4
    record = json.loads((tmp_path / "new" / "six.json").read_text())
    assert (record["seed"], record["steps"], record["prompt"], record["first_frame"]) == (7, 2, "fireworks", "dog.png")
    assert str(tmp_path.parent) not in json.dumps(record)


def test_figure_7_has_six_settings_of_frameinit(inside: Inside, tmp_path: Path, drawn: Rows) -> None:
    done = inside("reproduce", "figure7", *SAMPLED)
    assert done.code == 0, done.stderr
    assert [row.label[:3] for row in drawn] == ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"]
    assert len({row.frames.tobytes() for row in drawn}) == 6
    for options, row in ((("--tau", 700, "--d0", 0.75), drawn[2]), (("--no-frameinit",), drawn[3]), ((), drawn[0])):
        folder = "_".join(map(str, ("frames", *options)))
        assert inside("generate", "--model", "consisti2v", *SAMPLED, *options, "--out", f"{folder}/").code == 0
        frames = [np.asarray(Image.open(path)) for path in sorted((tmp_path / folder).iterdir())]
        assert np.array_equal(row.frames, frames), row.label
    assert (tmp_path / "figure7.png").is_file()
    assert json.loads((tmp_path / "figure7.json").read_text())["frameinit"][3] == {"frameinit": False}


def test_figure_4_shows_the_bands_of_a_real_clip(inside: Inside, tmp_path: Path, drawn: Rows) -> None:
    make_dataset(tmp_path / "data", num_clips=1, num_images=1)
    done = inside("reproduce", "figure4", "--dataset", "folder:data", "--columns", 3)
    assert done.code == 0, done.stderr
    assert [row.label.split()[0] for row in drawn] == ["original", "high-frequency", "low-frequency"]
    original, high, low = (np.diff(row.frames.astype(int), axis=0) for row in drawn)
    assert np.abs(low).mean() < np.abs(high).mean() / 2, "what moves fast is in the high frequencies"
    assert np.abs(original).mean() > np.abs(low).mean()
    done = inside("reproduce", "figure4", "--video", "data/clip-0.mp4", "--out", "clip.png")
    assert done.code == 0, done.stderr
    assert "data/" not in (tmp_path / "clip.json").read_text()


def test_the_data_sets_sample_gives_picture_and_prompt(inside: Inside, tmp_path: Path, drawn: Rows) -> None:
    make_dataset(tmp_path / "data", num_clips=1, num_images=1)
    done = inside("reproduce", "figure6", "--dataset", "folder:data", "--sample", "image-0", "--steps", 1)
    assert done.code == 0, done.stderr
    assert json.loads((tmp_path / "figure6.json").read_text())["prompt"] == "picture number 0."


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["figure5"], "did you mean figure"),
        (["figure6", "--model", "static"], "'static'"),
        (["figure6", "--out", "six.jpg"], "ending in .png"),
        (["figure6", "--out", "dog.png/six.png"], "cannot be written"),
        (["figure6", "--image", "gone.png"], "no such file"),
        (["figure6", "--image", "dog.png", "--sample", "dog"], "one of them"),
        (["figure6", "--video", "dog.mp4"], "no option --video"),
        (["figure4", "--image", "dog.png"], "no option --image"),
        (["figure4", "--steps", "5"], "no option --steps"),
        (["figure6", "--model", "consisti2v:dog.png"], "--checkpoint names a folder"),
        (["figure4", "--video", "dog.png"], "dog.png"),
        (["figure4", "--dataset", "folder:data", "--sample", "image-0"], "'image-0' has no clip"),
        (["figure4", "--dataset", "folder:data", "--sample", "image-1"], "did you mean image-0?"),
        (["figure6", "--dataset", "demos"], "did you mean demo?"),
    ],
)
def test_what_cannot_be_is_one_line(inside: Inside, tmp_path: Path, args: list[str], says: str) -> None:
    make_dataset(tmp_path / "data", num_clips=0, num_images=1)
    before = sorted(tmp_path.iterdir())
    done = inside("reproduce", *args)
    assert done.code == 2, done.stderr
    assert done.stderr.startswith("i2vbench: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert says in done.stderr
    assert sorted(tmp_path.iterdir()) == before
