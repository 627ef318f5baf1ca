"""The parity runner cannot be made to pass what is wrong: its report, its exit status, and which files are cases."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.conftest import ROOT, environment
from tests.reference.cases import BUNDLED, Case, bundled_json, discover
from tests.reference.compare import Check, Tolerance
from tests.reference.copies import copy, edit
from tests.reference.kinds import KINDS
from tests.reference.runner import main, run_case

# What a case looks like.


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind, folder `fake`, whose `out` is twice `in`."""

    def double(case: Case) -> Iterator[Check]:
        ours = {"out": 2 * case.input("in"), "text": torch.tensor([1, 2])}
        yield from case.against(ours, {"out": Tolerance(rtol=1e-3, atol=1e-3)})

    monkeypatch.setitem(KINDS, "fake", double)


def save(root: Path, stem: str, **tensors: Tensor) -> Case:
    path = root / f"{stem}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return Case(root, stem)


IN = torch.tensor([1.0, 2.0])


@pytest.mark.usefixtures("fake")
def test_the_line_names_the_error_its_tolerance_and_the_tensor(tmp_path: Path) -> None:
    case = save(tmp_path, "fake/a", **{"in": IN, "out": torch.tensor([2.0, 4.001])})
    assert run_case(case).line(10) == "fake/a      1.0e-03 / 5.0e-03  pass  (out)"
    case = save(tmp_path, "fake/a", **{"in": IN, "out": torch.tensor([2.5, 4.0])})
    assert run_case(case).line(6) == "fake/a  5.0e-01 / 3.5e-03  FAIL  out[0] is 2.0, recorded 2.5"


def test_what_is_left_out_for_want_of_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(case: Case) -> Iterator[Check]:
        case.notes.append("names, as names.txt is nowhere")
        yield from case.against({"out": IN}, {})

    monkeypatch.setitem(KINDS, "fake", half)
    case = save(tmp_path, "fake/a", out=IN)
    assert run_case(case).line(6).endswith("pass  (out); not compared: names, as names.txt is nowhere")
    assert run_case(save(tmp_path, "fake/a", out=IN + 1)).failures


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("recorded", "reason"),
    [
        ({"out": torch.tensor([2.0, float("nan")])}, "out[1] is 4.0, recorded nan"),
        ({"out": torch.tensor([[2.0, 4.0]])}, "out: ours has shape [2], recorded is [1, 2]"),
        ({"out": torch.zeros(0)}, "out: ours has shape [2], recorded is [0]"),
        ({"out": 2 * IN, "text": torch.tensor([1, 3])}, "text[1] is 2, recorded 3"),
        ({"out": 2 * IN, "more": IN + 1}, "more was recorded, and nothing of ours was compared with it"),
        ({}, "nothing of ours was compared with anything recorded"),
    ],
)
def test_what_fails_a_case(recorded: dict[str, Tensor], reason: str, tmp_path: Path) -> None:
    assert run_case(save(tmp_path, "fake/a", **{"in": IN}, **recorded)).failures[0] == reason


@pytest.mark.usefixtures("fake")
def test_nan_where_the_published_gives_nan_is_equal(tmp_path: Path) -> None:
    nan = torch.tensor([1.0, float("nan")])
    assert run_case(save(tmp_path, "fake/a", **{"in": nan, "out": 2 * nan})).passed


@pytest.mark.usefixtures("fake")
def test_a_tensor_without_a_tolerance_gets_1e_4_of_its_deviation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "fake", lambda case: case.against({"out": 2 * case.input("in")}, {}))
    recorded = torch.tensor([2.0, 4.0])  # of deviation 1
    for off, passes in ((0.5e-4, True), (2e-4, False)):
        case = save(tmp_path, "fake/a", **{"in": IN, "out": recorded + torch.tensor([0.0, off])})
        assert run_case(case).passed is passes


@pytest.mark.usefixtures("fake")
def test_one_broken_case_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, "fake/b", **{"in": IN, "out": 2 * IN})
    save(tmp_path, "fake/a-without-input", out=IN)
    (tmp_path / "fake" / "c.safetensors").write_bytes(b"not tensors")
    (tmp_path / "fake" / "d.json").write_text("{")
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "the case has no tensor in, which is input" in lines[0]
    assert "pass" in lines[1]
    assert "c.safetensors cannot be read" in lines[2]
    assert "d.json is not JSON" in lines[3]
    assert lines[4] == "1 passed, 3 failed"


