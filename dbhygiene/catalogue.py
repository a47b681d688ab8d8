"""Every rule, known by the header that its file is read for: the file is imported when its check is called.

Most programs can hold the faults of a few rules only, and a rule draws in the analysis that it needs. A header that
cannot be read so costs an import, and nothing else.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from dbhygiene import rules
from dbhygiene.library import prefilter
from dbhygiene.model import AnyRule, Report, Rule
from dbhygiene.modules import modules
from dbhygiene.source import File

_HEADER = re.compile(
    r'@rule\("(?P<code>\w+)", on=(?:ast\.)?(?P<on>\w+), imports=(?:(?P<name>[A-Z]+)|(?P<words>\{[^{}]+\}))'
    r'(?:, also=(?P<also>\{[^{}]+\}))?(?:, within="(?P<within>\w+)")?(?P<off>, default=False)?\)$',
    re.M,
)


@cache
def all_rules() -> tuple[AnyRule, ...]:
    """Every rule, by code."""
    names = [f"{rules.__name__}.{name}" for name in modules(rules.__path__)]
    known = (header(name) or imported(name) for name in names)
    return tuple(sorted(known, key=lambda rule: rule.code))


@cache
def imported(module: str) -> AnyRule:
    """The rule in a module."""
    found: AnyRule = import_module(module).check
    return found


def header(module: str) -> AnyRule | None:
    """The rule in a module, as its header tells; None where that cannot be read."""
    try:
        with open(os.path.join(rules.__path__[0], f"{module.rpartition('.')[2]}.py"), encoding="utf-8") as file:
            text = file.read()
        found = _HEADER.match(text, text.find("\n@rule(") + 1)
    except OSError:  # installed without its source
        return None
    if found is None or (found["name"] and not hasattr(prefilter, found["name"])):
        return None
    words = getattr(prefilter, found["name"]) if found["name"] else ast.literal_eval(found["words"])
    also = frozenset(ast.literal_eval(found["also"]) if found["also"] else ())
    on, within = found["on"], found["within"] or ""
    return Rule(found["code"], on, frozenset(words), _Later(module), not found["off"], within, also)


class _Later:
    """The check of a rule, which is imported when it is first called."""

    def __init__(self, module: str) -> None:
        self.__module__ = module

    def __call__(self, file: File, subject: object) -> Iterator[Report]:
        return imported(self.__module__).check(file, subject)
