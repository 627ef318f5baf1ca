"""What raters do and see in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from i2vbench.human.votes import Votes
from tests.conftest import until
from tests.human.raters import Serving
from tests.human.studies import MODELS


@contextmanager
def window(browser: Any, width: int, height: int, *, phone: bool = False) -> Iterator[None]:
    """A window of this size, or a phone's screen."""
    size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def keys(browser: Any, *some: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*some).perform()


def click(browser: Any, id_: str) -> None:
    browser.find_element("id", id_).click()


def pick(browser: Any, question: str, place: int) -> None:
    chosen = picks(browser, question)[place]
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", chosen)  # the bar is above what is below
    chosen.click()


def text(browser: Any, id_: str) -> str:
    return str(browser.find_element("id", id_).text)


def picks(browser: Any, question: str) -> list[Any]:
    """Where a question is answered, from left to right."""
    return list(browser.find_elements("css selector", f".pick:has([name={question}])"))


def until_task(browser: Any, number: int) -> None:
    """Until a task is there and its videos can be played."""
    until(browser, f"document.getElementById('heading').textContent.startsWith('Task {number} of')")
    until(browser, "!document.getElementById('play').disabled")


def until_playing(browser: Any) -> None:
    until(browser, "[...document.querySelectorAll('video')].some((video) => !video.paused && video.currentTime > 0)")


def agree(browser: Any, address: str, nickname: str = "") -> None:
    browser.get(address)
    until(browser, "document.getElementById('consents')?.offsetParent")
    assert browser.execute_script("return performance.getEntriesByType('resource').every((e) => !/tasks/.test(e.name))")
    browser.find_element("id", "nickname").send_keys(nickname)
    click(browser, "consents")
    until_task(browser, 1)


def enrolled(served: Serving) -> str:
    """The address of a new rater, who has not consented."""
    return served.origin + str(served.ask("/enrol", {}).json["address"])


def assert_nothing_told(browser: Any, served: Serving) -> None:
    """No model's name on the page or in what it asked for, nobody else was asked, and the console is empty."""
    asked = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked
    assert all(name.startswith((f"{served.origin}/", f"blob:{served.origin}/")) for name in asked), asked
    everything = browser.page_source + " ".join(asked)
    assert not [name for name in (*MODELS, "UBER", "sample-") if name in everything]
    assert browser.get_log("browser") == []


def answers(votes: Votes) -> list[dict[str, tuple[int, ...]]]:
    return [dict(response.chosen) for response in votes.responses()]
