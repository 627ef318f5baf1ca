"""Tag2Text (`tag2text/`), part by part: image encoder, tags, their states, captions, and all of it on whole frames.

Parts that look at an image name the `swin` case that has it, as the encoder's output or as frames. The list of tags may
lie beside a case and is not bundled; without it what tags are called is left out, and the report says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from i2vbench import weights
from i2vbench.metrics.networks import tag2text as ours_of
from i2vbench.metrics.networks import wordpiece
from i2vbench.metrics.networks.tag2text import Tag2Text, published_order
from i2vbench.metrics.networks.tag2text.caption import prompt_ids, text_of
from i2vbench.metrics.networks.tag2text.image import preprocess
from i2vbench.metrics.networks.tag2text.search import Rules
from i2vbench.metrics.networks.tag2text.tagging import BETWEEN, REMOVED, THRESHOLD, detected, tag_pieces
from tests.reference.cases import BUNDLED, Case, CaseError
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.recorded import tied_state

VALUES = Tolerance(atol=1e-3)
"""Of hidden states and logits, as the folder's text states it."""
SCORE = Tolerance(rtol=1e-4)

TAG_LIST = "tag_list.txt"


def swin(case: Case) -> Iterator[Check]:
    """`frames` go in; every so manieth of their pixels, and the tokens of the first, come out."""
    frames = case.input("frames")
    ours = {}
    if "pixels_sub" in case.tensors:
        pixels = preprocess(frames[: len(case.tensors["pixels_sub"])])
        step = pixels.shape[3] // case.tensors["pixels_sub"].shape[3]
        ours["pixels_sub"] = pixels[:, :, ::step, ::step]
    if "image_embeds" in case.tensors:
        ours["image_embeds"] = network(case).image_tokens(frames[: len(case.tensors["image_embeds"])])
    yield from case.against(ours, {"image_embeds": VALUES})


def tagging(case: Case) -> Iterator[Check]:
    """The tokens of a `swin` case go in; hidden states of some tags, logits, and the tags that are kept come out."""
    sidecar = case.sidecar
    counts = [len(tensor) for tensor in case.tensors.values()] if case.has_tensors else []
    counts += [len(sidecar[name]) for name in ("tag_ids", "tag_text") if name in sidecar]
    names = tag_names(case)
    tagger = network(case, names)
    image = image_tokens(case, tagger, range(max(counts, default=0)))
    hidden, logits = torch.cat(list(tagger.tag_features(image))), tagger.tag_logits(image)
    if case.has_tensors:
        step = re.search(r"::(\d+)", sidecar.get("outputs", {}).get("hidden_sub", "::200"))
        ours = {"hidden_sub": hidden[:, :: int(step[1] if step else 200)], "logits": logits}
        yield from against_first(case, ours)
    ids = detected(logits)
    edge = (logits - torch.tensor(THRESHOLD).logit()).abs().min().item()
    found: dict[str, tuple[Any, Tolerance]] = {
        "threshold": (THRESHOLD, EXACT),
        "deleted": (list(REMOVED), EXACT),
        "min_margin_logit": (edge, VALUES),
        "tag_ids": (ids, EXACT),
    }
    if names:
        found["tag_text"] = [BETWEEN.join(names[i] for i in row) for row in ids], EXACT
    elif "tag_text" in sidecar:
        case.notes.append(f"tag_text, as {TAG_LIST} is nowhere")
    yield from in_sidecar(case, found)


def tagenc(case: Case) -> Iterator[Check]:
    """Texts of tags and rows of a `swin` case's tokens go in; pieces, mask and states come out."""
    inputs = case.sidecar["inputs"]
    texts = inputs["tag_text"]
    ids, mask = tag_pieces(texts)
    ours = {"input_ids": ids, "attention_mask": mask.long()}
    if "hidden" in case.tensors:
        encoder, count = network(case), len(case.tensors["hidden"])
        rows = rows_of(str(inputs.get("image_embeds", ""))) or list(range(len(texts)))
        ours["hidden"] = encoder.tag_states(texts[:count], image_tokens(case, encoder, rows[:count]))
    yield from case.against(ours, {"input_ids": EXACT, "attention_mask": EXACT, "hidden": VALUES})


def caption(case: Case) -> Iterator[Check]:
    """States, a beginning of a text and the rules of the search go in; logits, and captions with scores come out."""
    states = case.input("encoder_hidden")
    decoder = network(case).text_decoder
    ours: dict[str, Tensor] = {}
    named = rows_of(str(case.sidecar.get("inputs", {}).get("encoder_hidden", "")))
    rows = (named or list(range(len(states))))[: len(states)]
    if "prefix" in case.tensors:
        logits = decoder(case.input("prefix"), states)  # [rows, L, V]
        ours = {"logits_last": logits[:, -1]} | {
            f"logits_all_{row}": one for row, one in zip(rows, logits, strict=True)
        }
    generation = case.sidecar["generation"]
    prompt = prompt_ids()
    found = {"eos": (wordpiece.SEP, EXACT), "pad": (wordpiece.PAD, EXACT), "prompt_ids": (prompt, EXACT)}
    yield from in_sidecar(case, found, generation, "generation.")
    rules = Rules(wordpiece.SEP, generation["num_beams"], generation["min_length"], generation["max_length"])
    wanted = {int(name.removeprefix("caption_ids_")) for name in case.tensors if name.startswith("caption_ids_")}
    recorded = {said["row"]: said for said in case.sidecar.get("captions", [])}
    for row in sorted(wanted | recorded.keys()):
        if row not in rows:
            raise CaseError(f"the caption of row {row}: the states are of rows {rows}")
        place = rows.index(row)
        [best] = decoder.search(states[place : place + 1], prompt, rules)
        if best is None:
            raise CaseError(f"the caption of row {row}: a score is not finite")
        ids = best.ids + [rules.end] * (len(best.ids) < rules.max_length)
        ours[f"caption_ids_{row}"] = torch.tensor(ids)
        said = {"text": (text_of(ids), EXACT), "score": (best.score, SCORE), "length": (len(ids), EXACT)}
        yield from in_sidecar(case, said, recorded.get(row, {}), f"captions.{row}.")
    exact = {name: EXACT for name in ours if name.startswith("caption_ids")}
    yield from case.against(ours, dict.fromkeys(ours, VALUES) | exact)


