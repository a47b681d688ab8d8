"""`Analyses`: the subjects of rules, and the analyses that create them, which are imported when a rule needs one."""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.library.prefilter import MODULES, import_lines
from dbhygiene.project.project import FEW
from dbhygiene.source.file import File, ProjectView
from dbhygiene.source.nodes import Code

if TYPE_CHECKING:
    from dbhygiene.gaps.idle_closing import IdleClosing
    from dbhygiene.gaps.search import Gaps
    from dbhygiene.lifetimes import Lifetimes

ValueT = TypeVar("ValueT")

_ANALYSES = {
    "Lifetime": ("dbhygiene.lifetimes", "Lifetimes", "of"),
    "Field": ("dbhygiene.lifetimes", "Lifetimes", "fields"),
    "Gap": ("dbhygiene.gaps.search", "Gaps", "of"),
}


_OF_FUNCTIONS = {"Lifetime": "of_function", "Field": "fields_in"}  # found in each function apart
_IN_ONE_FILE = {"Engine": ("dbhygiene.pools.engines", "engines_in")}  # those that take no analysis: module, function


class Analyses:
    """The analyses of one run over one project, each imported and created when the first rule needs it."""

    def __init__(self, project: ProjectView) -> None:
        self._project = project
        self._made: dict[str, Any] = {}
        # The names of the functions that return connections, by file; None: they have not been searched for.
        self.handed: Mapping[Path, Collection[str]] | None = None
        self.helpers: frozenset[str] = frozenset()  # these names, and those that the settings say
        self.times: defaultdict[str, float] = defaultdict(float)  # seconds of each rule, and of its subjects

    def subjects(self, on: str, file: File) -> Iterable[Any]:
        """Return the subjects of this class in a file: the file, subjects of an analysis, or nodes of the tree."""
        if on == File.__name__:
            return (file,)
        if on in _ANALYSES:
            return list(getattr(self._analysis(on), _ANALYSES[on][2])(file))
        if on in _IN_ONE_FILE:
            module, find = _IN_ONE_FILE[on]
            return list(getattr(importlib.import_module(module), find)(file))
        return file.nodes(getattr(ast, on))

    def pieces(self, on: str, file: File) -> Iterable[tuple[Code | None, Callable[[], Iterable[Any]]]]:
        """Yield functions that find the subjects of this class: those of each function apart, or else all."""
        if on in _OF_FUNCTIONS:
            find = getattr(self._lifetimes, _OF_FUNCTIONS[on])
            return ((code, partial(find, file, code)) for code in file.functions)
        return ((None, partial(self.subjects, on, file)),)

    def kept(self, kind: Hashable, file: File, code: Code, ask: Callable[[], ValueT]) -> ValueT:
        """Return plain data about a function; while the project is edited, it is kept."""
        return self._lifetimes.kept(kind, file, code, ask)

    def set_helpers(self, handed: Mapping[Path, Collection[str]] | None) -> None:
        """Set the helpers: these files return connections by functions of these names, and no others do."""
        self.handed = handed
        if handed is not None:
            self.helpers = self._lifetimes.set_helpers(handed)

    def helpers_in(self, file: File) -> tuple[str, ...]:
        """Return the names of the functions in a file that return connections."""
        return tuple(sorted(set(self._lifetimes.helpers_in(file))))

    def may_define_helpers(self, file: File) -> bool:
        """Whether a file may have such functions, by its text."""
        return self._lifetimes.summaries.helpers.may_define_helpers(file)

    def needs_helpers(self, file: File) -> bool:
        """Whether a helper of another file may give connections to this file."""
        return self._lifetimes.summaries.helpers.needs_helpers(file)

    def files_asked_about(self) -> set[Path]:
        """Return the files for which a rule looked for helpers."""
        return set(self._lifetimes.summaries.helpers.asked) if "Lifetimes" in self._made else set()

    def release(self, file: File) -> None:
        """Drop the facts of a file, which only its own check needs."""
        if "Lifetimes" in self._made:
            self._lifetimes.summaries.release(file)

    def reset(self) -> None:
        """Forget all results."""
        self._made.clear()
        self.handed, self.helpers = None, frozenset()

    def close(self) -> None:
        """Forget all, for good: the analyses lead back to themselves, so only the garbage collector would free them."""
        for made in self._made.values():
            vars(getattr(made, "summaries", made)).clear()
        self._made.clear()

    def may_define_any(self, rules: Iterable[AnyRule], files: Iterable[File]) -> bool:
        """Whether any of these files may define helpers; if not, the analysis is not imported."""
        able = [rule for rule in rules if _needs_lifetimes(rule)]
        if not able or self._project.settings.functions:  # which may be called in files that name no driver
            return bool(able)
        texts = ((file, WordIndex(file.text)) for file in files)
        return any(self.may_find(rule, file, words) for file, words in texts for rule in able)

    def may_find(self, rule: AnyRule, file: File, words: WordIndex) -> bool:
        """Whether a file may contain the fault of a rule, by its text."""
        if rule.also and not words.any(rule.also):
            return False
        if not rule.imports or words.any(rule.imports):
            return rule.on != "Gap" or self._may_have_gap(file)
        return (
            _needs_lifetimes(rule) and words.any(self.helpers) and self._lifetimes.summaries.helpers.uses_helpers(file)
        )

    def warm_up(self, rules: Iterable[AnyRule], files: Sequence[File]) -> None:
        """Compute what the checks of many files need, before worker processes are forked that would each compute it."""
        words = {word for rule in rules if rule.on == "Gap" for word in rule.imports}
        able = [file for file in files if any(word in file.text for word in words)] if len(files) > FEW else []
        if len(able) > FEW:
            with suppress(Exception):  # the check of the file reports it
                self._gaps.warm_up(able)

    def _may_have_gap(self, file: File) -> bool:
        try:
            return not self._idle_closing.rules_out_gaps(file) and self._gaps.may_have(file)
        except Exception:  # likewise
            return True

    @cached_property
    def _idle_closing(self) -> IdleClosing:
        from dbhygiene.gaps.idle_closing import IdleClosing  # for programs that use Django

        return IdleClosing(self._project)

    @property
    def _gaps(self) -> Gaps:
        made: Gaps = self._analysis("Gap")
        return made

    @property
    def _lifetimes(self) -> Lifetimes:
        made: Lifetimes = self._analysis("Lifetime")
        return made

    def _analysis(self, kind: str) -> Any:
        module, name, _ = _ANALYSES[kind]
        if name not in self._made:
            self._made[name] = getattr(importlib.import_module(module), name)(self._project)
        return self._made[name]


def _needs_lifetimes(rule: AnyRule) -> bool:
    return rule.on in _OF_FUNCTIONS


class WordIndex(dict[str, bool]):
    """Word -> whether a text contains it; the name of a module counts only if it is imported."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._imports: str | None = None
        self._answers: dict[frozenset[str], bool] = {}

    def __missing__(self, word: str) -> bool:
        if word in MODULES and self._imports is None:
            self._imports = import_lines(self._text)
        self[word] = found = word in (self._imports or "" if word in MODULES else self._text)
        return found

    def any(self, words: frozenset[str]) -> bool:
        """Whether the text contains one of these words; memoised, since many rules have the same words."""
        if (answer := self._answers.get(words)) is None:
            answer = self._answers[words] = any(self[word] for word in words)
        return answer
