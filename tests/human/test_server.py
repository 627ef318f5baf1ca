"""The study's server: what raters are shown and may answer."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any

import pytest

from i2vbench.human.assignment import total
from tests.asking import Answer
from tests.human.conftest import Serve
from tests.human.raters import Serving

GOOD = {"appearance": [0], "motion": [2, 1]}


def save(server: Serving, address: str, number: int = 1, chosen: object = None) -> Answer:
    return server.ask(f"{address}tasks/{number}", {"chosen": GOOD if chosen is None else chosen})


def table(answer: Answer) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


@pytest.mark.parametrize("mode", ["choice", "pairs"])
def test_a_rater_completes_a_study(serve: Serve, mode: str) -> None:
    server = serve(mode=mode, items=5, models=4, per_rater=8, checks=0.4)
    end = total(server.study)
    address = server.ask("/enrol", {}).json["address"]
    state = server.get(f"{address}state")
    assert state == {
        "consented": False, "consent": list(server.study.consent), "nickname": None, "mode": mode,
        "questions": [{"id": question.id, "text": question.text} for question in server.study.questions],
        "total": end, "answered": 0, "next": 1,
    }  # fmt: skip
    assert server.ask(f"{address}tasks/1").status == 403, "the consent comes first"
    assert server.ask(f"{address}consent", {"nickname": "", "agree": False}).status == 422
    consented = server.ask(f"{address}consent", {"nickname": " Ada  L. ", "agree": True}).json
    assert consented == state | {"consented": True, "nickname": "Ada L."}
    chosen = {"appearance": [1], "motion": [] if mode == "pairs" else [0, 3]}
    for number in range(1, end + 1):
        assert server.get(f"{address}state")["next"] == number
        assert server.ask(f"{address}tasks/{number + 1}").status == 404, "one at a time"
        shown = server.get(f"{address}tasks/{number}")
        task = server.votes.tasks(1)[number - 1]
        assert shown == {
            "number": number, "prompt": server.study.items[task.item].prompt, "videos": len(task.shown),
            "width": 48, "height": 32, "num_frames": 4, "fps": 8.0, "chosen": None,
        }  # fmt: skip
        first = server.ask(f"{address}tasks/{number}/first")
        assert (first.headers["content-type"], first.body) == ("image/png", b"first frame of item %d" % task.item)
        for place, model in enumerate(task.shown):
            video = server.ask(f"{address}tasks/{number}/videos/{place}")
            kind = b"broken video" if place == task.broken else b"video %d" % model
            assert (video.headers["content-type"], video.body) == ("video/mp4", b"%s of item %d" % (kind, task.item))
        assert server.ask(f"{address}tasks/{number}/videos/{len(task.shown)}").status == 404
        following = number + 1 if number < end else None
        saved = save(server, address, number, chosen).json
        assert saved == {"saved": True, "answered": number, "total": end, "next": following}
        assert server.get(f"{address}tasks/{number}")["chosen"] == chosen
    assert {task.kind for task in server.votes.tasks(1)} == {"plain", "repeat", "broken"}
    assert server.ask(f"{address}tasks/{end + 1}").status == 404
    changed = {"appearance": [0], "motion": [1]}
    assert save(server, address, 2, changed).json["next"] is None
    assert server.get(f"{address}tasks/2")["chosen"] == changed
    assert [response.changes for response in server.votes.responses()] == [0, 1, *[0] * (end - 2)]


BAD: tuple[object, ...] = (
    {},
    {"appearance": [0]},
    {"appearance": [0], "motion": [0], "more": [0]},
    {"appearance": [0], "motion": []},
    {"appearance": [0], "motion": [5]},
    {"appearance": [0], "motion": [-1]},
    {"appearance": [0], "motion": [1, 1]},
    {"appearance": [0], "motion": [True]},
    {"appearance": [0], "motion": [1.0]},
    {"appearance": [0], "motion": ["1"]},
    {"appearance": [0], "motion": None},
    {"appearance": [0], "motion": 1},
    {"appearance": [0], "motion": [2**70]},
    {"appearance": [0], "motion": [*range(200)]},
    {str(i): [0] for i in range(200)},
    [],
)


def test_answers_to_what_was_not_asked_are_refused(serve: Serve) -> None:
    server = serve()
    address = server.enrol()
    server.get(f"{address}tasks/1")
    for chosen in BAD:
        answer = save(server, address, 1, chosen)
        assert answer.status == 422, chosen
        assert answer.json["why"]
    assert server.get(f"{address}state")["answered"] == 0


def test_a_pair_takes_one_or_a_tie(serve: Serve) -> None:
    server = serve(mode="pairs")
    address = server.enrol()
    server.get(f"{address}tasks/1")
    for motion, status in (([0, 1], 422), ([2], 422), ([], 200), ([1], 200)):
        assert save(server, address, 1, {"appearance": [0], "motion": motion}).status == status


def test_a_task_that_was_not_shown_takes_no_answer(serve: Serve) -> None:
    server = serve()
    address = server.enrol()
    for number in (0, 2, 10**30):
        assert save(server, address, number).status == 404
        assert server.ask(f"{address}tasks/{number}").status == 404
    assert server.votes.responses() == []


def test_two_tabs_of_one_rater_and_an_answer_sent_twice_at_once(serve: Serve) -> None:
    server = serve()
    address = server.enrol()
    got: list[Any] = []

    def at_once(*bodies: object) -> list[Any]:
        got.clear()
        tabs = [
            threading.Thread(target=lambda body=body: got.append(server.ask(f"{address}tasks/1", body).json))
            for body in bodies
        ]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        return list(got)

    shown = at_once(*[None] * 6)
    assert len(shown) == 6
    assert all(one == shown[0] for one in shown)
    assert len(server.votes.tasks()) == 1
    one, other = {"chosen": GOOD}, {"chosen": {"appearance": [3], "motion": [3]}}
    said = at_once(one, one, one, other, other, other)
    assert said == [{"saved": True, "answered": 1, "total": 10, "next": 2}] * 6
    (response,) = server.votes.responses()
    assert response.chosen in ({"appearance": (0,), "motion": (1, 2)}, {"appearance": (3,), "motion": (3,)})


NICKNAMES: dict[object, str | None] = {
    "": "rater 1",
    " \t ": "rater 1",
    "Zoë 🦓": "Zoë 🦓",
    "=1+1": "=1+1",
    "<b>x</b>": "<b>x</b>",
    "x" * 40: "x" * 40,
    "x" * 41: None,
    "x" * 2000: None,
    "a\x00b": None,
    "a\u202eb": None,
    "a\u200bb": None,
    "a\ud800b": None,
    7: None,
}


def test_nicknames(serve: Serve) -> None:
    server = serve()
    address = server.ask("/enrol", {}).json["address"]
    before = None
    for nickname, called in NICKNAMES.items():
        answer = server.ask(f"{address}consent", {"nickname": nickname, "agree": True})
        assert answer.status == (422 if called is None else 200), nickname
        before = before if called is None else called
        assert server.get(f"{address}state")["nickname"] == before


def test_enrolment_closed_and_full(serve: Serve) -> None:
    server = serve(access={"enrol": 2}, invited=1)
    assert 'id="go"' in server.ask("/").body.decode()
    assert [server.ask("/enrol", {}).status for _ in range(3)] == [200, 200, 403]
    assert 'id="go"' not in server.ask("/").body.decode()
    assert server.ask("/enrol", {"more": 1}).status == 422
    closed = serve(access={"enrol": 0})
    assert 'id="go"' not in closed.ask("/").body.decode()
    assert closed.ask("/enrol", {}).json == {"why": "nobody new can take part"}


def test_a_link_without_its_last_slash_leads_on_without_a_host(serve: Serve) -> None:
    server = serve(invited=1)
    (rater,) = server.votes.raters()
    answer = server.ask(f"/r/{rater.token}")
    assert (answer.status, answer.headers["location"]) == (307, f"/r/{rater.token}/")


def test_what_the_administration_is_told(serve: Serve) -> None:
    server = serve(invited=2, per_rater=5, checks=0.2)
    invited, _ = server.votes.raters()
    address = f"/r/{invited.token}/"
    assert server.ask(f"{address}consent", {"nickname": "=HYPERLINK(1)", "agree": True}).status == 200
    for number in range(1, 6):
        server.get(f"{address}tasks/{number}")
        save(server, address, number)
    server.enrol()
    told = server.get(f"{server.admin}progress")
    assert told["totals"] == {"raters": 3, "consented": 2, "done": 1, "responses": 4, "checks": 1}
    assert told["items"] == {"count": 12, "least": 0, "most": 1}
    first, second, third = told["raters"]
    assert (first["nickname"], first["origin"], first["answered"], first["of"]) == ("=HYPERLINK(1)", "invited", 5, 5)
    assert first["checks"] == 2
    assert second | {"nickname": None, "answered": 0, "last_seen": None, "checks_failed": 0} == second
    assert third["origin"] == "enrolled"
    assert first["last_seen"] > 1.7e9

    lines = table(server.ask(f"{server.admin}votes.csv"))
    assert len(lines) == 5 * 2
    for line, response in zip(lines[::2], server.votes.responses(), strict=True):
        assert line["nickname"] == "'=HYPERLINK(1)", "no formula"
        assert (line["rater"], line["task"], line["question"]) == ("1", str(response.task.number), "appearance")
        assert line["shown"] == " ".join(map(str, response.task.shown))
        assert line["chosen"] == str(response.task.shown[0])
        assert line["sample"] == f"sample-{response.task.item}"
    links = table(server.ask(f"{server.admin}links.csv"))
    assert [line["address"] for line in links] == [f"{server.origin}/r/{r.token}/" for r in server.votes.raters()[:2]]
    assert [line["answered"] for line in links] == ["5", "0"]


def test_a_full_disk_is_told_and_nothing_is_said_to_be_saved(serve: Serve) -> None:
    server = serve(items=80, per_rater=80, checks=0.0)
    address = server.enrol()
    with server.votes._database.told() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    saved, refused = 0, None
    while refused is None and saved < 80:
        answers = [server.ask(f"{address}tasks/{saved + 1}"), save(server, address, saved + 1)]
        refused = next((answer for answer in answers if answer.status != 200), None)
        saved += refused is None
    assert refused is not None
    assert refused.status == 507
    assert "disk" in refused.json["why"]
    assert str(server.folder) not in refused.body.decode()
    assert len(server.votes.responses()) == saved
    with server.votes._database.told() as db:
        db.execute("PRAGMA max_page_count = 10000")
    server.get(f"{address}tasks/{saved + 1}")
    assert save(server, address, saved + 1).json["answered"] == saved + 1


def test_media_that_are_gone_are_told_without_their_path(serve: Serve) -> None:
    server = serve()
    address = server.enrol()
    server.get(f"{address}tasks/1")
    for path in server.folder.glob("media/*/*"):
        path.unlink()
    answer = server.ask(f"{address}tasks/1/videos/0")
    assert answer.status == 500
    assert "media" not in answer.json["why"]
    assert str(server.folder) not in answer.body.decode()
