"""How the documentation is built."""

from scenecart import __version__

project = "scenecart"
author = "The scenecart authors"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "scenecart"
nb_execution_mode = "off"
autodoc_typehints = "none"
