"""`i2vbench models | metrics | datasets`: what there is, one line each; with a NAME, all about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from i2vbench.cli import complete
from i2vbench.cli.options import Json
from i2vbench.cli.output import print_json

_NAME = "NAME, NAME:ARGUMENT or FILE.py:Class."
_Model = Annotated[str | None, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete.models)]
_Metric = Annotated[str | None, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete.metric)]
_Dataset = Annotated[str | None, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete.datasets)]


def models(name: _Model = None, json_output: Json = False) -> None:
    """List the models there are, or tell all about one.

    Of `diffusers`, those are listed that are known by name.

    Example: i2vbench models consisti2v
    """
    from i2vbench.registry import MODELS

    known = MODELS.known(name) if name else {}
    if name is None or known:
        _give_lines(known or MODELS.listing(), json_output)
        return
    model = MODELS.create(name)
    settings = {key: value for key, value in model.settings().items() if value is not None}
    if json_output:
        print_json({**_facts(model), "settings": settings})
        return
    _print_facts(model)
    if settings:
        print("\nMakes its videos with:")
        _print_pairs(settings)


def metrics(name: _Metric = None, json_output: Json = False) -> None:
    """List the metrics there are, or tell all about one.

    Example: i2vbench metrics fvd
    """
    from i2vbench.registry import METRICS

    if name is None:
        _give_lines(METRICS.listing(), json_output)
    elif json_output:
        print_json(_facts(METRICS.create(name)))
    else:
        _print_facts(METRICS.create(name))


def datasets(name: _Dataset = None, json_output: Json = False) -> None:
    """List the data sets there are, or tell all about one.

    Example: i2vbench datasets demo
    """
    from i2vbench.registry import DATASETS

    if name is None:
        _give_lines(DATASETS.listing(), json_output)
        return
    dataset = DATASETS.create(name)
    samples = dataset.samples()
    by_category: dict[str, list[str]] = {}
    for sample in samples:
        by_category.setdefault(sample.category, []).append(sample.id)
    facts = {"name": dataset.name, "title": dataset.title, "licence": dataset.licence, "samples": len(samples)}
    if json_output:
        print_json({**facts, "categories": by_category})
        return
    _print_pairs(facts)
    for category, ids in by_category.items():
        print(f"  {category}: {len(ids)} ({', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''})")


def _give_lines(lines: Mapping[str, str], json_output: bool) -> None:
    if json_output:
        print_json([{"name": name, "summary": summary} for name, summary in lines.items()])
        return
    width = max(map(len, lines))
    for name, summary in lines.items():
        print(f"{name:<{width}}  {summary}")


def _facts(thing: Any) -> dict[str, Any]:
    """What a model or metric states of itself, as JSON holds it; without what it leaves open."""
    pairs = {key: value for key, value in dataclasses.asdict(thing.info).items() if value not in (None, "", ())}
    return {key: sorted(v) if isinstance(v, frozenset) else v for key, v in pairs.items()}


def _print_facts(thing: Any) -> None:
    _print_pairs({k: ", ".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in _facts(thing).items()})
    text = (type(thing).__doc__ or "").strip()
    if text:
        print(f"\n{text.splitlines()[0]}")


def _print_pairs(pairs: dict[str, Any]) -> None:
    width = max(map(len, pairs))
    for key, value in pairs.items():
        if value not in ("", None):
            print(f"{key:<{width}}  {value}")
