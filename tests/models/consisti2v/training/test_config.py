"""train.toml: defaults are the paper's, and whatever cannot be is refused with the setting's name."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.training.config import EXAMPLE, TrainConfig, ValidationItem, load_config, parse_config


def test_the_example_says_every_default_and_nothing_else() -> None:
    text = EXAMPLE.read_text()
    names = [field.name for field in fields(TrainConfig) if field.name != "validation"]
    spelt_out = re.sub(r"^# (?=[a-z0-9_]+ = (?!\"clown|\"fish))", "", text, flags=re.MULTILINE)
    assert list(tomllib.loads(spelt_out)) == names
    assert parse_config(tomllib.loads(spelt_out)) == load_config(EXAMPLE) == TrainConfig()


def test_the_examples_recipe_decides_when_it_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text(EXAMPLE.read_text().replace('recipe = "paper"', 'recipe = "published-code"'))
    assert load_config(file) == parse_config({"recipe": "published-code"})
    assert load_config(file).noise_alpha == 1.0


def test_the_defaults_are_the_papers() -> None:
    config = parse_config({})
    assert (config.num_frames, config.height, config.width, config.strides) == (16, 256, 256, (1, 5))
    assert (config.steps, config.batch_size, config.learning_rate) == (170_000, 192, 5e-5)
    assert (config.text_dropout, config.image_dropout, config.noise_alpha) == (0.1, 0.0, 1.5)
    assert (config.prediction_type, config.noise_method) == ("epsilon", "pyoco_mixed")


def test_the_published_code_is_a_recipe_that_the_file_may_overrule() -> None:
    config = parse_config({"recipe": "published-code"})
    assert (config.steps, config.image_dropout, config.noise_alpha) == (200_000, 0.1, 1.0)
    assert (config.per_device_batch, config.accumulation(64), config.ema_decay) == (3, 1, 0)
    assert parse_config({"recipe": "published-code", "noise_alpha": 1.5}).noise_alpha == 1.5


@pytest.mark.parametrize(("processes", "expected"), [(1, 64), (8, 8), (64, 1)])
def test_what_a_device_does_not_take_at_once_is_accumulated(processes: int, expected: int) -> None:
    assert TrainConfig().accumulation(processes) == expected


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match=r"batch_size 192 is not a multiple of 15, the 3 clips .* on each of 5 devices"):
        TrainConfig().accumulation(5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"learning_rat": 1e-4}, "unknown setting 'learning_rat'; did you mean learning_rate"),
        ({"recipe": "papers"}, "recipe: expected one of paper, published-code, got 'papers'"),
        ({"recipe": ["paper"]}, "recipe: expected one of"),
        ({"learning_rate": 0}, "learning_rate: expected more than 0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number"),
        ({"noise_alpha": float("inf")}, "noise_alpha: expected a finite number"),
        ({"text_dropout": 1.5}, "text_dropout: expected at most 1, got 1.5"),
        ({"adam_beta1": 1.0}, "adam_beta1: expected less than 1"),
        ({"steps": 2.5}, "steps: expected a whole number, got 2.5"),
        ({"steps": True}, "steps: expected a whole number, got True"),
        ({"steps": 0}, "steps: expected at least 1"),
        ({"gradient_checkpointing": 1}, "gradient_checkpointing: expected true or false, got 1"),
        ({"base": 3}, "base: expected a text, got 3"),
        ({"base": " "}, "base: expected a folder, got an empty text"),
        ({"height": 100}, "height: expected a multiple of 8, got 100"),
        ({"strides": 3}, "strides: expected two whole numbers"),
        ({"strides": [5, 1]}, "strides: expected the smaller one first"),
        ({"strides": [0, 5]}, "strides: expected at least 1, got 0"),
        ({"mixed_precision": "fp8"}, "mixed_precision: expected one of no, bf16, fp16, got 'fp8'"),
        ({"validation": "x"}, "expected [[validation]] tables"),
        ({"validation": [{"prompt": "a dog"}]}, "validation.image: expected a text, got None"),
        ({"validation": [{"prompt": "a", "imag": "b"}]}, "unknown setting 'validation.imag'; did you mean image"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(given: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the sentence is compared below
        parse_config(given)
    assert reason in str(refusal.value)


def test_validation_tables_are_read(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text('steps = 5\n[[validation]]\nprompt = "a dog"\nimage = "dog.png"\n')
    assert load_config(file).validation == (ValidationItem(prompt="a dog", image="dog.png"),)


def test_a_record_of_a_configuration_is_read_back() -> None:
    config = parse_config({"strides": [2, 4], "validation": [{"prompt": "a", "image": "b"}]})
    assert parse_config(config.as_dict()) == config


@pytest.mark.parametrize("text", ["steps = ", "steps = 5\nsteps = 6"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.toml").write_text(text)
    with pytest.raises(UserError, match=r"train.toml: is not TOML"):
        load_config(tmp_path / "train.toml")


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file; `i2vbench train consisti2v --print-config > train.toml`"):
        load_config(tmp_path / "train.toml")
