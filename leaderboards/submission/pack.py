"""A run's folder -> one archive: the same run gives the same bytes, whenever and wherever it is packed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench import __version__
from i2vbench.admission import Verdict
from i2vbench.errors import UserError
from i2vbench.files import atomic_file, file_sha256
from i2vbench.leaderboards.submission.adapters import Adapter, find_adapter
from i2vbench.leaderboards.submission.archive import ArchiveWriter
from i2vbench.leaderboards.submission.arrays import Features, shape_of
from i2vbench.leaderboards.submission.lines import ClipLine, MeasurementLine, SampleLine, as_line
from i2vbench.leaderboards.submission.manifest import Manifest
from i2vbench.leaderboards.submission.names import CLIPS, MANIFEST, MEASUREMENTS, RUN, SAMPLES
from i2vbench.leaderboards.submission.private import Folders, shortened_settings
from i2vbench.leaderboards.submission.reading import at_rest, examine_models
from i2vbench.leaderboards.submission.records import features_member
from i2vbench.leaderboards.submission.restore import restore
from i2vbench.leaderboards.submission.settings_check import split_metrics
from i2vbench.names import FORMATS
from i2vbench.plan import request_seed
from i2vbench.rows import ClipRow, MeasurementRow, SampleRow
from i2vbench.store import REFERENCE, Store
from i2vbench.tables import collect, write_tables
from i2vbench.video import VideoError, read_image

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be packed.

    Attributes:
        run: The run's folder.
        out: The archive.
        models: Names of columns; none takes all.
        videos: Whether videos go in.
        contact: Whom to ask.
        tell: Told after each video how many of all are read.
    """

    run: Path
    out: Path
    models: Sequence[str] = ()
    videos: bool = False
    contact: str = ""
    tell: Tell = lambda done, total: None


@dataclass(frozen=True, slots=True)
class Packed:
    """What came of it: the manifest, the archive's size and hash."""

    manifest: Manifest
    size: int
    sha256: str


def pack(wish: Wish) -> Packed:
    """Write the archive, which says whether the run may go on a leaderboard; it appears whole or not at all.

    Raises:
        UserError: An adapter's file has changed since; a video is missing; the store is not what run.json says;
            another process works on the run; the archive cannot be written.
    """
    settings, verdict = examine_models(wish.run, wish.models)
    if not split_metrics(settings)[0]:
        raise UserError(f"{wish.run} has no built-in metric: nobody else could make its numbers again")
    adapters = {name: find_adapter(name, record) for name, record in settings["models"].items()}
    try:
        wish.out.parent.mkdir(parents=True, exist_ok=True)
        with (
            at_rest(wish.run),
            atomic_file(wish.out) as file,
            _room(wish.out) as room,
        ):
            packing = _Packing(wish, settings, adapters, ArchiveWriter(file))
            manifest = packing.run(verdict, room)
    except OSError as error:
        raise UserError(f"{wish.out} cannot be written: {error.strerror or error}") from error
    return Packed(manifest, wish.out.stat().st_size, file_sha256(wish.out))


@contextmanager
def _room(out: Path) -> Iterator[Path]:
    """A folder beside the archive while that is written; what a killed process has left of it goes first."""
    room = out.with_name(f".{out.name}.rows")
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


