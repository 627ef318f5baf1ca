"""`i2vbench adapter ...`: making a model adapter, and holding it to the contract."""

from __future__ import annotations

import keyword
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import DEVICE_HELP, DTYPE_HELP, check_device, parse_dtype
from i2vbench.errors import UserError
from i2vbench.files import write_bytes

app = typer.Typer(
    help="Make a model adapter, and hold it to the contract.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="A Python name in lower case, such as my_model.")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("."),
) -> None:
    """Write a working skeleton of a model adapter and its test: NAME.py and test_NAME.py."""
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise UserError(f"adapter '{name}': expected a Python name in lower case, such as my_model")
    cls = "".join(part.capitalize() for part in name.split("_"))
    if not cls.isidentifier():
        raise UserError(f"adapter '{name}': expected a name with letters, such as my_model")
    texts = {
        out / f"{name}.py": _template("model.py.txt"),
        out / f"test_{name}.py": _template("test_model.py.txt"),
    }
    there = [str(path) for path in texts if path.exists()]
    if there:
        raise UserError(f"{' and '.join(there)} exists already; choose another name, or --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            filled = text.format(name=name, cls=cls, file=f"{name}.py", title=name.replace("_", " "))
            write_bytes(path, filled.encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written to: {error.strerror}") from error
    adapter = out / f"{name}.py"
    print(f"wrote {' and '.join(map(str, texts))}")
    print(f"next: i2vbench adapter check {shlex.quote(f'{adapter}:{cls}')}")


@app.command("check")
def check(
    model: Annotated[str, typer.Argument(help="FILE.py:Class, or any model's NAME or NAME:ARGUMENT.")],
    device: Annotated[str, typer.Option(help=DEVICE_HELP)] = "auto",
    dtype: Annotated[str, typer.Option(help=f"{DTYPE_HELP}.")] = "float32",
    profile: Annotated[str, typer.Option(help="A profile's name or TOML file.")] = "paper",
) -> None:
    """Run a model on two clips and say what the contract finds wrong. Exit code 1 if anything is."""
    from i2vbench.registry import MODELS

    MODELS.check_name(model)
    dtype = parse_dtype(dtype)
    check_device(device)

    from i2vbench.adapter.check import check_model
    from i2vbench.datasets.demo import bundled_samples
    from i2vbench.one_clip import plain_messages
    from i2vbench.profiles import load_profile
    from i2vbench.settings import resolve_device

    instance = MODELS.create(model)
    instance.show_progress = sys.stderr.isatty()
    protocol = load_profile(profile).protocol
    with plain_messages():
        report = check_model(instance, bundled_samples(), protocol, resolve_device(device), dtype)
    for mark, lines in (("ok    ", report.passed), ("note  ", report.notes), ("FAULT ", report.faults)):
        for line in lines:
            print(f"{mark}{line}")
    if report.faults:
        print(f"{model} does not keep the contract: {len(report.faults)} faults")
        raise typer.Exit(1)
    print(f"{model} keeps the contract")


def _template(name: str) -> str:
    from importlib.resources import files

    return files("i2vbench.adapter").joinpath(name).read_text(encoding="utf-8")
