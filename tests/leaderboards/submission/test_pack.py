"""What `submit` packs: the same bytes for the same run, nothing of the machine, and nothing that is not so."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import filelock
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.errors import UserError
from i2vbench.leaderboards.submission.adapters import find_adapter
from i2vbench.leaderboards.submission.pack import Wish, pack
from i2vbench.leaderboards.submission.private import Folders, short_spec
from i2vbench.registry import MODELS
from i2vbench.settings import info_as_dict
from tests import parts as test_parts
from tests.conftest import Go
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.submission.archives import take_apart
from tests.leaderboards.submission.conftest import Look
from tests.tables.runs import RunSpec, make_run, sample


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(submitted: Submitted, tmp_path: Path) -> None:
    moved = tmp_path / "another name"
    shutil.copytree(submitted.run, moved, copy_function=shutil.copy)  # with other times
    shutil.rmtree(moved / "tables")
    pack(Wish(run=moved, out=tmp_path / "b.zip", videos=True, contact="A. Author, a@example.org"))
    assert (tmp_path / "b.zip").read_bytes() == submitted.archive.read_bytes()


def test_nothing_of_the_submitters_machine_is_in_it(submitted: Submitted) -> None:
    contents = submitted.archive.read_bytes()
    for folder in {Path.home(), submitted.run, submitted.run.parent, Path.cwd(), submitted.run.resolve()}:
        assert f"{folder}/".encode() not in contents
        assert str(folder).encode() not in contents or len(folder.parts) < 3
    parts = take_apart(submitted.archive)
    run, manifest = json.loads(parts["run.json"]), json.loads(parts["manifest.json"])
    assert run["models"]["rolling"]["spec"] == "./rolling.py:Rolling"
    assert manifest["shortened"] == ["models.rolling.spec"]
    assert manifest["models"]["rolling"] == {
        "title": "rolls <b>the</b> first frame",
        "file": "rolling.py",
        "member": "adapters/rolling/source.py",
        "package": "",
    }
    assert parts["adapters/rolling/source.py"] == submitted.adapter.read_bytes()


def test_it_holds_what_the_run_holds(submitted: Submitted) -> None:
    parts = take_apart(submitted.archive)
    clips = [json.loads(line) for line in parts["clips.jsonl"].splitlines()]
    assert len(clips) == 6
    for clip in clips:
        video = submitted.run / "videos" / clip["model"] / f"{clip['sample']}-seed{clip['seed']}.mp4"
        assert clip["sha256"] == hashlib.sha256(video.read_bytes()).hexdigest()
        assert parts[str(video.relative_to(submitted.run))] == video.read_bytes()
    records = [json.loads(line) for line in parts["measurements.jsonl"].splitlines()]
    counted = {(r["metric"], r["model"]) for r in records}
    assert counted >= {("fid", None), ("fvd", "rolling"), ("temporal_flickering", "static"), ("clipsim", "rolling")}
    assert all(record["details"]["mae_per_pair"] for record in records if record["metric"] == "temporal_flickering")
    assert any(record["state"] == "not_applicable" and record["reason"] for record in records)
    assert not [name for name in parts if "sqlite" in name]
    bare = take_apart(submitted.bare)
    same = ("clips.jsonl", "measurements.jsonl", "samples.jsonl", "run.json", "tables/summary.csv")
    assert {name: bare[name] for name in same} == {name: parts[name] for name in same}
    assert not [name for name in bare if name.startswith("videos/")]


def test_one_model_of_several_can_be_packed(submitted: Submitted, look: Look, tmp_path: Path) -> None:
    out = tmp_path / "one.zip"
    pack(Wish(run=submitted.run, out=out, models=["rolling"]))
    parts = take_apart(out)
    assert list(json.loads(parts["run.json"])["models"]) == ["rolling"]
    assert b'"static"' not in parts["measurements.jsonl"] + parts["clips.jsonl"]
    assert look(out.read_bytes()).verified
    with pytest.raises(UserError, match="no model 'pan' in .*: it has static, rolling"):
        pack(Wish(run=submitted.run, out=out, models=["pan"]))


def _copy(run: Path, folder: Path) -> Path:
    shutil.copytree(run, folder)
    return folder


def test_an_adapter_that_has_changed_since_is_refused(submitted: Submitted, tmp_path: Path) -> None:
    before = submitted.adapter.read_text()
    try:
        submitted.adapter.write_text(before + "\n# mended\n")
        with pytest.raises(UserError, match=r"rolling\.py has changed since the run"):
            pack(Wish(run=submitted.run, out=tmp_path / "a.zip"))
    finally:
        submitted.adapter.write_text(before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("videos", [True, False])
def test_a_video_that_is_lost_is_refused_and_leaves_nothing(submitted: Submitted, tmp_path: Path, videos: bool) -> None:
    run = _copy(submitted.run, tmp_path / "run")
    next((run / "videos" / "static").iterdir()).unlink()
    out = tmp_path / "out" / "a.zip"
    with pytest.raises(UserError, match=r"mp4 is not there: `i2vbench run --resume --out .*run` makes it again"):
        pack(Wish(run=run, out=out, videos=videos))
    assert list(out.parent.iterdir()) == []


def test_features_that_are_lost_or_of_another_network_are_refused(submitted: Submitted, tmp_path: Path) -> None:
    import numpy as np

    run = _copy(submitted.run, tmp_path / "run")
    first, second = sorted((run / "features" / "fid" / "models" / "static").iterdir())[:2]
    np.save(second, np.load(second)[:, :7])
    with pytest.raises(UserError, match="they do not come from one network"):
        pack(Wish(run=run, out=tmp_path / "a.zip"))
    first.unlink()
    with pytest.raises(UserError, match=f"{first.name} cannot be read"):
        pack(Wish(run=run, out=tmp_path / "a.zip"))


def test_a_run_that_another_process_works_on_is_left_alone(submitted: Submitted, tmp_path: Path) -> None:
    run = _copy(submitted.run, tmp_path / "run")
    with filelock.FileLock(run / "run.lock"), pytest.raises(UserError, match="another process works on the run"):
        pack(Wish(run=run, out=tmp_path / "a.zip"))


def test_a_plan_that_run_json_does_not_make_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", RunSpec([sample("a", "Pet")], {}))  # its requests have the seed 7
    with pytest.raises(UserError, match=r"the plan of static in run\.sqlite is not the one that run\.json makes"):
        pack(Wish(run=run, out=tmp_path / "a.zip"))


def test_failures_what_does_not_apply_and_metrics_of_others(go: Go, look: Look, tmp_path: Path) -> None:
    """A run that is not all well is packed as it is; of a metric that is not built in only the records."""
    run = go([test_parts.FailsOnOne, "ground_truth"], [test_parts.One, "temporal_flickering"]).folder
    packed = pack(Wish(run=run, out=tmp_path / "mixed.zip"))
    assert (packed.manifest.metrics, packed.manifest.others) == (["temporal_flickering"], [test_parts.One.info.id])
    report = look((tmp_path / "mixed.zip").read_bytes())
    assert report.verified, report.faults
    assert report.facts["model noise"] == "5 done, 1 failed; adapters/noise/source.py"
    assert report.facts["model ground_truth"] == "5 done, 1 not applicable; ground_truth"
    assert f"{test_parts.One.info.id} is not built in: its cells are not looked at" in report.notes
    assert any("the data set data was not named" in note for note in report.notes)
    contents = (tmp_path / "mixed.zip").read_bytes()
    assert str(tmp_path).encode() not in contents
    assert b"CUDA out of memory" in contents
    only = go([test_parts.Noise], [test_parts.One], out=tmp_path / "only").folder
    with pytest.raises(UserError, match="no built-in metric"):
        pack(Wish(run=only, out=tmp_path / "a.zip"))


@pytest.mark.parametrize(
    ("spec", "short"),
    [
        ("static", "static"),
        ("/home/me/a b/mine.py:Mine", "./mine.py:Mine"),
        ("videos:/data/of me/clips/", "videos:./clips"),
        ("videos:mine=/data/clips", "videos:mine=./clips"),
        ("consisti2v:no-frameinit", "consisti2v:no-frameinit"),
        ("consisti2v:no-frameinit=~/x/y", "consisti2v:no-frameinit=./y"),
        ("external:C:\\Users\\me\\mine.toml", "external:./mine.toml"),
        ("diffusers:owner/model", "diffusers:owner/model"),
        ("ucf101:/data/stride-1", "ucf101:./stride-1"),
        ("folder:/", "folder:./"),
    ],
)
def test_of_a_path_in_a_name_its_last_part_is_left(spec: str, short: str) -> None:
    assert short_spec(spec) == short


def test_folders_are_taken_out_of_texts(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "run")
    said = f"{tmp_path}/run/videos/a.mp4: broken; see /var/lib/x y.txt, https://example.org/a/b and 3/4, {Path.home()}"
    told = folders.out_of(said)
    assert told == "videos/a.mp4: broken; see x y.txt, https://example.org/a/b and 3/4, ."
    assert folders.out_of(f"{tmp_path}/run-2/x") == "x"
    assert folders.out_of_all({"a": [f"{tmp_path}/run/b", 1, None]}) == {"a": ["b", 1, None]}


@given(st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), min_size=2, max_size=5))
def test_no_folder_of_a_path_stays(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    assert Folders(Path("/nowhere/run")).out_of(f"cannot open {path}") == f"cannot open {parts[-1]}"
    assert short_spec(f"videos:{path}") == f"videos:./{parts[-1]}"


HTTP = """
height = 32
width = 48
num_frames = 16
fps = 8
budget_clips = 4
[submit]
url = "https://api.example.com/videos"
body = { prompt = "{prompt}", image = "{first_frame_base64}", seed = "{seed}" }
[result]
holds = "body"
"""
EXTERNAL = """
num_frames = 16
[config]
steps = 20
[limits]
request_seconds = 10
[once]
command = ["{python}", "generate.py", "--prompt={prompt}", "--seed={seed}"]
video = "{out_dir}/*.mp4"
"""


@pytest.mark.parametrize(
    ("kind", "text", "harmless", "change", "named"),
    [
        ("http", HTTP, ("budget_clips = 4", "budget_clips = 5"), ("{prompt}", "{prompt}, best quality"), "submit"),
        ("http", HTTP, ("", "title = 'mine'"), ("width = 48", "width = 64"), "width"),
        ("external", EXTERNAL, ("request_seconds = 10", "memory_gb = 1"), ("steps = 20", "steps = 50"), "config"),
        ("external", EXTERNAL, ("", "title = 'mine'"), ('seed}"]', 'seed}", "--best"]'), "command"),
    ],
)
def test_a_model_that_a_file_describes_brings_that_file_if_it_says_what_it_said(
    tmp_path: Path, kind: str, text: str, harmless: tuple[str, str], change: tuple[str, str], named: str
) -> None:
    described = tmp_path / "mine.toml"
    described.write_text(text)
    model = MODELS.create(f"{kind}:{described}")
    settings = {**json.loads(json.dumps(model.stated())), "code": {"commit": "x"}, "versions": {}}  # type: ignore[attr-defined]
    record: dict[str, Any] = {
        "spec": f"{kind}:{described}", "info": info_as_dict(model.info),
        "settings": settings if kind == "external" else model.settings(),
    }  # fmt: skip
    for mended in (text, text.replace(*harmless, 1)):
        described.write_text(mended)
        found = find_adapter("a b", record)
        assert found is not None
        assert found.path == described
        assert found.member.startswith("adapters/a-b-")
        assert found.member.endswith("/settings.toml")
    described.write_text(text.replace(*change))
    with pytest.raises(UserError, match=rf"it says otherwise of {named} than what made the videos of a b\."):
        find_adapter("a b", record)
    described.unlink()
    with pytest.raises(UserError, match=r"mine\.toml, which describes the model a b, is not there any more"):
        find_adapter("a b", record)


def test_a_model_of_this_package_brings_none() -> None:
    assert find_adapter("static", {"spec": "static", "info": {}}) is None
