"""`terminal_style`: the colours, links and width of the terminal."""

from __future__ import annotations

import os
from typing import TextIO

from dbhygiene.reports import TerminalStyle

WHEN = ("auto", "always", "never")
_LINKING_PROGRAMS = {"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby"}
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot")
_LINKING_VARIABLES = ("WT_SESSION", "KONSOLE_VERSION", "DOMTERM")
_VTE_WITH_LINKS = 5000  # before 0.50, it shows them as rubbish


def terminal_style(stream: TextIO, color: str = "auto", *, every_step: bool = False) -> TerminalStyle:
    """Return the style for a stream; `color` is one of `WHEN`."""
    if not stream.isatty():
        return TerminalStyle(use_color(stream, color), every_step=every_step)
    painted = use_color(stream, color)
    return TerminalStyle(painted, _width(stream), painted and _links(), every_step)


def use_color(stream: TextIO, when: str) -> bool:
    """Whether to use colours: by the option, else `NO_COLOR`, else `FORCE_COLOR`, else on a terminal."""
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _width(stream: TextIO) -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _links() -> bool:
    env = os.environ
    vte = env.get("VTE_VERSION", "")
    return (
        env.get("TERM_PROGRAM") in _LINKING_PROGRAMS
        or env.get("TERM", "").startswith(_LINKING_TERMS)
        or any(name in env for name in _LINKING_VARIABLES)
        or (vte.isdecimal() and int(vte) >= _VTE_WITH_LINKS)
    )
