"""Entries made by hand: small real clips, hostile names, intervals, and cells that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from i2vbench.admission import BOARDS
from i2vbench.leaderboards.entries import TOTAL, Entry, Score, ShownClip
from i2vbench.leaderboards.published import METHODS, METRIC_IDS, numbers
from i2vbench.statistics import Interval
from i2vbench.types import Video
from i2vbench.video import encode_png, encode_preview

NASTY = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&__proto__</script>"
SAMPLES = {"dog-1": "a dog runs\nover a meadow", "../../evil <b>": NASTY, "sea": "waves"}


def score(text: str, n: int | None = None, spread: float = 0.0, note: str = "") -> Score:
    value = float(text) if text else None
    interval = Interval(value - spread, value + spread) if value is not None and spread else None
    return Score(printed=text, value=value, n=n, interval=interval, note=note)


def clips(folder: Path, samples: Mapping[str, str] = SAMPLES, seed: int = 0, text: str = "") -> tuple[ShownClip, ...]:
    """A second of a square that moves, for each of these samples."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for i, (sample, prompt) in enumerate(samples.items()):
        frames = np.full((8, 48, 64, 3), 40 + 60 * i, np.uint8)
        for t in range(8):
            frames[t, 8 + 4 * i : 24 + 4 * i, 6 * t + seed : 6 * t + 16 + seed] = (220, 90 + 40 * seed, 60)
        video, picture = folder / f"{i}.mp4", folder / f"{i}.png"
        video.write_bytes(encode_preview(Video(frames, 8)))
        picture.write_bytes(encode_png(frames[0]))
        scores = {"temporal_flickering": f"9{i}.00", "dynamic_degree": text or "100.00", "unknown": "1"}
        made.append(
            ShownClip(
                sample=sample, category=text or "Pet", prompt=prompt, video=video, first_frame=picture, scores=scores
            )
        )
    return tuple(made)


def submitted(folder: Path, slug: str, /, shift: float = 0.0, **changes: object) -> Entry:
    """An entry of i2v-bench with numbers by category, intervals, a missing cell and clips."""
    scores: dict[str, dict[str, Score]] = {}
    for m, metric in enumerate(BOARDS["i2v-bench"].metrics):
        scores[metric] = {
            TOTAL: score(f"{90 + m + shift:.2f}", 2951, 0.4),
            "Pet": score(f"{80 - m + shift:.2f}", 190, 1.25),
        }
    scores["scene_consistency"] = {TOTAL: score("", note="the metric was not measured"), "Pet": score("")}
    scores["dynamic_degree"]["Pet"] = score("12.50", 189, 3.0, note="one clip failed")
    given: dict[str, object] = {
        "board": "i2v-bench",
        "slug": slug,
        "name": slug,
        "title": f"{slug}, submitted for a test",
        "origin": "submitted",
        "facts": {"Adapter": "consisti2v", "Device": "cuda (H100)", "Profile": "paper"},
        "links": {"Code": "https://example.org/code?a=b&c=d"},
        "scores": scores,
        "notes": ("Three clips are shown.",),
    }
    if "clips" not in changes:
        given["clips"] = clips(folder / slug, seed=int(shift) % 3)
    return Entry(**(given | changes))  # type: ignore[arg-type]


def nasty(folder: Path) -> Entry:
    """An entry whose every text tries to be markup."""
    hostile = {metric: {TOTAL: score("50.00", 3, 1, NASTY), NASTY: score("40.00", 1, 1, NASTY)} for metric in
               BOARDS["i2v-bench"].metrics}  # fmt: skip
    return submitted(
        folder,
        "nasty",
        name=NASTY,
        title=NASTY,
        facts={NASTY: NASTY},
        links={NASTY: "javascript:document.title='owned'", "Other": NASTY, "Data": "data:text/html,x"},
        scores=hostile,
        clips=clips(folder / "nasty", text=NASTY),
        notes=(NASTY,),
    )


def printed(board: str, data_set: str, tables: Iterable[int]) -> list[Entry]:
    """The paper's models with their printed numbers and no more, by slugs that are their names."""
    entries = []
    for method in METHODS:
        scores: dict[str, dict[str, Score]] = {}
        for number in (number for table in tables for number in numbers(table)):
            metric = METRIC_IDS.get(number.metric, "")
            if (number.dataset, number.method) == (data_set, method) and metric in BOARDS[board].metrics:
                scores.setdefault(metric, {})[number.category] = score(number.text)
        entries.append(
            Entry(board=board, slug=method.lower(), name=method, title="", origin="published", scores=scores)
        )
    return entries


I2V_BENCH = "i2v-bench", "I2V-Bench", tuple(range(6, 14))
UCF101 = "ucf101", "UCF-101", (1,)
MSRVTT = "msrvtt", "MSR-VTT", (1,)


def few_entries(folder: Path) -> list[Entry]:
    """The paper's rows of every board, and four submissions to i2v-bench, one of them with half of the clips."""
    published = [entry for board in (I2V_BENCH, UCF101, MSRVTT) for entry in printed(*board)]
    some = dict(list(SAMPLES.items())[:1])
    return [
        submitted(folder, "apex", 1.25),
        *published,
        nasty(folder),
        submitted(folder, "brisk", 2.5),
        submitted(folder, "calm", 1.25, clips=clips(folder / "calm-few", some), links={}, facts={}, title=""),
    ]
