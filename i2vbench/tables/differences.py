"""How a run's number was made otherwise than the printed one that it stands beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from i2vbench.admission import BOARDS, PAPER, is_builtin, may_be
from i2vbench.first_frames.record import KEY, title_of
from i2vbench.leaderboards.published.facts import Source
from i2vbench.names import split_word
from i2vbench.profiles import Protocol, load_profile
from i2vbench.tables.runs import Run
from i2vbench.texts import amount

WORDS_UNPUBLISHED = ("object_consistency", "scene_consistency")
"""Metrics that look for annotated words, which the paper does not publish."""

Settings = Mapping[str, Any]


def differences(run: Run, metric: str, source: Source) -> list[str]:
    """What decides the numbers of a metric and is not as it was for the printed ones, "THIS instead of THAT" each.

    What the paper does not tell is not compared. How many clips a cell stands on is `clip_difference`.
    """
    settings = run.settings
    found = [_data(run, source), _first_frames(settings, source), _profile(run)]
    found += _protocol(run.profile.protocol, source)
    if len(settings["seeds"]) > 1:
        listed = ", ".join(map(str, settings["seeds"]))
        found.append(f"{len(settings['seeds'])} videos of each clip (seeds {listed}) instead of one")
    found.append(_metric(run, metric))
    if metric in WORDS_UNPUBLISHED:
        found.append("annotated words of the data set instead of the paper's, which are not published")
    return [text for text in found if text]


def stands_on_others(run: Run, source: Source) -> bool:
    """Whether the run is of another data set or of a part of it, so that its counts are others too."""
    return bool(_data(run, source))


def clip_difference(run: Run, source: Source, category: str, n: int) -> str:
    """How many clips a cell stands on, where the printed one stands on another number; "" where it does not."""
    printed = source.clips_of(category)
    seeds = len(run.settings["seeds"])
    if printed is None or n == printed * seeds or stands_on_others(run, source):
        return ""
    board = BOARDS[source.dataset]
    if printed in board.samples and n in {samples * seeds for samples in board.samples}:
        return ""
    return f"{n:,} instead of {printed * seeds:,}"


def _data(run: Run, source: Source) -> str:
    data, selection = run.settings["dataset"], run.settings["selection"]
    if data["name"] != source.dataset or not is_builtin(source.dataset, data.get("spec")):
        count = len(run.samples)
        own = f"data set {data['name']} ({amount(count, 'sample')})"
        return f"{own} instead of {source.name} ({source.whole:,} clips)"
    chosen = []
    if selection.get("limit") is not None:
        chosen.append(f"--limit {selection['limit']}")
    if selection.get("categories"):
        chosen.append(f"--categories {','.join(selection['categories'])}")
    return f"{len(run.samples):,} samples ({' '.join(chosen)}) instead of all of {source.name}" if chosen else ""


def _first_frames(settings: Settings, source: Source) -> str:
    if not source.first_frames:
        return f"first frames {title_of(settings)} instead of the data set's own" if KEY in settings else ""
    wanted = f"those that {source.first_frames} makes of the prompts"
    if KEY not in settings:
        return f"the data set's own first frames instead of {wanted}"
    maker, _, argument = str(settings[KEY]["spec"]).partition(":")
    made = split_word(argument, ("seed-N",))[1] if maker == "generate" else ""
    return "" if made == source.first_frames else f"first frames {title_of(settings)} instead of {wanted}"


def _profile(run: Run) -> str:
    profile = run.profile
    if profile.name == PAPER and not profile.note:
        return ""
    return f"profile {profile.name} ({profile.title}) instead of {PAPER}"


def _protocol(own: Protocol, source: Source) -> list[str]:
    """The fields of a protocol that are not those of the source's."""
    wanted = load_profile(PAPER).under(source.protocol).protocol
    both = zip(_told(own), _told(wanted), strict=True)
    return [f"{here} instead of {there}" for here, there in both if here != there]


def _told(protocol: Protocol) -> list[str]:
    return [
        f"{protocol.num_frames} frames",
        f"{protocol.fps:g} frames a second",
        f"{protocol.height} x {protocol.width} pixels",
        f"frames resized by {protocol.interpolation}",
        "frames nearest in time" if protocol.sampling == "nearest" else "the first frames",
        "videos of other sizes brought to them"
        if protocol.other_videos == "bring"
        else "videos of other sizes refused",
    ]


def _metric(run: Run, metric: str) -> str:
    """Code or checkpoints that are not the published ones; those of another profile are told by its name."""
    record = run.settings["metrics"].get(metric)
    if record is None or "skipped" in record:
        return ""
    if record["spec"] != metric:
        return f"a metric of its own called {metric} instead of the built-in one"
    hashes = record.get("checkpoints", {})
    wanted = load_profile(PAPER).checkpoints.get(metric, ())
    if _profile(run):
        return ""
    if tuple(hashes) != wanted:
        return f"{metric} through {', '.join(hashes) or 'nothing'} instead of {', '.join(wanted)}"
    others = [name for name, sha256 in hashes.items() if not may_be(name, sha256)]
    return f"another file of {', '.join(others)} instead of the published one" if others else ""