class _Packing:
    """One archive being written."""

    def __init__(
        self, wish: Wish, settings: Mapping[str, Any], adapters: Mapping[str, Adapter | None], writer: ArchiveWriter
    ) -> None:
        self._wish, self._adapters, self._writer = wish, adapters, writer
        self._folders = Folders(wish.run)
        self._settings, self._shortened = shortened_settings(settings, self._folders)
        self._metrics, self._others = split_metrics(settings)

    def run(self, verdict: Verdict, room: Path) -> Manifest:
        writer = self._writer
        writer.add_bytes(RUN, (json.dumps(self._settings, indent=2, ensure_ascii=False) + "\n").encode())
        with Store.open(self._wish.run) as store:
            samples, clips = store.samples(), self._clips(store)
            writer.add_bytes(SAMPLES, b"".join(as_line(self._sample(row)) for row in samples))
            videos = self._take_videos(clips)
            writer.add_bytes(CLIPS, b"".join(as_line(self._clip(row, videos)) for row in clips))
            self._add_measurements(store, samples, clips, room)
        for adapter in self._adapters.values():
            if adapter is not None:
                writer.add_file(adapter.member, adapter.path)
        self._add_tables(room)
        manifest = self._manifest(verdict, videos)
        writer.add_bytes(MANIFEST, manifest.as_bytes())
        writer.finish()
        return manifest

    def _clips(self, store: Store) -> list[ClipRow]:
        """The clips of the chosen models; they must be those of the plan that run.json makes."""
        ids = [sample.id for sample in store.samples()]
        plan = [(id_, seed, request_seed(seed, id_)) for id_ in ids for seed in self._settings["seeds"]]
        found: list[ClipRow] = []
        for model in self._settings["models"]:
            rows = store.clips(model)
            if [(row.sample_id, row.seed, row.request_seed) for row in rows] != plan:
                raise UserError(
                    f"{self._wish.run}: the plan of {model} in run.sqlite is not the one that run.json makes"
                )
            found += rows
        return found

    def _sample(self, row: SampleRow) -> SampleLine:
        return SampleLine(row.id, row.category, row.prompt, list(row.objects), row.scene, self._pixels(row.first_frame))

    def _pixels(self, path: str | None) -> str | None:
        """The hash of a first frame's pixels."""
        if path is None:
            return None
        try:
            return hashlib.sha256(read_image(self._wish.run / path).tobytes()).hexdigest()
        except VideoError:
            return None  # it is for looking at alone, and no number hangs on it

    def _take_videos(self, clips: Sequence[ClipRow]) -> dict[str, tuple[str, int]]:
        """Hash and size of every video, by where it lies in the run; packed on the way, if they are to be."""
        paths = [row.video for row in clips if row.state == "done"]
        found = {}
        for number, path in enumerate(paths, start=1):
            video = self._wish.run / path
            if not video.is_file():
                raise UserError(f"{video} is not there: `i2vbench run --resume --out {self._wish.run}` makes it again")
            if self._wish.videos:
                self._writer.add_file(path, video)
                found[path] = self._writer.hashes[path], self._writer.entries[path].size
            else:
                found[path] = file_sha256(video), video.stat().st_size
            self._wish.tell(number, len(paths))
        return found

    def _clip(self, row: ClipRow, videos: Mapping[str, tuple[str, int]]) -> ClipLine:
        sha256, size = videos.get(row.video, (None, None)) if row.state == "done" else (None, None)
        reason = None if row.reason is None else self._folders.out_of(row.reason)
        return ClipLine(row.model, row.sample_id, row.seed, row.request_seed, row.state, reason, sha256, size)

    def _add_measurements(
        self, store: Store, samples: Sequence[SampleRow], clips: Sequence[ClipRow], room: Path
    ) -> None:
        """Every record, real clips' last; then the features, an array for each metric and model."""
        path, arrays = room / MEASUREMENTS, {}
        with open(path, "wb") as file:
            for model in (*self._settings["models"], REFERENCE):
                wanted = (
                    [(row.id, 0) for row in samples]
                    if model == REFERENCE
                    else [(row.sample_id, row.seed) for row in clips if row.model == model and row.state == "done"]
                )
                for id_ in self._settings["metrics"]:
                    known = {(row.sample_id, row.seed): row for row in store.measurements(id_, model)}
                    rows = [known[key] for key in wanted if key in known]
                    packed = [row for row in rows if row.features is not None and id_ in self._metrics]
                    places = {(row.sample_id, row.seed): place for place, row in enumerate(packed)}
                    for row in rows:
                        file.write(as_line(self._measurement(row, places.get((row.sample_id, row.seed)))))
                    if packed:
                        arrays[features_member(id_, model or None)] = packed
        self._writer.add_file(MEASUREMENTS, path)
        for name, packed in arrays.items():
            self._add_features(name, store, packed)

    def _measurement(self, row: MeasurementRow, place: int | None) -> MeasurementLine:
        reason = None if row.reason is None else self._folders.out_of(row.reason)
        details = self._folders.out_of_all(dict(row.details))
        return MeasurementLine(
            row.metric, row.model or None, row.sample_id, row.seed, row.state, row.value, place, details, reason
        )

    def _add_features(self, name: str, store: Store, rows: Sequence[MeasurementRow]) -> None:
        first = self._features(store, rows[0])
        shape = shape_of(len(rows), first)
        if shape is None:
            raise UserError(
                f"{rows[0].features}: {first.dtype} {list(first.shape)} are no features of {rows[0].metric}"
            )

        def pieces() -> Iterator[bytes]:
            yield shape.header()
            for row in rows:
                features = self._features(store, row)
                if features.shape != first.shape or features.dtype != first.dtype:
                    raise UserError(
                        f"{row.features}: {features.dtype} {list(features.shape)}, where {rows[0].sample_id} has "
                        f"{first.dtype} {list(first.shape)}: they do not come from one network"
                    )
                yield np.ascontiguousarray(features, dtype=shape.dtype).tobytes()

        self._writer.add(name, shape.size, pieces())

    def _features(self, store: Store, row: MeasurementRow) -> Features:
        try:
            features = store.load_measurement(row).features
        except (OSError, ValueError) as error:
            raise UserError(f"{store.folder}/{row.features} cannot be read: {error}") from error
        assert features is not None  # the row names them
        return features

    def _add_tables(self, room: Path) -> None:
        """The tables that anyone makes of the archive: of its rows, not of the folder's."""
        restored = restore(self._writer, self._settings, room / "run")
        results = collect([restored.folder], self._metrics, trusted=[])
        for path in write_tables(results, room / "tables", FORMATS, clips=False):
            self._writer.add_file(f"tables/{path.name}", path)

    def _manifest(self, verdict: Verdict, videos: Mapping[str, tuple[str, int]]) -> Manifest:
        dataset, writer = self._settings["dataset"], self._writer
        return Manifest(
            i2vbench=__version__,
            contact=self._wish.contact,
            dataset={key: dataset[key] for key in ("name", "samples", "fingerprint")},
            seeds=list(self._settings["seeds"]),
            models={name: self._model(name) for name in self._settings["models"]},
            metrics=self._metrics,
            others=self._others,
            reasons=[self._folders.out_of(reason) for reason in verdict.reasons],
            videos={
                "packed": self._wish.videos,
                "count": len(videos),
                "bytes": sum(size for _, size in videos.values()),
            },
            shortened=self._shortened,
            members={
                name: {"bytes": entry.size, "sha256": writer.hashes[name]} for name, entry in writer.entries.items()
            },
        )

    def _model(self, name: str) -> dict[str, str]:
        record, adapter = self._settings["models"][name], self._adapters[name]
        return {
            "title": str(record["info"].get("title", "")),
            "file": "" if adapter is None else adapter.path.name,
            "member": "" if adapter is None else adapter.member,
            "package": str(record.get("package", "")),
        }
