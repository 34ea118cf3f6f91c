"""Every report is a well-formed page that loads nothing and describes all that it shows."""

import re
from itertools import pairwise

import pytest

from tests.reporting.conftest import KINDS


@pytest.fixture(params=KINDS)
def page(request, pages):
    return pages[request.param]


def test_head(page):
    assert page.text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.root.find("head/title").text.startswith("Report: ")
    names = {node.get("name") for node in page.all("meta")}
    assert "viewport" in names
    assert len(page.text.encode()) < 1_000_000


def test_headings_are_in_order(page):
    levels = [int(node.tag[1]) for node in page.all(*(f"h{k}" for k in range(1, 7)))]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_ids_are_unique_and_all_that_is_referred_to_is_there(page):
    ids = [node.get("id") for node in page.root.iter() if node.get("id")]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r"url\(#([^)]+)\)", page.text))
    for node in page.root.iter():
        for name in ("aria-labelledby", "aria-describedby"):
            wanted |= set(node.get(name, "").split())
        if node.get("href", "").startswith("#"):
            wanted.add(node.get("href")[1:])
    assert wanted
    assert wanted <= set(ids)


def test_nothing_is_loaded_and_nothing_runs(page):
    assert not page.all("script", "iframe", "object", "embed", "img", "base", "form")
    for node in page.root.iter():
        for name, value in node.attrib.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith(("#", "data:"))
    assert not re.search(r"https?://|@import|url\((?!#)", page.text)


def test_pictures_are_described_with_their_numbers(page):
    pictures = page.all("svg")
    assert pictures
    for svg in pictures:
        assert svg.get("role") == "img"
        name = svg.get("aria-labelledby").removesuffix("-title")
        assert svg.get("aria-describedby") == f"{name}-desc"
        title, description = page.find(f"{name}-title"), page.find(f"{name}-desc")
        assert len(title.text) > 5
        assert re.search(r"\d", description.text)
        assert not svg.get("width")  # the page decides


def test_tables_have_captions_and_heads(page):
    for table in page.all("table"):
        assert table.find("caption").text
        assert all(cell.get("scope") == "col" for cell in table.find("thead")[0])
        for row in table.find("tbody"):
            assert row[0].get("scope") == "row"
            assert len(row) == len(table.find("thead")[0])


def test_colours_of_the_pictures_have_a_light_and_a_dark_value(page):
    used = set(re.findall(r"var\((--c[0-9a-f]{6})\)", page.text))
    light, dark = page.text.split("@media screen and (prefers-color-scheme: dark)", 1)
    assert used
    for name in used:
        assert f"{name}: #" in light
        assert f"{name}: #" in dark.split("@media print")[0]


def test_contents_lead_to_all_parts(page):
    links = [node.get("href")[1:] for node in page.root.find(".//nav").iter("a")]
    assert links == [node.get("id") for node in page.all("section")]
