"""The work on a Ray cluster of two nodes: the numbers of the local engine, whoever is lost on the way."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from i2vbench.engine.ray_actor import check_seen
from i2vbench.errors import UserError
from i2vbench.names import FORMATS
from i2vbench.place import Place
from i2vbench.run_file import read_settings
from i2vbench.settings import RunConfig
from i2vbench.store import Store
from i2vbench.tables import collect, write_tables
from tests.conftest import Cli, Go
from tests.engine import ray_parts
from tests.engine.ray_parts import wait_for
from tests.parts import Noise

ray = pytest.importorskip("ray", reason="ray is not installed")

PARTS = ray_parts.__file__


def part(kind: type) -> str:
    return f"{PARTS}:{kind.__name__}"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each; runs join it and leave it."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
    # Ray would end workers because of what else is in this machine's memory.
    made = Cluster(initialize_head=True, head_node_args=node | {"_system_config": {"memory_monitor_refresh_ms": 0}})
    made.add_node(**node)
    yield made
    made.shutdown()


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each worker that is lost, whether its task may be at fault; nobody is waited for long."""
    from i2vbench.engine import ray_crew

    seen: list[bool] = []
    lost = ray_crew.Actor._lost

    def count(self: Any, by_task: bool) -> None:
        seen.append(by_task)
        lost(self, by_task)

    monkeypatch.setattr(ray_crew.Actor, "_lost", count)
    monkeypatch.setattr(ray_crew, "_GRACE_SECONDS", 0.3)
    return seen


def tables(folder: Path) -> dict[str, bytes]:
    write_tables(collect([folder]), folder / "tables", FORMATS)
    return {path.name: path.read_bytes() for path in sorted((folder / "tables").rglob("*")) if path.is_file()}


def generated(tmp_path: Path) -> Counter[str]:
    """How often each clip's generation was begun."""
    lines = map(json.loads, (tmp_path / "calls").read_text().splitlines())
    return Counter(id_ for kind, ids in lines if kind == "generate" for id_ in ids)


def test_lost_workers_are_replaced_and_the_tables_are_those_of_the_local_engine(
    cluster: Any, go: Go, tmp_path: Path, losses: list[bool]
) -> None:
    models, metrics = [part(ray_parts.DiesOnce), "pan"], [part(ray_parts.Distance), "temporal_flickering"]
    marks = [tmp_path / "died generating", tmp_path / "died measuring"]
    for path in marks:
        path.touch()
    local = go(models, metrics, out=tmp_path / "local", seeds=(0, 1))
    for path in [*marks, tmp_path / "calls"]:
        path.unlink()

    there = go(models, metrics, out=tmp_path / "ray", seeds=(0, 1), engine="ray", address=cluster.address)

    assert all(path.exists() for path in marks)
    assert losses == [True, True]
    assert there.failed == 0
    expected = tables(local.folder)
    assert len(expected) >= 8
    assert tables(there.folder) == expected
    assert json.loads((there.folder / "run.json").read_text())["engines"] == ["ray"]
    assert not list((there.folder / "videos").rglob(".*"))
    assert not ray.is_initialized()


def test_a_batch_that_kills_every_worker_is_given_up(cluster: Any, go: Go, tmp_path: Path, losses: list[bool]) -> None:
    outcome = go([part(ray_parts.AlwaysDies)], engine="ray", address=cluster.address, workers=1)
    assert all(losses)
    assert len(losses) in (3, 4), "three with nothing else in hand, and one before that may have had another task"
    assert generated(tmp_path)["clip-2"] == len(losses)
    with Store.open(outcome.folder) as store:
        found = {clip.sample_id: (clip.state, clip.reason) for clip in store.clips()}
        measured = {row.sample_id for row in store.measurements() if row.state == "done"}
    assert {found.pop(id_) for id_ in ("clip-2", "clip-3")} == {("failed", "3 workers died of it")}
    assert set(found.values()) == {("done", None)}
    assert measured == set(found)


