"""The text of the documentation: nothing is lost, no link is broken, every block of code runs."""

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tomllib
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = DOCS / "auto_examples"  # what sphinx-gallery makes of examples/

# What Sphinx writes begins with "_", or is the gallery.
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not any(part.startswith("_") for part in path.relative_to(DOCS).parts)
    and not path.is_relative_to(GENERATED)
)
ARTICLES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
TEXTS = [*ARTICLES, *PAGES]
WITH_CODE = [ROOT / "README.md", *PAGES]
MENTIONED = re.compile(r"\b(?:benchmarks|examples|tests)/[\w/]+\.py\b")
ALTERNATIVE_TEXT = re.compile(r"\w+\W+\w+\W+\w+")  # three words at least


def name_of(path):
    return str(path.relative_to(ROOT))


every_text = pytest.mark.parametrize("path", TEXTS, ids=name_of)


@cache
def tokens(path: Path) -> list[Token]:
    """Return all tokens of a page, those within paragraphs included."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        found += [token, *(token.children or [])]
    return found


def fences(path, language):
    return [t for t in tokens(path) if t.type == "fence" and t.info.split()[:1] == [language]]


def links(path):
    return [str(token.attrs["href"]) for token in tokens(path) if token.type == "link_open"]


@cache
def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    seen: Counter[str] = Counter()
    found = set()
    for token, inline in pairwise(tokens(path)):
        if token.type != "heading_open":
            continue
        words = "".join(
            t.content for t in inline.children or [] if t.type in ("text", "code_inline")
        )
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def broken(path, target):
    """Tell what is wrong with a link of a page, None if nothing."""
    url = urlsplit(target)
    if url.scheme or url.netloc:
        good = url.scheme == "https" and "." in url.netloc and not re.search(r"[\s<>]", target)
        return None if good else f"{target} is no https address"
    file = (path.parent / url.path).resolve() if url.path else path
    if file.is_relative_to(GENERATED):
        return None
    if not file.is_file():
        return f"{target} does not exist"
    if url.fragment and url.fragment not in anchors(file):
        return f"{target} is no heading; there are {sorted(anchors(file))}"
    return None


@every_text
def test_links_lead_somewhere(path):
    assert [problem for link in links(path) if (problem := broken(path, link))] == []


def test_what_a_broken_link_is(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Which `gap`, and why?\n\n## Twice\n\n## Twice\n", encoding="utf-8")
    good = ("#which-gap-and-why", "page.md#twice-1", "https://doi.org/10.1080/0162")
    assert [broken(page, target) for target in good] == [None] * 3
    bad = ("#twice-2", "other.md", "http://doi.org/1", "https://localhost/1", "mailto:me@home.org")
    assert all(broken(page, target) for target in bad)


def pictures(path):
    """List (file, alternative text) of the pictures of a page, however they are written."""
    found = [(str(t.attrs["src"]), t.content) for t in tokens(path) if t.type == "image"]
    for token in fences(path, "{figure}") + fences(path, "{image}"):
        alternative = re.search(r":alt:(.*)", token.content)
        found.append((token.info.split()[1], alternative[1] if alternative else ""))
    for token in tokens(path):
        if token.type.startswith("html"):
            for tag in re.findall(r"<img\b[^>]*>", token.content):
                attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
                found.append((attributes["src"], attributes.get("alt", "")))
    return found


@every_text
def test_pictures_exist_and_have_words_for_those_who_do_not_see_them(path):
    for file, alternative in pictures(path):
        assert (path.parent / file).is_file(), file
        assert ALTERNATIVE_TEXT.search(alternative), f"{file}: {alternative!r}"


def in_toctrees(path):
    """List the pages that the tables of contents on a page name."""
    for token in fences(path, "{toctree}"):
        for line in token.content.splitlines():
            if line.strip() and not line.startswith(":"):
                entry = re.search(r"<(.+)>$", line.strip())
                name = entry[1] if entry else line.strip()
                yield (path.parent / name.removesuffix(".md")).resolve()


def test_every_page_is_in_one_table_of_contents():
    listed = Counter(entry for path in PAGES for entry in in_toctrees(path))
    pages = Counter(path.with_suffix("") for path in PAGES if path != DOCS / "index.md")
    ours = Counter({page: n for page, n in listed.items() if not page.is_relative_to(GENERATED)})
    assert ours == pages


@every_text
def test_scripts_that_are_named_exist(path):
    if path.name == "CHANGELOG.md":
        return  # which tells of the past
    named = set(MENTIONED.findall(path.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", WITH_CODE, ids=name_of)
def test_python_is_shown_as_a_doctest(path):
    assert [token.content for token in fences(path, "python") if ">>> " not in token.content] == []


@pytest.mark.parametrize("path", [a for a in ARTICLES if a not in WITH_CODE], ids=name_of)
def test_what_is_not_collected_has_no_python(path):
    assert fences(path, "python") == []


def test_every_block_is_collected():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    paths = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    texts = [path for path in paths if path not in ("tests", "seqforecast")]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    before = files_of_sphinx()
    done = subprocess.run([*command, *texts], cwd=ROOT, capture_output=True, text=True, check=True)
    collected = {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}
    with_code = {name_of(path) for path in WITH_CODE if ">>> " in path.read_text(encoding="utf-8")}
    assert with_code - collected == needs_another_library() - collected
    assert files_of_sphinx() == before  # the scripts of docs/ were not imported: conf.py writes


def files_of_sphinx():
    return {path.name: path.stat().st_mtime_ns for path in DOCS.glob("_*.md")}


def needs_another_library():
    """Return the pages that docs/howto/conftest.py leaves out where a library is missing."""
    source = (DOCS / "howto" / "conftest.py").read_text(encoding="utf-8")
    return {f"docs/howto/{page}" for page in re.findall(r'"(\w+\.md)":', source)}
