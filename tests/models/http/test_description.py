"""The file: strict, with the nearest name; held together; and no place for a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i2vbench.errors import UserError
from i2vbench.models.http import example
from i2vbench.models.http.description import load_description
from i2vbench.models.http.template import fill, find, names_in
from tests.conftest import ROOT
from tests.models.http.api import Api
from tests.models.http.conftest import merged, settings, toml

BODY = {"prompt": "{prompt}", "seed": "{seed}", "image": "{first_frame_data_uri}"}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"hieght": 3}, "unknown setting 'hieght'; did you mean height"),
    "unknown in a table": ({"poll__stat": "x"}, "unknown setting 'poll.stat'; did you mean state"),
    "unknown table": ({"retry": {"times": 3}}, "unknown setting 'retry'"),
    "no budget": ({"budget_clips": None}, "'budget_clips' is missing: requests that may be paid for"),
    "no size": ({"width": None}, "'width' is missing: pixels of its videos"),
    "no submit": ({"submit": None}, r"'submit' is missing: a table, \[submit\]"),
    "no url": ({"submit__url": None}, "'submit.url' is missing"),
    "a negative budget": ({"budget_clips": -3}, "budget_clips: expected at least 0, got -3"),
    "half a budget": ({"budget_clips": 1.5}, "budget_clips: expected a whole number, got 1.5"),
    "no table": ({"poll": 3}, r"poll: expected a table, \[poll\]"),
    "too much at once": ({"concurrency": 99}, "concurrency: expected at most 32"),
    "tries": ({"limits__tries": 0}, "limits.tries: expected at least 1"),
    "form": ({"submit__form": "xml"}, "submit.form: expected one of json, multipart, got 'xml'"),
    "pay again": ({"pay_again": ["all"]}, "pay_again: expected some of unknown, failed, lost, got 'all'"),
    "http": ({"submit__url": "http://api.example.com/v1"}, "submit.url is not https; allow_http = true takes it"),
    "http beside": ({"poll__url": "http://192.168.0.7/{id}"}, "poll.url is not https"),
    "scheme": ({"submit__url": "file:///etc/passwd"}, "submit.url is no address"),
    "bad port": ({"submit__url": "https://example.com:port/"}, "submit.url is no address"),
    "user": ({"submit__url": "https://me:secret@example.com/"}, "submit.url has a user or password in it"),
    "key in query": ({"submit__url": "https://example.com/?api_key=1", "allow_http": True}, "'api_key' after the"),
    "key in headers": ({"submit__headers": {"X-Api-Key": "s3cr3t"}}, "submit.headers.X-Api-Key: a key is read from"),
    "cookie": ({"poll__headers": {"Cookie": "s3cr3t"}}, "poll.headers.Cookie: a key"),
    "key in body": ({"submit__body": {**BODY, "auth": {"api_key": "s3cr3t"}}}, "submit.body: 'api_key': a key is read"),
    "key as variable": ({"key__env": "sk-s3cr3t"}, "key.env: expected the name of an environment variable in capitals"),
    "key in format": ({"key__format": "Bearer s3cr3t"}, "key.format: expected a text with {key} in it once"),
    "header": ({"submit__headers": {"X-A": "b\nc"}}, "submit.headers.X-A: expected a name"),
    "placeholder": ({"submit__body": {**BODY, "x": "{promt}"}}, r"submit.body: unknown {promt}; did you mean prompt"),
    "placeholder in url": ({"submit__url": "https://example.com/{id}"}, "submit.url: unknown {id}; nothing may stand"),
    "no id": ({"poll__url": "https://example.com/"}, "poll.url: expected {id} in it"),
    "no picture": ({"submit__body": {"prompt": "{prompt}", "seed": "{seed}"}}, "submit.body holds no first frame"),
    "no seed": ({"submit__body": {"image": "{first_frame_base64}"}}, "seed = true, and {seed} is not in it"),
    "a seed": ({"seed": False}, "seed = false, and {seed} is in it"),
    "picture in json": ({"submit__body": {**BODY, "image": "{first_frame}"}}, "{first_frame} is a file of a multipart"),
    "table in a form": ({"submit__form": "multipart", "submit__body": {**BODY, "a": {"b": 1}}}, "body.a: a multipart"),
    "picture in text": ({"submit__form": "multipart", "submit__body": {**BODY, "a": "x{first_frame}"}}, "alone: it is"),
    "upload unused": ({"upload": {"url": "https://example.com/"}}, "{upload} is what the step .* expected both"),
    "upload missing": ({"submit__body": {**BODY, "image": "{upload}"}}, "{upload} is what the step"),
    "id without poll": ({"poll": None}, "submit.id and poll.url: expected both, or neither"),
    "poll without id": ({"submit__id": None}, "submit.id and poll.url: expected both, or neither"),
    "no states": ({"poll__done": None}, "poll.done and poll.failed: expected the states"),
    "a state twice": ({"poll__failed": ["succeeded"]}, "the state 'succeeded' stands in two lists"),
    "no video": ({"result__video": None}, "result.video is missing: where in the answer the address is"),
    "codes": ({"submit__not_charged": [429]}, "not_charged: expected codes from 500 to 599, got 429"),
    "list": ({"poll__done": "succeeded"}, "poll.done: expected a list of texts, got 'succeeded'"),
    "body as text": ({"submit__body": "x"}, "submit.body: expected a table, got 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("way", WRONG)
def test_a_mistake_is_one_sentence_that_shows_no_secret(api: Api, tmp_path: Path, way: str) -> None:
    changes, words = WRONG[way]
    path = tmp_path / "api.toml"
    path.write_text(toml(merged(settings(api), changes)))
    with pytest.raises(UserError, match=words) as error:
        load_description(path)
    assert str(error.value).startswith(f"description {path}: ")
    assert "s3cr3t" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["2026-01-01", "inf", "nan"])
def test_a_body_holds_what_json_can_say(api: Api, tmp_path: Path, value: str) -> None:
    path = tmp_path / "api.toml"
    path.write_text(toml(settings(api)).replace('"prompt" = ', f'"when" = {value}, "prompt" = '))
    with pytest.raises(UserError, match=r"submit.body.when: expected (a finite number|what JSON can hold)"):
        load_description(path)


def test_the_example_is_a_description_whose_comments_are_true(tmp_path: Path) -> None:
    path = tmp_path / "api.toml"
    path.write_text(example())
    plain = load_description(path)
    assert (plain.name, plain.is_polled) == ("api", True)
    # Every setting that is commented out stands at its default.
    lines = []
    for line in example().splitlines():
        bare = line.removeprefix("# ")
        is_setting = line.startswith("# ") and " = " in bare.partition("#")[0] and bare.split(" = ")[0].isidentifier()
        lines.append(bare if (is_setting and not bare.startswith("name =")) or line.startswith("# [limits]") else line)
    uncommented = "\n".join(lines)
    begin, end = uncommented.index("# [upload]"), uncommented.index("[submit]")
    path.write_text(uncommented[:begin] + uncommented[end:])
    assert load_description(path) == plain


def test_names_in_braces() -> None:
    values = {"seed": lambda: 7, "prompt": lambda: "a {seed} {{cat}}", "width": lambda: 8, "fps": lambda: 8}
    template = {"a": "{seed}", "b": ["{width}x{seed}", {"c": "{prompt}"}], "d": "{{seed}} {fps}", "e": 1.5, "f": True}
    assert fill(template, values) == {
        "a": 7, "b": ["8x7", {"c": "a {seed} {{cat}}"}], "d": "{seed} 8", "e": 1.5, "f": True,
    }  # fmt: skip
    assert names_in(template, tuple(values)) == set(values)


def test_paths() -> None:
    answer = {"output": [{"url": "here"}], "3": {"x": None}}
    assert find(answer, "output.0.url") == "here"
    assert find(answer, "3.x") is None
    for path, words in (
        ("output.1.url", r"it has no 'output.1.url' \(a list of 1 where 1 is meant\)"),
        ("output.0.uri", r"\(it has url where uri is meant\)"),
        ("state", r"\(it has output, 3\)"),
        ("3.x.y", r"\(it is null where y is meant\)"),
    ):
        with pytest.raises(ValueError, match=words):
            find(answer, path)


@pytest.mark.parametrize("index", [0, 1])
def test_the_files_of_the_guide_are_descriptions(tmp_path: Path, index: int) -> None:
    guide = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    path = tmp_path / "api.toml"
    path.write_text(guide.split("```toml\n")[index + 1].partition("```")[0])
    assert load_description(path).is_polled
