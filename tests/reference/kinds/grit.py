"""GRiT part by part, and as a whole on one image (`grit/`).

A part's input may be another case's output: it is looked for beside the case, then among the bundled copies. A map of
the pyramid that is not recorded there is made of the image that is.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import CAPTIONS, OBJECTS, Detections, GRiT, boxes, preprocess
from i2vbench.metrics.networks.grit.proposals import Proposals, propose
from i2vbench.metrics.networks.grit.pyramid import padded_size
from i2vbench.metrics.networks.grit.words import MOST_TOKENS
from i2vbench.metrics.networks.wordpiece import SEP, decode
from tests.reference.cases import Case, CaseError
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.feature_networks import outputs_of
from tests.reference.kinds.recorded import tied_state

VALUES = Tolerance(atol=1e-3)
"""Features, logits, distances and what is regressed."""
PIXELS = Tolerance(atol=5e-3)
SCORES = Tolerance(atol=1e-4)
ROUNDING = Tolerance(atol=1e-7)
"""Of what float32 and float64 differ by."""

TASKS = {"ObjectDet": OBJECTS, "DenseCap": CAPTIONS}
LEVELS = ("p3", "p4", "p5", "p6", "p7")
BLOCK = re.compile(r"block\d+")


def backbone(case: Case) -> Iterator[Check]:
    """`image` goes in; what blocks make of it, the last one's map and the pyramid come out."""
    network = _network(case)
    image = _image(case)
    if image is None:  # the pyramid alone
        last = case.input("last_feat")
        ours = dict(zip(LEVELS, network.backbone.levels(last), strict=True))
        yield from case.against(ours, dict.fromkeys(ours, VALUES))
        return
    names = {name: f"backbone.bottom_up.blocks.{name[5:]}" for name in case.tensors if BLOCK.fullmatch(name)}
    with outputs_of(network, [*names.values(), "backbone.bottom_up"]) as outputs:
        ours = dict(zip(LEVELS, network.backbone(image), strict=True))
    ours["last_feat"] = outputs["backbone.bottom_up"].permute(0, 3, 1, 2)
    # A block's output is added to in place by none of those after it.
    ours |= {name: outputs[module] for name, module in names.items()}
    yield from case.against(ours, dict.fromkeys(ours, VALUES))
    yield from _size(case, image)
    differences = case.sidecar.get("float64_max_abs_diff", {}).keys() & case.tensors.keys() & set(LEVELS)
    if differences:
        precise = dict(zip(LEVELS, copy.deepcopy(network.backbone).double()(image.double()), strict=True))
        for name in sorted(differences):
            difference = (case.tensors[name] - precise[name]).abs().max().item()
            recorded = case.sidecar["float64_max_abs_diff"][name]
            yield Check(f"sidecar: float64_max_abs_diff.{name}", difference, recorded, ROUNDING)


def proposals(case: Case) -> Iterator[Check]:
    """The maps of a backbone's case go in; heatmaps, distances and proposals come out."""
    network = _network(case)
    levels = _levels(case, network, LEVELS)
    head = network.proposal_generator["centernet_head"]
    logits, distances = head(levels)
    [some] = propose(logits, distances)
    ours = {"boxes": some.boxes, "scores": some.scores}
    ours |= {f"agn_hm_{name}": x for name, x in zip(LEVELS, logits, strict=True)}
    ours |= {f"reg_{name}": x for name, x in zip(LEVELS, distances, strict=True)}
    tolerances = dict.fromkeys(ours, VALUES) | {"boxes": PIXELS, "scores": SCORES}
    yield from case.against(ours, tolerances)
    image = _image(_backbone(case))
    yield from _size(case, image)
    if "same_selection_in_float64" in case.sidecar:
        whole = copy.deepcopy(network).double()
        maps = [level.double() for level in levels] if image is None else whole.backbone(image.double())
        [precise] = propose(*whole.proposal_generator["centernet_head"](maps))
        same = len(precise.boxes) == len(some.boxes) and bool((precise.boxes - some.boxes).abs().max() < PIXELS.atol)
        yield Check("sidecar: same_selection_in_float64", same, case.sidecar["same_selection_in_float64"], EXACT)


