"""How Sphinx builds the documentation; the pages of rules and settings are made first, by `pages`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pages  # noqa: E402 (found by the line above)

from dbhygiene import __version__  # noqa: E402

project = "dbhygiene"
release = version = __version__
copyright = "the dbhygiene authors"

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build", "_generated"]  # what is generated here is a part of other pages
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "dbhygiene"
html_static_path = ["_static"]
html_css_files = ["dbhygiene.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"footer_icons": [], "sidebar_hide_name": False}
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "native"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True


def _adapted(app: object, docname: str, source: list[str]) -> None:
    """Fixed examples say what they are; what lies outside of `docs/` can be followed in the repository only."""
    source[0] = pages.captioned(source[0])
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./fixtures[^)]*\)", r"`\1`", source[0])


def setup(app: object) -> None:
    pages.write(HERE)
    app.connect("source-read", _adapted)  # type: ignore[attr-defined]
