"""From a run under the profile paper to a row of the site, without one refusal that is overruled.

The board's checkpoints are not here: as if MSR-VTT were six videos, and its board had the one metric without a network.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from i2vbench.admission import BOARDS
from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.folders.add import Added, Place, add
from i2vbench.leaderboards.folders.check import verify_folder
from i2vbench.leaderboards.folders.read import accepted
from i2vbench.leaderboards.site.boards import metric_texts
from i2vbench.leaderboards.site.build import build_site
from i2vbench.leaderboards.submission.pack import Wish as Packing
from i2vbench.leaderboards.submission.pack import pack
from i2vbench.leaderboards.submission.verify import Wish
from i2vbench.types import Video
from i2vbench.video import write_video
from tests.conftest import Go
from tests.leaderboards.folders.conftest import fill_in

NAMES = [f"video{7010 + i}" for i in range(6)]


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("msrvtt")
    for i, name in enumerate(NAMES):
        still = np.full((32, 32, 3), 40 * i, np.uint8)  # noise would take long to encode
        still[8:24, 4 : 8 + 3 * i] = (250, 120, 30)
        frames = [np.roll(still, t, axis=1) for t in range(16)]
        write_video(folder / f"{name}.mp4", Video(np.stack(frames), 8.0))
    captions = [{"video_id": name, "caption": f"a pattern, {name}"} for name in NAMES]
    videos = [{"video_id": name, "category": i % 2} for i, name in enumerate(NAMES)]
    (folder / "test.json").write_text(json.dumps({"videos": videos, "sentences": captions}))
    return folder


@pytest.fixture
def wish(go: Go, data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wish]:
    """How the archive of a whole run is looked at."""
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    board = replace(BOARDS["msrvtt"], samples=(len(NAMES),), metrics=("temporal_flickering",))
    monkeypatch.setitem(BOARDS, "msrvtt", board)
    go(["pan"], ["temporal_flickering"], dataset=f"msrvtt:{data_set}", profile="paper")
    pack(Packing(run=tmp_path / "run", out=tmp_path / "pan.zip", videos=True, contact="a@example.org"))
    metric_texts.cache_clear()
    yield Wish(archive=tmp_path / "pan.zip", clips=2, seed=1, dataset=f"msrvtt:{data_set}", device="cpu")
    metric_texts.cache_clear()  # of the board that is none


def _room(tmp_path: Path) -> Path:
    shutil.rmtree(tmp_path / "room", ignore_errors=True)
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


def test_a_run_that_may_stand_on_a_board_gets_there(wish: Wish, tmp_path: Path) -> None:
    root = tmp_path / "boards"
    added: Added = add(wish, Place(root=root), _room(tmp_path))
    assert (added.folder, added.reasons) == (root / "msrvtt" / "pan", []), added.report.faults
    folder = added.folder
    assert folder is not None
    fill_in(folder, {"authors = []": 'authors = ["A"]', 'url = ""': 'url = "https://example.org/pan.zip"'})

    # An interval of enough clips stands in the cells, and its last digit may be another processor's.
    (total,) = [c for c in json.loads((folder / "cells.json").read_bytes())["cells"] if c["category"] is None]
    rows = (folder / "scores.csv").read_text().splitlines()[1:]
    clips = [100 * float(row.split(",")[5]) for row in rows]
    half = 2.571 * statistics.stdev(clips) / 6**0.5  # Student's interval of six, which a bootstrap comes near to
    assert float(total["value"]) == pytest.approx(statistics.mean(clips), abs=0.005)
    assert float(total["high"]) - float(total["low"]) == pytest.approx(2 * half, rel=0.25)
    text, end = (folder / "cells.json").read_text(), total["high"]
    nudged = f"{float(end) + 0.01:.2f}"
    (folder / "cells.json").write_text(text.replace(f'"high":"{end}"', f'"high":"{nudged}"'))
    report = verify_folder(folder, wish, _room(tmp_path), str(wish.archive))
    assert report.faults == []
    assert list(report.lines())[-1] == "Verified."
    (folder / "cells.json").write_text(text.replace(f'"high":"{end}"', '"high":"99.99"'))
    (fault,) = verify_folder(folder, wish, _room(tmp_path), str(wish.archive)).faults
    assert fault.startswith(f"cells.json, temporal_flickering, all clips: {total['value']} ({total['low']} to 99.99)")
    (folder / "cells.json").write_text(text)

    (entry,) = accepted(root)
    assert (entry.origin, entry.facts["Profile"]) == ("submitted", "paper")
    assert entry.facts["Verified before"] == (
        "2 of its clips measured again, its samples held to the data set (its submitter's word)"
    )
    score = entry.scores["temporal_flickering"][TOTAL]
    assert score.interval is not None
    assert (score.printed, score.n, f"{score.interval.low:.2f}") == (total["value"], 6, total["low"])
    assert build_site([entry], tmp_path / "site").entries["msrvtt"] == 1
    page = (tmp_path / "site" / "msrvtt.html").read_text()
    assert f"<span>{total['value']}</span>" in page
    assert f"[{total['low']}, {total['high']}]" in page
    assert "trial" not in page


def test_what_was_not_measured_again_gets_no_folder(wish: Wish, tmp_path: Path) -> None:
    added = add(replace(wish, recompute_only=True), Place(root=tmp_path / "boards"), _room(tmp_path))
    assert (added.folder, added.reasons) == (None, ["Nothing of it was measured again."])
    assert not (tmp_path / "boards").exists()
