"""Sphinx configuration: `make docs`. Building and reading the pages needs no network."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "scenecart"
author = "The scenecart authors"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "_site"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
nitpicky = True
# names of other projects: their indexes would have to be downloaded
nitpick_ignore_regex = [(r"py:.*", r"(?!scenecart\b).*")]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = False
napoleon_use_rtype = False

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# `auto` runs notebooks without outputs, and the committed ones have none
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
# the test suite runs one notebook only
nb_execution_excludepatterns = os.environ.get("SCENECART_DOCS_SKIP", "").split()
nb_execution_timeout = 120
nb_execution_show_tb = True
# a live widget needs a kernel and scripts from a network; the static images of widgets need neither
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("html", "text/html", 1), ("html", "application/vnd.jupyter.widget-view+json", None)]

html_theme = "pydata_sphinx_theme"
html_title = "scenecart"
html_static_path = ["_static"]
# pictures of the Workbench, which `make docs` takes; they are in no commit
html_extra_path = ["_build/screens"] if (HERE / "_build" / "screens").is_dir() else []
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_copy_source = False
html_show_sourcelink = False
# top-level pages have no section to navigate
html_sidebars = {"*": []}
html_theme_options = {
    "logo": {"image_light": "_static/mark.svg", "image_dark": "_static/mark.svg", "text": "scenecart", "alt_text": "scenecart"},
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
    "search_bar_text": "Search, also offline",
}
html_context = {"default_mode": "auto"}
project_copyright = "The scenecart authors, Apache-2.0"


def setup(app: Sphinx) -> None:
    """Show the pictures of widgets and reports where `make docs` took them."""
    if (HERE / "_build" / "screens" / "looks").is_dir():
        app.tags.add("pictures")
