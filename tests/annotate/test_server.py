"""The page's server: what it saves is saved, and it answers to nobody but its own page."""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from i2vbench.annotate.store import FILE
from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.check import check_folder
from i2vbench.datasets.metadata import METADATA
from tests.annotate.page import PROMPTS, Annotating, Start, Words, annotations, make_proposed, shown, words
from tests.conftest import ROOT, environment


def test_what_a_person_decides_is_in_the_table_when_the_answer_comes(start: Start, folder: Path) -> None:
    page = start()
    assert [clip["state"] for clip in page.ask("clips").json["clips"]] == ["left"] * 4
    assert page.proposed(0)["proposal"]["first"] == {"objects": "dog", "scene": "beach"}
    answer = page.decide(0, "annotate", " hot  dog ; ball", " sandy  beach ")
    assert answer.status == 200, answer
    assert (answer.json["state"], answer.json["objects"], answer.json["scene"]) == (
        "annotated", ["hot dog", "ball"], "sandy beach",
    )  # fmt: skip
    assert words(folder)["clip-0"] == Words(("hot dog", "ball"), "sandy beach")
    assert page.decide(1, "reject").json["state"] == "rejected"
    assert page.decide(3, "annotate", "dog").json["state"] == "annotated"
    assert check_folder(folder) == []
    assert [clip["state"] for clip in page.ask("clips").json["clips"]] == ["annotated", "rejected", "left", "annotated"]
    code, output, _ = page.end()
    assert code == 130
    assert "This time: 2 annotated, 1 rejected. Clips with words: 2 of 4; left: 1." in output
    assert f"i2vbench data check {folder}; i2vbench run --dataset folder:{folder}" in output

    again = start()
    assert [clip["state"] for clip in again.ask("clips").json["clips"]] == [
        "annotated",
        "rejected",
        "left",
        "annotated",
    ]
    (folder / "clip-1.mp4").write_bytes((folder / "clip-2.mp4").read_bytes())
    assert again.end(signal.SIGTERM)[0] == 143
    assert start().clip(1)["state"] == "left", "a rejected clip that shows something else is asked about again"


def test_a_decision_can_be_taken_back(start: Start, folder: Path) -> None:
    page = start()
    table = (folder / METADATA).read_bytes()
    page.decide(0, "annotate", "dog", "beach")
    assert page.decide(0, "undo", before=shown(0, ["dog"], "beach")).json["state"] == "left"
    page.decide(1, "reject")
    assert page.decide(1, "undo").json["state"] == "left"
    assert words(folder) == dict.fromkeys(words(folder), Words())
    page.decide(1, "reject")
    assert page.decide(1, "annotate", "dog").json["state"] == "annotated"
    assert page.decide(1, "undo", before=shown(1, ["dog"])).json["state"] == "rejected"
    answer = page.decide(1, "undo")
    assert (answer.status, answer.json["why"]) == (422, "there is nothing to undo")
    assert page.decide(1, "annotate", "dog").json["state"] == "annotated"
    assert page.decide(1, "reject", before=shown(1, ["dog"])).json["state"] == "rejected"
    assert (folder / METADATA).read_bytes().count(b"\r\n") == table.count(b"\r\n")
    assert "This time: 0 annotated, 1 rejected. Clips with words: 0 of 4" in page.end()[1]


