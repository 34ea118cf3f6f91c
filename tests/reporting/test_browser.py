"""Reports in a real browser: nothing is asked for, nothing complained of, all can be read."""

import re

import pytest

from tests.reporting.browser import CHROMIUM, Browser
from tests.reporting.conftest import KINDS

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the PATH"
)

WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
CONTRAST, SMALLEST_TEXT = 4.5, 9.5

# The ratio of WCAG 2.2, and the smallest of all texts: text of pictures has a fill.
WORST_CONTRAST = """
(() => {
  const parts = color => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = parts(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const a = light(parts(node.closest("svg") ? style.fill : style.color));
    const b = light(ground(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, node.outerHTML.slice(0, 200)];
  }
  return worst;
})()
"""

SMALLEST = """
Math.min(...[...document.querySelectorAll("svg text")]
  .filter(text => !text.querySelector("tspan"))
  .map(text => {
    const svg = text.ownerSVGElement;
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(text).fontSize) * scale;
  }))
"""

OUTSIDE = """
[...document.querySelectorAll("svg text")].map(text => text.getBoundingClientRect())
  .filter(box => box.left < -1 || box.right > document.documentElement.clientWidth + 1).length
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_shown_on_a_screen(browser, pages, kind, width, scheme):
    browser.open(pages[kind].path, width=width, scheme=scheme)
    asked = [url for url in browser.requests() if not url.startswith("data:")]  # in the file
    assert asked == [pages[kind].path.as_uri()]
    assert browser.complaints() == []
    wide, there = browser.ask(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= there
    assert browser.ask(OUTSIDE) == 0
    assert browser.ask(SMALLEST) >= SMALLEST_TEXT
    ratio, where = browser.ask(WORST_CONTRAST)
    assert ratio >= CONTRAST, where


def test_dark_is_dark_and_its_pictures_too(browser, pages):
    shades = {}
    for scheme in SCHEMES:
        browser.open(pages["lstm"].path, width=1280, scheme=scheme)
        ground = browser.ask("getComputedStyle(document.body).backgroundColor")
        ink = browser.ask("getComputedStyle(document.querySelector('svg text')).fill")
        shades[scheme] = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert shades["light"][0] > 700 > 200 > shades["light"][1]
    assert shades["dark"][0] < 200 < 600 < shades["dark"][1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_screen_reader_is_told_what_pictures_and_tables_show(browser, pages, kind):
    browser.open(pages[kind].path, width=1280)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    shown = [node for node in nodes if not node["ignored"]]
    role = {node["nodeId"]: node["role"]["value"] for node in shown}
    pictures = [node for node in shown if role[node["nodeId"]] in ("image", "img")]
    assert len(pictures) == browser.ask("document.querySelectorAll('svg').length") > 0
    for picture in pictures:
        assert len(picture["name"]["value"]) > 5
        assert re.search(r"\d", picture["description"]["value"])
    tables = [node for node in shown if role[node["nodeId"]] == "table"]
    assert tables
    assert all(node["name"]["value"] for node in tables)


@pytest.mark.parametrize("kind", KINDS)
def test_printed_light_and_whole(browser, pages, kind):
    browser.open(pages[kind].path, width=700, scheme="dark", media="print")
    ground = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    hidden = browser.ask(
        "[...document.querySelectorAll('table')].filter(t => !t.checkVisibility()).length"
    )
    assert hidden == 0  # folded tables, too
    cut = browser.ask(
        "[...document.querySelectorAll('.scroll')].filter(b => b.scrollHeight > b.clientHeight + 1"
        " && getComputedStyle(b).overflowY !== 'visible').length"
    )
    assert cut == 0
    pdf = browser.pdf()
    assert pdf.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
