"""What training leaves: the file, its card, its curve; and what is bundled is what the recipes say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from i2vbench import weights
from i2vbench.progress import Quiet
from i2vbench.tiny import make
from i2vbench.tiny.recipe import Curve, Recipe
from i2vbench.weights import catalogue

BUNDLED = Path(catalogue.__file__).with_name("bundled")
MOST_BYTES = 16_000_000


class Ramp(Recipe):
    """Stands for ConsistI2V-tiny, whose extras are networks too; and for C3D, one of whose extras is a number."""

    name, checkpoint, title = "ramp", "tiny_unet", "a ramp"
    data, method = "Numbers.", "Counting."
    scores = MappingProxyType({"top": "the last number"})
    steps, cpu_minutes = 3, 1.0
    extras = ("tiny_unet_no_temporal", "tiny_c3d_mean", "tiny_tag2text_tags")

    def train(self, log: Curve) -> dict[str, Tensor]:
        for step in range(1, self.steps + 1):
            log.row(step, loss=1 / step)
        return {"ramp": torch.arange(3.0) + 1e-5, "count": torch.tensor(3)}

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        return {"top": float(state["ramp"][-1])}

    def extra(self, name: str) -> dict[str, Tensor] | list[str]:
        return ["one", "two"] if name.endswith("tags") else {"ramp": torch.ones(1)}

    def score_extra(self, name: str, state: Mapping[str, Tensor]) -> dict[str, float]:
        return self.score(state) if name == "tiny_unet_no_temporal" else {}


def test_training_leaves_files_cards_and_a_curve(tmp_path: Path) -> None:
    made = make.train_tiny(Ramp(), tmp_path, Quiet())
    assert {path.name for path in tmp_path.iterdir()} == {
        "tiny_unet.safetensors", "tiny_unet.md", "tiny_unet.csv", "tiny_unet_no_temporal.safetensors",
        "tiny_unet_no_temporal.md", "tiny_c3d_mean.safetensors", "tiny_tag2text_tags.txt",
    }  # fmt: skip
    stored = load_file(made.file)
    assert (stored["ramp"].dtype, stored["count"].dtype) == (torch.float16, torch.int64)
    assert made.scores == {"top": 2.0}, "what is scored is what was stored"
    assert (tmp_path / "tiny_unet.csv").read_text().splitlines() == ["step,loss", "1,1", "2,0.5", "3,0.33333"]
    own, other = ((tmp_path / f"{name}.md").read_text() for name in ("tiny_unet", "tiny_unet_no_temporal"))
    assert "| the last number | 2 |" in own
    assert "| the last number | 1 |" in other
    assert "without temporal conditioning, made with tiny_unet" in other
    assert "not comparable with any" in own


@pytest.mark.parametrize("recipe", make.choose_recipes(make.ALL), ids=lambda recipe: recipe.name)
def test_what_is_bundled_is_what_its_recipe_says(recipe: Recipe) -> None:
    card = (BUNDLED / f"{recipe.checkpoint}.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"(\d+) steps, (\d+) minutes of CPU time", card)
    assert stated == (str(recipe.steps), f"{recipe.cpu_minutes:.0f}")
    assert weights.sha256_of(recipe.checkpoint) in card
    assert all(text in card for text in (recipe.method, *recipe.scores.values()))
    curve = (BUNDLED / f"{recipe.checkpoint}.csv").read_text(encoding="utf-8").splitlines()
    assert curve[0].startswith("step,")
    assert len(curve) > 10


def test_everything_bundled_is_small() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.glob("*.safetensors")) <= MOST_BYTES