def test_a_proposed_prompt_is_checked_by_accepting_or_correcting_it(start: Start, folder: Path) -> None:
    make_proposed(folder)
    table = folder / METADATA
    table.write_text(table.read_text().replace("clip number 0.,,", "clip number 0.,dog,"))
    page = start()

    def states() -> list[str]:
        return [clip["state"] for clip in page.ask("clips").json["clips"]]

    assert states() == ["left"] * 4, "words or not"
    first = shown(0, ["dog"], prompt_state="proposed")
    assert (clip := page.clip(0)) == clip | first
    typed = {"prompt": PROMPTS[0], "objects": "dog", "scene": ""}
    said = page.ask("clips/0/check", typed).json["prompt"]
    assert said == [{"text": "a machine wrote this; accepting says that it is right", "bad": False}]
    page.decide(0, "annotate", "dog", "beach", before=first)
    second = shown(1, prompt_state="proposed")
    page.decide(1, "annotate", before=second, prompt=" a  dog, running.")
    page.decide(2, "reject", before=shown(2, prompt_state="proposed"), prompt="not saved")
    assert page.decide(3, "annotate", prompt="a cat.").status == 200, "no words, but a prompt"
    assert annotations(folder) == {
        "clip-0": Annotation(PROMPTS[0], ("dog",), "beach", "checked"),
        "clip-1": Annotation("a dog, running.", (), "", "checked"),
        "clip-2": Annotation(PROMPTS[2], (), "", "proposed"),
        "image-0": Annotation("a cat.", (), "", "checked"),
    }
    assert states() == ["annotated", "annotated", "rejected", "annotated"]
    assert [clip["has_words"] for clip in page.ask("clips").json["clips"]] == [True, False, False, False]

    corrected = {"prompt": "a dog, running.", "objects": [], "scene": "", "prompt_state": "checked"}
    assert page.decide(1, "undo", before=corrected).status == 200
    assert (clip := page.clip(1)) == clip | second
    assert page.decide(1, "annotate", before=corrected, prompt="a cat.").status == 409
    assert states() == ["annotated", "left", "rejected", "annotated"]
    output = page.end()[1]
    assert "This time: 2 annotated, 1 rejected. Clips with words: 1 of 4; left: 1. Prompts that a machine" in output
    assert "Prompts that a machine proposed and nobody has checked: 2." in output


def test_a_table_without_states_gets_none_for_words_alone(start: Start, folder: Path) -> None:
    page = start()
    page.decide(0, "annotate", "dog")
    assert "prompt_state" not in (folder / METADATA).read_text()
    page.decide(1, "annotate", "dog", prompt="a dog.")
    assert [found.prompt_state for found in annotations(folder).values()] == ["", "checked", "", ""]
    page.decide(1, "undo", before=shown(1, ["dog"], prompt="a dog.", prompt_state="checked"))
    assert annotations(folder)["clip-1"] == Annotation(PROMPTS[1])


def test_another_program_that_writes_too(start: Start, folder: Path) -> None:
    page = start()
    table = folder / METADATA
    page.clip(0)
    text = table.read_text()
    table.write_text(text.replace("clip number 0.,,", "clip number 0.,cat,").replace("number 1.", "number one."))
    answer = page.decide(0, "annotate", "dog", "beach")
    assert answer.status == 409
    assert answer.json["why"] == "another program has changed 'clip-0' to objects 'cat'"
    assert page.clip(0)["objects"] == ["cat"]
    assert page.decide(0, "annotate", "dog", "beach", before=shown(0, ["cat"])).status == 200
    assert "clip number one." in table.read_text()
    table.write_text("not,a,table\n")
    assert "missing columns" in page.clip(1)["trouble"]
    assert page.decide(1, "annotate", "dog").status == 409
    assert table.read_text() == "not,a,table\n"
    table.unlink()
    assert "has no metadata.csv" in page.clip(1)["trouble"]
    assert page.decide(1, "annotate", "dog").status == 507


