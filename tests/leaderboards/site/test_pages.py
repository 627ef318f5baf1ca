"""What a browser makes of the site: one window for all of it, from the disk, as readers open it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i2vbench.leaderboards.site.build import build_site
from tests.conftest import until
from tests.leaderboards.site.entries import NASTY, few_entries

KINDS = (
    *("index.html", "i2v-bench.html", "ucf101.html", "submit.html", "models/i2v-bench-apex.html"),
    *("models/i2v-bench-nasty.html", "models/ucf101-seine.html", "metrics/dynamic_degree.html", "metrics/fvd.html"),
)

NAMES = "[...document.querySelectorAll('table.sortable tbody tr:not([hidden]) th a')].map(a => a.textContent)"

RENDERED = """[
  document.querySelector("h1").getBoundingClientRect().height,
  getComputedStyle(document.body).maxWidth,
  document.querySelectorAll("img[onerror], h1 script, td script, bdi > *:not(a)").length,
]"""

CONTRASTS = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (c) => {
  const [r, g, b] = c.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  for (let n = node; n; n = n.parentElement) {
    const found = rgb(getComputedStyle(n).backgroundColor);
    if (found.length < 4 || found[3] === 1) return found.slice(0, 3);
  }
  return null;
};
const bad = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("script, noscript")) continue;
  const [x, y] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
  const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  seen += 1;
  if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${node.tagName}.${node.className}: ${walker.currentNode.textContent}`);
}
return [seen, bad, getComputedStyle(document.body).backgroundColor];
"""