def scene(case: Case) -> Iterator[Check]:
    """Frames of a `swin` case go in; tags and captions of each alone, and those of VBench's one call, come out."""
    sidecar = case.sidecar
    frames = swin_tensors(case).get("frames")
    if frames is None:
        raise CaseError(f"{swin_name(case)} has no frames")
    names = tag_names(case)
    whole = network(case, names)
    if names is None:
        if "tags" not in sidecar:
            raise CaseError(f"{TAG_LIST} is nowhere, and the case does not say what its tags are called")
        case.notes.append(f"what tags are called, as {TAG_LIST} is nowhere: taken as recorded")
        ids = detected(whole.tag_logits(whole.image_tokens(frames)))
        whole.tags = names_as_recorded(ids, sidecar["tags"], len(whole.tags))
    logits: list[Tensor] = []
    whole.fc.register_forward_hook(lambda module, inputs, output: logits.append(output))  # a few frames at a time
    captions = whole.caption(frames)
    if case.has_tensors:
        yield from against_first(case, {"tag_logits_max": torch.cat(logits).amax(1)})
    alone, tags = [said.text for said in captions], [BETWEEN.join(said.tags) for said in captions]
    found = {
        "tags": tags,
        "captions_alone": alone[: len(sidecar.get("captions_alone", []))],
        "captions_batch": published_order(alone),
        "tags_returned": published_order(tags),
    }
    yield from in_sidecar(case, {name: (value, EXACT) for name, value in found.items()})


def network(case: Case, names: Sequence[str] | None = None) -> Tag2Text:
    """Ours with the case's weights; tags are called by their indices where their names are not known."""
    return ours_of.load(tied_state(case), names or [str(i) for i in range(ours_of.PUBLISHED.tags)])


def tag_names(case: Case) -> tuple[str, ...] | None:
    """The list of tags, which is not bundled: beside the case, with the recorded cases, or fetched by the catalogue."""
    if case.has(TAG_LIST):
        return tuple(case.find(TAG_LIST).read_text(encoding="utf-8").splitlines())
    recorded = BUNDLED.parents[2] / "shared" / "reference" / case.folder / TAG_LIST
    if recorded.exists():
        return tuple(recorded.read_text(encoding="utf-8").splitlines())
    return None if weights.missing(["tag2text_tag_list"]) else tuple(weights.read_lines("tag2text_tag_list"))


def names_as_recorded(ids: Sequence[Sequence[int]], texts: Sequence[str], count: int) -> tuple[str, ...]:
    """A list of tags with the names that images with these ids were recorded with: each id keeps its first."""
    names: dict[int, str] = {}
    for row, text in zip(ids, texts, strict=True):
        written = text.split(BETWEEN) if text else []
        if len(written) != len(row):
            raise CaseError(f"tags: '{text}' are {len(written)}, ours are {len(row)}: {list(row)}")
        names = dict(zip(row, written, strict=True)) | names
    return tuple(names.get(i, str(i)) for i in range(count))


def image_tokens(case: Case, encoder: Tag2Text, rows: Sequence[int]) -> Tensor:
    """Rows of the tokens of the `swin` case that this one names; encoded from its frames where it has no tokens."""
    recorded = swin_tensors(case)
    for name in ("image_embeds", "frames"):
        if name in recorded and max(rows, default=-1) < len(recorded[name]):
            kept = recorded[name][list(rows)]
            return kept if name == "image_embeds" else encoder.image_tokens(kept)
    raise CaseError(f"{swin_name(case)} has neither tokens nor frames of the rows {list(rows)}")


def swin_tensors(case: Case) -> dict[str, Tensor]:
    return load_file(case.find(f"{swin_name(case)}.safetensors"))


def swin_name(case: Case) -> str:
    """As the sidecar's inputs name it; else the one with this case's number."""
    named = re.search(r"\bswin-\w+", str(case.sidecar.get("inputs", "")))
    return named[0] if named else f"swin-{case.stem.rpartition('-')[2]}"


def rows_of(text: str) -> list[int]:
    """ "rows 0,1,0,1 of swin-0" and "rows 0 and 2 of tagenc-0" -> their numbers; none where it speaks of none."""
    named = re.search(r"\brows? ([\d, and]+) of ", text)
    return [int(number) for number in re.findall(r"\d+", named[1])] if named else []


def against_first(case: Case, ours: Mapping[str, Tensor]) -> Iterator[Check]:
    """As `Case.against`, of images of which the case may have recorded the first alone."""
    first = {name: value[: len(case.tensors[name])] for name, value in ours.items() if name in case.tensors}
    yield from case.against(first, dict.fromkeys(first, VALUES))


def in_sidecar(
    case: Case,
    ours: Mapping[str, tuple[Any, Tolerance]],
    recorded: Mapping[str, Any] | None = None,
    where: str = "",
) -> Iterator[Check]:
    """Ours beside what the sidecar, or this part of it, has under the same names."""
    recorded = case.sidecar if recorded is None else recorded
    for name in ours.keys() & recorded.keys():
        value, tolerance = ours[name]
        yield Check(f"sidecar: {where}{name}", value, recorded[name], tolerance)
