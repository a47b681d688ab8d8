"""How Sphinx builds the documentation. `pages` generates the pages of rules, settings and libraries first."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.search import languages
from sphinx.search.en import SearchEnglish

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pages  # noqa: E402 (found by the line above)

from dbhygiene import DOCUMENTATION, __version__  # noqa: E402

project = "dbhygiene"
release = version = __version__
copyright = "the dbhygiene authors"

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build", "_generated", "packaging"]  # the files of _generated are included by other pages
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True
smartquotes = False  # errors are quoted as they are printed: (0, '')

html_theme = "furo"
html_title = "dbhygiene"
html_static_path = ["_static"]
html_css_files = ["dbhygiene.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"footer_icons": [], "sidebar_hide_name": False}
html_search_scorer = str(HERE / "search.js")
html_baseurl = os.environ.get("DOCS_URL", DOCUMENTATION)  # of the published site, with a slash at its end
highlight_language = "text"
pygments_style = "default"  # each colour of both has a contrast of 4.5:1 or more: see tests/test_docs.py
pygments_dark_style = "lightbulb"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

DESCRIPTION = 155  # characters: search engines show no more


class SearchWithNumbers(SearchEnglish):
    """The index of the search, with numbers, which Sphinx leaves out; `search.js` looks them up."""

    def word_filter(self, word: str) -> bool:
        return word.isdigit() or super().word_filter(word)


languages["en"] = SearchWithNumbers


def _adapt(app: object, docname: str, source: list[str]) -> None:
    """Give fixed examples a caption, and turn links to files outside of `docs/` into plain code."""
    source[0] = pages.captioned(source[0])
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./fixtures[^)]*\)", r"`\1`", source[0])


def _describe(app: object, pagename: str, template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    """Add the first paragraph of a page as its description, for search engines."""
    paragraph = next(iter(tree.findall(nodes.paragraph)), None) if tree else None
    if paragraph is not None:
        text = " ".join(paragraph.astext().split())
        if len(text) > DESCRIPTION:
            text = text[:DESCRIPTION].rsplit(" ", 1)[0] + " ..."
        content = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        context["metatags"] += f'<meta name="description" content="{content}" />\n'


def _write_sitemap(app: Any, exception: Exception | None) -> None:
    """List all pages in sitemap.xml, if the address of the published site is known: a sitemap has absolute URLs."""
    if html_baseurl and exception is None and app.builder.format == "html":
        urls = (html_baseurl + app.builder.get_target_uri(name) for name in sorted(app.env.found_docs))
        lines = "".join(f"<url><loc>{url}</loc></url>\n" for url in urls)
        xmlns = "http://www.sitemaps.org/schemas/sitemap/0.9"
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{xmlns}">\n{lines}</urlset>\n'
        (Path(app.outdir) / "sitemap.xml").write_text(text, "utf-8")


def _write_llms(app: Any, exception: Exception | None) -> None:
    """List the pages of errors and rules in llms.txt, for language models: see llmstxt.org."""
    if exception is None and app.builder.format == "html":
        text = pages.llms(lambda name: html_baseurl + app.builder.get_target_uri(name), app.env.titles)
        (Path(app.outdir) / "llms.txt").write_text(text, "utf-8")


def setup(app: Any) -> None:
    pages.write(HERE)
    app.connect("source-read", _adapt)
    app.connect("html-page-context", _describe)
    app.connect("build-finished", _write_sitemap)
    app.connect("build-finished", _write_llms)
