"""Every command line that the documentation tells is one: its options are there, its names are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import typer

from i2vbench.cli import app
from i2vbench.cli.arguments import check_choice, parse_dtype, parse_formats, split
from i2vbench.errors import UserError
from i2vbench.names import ALL, FIGURE_FORMATS, PAPER
from i2vbench.profiles import load_profile
from i2vbench.registry import DATASETS, FIRST_FRAMES, METRICS, MODELS
from tests.paths.pages import PAGES, Step, is_placeholder, readings, told

ROOT_COMMAND: Any = typer.main.get_command(app)
COMMANDS = frozenset(ROOT_COMMAND.commands)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_to_type_is_understood(page: str) -> None:
    faults = [f"{step}: {fault}" for step in told(page) for fault in faults_of(step)]
    assert not faults, "\n" + "\n".join(faults)


def faults_of(step: Step) -> list[str]:
    """Why the command line would refuse this before it has looked at any file."""
    return [fault for reading in readings(step.command, COMMANDS) if (fault := _fault(reading, step))]


def _fault(arguments: list[str], step: Step) -> str:
    if arguments and arguments[0].endswith("-completion"):  # typer does it at once, to whoever runs this
        return ""
    try:
        parameters = _parse(["1" if word == "N" else word for word in arguments])
    except UserError as error:
        return str(error)
    except Exception as error:  # typer brings its own copy of click, or not, by version
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "MissingParameter" in kinds and step.is_short:
            return ""
        if "UsageError" in kinds and "NoArgsIsHelpError" not in kinds:
            return str(error)
        if kinds & {"Exit", "NoArgsIsHelpError"}:  # --help, --version
            return ""
        raise
    return _fault_of_names(parameters)


def _parse(arguments: list[str]) -> dict[str, Any]:
    """The parameters of the command that this is, unchecked by the command itself."""
    command, context = ROOT_COMMAND, ROOT_COMMAND.make_context("i2vbench", arguments)
    path = ["i2vbench"]
    while hasattr(command, "commands") and (rest := [*getattr(context, "_protected_args", []), *context.args]):
        name, command, rest = command.resolve_command(context, rest)
        path.append(name)
        context = command.make_context(name, rest, parent=context)
    return {"command": path, **context.params}


def _known_format(command: str, name: str) -> None:
    if command == "figures":
        check_choice("--format", name, FIGURE_FORMATS)
    else:
        parse_formats([name])


def _all_known(check: Callable[[str], object], names: list[str] | tuple[str, ...] | None) -> str:
    """Why one of these names is not known; files that a reader has, and placeholders, are."""
    for name in names or ():
        if not is_placeholder(name):
            try:
                check(name)
            except UserError as error:
                if not re.search("no file|no folder", str(error)) and not name.endswith(".toml"):
                    return str(error)
    return ""


def _fault_of_names(given: Mapping[str, Any]) -> str:
    """What the command itself would say of the names of models, metrics, data sets, profiles and forms."""
    model, metric = given.get("model") or [], given.get("metric") or []
    models = [model] if isinstance(model, str) else model
    metrics = split(given.get("metrics")) + split([metric] if isinstance(metric, str) else metric)
    command = given["command"][1]
    made = command in ("run", "generate", "profile")  # elsewhere they are columns of a run
    return (
        _all_known(MODELS.check_name, models if made else [])
        or _all_known(METRICS.check_name, [name for name in metrics if name != ALL])
        or _all_known(DATASETS.check_name, [given["dataset"]] if given.get("dataset") and command != "data" else [])
        or _all_known(FIRST_FRAMES.check_name, [given["first_frame"]] if given.get("first_frame") else [])
        or _all_known(load_profile, [given["profile"]] if given.get("profile") not in (None, PAPER) else [])
        or _all_known(parse_dtype, [given["dtype"]] if given.get("dtype") else [])
        or _all_known(partial(_known_format, command), split(given.get("formats")))
    )


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("i2vbench run --modle pan", "No such option: --modle"),
        ("i2vbench run --model pam", "unknown model 'pam'"),
        ("i2vbench run --model pan --metrics fvd,fdi", "unknown metric 'fdi'"),
        ("i2vbench run --model pan --dataset dem", "unknown data set 'dem'"),
        ("i2vbench table RUN --format csv,tex", "unknown format 'tex'"),
        ("i2vbench human serve RUN", "Missing parameter"),
        ("i2vbench frobnicate RUN", "frobnicate"),
        ("i2vbench models|metriks|datasets", "metriks"),
    ],
)
def test_what_is_not_understood_is_found(command: str, fault: str) -> None:
    (found,) = faults_of(Step("page.md", 1, command))
    assert fault in found
