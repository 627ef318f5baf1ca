"""How often who may ask."""

from __future__ import annotations

import itertools

import pytest

from i2vbench.human.limits import MOST, Limit, TooOften, client_of
from tests.asking import Answer
from tests.human.conftest import Serve

GOOD = {"chosen": {"appearance": [0], "motion": [1]}}


def test_a_limit_fills_again_and_keeps_few_buckets() -> None:
    now = [0.0]
    limit = Limit(burst=3, rate=0.5, clock=lambda: now[0])
    for _ in range(3):
        limit.take("a")
    with pytest.raises(TooOften) as error:
        limit.take("a")
    assert error.value.seconds == 3
    limit.take("b")
    now[0] += 2
    limit.take("a")
    with pytest.raises(TooOften):
        limit.take("a")
    for client in range(3 * MOST):
        limit.take(client)
    assert len(limit._left) <= MOST
    now[0] += 1000
    for client in range(MOST):
        limit.take(("new", client % 5))
        now[0] += 1
    assert len(limit._left) <= 5


def test_whom_a_limit_counts() -> None:
    def of(peer: str, *said: str, proxy: bool = True) -> str:
        headers = [(b"x-forwarded-for", text.encode()) for text in said]
        return client_of({"type": "http", "client": (peer, 1), "headers": headers}, proxy)

    assert of("10.0.0.1", "1.1.1.1, 2.2.2.2", proxy=False) == "10.0.0.1", "a client's own invention"
    assert of("10.0.0.1", "6.6.6.6", "1.1.1.1, 2.2.2.2") == "2.2.2.2", "what the proxy added last"
    assert of("10.0.0.1", "1.1.1.1, nonsense") == of("10.0.0.1") == of("10.0.0.1", "") == "10.0.0.1"
    assert of("::1", "2001:db8:1:2:3:4:5:6") == of("::1", "2001:db8:1:2::9") != of("::1", "2001:db8:1:3::9")
    assert of("::ffff:1.2.3.4") == "1.2.3.4"


def test_a_flood_is_refused_and_keeps_no_rater_from_voting(serve: Serve) -> None:
    server = serve(access={"enrol": 1000, "behind_proxy": True})
    address = server.enrol()
    server.get(f"{address}tasks/1")

    def flood(path: str, body: object = None) -> list[Answer]:
        return [server.ask(path, body, headers={"X-Forwarded-For": f"9.9.9.{n}, 5.5.5.5"}) for n in range(70)]

    for answers in (flood("/r/guess/state"), flood("/admin/guess/progress"), flood("/enrol", {})):
        last = answers[-1]
        assert last.status == 429
        assert int(last.headers["retry-after"]) > 0
        assert "wait" in last.json["why"]
    here = {"X-Forwarded-For": "5.5.5.5"}
    assert server.ask(f"{address}tasks/1", GOOD, headers=here).status == 200, "behind the same address"
    assert server.ask("/r/guess/state", headers={"X-Forwarded-For": "5.5.5.6"}).status == 404, "from elsewhere"
    assert server.ask("/enrol", {}).status == 200
    saves = (server.ask(f"{address}tasks/1", GOOD, headers=here).status for _ in range(1000))
    assert list(itertools.takewhile(lambda status: status == 200, saves))[99:], "honest use does not meet the limit"
    assert server.ask(f"{address}tasks/1", GOOD, headers=here).status == 429
    assert server.ask(f"{address}state", headers=here).status == 200
