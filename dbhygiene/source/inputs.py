"""`Inputs`: what the results of queries depend on, as bits of an integer: files, searches, and answers.

An answer is the result of an expensive query as plain data, such as the effects of a function. What asks for it depends
on the answer, not on its inputs: if these change and the answer stays the same, nothing else is computed again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import reduce, wraps
from operator import or_
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar

from dbhygiene.source.queries import consult, with_inputs

Key: TypeAlias = "tuple[Hashable, ...]"  # the kind of an input, and which of this kind it is

FILE = "file"  # and its path: the text of a file
TREE = "tree"  # and its path: the objects made of that text; answers hold none
SEARCH = "search"  # its kind and words: the files that are found
ALIASES = "aliases"  # and a name: itself, and the other names that files give to what it stands for
IMPORTS = "imports"  # and a path: all files that a file imports, directly or not
DEPLOYMENT = "deployment"  # the files that say how the project's servers run
KINDS = frozenset({FILE, SEARCH, ALIASES, IMPORTS, DEPLOYMENT})  # all but answers


class Answer(NamedTuple):
    """A value, made of lists, strings and numbers, and its inputs."""

    value: Any
    inputs: int


class Inputs:
    """The inputs of one project, numbered in the order in which they were first needed; and the answers among them."""

    def __init__(self, *, is_open: bool = False) -> None:
        """`is_open`: the project is being edited, and asks the same questions after each edit."""
        self.is_open = is_open
        self.keys: list[Key] = []
        self._bits: dict[Key, int] = {}
        self.answers: dict[Key, Answer] = {}
        self.of_kind: defaultdict[Hashable, int] = defaultdict(int)  # all inputs of a kind
        # Of an earlier run: answers that may have changed, the inputs that have, and all that may have.
        self._doubtful: dict[Key, Answer] = {}
        self._changed = self._may_have_changed = 0
        self._ask_again: Callable[[Key], object] = lambda _: None

    def bit(self, *key: Hashable) -> int:
        """Return the bit of an input."""
        if (bit := self._bits.get(key)) is None:
            bit = self._bits[key] = 1 << len(self.keys)
            self.keys.append(key)
            self.of_kind[key[0]] |= bit
        return bit

    def keys_of(self, inputs: int) -> Iterator[Key]:
        """Yield the keys of some inputs."""
        while inputs:
            lowest = inputs & -inputs
            yield self.keys[lowest.bit_length() - 1]
            inputs ^= lowest

    def answer(self, key: Key, ask: Callable[[], Any]) -> Any:
        """Return the answer with a key: a known one, or what `ask` returns now."""
        consult(self.bit(*key))
        if (known := self.answers.get(key)) is None:
            before = self._doubtful.pop(key, None)
            known = self._ask(ask) if before is None else self._recheck(key, before, ask)
            self.answers[key] = known
        return known.value

    def kept(self, key: Key, ask: Callable[[], Any]) -> Answer:
        """Return an answer, with its inputs, that is kept only while the project is edited."""
        if not self.is_open:
            return Answer(ask(), 0)
        self.answer(key, ask)
        return self.answers[key]

    def _ask(self, ask: Callable[[], Any]) -> Answer:
        value, inputs = with_inputs(ask, apart=True)
        return Answer(value, inputs & ~self.of_kind[TREE])

    def _recheck(self, key: Key, before: Answer, ask: Callable[[], Any]) -> Answer:
        """Return the answer of an earlier run if its inputs are the same, or else a new one."""
        have_changed, _ = with_inputs(lambda: self.have_changed(before.inputs), apart=True)
        if not have_changed:
            return before
        self._changed |= self.bit(*key)  # should `ask` fail
        new = self._ask(ask)
        if new.value == before.value:
            self._changed &= ~self.bit(*key)
        return new

    def used(self, answers: Mapping[Key, Answer] | None = None) -> int:
        """Return the inputs of some answers, by default of all."""
        return reduce(or_, (each.inputs for each in (self.answers if answers is None else answers).values()), 0)

    def forget(self, changed: int) -> int:
        """Forget the answers that depend on changed inputs; return these inputs, and those answers."""
        return self._drop(self.answers, changed)

    def restore(self, answers: dict[Key, Answer], changed: int) -> None:
        """Use earlier answers again, without those that depend on inputs that have changed since."""
        self._drop(answers, changed)
        self.answers = {**answers, **self.answers}

    def _drop(self, answers: dict[Key, Answer], changed: int) -> int:
        while gone := [key for key, answer in answers.items() if answer.inputs & changed]:
            for key in gone:
                del answers[key]
                changed |= self.bit(*key)
        return changed

    # -- answers of an earlier run ----------------------------------------------------------------------

    def reuse(
        self,
        keys: Iterable[Key],
        answers: Mapping[Key, Answer],
        changed: Callable[[], int],
        ask_again: Callable[[Key], object],
    ) -> None:
        """Give inputs the numbers of an earlier run, and use its answers.

        Arguments:
            changed: returns the inputs that have changed since, apart from answers.
            ask_again: asks for an answer whose inputs may have changed.
        """
        for key in keys:
            self.bit(*key)
        self._ask_again = ask_again
        self._changed = self._may_have_changed = changed()
        rest = dict(answers)
        while doubtful := [key for key, answer in rest.items() if answer.inputs & self._may_have_changed]:
            for key in doubtful:
                self._doubtful[key] = rest.pop(key)
                self._may_have_changed |= self.bit(*key)
        self.answers.update(rest)

    def have_changed(self, inputs: int) -> bool:
        """Whether any of these inputs has changed since that run. Doubtful answers are computed again for that."""
        for key in [*self.keys_of(inputs & self._may_have_changed & ~self._changed)]:
            if inputs & self._changed:
                break
            if key in self._doubtful:
                try:
                    self._ask_again(key)
                except Exception:  # as of a function that is gone
                    self._changed |= self.bit(*key)
        return bool(inputs & self._changed)


class NoInputs(Inputs):
    """The inputs of a file of which nothing else is known: nothing is kept."""

    is_open = False

    def bit(self, *key: Hashable) -> int:
        return 0

    def answer(self, key: Key, ask: Callable[[], Any]) -> Any:
        return ask()


class Answering(Protocol):
    """A project, as far as answers use it."""

    @property
    def inputs(self) -> Inputs: ...


ProjectT = TypeVar("ProjectT", bound=Answering)
About = ParamSpec("About")
ValueT = TypeVar("ValueT")

ANSWERS: dict[str, Callable[..., Any]] = {}  # the functions that compute the answers of a kind, of imported modules


def answer(
    ask: Callable[Concatenate[ProjectT, About], ValueT],
) -> Callable[Concatenate[ProjectT, About], ValueT]:
    """Decorate a function of a project, strings and numbers: its result, which is plain data, is an answer."""
    kind = ask.__name__

    @wraps(ask)
    def read(project: ProjectT, /, *about: About.args, **named: About.kwargs) -> ValueT:
        return project.inputs.answer((kind, *about), lambda: ask(project, *about, **named))  # type: ignore[no-any-return]

    ANSWERS[kind] = read
    return read
