"""`--first-frame generate:...` as a user runs it: what models are shown, and what a kill leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np

from i2vbench.first_frames.generated import FOLDER
from i2vbench.store import Store
from i2vbench.video import read_image, read_video, resize_and_crop
from tests.conftest import Cli, command, environment
from tests.models.text_to_image import SD_SIDE_PX

RUN = ("run", "--model", "static", "--dataset", "demo", "--limit", 3, "--profile", "tiny", "--device", "cpu",
       "--metrics", "temporal_flickering", "--quiet")  # fmt: skip


def pictures(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / FOLDER).iterdir())}


def test_models_are_shown_the_made_pictures_and_a_kill_while_they_are_made_loses_none(
    cli: Cli, sd: Path, tmp_path: Path
) -> None:
    (tmp_path / "sd").symlink_to(sd)
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        command(*RUN, "--first-frame", "generate:sd", "--out", "killed"),
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(killed.glob(f"{FOLDER}/*.png")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = {path.name: path.stat().st_mtime_ns for path in killed.glob(f"{FOLDER}/*.png")}
    assert 1 <= len(before) < 3, "the kill fell while pictures were made"

    (tmp_path / "elsewhere").mkdir()
    resumed = cli("run", "--resume", "--out", killed, "--quiet", cwd=tmp_path / "elsewhere")
    assert resumed.returncode == 0, resumed.stderr
    after = {path.name: path.stat().st_mtime_ns for path in killed.glob(f"{FOLDER}/*.png")}
    assert {name: after[name] for name in before} == before, "none was made anew"

    whole = cli(*RUN, "--first-frame", "generate:sd", "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    made = pictures(tmp_path / "whole")
    assert made == pictures(killed)
    assert len(set(made.values())) == len(made) == 3
    with Store.open(tmp_path / "whole") as store:
        for clip in store.clips("static"):
            picture = read_image(tmp_path / "whole" / FOLDER / f"{clip.sample_id}.png")
            assert picture.shape == (SD_SIDE_PX, SD_SIDE_PX, 3), "at the pipeline's own size"
            shown = resize_and_crop(picture[np.newaxis], 128, 128)
            frames = read_video(tmp_path / "whole" / clip.video).frames
            np.testing.assert_array_equal(frames, np.repeat(shown, len(frames), axis=0))
            preview = read_image(tmp_path / "whole" / "first_frames" / f"{clip.sample_id}.png")
            np.testing.assert_array_equal(preview, shown[0])


def test_what_cannot_be_is_refused_before_any_work(cli: Cli, sd: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]})
    )
    for given, said in {
        "generat:x": "unknown first frames 'generat': did you mean generate?",
        "generate": "needs an argument: generate:[VARIANT=]OWNER/REPO|PATH; say, generate:stabilityai/stable-diff",
        "generate:nowhere": "there is no folder 'nowhere'",
        "generate:sede-3=a/b": "there is no variant 'sede-3'",
        "generate:seed-3": "expected a folder, or a name on the hub, behind it",
        "generate:nobody/nothing": "is not here: `i2vbench weights fetch diffusers:nobody/nothing` brings it",
        "generate:empty": "there is no model_index.json in",
        "generate:broken": "here only in part (unet/*.safetensors, unet/*.json missing)",
        "images:nowhere": "there is no folder",
        "images:empty": "do not match the run's 3 samples, one file per sample named by its id",
    }.items():
        done = cli(*RUN, "--first-frame", given, "--out", "run")
        assert (done.returncode, said in done.stderr) == (2, True), (given, done.stderr)
        assert not (tmp_path / "run").exists()
