"""The paper's five models as entries of the boards: Tables 2 and 6 to 13 for i2v-bench, Table 1 for ucf101 and msrvtt.

How many clips a number stands on is the paper's where it says so (Table 4, Section 5), and else what its digits prove:
every cell of Tables 10 and 11 is a whole number of sixteenths of so many clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from i2vbench.admission import BOARDS
from i2vbench.leaderboards.entries import TOTAL, Entry, Score
from i2vbench.leaderboards.published import METHODS, METRIC_IDS, Number, numbers
from i2vbench.leaderboards.published.facts import source_of

PREFIX = "paper-"
"""What the slugs of these entries begin with; no submission's may."""

AS_PRINTED = "As printed in the paper; not measured again here."

_TABLES: Mapping[str, tuple[int, ...]] = {"i2v-bench": tuple(range(6, 14)), "ucf101": (1,), "msrvtt": (1,)}
"""Table 2 has the rows over all clips of Tables 6 to 13, digit for digit."""

DATA_SETS = {"i2v-bench": "I2V-Bench", "ucf101": "UCF-101", "msrvtt": "MSR-VTT"}
SOURCES = {"i2v-bench": "Tables 2 and 6 to 13", "ucf101": "Table 1", "msrvtt": "Table 1"}

_FRAMES_POOLED = ("Object Consistency", "Scene Consistency")
"""Metrics of Tables 10 and 11."""

_TITLES = {
    "AnimateAnything": "Fine-Grained Open Domain Image Animation with Motion Guidance",
    "I2VGen-XL": "High-Quality Image-to-Video Synthesis via Cascaded Diffusion Models",
    "DynamiCrafter": "Animating Open-domain Images with Video Diffusion Priors",
    "SEINE": "Short-to-Long Video Diffusion Model for Generative Transition and Prediction",
    "ConsistI2V": "Enhancing Visual Consistency for Image-to-Video Generation",
}

_PAPERS = {
    "AnimateAnything": "https://arxiv.org/abs/2311.12886",
    "I2VGen-XL": "https://arxiv.org/abs/2311.04145",
    "DynamiCrafter": "https://arxiv.org/abs/2310.12190",
    "SEINE": "https://arxiv.org/abs/2310.20700",
    "ConsistI2V": "https://arxiv.org/abs/2402.04324",
}
"""As the paper cites them (pages 13 to 17), and its own address."""

_NUMBERS_FROM = "https://arxiv.org/abs/2402.04324"

_OWN_SETTINGS = "16 frames of 256 x 256; 50 DDIM steps, guidance 7.5, FrameInit"
_UNKNOWN = "not stated in the paper"


def published_entries(board: str) -> list[Entry]:
    """The paper's models on a board, in the order of its Table 1.

    Raises:
        ValueError: There is no such board.
    """
    if board not in BOARDS:
        raise ValueError(f"board {board}: there are {', '.join(BOARDS)}")
    return [_entry(board, method) for method in METHODS]


def _entry(board: str, method: str) -> Entry:
    scores: dict[str, dict[str, Score]] = {id_: {} for id_ in BOARDS[board].metrics}
    for number in _numbers(board, method):
        scores[METRIC_IDS[number.metric]][number.category] = _score(number)
    return Entry(
        board=board,
        slug=PREFIX + method.lower(),
        name=method,
        title=_TITLES[method],
        origin="published",
        facts={
            "Source of the numbers": f"{SOURCES[board]} of Ren et al., ConsistI2V, TMLR 07/2024",
            "Clips": _clips(board),
            "Videos": _OWN_SETTINGS if method == "ConsistI2V" else f"size, length and settings: {_UNKNOWN}",
            "Seeds": _UNKNOWN,
            "Training data (#Data of Table 1)": _training_data(method),
        },
        links={"paper": _PAPERS[method], **({"numbers": _NUMBERS_FROM} if method != "ConsistI2V" else {})},
        scores=scores,
        notes=(AS_PRINTED,),
    )


def _numbers(board: str, method: str) -> Iterator[Number]:
    """What the tables have of a method on a board, of each metric the number over all clips last."""
    for table in _TABLES[board]:
        for number in numbers(table):
            if number.method == method and number.dataset == DATA_SETS[board] and number.metric in METRIC_IDS:
                yield number


def _score(number: Number) -> Score:
    notes = []
    if number.metric in _FRAMES_POOLED:
        notes.append("number of clips inferred from the printed digits; the last digit is cut, not rounded")
    if number.table == 11 and number.method == "AnimateAnything" and number.category != TOTAL:
        notes.append("in all likelihood the two categories are exchanged in print")
    clips = source_of(number.dataset, number.metric).clips_of(number.category)
    return Score(printed=number.text, value=number.value, n=clips, note="; ".join(notes))


def _clips(board: str) -> str:
    count = f"{source_of(DATA_SETS[board], '').whole:,}"
    return count if board != "i2v-bench" else f"{count} in 17 categories by Table 4; the text says 2,950 in 16"


def _training_data(method: str) -> str:
    return next(number.text for number in numbers(1) if number.method == method and number.metric == "#Data")