@pytest.mark.parametrize(
    ("objects", "scene", "says"),
    [
        (" ; ", "  ", "no word to save"),
        ("dog\n", "", "objects: holds a character that cannot be seen (U+000A)"),
        ("", "sea\u202e", "U+202E"),
        ("\ud800", "", "not what the page sends"),
        ("x" * 201, "", "201 characters; expected at most 200"),
        ("x" * 801, "", "not what the page sends"),
        ("=1+1", "", "formula"),
        ("dog; @x", "", "formula"),
    ],
)
def test_words_that_are_refused(annotating: Annotating, objects: str, scene: str, says: str) -> None:
    before = (annotating.folder / METADATA).read_bytes()
    answer = annotating.decide(0, "annotate", objects, scene)
    assert answer.status == 422
    assert says in answer.json["why"]
    assert (annotating.folder / METADATA).read_bytes() == before


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("  ", "prompt: is empty; expected what is to be seen in the clip"),
        ("a dog\nruns", "prompt: holds a character that cannot be seen (U+000A)"),
        ("a dog \u202eruns", "U+202E"),
        ("x" * 1001, "prompt: 1,001 characters; expected at most 1,000"),
        ("=HYPERLINK(1)", "formula"),
    ],
)
def test_prompts_that_are_refused(annotating: Annotating, prompt: str, says: str) -> None:
    before = (annotating.folder / METADATA).read_bytes()
    answer = annotating.decide(0, "annotate", "dog", prompt=prompt)
    assert answer.status == 422
    assert says in answer.json["why"]
    assert annotating.ask("clips/0/check", {"prompt": prompt, "objects": "", "scene": ""}).json["fault"]
    assert (annotating.folder / METADATA).read_bytes() == before


def test_warnings_stand_beside_words(annotating: Annotating) -> None:
    annotating.proposed(0)
    typed = {"prompt": PROMPTS[0], "objects": "Dog; dog; food; a cat", "scene": "beach"}
    said = annotating.ask("clips/0/check", typed).json
    otherwise = "object words that the detector writes otherwise, so that no frame matches to the letter"
    unknown = "object words outside of the detector's 80 names, which no frame can match"
    assert said["objects"] == [
        {"text": f"{otherwise}: 'Dog' for 'dog'", "bad": True},
        {"text": "'dog' was seen in 3 of 4 frames", "bad": False},
        {"text": f"{unknown}: 'food'", "bad": True},
        {"text": f"{otherwise}: 'a cat' for 'cat'", "bad": True},
        {"text": "the paper's protocol takes one object word a clip", "bad": False},
    ]
    assert said["scene"] == [{"text": "'beach' stands in the captions of 4 of 4 frames", "bad": False}]
    assert said["prompt"] == []
    typed = {"prompt": "a dog on the beach", "objects": "", "scene": ""}
    assert annotating.ask("clips/0/check", typed).json["prompt"] == [
        {"text": "the caption of 1 of 4 frames", "bad": False}
    ]
    assert annotating.ask("clips/0/check", {**typed, "scene": "a\tb"}).json["fault"].startswith("scene: holds")


def test_what_the_page_shows_of_a_clip(annotating: Annotating) -> None:
    video = annotating.ask("clips/0/video")
    assert (video.status, video.headers["content-type"], video.body[4:8]) == (200, "video/mp4", b"ftyp")
    frame = annotating.ask("clips/3/frame")
    assert (frame.headers["content-type"], frame.body[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert annotating.ask("clips/3/video").status == 404
    (annotating.folder / "clip-2.mp4").write_bytes(b"no video")
    answer = annotating.ask("clips/2/video")
    assert answer.status == 404
    assert "is not a video" in answer.json["why"]
    assert str(annotating.folder) not in answer.body.decode()


# -- who may ask ------------------------------------------------------------------------------------------------------


def test_only_this_machine_is_listened_to(annotating: Annotating) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:] + Path("/proc/net/tcp6").read_text().splitlines()[1:]
    port = f"{annotating.port:04X}"
    at = [line.split()[1] for line in listening if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"]
    assert at == [f"0100007F:{port}"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1]", "0.0.0.0", ""],
)
def test_a_name_that_was_made_to_lead_here_is_refused(annotating: Annotating, host: str) -> None:
    answer = annotating.ask("clips", headers={"Host": host})
    assert answer.status in (400, 403)
    assert b"clip-0" not in answer.body


def test_an_address_without_the_secret_is_refused(annotating: Annotating) -> None:
    secret = annotating.path.strip("/")
    assert re.fullmatch(r"[\w-]{32}", secret)
    wrong = ("", "clips", secret, f"{secret[:-1]}/clips", f"{secret}x/clips", f"x/{secret}/clips", "%C3%A9/", "/",
             "docs", "openapi.json", f"{secret}/docs", f"{secret}/openapi.json", f"{secret}/redoc")  # fmt: skip
    for path in wrong:
        answer = annotating.ask("", whole_path=f"/{path}")
        assert answer.status == 404, path
        assert b"clip-0" not in answer.body
        assert secret.encode() not in answer.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Length": ""}, 411),
    ],
)
def test_only_the_page_itself_may_change_anything(annotating: Annotating, headers: dict[str, str], status: int) -> None:
    before = (annotating.folder / METADATA).read_bytes()
    body = {"decision": "annotate", "prompt": "x", "objects": "dog", "scene": "", "before": shown(0)}
    for path in ("clips/0", "finish"):
        assert annotating.ask(path, body, headers=headers).status == status
    assert (annotating.folder / METADATA).read_bytes() == before
    assert annotating.process.poll() is None