class Window:
    """The browser, and the site that it shows."""

    def __init__(self, chrome: Any, site: Path) -> None:
        self.chrome, self.site = chrome, site

    def open(self, page: str, view: str = "") -> None:
        self.chrome.get("about:blank")  # an address that differs in its view alone would not be loaded again
        self.chrome.get((self.site / page).as_uri() + view)

    def js(self, code: str) -> Any:
        return self.chrome.execute_script(f"return {code}")

    def find(self, selector: str) -> Any:
        return self.chrome.find_element("css selector", selector)

    def cdp(self, command: str, **arguments: Any) -> Any:
        return self.chrome.execute_cdp_cmd(command, arguments)

    def press(self, key: str) -> None:
        from selenium.webdriver import Keys

        self.chrome.switch_to.active_element.send_keys(getattr(Keys, key))

    def column(self, key: str) -> list[str]:
        at = f"document.querySelector('th[data-key=\"{key}\"]').cellIndex"
        cells = f"[...document.querySelectorAll('table.sortable tbody tr')].map(r => r.cells[{at}].dataset.v ?? '')"
        found: list[str] = self.js(cells)
        return found

    def set(self, name: str, value: str) -> None:
        self.chrome.execute_script(
            "const field = document.getElementById('controls').elements[arguments[0]]; field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', { bubbles: true }))",
            name,
            value,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("pages")
    build_site(few_entries(room / "clips"), room / "a site")
    return room / "a site"


@pytest.fixture
def window(browser: Any, site: Path) -> Iterator[Window]:
    """Afterwards nothing may have been complained of."""
    window = Window(browser, site)
    browser.get_log("browser")
    yield window
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_page_renders_and_no_markup_came_in(window: Window, site: Path) -> None:
    for path in sorted(site.rglob("*.html")):
        window.open(path.relative_to(site).as_posix())
        assert window.chrome.title.endswith("I2V-Bench leaderboards")
        height, wide, foreign = window.js(RENDERED)
        assert (height > 20, wide, foreign) == (True, "1344px", 0), path  # 84rem: the style is there
        assert window.chrome.get_log("browser") == [], path


@pytest.mark.parametrize("page", ["i2v-bench.html", "ucf101.html", "metrics/object_consistency.html"])
def test_every_column_sorts_best_first_and_back(window: Window, page: str) -> None:
    window.open(page)
    before = window.js(NAMES)
    for head in window.chrome.find_elements("css selector", "th[data-direction]"):
        key, higher = head.get_attribute("data-key"), head.get_attribute("data-direction") == "higher"
        if window.js("document.querySelectorAll('th[data-key=\"' + CSS.escape(arguments[0]) + '\"]').length") != 1:
            continue
        for worst in (False, True):
            head.find_element("css selector", "button").click()
            down = higher is not worst
            assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
            texts = window.column(key)
            values = [float(text) for text in texts if text]
            assert values == sorted(values, reverse=down)
            assert all(texts[: len(values)])  # what has no number stands last, either way
        head.find_element("css selector", "button").click()
        assert head.get_attribute("aria-sort") is None
        assert window.js(NAMES) == before
    assert len(window.chrome.find_elements("css selector", "th[data-direction] button")) >= 3


def test_ties_keep_their_order_and_names_sort_as_words(window: Window) -> None:
    window.open("i2v-bench.html", "#sort=best.dynamic_degree")
    assert window.js(NAMES)[:3] == ["brisk", "apex", "calm"]
    window.open("i2v-bench.html", "#sort=worst.dynamic_degree")
    assert window.js(NAMES)[-3:] == ["apex", "calm", "brisk"]  # a tie is a tie either way
    window.open("i2v-bench.html", "#sort=best.model")
    assert window.js(NAMES)[1:] == [
        "AnimateAnything", "apex", "brisk", "calm", "ConsistI2V", "DynamiCrafter", "I2VGen-XL", "SEINE",
    ]  # fmt: skip


def test_the_keyboard_reaches_every_control_and_sorts(window: Window) -> None:
    window.open("i2v-bench.html")
    window.find("body").send_keys("")
    window.press("TAB")
    assert window.js("document.activeElement.className") == "skip"
    assert window.js("document.activeElement.getBoundingClientRect().top >= 0")
    window.press("ENTER")
    assert window.js("document.activeElement.id") == "main"
    reached = []
    for _ in range(14):
        window.press("TAB")
        reached.append(window.js("document.activeElement.name || document.activeElement.textContent.trim()"))
        assert window.js("getComputedStyle(document.activeElement).outlineStyle !== 'none'"), reached
        if window.js("document.activeElement.closest('th')?.dataset.key === 'dynamic_degree'"):
            break
    assert reached[:4] == ["q", "origin", "category", "intervals"]
    window.press("ENTER")
    assert window.find("th[data-key=dynamic_degree]").get_attribute("aria-sort") == "descending"
    window.press("SPACE")
    assert window.find("th[data-key=dynamic_degree]").get_attribute("aria-sort") == "ascending"


def test_filters_hide_rows_and_say_how_many_are_left(window: Window) -> None:
    window.open("i2v-bench.html")
    said = "document.querySelector('#controls output').textContent"
    assert window.js("document.querySelector('#controls output').getAttribute('aria-live')") == "polite"
    assert window.js(said) == "9 of 9 rows"
    window.find("[name=q]").send_keys("CONSIST i2v")
    assert window.js(NAMES) == ["ConsistI2V"]
    assert window.js(said) == "1 of 9 rows"
    window.set("q", "")
    window.set("origin", "submitted")
    assert window.js(NAMES) == ["apex", NASTY, "brisk", "calm"]
    window.find("[name=intervals]").click()
    assert window.js("[...document.querySelectorAll('.interval')].every(i => !i.checkVisibility())")
    assert window.js("location.hash") == "#origin=submitted&intervals=off"


def test_a_category_changes_numbers_marks_and_order(window: Window) -> None:
    window.open("i2v-bench.html", "#sort=best.dynamic_degree")
    whole = window.find("tbody").get_attribute("innerHTML")
    window.set("category", "Pet")
    assert window.find("caption").text == "Pet"
    assert window.js(NAMES)[0] == "I2VGen-XL"  # 92.88 in Table 12
    first = "document.querySelector('tbody tr').cells[5]"
    assert window.js(f"{first}.innerHTML") == "<strong>92.88</strong>"
    apex = window.js("[...document.querySelectorAll('tbody tr')].find(r => r.dataset.row === '5').cells[5].innerHTML")
    assert apex == (
        '<span>12.50</span><span class="noted" title="one clip failed">*</span>'
        '<small class="interval">[9.50, 15.50]</small><small>n 189</small>'
    )
    window.set("category", NASTY)
    assert window.column("dynamic_degree") == ["40.00"] + [""] * 8
    window.set("category", "")
    assert window.find("tbody").get_attribute("innerHTML") == whole  # what the file had, made again


def test_a_view_can_be_linked_and_nonsense_in_it_is_passed_over(window: Window) -> None:
    window.open("i2v-bench.html")
    window.set("category", "Pet")
    window.set("q", "e")
    window.find("th[data-key=subject_consistency] button").click()
    hash_, names = window.js("location.hash"), window.js(NAMES)
    assert hash_ == "#category=Pet&q=e&sort=best.subject_consistency"
    window.open("i2v-bench.html", hash_)
    assert window.js(NAMES) == names
    assert window.find("[name=q]").get_attribute("value") == "e"
    assert window.find("caption").text == "Pet"
    window.open("i2v-bench.html", "#category=%3Cimg%20src=x%3E&sort=best.constructor&origin=__proto__&q=&x")
    assert window.js("document.querySelector('#controls output').textContent") == "9 of 9 rows"
    window.open("metrics/fvd.html", "#sort-msrvtt=worst.All")
    heads = window.js("[...document.querySelectorAll('th[aria-sort]')].map(h => h.closest('table').id)")
    assert heads == ["msrvtt"]


def test_clips_play_together_beside_those_of_chosen_models(window: Window) -> None:
    window.open("models/i2v-bench-apex.html")
    row = "document.querySelectorAll('.clip')[0]"
    assert window.js(f"[...{row}.querySelectorAll('.who')].map(n => n.textContent)") == ["apex", NASTY, "brisk"]
    videos = f"[...{row}.querySelectorAll('video')]"
    assert window.js(f"{videos}.every(v => v.muted && v.loop && v.controls && v.playsInline && v.preload === 'none')")
    assert window.js(f"{videos}.every(v => v.paused && v.readyState === 0)")  # nothing loads or plays unasked
    assert window.js(f"{row}.querySelector('figcaption').innerText").split("\n")[0] == "apex"
    assert "Flickering" in window.js(f"{row}.querySelectorAll('figcaption')[2].innerText")
    window.find(".clip .play").click()
    says = "document.querySelector('.clip .play').innerText"  # it hears of each video's pause, one by one
    until(window.chrome, f"{videos}.every(v => v.currentTime > 0.2) && {says} === 'Pause all'")
    window.find(".clip .play").click()
    until(window.chrome, f"{videos}.every(v => v.paused) && {says} === 'Play all'")
    window.find(".chosen button").click()
    assert window.js("location.hash") == "#beside=brisk"
    window.chrome.execute_script(
        "const add = document.querySelector('[name=add]'); add.value = 'calm'; add.dispatchEvent(new Event('change'))"
    )
    assert window.js("location.hash") == "#beside=brisk%2Ccalm"
    assert window.js(f"[...{row}.querySelectorAll('.who')].map(n => n.textContent)") == ["apex", "brisk", "calm"]
    second = "document.querySelectorAll('.clip')[1]"
    assert window.js(f"{second}.querySelector('.absent').textContent") == "no clip of this sample"
    window.open("models/i2v-bench-apex.html", "#beside=none")
    assert window.js("document.querySelectorAll('.other').length") == 0


def test_commands_can_be_copied(window: Window) -> None:
    window.open("submit.html")
    for button in window.chrome.find_elements("css selector", ".copy"):
        button.click()
    until(
        window.chrome, "[...document.querySelectorAll('.copy')].every(b => /^(Copied|Selected)$/.test(b.textContent))"
    )
    assert len(window.chrome.find_elements("css selector", ".copy")) == 5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_stands_out_in_both_modes(window: Window, mode: str) -> None:
    window.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": mode}])
    for page in (KINDS[0], KINDS[1], KINDS[3], KINDS[4], KINDS[7]):
        window.open(page)
        seen, bad, page_colour = window.chrome.execute_script(CONTRASTS)
        assert seen > 20
        assert bad == [], page
        assert (page_colour == "rgb(255, 255, 255)") is (mode == "light")


def test_a_phone_scrolls_tables_not_pages(window: Window) -> None:
    window.cdp("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    window.cdp("Emulation.setTouchEmulationEnabled", enabled=True)
    for page in KINDS:
        window.open(page)
        assert window.js("document.documentElement.scrollWidth") == 360, page
        assert window.js("innerWidth") == 360, page
        small = "[...document.querySelectorAll('button, select, input[type=search], .controls label, nav a')]"
        sizes = (
            f"{small}.filter(n => n.checkVisibility() && n.getBoundingClientRect().height < 24).map(n => n.outerHTML)"
        )
        assert window.js(sizes) == [], page
    window.open("i2v-bench.html")
    box = "document.querySelector('.scroll')"
    assert window.js(f"{box}.scrollWidth > {box}.clientWidth && {box}.tabIndex === 0")
    window.chrome.execute_script(f"{box}.scrollLeft = 300")
    left = "document.querySelector('tbody th').getBoundingClientRect().left"
    assert window.js(f"Math.abs({left} - {box}.getBoundingClientRect().left) < 1")  # the names stay
    window.cdp("Emulation.setTouchEmulationEnabled", enabled=False)


def test_paper_has_tables_and_no_controls(window: Window) -> None:
    for page, width in (("i2v-bench.html", 1047), ("metrics/dynamic_degree.html", 1047), (KINDS[4], 688)):
        # A4 without its margins at 96 pixels an inch
        window.cdp("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=False)
        window.open(page)
        window.cdp("Emulation.setEmulatedMedia", media="print")
        hidden = "[...document.querySelectorAll('nav, .controls, .play, .skip, .copy')]"
        assert window.js(f"{hidden}.length > 2 && {hidden}.every(n => !n.checkVisibility())"), page
        tables = "[...document.querySelectorAll('table')]"
        assert window.js(f"{tables}.every(t => t.getBoundingClientRect().right <= document.body.clientWidth + 1)"), page
        assert window.js(
            "[...document.querySelectorAll('.scroll')].every(s => getComputedStyle(s).overflowX === 'visible')"
        )
        window.cdp("Emulation.setEmulatedMedia", media="")
        pdf = base64.b64decode(window.cdp("Page.printToPDF", preferCSSPageSize=True)["data"])
        assert pdf.startswith(b"%PDF")
    window.open("models/i2v-bench-apex.html")
    window.cdp("Emulation.setEmulatedMedia", media="print")
    after = "getComputedStyle(document.querySelector('.links a'), '::after').content"
    assert "attr(href)" in window.js(after) or "https://example.org/code" in window.js(after)


def test_all_numbers_are_there_without_javascript(window: Window) -> None:
    window.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        window.open("i2v-bench.html")
        said = window.find("main").text
        assert "12.50" not in said  # of a category
        assert "need JavaScript" in said
        assert not window.find("#controls").is_displayed()
        assert "37.48" in said
        window.open("models/i2v-bench-apex.html")
        assert "12.50*\n[9.50, 15.50]\nn 189" in window.find("main table").text
        assert len(window.chrome.find_elements("css selector", "video[controls][src$='.mp4']")) == 3
        assert not window.find(".play").is_displayed()
        window.open("metrics/dynamic_degree.html")
        assert "92.88" in window.find("main table").text
    finally:
        window.cdp("Emulation.setScriptExecutionDisabled", value=False)