@pytest.mark.usefixtures("fake")
def test_a_bug_of_ours_in_a_case_is_a_failure_that_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "fake", lambda case: [1 / 0])
    [failure] = run_case(save(tmp_path, "fake/a", out=IN)).failures
    assert failure.startswith("ZeroDivisionError: division by zero (test_runner.py, line ")


# Which files are cases, and where what they name is found.


def test_an_unknown_kind_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, "other/case-0", logits=IN)
    case = copy("consisti2v/unet/case-default-s0", tmp_path)
    edit(case, lambda sidecar: sidecar.update(kind="unet_backward"))
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "FAIL  kind consisti2v/unet_backward is unknown; known in folder consisti2v: consisti2v/unet_f" in lines[0]
    assert "FAIL  kind other is unknown; known in folder other: none" in lines[1]
    assert lines[2] == "0 passed, 2 failed"


def test_no_cases(tmp_path: Path) -> None:
    """Key lists, configurations, tokenizers, clips and calibrations are none; anything else is."""
    for name in ("unet_config.json", "flops.json", "tokenizer_tiny/vocab.json"):
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUNDLED / "consisti2v" / name, tmp_path / "a" / name)
    (tmp_path / "a" / "unet_tiny_keys-conv2d.json").write_text(
        json.dumps(bundled_json("consisti2v/unet_tiny_keys-conv2d.json"))
    )
    save(tmp_path, "a/calibrated-1", x=IN)
    save(tmp_path, "clips/pan", x=IN)
    (tmp_path / "a" / "ties.json").write_text("{}")
    (tmp_path / "a" / "README.md").write_text("")
    assert discover(tmp_path) == []
    (tmp_path / "a" / "rules.json").write_text('{"pairs": [1, 2]}')
    save(tmp_path, "a/case-alpha1.5-s0", x=IN)
    assert [case.stem for case in discover(tmp_path)] == ["a/case-alpha1.5-s0", "a/rules"]


def test_an_empty_folder_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "0 passed, 0 failed\n"
    assert "no case was found" in captured.err


def test_a_folder_that_is_not_there_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "nowhere is no folder" in capsys.readouterr().err


def test_only_names_folders_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "vbench,other"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    folders = sorted({case.folder for case in discover(BUNDLED)})
    assert captured.err == f"no case in other: cases are in {', '.join(folders)}.\n"


def test_a_folder_of_cases_alone_takes_the_rest_from_the_bundled_copies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stem in ("consisti2v/unet/case-conv2d-s0", "vbench/temporal_flickering"):
        copy(stem, tmp_path)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"


def test_what_lies_beside_a_case_goes_before_the_bundled_copies(tmp_path: Path) -> None:
    case = copy("consisti2v/unet/case-default-s0", tmp_path)
    assert run_case(case).passed
    config = json.loads((BUNDLED / "consisti2v" / "unet_tiny_config.json").read_text())
    (tmp_path / "consisti2v" / "unet_tiny_config.json").write_text(json.dumps(config | {"n_temp_heads": 2}))
    assert not run_case(Case(tmp_path, case.stem)).passed


def test_a_configuration_of_another_name_is_found_beside_the_case(tmp_path: Path) -> None:
    case = copy("consisti2v/training/case-no-scond-progressive-s1", tmp_path)
    for part in ("config", "keys"):
        copied = json.dumps(bundled_json(f"consisti2v/unet_tiny_{part}.json"))
        (tmp_path / "consisti2v" / f"unet_second_{part}.json").write_text(copied)
    edit(case, lambda sidecar: sidecar.update(unet_config="unet_second_config.json"))
    assert run_case(Case(tmp_path, case.stem)).passed


def test_linked_folders_are_searched(tmp_path: Path) -> None:
    (tmp_path / "clipsim").symlink_to(BUNDLED / "clipsim")
    assert [case.stem for case in discover(tmp_path)] == ["clipsim/case-0"]


def test_it_runs_as_a_module_in_the_root_of_a_checkout() -> None:
    command = [sys.executable, "-m", "tests.reference", "--only", "clipsim"]
    environ = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed"
