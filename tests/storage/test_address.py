"""What an address may be, and that no secret of one is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.place import Place
from i2vbench.storage.address import address_of, home_of, is_address, parse_address, record_of
from i2vbench.storage.place import StoredPlace, place_of


@pytest.mark.parametrize("text", ["s3://bucket/run", "GS://b", "memory://x", "file:///a/b", "abfs://c@account/run"])
def test_an_address_is_told_from_a_folder(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["runs/a", "./s3:/bucket", r"C:\runs\a", "C://runs", "a:b", "run s3://b", ""])
def test_a_folder_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_one_place_has_one_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_address("S3://bucket/run/") == parse_address("s3://bucket/run")
    assert (
        parse_address("file://far/run")
        == parse_address(f"file://{tmp_path}/far/x/../run/")
        == f"file://{tmp_path}/far/run"
    )
    assert home_of("s3://a/run") != home_of("s3://b/run")
    assert home_of("s3://a/run").parent == home_of("gs://b/other").parent


@pytest.mark.parametrize(
    "text",
    ["s3://KEY:SECRET@bucket/run", "sftp://me:SECRET@host/run", "https://host/run?token=SECRET", "x://a@b:SECRET@c/d"],
)
def test_a_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UserError, match="a password or a key") as refused:
        parse_address(text)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("text", ["s3://", "s3:///", "simplecache::s3://b/run", "s3://a/\x1b[2J"])
def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--out"):
        parse_address(text)


def test_a_folder_that_says_it_is_a_home_is_none(tmp_path: Path) -> None:
    """Nothing is fetched because a folder of somebody else's says so."""
    address = "s3://bucket/run"
    for folder in (tmp_path / "theirs", home_of(address)):
        folder.mkdir(parents=True)
        record_of(folder).write_text(json.dumps({"address": address}))
    assert address_of(tmp_path / "theirs") is None
    assert place_of(tmp_path / "theirs") == Place(tmp_path / "theirs")
    assert place_of(home_of(address)) == StoredPlace(home_of(address), address=address)
