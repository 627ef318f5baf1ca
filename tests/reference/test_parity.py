"""The bundled cases pass, and one wrong number in a case of any kind is found."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.reference.cases import BUNDLED, Case, discover
from tests.reference.copies import copy, edit, parts
from tests.reference.kinds import KINDS
from tests.reference.runner import main, run_case

STEMS = [case.stem for case in discover(BUNDLED)]

INPUTS = {
    "clipsim": ["image_features", "text_features"],
    "consisti2v/unet_forward": ["in.*"],
    "consisti2v/frameinit": ["x.*", "noise.*"],
    "consisti2v/frameinit_step": ["first_frame_latents", "noise"],
    "consisti2v/initial_noise": [],
    "consisti2v/ddim": ["sample", "model_output", "variance_noise.*", "add_noise_t"],
    "consisti2v/preprocess": ["image.*"],
    "consisti2v/pipeline": ["image.*"],
    "consisti2v/autoregressive_pipeline": ["image.*"],
    "consisti2v/training_step": ["pixel_values", "randn*", "timesteps", "frame_stride"],
    "i3d": ["videos"],
    "c3d": ["videos", "mean.base", "mean.row", "mean.col"],
    "inception_fid": ["images"],
    "amt_s": ["image0", "image1"],
    "clip_vit_b32": ["image"],
    "dino_vitb16": ["input*"],
    "raft": ["image1", "image2"],
    "viclip": ["video"],
    "vbench/background_consistency": [],
    "vbench/subject_consistency": [],
    "vbench/overall_consistency": [],
    "vbench/rules": ["flow*"],
    "grit/backbone": ["image"],
    "grit/proposals": [],
    "grit/roi": ["proposal_boxes", "proposal_scores"],
    "grit/text": ["object_features", "prefix"],
    "grit/e2e": ["image"],
    "tag2text/swin": ["frames"],
    "tag2text/tagging": [],
    "tag2text/tagenc": [],
    "tag2text/caption": ["prefix", "encoder_hidden"],
    "tag2text/scene": [],
}
"""What goes into a case of each kind; all else comes out and is compared."""


def bundled(kind: str) -> str:
    """The smallest bundled case of a kind."""
    cases = [case for case in discover(BUNDLED) if case.kind == kind]
    smallest = min(cases, key=lambda case: sum(path.stat().st_size for path in BUNDLED.glob(f"{case.stem}.*")))
    return smallest.stem


def is_input(kind: str, name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in INPUTS[kind])


def corrupt(case: Case, names: list[str], rng: np.random.Generator) -> None:
    """Change one element, chosen at random, of each of these tensors: a float by a hundredth, an integer by one."""
    corrupt_file(case.root / f"{case.stem}.safetensors", names, rng)


def corrupt_file(path: Path, names: list[str], rng: np.random.Generator, by: float = 0.01) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    for name in names:
        flat = tensors[name].view(-1)
        index = int(rng.integers(flat.numel()))
        value = flat[index].item()
        flat[index] = value + by * (1 + abs(value)) if flat.is_floating_point() else int(value) ^ 1
    save_file(tensors, path, metadata)


@pytest.mark.parametrize("stem", STEMS)
def test_ours_equals_the_published(stem: str) -> None:
    result = run_case(Case(BUNDLED, stem))
    assert result.passed, "\n".join(result.failures)


def test_every_kind_has_a_bundled_case() -> None:
    assert {Case(BUNDLED, stem).kind for stem in STEMS} == set(KINDS)


SLOW = ("vbench", "viclip", "clip_vit", "tag2text")
"""Up to a minute a run; what these kinds say of a wrong number is looked at below."""


@pytest.mark.parametrize("kind", [kind for kind in INPUTS if not kind.startswith(SLOW)])
def test_one_wrong_number_is_exit_status_1(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = copy(bundled(kind), tmp_path)
    rng = np.random.default_rng(1)
    name = str(rng.choice([name for name in case.tensors if not is_input(kind, name)]))
    corrupt(case, [name], rng)
    assert main([str(tmp_path)]) == 1
    line, summary = capsys.readouterr().out.splitlines()
    assert line.startswith(case.stem)
    assert "  FAIL  " in line
    assert summary == "0 passed, 1 failed"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("clipsim", "image_features"),
        ("clipsim", "text_features"),
        ("consisti2v/unet_forward", "in.sample"),
        ("consisti2v/frameinit", "noise.1"),
        ("consisti2v/frameinit_step", "first_frame_latents"),
        ("consisti2v/initial_noise", "randn1.pyoco_mixed.1.5.generator"),
        ("consisti2v/ddim", "variance_noise.25"),
        ("consisti2v/training_step", "randn0"),
        ("consisti2v/training_step", "timesteps"),
        ("c3d", "mean.base"),
    ],
)
def test_one_wrong_number_in_an_input_is_found(kind: str, name: str, tmp_path: Path) -> None:
    case = copy(bundled(kind), tmp_path)
    corrupt(case, [name], np.random.default_rng(2))
    assert not run_case(Case(tmp_path, case.stem)).passed


SIDECAR_NUMBERS = {
    "consisti2v/unet_forward": ["out_std"],
    "consisti2v/pipeline": ["final_latents_std"],
    "consisti2v/training_step": ["loss", "grad_norms.conv_in.weight", "parameters_without_gradient.count"],
    "frechet": [
        "frechet_distance.full_rank.expected_sample_covariance", "frechet_distance.few_rows.shape.1.0",
        "frechet_distance.few_rows.expected_population_covariance", "inception_score.with_zeros.float64_splits_10.0",
        "frechet_distance.identical.expected_sample_covariance", "inception_score.not_divisible.float64_splits_1.1",
    ],
    "amt_s": ["pad_left_right_top_bottom.0", "fraction_clamped", "output_stats.mean"],
    "raft": ["pad_left_right_top_bottom.3", "top5_percent_mean_magnitude", "output_stats.max"],
    "vbench/temporal_flickering": ["clips.pan.score", "clips.still.mae_per_pair.3"],
    "vbench/background_consistency": [
        "variants.recipe.clips.pan.similarity_to_first.9", "variants.recipe.clips.still.score",
        "variants.recipe.clips.pan.frames",
    ],
    "vbench/subject_consistency": ["variants.strong-positions.clips.pan.similarity_to_previous.0"],
    "vbench/motion_smoothness": [
        "variants.tamed.clips.pan.mae_per_dropped_frame.6", "variants.recipe.clips.still.vfi_mae",
        "variants.recipe.clips.pan.score",
    ],
    "vbench/dynamic_degree": [
        "variants.tamed-8fps.clips.still.top5_magnitude_per_pair.2", "variants.tamed-24fps.dataset_score",
        "variants.recipe-24fps.clips.pan.pairs_above", "variants.recipe-24fps.clips.pan.threshold",
    ],
    "vbench/overall_consistency": ["dataset_score", "clips.pan.frame_indices.4", "clips.still.score"],
    "vbench/rules": [
        "dynamic_degree_decision.7.pairs_needed", "dynamic_degree_frame_interval.3.indices_of_33_frames.2",
        "middle_frame_indices.2.indices.5", "top5_magnitude.0.top5_mean_magnitude",
        "static_filter_decision.1.threshold", "motion_smoothness_pairing.2.compared.1.dropped_frame",
        "object_success.0.successes", "scene_success.2.successes", "preprocessing.frames.still.dino.std",
    ],
    # Each map that is spoilt is also off its float64 run.
    "grit/backbone": ["image_size.0", *(f"float64_max_abs_diff.{name}" for name in ("p5", "p6", "p7"))],
    "grit/proposals": ["image_size.1", "same_selection_in_float64"],
    "grit/roi": ["image_size.0", "nms_threshold"],
    "grit/e2e": ["num_before_nms", "score_margin", "detections.1.box_int.2"],
    "grit/e2e-densecap": ["num_before_nms", "score_margin", "detections.0.box_int.3"],
    "tag2text/tagging": ["threshold", "deleted.3", "min_margin_logit", "tag_ids.1.2"],
    "tag2text/caption": [
        "generation.eos", "generation.pad", "generation.prompt_ids.2", "captions.0.score", "captions.0.length",
    ],
}  # fmt: skip


HEAVY = ("tag2text/scene", "vbench/dynamic_degree", "vbench/overall_consistency", "vbench/subject_consistency")
"""Two minutes together; what is right of these kinds is looked at in every run of the tests."""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] if kind in HEAVY else [])
        for kind in sorted({*INPUTS, *SIDECAR_NUMBERS})
    ],
)
def test_each_wrong_number_is_found(kind: str, tmp_path: Path) -> None:
    """One in every tensor that comes out, and these of the sidecar, all in one run."""
    case = copy(bundled(kind), tmp_path)
    outputs = [name for name in case.tensors if not is_input(kind, name)] if kind in INPUTS else []
    if outputs:
        corrupt(case, outputs, np.random.default_rng(0))
    wanted = SIDECAR_NUMBERS.get(kind, [])
    if wanted:
        edit(case, lambda sidecar: [spoil(sidecar, where) for where in wanted])
    failures = run_case(Case(tmp_path, case.stem)).failures
    found = {name for name in outputs for failure in failures if failure.startswith((f"{name}[", f"{name} is"))}
    assert found == set(outputs)
    others = [failure for failure in failures if failure.startswith("sidecar")]
    assert len(others) == len(wanted), "\n".join(others)


def test_a_wrong_seed_in_the_sidecar_is_found(tmp_path: Path) -> None:
    case = copy(bundled("consisti2v/pipeline"), tmp_path)
    edit(case, lambda sidecar: spoil(sidecar, "torch_seed"))
    assert not run_case(Case(tmp_path, case.stem)).passed


def spoil(holder: Any, where: str) -> None:
    """Change one number: an integer by one, a float by a hundredth. Names may have dots of their own."""
    keys = map(str, range(len(holder))) if isinstance(holder, list) else holder
    name = next(key for key in keys if f"{where}.".startswith(f"{key}."))
    rest = where.removeprefix(name).removeprefix(".")
    key: Any = int(name) if isinstance(holder, list) else name
    if rest:
        spoil(holder[key], rest)
    else:
        holder[key] += 1 if isinstance(holder[key], int) else 0.01 * (1 + holder[key])


def part_names() -> list[tuple[int, str]]:
    return [(i, name) for i, path in enumerate(parts(Case(BUNDLED, bundled("frechet")))) for name in load_file(path)]


@pytest.mark.parametrize(("part", "name"), part_names())
def test_one_wrong_number_in_a_part_is_found(part: int, name: str, tmp_path: Path) -> None:
    case = copy(bundled("frechet"), tmp_path)
    # A hundredth in one feature moves a distance by less than the 1e-4 that its README allows where n <= d.
    corrupt_file(parts(case)[part], [name], np.random.default_rng(3), by=0.1)
    assert not run_case(Case(tmp_path, case.stem)).passed


def test_some_of_the_names_are_a_case_but_not_names_of_which_nothing_is_expected(tmp_path: Path) -> None:
    case = copy(bundled("frechet"), tmp_path)
    features = parts(case)[0]
    some = {name: tensor for name, tensor in load_file(features).items() if name.startswith("few_rows")}
    save_file(some, features)
    assert run_case(Case(tmp_path, case.stem)).passed
    save_file({"few_rows.real": some["few_rows.real"]}, features)
    assert "few_rows lacks few_rows.generated" in run_case(Case(tmp_path, case.stem)).failures[0]
    save_file({name.replace("few", "no"): tensor for name, tensor in some.items()}, features)
    assert "no_rows lacks what is expected" in run_case(Case(tmp_path, case.stem)).failures[0]


@pytest.mark.parametrize("missing", ["expected-0.json", "features-0.safetensors", "probabilities-0.safetensors"])
def test_all_parts_of_a_case_must_be_there(missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy(bundled("frechet"), tmp_path)
    (tmp_path / "frechet" / missing).unlink()
    assert main([str(tmp_path)]) == 1
    line, summary = capsys.readouterr().out.splitlines()
    assert line.startswith("frechet/expected-0")
    assert missing in line
    assert summary == "0 passed, 1 failed"


def test_which_text_and_image_are_dropped_is_compared(tmp_path: Path) -> None:
    case = copy("consisti2v/training/case-dropout-s1", tmp_path)
    edit(case, lambda sidecar: sidecar.update(text_used=["a panda", "a red fox"], image_dropped=[True, True]))
    failures = run_case(Case(tmp_path, case.stem)).failures
    assert [failure.split(" is ")[0] for failure in failures] == ["sidecar: text_used", "sidecar: image_dropped"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": ""}, "metadata: expected network i3d and a seed, got network i3d, seed ''"),
        ({"network": "c3d"}, "metadata: expected network i3d and a seed, got network c3d, seed '1'"),
        ({"state": "calibrated-9.safetensors"}, "calibrated-9.safetensors is neither beside the case nor among"),
        ({"seed": "2"}, "mean.Conv3d_1a_7x7["),
    ],
)
def test_what_fills_a_network_stands_in_the_metadata(change: dict[str, str], says: str, tmp_path: Path) -> None:
    case = copy("i3d/case-1", tmp_path)
    save_file(case.tensors, tmp_path / "i3d" / "case-1.safetensors", case.metadata | change)
    assert any(failure.startswith(says) for failure in run_case(Case(tmp_path, case.stem)).failures)


def test_a_case_without_its_state_has_the_tolerances_of_a_plain_one_and_fails(tmp_path: Path) -> None:
    case = copy("i3d/case-1", tmp_path)
    metadata = {key: value for key, value in case.metadata.items() if key != "state"}
    save_file(case.tensors, tmp_path / "i3d" / "case-1.safetensors", metadata)
    assert not run_case(Case(tmp_path, case.stem)).passed
