"""A run on disk: what is recorded is there after any end, and nothing else is believed."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.errors import UserError
from i2vbench.files import atomic_file, write_bytes
from i2vbench.profiles import load_profile
from i2vbench.run_file import FORMAT, read_settings
from i2vbench.store import REFERENCE, Store, folder_name
from i2vbench.types import FrameSource, Measurement, PlannedClip, Sample
from tests.conftest import environment, record

SETTINGS = {
    "format": FORMAT, "i2vbench": "1", "dataset": {"name": "d", "fingerprint": "0", "samples": 5}, "selection": {},
    "models": {"m": {"spec": "m", "info": {}}}, "metrics": {"a": {"spec": "a", "info": {}}},
    "profile": load_profile("paper").as_dict(), "reader": {"name": "pyav", "version": "pyav"},
    "versions": {}, "seeds": [0], "device": "cpu", "dtype": "float32", "batch_size": 2, "measure_batch": 8,
}  # fmt: skip
SAMPLES = [Sample(f"s{i}", "Pet", f"prompt {i}", FrameSource(Path("x")), objects=("dog",)) for i in range(5)]
PLAN = [PlannedClip(sample, 0, i) for i, sample in enumerate(SAMPLES)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "run", SETTINGS)
    store.plan("m", PLAN, batch_size=2)
    return store


def test_a_batch_is_owed_until_all_of_it_is_recorded(store: Store) -> None:
    assert store.owed_batches("m") == [0, 1, 2]
    store.finish_batch("m", {("s0", 0): ("done", None), ("s1", 0): ("failed", "no memory")})
    assert store.owed_batches("m") == [1, 2]
    assert [(c.state, c.reason) for c in store.clips("m", batch=0)] == [("done", None), ("failed", "no memory")]


def test_planning_again_changes_nothing(store: Store) -> None:
    store.finish_batch("m", {("s0", 0): ("done", None), ("s1", 0): ("done", None)})
    before = store.clips()
    store.plan("m", PLAN, batch_size=2)
    assert store.clips() == before


def test_measurements_come_back_as_they_were(store: Store) -> None:
    features = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    made = [
        Measurement("s0", "a", value=0.1 + 0.2, details={"pairs": [1.5, 2.5], "word": "über"}),
        Measurement("s1", "a", features=features),
        Measurement("s2", "a", error="too dark"),
    ]
    record(store, "m", [0, 0, 0], made)
    rows = list(store.measurements("a", "m"))
    assert [row.state for row in rows] == ["done", "done", "failed"]
    back = [store.load_measurement(row) for row in rows]
    assert back[0].value == 0.1 + 0.2
    assert back[0].details == made[0].details
    assert back[1].features is not None
    np.testing.assert_array_equal(back[1].features, features)
    assert back[1].features.dtype == np.float32
    assert back[2].error == "too dark"


def test_owing_a_batch_again_forgets_what_was_measured_of_it(store: Store) -> None:
    store.finish_batch("m", {(f"s{i}", 0): ("done", None) for i in range(4)})
    record(store, "m", [0, 0], [Measurement("s0", "a", value=1.0), Measurement("s2", "a", value=1.0)])
    record(store, REFERENCE, [0], [Measurement("s0", "a", value=2.0)])
    store.owe_again("m", [0])
    assert store.owed_batches("m") == [0, 2]
    assert [(r.model, r.sample_id) for r in store.measurements("a")] == [(REFERENCE, "s0"), ("m", "s2")]


def test_a_clip_whose_video_is_gone_is_owed_again(store: Store) -> None:
    store.finish_batch("m", {(f"s{i}", 0): ("done", None) for i in range(4)})
    for clip in store.clips("m")[:3]:
        write_bytes_with_folder(store.folder / clip.video)
    record(store, "m", [0], [Measurement("s0", "a", features=np.ones(3))])
    store.lose_missing_files(["other"])
    assert store.owed_batches("m") == [2]
    store.lose_missing_files(["m"])
    assert store.owed_batches("m") == [1, 2]


def test_features_that_are_gone_are_owed_again(store: Store) -> None:
    record(store, "m", [0, 0], [Measurement(s, "a", features=np.ones(3)) for s in ("s0", "s1")])
    gone, kept = store.measurements("a")
    (store.folder / (gone.features or "")).unlink()
    store.lose_missing_files([])
    assert [row.sample_id for row in store.measurements("a")] == [kept.sample_id]


def test_real_clips_and_a_model_called_reference_keep_features_of_their_own(store: Store) -> None:
    store.plan("reference", PLAN, batch_size=2)
    for model, value in (("", 1.0), ("reference", 2.0), ("real", 3.0)):
        record(store, model, [0], [Measurement("s0", "a", features=np.array([value]))])
    loaded = [store.load_measurement(row).features for row in store.measurements("a")]
    assert sorted(float(f[0]) for f in loaded if f is not None) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE measurement SET value = 9e999", "inf"),
        ("UPDATE measurement SET details = '[1]'", "no JSON object"),
        ("UPDATE measurement SET details = '" + "[" * 100_000 + "'", "nested too deeply"),
        ("UPDATE measurement SET details = '{\"x\": 1e999}'", "not finite"),
        ('UPDATE measurement SET details = \'{"brought": "resized"}\'', "made as"),
        ("UPDATE measurement SET details = '{\"doubts\": 3}'", "no texts"),
        ("UPDATE measurement SET features = '../../secret.npy'", "leaves the run's folder"),
        ("UPDATE clip SET video = '/etc/passwd'", "leaves the run's folder"),
        ("UPDATE sample SET first_frame = 'x/../../y.png'", "leaves the run's folder"),
    ],
)
def test_a_run_of_somebody_else_is_held_to_its_folder_and_to_numbers(store: Store, sql: str, reason: str) -> None:
    record(store, "m", [0], [Measurement("s0", "a", value=1.0)])
    store.close()
    with sqlite3.connect(store.folder / "run.sqlite") as db:
        db.execute(sql)
    db.close()
    with Store.open(store.folder) as again, pytest.raises(UserError, match="run.sqlite cannot be read") as refusal:
        read_all(again)
    assert reason in str(refusal.value)


def steps_of_a_batch(store: Store, clips: int) -> int:
    """What SQLite does for one batch of a plan of so many clips, in hundreds of its steps."""
    samples = [Sample(f"t{i:05}", "Pet", "", FrameSource(Path("x"))) for i in range(clips)]
    model = f"of {clips}"
    store.plan(model, [PlannedClip(sample, 0, 0) for sample in samples], batch_size=8)
    store.finish_batch(model, {(sample.id, 0): ("done", None) for sample in samples})
    record(store, model, [0] * clips, [Measurement(sample.id, "a", 1.0) for sample in samples])
    some = store.clips(model, positions=range(clips // 2, clips // 2 + 8))
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    store._db.set_progress_handler(count, 100)
    assert store.clips(model, batch=some[0].batch) == some
    assert store.clips(model, positions=range(clips // 2, clips // 2 + 8)) == some
    assert store.count_clips(model, some[0].batch) == 8
    assert len(store.measured(model, [(clip.sample_id, clip.seed) for clip in some])) == 8
    record(store, model, [0] * 8, [Measurement(clip.sample_id, "b", 1.0) for clip in some])
    store.finish_batch(model, {(clip.sample_id, clip.seed): ("done", None) for clip in some})
    store.owe_again(model, [some[0].batch])
    store._db.set_progress_handler(None, 0)
    return steps


def test_a_batch_costs_the_same_in_a_plan_of_any_length(store: Store) -> None:
    few = steps_of_a_batch(store, 160)
    assert few > 5
    assert steps_of_a_batch(store, 3200) < 2 * few


def test_what_is_measured_is_asked_for_any_number_of_clips(store: Store) -> None:
    record(store, "m", [0, 0], [Measurement("s0", "a", value=1.0), Measurement("s4", "a", error="no")])
    record(store, "m", [0], [Measurement("s4", "b", value=1.0)])
    record(store, "other", [0], [Measurement("s1", "a", value=1.0)])
    wanted = [(f"s{i}", seed) for seed in (0, 1) for i in range(700)]
    assert store.measured("m", wanted) == {("a", "s0", 0), ("a", "s4", 0), ("b", "s4", 0)}
    assert store.measured("m", []) == set()


def test_what_failed_is_counted_found_and_owed_again(store: Store) -> None:
    store.finish_batch("m", {("s0", 0): ("done", None), ("s1", 0): ("failed", "no memory")})
    store.finish_batch("m", {("s2", 0): ("done", None), ("s3", 0): ("done", None)})
    both = [Measurement("s0", "a", value=1.0), Measurement("s3", "a", error="no")]
    record(store, "m", [0, 0], both)
    record(store, "m", [0], [Measurement("s2", "b", error="no")])
    record(store, "other", [0], [Measurement("s0", "a", error="no")])
    assert store.count_failed() == 4
    assert [clip.sample_id for clip in store.clips("m", state="failed")] == ["s1"]
    assert [clip.sample_id for clip in store.clips_failed_by("m", ["a"])] == ["s3"]
    assert [clip.sample_id for clip in store.clips_failed_by("m", ["b", "a"])] == ["s2", "s3"]
    store.forget_failed(["m", REFERENCE], ["a"])
    left = {(row.model, row.sample_id, row.metric) for row in store.measurements()}
    assert left == {("m", "s0", "a"), ("m", "s2", "b"), ("other", "s0", "a")}


@pytest.mark.parametrize("wanted", [["y's"], ["x"], ["x", "y's"], ["y's", "z"], [], None])
def test_records_come_in_the_order_of_the_plan_with_the_details_that_are_wanted(
    tmp_path: Path, wanted: list[str] | None
) -> None:
    details = {"x": 0.1 + 0.2, "y's": 2, "also": [1]}
    with Store.create(tmp_path / "back", SETTINGS) as store:
        store.plan("m", PLAN[::-1], batch_size=2)
        record(store, "m", [0] * 5, [Measurement(s.id, "a", 1.0, details=details) for s in SAMPLES])
        record(store, "m", [0], [Measurement("s1", "b", 1.0)])
        found = list(store.planned_measurements("a", "m", wanted))
    assert [(position, row.sample_id) for position, row in found] == [(i, f"s{4 - i}") for i in range(5)]
    kept = {name: value for name, value in details.items() if wanted is None or name in wanted}
    assert all(row.details == kept for _, row in found)


def read_all(store: Store) -> None:
    list(store.measurements())
    store.clips()
    store.samples()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_database_that_is_none_is_refused(store: Store, content: bytes) -> None:
    store.close()
    (store.folder / "run.sqlite").write_bytes(content)
    with pytest.raises(UserError, match="no plan yet|cannot be read"):
        Store.open(store.folder)


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="thesis.tex"):
        Store.create(tmp_path, SETTINGS)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def write_bytes_with_folder(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, b"video")


def test_a_second_process_is_refused_and_a_reader_is_not(store: Store) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from i2vbench.store import Store\nfrom i2vbench.errors import UserError\n"
        "folder = Path(sys.argv[1])\n"
        "print(len(Store.open(folder).clips()))\n"
        "try: Store.create(folder, {}, lambda before, _: before)\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.folder)],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[0] == "5"
    assert "another process works on the run" in done.stdout


def test_the_lock_goes_with_the_store(store: Store) -> None:
    with pytest.raises(UserError, match="another process"):
        Store.create(store.folder, SETTINGS)
    store.close()
    with Store.create(store.folder, SETTINGS, lambda before, _: before) as again:
        assert len(again.clips()) == 5


def test_a_run_of_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(UserError, match="layout 99"):
        read_settings(tmp_path)
    with pytest.raises(UserError, match="not a run"):
        read_settings(tmp_path / "nowhere")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        read_settings(tmp_path)


def test_a_run_in_a_read_only_folder_can_be_read(store: Store, tmp_path: Path) -> None:
    store.finish_batch("m", {("s0", 0): ("done", None), ("s1", 0): ("done", None)})
    store.close()
    for path in [*store.folder.rglob("*"), store.folder]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        with Store.open(store.folder) as again:
            assert [clip.state for clip in again.clips("m")][:2] == ["done", "done"]
    finally:
        for path in [store.folder, *store.folder.rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


@given(st.text(min_size=1), st.text(min_size=1))
def test_folder_names_are_safe_and_stay_apart(one: str, other: str) -> None:
    name = folder_name(one)
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0')
    assert not name.startswith(".")
    assert len(name.encode()) < 120
    if one != other:
        assert name != folder_name(other)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"before")
    with suppress(RuntimeError), atomic_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]
