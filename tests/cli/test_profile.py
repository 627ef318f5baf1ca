"""`profile`: a row for each of Table 3's variants, with what is measured, counted and reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from i2vbench.models.consisti2v import ConsistI2VPipeline
from i2vbench.models.consisti2v.runtime import Job, measure
from tests import processes
from tests.cli.inside import Inside, call_inside
from tests.conftest import command, environment
from tests.models.consisti2v.tiny import FRAMES, SIDE, save_tiny_checkpoint


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(tmp_path, monkeypatch, capsys)


def test_a_measured_row_says_how_it_was_measured(tmp_path: Path) -> None:
    checkpoint = save_tiny_checkpoint(tmp_path / "tiny")
    args = command(
        "profile", "--model", "consisti2v", "--variants", "no-frameinit-no-temporal", "--checkpoint", checkpoint,
        "--size", f"{SIDE}x{SIDE}", "--frames", FRAMES, "--steps", 1, "--device", "cpu", "--json",
    )  # fmt: skip
    done = processes.run(args, cwd=tmp_path, env=environment(), timeout=180)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (row,) = found["rows"]
    assert row["title"] == "w/o FrameInit & T.Cond."
    assert row["seconds"] > 0
    assert row["memory_bytes"] is None or 2**26 < row["memory_bytes"] < 2**33
    assert 0 < row["tflops_without_attention"] < row["tflops"] < 0.01
    assert "paper" not in row, "its numbers are for another size"
    notes = " ".join(found["notes"])
    assert "in 1 instead of the paper's 50 steps" in notes
    assert "the checkpoint's weights" in notes


def test_what_is_timed_is_the_variant_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[dict[str, Any]] = []
    sample = ConsistI2VPipeline.__call__

    def spy(self: ConsistI2VPipeline, *args: Any, **options: Any) -> Any:
        called.append({**options, "unet": self.unet.config})
        return sample(self, *args, **options)

    monkeypatch.setattr(ConsistI2VPipeline, "__call__", spy)
    checkpoint = str(save_tiny_checkpoint(tmp_path / "tiny"))
    for variant in ("", "no-frameinit-no-temporal-no-spatial"):
        measure(
            Job(
                variant=variant,
                checkpoint=checkpoint,
                device="cpu",
                dtype="bfloat16",
                num_frames=FRAMES,
                height=SIDE,
                width=SIDE,
                steps=2,
                repeats=1,
            )
        )
    full, least = called
    assert (full["num_inference_steps"], full["num_frames"], full["height"]) == (2, FRAMES, SIDE)
    assert full["frameinit"] is not None
    assert full["unet"].augment_temporal_attention
    assert least["frameinit"] is None
    assert not least["unet"].augment_temporal_attention
    assert least["unet"].first_frame_condition_mode == "input_only"


def test_the_table_stands_beside_the_papers(inside: Inside) -> None:
    done = inside("profile", "--flops-only", "--variants", "full,no-frameinit-no-temporal-no-spatial")
    assert done.code == 0, done.stderr
    above, heads, full, least, *notes = done.stdout.splitlines()
    assert "ours" in above
    assert "published code" in above
    assert heads.split() == ["TFLOPs", "linear"] * 2 + ["MB", "seconds", "TFLOPs"]
    assert full.split()[0] == "ConsistI2V"
    assert full.split()[3:] == ["5.439", "5.162", "9249", "18.48", "5.168"]
    assert least.split()[-5:] == ["5.163", "5.009", "9017", "17.14", "5.015"]
    assert float(full.split()[1]) <= 4.33
    assert any("torch.utils.flop_counter" in note for note in notes)
    assert not any("seconds:" in note for note in notes), "nothing was measured"
    assert inside("profile", "--flops-only", "--variants", "full", "--quiet").stdout == ""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--model", "static"], "'static' cannot be profiled"),
        (["--variants", "no-frameinti"], "did you mean no-frameinit"),
        (["--size", "250x256"], "multiples of 8"),
        (["--checkpoint", "gone"], "checkpoint 'gone'"),
        (["--device", "tpu"], "--device 'tpu'"),
        (["--dtype", "int8"], "--dtype 'int8'"),
    ],
)
def test_what_cannot_be_is_one_line(inside: Inside, args: list[str], says: str) -> None:
    done = inside("profile", *args)
    assert done.code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("i2vbench: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert says in done.stderr
