"""Downloads against a server that does everything wrong: what ends under a file's name is the file, or nothing."""

from __future__ import annotations

import errno
import hashlib
import signal
import time
from http.client import HTTPResponse
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.weights import find, http
from i2vbench.weights.catalogue import Checkpoint
from i2vbench.weights.fetch import fetch
from i2vbench.weights.places import locate, own_folder, partial_file
from i2vbench.weights.progress import Transfers
from tests.conftest import INTERRUPTED
from tests.site import announced, cut, good, redirect, status
from tests.weights.conftest import Shelf, contents_of, place, sha256

FILE = contents_of()
OTHER = contents_of(seed=1)


def get(*entries: Checkpoint) -> list[str]:
    return fetch(entries, Transfers())


def refused(facts: Checkpoint) -> str:
    """Why it could not be fetched; nothing stands under its name."""
    (reason,) = get(facts)
    assert locate(facts) is None
    assert "\n" not in reason
    return reason


def test_a_file_comes_whole_and_its_hash_is_recorded(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(FILE)
    facts = shelf.add("a", "/a")
    assert get(facts) == []
    assert find("a").read_bytes() == FILE
    assert sha256(FILE) in (own_folder(facts) / "record.json").read_text()
    assert not list((own_folder(facts) / "partial").iterdir())


def test_what_is_here_is_not_fetched_again(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(FILE)
    facts = shelf.add("a", "/a")
    assert get(facts) == get(facts) == []
    assert len(shelf.site.asked) == 1


def test_a_connection_that_breaks_is_continued_where_it_broke(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = cut(FILE, after=150_000, times=2)
    assert get(shelf.add("a", "/a")) == []
    assert find("a").read_bytes() == FILE
    assert shelf.site.ranges("/a") == ["", "bytes=150000-", "bytes=300000-"]


def test_a_server_that_stalls_is_asked_again(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = cut(FILE, after=150_000, times=1, stall=True)
    assert get(shelf.add("a", "/a")) == []
    assert shelf.site.ranges("/a") == ["", "bytes=150000-"]


def test_a_route_that_is_lost_for_a_while_is_tried_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is no ConnectionError; nor are those of TLS."""
    shelf.site.answers["/a"] = good(FILE)
    read, lost = HTTPResponse.read1, [OSError(errno.EHOSTUNREACH, "No route to host")]

    def read1(response: HTTPResponse, size: int) -> bytes:
        if lost:
            raise lost.pop()
        return read(response, size)

    monkeypatch.setattr(HTTPResponse, "read1", read1)
    assert get(shelf.add("a", "/a")) == []
    assert find("a").read_bytes() == FILE


def test_one_that_always_stalls_is_given_up(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ATTEMPTS", 2)
    shelf.site.answers["/a"] = cut(FILE, after=0, stall=True)
    assert "sent nothing for 0.3 s (2 attempts)" in refused(shelf.add("a", "/a"))


def test_redirects_are_followed(shelf: Shelf) -> None:
    shelf.site.answers |= {"/a": redirect("/b?x=1"), "/b?x=1": good(FILE)}
    assert get(shelf.add("a", "/a")) == []
    assert find("a").read_bytes() == FILE


def test_a_redirect_from_https_to_less_is_not_followed() -> None:
    request = http.Request("https://example.org/a")
    with pytest.raises(http.SourceError, match="redirects from https to http"):
        http._SafeRedirects().redirect_request(request, None, 302, "", {}, "http://example.org/a")  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(shelf: Shelf, code: int) -> None:
    shelf.site.answers["/a"] = status(code)
    assert f"/a: answered {code}" in refused(shelf.add("a", "/a"))
    assert len(shelf.site.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_fault_of_the_server_is_tried_again(shelf: Shelf, code: int) -> None:
    shelf.site.answers["/a"] = status(code, then=good(FILE), times=2)
    assert get(shelf.add("a", "/a")) == []
    assert len(shelf.site.asked) == 3


def test_a_fault_that_stays_is_given_up(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = status(500)
    assert f"answered 500 ({http.ATTEMPTS} attempts)" in refused(shelf.add("a", "/a"))
    assert len(shelf.site.asked) == http.ATTEMPTS


def test_a_length_beyond_the_end_is_no_file(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = announced(FILE, len(FILE) + 10)
    assert f"of {len(FILE) + 10:,} bytes" in refused(shelf.add("a", "/a"))


def test_a_length_short_of_the_end_is_no_file(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = announced(FILE, len(FILE) - 10)
    assert "cannot be read as tensors" in refused(shelf.add("a", "/a"))


def test_a_length_that_is_not_the_catalogues_is_refused_at_once(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(FILE)
    assert f"has {len(FILE):,} bytes there, expected 17" in refused(shelf.add("a", "/a", size=17))


def test_a_file_without_a_length_is_held_to_the_catalogues(shelf: Shelf) -> None:
    shelf.site.answers |= {"/a": announced(FILE, None), "/b": announced(FILE + b"more", None)}
    assert get(shelf.add("a", "/a", size=len(FILE))) == []
    assert "more than the" in refused(shelf.add("b", "/b", size=len(FILE)))


def test_a_server_that_ignores_ranges_sends_it_all_again(shelf: Shelf) -> None:
    half = cut(FILE, after=200_000)
    shelf.site.answers["/a"] = lambda r: half(r) if r.count == 1 else announced(FILE, len(FILE))(r)
    assert get(shelf.add("a", "/a")) == []
    assert find("a").read_bytes() == FILE


def test_a_server_that_sends_another_part_is_not_believed(shelf: Shelf) -> None:
    half = cut(FILE, after=200_000)

    def wrong(request: object) -> None:
        if request.count == 1:  # type: ignore[attr-defined]
            half(request)  # type: ignore[arg-type]
        elif request.start:  # type: ignore[attr-defined]
            extent = f"bytes 7-{len(FILE) - 1}/{len(FILE)}"
            request.head(206, Content_Length=len(FILE) - 7, Content_Range=extent)  # type: ignore[attr-defined]
            request.body(FILE[7:])  # type: ignore[attr-defined]
        else:
            good(FILE)(request)  # type: ignore[arg-type]

    shelf.site.answers["/a"] = wrong
    assert get(shelf.add("a", "/a")) == []
    assert find("a").read_bytes() == FILE


def test_a_file_that_changed_since_the_first_part_begins_anew(shelf: Shelf) -> None:
    half = cut(OTHER, after=200_000)
    shelf.site.answers["/a"] = lambda r: half(r) if r.count == 1 else good(FILE)(r)
    assert get(shelf.add("a", "/a")) == []
    assert shelf.site.ranges("/a") == ["", "bytes=200000-"]
    assert find("a").read_bytes() == FILE


def test_a_part_that_was_spoilt_on_the_disk_is_fetched_anew(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = shelf.add("a", "/a", sha256=sha256(FILE))
    shelf.site.answers["/a"] = cut(FILE, after=200_000, times=1)
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    refused(facts)
    with open(partial_file(facts), "r+b") as part:
        part.seek(100_000)
        part.write(b"spoilt")
    assert get(facts) == []
    assert shelf.site.ranges("/a") == ["", "bytes=200000-", ""]
    assert find("a").read_bytes() == FILE


def test_a_mirror_serves_when_the_first_source_does_not(shelf: Shelf) -> None:
    shelf.site.answers |= {"/a": status(404), "/bad": good(OTHER), "/b": good(FILE)}
    assert get(shelf.add("a", "/a", "/bad", "/b", sha256=sha256(FILE)[:12])) == []
    assert find("a").read_bytes() == FILE


def test_every_source_that_failed_is_named(shelf: Shelf) -> None:
    shelf.site.answers |= {"/a": status(403), "/b": good(OTHER)}
    reason = refused(shelf.add("a", "/a", "/b", sha256=sha256(FILE)))
    assert "/a: answered 403" in reason
    assert f"has SHA-256 {sha256(OTHER)}, the catalogue pins {sha256(FILE)}" in reason


def test_a_file_can_be_pinned_by_gits_id(shelf: Shelf) -> None:
    shelf.site.answers |= {"/a": good(FILE), "/b": good(OTHER)}
    git = hashlib.sha1(b"blob %d\0" % len(FILE) + FILE).hexdigest()
    assert "git's object id" in refused(shelf.add("b", "/b", git_object=git))
    assert get(shelf.add("a", "/a", git_object=git)) == []


def test_tensors_of_another_shape_are_refused(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(contents_of(width=7))
    assert "names and shapes of the 2 tensors" in refused(shelf.add("a", "/a"))


def test_a_login_page_is_no_checkpoint(shelf: Shelf) -> None:
    shelf.site.answers |= {"/a": good(b"<html>sign in</html>")}
    assert "a.pt is a web page" in refused(shelf.add("a", "/a", file="a.pt"))
    shelf.site.answers["/b"] = good(b"no archive")
    assert "is no TorchScript archive" in refused(shelf.add("b", "/b", kind="torchscript", file="b.pt"))


def test_what_was_recorded_first_is_held_to(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(FILE)
    facts = shelf.add("a", "/a")
    assert get(facts) == []
    find("a").unlink()
    shelf.site.answers["/a"] = good(OTHER)
    assert f"has SHA-256 {sha256(OTHER)}, the one seen first had {sha256(FILE)}" in refused(facts)
    assert "record.json" in refused(facts)


def test_a_bad_file_that_is_here_is_replaced(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(FILE)
    facts = shelf.add("a", "/a", sha256=sha256(FILE))
    place(facts, OTHER)
    assert get(facts) == []
    assert find("a").read_bytes() == FILE


def test_offline_asks_nobody(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.site.answers["/a"] = good(FILE)
    here, absent = shelf.add("here", "/a"), shelf.add("absent", "/a")
    assert get(here) == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert get(here) == []
    assert "HF_HUB_OFFLINE forbids the network" in refused(absent)
    also = shelf.add("also", "/a")
    (said,) = get(here, also, absent)
    assert said.startswith("2 checkpoints are not fetched, for HF_HUB_OFFLINE forbids the network: also, absent;")
    assert len(shelf.site.asked) == 1


def test_one_that_fails_leaves_the_others_alone(shelf: Shelf) -> None:
    shelf.site.answers |= {f"/{i}": good(FILE, seconds=0.01) for i in range(6)}
    entries = [shelf.add(f"n{i}", f"/{i}") for i in range(7)]
    (reason,) = get(*entries)
    assert reason.startswith("checkpoint n6 could not be fetched")
    assert all(find(f"n{i}").read_bytes() == FILE for i in range(6))


def test_a_full_disk_is_one_sentence(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.site.answers["/a"] = good(FILE)
    monkeypatch.setattr(http, "_receive", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert "No space left on device; I2VBENCH_CACHE and HF_HOME name other folders" in refused(shelf.add("a", "/a"))


def test_two_processes_fetch_a_file_once(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = good(FILE, seconds=0.1)
    facts = shelf.add("a", "/a")
    both = [shelf.start("weights", "fetch", "a") for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(shelf.site.asked) == 1
    assert find(facts.name).read_bytes() == FILE


def test_killed_amid_a_download_it_goes_on_where_it_was(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = cut(FILE, after=250_000, times=1, stall=True)
    facts = shelf.add("a", "/a")
    process = shelf.start("weights", "fetch", "a")
    wait_for(partial_file(facts), 250_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with pytest.raises(UserError, match="is not here"):
        find("a")
    assert get(facts) == []
    assert shelf.site.ranges("/a") == ["", "bytes=250000-"]
    assert find("a").read_bytes() == FILE


def test_ctrl_c_ends_at_once_though_the_server_is_silent(shelf: Shelf) -> None:
    shelf.site.answers["/a"] = cut(FILE, after=250_000, stall=True)
    facts = shelf.add("a", "/a")
    process = shelf.start("weights", "fetch", "a")
    wait_for(partial_file(facts), 250_000)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    stderr = process.communicate(timeout=20)[1]
    assert time.monotonic() - begun < 10
    assert process.returncode in INTERRUPTED
    assert "Traceback" not in stderr


def wait_for(path: Path, size: int) -> None:
    """Until a file has so many bytes."""
    end = time.monotonic() + 30
    while not (path.is_file() and path.stat().st_size >= size):
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.05)
