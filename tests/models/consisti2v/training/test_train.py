"""The whole command on a tiny model: it learns, it goes on exactly where it was killed, and it refuses in sentences."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from i2vbench.cli import app
from i2vbench.cli.train import consisti2v
from i2vbench.errors import UserError
from i2vbench.models.consisti2v import ConsistI2VPipeline
from i2vbench.models.consisti2v.training.config import load_config
from i2vbench.models.consisti2v.training.networks import load_networks
from i2vbench.models.consisti2v.training.objective import Draws, Objective, training_step
from i2vbench.models.consisti2v.training.start import train
from i2vbench.progress import Lines
from i2vbench.registry import open_dataset
from i2vbench.video import read_video
from tests import processes
from tests.conftest import command, environment, make_dataset
from tests.models.consisti2v.training.base import save_clip, save_tiny_base, write_config

PATCHES = """
import os, signal, sys
from i2vbench.models.consisti2v.training import checkpoints, loop

kind, step = sys.argv.pop(1).split("=")

if kind == "amid-saving":
    take_name = checkpoints.take_name
    def killed(partial, final):
        if final.name.endswith(step):
            os.kill(os.getpid(), signal.SIGKILL)
        take_name(partial, final)
    checkpoints.take_name = killed
else:  # in the first device batch of a step, or in its second and last one
    loss = loop.Trainer._loss
    def at(self, batch, micro_step):
        if self.step == int(step) and micro_step == (kind == "SIGKILL"):
            os.kill(os.getpid(), getattr(signal, kind))
        return loss(self, batch, micro_step)
    loop.Trainer._loss = at

from i2vbench.cli import main
main()
"""
"""The command line, sent a signal at a certain instant: `amid-saving=STEP` or `SIGNAL=STEPS_DONE`."""


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Exactness is promised there. accelerate keeps its state for a process, and here many trainings share one."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)
    PartialState._reset_state()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three clips in data/."""
    make_dataset(tmp_path / "data", num_clips=3, num_images=1)
    return tmp_path


def run(place: Path, *options: str, signalled: str = "") -> subprocess.CompletedProcess[str]:
    """`i2vbench train consisti2v` in a process of its own."""
    arguments = ["train", "consisti2v", "--config", "train.toml", "--data", "folder:data", *options]
    whole = [sys.executable, "-c", PATCHES, signalled, *arguments] if signalled else command(*arguments)
    return processes.run(whole, cwd=place, env=environment(), timeout=600)


def curve(out: Path, name: str = "loss") -> dict[int, float]:
    """What TensorBoard shows: the value of each step."""
    events = EventAccumulator(str(out / "tensorboard"), {"scalars": 0, "images": 0})
    events.Reload()
    return {event.step: event.value for event in events.Scalars(name)}


def checkpoints(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


def assert_same_weights(one: Path, other: Path) -> None:
    files = sorted(file.relative_to(one) for file in one.rglob("*.safetensors"))
    assert files == sorted(file.relative_to(other) for file in other.rglob("*.safetensors"))
    for file in files:
        left, right = load_file(one / file), load_file(other / file)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left), file