def test_localhost_may_be_its_name(annotating: Annotating) -> None:
    host = f"localhost:{annotating.port}"
    assert annotating.ask("clips", headers={"Host": host}).status == 200
    body = {"prompt": "", "objects": "", "scene": ""}
    assert annotating.ask("clips/0/check", body, headers={"Host": host, "Origin": f"http://{host}"}).status == 200


@pytest.mark.parametrize(
    "path",
    ["clips/-1", "clips/4", "clips/../../etc/passwd", "clips/..%2f..%2fetc%2fpasswd/video", "clips/0/video/../x"],
)
def test_clips_go_by_number_alone(annotating: Annotating, path: str) -> None:
    assert annotating.ask(path).status in (404, 422)
    assert annotating.ask(path, {"prompt": "", "objects": "", "scene": ""}).status in (404, 405, 422)


def test_bodies_are_held_to_what_the_page_sends(annotating: Annotating) -> None:
    good = {"decision": "annotate", "prompt": PROMPTS[0], "objects": "dog", "scene": "", "before": shown(0)}
    bad: list[object] = [
        b"", b"{", b"null", b"\xff", b"[" * 5000, {}, good | {"more": 1}, good | {"decision": "delete"},
        good | {"objects": 1}, good | {"before": shown(0) | {"objects": "dog"}}, good | {"prompt": None},
        good | {"before": shown(0, prompt_state="maybe")},
    ]  # fmt: skip
    for body in bad:
        answer = annotating.ask("clips/0", body)
        assert answer.status in (400, 422), body
    assert annotating.ask("clips/0", b" " * 70_000).status == 413
    assert words(annotating.folder)["clip-0"] == Words()


