"""The page around the parts of a report: head, style sheet and table of contents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seqforecast.reporting.html import Markup, element
from seqforecast.reporting.svg import dark_colour

_SCREEN = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #57606a;
  --line: #d0d7de; --tint: #f3f5f8; --link: #0a5a9c; --info: #0a5a9c; --warning: #8a5300;
  --error: #b42318; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-top: .6rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
p, ul { margin: .5rem 0; max-width: 46rem; }
a { color: var(--link); }
nav ul { max-width: none; list-style: none; padding: 0; display: flex;
  flex-wrap: wrap; gap: .2rem 1.2rem; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.lead { font-size: 1.1rem; }
.soft, figcaption, caption, .facts dd { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .6rem;
  margin: 1rem 0; }
.facts div { background: var(--tint); border-radius: 8px; padding: .6rem .8rem; }
.facts dt { font-size: .85rem; color: var(--soft); }
.facts dd { margin: 0; font-size: .85rem; }
.facts dd.value { font-size: 1.5rem; line-height: 1.25; font-weight: 600; color: var(--ink); }
.grid { display: grid; gap: 1rem 2rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.grid > * { min-width: 0; }
figure { margin: .5rem 0; max-width: 32rem; }
figure svg { display: block; width: 100%; height: auto; overflow: visible;
  font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
figcaption { font-size: .875rem; margin-top: .3rem; }
figcaption b { color: var(--ink); }
.scroll { overflow-x: auto; max-width: 100%; margin: .6rem 0; }
.scroll.tall { max-height: 30rem; overflow-y: auto; border-bottom: 1px solid var(--line); }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--link);
  outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums;
  min-width: min(17rem, 100%); overflow-wrap: normal; }
caption { text-align: left; padding-bottom: .3rem; font-size: .875rem;
  max-width: min(32rem, 100vw - 2rem); }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--paper); }
tbody th { font-weight: 500; }
.short { white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.finding { border-left: 5px solid var(--info); background: var(--tint); border-radius: 0 8px 8px 0;
  padding: .6rem 1rem; margin: .8rem 0; max-width: 46rem; }
.finding.warning { border-color: var(--warning); }
.finding.error { border-color: var(--error); }
.finding h3 { margin: 0; }
.finding p { margin: .3rem 0; }
.label { font-size: .8rem; font-weight: 700; text-transform: uppercase; color: var(--info); }
.warning .label { color: var(--warning); }
.error .label { color: var(--error); }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--link); }
"""

_DARK = """
  :root { --paper: #14171c; --ink: #e6e9ed; --soft: #a6b0bb; --line: #3a424c; --tint: #1f242b;
    --link: #7cb8f0; --info: #7cb8f0; --warning: #e8b04b; --error: #ff8a80; }
"""

# A browser prints the light colours: the dark ones are for screens alone.
_PRINT = """
@page { margin: 14mm; }
@media print {
  body { font-size: 9.5pt; line-height: 1.35; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  h2 { margin-top: 6mm; }
  h2, h3, caption, thead, summary { break-after: avoid; }
  section > p { break-after: avoid; }
  figure, .finding, .facts, tr, caption { break-inside: avoid; }
  .grid { grid-template-columns: 1fr 1fr; gap: 2mm 7mm; }
  .facts { grid-template-columns: repeat(5, 1fr); gap: 2mm; }
  .scroll, .scroll.tall { overflow: visible; max-height: none; border: 0; }
  table { font-size: 8pt; }
  th, td { padding: .5mm 2.5mm .5mm 0; }
  caption, figcaption { font-size: 8pt; }
  thead th { position: static; }
  details::details-content { content-visibility: visible; height: auto; }
  section > details { columns: 2; }
  summary { color: var(--ink); list-style: none; column-span: all; }
  .facts div, .finding { border: 1px solid var(--line); }
}
"""


def page(
    title: str,
    head: Sequence[Markup],
    parts: Sequence[Markup],
    contents: Iterable[tuple[str, str]],
    colours: Iterable[str],
) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        What it is about.
    head : sequence of Markup
        What comes first, below the title.
    parts : sequence of Markup
        Its sections.
    contents : iterable of (id, title)
        Their headings.
    colours : iterable of str
        Of the pictures.
    """
    links = [element("li", element("a", text, href=f"#{name}")) for name, text in contents]
    main = element(
        "main",
        element("header", element("h1", title), *head),
        element("nav", element("ul", *links), aria_label="Contents"),
        *(Markup(f"\n{part}") for part in parts),
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8" />',
            '<meta name="viewport" content="width=device-width, initial-scale=1" />',
            '<link rel="icon" href="data:," />',  # or browsers ask for one
            element("title", title),
            f"<style>{_style_sheet(sorted(colours))}</style>",
            "</head>",
            f"<body>{main}</body>",
            "</html>",
            "",
        ]
    )


def _style_sheet(colours: Sequence[str]) -> str:
    light = _variables({colour: colour for colour in colours})
    dark = _variables({colour: dark_colour(colour) for colour in colours})
    return (
        f"{_SCREEN}:root {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{{_DARK}  :root {{ {dark} }}\n}}"
        f"{_PRINT}"
    )


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--c{name[1:]}: {colour};" for name, colour in colours.items())
