"""How the data of a report become elements of a page."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from seqforecast.reporting import blocks
from seqforecast.reporting.blocks import Block, Number, Paragraph, Strong, Table
from seqforecast.reporting.page import _environment
from tests.reporting.conftest import HOSTILE


def element(block):
    text = _environment().get_template(block.template).render(block=block)
    return ET.fromstring(text.strip())


@pytest.mark.parametrize("block", Block.__subclasses__())
def test_every_block_has_a_template(block):
    template = block.__new__(block).template
    assert _environment().get_template(template).name == f"{block.__name__.lower()}.html"
    assert block.__module__ == blocks.__name__


def test_a_paragraph_is_escaped_and_dates_do_not_break():
    made = element(Paragraph(f"{HOSTILE} 2024-01-02, 12024-01-02, 2024-01-023", style="soft"))
    assert made.get("class") == "soft"
    assert "".join(made.itertext()) == f"{HOSTILE} 2024-01-02, 12024-01-02, 2024-01-023"
    assert [(node.get("class"), node.text) for node in made] == [("short", "2024-01-02")]


def test_cells_are_numbers_text_or_stand_out():
    row = [Strong("a" * 25), 0.123456, np.int64(3), Number("5 %"), "b" * 121, Strong("c" * 121)]
    table = element(Table("t", list("uvwxyz"), [row], name="n")).find("table")
    head, *cells = table.find("tbody/tr")
    assert [cell.get("class") for cell in table.find("thead/tr")] == [
        None, "number", "number", "number", None, None
    ]  # fmt: skip
    assert (head.tag, head.get("class"), head.find("b").text) == ("th", None, "a" * 25)
    assert [cell.text for cell in cells[:4]] == ["0.1235", "3", "5 %", "b" * 119 + "\u2026"]
    assert [cell.get("class") for cell in cells] == ["number"] * 3 + [None] * 2
    assert cells[4].find("b").text == "c" * 121


def test_a_table_without_rows_has_a_head():
    made = element(Table("t", ["a", "b"], [], name="n"))
    assert len(made.find("table/thead/tr")) == 2
    assert len(made.find("table/tbody")) == 0
