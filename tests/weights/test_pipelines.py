"""Which files of a folder or repository a pipeline of diffusers is made of."""

from __future__ import annotations

import pytest

from i2vbench.errors import UserError
from i2vbench.weights.pipelines import Index, files_of

NET = ("diffusers", "Net")
INDEX = Index("it", "Pipeline", {"net": NET, "words": ("transformers", "T5Tokenizer")})
COMMON = ["model_index.json", "net/config.json", "words/tokenizer_config.json", "words/spiece.model", "README.md"]
WEIGHTS = "net/diffusion_pytorch_model"


def shards(variant: str = "", of: int = 2, there: int = 2) -> list[str]:
    return [f"{WEIGHTS}{variant}-{i + 1:05}-of-{of:05}.safetensors" for i in range(there)]


def test_it_takes_what_is_read_and_leaves_the_rest() -> None:
    others = [f"{WEIGHTS}.bin", "net/flax_model.msgpack", "net/old/config.json", "other/config.json", "a.safetensors"]
    files = files_of(INDEX, [*COMMON, f"{WEIGHTS}.safetensors", f"{WEIGHTS}.fp16.safetensors", *others])
    assert files.lacking == ()
    assert files.variant == ""
    assert files.weights == (f"{WEIGHTS}.safetensors",)
    assert set(files.texts) == set(COMMON) - {"README.md"}


def test_shards_are_taken_with_their_list_of_the_same_variant() -> None:
    lists = [f"{WEIGHTS}.safetensors.index.json", f"{WEIGHTS}.safetensors.index.fp16.json"]
    files = files_of(INDEX, [*COMMON, *lists, *shards(), *shards(".fp16")])
    assert files.weights == tuple(shards())
    assert lists[0] in files.texts
    assert lists[1] not in files.texts
    half = files_of(INDEX, [*COMMON, *lists, *shards(there=1), *shards(".fp16")])
    assert (half.variant, half.weights) == ("fp16", tuple(shards(".fp16")))
    assert lists[1] in half.texts
    assert lists[0] not in half.texts


def test_a_shard_that_is_missing_is_lacking() -> None:
    assert files_of(INDEX, [*COMMON, *shards(there=1)]).lacking == ("net/*.safetensors",)
    assert files_of(INDEX, [f"{WEIGHTS}.safetensors"]).lacking == ("model_index.json", "net/*.json", "words/*.json")


def test_parts_without_a_variant_in_common_are_refused() -> None:
    index = Index("it", "Pipeline", {"net": NET, "other": NET})
    names = ["net/config.json", "other/config.json", f"{WEIGHTS}.fp16.safetensors", "other/model.bf16.safetensors"]
    with pytest.raises(UserError, match="of different variants"):
        files_of(index, names)
    mixed = files_of(index, [*names[:3], "other/model.safetensors"])
    assert (mixed.variant, mixed.weights) == ("fp16", (f"{WEIGHTS}.fp16.safetensors", "other/model.safetensors"))


def test_a_part_may_lie_in_another_folder_or_in_none() -> None:
    index = Index("it", "", {"net": NET}, folders={"net": ""})
    files = files_of(index, ["config.json", "diffusion_pytorch_model.safetensors", "sub/config.json", "README.md"])
    assert (files.texts, files.weights, files.lacking) == (
        ("config.json",),
        ("diffusion_pytorch_model.safetensors",),
        (),
    )
