"""Every prompt reaches a repository as it is, or is refused in a sentence: none is cut, unquoted, or taken for code."""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from i2vbench.models.external.adapter import External
from i2vbench.models.external.failed import Failed
from i2vbench.models.external.orders import Order, refusal
from i2vbench.models.external.reading import Places, shipped
from i2vbench.models.external.writing import as_csv, as_json, as_yaml, write_arguments
from tests.models.external.conftest import request
from tests.models.external.repositories import make_repository, records

HARD = [
    "", " ", "-h", "--seed=1", "a 'b' \"c\" \\", "../../x", "/etc/passwd", "a|||b", "# a", "a=b", "{prompt} {seed}",
    "${oc.env:HOME}", r"\${a} \\${b}", "line\nend", "tab\t\r\n", "null", "1e3", "~", "[a, b]", "a: b", "%s %(x)s",
    "$(id) `id`", "\N{GRINNING FACE} é 漢字",
    "\x7f\x85\u2028\ufeff", "???", "a" * 300, "gif samples",
]  # fmt: skip

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60)


def hard(test: Callable[..., None]) -> Callable[..., None]:
    for text in HARD:
        test = example(text)(test)
    return test


@hard
@given(texts)
def test_yaml_and_json_give_every_text_back(text: str) -> None:
    table = {"a": text, "b": {text: [text, 1, 2.5, True]}}
    assert yaml.safe_load(as_yaml(table)) == table
    assert json.loads(as_json(table)) == table
    assert as_yaml(table).isascii()


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans())
@example(1e-05)
@example(1e22)
def test_yaml_gives_every_number_back(number: float) -> None:
    assert yaml.safe_load(as_yaml({"a": number})) == {"a": number}


@hard
@settings(deadline=None)  # the first one pays for imports
@given(texts)
def test_omegaconf_gives_every_text_back(text: str) -> None:
    omegaconf = pytest.importorskip("omegaconf").OmegaConf
    from i2vbench.models.external.writing import dotlist

    if text == "???":
        with pytest.raises(Failed, match="takes it for a missing value"):
            dotlist({"a": text})
        return
    assert omegaconf.create(as_yaml({"a": text, "b": [text]}, omegaconf=True)).a == text
    read = omegaconf.from_dotlist(dotlist({"a": {"b": text, "c": 2.5}, "d": [text, 1]}))
    assert (read.a.b, read.a.c, read.d[0], read.d[1]) == (text, 2.5, text, 1)


@hard
@given(texts)
def test_arguments_give_every_text_back(text: str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompt")
    parser.add_argument("--flag", action="store_true")
    read = parser.parse_args(write_arguments({"prompt": text, "flag": True}))
    assert read.prompt == text
    assert read.flag


@given(texts)
def test_csv_gives_every_text_back(text: str) -> None:
    assert list(csv.reader(io.StringIO(as_csv([[text, 1]]), newline=""))) == [[text, "1"]]


def small(word: str, mode: str, tmp_path: Path) -> External:
    """A shipped model at a size that takes no time."""
    repository = make_repository(word, tmp_path)
    path = tmp_path / f"{word}-{mode}.toml"
    path.write_text(
        f"base = '{word}'\nrepository = '{repository}'\nmode = '{mode}'\nheight = 32\nwidth = 48\nnum_frames = 3\n"
    )
    return External(str(path))


@pytest.mark.parametrize("word", ["seine", "dynamicrafter", "animateanything", "vgen"])
def test_drivers_hand_every_prompt_on(word: str, tmp_path: Path, log: Path, small_profile: Any) -> None:
    """Property: through file, pipe, driver and the published functions, to the network, byte for byte."""
    from i2vbench.models.base import Preparation

    model = small(word, "server", tmp_path)
    model.prepare(Preparation([], frozenset(), small_profile.protocol, "pyav", tmp_path / "own"))
    model.load("cpu", "float32")
    end = ", slow motion." if word == "seine" else ""

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @hard
    @given(texts)
    def arrives(prompt: str) -> None:
        log.unlink(missing_ok=True)
        try:
            model.generate([request(prompt, num_frames=3)])
        except Failed as error:
            assert "prompt is empty" in str(error)  # noqa: PT017
            assert word == "vgen"
            assert not prompt.strip()
            return
        assert [one["prompt"] for one in records(log) if "prompt" in one] == [prompt + end]

    arrives()
    model.unload()


@pytest.mark.parametrize("word", ["seine", "dynamicrafter", "animateanything", "vgen"])
def test_files_of_the_published_command_hold_every_prompt(word: str, tmp_path: Path, log: Path) -> None:
    """Property: as each script reads its files and arguments, before it is run at all."""
    omegaconf = pytest.importorskip("omegaconf").OmegaConf
    model = small(word, "once", tmp_path)
    known = {**Places(model.described).values, "device": "cpu", "dtype": "float32"}

    def read(order: Order) -> str:
        if word == "seine":
            loaded = omegaconf.load(order.folder / "config.yaml")
            assert loaded.text_prompt == [""]
            return str(loaded.additional_prompt).removesuffix(", slow motion.")
        if word == "animateanything":
            return str(omegaconf.from_dotlist(order.command()[5:]).validation_data.prompt)
        if word == "dynamicrafter":
            with open(order.folder / "prompts" / "prompts.txt", encoding="utf-8") as file:
                (line,) = file.readlines()
            return line.removesuffix("\n")
        with open(order.folder / "list.txt", encoding="utf-8") as file:
            (line,) = file.readlines()
        return line.removesuffix("\n").split("|||")[1]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @hard
    @given(texts)
    def holds(prompt: str) -> None:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            try:
                if why := refusal(model.described.way, prompt):
                    raise why
                assert read(Order(model.described, known, [request(prompt)], Path(folder))) == prompt
            except Failed as error:
                told = ("line end", "is empty", "'|||'", "missing value")
                assert any(words in str(error) for words in told)  # noqa: PT017
                assert not prompt.isalnum()

    holds()


def test_text_that_nothing_can_hold_is_refused() -> None:
    way = External("seine").described.way
    for prompt in ("a\0b", "\ud800"):
        why = refusal(way, prompt)
        assert why is not None
        assert "neither files nor command lines" in str(why)


def test_every_shipped_file_says_where_its_figures_come_from() -> None:
    for word, path in shipped().items():
        model = External(word)
        assert (model.info.num_frames, model.info.fps) == (16, 8.0)
        assert model.info.needs_gpu
        assert "commit" in path.read_text() or 'base = "' in path.read_text()


def test_drivers_are_python_3_8() -> None:
    """The repositories' environments are old: VGen and DynamiCrafter ask for 3.8."""
    import ast

    from i2vbench.models.external.reading import DRIVERS

    for path in set(DRIVERS.glob("*.py")) - {DRIVERS / "__init__.py"}:
        text = path.read_text()
        tree = ast.parse(text, feature_version=(3, 8))
        assert "from __future__ import annotations" in text
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
