"""Object and scene consistency in whole runs, with small networks in checkpoints of the published names."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2vbench.annotate.networks import NetworkProposer
from i2vbench.metrics.networks import grit, tag2text
from i2vbench.metrics.object_consistency import ObjectConsistency
from i2vbench.profiles import load_profile
from i2vbench.progress import Lines
from i2vbench.rows import MeasurementRow
from i2vbench.run import run
from i2vbench.settings import RunConfig
from i2vbench.store import Store
from i2vbench.tables import collect, write_tables
from i2vbench.types import Video
from i2vbench.weights import entry
from tests.conftest import make_dataset, moving_frames
from tests.metrics.looking import lay_out
from tests.metrics.networks import test_tag2text
from tests.metrics.networks.grit import small

PROFILE = """
name = "sixteen"
title = "clips of sixteen frames"

[protocol]
num_frames = 16
fps = 8
height = 70
width = 90
interpolation = "bilinear"
sampling = "nearest"
"""

METRICS = (
    "object_consistency", "object_consistency:synonyms", "scene_consistency", "scene_consistency:own-frames",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A profile, and checkpoints where metrics look for theirs."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "sixteen.toml").write_text(PROFILE)
    with pytest.MonkeyPatch.context() as patch:
        states = {"grit_b_densecap_objectdet": small.state(), "tag2text_swin_14m": test_tag2text.state()}
        lay_out(folder / "cache", patch, {name: {"model": state} for name, state in states.items()})  # type: ignore[dict-item]
        tags = folder / "cache/weights/tag2text_tag_list" / entry("tag2text_tag_list").file
        tags.parent.mkdir(parents=True)
        tags.write_text("\n".join(test_tag2text.NAMES) + "\n")
        patch.setattr(grit, "load", functools.partial(grit.load, sizes=small.SMALL))
        patch.setattr(tag2text, "load", functools.partial(tag2text.load, sizes=test_tag2text.SMALL))
        yield folder


def go(place: Path, out: str, objects: str, scene: str) -> tuple[Path, dict[str, list[MeasurementRow]]]:
    """A run over three pictures, the last without words: its folder, and what was measured."""
    data = make_dataset(place / f"data-{out}", num_clips=0, num_images=3)
    table = list(csv.DictReader((data / "metadata.csv").read_text().splitlines()))
    for row in table[:2]:
        row |= {"objects": objects, "scene": scene}
    with open(data / "metadata.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    config = RunConfig(
        models=("pan",), metrics=METRICS, dataset=f"folder:{data}", profile=str(place / "sixteen.toml"), device="cpu",
        out=place / out, cache=False,
    )  # fmt: skip
    outcome = run(config, Lines())
    assert outcome.failed == 0
    with Store.open(outcome.folder) as store:
        rows: dict[str, list[MeasurementRow]] = {}
        for row in store.measurements(model="pan"):
            rows.setdefault(row.metric, []).append(row)
    return outcome.folder, rows


def test_words_that_are_seen_are_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, rows = go(place, "blind", "dog", "beach")
    assert {id_: [row.state for row in some] for id_, some in rows.items()} == {
        id_: ["done", "done", "not_applicable"]
        for id_ in (
            "object_consistency",
            "object_consistency_synonyms",
            "scene_consistency",
            "scene_consistency_own_frames",
        )
    }
    assert "note: " not in capsys.readouterr().err
    seen = rows["object_consistency"][0].details
    captions = rows["scene_consistency"][0].details["captions"]
    names = [[found["name"] for found in frame] for frame in seen["objects"]]
    assert any(names), "the small network sees something"
    assert len(set(captions)) > 2, "and says different things"

    name = next(name for frame in names for name in frame if name)
    word = captions[4].split(" ")[0]
    folder, rows = go(place, "seeing", name.replace(";", ""), word)
    shown = capsys.readouterr().err
    assert "note: object_consistency: 2 of 2 samples have object words outside of the detector's 80 names" in shown
    objects = rows["object_consistency"][0]
    assert objects.value == sum(name in frame for frame in names) / 16 > 0
    scene, own = rows["scene_consistency"][0], rows["scene_consistency_own_frames"][0]
    assert scene.value == sum(word in captions[i // 3] for i in range(16)) / 16 > 0
    assert own.value == sum(word in caption for caption in captions) / 16

    results = collect([folder])
    titles = [info.title for info in results.metrics]
    assert titles[:2] == ["Object Consistency", "Object Consistency (synonyms)"]
    cell = results.cells.query("metric == 0 and row == 2")["entry"].item().cell
    both = [row.details for row in rows["object_consistency"][:2]]
    assert (cell.value, cell.n) == (sum(d["successes"] for d in both) / sum(d["frames"] for d in both), 2)
    notes = "\n".join(results.notes[0])
    assert "pan: 2 of 3 samples have object words outside of the detector's 80 names" in notes
    assert "pan: 1 of 3 clips not applicable (the sample has no object words)" in notes
    write_tables(results, folder / "tables", ["html"])
    page = (folder / "tables" / "tables.html").read_text()
    assert json.dumps(captions[0])[1:-1] in page.replace("\\u0027", "'")
    assert '"boxes":[[' in page


def test_words_are_proposed_from_what_both_networks_see(place: Path) -> None:
    proposer = NetworkProposer(load_profile(str(place / "sixteen.toml")), "cpu")
    proposer.load()
    video = Video(moving_frames(20, 70, 90), 8)
    proposal = proposer.propose(video)
    assert proposal.frames == 16
    names = [set(frame.names) for frame in ObjectConsistency.look(proposer._objects, video)]
    assert {(seen.text, seen.frames) for seen in proposal.objects} == {
        (name, sum(name in frame for frame in names)) for frame in names for name in frame if name
    }
    assert sum(seen.frames for seen in proposal.captions) == 16
    picture = proposer.propose(Video(moving_frames(1, 70, 90), 8))
    assert (picture.frames, picture.captions[0].frames) == (16, 16), "a picture counts as sixteen equal frames"


def test_both_readings_look_through_one_network_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    detect = grit.GRiT.detect
    monkeypatch.setattr(grit.GRiT, "detect", lambda self, frames: looks.append(len(frames)) or detect(self, frames))
    go(place, "once", "dog", "beach")
    assert looks == [12, 12], "of two clips with words, which hold four of their frames"
