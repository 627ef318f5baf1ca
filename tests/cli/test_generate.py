"""`generate`: one picture and one prompt become a file that plays, or one line says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from i2vbench.video import read_video
from tests import processes
from tests.cli.inside import Inside, call_inside
from tests.conftest import Cli, command, environment, moving_frames
from tests.models.consisti2v.tiny import FRAMES, SIDE, save_tiny_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a landscape and a portrait picture."""
    picture = Image.fromarray(moving_frames(1, 9, 14)[0]).resize((160, 90), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "dog.png")
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "tall.png")
    return tmp_path


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(place, monkeypatch, capsys)


@pytest.fixture
def tiny(inside: Inside, checkpoint: Path) -> Inside:
    """`generate` with the tiny checkpoint; later arguments win over these."""
    common = (
        "generate", "--model", "consisti2v", "--image", "dog.png", "--prompt", "a dog", "--out", "dog.mp4",
        "--checkpoint", checkpoint, "--size", f"{SIDE}x{SIDE}", "--frames", FRAMES, "--steps", 2, "--device", "cpu",
    )  # fmt: skip
    return lambda *args: inside(*common, *args)


def frames_of(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])


def test_any_model_makes_a_file_that_plays(cli: Cli, place: Path) -> None:
    done = cli(
        "generate", "--model", "pan", "--image", "dog.png", "--prompt", "a dog", "--out", "new/dog.mp4",
        "--size", "64x96", "--frames", 5, "--device", "cpu", "--seed", 3,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    made_by, last = done.stdout.splitlines()
    assert "seed=3" in made_by
    assert last.startswith("new/dog.mp4: 5 frames of 64 x 96 at 8 fps, made in ")
    video = read_video(place / "new" / "dog.mp4")
    assert video.frames.shape == (5, 64, 96, 3)
    assert video.fps == 8
    with av.open(str(place / "new" / "dog.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert container.metadata["comment"] == made_by.removeprefix("made by ")


def test_a_gif_and_a_folder_of_pictures_hold_the_same_frames(inside: Inside, place: Path) -> None:
    common = ("generate", "--model", "pan", "--image", "dog.png", "--prompt", "a dog", "--frames", 4, "--size", "64x96")
    assert inside(*common, "--out", "dog.gif").code == 0
    assert inside(*common, "--out", "frames/").code == 0
    frames = frames_of(place / "frames")
    assert frames.shape == (4, 64, 96, 3)
    with Image.open(place / "dog.gif") as gif:
        lengths = []
        for index in range(gif.n_frames):
            gif.seek(index)
            lengths.append(gif.info["duration"])
            assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - frames[index]).mean() < 12
    assert sum(lengths) == 500, "four frames at 8 fps, though a GIF cannot show one for 125 ms"
    again = inside(*common, "--out", "frames")
    assert again.code == 2
    assert "not empty" in again.stderr


def test_the_lossy_file_is_close_to_the_frames(inside: Inside, place: Path) -> None:
    common = ("generate", "--model", "pan", "--image", "dog.png", "--prompt", "a dog", "--frames", 4, "--size", "64x96")
    inside(*common, "--out", "dog.mp4")
    inside(*common, "--out", "frames/")
    difference = (read_video(place / "dog.mp4").frames.astype(int) - frames_of(place / "frames")) @ [0.21, 0.72, 0.07]
    assert np.abs(difference).mean() < 3, "brightness; colours have half the size"


def test_the_paths_of_a_machine_stay_out_of_the_file(tiny: Inside, checkpoint: Path, place: Path) -> None:
    done = tiny("--model", f"consisti2v:no-frameinit={checkpoint}", "--image", place / "dog.png")
    assert done.code == 0, done.stderr
    with av.open(str(place / "dog.mp4")) as container:
        comment = container.metadata["comment"]
    assert "model=consisti2v:no-frameinit=./tiny image=dog.png" in comment
    assert "checkpoint=tiny steps=2" in comment
    assert str(place.parent) not in comment


def test_the_seed_and_the_options_decide_the_video(tiny: Inside, place: Path) -> None:
    options = {
        "first": "", "again": "", "seed": "--seed 1", "plain": "--no-frameinit", "tau": "--tau 700", "d0": "--d0 0.5",
        "guidance": "--guidance 2", "image": "--image-guidance 2", "rescale": "--guidance-rescale 1", "eta": "--eta 1",
        "noise": "--noise vanilla", "alpha": "--noise-alpha 1.5", "stride": "--fps-stride 1", "steps": "--steps 3",
        "negative": "--negative-prompt cat", "prompt": "--prompt cat", "bf16": "--dtype bf16",
        "left": "--camera pan-left", "right": "--camera pan-right", "in": "--camera zoom-in",
        "out": "--camera zoom-out", "rotate": "--camera rotate",
    }  # fmt: skip
    made = {}
    for name, words in options.items():
        done = tiny(*words.split(), "--out", f"{name}/")
        assert done.code == 0, done.stderr
        made[name] = frames_of(place / name)
    assert np.array_equal(made["first"], made.pop("again"))
    for name, frames in made.items():
        alike = [other for other in made if other != name and np.array_equal(made[other], frames)]
        assert not alike, f"{name} is like {alike}"


def test_a_long_video_has_the_frames_asked_for(tiny: Inside, place: Path) -> None:
    done = tiny("--frames", 9, "--autoregressive", "--out", "long/")
    assert done.code == 0, done.stderr
    assert len(frames_of(place / "long")) == 9


def test_an_odd_prompt_is_taken_with_a_line(tiny: Inside) -> None:
    empty = tiny("--prompt", " ")
    assert empty.code == 0
    assert "the prompt is empty" in empty.stderr
    long = tiny("--prompt", "one two three four five six")
    assert long.code == 0
    notes = [line for line in long.stderr.splitlines() if line.startswith("note: the prompt")]
    assert len(notes) == 1, long.stderr
    assert "six" in notes[0], "what was cut"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--size", "36x32"], "multiples of 8"),
        (["--size", "large"], "HEIGHTxWIDTH"),
        (["--frames", "1"], "--frames 1: expected a whole number, 2 or more"),
        (["--image", "gone.png"], "gone.png: no such file"),
        (["--image", "text.png"], "is not a picture"),
        (["--out", "dog.avi"], "ending in .mp4 or .gif"),
        (["--out", "."], "not empty"),
        (["--out", "dog.png/dog.mp4"], "cannot be written"),
        (["--camera", "pan-lft"], "did you mean pan-left"),
        (["--camera", "pan-left", "--image", "tall.png"], "a pan needs a picture wider"),
        (["--camera", "zoom-in", "--no-frameinit"], "works through FrameInit"),
        (["--camera", "zoom-in", "--autoregressive"], "for one clip"),
        (["--noise", "vanila"], "did you mean vanilla?"),
        (["--tau", "1000"], "from 0 to 999"),
        (["--steps", "0"], "from 1 to 999"),
        (["--fps", "0"], "--fps 0"),
        (["--dtype", "int8"], "bf16"),
        (["--device", "tpu"], "--device 'tpu'"),
        (["--checkpoint", "gone"], "checkpoint 'gone'"),
        (["--model", "static"], "'static' does not take checkpoint, steps"),
        (["--model", "ground_truth"], "shows videos that are there already"),
        (["--model", "consisti2v:no-frameinti"], "did you mean no-frameinit"),
        (["--model", "consisti2v:no-frameinit", "--frameinit"], "without FrameInit"),
    ],
)
def test_what_cannot_be_is_one_line(tiny: Inside, place: Path, args: list[str], says: str) -> None:
    (place / "text.png").write_text("not a picture")
    before = sorted(place.iterdir())
    done = tiny(*args)
    assert done.code == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("i2vbench: ")]
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert done.stdout == ""
    assert sorted(place.iterdir()) == before


