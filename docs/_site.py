"""Sphinx extension of the documentation: notebooks, command line help, and notebook outputs without a kernel."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util.docutils import SphinxDirective

from scenecart.cli._parser import make_parser

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
NOTEBOOKS = DOCS.parent / "notebooks"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_NUMBERED = re.compile(r"\d\d_[a-z_]+\.ipynb")


def is_page(path: Path) -> bool:
    """Return whether a notebook is a page: the numbered ones are, and neither the app nor what JupyterLab creates beside them."""
    return _NUMBERED.fullmatch(path.name) is not None


def bring_notebooks(*_: object) -> None:
    """Copy the notebooks into docs/notebooks, which git ignores."""
    here = DOCS / "notebooks"
    here.mkdir(exist_ok=True)
    wanted = {path.name: path.read_bytes() for path in sorted(NOTEBOOKS.glob("*.ipynb")) if is_page(path)}
    for path in here.glob("*.ipynb"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        target = here / name
        # an unchanged notebook keeps its date, so it is not run again
        if not target.is_file() or target.read_bytes() != content:
            target.write_bytes(content)


def quiet_kernels(app: Sphinx) -> None:
    """Give the kernels a separate profile, so that the user's settings and notices do not appear."""
    profile = Path(app.doctreedir) / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.json").write_text('{"IPKernelApp": {"log_level": "ERROR"}}', encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(profile.parent)


def drop_lost_outputs(app: Sphinx, doctree: nodes.document) -> None:
    """Remove outputs that need a kernel, and the empty output of a progress bar; static images of widgets stay."""
    for bundle in [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "mime_bundle"]:
        kinds = {child.get("mime_type"): child.astext() for child in bundle.children}
        html = kinds.get("text/html")
        is_lost = html is None and _WIDGET in kinds
        if is_lost or (html is not None and not _is_visible(html)):
            bundle.parent.remove(bundle)
    # half a megabyte a page, which nothing reads
    NbMetadataCollector.get_js_files(app.env, app.env.docname).pop("ipywidgets_state", None)


def _is_visible(html: str) -> bool:
    """Return whether HTML shows anything."""
    return "<svg" in html or "<img" in html or re.sub(r"<[^>]*>|\s", "", html) != ""


class CommandHelp(SphinxDirective):
    """The directive ``{command-help}``: the output of ``scenecart COMMAND --help`` for each command."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        os.environ.update(COLUMNS="88", NO_COLOR="1")
        parser = make_parser()
        for path in sorted((DOCS.parent / "src" / "scenecart" / "cli").glob("*.py")):
            self.env.note_dependency(str(path))
        return [self._section(name, one) for name, one in [("scenecart", parser), *commands(parser)]]

    def _section(self, name: str, parser: argparse.ArgumentParser) -> nodes.section:
        section: Any = nodes.section(ids=[nodes.make_id(name)], names=[nodes.fully_normalize_name(name)])
        section += nodes.title(name, name)
        block = nodes.literal_block(parser.format_help(), parser.format_help(), language="text")
        section += block
        return section


def commands(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    """Return each command's name and parser; a command that consists of commands is followed by these."""
    found: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # noqa: SLF001  # argparse has no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # likewise
            for one in action.choices.values():
                found += [(one.prog, one), *commands(one)]
    return found


def show_public_bases(_app: Sphinx, _name: str, _thing: object, _options: object, bases: list[type]) -> None:
    """Show the nearest public base class in place of a private one."""
    bases[:] = [one.__base__ or one if one.__name__.startswith("_") else one for one in bases]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", bring_notebooks)
    app.connect("builder-inited", quiet_kernels)
    app.connect("doctree-read", drop_lost_outputs)
    app.connect("autodoc-process-bases", show_public_bases)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
