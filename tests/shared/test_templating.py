"""Templates escape what they are given, and complain of what they are not given."""

import xml.etree.ElementTree as ET

import pytest
from jinja2 import UndefinedError

from seqforecast._shared.templating import environment


def rendered(source, **data):
    return environment("seqforecast._shared").from_string(source).render(data)


def test_text_is_escaped_and_html_is_not_escaped_twice():
    text = "<b> & \"'"
    made = rendered('<a title="{{ text }}">{{ text }}{{ "<i />" | safe }}</a>', text=text)
    read = ET.fromstring(made)
    assert read.text == read.get("title") == text
    assert [node.tag for node in read] == ["i"]


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ud800", "\ufffe"])
def test_characters_that_xml_cannot_hold_are_replaced(text):
    assert rendered("{{ text }}", text=f"a{text}\n") == "a\ufffd\n"


def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        rendered("{{ text }}")