def test_not_a_number_is_no_black_video(tiny: Inside, checkpoint: Path, place: Path) -> None:
    broken = place / "broken"
    shutil.copytree(checkpoint, broken)
    file = broken / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    state["conv_out.bias"][0] = np.nan
    save_file(state, file)
    done = tiny("--checkpoint", broken)
    assert done.code == 2
    assert "by step 1 of " in done.stderr.splitlines()[-1], "before the other steps are made in vain"
    assert "NaN" in done.stderr.splitlines()[-1]
    assert "the checkpoint's weights may be damaged" in done.stderr.splitlines()[-1]
    assert not (place / "dog.mp4").exists()


def test_a_checkpoint_of_another_model_is_named_as_one(tiny: Inside, checkpoint: Path, place: Path) -> None:
    other = place / "other"
    shutil.copytree(checkpoint, other)
    save_file({"weight": np.zeros(3, np.float32)}, other / "unet" / "diffusion_pytorch_model.safetensors")
    done = tiny("--checkpoint", other)
    assert done.code == 2
    assert "another model" in done.stderr.splitlines()[-1]


def test_from_the_shell(place: Path, checkpoint: Path) -> None:
    args = command(
        "generate", "--model", f"consisti2v:{checkpoint}", "--image", "dog.png", "--prompt", "a dog", "--seed", 0,
        "--out", "dog.mp4", "--size", "32x32", "--frames", 4, "--steps", 1, "--device", "cpu",
    )  # fmt: skip
    done = processes.run(args, cwd=place, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("dog.mp4: 4 frames of 32 x 32 at 8 fps, made in ")
    assert read_video(place / "dog.mp4").frames.shape == (4, 32, 32, 3)
