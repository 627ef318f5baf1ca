"""No request is paid for twice, whatever the API does; and what was not paid for is said to be."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from i2vbench.models.http.context import ClipError
from tests.models.http.api import (
    Api,
    Call,
    Fault,
    bomb,
    charged,
    chunked_short,
    dribbles,
    drops,
    echoes,
    endless,
    garbage,
    html,
    redirects,
    says,
    short,
    stalls,
)  # fmt: skip
from tests.models.http.conftest import Make, ask, videos

ANSWER = b'{"id": "job-0", "status": "starting"}' + b" " * 100

UNKNOWN: dict[str, tuple[Fault, str]] = {
    "no answer": (drops, "the connection was closed without an answer"),
    "stalls": (stalls, "took more than 0.3 s|no answer in time"),
    "dribbles": (dribbles, "took more than 0.3 s"),
    "500": (says(500, {"error": "oops"}), "it answered 500: .*oops"),
    "502 of a proxy": (says(502, b"<html>Bad gateway</html>"), "it answered 502: <html>Bad gateway"),
    "503 without a time": (says(503), "it answered 503"),
    "408": (says(408), "it answered 408"),
    "a page": (html, "answered with text/html instead of JSON: '<html><body>Sign in first"),
    "no id": (says(200, {"job": 7, "state": "new"}), r"it has no 'id' \(it has job, state\)"),
    "an id that is none": (says(200, {"id": {"a": 1}}), "what is at submit.id = 'id' is no id"),
    "an id that climbs": (says(200, {"id": "../../x"}), "is no id"),
    "an empty list": (says(200, []), "it has no 'id'"),
    "nothing": (says(200, b""), "instead of JSON"),
    "ends early": (short(ANSWER), "ended after|ended early"),
    "a chunk ends early": (chunked_short(ANSWER), "the answer ended early"),
    "endless": (endless, "is larger than 2,097,152 bytes"),
    "a bomb": (bomb, "is larger than 2,097,152 bytes"),
    "no HTTP": (garbage, "what came is no HTTP"),
    "deep": (says(200, b"[" * 600 + b"]" * 600), r"\(nested more than 100 deep"),
    "a redirect to the job": (redirects("/poll/job-0", 303), "it answered 303, a redirect to /poll/job-0"),
}

REFUSED: dict[str, tuple[Fault, str]] = {
    "401": (echoes(401), r"it answered 401: .*bad key Bearer \[\$TEST_API_KEY\]!"),
    "402": (says(402, {"error": "no credit"}), "it answered 402: .*no credit"),
    "404": (says(404), "it answered 404"),
    "422": (says(422, {"error": {"message": "too dark"}}), "it answered 422: .*too dark"),
    "a redirect": (
        redirects("https://elsewhere.example/submit?sig=1", 307),
        "answered 307, a redirect to https://else",
    ),
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_what_may_have_been_accepted_is_never_sent_again(make: Make, api: Api, way: str) -> None:
    fault, words = UNKNOWN[way]
    api.faults["submit"].append(charged(fault))
    model = make(limits__submit_seconds=0.3 if fault in (stalls, dribbles) else 5.0)
    with pytest.raises(ClipError, match=words) as error:
        videos(model, 0)
    assert "whether it was accepted, and paid for, is not known" in str(error.value)
    assert 'pay_again = ["unknown"]' in str(error.value)
    assert len(str(error.value)) <= 400, "the harness cuts what is longer"
    for again in (lambda: model, make, make):
        with pytest.raises(ClipError, match="is not known"):
            videos(again(), 0)
    assert api.kinds("submit") == 1
    assert api.kinds("poll") == 0


def test_half_an_emoji_in_an_answer_costs_nothing(make: Make, api: Api) -> None:
    """Services that cut a text to a length cut it there."""
    api.faults["submit"].append(charged(says(200, b'{"id": "job-0", "prompt": "a dog \\ud83d"}')))
    assert len(videos(make(), 0)) == 1
    api.faults["submit"].append(says(200, b'{"id": "job-0"}'))
    api.faults["poll"].append(says(200, b'{"status": "failed", "error": "\\ud83d is not allowed"}'))
    with pytest.raises(ClipError, match="failed: . is not allowed"):
        videos(make(), 1)


def test_it_is_sent_again_where_the_description_says_so_and_once_a_run(make: Make, api: Api) -> None:
    api.faults["submit"].extend([charged(drops), charged(drops)])
    with pytest.raises(ClipError):
        videos(make(), 0)
    model = make(pay_again=["unknown"])
    for _ in range(4):  # a batch that fails is tried in halves
        with pytest.raises(ClipError):
            videos(model, 0)
    assert api.kinds("submit") == 2
    videos(make(pay_again=["unknown"]), 0)
    videos(make(pay_again=["unknown"]), 0)
    assert api.kinds("submit") == 3
    assert _spent(make) == 3


@pytest.mark.parametrize("way", ["no answer", "500", "a page", "ends early", "stalls", "no id"])
def test_an_api_that_knows_a_request_again_is_asked_again_under_the_same_key(make: Make, api: Api, way: str) -> None:
    api.tokens = True
    api.faults["submit"].append(charged(UNKNOWN[way][0]))
    videos(make(submit__idempotency_header="Idempotency-Key", limits__submit_seconds=0.3), 0)
    assert dict(api.paid) == {"a dog/0": 1}
    tokens = {headers["Idempotency-Key"] for kind, _, headers in api.calls if kind == "submit"}
    assert len(tokens) == 1
    assert api.kinds("submit") == 2
    assert _spent(make) == 1


def test_such_a_key_is_used_by_the_next_run_too_but_not_once_the_api_has_forgotten_it(
    make: Make, api: Api, tmp_path: Path
) -> None:
    api.tokens = True
    api.faults["submit"].extend([charged(drops)] * 3)
    known = {"submit__idempotency_header": "Idempotency-Key"}
    with pytest.raises(ClipError, match="asked 3 times"):
        videos(make(**known), 0)
    with sqlite3.connect(tmp_path / "own" / "ledger.sqlite") as db:
        db.execute("UPDATE requests SET sent = sent - 90000")
    with pytest.raises(ClipError, match="is not known"):
        videos(make(**known), 0)
    videos(make(**known, submit__idempotency_hours=48), 0)
    assert dict(api.paid) == {"a dog/0": 1}


def test_a_refusal_of_the_same_key_says_nothing_of_the_request_before(make: Make, api: Api) -> None:
    api.tokens = True
    api.faults["submit"].extend([charged(drops), says(403, {"error": "no"})])
    with pytest.raises(ClipError, match="it answered 403.*is not known"):
        videos(make(submit__idempotency_header="Idempotency-Key"), 0)
    assert _spent(make) == 1


def test_a_key_that_is_still_being_looked_at_is_waited_for(make: Make, api: Api) -> None:
    api.tokens = True
    api.faults["submit"].extend([charged(drops), says(409, {"error": "in progress"}), says(429), says(409)])
    videos(make(submit__idempotency_header="Idempotency-Key"), 0)
    assert dict(api.paid) == {"a dog/0": 1}


@pytest.mark.parametrize("way", REFUSED)
def test_what_was_refused_is_not_paid_for_and_is_sent_again_by_the_next_run(make: Make, api: Api, way: str) -> None:
    fault, words = REFUSED[way]
    api.faults["submit"].append(fault)
    model = make()
    with pytest.raises(ClipError, match=words) as error:
        videos(model, 0)
    assert "refused, and not paid for" in str(error.value)
    with pytest.raises(ClipError, match=words):
        videos(model, 0)
    assert api.kinds("submit") == 1
    assert _spent(make) == 0
    videos(make(), 0)
    assert dict(api.paid) == {"a dog/0": 1}


@pytest.mark.parametrize("code", [401, 402])
def test_a_key_that_is_not_taken_or_no_credit_ends_the_sending(make: Make, api: Api, code: int) -> None:
    api.always["submit"] = says(code)
    model = make()
    with pytest.raises(ClipError, match=f"it answered {code}"):
        videos(model, *range(5))
    with pytest.raises(ClipError, match=f"nothing is sent any more: it answered {code}"):
        videos(model, 4)
    assert api.kinds("submit") == 1


@pytest.mark.parametrize(
    "busy",
    [says(429), says(429, Retry_After="0"), says(503, Retry_After="0"), says(503, {"error": "full"}, Retry_After="x")],
    ids=["429", "429 with a time", "503 with a time", "503 with a date"],
)
def test_an_api_that_is_busy_is_waited_for(make: Make, api: Api, busy: Fault) -> None:
    api.faults["submit"].extend([busy] * 4)
    videos(make(), 0)
    assert api.kinds("submit") == 5
    assert dict(api.paid) == {"a dog/0": 1}


def test_an_api_that_stays_busy_is_given_up_unpaid(make: Make, api: Api) -> None:
    api.always["submit"] = says(429, {"error": "later"}, Retry_After="86400")
    with pytest.raises(ClipError, match=r"it answered 429: .*later.* \(asked 1 times\); it was not paid for"):
        videos(make(), 0)
    assert _spent(make) == 0


def test_codes_that_cost_nothing_are_tried_again(make: Make, api: Api) -> None:
    api.faults["submit"].extend([says(500), says(500)])
    videos(make(submit__not_charged=[500]), 0)
    assert dict(api.paid) == {"a dog/0": 1}


def test_where_there_is_no_connection_nothing_was_sent(make: Make, api: Api) -> None:
    with pytest.raises(ClipError, match="nothing was sent: no connection to 127.0.0.1: .*it was not paid for"):
        videos(make(submit__url="http://127.0.0.1:9/submit"), 0)
    with pytest.raises(ClipError, match="nothing was sent: no connection to nowhere.invalid"):
        videos(make(submit__url="http://nowhere.invalid/submit", allow_http=True), 0)
    assert _spent(make) == 0


def test_an_answer_that_was_not_understood_is_understood_once_the_description_is_mended(make: Make, api: Api) -> None:
    api.faults["submit"].append(charged(says(200, {"data": {"id": "job-0"}})))
    with pytest.raises(ClipError, match=r"it has no 'id' \(it has data\)"):
        videos(make(), 0)
    videos(make(submit__id="data.id"), 0)
    assert api.kinds("submit") == 1


def test_a_state_that_is_not_named_is_told_at_once_and_mended_without_paying(make: Make, api: Api) -> None:
    with pytest.raises(ClipError, match="job job-0: its state is 'succeeded', which my_api.toml does not name"):
        videos(make(poll__done=["finished"], poll__running=["processing"]), 0)
    with pytest.raises(ClipError, match="job job-0: not done after 0.2 s, its state: succeeded"):
        videos(make(poll__done=["finished"], limits__job_seconds=0.2), 0)
    videos(make(), 0)
    assert api.kinds("submit") == 1


def test_a_failed_job_counts_as_paid_and_is_sent_again_only_if_told_so(make: Make, api: Api) -> None:
    api.fails.add("a dog")
    for _ in range(2):
        with pytest.raises(ClipError, match="job job-0: failed: the moderators said no .*counted as paid for"):
            videos(make(), 0)
    assert api.kinds("submit") == 1
    api.fails.clear()
    videos(make(pay_again=["failed"]), 0)
    assert dict(api.paid) == {"a dog/0": 2}
    assert _spent(make) == 2


def test_a_lost_video_is_asked_for_again_and_paid_again_only_if_told_so(make: Make, api: Api) -> None:
    api.always["video"] = says(403, b"<Error>expired</Error>")
    with pytest.raises(ClipError, match="the video at localhost: it answered 403: <Error>expired"):
        videos(make(pay_again=["lost"]), 0)  # it was not lost before
    assert api.kinds("submit") == 1
    with pytest.raises(ClipError):
        videos(make(), 0)
    assert api.kinds("submit") == 1
    del api.always["video"]
    api.faults["video"].extend([says(403)] * 3)
    videos(make(pay_again=["lost"]), 0)
    assert api.kinds("submit") == 2


POLLS: dict[str, Fault] = {
    "no answer": drops, "stalls": stalls, "dribbles": dribbles, "500": says(500), "429": says(429, Retry_After="0"),
    "404 for a moment": says(404), "a page": html, "ends early": short(ANSWER),
    "a chunk ends early": chunked_short(ANSWER), "no state": says(200, {}),
    "endless": endless, "a bomb": bomb, "no HTTP": garbage, "a redirect in a circle": redirects("/poll/job-0"),
    "to another scheme": redirects("ftp://elsewhere/"), "to no address": redirects("http://[/"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["poll", "video"])
@pytest.mark.parametrize("way", POLLS)
def test_polls_and_downloads_that_go_wrong_are_free_and_tried_again(make: Make, api: Api, way: str, kind: str) -> None:
    api.needs_polls = 1
    api.faults[kind].append(POLLS[way])
    model = make(limits__request_seconds=0.3, limits__download_seconds=0.3, result__max_megabytes=1)
    (frames,) = videos(model, 0)
    assert frames.shape == (4, 32, 48, 3)
    assert dict(api.paid) == {"a dog/0": 1}
    assert api.kinds("submit") == 1


def test_an_expired_link_is_fetched_anew_from_the_job(make: Make, api: Api) -> None:
    links = iter(["expired", "fresh"])

    def poll(call: Call) -> None:
        job = call.handler.path.rpartition("/")[2]
        link = f"{api.other_url}/video/{job}.mp4?{next(links)}"
        call.answer(200, {"status": "succeeded", "output": [link]})

    api.always["poll"] = poll
    api.always["video"] = lambda call: call.answer(410) if "expired" in call.handler.path else call.ordinary()
    videos(make(), 0)
    assert [path.partition("?")[2] for kind, path, _ in api.calls if kind == "video"] == ["expired", "fresh"]


def test_a_job_that_is_gone_is_lost(make: Make, api: Api) -> None:
    api.always["poll"] = says(404, {"error": "no such job"})
    with pytest.raises(ClipError, match="job job-0: its video cannot be had: it answered 404: .*no such job"):
        videos(make(), 0)


def test_one_clip_of_a_batch_that_fails_costs_the_others_nothing(make: Make, api: Api) -> None:
    model = make()
    videos(model, 0)
    requests = [ask(seed, "bad" if seed == 3 else "a dog") for seed in range(8)]
    api.fails.add("bad")
    from i2vbench.attempt import Failure, attempt

    results = attempt(requests, model.generate, "test")
    assert [isinstance(result, Failure) for result in results] == [seed == 3 for seed in range(8)]
    assert set(api.paid.values()) == {1}
    assert len(api.paid) == 8


def test_the_same_request_twice_in_a_batch_is_one(make: Make, api: Api) -> None:
    first, second = make().generate([ask(0), ask(0)])
    assert np.array_equal(first.frames, second.frames)
    assert dict(api.paid) == {"a dog/0": 1}


def test_a_video_whose_file_was_lost_or_changed_is_downloaded_again(make: Make, api: Api, tmp_path: Path) -> None:
    (before,) = videos(make(), 0)
    (file,) = (tmp_path / "own" / "videos").iterdir()
    file.write_bytes(b"something else")
    assert np.array_equal(videos(make(), 0)[0], before)
    file.unlink()
    assert np.array_equal(videos(make(), 0)[0], before)
    assert api.kinds("submit") == 1
    assert api.kinds("video") == 3


class TestBudget:
    def test_no_more_are_sent_than_it_allows_and_raising_it_goes_on(self, make: Make, api: Api) -> None:
        model = make(budget_clips=3)
        for seed in range(5):
            if seed < 3:
                videos(model, seed)
            else:
                words = r"the budget is spent: 3 requests .*budget_clips = 3; raise it there .*--retry-failed"
                with pytest.raises(ClipError, match=words):
                    videos(model, seed)
        assert api.kinds("submit") == 3
        videos(make(budget_clips=5), *range(5))
        assert sum(api.paid.values()) == 5

    def test_it_holds_for_requests_side_by_side(self, make: Make, api: Api) -> None:
        with pytest.raises(ClipError, match="the budget is spent"):
            videos(make(budget_clips=4, concurrency=16), *range(16))
        assert sum(api.paid.values()) == 4

    def test_what_is_not_known_counts_and_what_was_refused_does_not(self, make: Make, api: Api) -> None:
        api.faults["submit"].extend([says(422), charged(drops)])
        for words in ("422", "is not known", "the budget is spent: 1 requests"):
            with pytest.raises(ClipError, match=words):
                videos(make(budget_clips=1), len(words))
        assert api.kinds("submit") == 2

    def test_none_sends_nothing(self, make: Make, api: Api) -> None:
        with pytest.raises(ClipError, match="budget_clips = 0"):
            videos(make(budget_clips=0), 0)
        assert api.calls == []


def _spent(make: Callable[..., object]) -> int:
    model = make()
    return model._context.ledger.spent()  # type: ignore[attr-defined, no-any-return]


def test_reasons_are_one_line_without_control_characters(make: Make, api: Api) -> None:
    api.faults["submit"].append(says(422, b"\x1b[31mred\r\n\x00 alarm\x07" + b"y" * 100_000))
    with pytest.raises(ClipError) as error:
        videos(make(), 0)
    assert re.fullmatch(r"[ -~\N{REPLACEMENT CHARACTER}]{1,400}", str(error.value))


def test_time_is_what_is_stated_however_slowly_something_comes(make: Make, api: Api) -> None:
    api.always["poll"] = dribbles
    begun = time.monotonic()
    with pytest.raises(ClipError, match="not done after 0.5 s, its state: took more than 0.2 s"):
        videos(make(limits__request_seconds=0.2, limits__job_seconds=0.5), 0)
    assert time.monotonic() - begun < 10