def test_a_worker_with_other_versions_is_refused(cluster: Any, go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    from i2vbench.engine import ray_cluster

    facts = ray_cluster.facts
    monkeypatch.setattr(ray_cluster, "facts", lambda *given: facts(*given) | {"torch": "1.0", "gpu": "B200"})
    with pytest.raises(UserError, match=r"the worker on \S+: .*not be those of the others") as refused:
        go([Noise], engine="ray", address=cluster.address, workers=1)
    lines = str(refused.value).splitlines()[1:]
    assert [line.partition(":")[0].strip() for line in lines] == ["torch", "gpu"]
    assert lines[0].endswith("there, 1.0 here")
    assert not ray.is_initialized()


def test_a_worker_that_does_not_see_the_run_is_refused(
    cluster: Any, go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from i2vbench import run

    kit = run._kit

    def elsewhere(*given: Any) -> Any:
        packed = kit(*given)
        return replace(packed, place=replace(packed.place, folder=tmp_path / "nowhere"))

    monkeypatch.setattr(run, "_kit", elsewhere)
    said = rf"the worker on \S+: it does not see the run's folder {tmp_path}/nowhere: .* \(--out /shared/RUN\)"
    with pytest.raises(UserError, match=said):
        go([Noise], engine="ray", address=cluster.address, workers=1)


def test_a_folder_of_the_same_name_is_not_enough(go: Go, data: Path, tmp_path: Path) -> None:
    folder = go([Noise]).folder
    recorded = read_settings(folder)
    clip = data / "clip-0.mp4"

    def check(at: Path, recorded: dict[str, Any], seen: Path) -> None:
        check_seen(SimpleNamespace(place=Place(at), recorded=recorded), seen)  # type: ignore[arg-type]

    check(folder, recorded, clip)
    with pytest.raises(UserError, match="it has another run at"):
        check(folder, recorded | {"seeds": [7]}, clip)
    with pytest.raises(UserError, match="it does not see the data set .*gone.mp4 is not there"):
        check(folder, recorded, tmp_path / "gone.mp4")


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"engine": "spark"}, "--engine 'spark': expected local or ray"),
        ({"address": "auto", "workers": 2}, "--address, --workers: only --engine ray has that"),
        ({"gpus_per_worker": 0.5}, "--gpus-per-worker: only --engine ray has that"),
        ({"engine": "ray", "devices": ("cpu", "cpu")}, "--devices: only the local engine has that"),
        ({"engine": "ray", "gpus_per_worker": 2}, "--gpus-per-worker 2: a worker uses one GPU"),
        ({"engine": "ray", "device": "cuda:1"}, "--device cuda:1: with --engine ray it is auto, cpu or cuda"),
        ({"engine": "ray", "address": "ray://head:10001"}, "--address ray://head:10001: the run is directed by a mach"),
        ({"engine": "ray", "address": "127.0.0.1:9"}, r"--address 127.0.0.1:9: no Ray cluster answers there \(.+\)"),
        ({"engine": "ray", "address": "head:port"}, "--address head:port: expected HOST:PORT, or auto"),
        ({"engine": "ray", "address": "nonsense"}, "--address nonsense: .+"),
    ],
)  # fmt: skip
def test_what_an_engine_does_not_have_is_refused(go: Go, tmp_path: Path, options: dict[str, Any], refusal: str) -> None:
    with pytest.raises(UserError, match=refusal):
        go([Noise], **options)
    assert not (tmp_path / "run").exists()


def test_without_ray_it_says_what_to_install(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"^--engine ray needs ray: pip install 'i2vbench\[ray\]'$"):
        go([Noise], engine="ray")


def test_a_run_is_gone_on_with_by_its_folder_alone_on_another_engine(go: Go, cli: Cli) -> None:
    folder = go([Noise]).folder
    done = cli("run", "--resume", "--out", folder, "--engine", "ray", "--address", "127.0.0.1:9", "--workers", 2,
               "--gpus-per-worker", 0.5)  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--address 127.0.0.1:9: no Ray cluster answers there" in done.stderr


def test_who_works_gives_a_run_no_other_name() -> None:
    from i2vbench.run import default_folder

    names = {
        default_folder(RunConfig(models=("static",), **options), "demo")
        for options in ({}, {"engine": "ray", "address": "auto", "workers": 3, "gpus_per_worker": 0.5})
    }
    assert len(names) == 1


@pytest.mark.parametrize(("share", "count"), [(1.0, 3), (0.5, 6), (0.3, 9), (0.1, 30)])
def test_there_are_as_many_workers_as_the_gpus_have_room_for(
    monkeypatch: pytest.MonkeyPatch, share: float, count: int
) -> None:
    """A share is of one GPU: what is left of two is none."""
    from i2vbench.engine.ray_cluster import RayEngine

    nodes = [{"Alive": alive, "Resources": {"GPU": gpus}} for alive, gpus in ((True, 2.0), (True, 1.0), (False, 8.0))]
    nodes.append({"Alive": True, "Resources": {"CPU": 64.0}})
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(nodes=lambda: nodes))
    assert RayEngine(None, None, share)._on_gpus() == count


@pytest.mark.slow
def test_the_small_networks_give_the_same_tables(cluster: Any, go: Go, tmp_path: Path) -> None:
    options: dict[str, Any] = {"dataset": "tiny", "profile": "tiny", "limit": 4, "skip_missing": True}
    models = ["consisti2v", "pan"]
    local = go(models, ["all"], out=tmp_path / "local", **options)
    there = go(models, ["all"], out=tmp_path / "ray", engine="ray", address=cluster.address, **options)
    assert (local.failed, there.failed) == (0, 0)
    assert tables(there.folder) == tables(local.folder)


def test_a_node_that_vanishes_costs_no_clip(cluster: Any, go: Go, tmp_path: Path, losses: list[bool]) -> None:
    """The last one: there is one node less then."""
    models = [part(ray_parts.OnTwoMachines)]
    (tmp_path / "died measuring").touch()
    local = go(models, [part(ray_parts.Distance)], out=tmp_path / "local")
    (tmp_path / "calls").unlink()
    (goes,) = cluster.worker_nodes
    (tmp_path / "goes").write_text(goes.node_id)

    def remove() -> None:
        wait_for(tmp_path / "begun there")
        cluster.remove_node(goes, allow_graceful=False)

    removing = threading.Thread(target=remove)
    removing.start()
    there = go(models, [part(ray_parts.Distance)], out=tmp_path / "ray", engine="ray", address=cluster.address)
    removing.join()

    assert losses == [False]
    counts = generated(tmp_path)
    assert len(counts) == 6
    assert sorted(counts.values())[-1] == 2  # begun there, and again
    assert there.failed == 0
    assert tables(there.folder) == tables(local.folder)
