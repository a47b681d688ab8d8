"""Metadata of the package that depend on the addresses in `dbhygiene/__init__.py`: project URLs, links of the README.

PyPI shows the README away from the repository, where its relative links lead nowhere.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Metadata(MetadataHookInterface):
    """Sets `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        known = runpy.run_path(str(root / "dbhygiene" / "__init__.py"))
        documentation, repository = known["DOCUMENTATION"], known["REPOSITORY"]
        text = (root / "README.md").read_text("utf-8")
        tag = f"{repository}blob/v{metadata['version']}/" if repository else ""
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, documentation, tag),
        }
        metadata["urls"] = urls(documentation, repository)


def urls(documentation: str, repository: str) -> dict[str, str]:
    """Return the URLs of the project that are known."""
    links = {"Homepage": documentation or repository, "Documentation": documentation, "Source": repository}
    if repository:
        links |= {"Issues": f"{repository}issues", "Changelog": f"{repository}blob/main/CHANGELOG.md"}
    return {name: url for name, url in links.items() if url}


def with_absolute_links(text: str, documentation: str, files: str) -> str:
    """Return a text of Markdown whose links to files of the repository are absolute, where an address is known.

    Arguments:
        documentation: the address of the pages that are built from `docs/`.
        files: the address of the repository's files.
    """

    def absolute(link: re.Match[str]) -> str:
        path, anchor = link["path"], link["anchor"] or ""
        if path.endswith(".png"):
            shown = f"{documentation}{path.removeprefix('docs/')}" if documentation else f"{files}{path}?raw=true"
            return f"]({shown})" if documentation or files else link[0]
        if documentation and (page := re.fullmatch(r"docs/(.*)\.md", path)):
            return f"]({documentation}{page[1]}.html{anchor})"
        return f"]({files}{path}{anchor})" if files else link[0]

    return re.sub(r"\]\((?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)", absolute, text)
