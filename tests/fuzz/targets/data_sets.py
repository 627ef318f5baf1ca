"""Data sets, and the clips of a training."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.mutate import mutate_json
from tests.fuzz.target import target, texts, written


def _metadata(room: Path) -> Sequence[bytes]:
    written(room, "a.mp4", b"x")
    written(room, "b.png", b"x")
    plain = "file_name,id,category,prompt,objects,scene\na.mp4,a,Pet,a dog,dog,park\nb.png,b,Food,,,\n"
    header = "file_name,id,category,prompt,start,end,width,height,num_frames,fps,sha256,prompt_state,source"
    full = f"\ufeff{header}\na.mp4,a,Pet,a dog,0.5,2.5,48,32,8,8,{'a' * 64},checked,https://example.org\n"
    return [plain.encode(), full.encode()]


@target(_metadata)
def metadata_csv(room: Path, data: bytes) -> None:
    from i2vbench.datasets.metadata import read_table

    for fault in read_table(room, data).faults:
        str(fault)


@target(_metadata)
def further_columns(room: Path, data: bytes) -> None:
    """As `data sheets` reads them: of a folder that was found valid."""
    from i2vbench.curation.folder_clips import _other_columns
    from i2vbench.datasets.metadata import read_table

    if not read_table(room, data).faults:
        written(room, "metadata.csv", data)
        _other_columns(room)


@target(_metadata)
def annotated_metadata(room: Path, data: bytes) -> None:
    from i2vbench.datasets.annotations import Annotation, with_annotations
    from i2vbench.datasets.metadata import read_table

    if not read_table(room, data).faults:
        read_table(room, with_annotations(data, {"a": Annotation('x,"\n', ("cat",), "sea", "checked")}))


@target(
    texts(
        "source,start,end,category,prompt\nhttps://youtu.be/dQw4w9WgXcQ,1:02,62.5,Pet,a dog\n",
        "youtube_id,id,source_start,source_end,category,prompt,title\ndQw4w9WgXcQ,a,0,2,Pet,a dog,=1\n",
    )
)
def download_manifest(room: Path, data: bytes) -> None:
    from i2vbench.datasets.download.manifest import read_manifest

    read_manifest(written(room, "manifest.csv", data))


_TABLES = (
    ("t.csv", b"video,caption,category\na.mp4,a dog,Pet\nb.mp4,a cat,Food\n"),
    ("t.tsv", b"file\tprompt\na.mp4\ta dog\n"),
    ("t.json", json.dumps({"data": {"Pet": {"a.mp4": "a dog", "b": {"caption": "x", "fps": 8}}}}).encode()),
    ("t.json", json.dumps({"video": ["a.mp4", "b.mp4"], "prompt": ["x", "y"]}).encode()),
    ("t.jsonl", b'{"video": "a.mp4", "prompt": "a"}\n["b.mp4", "b"]\n'),
    ("t.txt", b"a.mp4: a dog\nb.mp4: a cat\n"),
)


@target(lambda room: [name.encode() + b"\0" + data for name, data in _TABLES])
def import_table(room: Path, data: bytes) -> None:
    from i2vbench.datasets.i2v_bench.sources import Found
    from i2vbench.datasets.i2v_bench.tables import read_table

    for name in ("t.csv", "t.json", "t.jsonl", "t.txt"):
        path = written(room, name, data.partition(b"\0")[2])
        read_table(Found(path, ("Pet", name)), lambda text: text in ("a.mp4", "b.mp4", "a", "b"))


def _archives(room: Path) -> Sequence[bytes]:
    found = []
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Pet/a.mp4", b"video" * 50)
            archive.writestr("t.csv", "video,prompt\na.mp4,x\n")
        found.append(file.getvalue())
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        with io.BytesIO() as file:
            with tarfile.open(fileobj=file, mode=mode) as tar:  # type: ignore[call-overload]
                info = tarfile.TarInfo("Pet/a.mp4")
                info.size = 250
                tar.addfile(info, io.BytesIO(b"video" * 50))
                link = tarfile.TarInfo("Pet/b.mp4")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(link)
            found.append(file.getvalue())
    return found


@target(_archives)
def import_archive(room: Path, data: bytes) -> None:
    from i2vbench.datasets.i2v_bench.archives import Damaged, Meter, TooMuch, unpack

    inside = room / "inside"
    try:
        unpack(written(room, "archive", data), inside, Meter())
    except (Damaged, TooMuch):
        pass
    finally:
        assert not any(path.is_symlink() for path in inside.rglob("*"))
        shutil.rmtree(inside, ignore_errors=True)


@target(
    texts(
        json.dumps(
            {"sentences": [{"video_id": "video1", "caption": "x"}], "videos": [{"video_id": "video1", "category": 1}]}
        ),
        json.dumps({"annotations": [{"image_id": "video1", "caption": "x"}]}),
        json.dumps([{"video": "video1.mp4", "caption": ["x", "y"]}]),
    ),
    mutate_json,
)
def msrvtt_captions(room: Path, data: bytes) -> None:
    from i2vbench.datasets.msrvtt_captions import read_annotations

    written(room, "captions.json", data)
    read_annotations(room, ["video1"])


@target(texts('{"text": "a dog", "file": "a.mp4", "fps": 8}\n{"text": "b", "file": "/x/b.mp4", "fps": 8}\n'))
def training_lines(room: Path, data: bytes) -> None:
    from i2vbench.models.consisti2v.training.clips import ClipError, WebVidClips

    with contextlib.suppress(ClipError):
        list(WebVidClips(written(room, "clips.jsonl", data), room))
