"""Write equations as MathML, which browsers draw themselves: no script, no network."""

from docutils import nodes
from latex2mathml.converter import convert


def inline(writer, node):
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(writer, node):
    equation = convert(_lines(node.astext()), display="block")
    writer.body.append(f'<div class="math">{equation}</div>\n')
    raise nodes.SkipNode


def _lines(tex):
    """Put several lines into the one environment for them that the converter aligns."""
    tex = tex.replace("{aligned}", "{split}")
    # Brackets of its own would not grow with the matrix.
    tex = tex.replace(r"\begin{bmatrix}", r"\left[\begin{matrix}")
    tex = tex.replace(r"\end{bmatrix}", r"\end{matrix}\right]")
    several = r"\\" in tex and not tex.lstrip().startswith(r"\begin")
    return rf"\begin{{split}}{tex}\end{{split}}" if several else tex


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
