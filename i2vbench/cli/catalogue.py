"""`i2vbench models | metrics | datasets`: what there is, one line each; with a NAME, all about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from i2vbench.cli import complete

_NAME = "NAME, NAME:ARGUMENT or FILE.py:Class."
_Model = Annotated[str | None, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete.models)]
_Metric = Annotated[str | None, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete.metric)]
_Dataset = Annotated[str | None, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete.datasets)]


def models(name: _Model = None) -> None:
    """List the models there are, or tell all about one.

    Of `diffusers`, those are listed that are known by name.

    Example: i2vbench models consisti2v
    """
    from i2vbench.registry import MODELS

    known = MODELS.known(name) if name else {}
    if name is None or known:
        _print_lines(known or MODELS.listing())
        return
    model = MODELS.create(name)
    _print_facts(model)
    if settings := dict(model.settings()):
        print("\nMakes its videos with:")
        _print_pairs({key: value for key, value in settings.items() if value is not None})


def metrics(name: _Metric = None) -> None:
    """List the metrics there are, or tell all about one.

    Example: i2vbench metrics fvd
    """
    from i2vbench.registry import METRICS

    _print_lines(METRICS.listing()) if name is None else _print_facts(METRICS.create(name))


def datasets(name: _Dataset = None) -> None:
    """List the data sets there are, or tell all about one.

    Example: i2vbench datasets demo
    """
    from i2vbench.registry import DATASETS

    if name is None:
        _print_lines(DATASETS.listing())
        return
    dataset = DATASETS.create(name)
    samples = dataset.samples()
    _print_pairs({"name": dataset.name, "title": dataset.title, "licence": dataset.licence, "samples": len(samples)})
    for category in dict.fromkeys(sample.category for sample in samples):
        ids = [sample.id for sample in samples if sample.category == category]
        print(f"  {category}: {len(ids)} ({', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''})")


def _print_lines(lines: Mapping[str, str]) -> None:
    width = max(map(len, lines))
    for name, summary in lines.items():
        print(f"{name:<{width}}  {summary}")


def _print_facts(thing: Any) -> None:
    pairs = {key: value for key, value in dataclasses.asdict(thing.info).items() if value not in (None, "", ())}
    sets = {key: tuple(sorted(v)) for key, v in pairs.items() if isinstance(v, frozenset)}
    _print_pairs({k: ", ".join(map(str, v)) if isinstance(v, tuple) else v for k, v in (pairs | sets).items()})
    text = (type(thing).__doc__ or "").strip()
    if text:
        print(f"\n{text.splitlines()[0]}")


def _print_pairs(pairs: dict[str, Any]) -> None:
    width = max(map(len, pairs))
    for key, value in pairs.items():
        if value not in ("", None):
            print(f"{key:<{width}}  {value}")