def roi(case: Case) -> Iterator[Check]:
    """Maps of a backbone's case and proposals go in; what each stage makes of them and detections come out."""
    network, said = _network(case), case.sidecar
    given = Proposals(case.input("proposal_boxes"), case.input("proposal_scores"))
    levels = _levels(case, network, LEVELS[:3])
    size = tuple(said["image_size"])
    ours, scores = _stages(network, levels, given, size)
    least = said.get("score_threshold", boxes.LEAST_SCORE)
    [found] = network.roi_heads(levels, [given], size, least)
    ours |= {
        "levels": boxes.level_of(given.boxes),
        "scores": scores,
        "det_boxes": found.boxes,
        "det_scores": found.scores,
        "det_index": found.rows,
    }
    if "pooled7" in case.tensors:
        first = given.boxes[: len(case.tensors["pooled7"])]
        ours["pooled7"] = boxes.pool(levels, first, _one_frame(first), boxes.BOX_CELLS)
    if "object_features" in case.tensors:
        first = found.boxes[: len(case.tensors["object_features"])]
        ours["object_features"] = boxes.pool(levels, first, _one_frame(first), boxes.OBJECT_CELLS).flatten(2).mT
    tolerances: dict[str, Tolerance] = {
        name: PIXELS if name.endswith("boxes") else SCORES if name.endswith("scores") else VALUES for name in ours
    }
    yield from case.against(ours, tolerances | {"levels": EXACT, "det_index": EXACT})
    yield from _size(case, _image(_backbone(case)))
    if "nms_threshold" in said:
        yield Check("sidecar: nms_threshold", boxes.OVERLAP, said["nms_threshold"], EXACT)


def text(case: Case) -> Iterator[Check]:
    """Features of boxes go in, with a prefix for its logits; or with a first token for the words that follow."""
    decoder = _network(case).text
    features = case.input("object_features")
    ours: dict[str, Tensor] = {}
    if "prefix" in case.tensors:
        logits = _logits(decoder, features, case.input("prefix"))
        ours |= {"logits_last": logits[:, -1], "logits_all_0": logits[0]}
    for name, said in case.sidecar.get("decode", {}).items():
        task = grit.Task(said["begin"])
        written = decoder.search(features, task, said.get("beam", 1), said.get("max_steps", MOST_TOKENS))
        tokens, log_probabilities = written
        if task == CAPTIONS or tokens.shape[1] == 1:  # of several beams only object names keep all
            tokens, log_probabilities = tokens[:, 0], log_probabilities[:, 0]
        texts = [decode(ids[1:]) for ids in tokens.flatten(0, -2).tolist()]
        if written.tokens.shape[1] == 1 and bool((tokens[:, 1:] == SEP).all()):
            # The published search then returns its first tokens alone.
            tokens, log_probabilities = tokens[:, 1:2], log_probabilities[:, None]
        ours |= {f"{name}_tokens": tokens, f"{name}_logprobs": log_probabilities}
        if "texts" in said:
            yield Check(f"sidecar: decode.{name}.texts", texts, said["texts"], EXACT)
        if "min_top2_gap" in said:
            gap = _least_gap(decoder, features, written.tokens)
            yield Check(f"sidecar: decode.{name}.min_top2_gap", gap, said["min_top2_gap"], SCORES)
    tolerances = {name: EXACT if name.endswith("_tokens") else VALUES for name in ours}
    yield from case.against(ours, tolerances | {name: SCORES for name in ours if name.endswith("_logprobs")})


def e2e(case: Case) -> Iterator[Check]:
    """`image` goes in, or that of the case it names; boxes, scores and names come out."""
    network, said = _network(case), case.sidecar
    if case.has_tensors and "image" in case.tensors:
        image = case.input("image")
    else:
        image = load_file(case.find(said["image_from"]))["image"]
    frames, size = _frame(image), tuple(image.shape[:2])
    most_tokens = said.get("max_steps", MOST_TOKENS)
    [found] = _detected(network, frames, TASKS[said["task"]], most_tokens)
    [types] = _detected(network, frames, OBJECTS, most_tokens) if said["task"] != "ObjectDet" else [found]
    whole = [
        {"description": name, "box_int": box} for name, box in zip(found.names, found.boxes.int().tolist(), strict=True)
    ]
    outputs = {"detections": whole, "types": types.names, "frame_set": sorted(set(types.names))}
    for name in outputs.keys() & said.keys():
        yield Check(f"sidecar: {name}", outputs[name], said[name], EXACT)

    levels = network.backbone(preprocess(frames))
    [given] = propose(*network.proposal_generator["centernet_head"](levels))
    regions = [level.contiguous() for level in levels[:3]]
    _, scores = _stages(network, regions, given, size)
    if "num_before_nms" in said:
        yield Check("sidecar: num_before_nms", int((scores > boxes.LEAST_SCORE).sum()), said["num_before_nms"], EXACT)
    if "score_margin" in said:
        margin = (scores - boxes.LEAST_SCORE).abs().min().item()
        yield Check("sidecar: score_margin", margin, said["score_margin"], SCORES)
    if case.has_tensors:
        [kept] = network.roi_heads(regions, [given], size)
        area = (kept.boxes[:, 2:] > kept.boxes[:, :2]).all(dim=1)
        ours = {
            "boxes": found.boxes,
            "scores": found.scores,
            "classes": torch.zeros(len(found.names), dtype=torch.int64),  # there is one
            "kept_proposals": kept.rows[area],
        }
        yield from case.against(ours, {"boxes": PIXELS, "scores": SCORES, "classes": EXACT, "kept_proposals": EXACT})


