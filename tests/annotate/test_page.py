"""The page in a browser: every decision by mouse and by keyboard, and text that stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.check import check_folder
from i2vbench.datasets.metadata import METADATA
from tests.annotate.page import PROMPTS, Annotating, Start, Words, annotations, make_proposed, words
from tests.conftest import until


def open_page(browser: Any, page: Annotating, clip: str = "clip-0") -> None:
    browser.get("about:blank")
    browser.get_log("browser")  # what the page of the test before has left is forgotten
    browser.get(page.address)
    until_shown(browser, clip)


def until_shown(browser: Any, clip: str) -> None:
    until(browser, f"document.getElementById('where').textContent.includes('{clip},')")


def until_proposed(browser: Any) -> None:
    """Until the proposal is drawn and what is said of its words too: nothing moves after that."""
    until(browser, "document.querySelectorAll('#objects-chips .chip').length == 4")
    until(browser, "document.querySelector('#objects-said li') && document.querySelector('#scene-said li')")


def keys(browser: Any, *some: str) -> None:
    """Types into what has the focus."""
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*some).perform()


def shift(browser: Any, key: str) -> None:
    from selenium.webdriver import ActionChains, Keys

    ActionChains(browser).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()


def text(browser: Any, id_: str) -> str:
    return str(browser.execute_script(f"return document.getElementById('{id_}').textContent"))


def value(browser: Any, id_: str) -> str:
    return str(browser.execute_script(f"return document.getElementById('{id_}').value"))


def click(browser: Any, id_: str) -> None:
    browser.find_element("id", id_).click()


def test_accept_correct_reject_and_skip(browser: Any, start: Start, folder: Path) -> None:
    page = start()
    open_page(browser, page)
    until_proposed(browser)
    assert (value(browser, "objects"), value(browser, "scene")) == ("dog", "beach")
    until(browser, "document.querySelector('#media video')?.currentTime > 0")
    until(browser, "document.querySelector('#first img')?.naturalWidth == 48")
    assert text(browser, "count") == "0 of 4 done"
    click(browser, "accept")
    until_shown(browser, "clip-1")
    assert words(folder)["clip-0"] == Words(("dog",), "beach")
    assert "clip-0: saved dog · beach" in text(browser, "toast")

    until_proposed(browser)
    assert text(browser, "accept") == "Accept"
    browser.find_elements("css selector", "#objects-chips .chip")[1].click()
    browser.find_elements("css selector", "#scene-chips .chip")[2].click()
    assert (value(browser, "objects"), value(browser, "scene")) == ("ball", "beach water")
    assert text(browser, "accept") == "Save correction"
    click(browser, "several")
    browser.find_elements("css selector", "#objects-chips .chip")[2].click()
    until(browser, "document.getElementById('objects-said').textContent.includes('takes one object word')")
    click(browser, "accept")
    until_shown(browser, "clip-2")
    assert words(folder)["clip-1"] == Words(("ball", "hot dog"), "beach water")

    click(browser, "skip")
    until_shown(browser, "image-0")
    click(browser, "reject")
    until_shown(browser, "clip-2")
    assert words(folder)["image-0"] == words(folder)["clip-2"] == Words()
    assert text(browser, "count") == "3 of 4 done, 1 of them rejected"
    click(browser, "reject")
    until(browser, "document.getElementById('empty-text').textContent.startsWith('No clip is left')")
    assert check_folder(folder) == []
    assert browser.get_log("browser") == []
    click(browser, "finish")
    assert page.process.wait(30) == 0
    assert "can be closed" in text(browser, "empty-text")


def test_everything_by_keyboard(browser: Any, start: Start, folder: Path) -> None:
    from selenium.webdriver import Keys

    open_page(browser, start())
    until_proposed(browser)
    keys(browser, Keys.ENTER)
    until_shown(browser, "clip-1")
    assert words(folder)["clip-0"] == Words(("dog",), "beach")
    until_proposed(browser)
    keys(browser, "2")
    shift(browser, "3")
    keys(browser, Keys.ENTER)
    until_shown(browser, "clip-2")
    assert words(folder)["clip-1"] == Words(("ball",), "beach water")
    until_proposed(browser)
    keys(browser, "o")
    keys(browser, "xn;u s2", Keys.ESCAPE)
    assert value(browser, "objects") == "xn;u s2", "keys are text while a field has the focus"
    keys(browser, "s")
    keys(browser, "sea", Keys.ENTER)
    until_shown(browser, "image-0")
    assert words(folder)["clip-2"] == Words(("xn", "u s2"), "sea")
    keys(browser, "u")
    until_shown(browser, "clip-2")
    assert words(folder)["clip-2"] == Words()
    until_proposed(browser)
    keys(browser, "x")
    until_shown(browser, "image-0")
    keys(browser, Keys.ARROW_LEFT)
    until_shown(browser, "clip-2")
    assert text(browser, "state") == "rejected: no words, on purpose"
    keys(browser, Keys.ARROW_RIGHT)
    until_shown(browser, "image-0")
    keys(browser, "n")
    until_shown(browser, "image-0")  # the only one that is left
    assert text(browser, "count") == "3 of 4 done, 1 of them rejected"


CAPTIONS = ("a dog running on a sandy beach next to the water", "a dog on the beach")


def test_a_proposed_prompt_is_accepted_or_another_caption_taken(browser: Any, start: Start, folder: Path) -> None:
    make_proposed(folder)
    open_page(browser, start())
    until_proposed(browser)
    assert (value(browser, "prompt"), text(browser, "state")) == (PROMPTS[0], "prompt not checked yet")
    assert "a machine wrote this" in text(browser, "prompt-said")
    chips = browser.find_elements("css selector", "#captions-chips .chip")
    assert [chip.text for chip in chips] == [f"{CAPTIONS[0]}\n3/4", f"{CAPTIONS[1]}\n1/4"]
    assert text(browser, "accept") == "Accept"
    click(browser, "accept")
    until_shown(browser, "clip-1")
    accepted = Annotation(PROMPTS[0], ("dog",), "beach", "checked")
    assert annotations(folder)["clip-0"] == accepted
    assert "clip-0: saved prompt · dog · beach" in text(browser, "toast")
    until_proposed(browser)
    chips = browser.find_elements("css selector", "#captions-chips .chip")
    chips[1].click()
    assert (value(browser, "prompt"), text(browser, "accept")) == (CAPTIONS[1], "Save correction")
    assert [chip.get_attribute("aria-pressed") for chip in chips] == ["false", "true"]
    until(browser, "document.getElementById('prompt-said').textContent == 'the caption of 1 of 4 frames'")
    chips[1].click()
    assert (value(browser, "prompt"), text(browser, "accept")) == (PROMPTS[1], "Accept")
    chips[0].click()
    click(browser, "accept")
    until_shown(browser, "clip-2")
    assert annotations(folder)["clip-1"] == Annotation(CAPTIONS[0], ("dog",), "beach", "checked")
    click(browser, "undo")
    until_shown(browser, "clip-1")
    now = annotations(folder)
    assert (now["clip-0"], now["clip-1"]) == (accepted, Annotation(PROMPTS[1], prompt_state="proposed"))
    assert text(browser, "state") == "prompt not checked yet"
    assert check_folder(folder) == []
    assert browser.get_log("browser") == []


def test_prompts_by_keyboard(browser: Any, start: Start, folder: Path) -> None:
    from selenium.webdriver import Keys

    make_proposed(folder)
    open_page(browser, start())
    until_proposed(browser)
    keys(browser, "c")
    assert value(browser, "prompt") == CAPTIONS[0]
    keys(browser, "p")
    keys(browser, ", wet", Keys.ESCAPE)
    written = f"{CAPTIONS[0]}, wet"
    assert value(browser, "prompt") == written
    seen = []
    for _ in range(4):
        keys(browser, "c")
        seen.append(value(browser, "prompt"))
    assert seen == [PROMPTS[0], *CAPTIONS, written], "what was typed is not lost"
    keys(browser, "w")
    assert (value(browser, "objects"), value(browser, "scene")) == ("", "")
    keys(browser, "p")
    keys(browser, Keys.ENTER)
    until_shown(browser, "clip-1")
    assert annotations(folder)["clip-0"] == Annotation(written, (), "", "checked")
    until_proposed(browser)
    keys(browser, "p")
    browser.execute_script("document.execCommand('insertText', false, ' pasted\\n  lines')")
    assert value(browser, "prompt") == f"{PROMPTS[1]} pasted lines"
    keys(browser, Keys.ENTER)
    until_shown(browser, "clip-2")
    assert annotations(folder)["clip-1"] == Annotation(f"{PROMPTS[1]} pasted lines", ("dog",), "beach", "checked")
    keys(browser, "p")
    browser.execute_script("document.getElementById('prompt').select()")
    keys(browser, Keys.DELETE, Keys.ENTER, Keys.ESCAPE)
    assert browser.find_element("id", "accept").get_property("disabled")
    until(browser, "document.getElementById('fault').textContent.startsWith('prompt: is empty')")
    assert annotations(folder)["clip-2"].prompt == PROMPTS[2]
    browser.find_element("css selector", "#filter option[value=wordless]").click()
    until_shown(browser, "clip-2")
    keys(browser, Keys.ARROW_RIGHT)
    until_shown(browser, "image-0")
    keys(browser, "n")
    until_shown(browser, "clip-0")
    assert text(browser, "state") == "prompt checked, no words"


def test_a_prompt_that_another_program_changed_is_taken_over(browser: Any, start: Start, folder: Path) -> None:
    make_proposed(folder)
    open_page(browser, start())
    until_proposed(browser)
    table = folder / METADATA
    table.write_text(table.read_text().replace(PROMPTS[0], "a dog of theirs."))
    browser.execute_script("document.getElementById('prompt-said').replaceChildren()")
    click(browser, "accept")
    until(browser, "!document.getElementById('fault').hidden")
    assert "another program has changed 'clip-0' to prompt 'a dog of theirs.'" in text(browser, "fault")
    assert (value(browser, "prompt"), value(browser, "objects")) == ("a dog of theirs.", "dog")
    until(browser, "document.getElementById('prompt-said').textContent.startsWith('a machine wrote this')")
    assert "another program" in text(browser, "fault"), "it stays until the next try"
    click(browser, "accept")
    until_shown(browser, "clip-1")
    assert annotations(folder)["clip-0"] == Annotation("a dog of theirs.", ("dog",), "beach", "checked")


def test_filters_and_words_that_are_there(browser: Any, start: Start, folder: Path) -> None:
    table = folder / METADATA
    table.write_text(table.read_text().replace("clip number 1.,,", "clip number 1.,cat;Cow,"))
    open_page(browser, start())
    assert [o.text for o in browser.find_elements("css selector", "#category option")] == [
        "all categories", "Pet (0 of 3 done)", "Food (1 of 1 done)",
    ]  # fmt: skip
    browser.find_element("css selector", "#filter option[value=annotated]").click()
    until_shown(browser, "clip-1")
    assert value(browser, "objects") == "cat; Cow"
    assert (text(browser, "reject"), text(browser, "state")) == ("Remove words", "annotated")
    until(browser, "document.getElementById('objects-said').textContent.includes(\"'Cow' for 'cow'\")")
    browser.find_element("css selector", "#filter option[value=rejected]").click()
    until(browser, "document.getElementById('empty-text').textContent.startsWith('There is no such clip')")
    browser.find_element("css selector", "#filter option[value=all]").click()
    browser.find_element("css selector", "#category option:last-child").click()
    until_shown(browser, "clip-1")
    click(browser, "reject")
    until(browser, "document.getElementById('state').textContent.startsWith('rejected')")
    assert words(folder)["clip-1"] == Words()
    click(browser, "undo")
    until(browser, "document.getElementById('state').textContent == 'annotated'")
    assert words(folder)["clip-1"] == Words(("cat", "Cow"))


def test_a_conflict_keeps_what_was_typed(browser: Any, start: Start, folder: Path) -> None:
    page = start()
    open_page(browser, page)
    until_proposed(browser)
    table = folder / METADATA
    table.write_text(table.read_text().replace("clip number 0.,,", "clip number 0.,cat,"))
    click(browser, "accept")
    until(browser, "!document.getElementById('fault').hidden")
    assert "another program has changed 'clip-0' to objects 'cat'" in text(browser, "fault")
    assert value(browser, "objects") == "dog"
    assert words(folder)["clip-0"] == Words(("cat",))
    click(browser, "accept")
    until_shown(browser, "clip-1")
    assert words(folder)["clip-0"] == Words(("dog",), "beach")
    page.process.kill()
    page.process.wait()
    browser.execute_script("document.getElementById('reject').click()")
    until(browser, "document.getElementById('fault').textContent.includes('nothing was saved')")


def test_text_of_others_stays_text(browser: Any, start: Start, folder: Path) -> None:
    nasty = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    table = folder / METADATA
    table.write_text(table.read_text().replace("clip number 0.", nasty).replace("Pet", f"{nasty}&amp;"))
    open_page(browser, start())
    until_proposed(browser)
    assert value(browser, "prompt") == nasty
    assert f"{nasty}&amp;" in text(browser, "where")
    assert browser.find_elements("css selector", "#objects-chips .chip")[3].text.startswith("<b>bold</b>")
    assert browser.title == "Annotate data"
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_cut_off(browser: Any, start: Start, folder: Path, width: int) -> None:
    table = folder / METADATA
    table.write_text(table.read_text().replace("clip number 0.", "word" * 60 + " and on and on" * 20))
    page = start()
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 400}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        open_page(browser, page)
        until_proposed(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        outside = browser.execute_script(
            "return [...document.querySelectorAll('main *, header *')].filter(n => n.getClientRects().length &&"
            f" (n.getBoundingClientRect().right > {width} || n.getBoundingClientRect().left < 0)).map(n => n.id)"
        )
        assert outside == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
