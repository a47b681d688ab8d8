"""`all_rules`: all rules. A rule's header is read as text; its file is imported when its check is first called.

Most programs can only violate a few rules, and importing a rule imports its analysis. If a header cannot be read as
text, the rule is imported at once.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from dbhygiene import rules
from dbhygiene.diagnostics.model import AnyRule, Diagnostic, Rule
from dbhygiene.library import prefilter
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.submodules import modules

_HEADER = lazy_pattern(
    r'@rule\("(?P<code>\w+)", on=(?:ast\.)?(?P<on>\w+), imports=(?P<imports>[A-Z]+|\{[^{}]+\})'
    r'(?:, also=(?P<also>[A-Z]+|\{[^{}]+\}))?(?:, within="(?P<within>\w+)")?(?P<off>, default=False)?\)$',
    re.M,
)


@cache
def all_rules() -> tuple[AnyRule, ...]:
    """Return all rules, by code."""
    names = [f"{rules.__name__}.{name}" for name in modules(rules.__path__)]
    known = (read_header(name) or import_rule(name) for name in names)
    return tuple(sorted(known, key=lambda rule: rule.code))


@cache
def import_rule(module: str) -> AnyRule:
    """Import the rule of a module."""
    found: AnyRule = import_module(module).check
    return found


def read_header(module: str) -> AnyRule | None:
    """Return the rule of a module, as read from its header; None if that cannot be read."""
    try:
        with open(os.path.join(rules.__path__[0], f"{module.rpartition('.')[2]}.py"), encoding="utf-8") as file:
            text = file.read()
        found = _HEADER.match(text, text.find("\n@rule(") + 1)
    except OSError:  # installed without its source
        return None
    imports, also = (_parse_words(found[name]) for name in ("imports", "also")) if found else (None, None)
    if found is None or imports is None or also is None:
        return None
    return Rule(found["code"], found["on"], imports, _LazyCheck(module), not found["off"], found["within"] or "", also)


def _parse_words(written: str | None) -> frozenset[str] | None:
    """Return the words in a header, or those of a name in `prefilter`; None if there is no such name."""
    if written is None or written.startswith("{"):
        return frozenset(ast.literal_eval(written) if written else ())
    return frozenset(getattr(prefilter, written)) if hasattr(prefilter, written) else None


class _LazyCheck:
    """The check of a rule, which is imported when it is first called."""

    def __init__(self, module: str) -> None:
        self.__module__ = module

    def __call__(self, file: File, subject: object) -> Iterator[Diagnostic]:
        return import_rule(self.__module__).check(file, subject)