def test_every_answer_has_its_guards(annotating: Annotating) -> None:
    for answer in (
        annotating.ask(""),
        annotating.ask("clips"),
        annotating.ask("x"),
        annotating.ask("", whole_path="/"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    page = annotating.ask("")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    text = page.body.decode()
    assert not re.findall(r"https?:", text)
    assert not re.findall(r"\son\w+=|style=|innerHTML|insertAdjacentHTML|document\.write|eval\(", text)


@pytest.fixture(scope="module")
def annotating(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """One running command for all tests that change nothing."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    from tests.annotate.page import make_unannotated

    page = Annotating(make_unannotated(tmp_path_factory.mktemp("annotate") / "data"))
    yield page
    page.process.kill()
    page.process.communicate()


# -- nothing is lost --------------------------------------------------------------------------------------------------


def test_killed_under_load_nothing_said_to_be_saved_is_lost(start: Start, folder: Path) -> None:
    clock = random.Random(7)
    said: dict[str, str] = {}
    for turn in range(4):
        page = start()
        sent: dict[str, str] = {}

        def save(index: int, page: Annotating = page, sent: dict[str, str] = sent, turn: int = turn) -> None:
            now = page.clip(index)
            before = {name: now[name] for name in ("prompt", "objects", "scene", "prompt_state")}
            for number in range(10_000):
                word = f"word{turn}x{number}"
                sent[now["id"]] = word
                after = {"prompt": f"a {word}.", "objects": [word], "scene": "", "prompt_state": "checked"}
                if page.decide(index, "annotate", word, before=before, prompt=after["prompt"]).status == 200:
                    said[now["id"]] = word
                before = after

        threads = [threading.Thread(target=lambda i=i: _until_gone(save, i)) for i in range(3)]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 30
        while len(said) < 3 or {word.partition("x")[0] for word in said.values()} != {f"word{turn}"}:
            assert time.monotonic() < end, "not every thread has saved"
            time.sleep(0.01)
        time.sleep(clock.uniform(0, 0.3))
        page.process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
        now = annotations(folder)
        for id_, word in said.items():
            assert now[id_] in [Annotation(f"a {text}.", (text,), "", "checked") for text in (word, sent[id_])]
    assert len(said) == 3
    assert check_folder(folder) == []


def _until_gone(save, index: int) -> None:  # type: ignore[no-untyped-def]
    try:
        save(index)
    except (OSError, http.client.HTTPException):  # it was killed amid of an answer
        return


def test_proposals_are_kept_and_made_anew_for_a_clip_that_changed(start: Start, folder: Path) -> None:
    first = start("seconds=0.2")
    for index in range(4):
        assert first.proposed(index)["proposal"]["state"] == "done"
    first.process.kill()
    kept = _kept(folder)
    assert len(kept) == 4
    (folder / "clip-1.mp4").write_bytes((folder / "clip-0.mp4").read_bytes())
    second = start("seconds=30")
    for index in (0, 1, 2, 3):
        assert second.proposed(index)["proposal"]["state"] == "done", "found again, by what the clips show"
    with open(folder / "clip-2.mp4", "ab") as file:
        file.write(b"\0")
    second.process.kill()
    assert start("seconds=30").clip(2)["proposal"]["state"] == "waiting"


def _kept(folder: Path) -> list[str]:
    with sqlite3.connect(folder / FILE) as db:
        rows = db.execute("SELECT clip FROM proposal").fetchall()
    db.close()
    return [row[0] for row in rows]


def test_the_clip_that_is_looked_at_is_the_next_to_be_proposed(start: Start) -> None:
    page = start("seconds=3")
    page.clip(3)
    assert page.proposed(3)["proposed"] < 4, "it would have been the last"


def test_a_second_server_is_refused(start: Start, folder: Path) -> None:
    start()
    done = subprocess.run(
        [sys.executable, "-m", "tests.annotate.start", str(folder)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "is being annotated by another process" in done.stderr


def test_the_page_can_end_the_command(start: Start) -> None:
    page = start()
    assert page.ask("finish", {}).status == 200
    output, errors = page.process.communicate(timeout=30)
    assert page.process.returncode == 0
    assert "Traceback" not in errors
    assert "Clips with words: 0 of 4; left: 4." in output


def test_a_network_amid_of_a_clip_does_not_keep_it_from_ending(start: Start) -> None:
    page = start("seconds=300")
    page.clip(0)
    begun = time.monotonic()
    code, output, errors = page.end()
    assert (code, time.monotonic() - begun < 100) == (130, True)
    assert "left: 4." in output
    assert "Traceback" not in errors


def test_a_table_that_cannot_be_read_is_told_and_the_next_try_saves(start: Start, folder: Path) -> None:
    page = start()
    os.rename(folder / METADATA, folder / "kept.csv")
    (folder / METADATA).mkdir()
    assert page.decide(0, "annotate", "dog").status == 507
    (folder / METADATA).rmdir()
    os.rename(folder / "kept.csv", folder / METADATA)
    assert page.decide(0, "annotate", "dog").status == 200