def _network(case: Case) -> GRiT:
    return grit.load({"model": tied_state(case)})


def _detected(network: GRiT, frames: Tensor, task: grit.Task, most_tokens: int) -> list[Detections]:
    """`GRiT.detect` with shorter descriptions."""
    decoder: Any = network.text
    decoder.search = partial(decoder.search, most_tokens=most_tokens)
    try:
        found: list[Detections] = network.detect(frames, task)
    finally:
        del decoder.search  # what was there is the class's
    return found


def _stages(
    network: GRiT, levels: list[Tensor], given: Proposals, size: tuple[int, ...]
) -> tuple[dict[str, Tensor], Tensor]:
    """What every stage makes of every proposal, and the scores."""
    ours: dict[str, Tensor] = {}
    here, total = given.boxes, torch.zeros_like(given.scores)
    for number in range(len(boxes.DELTA_WEIGHTS)):
        pooled = boxes.pool(levels, here, _one_frame(here), boxes.BOX_CELLS)
        seen = network.roi_heads.stage(number, pooled, here)
        ours |= {f"stage{number}_{name}": value for name, value in seen._asdict().items()}
        total = total + seen.logits.softmax(dim=1)[:, 0]
        here = boxes.clipped(seen.boxes, (size[0], size[1]))
    return ours, boxes.best_score(total, given.scores, 0)


def _logits(decoder: Any, features: Tensor, tokens: Tensor) -> Tensor:
    """Of what follows each of [R, L], given those before it: [R, L, vocabulary]."""
    memory = decoder.remember(features, tokens.shape[1])
    return torch.stack([decoder.step(memory, column) for column in tokens.unbind(1)], dim=1)


def _least_gap(decoder: Any, features: Tensor, tokens: Tensor) -> float:
    """Between the two best logits, over all steps by which these tokens [R, beams, L] were written."""
    features = features.repeat_interleave(tokens.shape[1], dim=0)
    best = _logits(decoder, features, tokens.flatten(0, 1)[:, :-1]).topk(2, dim=-1).values
    return float((best[..., 0] - best[..., 1]).min())


def _backbone(case: Case) -> Case:
    """The backbone's case that this one's inputs are from.

    Raises:
        CaseError: The case names none, or it is nowhere.
    """
    named = re.search(r"backbone-[\w-]+", str(case.sidecar.get("inputs", "")))
    if named is None:
        raise CaseError("`inputs` names no case of the backbone, whose maps are input")
    folder = case.find(f"{named[0]}.safetensors").parent
    return Case(folder.parent, f"{folder.name}/{named[0]}")


def _levels(case: Case, network: GRiT, names: tuple[str, ...]) -> list[Tensor]:
    """Maps of the pyramid [1, channels, h, w]."""
    source = _backbone(case)
    if all(name in source.tensors for name in names):
        return [source.tensors[name] for name in names]
    image = _image(source)
    if image is None:
        lacking = ", ".join(name for name in names if name not in source.tensors)
        raise CaseError(f"{source.stem} has neither {lacking} nor the image")
    maps: list[Tensor] = network.backbone(image)
    return maps[: len(names)]


def _image(case: Case) -> Tensor | None:
    """What goes into the backbone, [1, 3, H, W]: recorded, or made of the image of the case that the sidecar names."""
    if "image" in case.tensors:
        return case.input("image")
    if "image_from" not in case.sidecar:
        return None
    return preprocess(_frame(load_file(case.find(case.sidecar["image_from"]))["image"]))


def _frame(image: Tensor) -> Tensor:
    """uint8 [H, W, 3] -> [1, 3, H, W]."""
    return image.permute(2, 0, 1)[None]


def _size(case: Case, image: Tensor | None) -> Iterator[Check]:
    """The size without padding, which is nothing but zeros; no pixel is."""
    if image is None or "image_size" not in case.sidecar:
        return
    rows, columns = image.abs().amax(dim=(0, 1, 3)).nonzero(), image.abs().amax(dim=(0, 1, 2)).nonzero()
    size = [int(rows.max()) + 1, int(columns.max()) + 1]
    yield Check("sidecar: image_size", size, case.sidecar["image_size"], EXACT)
    yield Check("padded size", list(padded_size(*size)), list(image.shape[2:]), EXACT, minor=True)


def _one_frame(some: Tensor) -> Tensor:
    return torch.zeros(len(some), dtype=torch.int64)
