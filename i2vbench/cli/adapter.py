"""`i2vbench adapter ...`: making a model adapter, and holding it to the contract."""

from __future__ import annotations

import keyword
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_device, check_folder, parse_dtype
from i2vbench.cli.options import Device, Dtype
from i2vbench.cli.shape import add, new_group
from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.texts import amount

app = new_group("Make a model adapter, and hold it to the contract.\n\nExample: i2vbench adapter new my_model")


def new(
    name: Annotated[str, typer.Argument(help="A Python name in lower case, such as my_model.")],
    out: Annotated[Path, options.out("the folder of the files.")] = Path("."),
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Where it comes from: http, an API; external, a repository of yours, run as its own process; or "
            "one that comes with i2vbench: seine, dynamicrafter, animateanything, vgen.",
        ),
    ] = "",
) -> None:
    """Write a working skeleton of a model adapter, and its test.

    They are NAME.py and test_NAME.py; with --from, NAME.toml.

    Example: i2vbench adapter new my_model

    Example: i2vbench adapter new my_model --from external
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise UserError(f"adapter '{name}': expected a Python name in lower case, such as my_model")
    cls = "".join(part.capitalize() for part in name.split("_"))
    if not cls.isidentifier():
        raise UserError(f"adapter '{name}': expected a name with letters, such as my_model")
    texts, kind = _texts(name, cls, source)
    spec = f"{kind}:{out / name}.toml" if kind else f"{out / name}.py:{cls}"
    paths = [out / file for file in texts]
    check_folder("--out", out)
    there = [str(path) for path in paths if path.exists()]
    if there:
        raise UserError(f"{' and '.join(there)} exists already; choose another name, or --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts.values(), strict=True):
            write_bytes(path, text.encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written to: {error.strerror}") from error
    print(f"wrote {' and '.join(map(str, paths))}")
    print(f"next: i2vbench adapter check {shlex.quote(spec)}")


def check(
    model: Annotated[
        str,
        typer.Argument(help="FILE.py:Class, or any model's NAME or NAME:ARGUMENT.", autocompletion=complete.models),
    ],
    device: Device = "auto",
    dtype: Dtype = "float32",
    profile: Annotated[str, options.profile("whose protocol the clips are brought to.")] = "paper",
) -> None:
    """Run a model on two clips, and say what the contract finds wrong.

    Exit code 1 if anything is.

    Example: i2vbench adapter check my_model.py:MyModel --device cpu
    """
    from i2vbench.registry import MODELS

    MODELS.check_name(model)
    dtype = parse_dtype(dtype)
    check_device(device)

    from i2vbench.adapter.check import check_model
    from i2vbench.datasets.demo import bundled_samples
    from i2vbench.machine import resolve_device
    from i2vbench.one_clip import plain_messages
    from i2vbench.profiles import load_profile

    instance = MODELS.create(model)
    instance.show_progress = sys.stderr.isatty()
    protocol = load_profile(profile).protocol
    with plain_messages():
        report = check_model(instance, bundled_samples(), protocol, resolve_device(device), dtype)
    for mark, lines in (("ok    ", report.passed), ("note  ", report.notes), ("FAULT ", report.faults)):
        for line in lines:
            print(f"{mark}{line}")
    if report.faults:
        print(f"{model} does not keep the contract: {amount(len(report.faults), 'fault')}")
        raise typer.Exit(1)
    print(f"{model} keeps the contract")


add(app, "new", new)
add(app, "check", check)


def _texts(name: str, cls: str, source: str) -> tuple[dict[str, str], str]:
    """(texts by file name, the model that takes the first of them as its argument or "" for a FILE.py).

    Raises:
        UserError: There is no such source.
    """
    if source == "http":
        from i2vbench.models.http import example

        return {f"{name}.toml": example()}, "http"
    if source:
        from i2vbench.models.external.starting import starting_files

        return starting_files(source, name), "external"
    facts = {"name": name, "cls": cls, "file": f"{name}.py", "title": name.replace("_", " ")}
    files = {f"{name}.py": "model.py.txt", f"test_{name}.py": "test_model.py.txt"}
    return {file: _template(template).format(**facts) for file, template in files.items()}, ""


def _template(name: str) -> str:
    from importlib.resources import files

    return files("i2vbench.adapter").joinpath(name).read_text(encoding="utf-8")
