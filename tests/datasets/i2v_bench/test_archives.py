"""An archive that nobody vouches for: nothing of it leaves the folder, and no size is believed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2vbench.datasets.i2v_bench import archives, released
from i2vbench.datasets.i2v_bench.archives import Damaged, Meter, TooMuch, unpack
from i2vbench.errors import UserError
from tests.datasets.i2v_bench.conftest import Place


def zip_of(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def tar_of(path: Path, *members: tuple[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


Pack = Callable[..., Path]
PACKS: list[tuple[str, Pack]] = [
    ("a.zip", zip_of),
    ("a.tar", tar_of),
    ("a.tar.gz", lambda path, *members: tar_of(path, *members, mode="w:gz")),
    ("a.tar.bz2", lambda path, *members: tar_of(path, *members, mode="w:bz2")),
    ("a.tar.xz", lambda path, *members: tar_of(path, *members, mode="w:xz")),
]
packs = pytest.mark.parametrize(("name", "pack"), PACKS, ids=[name for name, _ in PACKS])


def files_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


HOSTILE = [
    ("../out.mp4", "leaves the folder"),
    ("a/../../out.mp4", "leaves the folder"),
    ("..\\out.mp4", "leaves the folder"),
    ("/etc/out.mp4", "absolute"),
    ("\\\\host\\share\\out.mp4", "absolute"),
    ("C:\\out.mp4", "absolute"),
    ("a\nb.mp4", "control character"),
    ("a\x1b[2J.mp4", "control character"),
    ("a\u2028b.mp4", "control character"),
    ("x" * 1001 + ".mp4", "longer than"),
]


@packs
def test_hostile_names_stay_in_the_archive(tmp_path: Path, name: str, pack: Pack) -> None:
    good = ("Pet/good.mp4", b"good")
    archive = pack(tmp_path / name, *((hostile, b"bad") for hostile, _ in HOSTILE), good)
    room = tmp_path / "room"
    found = unpack(archive, room, Meter())
    assert [parts for parts, _ in found.members] == [("Pet", "good.mp4")]
    assert [reason for _, reason in found.left] == [
        next(reason for _, reason in found.left if part in reason) for _, part in HOSTILE
    ]
    assert all("\n" not in shown and "\x1b" not in shown for shown, _ in found.left)
    assert {path.name for path in tmp_path.iterdir()} == {name, "room"}
    assert len(files_below(room)) == 2  # the video, under a number, and the list
    assert all(path.name == "index.json" or path.stem.isdecimal() for path in files_below(room))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30), max_size=5))
def test_no_name_becomes_a_path(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("any")
    archive = tar_of(folder / "a.tar", *((f"{name}.mp4", b"x") for name in names))
    found = unpack(archive, folder / "room", Meter())
    assert {path.name for path in folder.iterdir()} == {"a.tar", "room"}
    assert all(path.parent == folder / "room" and path.stem.isdecimal() for _, path in found.members)


def test_links_and_devices_stay_in_the_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (
            ("s.mp4", tarfile.SYMTYPE),
            ("h.mp4", tarfile.LNKTYPE),
            ("d.mp4", tarfile.CHRTYPE),
            ("f.mp4", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        link = zipfile.ZipInfo("s.mp4")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, "/etc/passwd")
    of_tar = unpack(tmp_path / "a.tar", tmp_path / "tar", Meter())
    assert (of_tar.members, [reason for _, reason in of_tar.left]) == ([], ["a link"] * 2 + ["no plain file"] * 2)
    of_zip = unpack(tmp_path / "a.zip", tmp_path / "zip", Meter())
    assert (of_zip.members, of_zip.left) == ([], [("s.mp4", "a link")])


@packs
def test_only_videos_tables_and_archives_come_out(tmp_path: Path, name: str, pack: Pack) -> None:
    wanted = ["a.mp4", "b.JSON", "c.tar.gz", "d.txt"]
    others = ["run.py", "x.exe", "metadata", "a.mp4/", ".hidden.mp4", "__MACOSX/a.mp4", "p.png"]
    archive = pack(tmp_path / name, *((n, b"") if n.endswith("/") else (n, b"x") for n in [*wanted, *others]))
    found = unpack(archive, tmp_path / "room", Meter())
    assert ["/".join(parts) for parts, _ in found.members][:4] == wanted
    assert [path.suffix for _, path in found.members][:4] == [".mp4", ".json", ".gz", ".txt"]


@packs
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_there_twice_is_taken_once(tmp_path: Path, name: str, pack: Pack) -> None:
    archive = pack(tmp_path / name, ("a.mp4", b"first"), ("A.mp4", b"second"), ("./a.mp4", b"third"))
    found = unpack(archive, tmp_path / "room", Meter())
    assert [path.read_bytes() for _, path in found.members] == [b"first"]
    assert [reason for _, reason in found.left] == ["stands in the archive twice; the first was taken"] * 2


@pytest.mark.parametrize(("name", "pack"), [entry for entry in PACKS if entry[0] != "a.tar"])
def test_a_bomb_ends_at_the_stated_ratio(
    tmp_path: Path, name: str, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "SLACK_BYTES", 1 << 20)
    archive = pack(tmp_path / name, ("a.mp4", bytes(16 << 20)))
    with pytest.raises(TooMuch, match="unpacks to more than 20 times its size"):
        unpack(archive, tmp_path / "room", Meter())
    assert sum(path.stat().st_size for path in (tmp_path / "room").iterdir()) <= 4 << 20


def test_a_bomb_among_what_is_left_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SLACK_BYTES", 1 << 20)
    archive = tar_of(tmp_path / "a.tar.gz", ("a.bin", bytes(16 << 20)), ("a.mp4", b"x"), mode="w:gz")
    with pytest.raises(TooMuch):
        unpack(archive, tmp_path / "room", Meter())


def test_sizes_of_all_archives_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 1500)
    meter = Meter()
    unpack(zip_of(tmp_path / "a.zip", ("a.mp4", bytes(1000))), tmp_path / "a", meter)
    with pytest.raises(TooMuch, match="more than 1,500 bytes"):
        unpack(zip_of(tmp_path / "b.zip", ("a.mp4", bytes(1000))), tmp_path / "b", meter)


@packs
def test_so_many_files_are_no_set(tmp_path: Path, name: str, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    with pytest.raises(TooMuch, match="more than 10 files"):
        unpack(pack(tmp_path / name, *((f"{i}.png", b"") for i in range(11))), tmp_path / "room", Meter())


def test_a_zip_that_lies_about_a_size_is_not_believed(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", ("a.mp4", bytes(5000)), ("b.mp4", b"good"))
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")  # the first member's size, in the list at the end
    archive.write_bytes(data)
    found = unpack(archive, tmp_path / "room", Meter())
    assert [path.read_bytes() for _, path in found.members] == [b"good"]
    assert [name for name, _ in found.left] == ["a.mp4"]


def test_a_tar_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 3 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    with pytest.raises(Damaged, match="a header of 3,221,225,472 bytes"):
        unpack(tmp_path / "a.tar", tmp_path / "room", Meter())


def test_an_encrypted_member_and_a_huge_table_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_TABLE_BYTES", 100)
    archive = zip_of(tmp_path / "a.zip", ("a.mp4", b"secret"), ("b.json", bytes(101)))
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    found = unpack(archive, tmp_path / "room", Meter())
    assert found.left == [("a.mp4", "encrypted"), ("b.json", "a table of 101 bytes; expected at most 100")]


def test_a_damaged_member_of_a_zip_is_told_and_the_others_come(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.mp4", b"marked contents")
        zipped.writestr("b.mp4", b"good")
    archive.write_bytes(archive.read_bytes().replace(b"marked", b"masked"))
    found = unpack(archive, tmp_path / "room", Meter())
    assert [path.read_bytes() for _, path in found.members] == [b"good"]
    assert "damaged in the archive" in found.left[0][1]


@packs
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_an_archive_that_is_cut_short_is_damaged(tmp_path: Path, name: str, pack: Pack, share: float) -> None:
    whole = pack(tmp_path / name, *((f"{i}.mp4", os.urandom(3000)) for i in range(20)))
    data = whole.read_bytes()
    whole.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Damaged, match="fetch it again"):
        unpack(whole, tmp_path / "room", Meter())
    whole.write_bytes(data)  # fetched again, what came out before is gone on with
    assert len(unpack(whole, tmp_path / "room", Meter()).members) == 20


@packs
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_told_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, name: str, pack: Pack, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    archive = pack(folder / name, *((f"Pet/{i}.mp4", bytes([i]) * 700) for i in range(4)))
    contents = bytearray(archive.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(contents) - 1), min_size=1, max_size=4)):
        contents[at] ^= data.draw(st.integers(1, 255))
    archive.write_bytes(contents)
    with suppress(Damaged, TooMuch):
        unpack(archive, folder / "room", Meter())
    assert {path.name for path in folder.iterdir()} <= {name, "room"}


def test_a_tar_that_is_cut_between_two_files_is_damaged(tmp_path: Path) -> None:
    whole = tar_of(tmp_path / "a.tar", *((f"{i}.mp4", bytes(512)) for i in range(4)))
    whole.write_bytes(whole.read_bytes()[:2048])  # two files, each a block and its header
    with pytest.raises(Damaged, match="no mark of the end at byte 2,048"):
        unpack(whole, tmp_path / "room", Meter())


def test_a_tar_with_a_damaged_header_is_not_taken_for_a_shorter_one(tmp_path: Path) -> None:
    whole = tar_of(tmp_path / "a.tar", *((f"{i}.mp4", bytes(512)) for i in range(4)))
    data = bytearray(whole.read_bytes())
    data[2048] ^= 1
    whole.write_bytes(data)
    with pytest.raises(Damaged, match="no header and no mark of the end at byte 2,048"):
        unpack(whole, tmp_path / "room", Meter())


def test_a_tar_that_leads_back_into_itself_ends(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.bin")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (-1024 % (1 << 96)).to_bytes(12, "big")  # a size below zero
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    first = tarfile.TarInfo("b.bin").tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar").write_bytes(first * 3 + bytes(header) + bytes(10240))
    with pytest.raises(Damaged, match="a size below zero at byte 1,536"):
        unpack(tmp_path / "a.tar", tmp_path / "room", Meter())


def test_what_is_unpacked_is_not_unpacked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zip_of(tmp_path / "a.zip", ("a.mp4", b"x"), ("../b.mp4", b"x"))
    first = unpack(archive, tmp_path / "room", Meter())

    def fail(*_: object) -> None:
        raise AssertionError("opened again")

    monkeypatch.setattr(archives, "_members", fail)
    assert unpack(archive, tmp_path / "room", Meter()) == first
    first.members[0][1].unlink()
    with pytest.raises(AssertionError, match="opened again"):
        unpack(archive, tmp_path / "room", Meter())


@pytest.mark.parametrize("opener", [gzip.open, bz2.open, lzma.open])
def test_a_compressed_file_that_is_no_tar_is_damaged(tmp_path: Path, opener: Callable[..., io.BufferedIOBase]) -> None:
    with opener(tmp_path / "a.tgz", "wb") as file:
        file.write(b"a video, perhaps")
    with pytest.raises(Damaged, match="no zip or tar archive"):
        unpack(tmp_path / "a.tgz", tmp_path / "room", Meter())


def test_the_third_archive_inside_is_listed_not_opened(place: Place) -> None:
    data = place.videos[0].read_bytes()
    place.source.mkdir()
    inner = zip_of(place.source / "c.zip", ("Food/deep.mp4", data)).read_bytes()
    middle = zip_of(place.source / "b.zip", ("Pet/a.mp4", data), ("c.zip", inner)).read_bytes()
    zip_of(place.source / "a.zip", ("b.zip", middle), ("p.csv", b"file,prompt\na.mp4,a dog.\n"))
    for name in ("b.zip", "c.zip"):
        (place.source / name).unlink()
    assert place.bring().clips == 1
    assert [entry[:2] for entry in place.listed()] == [("archive", "a/b/c.zip")]
    assert place.bring().clips == 1  # the second time from what was unpacked


def test_a_damaged_archive_beside_good_files_is_listed(place: Place) -> None:
    place.video("Pet/a.mp4")
    place.text("Pet/a.txt", "a dog.")
    zip_of(place.source / "Food.zip", ("b.mp4", os.urandom(5000)))
    whole = (place.source / "Food.zip").read_bytes()
    (place.source / "Food.zip").write_bytes(whole[:3000])
    assert place.bring().clips == 1
    assert place.listed()[0][:2] == ("archive", "Food.zip")


def test_a_bomb_ends_an_import_in_a_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SLACK_BYTES", 1 << 20)
    place.source.mkdir()
    zip_of(place.source / "a.zip", ("Pet/a.mp4", bytes(16 << 20)))
    with pytest.raises(UserError, match="a.zip unpacks to more than 20 times its size: no set of clips does"):
        released.bring(place.source / "a.zip", place.out, place.told.append)
