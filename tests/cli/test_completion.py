"""What a shell offers on Tab, asked as the shells' own scripts ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample


def offered(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """The words offered for a command line whose end Tab is pressed at."""
    words = line.split(" ")
    asked = {
        "_I2VBENCH_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "i2vbench"], cwd=folder, env=environment() | asked, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return [word.partition("\t")[0] for word in done.stdout.split("\n") if word]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("i2vbench ru", ["run"]),
        ("i2vbench data che", ["check"]),
        ("i2vbench run --pro", ["--profile", "--protocol"]),
        (
            "i2vbench run --model consisti2v:no-frameinit-no-temporal-",
            ["consisti2v:no-frameinit-no-temporal-no-spatial"],
        ),
        ("i2vbench run --metrics fvd,cl", ["fvd,clipsim"]),
        ("i2vbench run --profile tiny-", ["tiny-imagenet"]),
        ("i2vbench run --categories Pet,Anima", ["Pet,Animation-Static", "Pet,Animal", "Pet,Animation-Hard"]),
        ("i2vbench weights fetch i3d_ta", ["i3d_tats"]),
        ("i2vbench table run --format csv,la", ["csv,latex"]),
        ("i2vbench run --dataset synth", ["synthetic"]),
        ("i2vbench run --engine r", ["ray"]),
        ("i2vbench generate --image pic", []),
    ],
)
def test_words_in_bash(tmp_path: Path, line: str, words: list[str]) -> None:
    assert sorted(offered(tmp_path, line)) == sorted(words)


def test_run_folders(tmp_path: Path) -> None:
    spec = RunSpec([sample("a", "Pet")], {(FLICKERING, "static"): (1.0,)}, ("static",), (FLICKERING,))
    for name in ("runs/one", "runs/two", "kept/three"):
        make_run(tmp_path / name, spec)
    (tmp_path / "runs" / "other").mkdir()
    assert offered(tmp_path, "i2vbench show ") == ["runs/one", "runs/two"]
    assert offered(tmp_path, "i2vbench compare runs/one runs/t") == ["runs/two"]
    assert offered(tmp_path, "i2vbench table kept/") == ["kept/three"]
    assert offered(tmp_path, "i2vbench table ") == ["runs/one", "runs/two", "paper"]


def test_what_a_run_on_the_line_has(tmp_path: Path) -> None:
    for name, models in (("one", ("static",)), ("two", ("pan", "static"))):
        scores = {(FLICKERING, model): (1.0, 0.5) for model in models}
        make_run(tmp_path / name, RunSpec([sample("a", "cats"), sample("b", "dogs")], scores, models, (FLICKERING,)))
    for line, words in (
        ("i2vbench clips one ", [FLICKERING]),
        (f"i2vbench clips one {FLICKERING} --categories cats,", ["cats,dogs"]),
        ("i2vbench table one two --metrics ", [FLICKERING]),
        ("i2vbench table one two --metrics fv", []),
        ("i2vbench submit two --model ", ["pan", "static"]),
        ("i2vbench compare one two --model-a ", ["static"]),
        ("i2vbench compare one two --model-b ", ["pan", "static"]),
        ("i2vbench run --resume --out one --metrics fvd,cl", ["fvd,clipsim"]),
    ):
        assert offered(tmp_path, line) == words, line


def test_fish_and_zsh_say_what_a_word_is(tmp_path: Path) -> None:
    assert offered(tmp_path, "i2vbench run --model stat", "fish") == ["static"]
    assert "perfect consistency" in "".join(offered(tmp_path, "i2vbench run --model stat", "zsh"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_script_for_bash_completes_in_bash(tmp_path: Path) -> None:
    """The true way: bash sources what we print, and calls the function that it was given for the command."""
    (tmp_path / "i2vbench").write_text(f'#!/bin/sh\nexec {sys.executable} -m i2vbench "$@"\n')
    (tmp_path / "i2vbench").chmod(0o755)
    script = """
eval "$(i2vbench --show-completion bash)"
COMP_WORDS=(i2vbench run --prof); COMP_CWORD=2
"$(complete -p i2vbench | sed 's/.*-F \\([^ ]*\\).*/\\1/')" i2vbench
printf '%s\\n' "${COMPREPLY[@]}"
"""
    env = environment() | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("--profile\n", "")


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """Tab answers at once."""
    code = (
        "import json, sys\n"
        "from i2vbench.cli import complete\n"
        "for offer in (complete.models, complete.metrics, complete.datasets, complete.profiles, complete.categories,\n"
        "              complete.checkpoints, complete.runs, complete.formats): offer('')\n"
        "print(json.dumps(sorted({'torch', 'numpy', 'pandas', 'av', 'transformers', 'rich'} & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
