"""`selected_rules`: which rules run: what settings select and ignore, and what `per-file-ignores` turns off in a file.

select = ["HYG1"]                    # the rules whose codes begin so,
ignore = ["HYG101"]                  # without this one: the more specific selector decides
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from dbhygiene.checker.own_findings import OWN_CODES
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.errors import ALL_RULES, UsageError, did_you_mean
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.fingerprints import portable_path
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.project.discovery import matcher
from dbhygiene.source.file import File


def selected_rules(settings: Settings, rules: Sequence[AnyRule] | None = None) -> tuple[AnyRule, ...]:
    """Return the rules that the settings select; raise UsageError if they name an unknown one.

    A selector is a name, a code, a prefix of codes, or `ALL`. The most specific one decides; if two are equally
    specific, `ignore` wins. A rule that is off by default needs its name or its whole code.
    """
    known = all_rules() if rules is None else rules
    named = [(key, word) for key in _SELECTORS for word in getattr(settings, key.replace("-", "_"))]
    named += [("per-file-ignores", word) for words in settings.per_file_ignores.values() for word in words]
    for key, selector in named:
        if selector in OWN_CODES or selector in OWN_CODES.values():
            raise UsageError(f"{settings.place(key)}`{selector}` is not a rule: it is always reported; remove the word")
        if not _selects_any(selector, known):
            words = [word for rule in known for word in (rule.name, rule.code)]
            hint = did_you_mean(selector, words, otherwise=ALL_RULES)
            raise UsageError(f"{settings.place(key)}unknown rule `{selector}`{hint}")
    wanted = ("suppression-without-reason",) if settings.require_reason else ()
    select = (*(settings.select or ("ALL",)), *settings.extend_select, *wanted)
    ignore = (*settings.ignore, *settings.extend_ignore)
    return tuple(rule for rule in known if _closest(rule, select, opt_in=True) > _closest(rule, ignore))


def may_fix(rule: AnyRule, settings: Settings) -> bool:
    """Whether the settings allow the fixes of a rule."""
    return _closest(rule, settings.fixable or ("ALL",)) > _closest(rule, settings.unfixable)


_SELECTORS = ("select", "extend-select", "ignore", "extend-ignore", "fixable", "unfixable")


def _closest(rule: AnyRule, selectors: Iterable[str], *, opt_in: bool = False) -> int:
    """Return how specific the most specific selector of a rule is; -1 if none selects it."""
    found = (closeness(rule, selector) for selector in selectors)
    exact = len(rule.code)
    return max((c for c in found if not opt_in or rule.default or c == exact), default=-1)


def closeness(rule: AnyRule, selector: str) -> int:
    if selector in (rule.name, rule.code):
        return len(rule.code)
    if selector == "ALL":
        return 0
    return len(selector) if selector and rule.code.startswith(selector) else -1


def _selects_any(selector: str, rules: Sequence[AnyRule]) -> bool:
    return selector in ("ALL", "HYG") or any(closeness(rule, selector) >= 0 for rule in rules)


def is_ignored_in(rule: AnyRule, file: File) -> bool:
    """Whether `per-file-ignores` turns a rule off in a file."""
    return any(
        any(closeness(rule, selector) >= 0 for selector in selectors) and matches(pattern, file.path, file.project.root)
        for pattern, selectors in file.project.settings.per_file_ignores.items()
    )


def matches(pattern: str, path: Path, root: Path | None) -> bool:
    """Whether a pattern of `per-file-ignores` matches: as in `.gitignore`, or with a `*` that matches slashes, too."""
    from fnmatch import fnmatchcase

    name = portable_path(path, root)
    return (
        fnmatchcase(name, pattern)
        or fnmatchcase(path.name, pattern)
        or name.startswith(pattern + "/")
        or (root is not None and matcher(pattern, root)(str(path)))
    )
