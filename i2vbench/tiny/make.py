"""Training by a recipe, and what is kept of it: the file, its card, and the curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from i2vbench import weights
from i2vbench.errors import UserError
from i2vbench.files import file_sha256, write_bytes
from i2vbench.names import nearest
from i2vbench.progress import Progress
from i2vbench.tiny import RECIPES
from i2vbench.tiny.recipe import Curve, Recipe

ALL = "all"
THREADS = 1
"""Of torch: sums are split by them, so other numbers of threads give other roundings, and networks this small gain
little from a second one."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a training left.

    Attributes:
        recipe: Its recipe.
        checkpoint: The catalogue's name of it: the recipe's own, or one of its extras.
        file: The tensors, float16.
        scores: On held-out seeds, as read from the file.
        cpu_minutes: Of its one core.
    """

    recipe: Recipe
    checkpoint: str
    file: Path
    scores: Mapping[str, float]
    cpu_minutes: float


def choose_recipes(name: str) -> list[Recipe]:
    """The recipe of that name, or all of them in the order in which they can be trained.

    Raises:
        UserError: There is none.
    """
    if name != ALL and name not in RECIPES:
        raise UserError(f"no recipe '{name}': {nearest(name, [*RECIPES, ALL])}")
    found = []
    for target in RECIPES.values() if name == ALL else [RECIPES[name]]:
        module, _, kind = target.partition(":")
        recipe: Recipe = getattr(import_module(module), kind)()
        found.append(recipe)
    return found


def train_tiny(recipe: Recipe, out: Path, progress: Progress) -> Made:
    """Train, store, read what was stored, and look how good it is.

    Args:
        recipe: What is made.
        out: The folder for NAME.safetensors, NAME.csv (the curve) and NAME.md (the card).
        progress: Told how far it is.

    Raises:
        UserError: The folder cannot be written to.
    """
    name = recipe.checkpoint
    try:
        out.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(THREADS)
        torch.manual_seed(recipe.seed)
        with Curve(out / f"{name}.csv", progress, recipe.name, recipe.steps) as curve:
            state = recipe.train(curve)
            minutes = curve.cpu_minutes
        file = out / weights.entry(name).file
        _save(state, file)
        made = Made(recipe, name, file, recipe.score(load_file(file)), minutes)
        write_bytes(out / f"{name}.md", card(made).encode())
        for extra in recipe.extras:
            beside = out / weights.entry(extra).file
            _save(recipe.extra(extra), beside)
            if beside.suffix == file.suffix and (scores := recipe.score_extra(extra, load_file(beside))):
                write_bytes(out / f"{extra}.md", card(Made(recipe, extra, beside, scores, minutes)).encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written to: {error.strerror}") from error
    return made


def card(made: Made) -> str:
    """What a reader must know of a trained file, as Markdown."""
    recipe, facts = made.recipe, weights.entry(made.checkpoint)
    title = recipe.title if made.checkpoint == recipe.checkpoint else f"{facts.title}, made with {recipe.checkpoint}"
    sizes = ", ".join(f"{key} {value}" for key, value in facts.sizes.items())
    lines = [
        f"# {facts.name}",
        "",
        f"{title}. Trained by this project, for the tiny profile alone: its numbers are not comparable with any",
        "published ones.",
        "",
        f"- Sizes: {sizes or 'as published'}; {_megabytes(made.file.stat().st_size)} as float16.",
        f"- Data: {recipe.data}",
        f"- Recipe: {recipe.method} Seed {recipe.seed}, {recipe.steps} steps, {made.cpu_minutes:.0f} minutes of CPU "
        f"time on one core: `i2vbench train-tiny {recipe.name}`.",
        "",
        "| on held-out clips | score |",
        "|---|---|",
        *(f"| {recipe.scores[key]} | {value:.4g} |" for key, value in made.scores.items()),
        "",
        f"The curve is in `{recipe.checkpoint}.csv`; SHA-256 {file_sha256(made.file)}.",
        "",
    ]
    return "\n".join(lines)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 10_000 else f"{size} bytes"


def _save(what: Mapping[str, Tensor] | list[str], file: Path) -> None:
    """Tensors, floating ones as float16; or the lines of a text."""
    if isinstance(what, list):
        write_bytes(file, "".join(f"{line}\n" for line in what).encode())
        return
    tensors = {
        name: (tensor.detach().half() if tensor.is_floating_point() else tensor.detach()).cpu().contiguous()
        for name, tensor in what.items()
    }
    write_bytes(file, save(tensors, metadata={"format": "pt"}))
