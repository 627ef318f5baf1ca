"""The catalogue that ships: every fact of it that can be held to something here."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from i2vbench.cli.weights import needed_for
from i2vbench.metrics.networks import aesthetic, clip
from i2vbench.models.consisti2v import checkpoint
from i2vbench.weights import entry, load_catalogue, read_lines
from i2vbench.weights.catalogue import Checkpoint, human_size
from i2vbench.weights.shapes import fingerprint
from tests.reference.cases import bundled_json

KEYS = {
    "i3d_tats": "i3d", "c3d_ucf": "c3d", "inception_2015_12_05": "inception_fid", "clip_vit_b32": "clip_vit_b32",
    "amt_s": "amt_s", "dino_vitb16": "dino_vitb16", "raft_things": "raft", "viclip_l14": "viclip",
}  # fmt: skip


@pytest.mark.parametrize(("name", "folder"), KEYS.items())
def test_fingerprints_are_those_of_the_published_key_lists(name: str, folder: str) -> None:
    keys = bundled_json(f"{folder}/keys.json")
    # OpenAI's CLIP archive has three numbers beside its parameters, which open_clip's copy has not.
    shapes = {key: facts["shape"] for key, facts in keys.items() if facts["dtype"] != "int64"}
    assert fingerprint(shapes) in entry(name).keys


def test_fingerprints_of_curation_are_those_of_the_networks() -> None:
    """ViT-L/14's from its first layers: the others repeat them."""
    facts = entry("clip_vit_l14")
    shallow = clip.build(replace(clip.Sizes(**facts.sizes), vision_layers=1, text_layers=1)).state_dict()
    shapes: dict[str, list[int]] = {}
    for name, tensor in shallow.items():
        layers = 1 if ".resblocks.0." not in name else 24 if name.startswith("visual.") else 12
        for layer in range(layers):
            shapes[name.replace(".resblocks.0.", f".resblocks.{layer}.")] = list(tensor.shape)
    assert fingerprint(shapes) in facts.keys
    assert facts.size
    assert 0 < facts.size - 4 * sum(math.prod(shape) for shape in shapes.values()) < 100_000, "the file's header"
    for name, kind in (
        ("aesthetic_l14_linear", aesthetic.Linear),
        ("aesthetic_b32_linear", aesthetic.Linear),
        ("aesthetic_l14_mlp", aesthetic.Chain),
    ):
        facts = entry(name)
        state = kind(aesthetic.Sizes(**facts.sizes).features).state_dict()
        assert fingerprint({key: list(tensor.shape) for key, tensor in state.items()}) in facts.keys


def test_no_run_needs_what_curation_does() -> None:
    for name in ("clip_vit_l14", "aesthetic_l14_mlp"):
        assert entry(name).optional, "`weights fetch` leaves it"
        assert name not in needed_for("profile", "paper")
    assert needed_for("curation", "paper") == ["clip_vit_l14", "aesthetic_l14_mlp"]


def test_the_mean_of_c3d_is_known_in_both_sizes() -> None:
    assert {fingerprint({"mean": [3, 16, 128, width]}) for width in (171, 128)} == set(entry("c3d_mean").keys)


def test_the_small_captioner_was_taught_its_tags() -> None:
    assert entry("tiny_tag2text").names == tuple(read_lines("tiny_tag2text_tags"))


def test_inceptions_hash_begins_as_its_name_says() -> None:
    facts = entry("inception_2015_12_05")
    match = re.search(r"-([0-9a-f]{8})\.pth", facts.file)
    assert match
    assert facts.sha256.startswith(match[1])


def test_every_checkpoint_can_be_had_and_says_under_what() -> None:
    for facts in load_catalogue().values():
        assert bool(facts.sources) + facts.bundled + bool(facts.extra) == 1, facts.name
        assert not facts.extra or (facts.optional and len(facts.sha256) == 64), f"{facts.name}: not ours to fetch"
        assert facts.licence, facts.name
        assert facts.citation, facts.name
        assert facts.used_by or facts.optional, facts.name
        assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in facts.keys), facts.name
        assert facts.kind != "torchscript" or facts.optional, facts.name
        assert facts.kind != "text" or len(facts.sha256) == 64, f"{facts.name}: a text is known by nothing else"


def test_consisti2v_takes_its_facts_from_here() -> None:
    line = checkpoint._missing_line("it is not here")
    for part in ("TIGER-Lab/ConsistI2V", "about 6.7 GB", entry("consisti2v").licence, "weights fetch consisti2v"):
        assert part in line


@pytest.mark.parametrize(
    "wrong",
    [
        {"sources": ("http://example.org/a",)},
        {"sources": ("hf:owner",)},
        {"file": "../a.pt"},
        {"sha256": "67"},
        {"sha256": "G" * 64},
        {"kind": "folder"},
        {"extra": "more", "package": "a"},
        {"package": "a"},
        {"extra": "more", "package": "../a", "sources": ()},
    ],
)
def test_an_entry_that_cannot_be_right_is_refused(wrong: dict[str, object]) -> None:
    facts = {
        "name": "a", "title": "a", "file": "a.pt", "sources": ("https://example.org/a",), "licence": "MIT",
        "citation": "a", "used_by": (),
    }  # fmt: skip
    with pytest.raises(ValueError, match="checkpoint a: "):
        Checkpoint(**(facts | wrong))  # type: ignore[arg-type]


def test_sizes_are_for_people() -> None:
    sizes = [human_size(n) for n in (17, 2_000, 95_628_359, 6_696_067_776)]
    assert sizes == ["17 bytes", "2.0 kB", "95.6 MB", "6.7 GB"]
