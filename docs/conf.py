"""Configure Sphinx. The build is offline and treats every warning as an error."""

import sys
from pathlib import Path

import seqforecast

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_reference  # noqa: E402

project = "seqforecast"
author = "The seqforecast developers"
copyright = "2026, The seqforecast developers"
version = release = seqforecast.__version__

extensions = [
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_api_tables.md"]
default_role = "code"
nitpicky = True
nitpick_ignore_regex = [
    # Other projects' names, in "See Also" and in base classes: no inventory can be fetched offline.
    (r"py:.*", r"(numpy|pandas|sklearn|skorch|torch)\..*"),
]

# The reference is written from one list, before autosummary looks for its tables.
API_TABLES = HERE / "_api_tables.md"
API_TABLES.write_text(api_reference.render(), encoding="utf-8")
autosummary_generate = [str(API_TABLES)]
autodoc_typehints = "none"  # the docstrings tell types and shapes
numpydoc_show_class_members = False  # the class template lists them

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # pages link to each other's headings

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"seqforecast {release}"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_prev_next": False}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",  # all of them run
    "within_subsection_order": "gallery.InReadingOrder",
    "abort_on_example_error": True,
    "capture_repr": (),  # what an example shows, it prints
    "image_srcset": ["2x"],  # sharp on a fine screen and on paper
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}
