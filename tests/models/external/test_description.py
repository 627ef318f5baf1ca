"""A TOML file is held to what it may say, and each mistake is named with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.models.external.adapter import External
from i2vbench.models.external.placeholders import without
from i2vbench.models.external.reading import Places, describe
from i2vbench.registry import MODELS
from tests.models.external.conftest import WAYS
from tests.models.external.repositories import make_environment, make_repository

SERVER = "[server]\ncommand = ['{python}', 'driver.py']\n"
ONCE = "[once]\ncommand = ['{python}', 'x.py', '{first_frame}', '{prompt_file}', '{seed}']\nvideo = '{out_dir}/*.mp4'\n"


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        External(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titel = 'x'\n" + SERVER, "unknown setting 'titel'; did you mean title?"),
        ("[limits]\nseconds = 3\n" + SERVER, "unknown setting 'limits.seconds'; did you mean"),
        ("height = 'tall'\nwidth = 3\n" + SERVER, "height: expected a whole number, got 'tall'"),
        ("height = 0\nwidth = 3\n" + SERVER, "height: expected at least 1, got 0"),
        ("fps = nan\n" + SERVER, "fps: expected a finite number"),
        ("height = 256\n" + SERVER, "height and width: expected both or neither"),
        ("title = 'x'\n", "expected a table [server], [batch] or [once], which says how it is called; there is none"),
        ("mode = 'once'\n" + SERVER, "mode: expected one of the tables that say how it is called, [server]; got"),
        ("server = 3\n", "server: expected a table, [server], got 3"),
        ("[server]\ncommand = 'python x.py'\n", "server.command: expected a list of texts, got 'python x.py'"),
        ("[server]\ncwd = '.'\n", "server.command: expected a list of texts, ['{python}', 'generate.py', ...]"),
        ("[server]\ncommand = ['{pyton}']\n", "server.command: '{pyton}': there is no {pyton} here: did you mean"),
        ("[server]\ncommand = ['{prompt}']\n", "server.command: '{prompt}': there is no {prompt} here"),
        ("[server]\ncommand = ['{python']\n", "server.command: '{python': a single brace"),
        ("[server]\ncommand = ['x']\nvideo = 'y'\n", "server.video: not taken"),
        ("[once]\ncommand = ['x', '{seed}']\n", "once.video: is missing"),
        (ONCE.replace(", '{seed}'", ""), "once: nothing in its command and files takes {seed}"),
        (ONCE.replace("'{seed}'", "'{config}'"), "the table config is put in by {config:arguments} or"),
        (ONCE.replace("'{seed}'", "'{seed:yaml}'"), "there is no form 'yaml' of {seed} here"),
        (ONCE + "first_frame = '../x.png'\n", "once.first_frame: expected a path inside the request's folder"),
        (ONCE + "[once.files.'/etc/x']\ntext = 'a'\n", "expected a path inside the request's folder, got '/etc/x'"),
        (ONCE + "[once.files.'a.txt']\n", "once.files.'a.txt': expected one of text, data, each; got none"),
        (ONCE + "[once.files.'a.txt']\ntext = 'a'\neach = 'b'\n", "got text and each"),
        (ONCE + "[once.files.'a.txt']\ndata = 'b'\n", "once.files.'a.txt'.data: expected a file named .json or .yaml"),
        (ONCE + "[once.files.'a.csv']\neach = 'b'\n", "expected a list for .csv"),
        ("[config]\nx = 2020-01-01\n" + ONCE, "config.x: expected what JSON can hold"),
        ("[config]\nx = inf\n" + ONCE, "config.x: expected a finite number"),
        ("[config]\nx = '{nothing}'\n" + ONCE, "config: '{nothing}': there is no {nothing} here"),
        ("[environment]\nX = 3\n" + ONCE, "environment.X: expected a text, got 3"),
        ("[checkpoints]\nx = 'y'\n" + ONCE, "checkpoints.x: expected a table, [checkpoints.x], got 'y'"),
        ("[checkpoints.x]\nsource = 'y'\n" + ONCE, "checkpoints.x.path: is missing"),
        ("python = 'p'\nconda = 'q'\n" + ONCE, "python and conda: expected one of them, got both"),
        ("base = 'sein'\n", "base 'sein': did you mean seine"),
        ("name = ' '\n" + ONCE, "name: is empty"),
        ("= 3", "is not TOML"),
        (WAYS["batch"].replace("pictures/{index}.png", "x.png"), "batch.first_frame: expected {index} in it"),
        (WAYS["batch"].replace("{num_frames}", "{seed}"), "'--num-frames={seed}': there is no {seed} here"),
        (WAYS["batch"] + "[batch.files.'a.json']\ndata = '{seed}'\n", "there is no {seed} here"),
    ],
)  # fmt: skip
def test_mistakes(text: str, words: str, tmp_path: Path) -> None:
    said = refused(tmp_path, text)
    assert words in said
    assert said.startswith("external model ")
    assert "mine.toml: " in said


def test_what_a_name_may_be(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(ONCE)
    (tmp_path / "named.toml").write_text("name = 'other'\n" + ONCE)
    assert External(str(tmp_path / "mine.toml")).info.name == "mine"
    assert External(str(tmp_path / "named.toml")).info.name == "other"
    assert External(f"column={tmp_path / 'named.toml'}").info.name == "column"
    assert MODELS.create(f"external:seine={tmp_path}").info.name == "seine"
    assert describe(f"seine={tmp_path / 'mine.toml'}").title == "a research repository"  # a label like any other
    for spec, words in (
        ("external", "needs an argument"),
        ("external:sein", "did you mean seine"),
        (f"external:sein={tmp_path}", "'sein' is none of those that come with i2vbench: did you mean seine"),
        (f"external:{tmp_path}", "expected FILE.toml, NAME=FILE.toml or WORD=REPOSITORY"),
        ("external:nothing.toml", "there is no file 'nothing.toml'"),
        ("external:seine=/nowhere", "there is no folder '/nowhere'"),
    ):
        with pytest.raises(UserError) as caught:
            MODELS.create(spec)
        assert words in str(caught.value)


def test_a_name_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert MODELS.absolute("external:seine=SEINE") == f"external:seine={tmp_path}/SEINE"
    assert MODELS.absolute("external:a=b.toml") == f"external:a={tmp_path}/b.toml"
    assert MODELS.absolute("external:b.toml") == f"external:{tmp_path}/b.toml"


def test_a_base_is_changed_field_by_field(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        "base = 'dynamicrafter-512'\nrepository = 'here'\nmode = 'once'\n[config]\nframe_stride = 30\n"
        "[checkpoints.model]\npath = 'weights/x.ckpt'\n"
    )
    found = External(str(path)).described
    assert (found.name, found.height, found.mode) == ("mine", 320, "once")
    assert found.config["frame_stride"] == 30
    assert found.config["guidance_rescale"] == 0.7  # of 512
    assert found.config["ddim_steps"] == 50  # of 256, which that is based on
    assert found.checkpoints["model"].source.startswith("huggingface.co/Doubiiu/DynamiCrafter_512")
    assert found.here == tmp_path


def test_paths_are_the_files_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_repository("plain", tmp_path / "code")
    (tmp_path / "w.ckpt").write_text("x")
    (tmp_path / "home" / ".conda").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "mine.toml"
    head = "repository = 'code/plain'\n[checkpoints.model]\npath = 'w.ckpt'\n" + WAYS["server"]
    path.write_text(head)
    places = Places(External(str(path)).described)
    assert places.python == str(tmp_path / "code/plain/.venv/bin/python")
    assert places.checkpoints == {"model": tmp_path / "w.ckpt"}
    make_environment(tmp_path / "home" / "miniconda3" / "envs" / "seine")
    (tmp_path / "home/miniconda3/envs/seine/.venv/bin").rename(tmp_path / "home/miniconda3/envs/seine/bin")
    path.write_text("conda = 'seine'\n" + head)
    assert Places(External(str(path)).described).python.endswith("miniconda3/envs/seine/bin/python")
    (tmp_path / "home/.conda/environments.txt").write_text(f"/nowhere\n{tmp_path}/code/plain/.venv\n")
    path.write_text("conda = '.venv'\n" + head)
    assert Places(External(str(path)).described).python == str(tmp_path / "code/plain/.venv/bin/python")
    for line, words in (
        ("conda = 'no'", "there is no conda environment 'no'"),
        ("python = 'no-such-program'", "there is no program 'no-such-program' (python)"),
        ("python = '~/no'", f"there is no program {tmp_path}/home/no (python)"),
    ):
        path.write_text(f"{line}\n{head}")
        with pytest.raises(UserError) as caught:
            Places(External(str(path)).described)
        assert words in str(caught.value)


def test_every_example_of_a_starting_file_is_right(tmp_path: Path) -> None:
    """The ways that stand there as comments are taken in, too."""
    from i2vbench.models.external.starting import starting_files

    text = re.sub(r"^#(?! |$)", "", starting_files("external", "mine")["mine.toml"], flags=re.MULTILINE)
    (tmp_path / "mine.toml").write_text(text)
    found = External(str(tmp_path / "mine.toml")).described
    assert found.once is not None
    assert found.batch is not None
    assert found.batch.size == 16
    assert (found.mode, found.height, found.limits.memory_gb) == ("server", 320, 32)


def test_what_is_known_before_there_is_a_request() -> None:
    config = {"a": 1, "b": "{prompt}", "c": ["x", "{height}"], "d": {"e": "{seed}", "f": "{repository}"}, "g": ["y"]}
    assert without(config, ("prompt", "height", "seed")) == {"a": 1, "d": {"f": "{repository}"}, "g": ["y"]}