def test_killed_twice_a_training_ends_with_the_same_losses_and_weights(place: Path, base: Path) -> None:
    write_config(place / "train.toml", base, steps=6, save_every=2, keep=1, num_workers=1)
    whole = run(place, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    assert run(place, "--out", "killed", signalled="amid-saving=4").returncode == -signal.SIGKILL
    names = checkpoints(place / "killed")
    assert names == [".step-00000004.partial", "step-00000002"]
    # From step 2 on again, over step 4, and amid step 6.
    again = run(place, "--out", "killed", "--resume", signalled="SIGKILL=5")
    assert again.returncode == -signal.SIGKILL
    assert "going on at step 2 of 6" in again.stderr
    assert checkpoints(place / "killed") == ["step-00000004"]
    last = run(place, "--out", "killed")  # the same command goes on without --resume too
    assert last.returncode == 0, last.stderr
    assert "going on at step 4 of 6" in last.stderr
    straight = curve(place / "whole")
    assert list(straight) == [1, 2, 3, 4, 5, 6]
    assert len(set(straight.values())) == 6
    assert curve(place / "killed") == straight
    assert curve(place / "killed", "gradient norm") == curve(place / "whole", "gradient norm")
    assert_same_weights(place / "whole", place / "killed")
    assert not list((place / "killed").rglob("*.partial"))


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_stopped_amid_a_step_it_saves_and_goes_on_with_that_step(place: Path, base: Path, name: str, code: int) -> None:
    write_config(place / "train.toml", base, steps=4, save_every=100, num_workers=int(name == "SIGINT"))
    stopped = run(place, "--out", "out", signalled=f"{name}=2")
    assert stopped.returncode == code, stopped.stderr
    assert "everything is saved; the same command goes on with the training in out" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert checkpoints(place / "out") == ["step-00000002"]
    config = load_config(place / "train.toml")
    for out in ("out", "straight"):
        AcceleratorState._reset_state(True)
        train(config, f"folder:{place / 'data'}", open_dataset, place / out, Lines())
    assert curve(place / "out") == curve(place / "straight")


def test_it_learns_a_clip(tmp_path: Path, base: Path) -> None:
    """Twelve steps on one clip bring the loss of given draws down."""
    (tmp_path / "data").mkdir()
    save_clip(tmp_path / "data" / "a.mp4", num_frames=4, height=32, width=32)
    (tmp_path / "data" / "metadata.csv").write_text("file_name,id,category,prompt\na.mp4,a,Pet,a square\n")
    config = load_config(
        write_config(tmp_path / "train.toml", base, steps=12, learning_rate=1e-3, ema_decay=0.0, strides=[1, 1])
    )
    before, _ = load_networks(base, config)
    out = tmp_path / "out"
    train(config, f"folder:{tmp_path / 'data'}", open_dataset, out, Lines())
    after = ConsistI2VPipeline.from_pretrained(out / "pipeline")
    losses = [loss_on_clip(pipeline, tmp_path / "data" / "a.mp4") for pipeline in (before, after)]
    assert losses[1] < 0.8 * losses[0], losses
    assert set(load_file(out / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors")) == set(
        before.unet.state_dict()
    )
    gates = [float(v) for key, v in after.unet.state_dict().items() if key.endswith(".alpha")]
    assert all(0 <= gate <= 1 for gate in gates)
    assert min(gates) < 1, "the temporal layers are let in"
    assert not (out / "unet-last-step").exists(), "without averaged weights the pipeline has the last step's"


def loss_on_clip(pipeline: ConsistI2VPipeline, clip: Path) -> float:
    pixels = torch.from_numpy(read_video(clip).frames).permute(0, 3, 1, 2)[None] / 127.5 - 1
    text = pipeline.text_encoder(torch.ones(1, 16, dtype=torch.long))[0]
    with torch.no_grad():
        return float(
            np.mean(
                [
                    training_step(
                        pipeline.unet, pipeline.vae, pipeline.scheduler, Objective(), Draws.for_step(99, i, 0, 0),
                        pixel_values=pixels, text_embeddings=text, frame_stride=torch.tensor([1]),
                    ).loss
                    for i in range(8)
                ]
            )
        )  # fmt: skip


def test_what_is_made_on_the_way(place: Path, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Checkpoints, averaged weights, curves, validation videos and lines; and a training is gone on with for longer."""
    settings = {"save_every": 1, "keep": 2, "validate_every": 2, "validation_steps": 1, "validation_samples": 2}
    settings |= {"ema_decay": 0.5, "mixed_precision": "bf16", "recipe": "published-code", "image_dropout": 0.5}
    config = load_config(write_config(place / "train.toml", base, steps=3, **settings))
    out = place / "out"
    train(config, f"folder:{place / 'data'}", open_dataset, out, Lines())
    said = capfd.readouterr().err
    assert "parameters are trained" in said
    assert "2 clips a step = 1 (per_device_batch) x 1 cpu x 2 accumulated; mixed precision bf16" in said
    assert "step 2/3  loss" in said
    assert checkpoints(out) == ["step-00000002", "step-00000003"]
    pair = [
        load_file(out / "checkpoints" / "step-00000003" / name) for name in ("model.safetensors", "ema.safetensors")
    ]
    finished = load_file(out / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors")
    last = load_file(out / "unet-last-step" / "diffusion_pytorch_model.safetensors")
    for key, averaged in pair[1].items():
        assert torch.equal(finished[key], averaged)
        assert torch.equal(last[key], pair[0][key])
    assert any(not torch.equal(pair[1][key], pair[0][key]) for key in pair[1])
    videos = sorted((out / "validation").rglob("*.mp4"))
    assert [str(path.relative_to(out / "validation")) for path in videos] == [
        "step-00000002/0.mp4",
        "step-00000002/1.mp4",
    ]
    assert read_video(videos[0]).frames.shape == (4, 32, 32, 3)
    events = EventAccumulator(str(out / "tensorboard"), {"images": 0})
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "gradient norm", "learning rate", "seconds per step"}
    assert [tag.split()[0] for tag in events.Tags()["images"]] == ["validation/0", "validation/1"]
    assert events.Images(events.Tags()["images"][0])[0].encoded_image_string.startswith(b"GIF89a")

    AcceleratorState._reset_state(True)
    longer = load_config(write_config(place / "train.toml", base, steps=4, **settings))
    train(longer, f"folder:{place / 'data'}", open_dataset, out, Lines(), resume=True)
    assert checkpoints(out) == ["step-00000003", "step-00000004"]
    assert len(sorted((out / "validation").rglob("*.mp4"))) == 4
    assert list(curve(out)) == [1, 2, 3, 4]


def test_a_loss_that_is_no_number_names_its_step(place: Path, base: Path) -> None:
    config = load_config(write_config(place / "train.toml", base, steps=4, learning_rate=1e30, save_every=1))
    with pytest.raises(UserError, match=r"the loss of step 2 is (nan|inf), .*lower learning_rate"):
        train(config, f"folder:{place / 'data'}", open_dataset, place / "out", Lines())
    assert checkpoints(place / "out") == ["step-00000001"]


@pytest.mark.parametrize("settings", [
    {"first_frame_condition_mode": "none", "use_frame_stride_condition": False, "validate_every": 1},
    {"temp_pos_embedding": "sinusoidal", "prediction_type": "v_prediction", "gradient_checkpointing": True},
    {"augment_temporal_attention": False, "first_frame_condition_mode": "input_only", "noise_method": "vanilla"},
])  # fmt: skip
def test_other_models_are_trained_too(place: Path, base: Path, settings: dict[str, object]) -> None:
    config = load_config(write_config(place / "train.toml", base, steps=1, **settings))
    train(config, f"folder:{place / 'data'}", open_dataset, place / "out", Lines())
    assert 0 < curve(place / "out")[1] < 10
    stored = json.loads((place / "out" / "pipeline" / "unet" / "config.json").read_text())
    assert stored["first_frame_condition_mode"] == settings.get("first_frame_condition_mode", "concat")
    assert not (place / "out" / "validation").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 1 vs 2"),
    ],
)
def test_a_full_disk_is_told_and_what_is_saved_stays(
    place: Path, base: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path] = []

    def full(state: dict[str, torch.Tensor], file: Path) -> None:
        if len(saved) >= 2:
            raise error
        saved.append(file)
        save_file(state, file)

    monkeypatch.setattr("i2vbench.models.consisti2v.training.weights.save_file", full)
    config = load_config(write_config(place / "train.toml", base, steps=2, save_every=1))
    with pytest.raises(UserError, match=r"cannot be written to .* is the disk full\?.* The newest checkpoint is kept"):
        train(config, f"folder:{place / 'data'}", open_dataset, place / "out", Lines())
    assert checkpoints(place / "out") == [".step-00000002.partial", "step-00000001"]


def test_a_training_is_not_gone_on_with_under_other_settings(place: Path, base: Path) -> None:
    write_config(place / "train.toml", base, steps=1, save_every=1)
    data = f"folder:{place / 'data'}"
    out = place / "out"
    with pytest.raises(UserError, match="there is no training at .* to resume"):
        train(load_config(place / "train.toml"), data, open_dataset, out, Lines(), resume=True)
    train(load_config(place / "train.toml"), data, open_dataset, out, Lines())
    AcceleratorState._reset_state(True)
    write_config(place / "train.toml", base, steps=2, learning_rate=1e-3, noise_alpha=1.0)
    with pytest.raises(UserError) as refusal:
        train(load_config(place / "train.toml"), data, open_dataset, out, Lines())
    assert "learning_rate: 5e-05 there, 0.001 here" in str(refusal.value)
    assert "noise_alpha: 1.5 there, 1.0 here" in str(refusal.value)
    assert json.loads((out / "train.json").read_text())["config"]["learning_rate"] == 5e-5


def test_a_damaged_checkpoint_is_named(place: Path, base: Path) -> None:
    data, out = f"folder:{place / 'data'}", place / "out"
    write_config(place / "train.toml", base, steps=1, save_every=1)
    train(load_config(place / "train.toml"), data, open_dataset, out, Lines())
    (out / "checkpoints" / "step-00000001" / "state.json").write_text("{}")
    AcceleratorState._reset_state(True)
    with pytest.raises(UserError, match=r"step-00000001 is damaged .*goes on from the one before"):
        train(load_config(place / "train.toml"), data, open_dataset, out, Lines())


def test_a_checkpoint_without_its_optimizer_is_named(place: Path, base: Path) -> None:
    data, out = f"folder:{place / 'data'}", place / "out"
    write_config(place / "train.toml", base, steps=1, save_every=1)
    train(load_config(place / "train.toml"), data, open_dataset, out, Lines())
    (out / "checkpoints" / "step-00000001" / "optimizer.bin").unlink()
    AcceleratorState._reset_state(True)
    with pytest.raises(UserError, match=r"step-00000001 is damaged .*goes on from the one before"):
        train(load_config(place / "train.toml"), data, open_dataset, out, Lines())


PICTURE = '[[validation]]\nprompt = "a"\nimage = "no.png"\n'


@pytest.mark.parametrize(
    ("settings", "options", "reason"),
    [
        ({"stepz": 1}, (), "unknown setting 'stepz'; did you mean steps"),
        ({"batch_size": 3, "per_device_batch": 2}, (), "batch_size 3 is not a multiple of 2"),
        ({"base": "nowhere"}, (), "training begins from Stable Diffusion 2.1-base"),
        ({}, ("--data", "folder:nowhere"), "nowhere: no such folder"),
        ({}, ("--data", "somewhere"), "somewhere"),
        ({}, ("--config", "other.toml"), "other.toml: no such file"),
        ({}, ("--resume",), "there is no training at"),
        ({}, ("--out", "data"), "--out data: the folder holds other things than a training"),
        ({}, ("--out", "train.toml"), "--out train.toml: is a file"),
        ({}, ("--out", "train.toml/x"), "train.toml is a file, not a folder"),
        ({"mixed_precision": "fp16"}, (), "float16 needs a GPU"),
        ({"validate_every": 1}, (PICTURE,), "no.png: no such file"),
    ],
)
def test_a_mistake_is_one_sentence(
    place: Path, base: Path, settings: dict[str, object], options: Sequence[str], reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    tables = "".join(option for option in options if option == PICTURE)
    options = [option for option in options if option != PICTURE]
    write_config(place / "train.toml", **{"base": base, "steps": 1, **settings})  # type: ignore[arg-type]
    with open(place / "train.toml", "a") as file:
        file.write(tables)
    monkeypatch.chdir(place)
    arguments = ["train", "consisti2v", "--config", "train.toml", "--data", "folder:data", "--out", "out", *options]
    with pytest.raises(UserError) as refusal:
        app(arguments, standalone_mode=False)
    assert reason in str(refusal.value)


def test_two_processes_train_one_model_and_one_goes_on(place: Path, base: Path) -> None:
    write_config(place / "train.toml", base, steps=1, save_every=1)
    arguments = ["train", "consisti2v", "--config", "train.toml", "--data", "folder:data", "--out", "out"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", "-m", "i2vbench"]

    def launched(**changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*launch, *arguments], cwd=place, env=environment() | changes,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    if not torch.cuda.is_available():
        alone = launched(ACCELERATE_USE_CPU="false")
        assert "2 processes were launched and accelerate sees 1" in alone.stderr
    both = launched()
    assert both.returncode == 0, both.stderr
    assert "2 clips a step = 1 (per_device_batch) x 2 cpu x 1 accumulated" in both.stderr
    write_config(place / "train.toml", base, steps=2, save_every=1)
    one = run(place, "--out", "out", "--resume")
    assert one.returncode == 0, one.stderr
    assert "going on at step 1 of 2" in one.stderr
    assert "made by 2 processes with device batches of 1" in one.stderr


def test_a_package_that_is_missing_is_named(place: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(place / "train.toml", base, steps=1)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(UserError, match=r"^training needs tensorboard: pip install 'i2vbench\[train\]'$"):
        consisti2v(place / "train.toml", f"folder:{place / 'data'}", place / "out")


def test_the_example_is_printed() -> None:
    printed = processes.run(command("train", "consisti2v", "--print-config"), env=environment())
    assert printed.returncode == 0, printed.stderr
    assert "learning_rate = 5e-5" in printed.stdout
    assert printed.stdout.startswith("# Training ConsistI2V")
