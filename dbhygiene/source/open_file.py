"""`OpenFile`: a file that is being edited. A result depends on the parts of it that it has read, not on the whole text.

The parts are the statements of the module, the meaning of each name of the module, and the entries of tables, such as
the calls of one name. Each is an input (see `source.inputs`). When the text changes, `changed_parts` compares those
that have been read: an edit of one function changes no part that a result about another function has read.

Code that holds a node has read the statement of the module in which the node stands: the table that returned the node
has recorded that. A walk over all nodes, or all lines, reads the whole file, which every edit changes.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence, Set
from functools import cached_property, reduce
from operator import or_
from typing import Any, Final, Generic, NamedTuple, TypeVar

from dbhygiene.source.file import File, Section, split_lines
from dbhygiene.source.inputs import FILE, TREE
from dbhygiene.source.nodes import FUNCTION, Code, NodeT, Span, first_line, parse
from dbhygiene.source.queries import Memo, consult, with_inputs
from dbhygiene.source.records import Frozen
from dbhygiene.source.scopes import Index, Scope

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
Part = tuple[Hashable, ...]

_ORDER, _STATEMENT, _NAME, _ENTRY, _FUNCTIONS = "order", "statement", "name", "entry", "functions"  # kinds of parts
_CLASSES, _FACT, _LINE, _MENTION = "classes", "fact", "line", "mention"
_DEFINITION: Final = (*FUNCTION, ast.ClassDef)
_NUMBER: Final = "\0"  # around the number of a line that is left open in a text; no program contains it


class _Statement(NamedTuple):
    """A statement of a module: the name that it defines, or ""; its text; and how many definitions are before it."""

    name: str
    text: str
    before: int


class OpenFile(File):
    """A file that is being edited."""

    _leaves_open = False  # the numbers of lines in texts that are being made

    # -- parts ----------------------------------------------------------------------------------------

    @cached_property
    def query_input(self) -> int:
        return self.project.inputs.bit(TREE, str(self.path)) | self._bit(_ORDER)

    @cached_property
    def _bits(self) -> dict[Part, int]:
        return {}

    def _bit(self, *part: Hashable) -> int:
        if (bit := self._bits.get(part)) is None:
            bit = self._bits[part] = self.project.inputs.bit(*part, str(self.path))
        return bit

    def read(self, *part: Hashable) -> None:
        """Record that the result being computed depends on a part."""
        consult(self._bit(*part))

    def read_all(self) -> None:
        """Record that it depends on the whole file."""
        consult(self.project.inputs.bit(FILE, str(self.path)))

    def hold(self, node: ast.AST) -> None:
        """Record that it depends on the statement of the module in which a node stands."""
        super().hold(node)
        if node is self.tree:
            self.read_all()
        else:
            self.read(_STATEMENT, self.statement_of(node).name)

    def changed_parts(self, new: File | None, used: int) -> int:
        """Return those of the parts with these inputs that differ in a new text of the file."""
        parts = {part: bit for part, bit in self._bits.items() if bit & used}
        if not (isinstance(new, OpenFile) and self.has_parts and new.has_parts):
            return reduce(or_, parts.values(), 0)
        new._bits.update(parts)  # which nothing may read again
        new._makers.update((part[1], self._makers[part[1]]) for part in parts if part[0] == _ENTRY)
        return reduce(or_, (bit for part, bit in parts.items() if self._value(part) != new._value(part)), 0)

    @cached_property
    def has_parts(self) -> bool:
        """Whether its parts are known; names of modules whose names are all imported are not."""
        return self.notebook is None and self.is_program and not self.scope.stars

    def _value(self, part: Part) -> object:
        match part:
            case ("statement", ""):
                return [each for each in self._statements if not each.name]
            case ("statement", name):
                return [each.text for each in self._statements if each.name == name]
            case ("name", str(name)):
                return self._names.value(name)
            case ("classes",):
                return [scope.name for scope in self._scopes_of_classes.values()]
            case ("entry", str(table), key):
                if table not in self._tables:
                    self._makers[table](self)
                return self._tables[table].value(key)
            case ("line", name):
                return [start for start, statement in self._placed if statement.name == name]
            case ("mention", str(word)):
                return word in self._text
            case ("fact", ask):
                return _apart(lambda: ask(self))  # type: ignore[operator]
            case ("functions",):
                return [scope.name for scope in self._functions.values()]
        return [each.name for each in self._statements if each.name]

    @cached_property
    def _statements(self) -> list[_Statement]:
        found, before, lines = list[_Statement](), 0, self._lines
        for statement, start in zip(self._tree.body, self._starts, strict=True):
            name = statement.name if isinstance(statement, _DEFINITION) else ""
            found.append(_Statement(name, "\n".join(lines[start - 1 : statement.end_lineno]), before))
            before += bool(name)
        return found

    @property
    def _placed(self) -> Iterator[tuple[int, _Statement]]:
        return zip(self._starts, self._statements, strict=True)

    @cached_property
    def _starts(self) -> list[int]:
        return [first_line(statement) for statement in self._tree.body]

    def statement_of(self, node: Any) -> _Statement:
        """Return the statement of the module in which a node stands."""
        return self._statement_at(node.lineno)

    def _statement_at(self, line: int) -> _Statement:
        return self._statements[max(0, bisect_right(self._starts, line) - 1)]

    def content(self, value: object) -> list[object]:
        """Return what changes with an entry of a table: the statements in which its nodes stand, and its plain data."""
        return [self.statement_of(each) if isinstance(each, ast.AST) else each for each in _leaves(value)]

    # -- the text ---------------------------------------------------------------------------------------

    @property
    def _text(self) -> str:
        return str(self.__dict__["text"])

    @property  # type: ignore[misc]
    def text(self) -> str:
        self.read_all()
        return self._text

    def mentions(self, word: str) -> bool:
        self.read(_MENTION, word)
        return word in self._text

    @property
    def words(self) -> frozenset[str]:
        self.read_all()
        return self._once(File.words)

    @property
    def lines(self) -> list[str]:
        self.read_all()
        return self._lines

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self._text)

    @property
    def sections(self) -> tuple[Section, ...]:
        self.read_all()
        return self._once(File.sections)

    @property
    def _ascii(self) -> bool:
        return self._text.isascii()

    def line_name(self, line: int) -> str:
        return self._open_number(line, "line ") or super().line_name(line)

    def line_label(self, line: int) -> str:
        return self._open_number(line, "") or super().line_label(line)

    def _open_number(self, line: int, words: str) -> str:
        """Return the name of a line whose number is left open, if it may be; otherwise record that it is read."""
        if not self._leaves_open or self.notebook is not None:
            self._read_line(line)
            return ""
        self.read(_STATEMENT, self._statement_at(line).name)
        return f"{words}{_NUMBER}{line}{_NUMBER}"

    def _read_line(self, line: int) -> None:
        self.read(_LINE, self._statement_at(line).name)

    @cached_property
    def marks(self) -> dict[int, tuple[str, int]]:
        """The first line of each statement of the module: the name that it defines, and its number among those."""
        count, marks = Counter[str](), dict[int, tuple[str, int]]()
        for start, statement in self._placed:
            marks.setdefault(start, (statement.name, count[statement.name]))
            count[statement.name] += 1
        return marks

    @cached_property
    def _starts_by_mark(self) -> dict[tuple[str, int], int]:
        return {mark: start for start, mark in self.marks.items()}

    def movable(self, ask: Callable[[], ValueT]) -> ValueT:
        outer = self._leaves_open
        vars(self)["_leaves_open"] = True
        try:
            return ask()
        finally:
            vars(self)["_leaves_open"] = outer

    def moved(self, value: ValueT, marks: object) -> ValueT:
        if not value or not isinstance(value, tuple) or not isinstance(marks, dict):
            return value
        before: dict[int, tuple[str, int]] = marks
        starts, now = [*before], self._starts_by_mark

        def line(old: int) -> int:
            start = starts[max(0, bisect_right(starts, old) - 1)]
            return old + now.get(before[start], start) - start

        def move(part: Any, *, is_here: bool = True) -> Any:
            match part:
                case Span():
                    return part._replace(line=line(part.line), end_line=line(part.end_line)) if is_here else part
                case str() if _NUMBER in part:
                    pieces = part.split(_NUMBER)
                    return "".join(str(line(int(each))) if number % 2 else each for number, each in enumerate(pieces))
                case tuple():
                    is_here = getattr(part, "path", self.path) == self.path
                    moved = [move(each, is_here=is_here) for each in part]
                    return type(part)(*moved) if hasattr(part, "_fields") else tuple(moved)
            return part

        return move(value)  # type: ignore[no-any-return]

    def _once(self, read: Callable[[File], ValueT]) -> ValueT:
        """Return a property of any file; the code that asks for it has recorded what it reads."""
        if read not in self._known:
            self._known[read] = _apart(lambda: read.func(self))  # type: ignore[attr-defined]
        return self._known[read]  # type: ignore[no-any-return]

    @cached_property
    def _known(self) -> dict[Any, Any]:
        return {}

    # -- the tree ---------------------------------------------------------------------------------------

    @cached_property
    def _tree(self) -> ast.Module:
        """The tree itself, whose statements are read without being recorded."""
        return parse(self._text)

    @cached_property
    def tree(self) -> ast.Module:
        return _Module(self, self._tree)

    @cached_property
    def _index(self) -> Index:
        index = self._once(File._index)
        self._names.cover(index.scopes[0])
        return index

    @cached_property
    def _names(self) -> _Names:
        return _Names(self)

    @property
    def scopes(self) -> list[Scope]:
        self.read_all()
        return self._index.scopes

    def nodes(self, kind: type[NodeT]) -> list[NodeT]:
        self.read_all()
        return super().nodes(kind)

    @cached_property
    def functions(self) -> Mapping[Code, Scope]:  # type: ignore[override]
        return _Held(self, self._functions)

    @cached_property
    def _functions(self) -> dict[Code, Scope]:
        return self._once(File.functions)

    @property
    def code_of_functions(self) -> Sequence[Code]:  # type: ignore[override]
        self.read(_FUNCTIONS)
        return _Numbered(self, self._once(File.code_of_functions))

    @property
    def numbers_of_functions(self) -> dict[Code, int]:
        self.read(_FUNCTIONS)
        return self._once(File.numbers_of_functions)

    @cached_property
    def classes(self) -> Mapping[str, Scope]:  # type: ignore[override]
        return _Classes(self, self._scopes_of_classes)

    @cached_property
    def _scopes_of_classes(self) -> dict[str, Scope]:
        return self._once(File.classes)

    @cached_property
    def calls(self) -> Mapping[str, list[ast.Call]]:  # type: ignore[override]
        return self.table("calls", self._once(File.calls), lambda file: file.calls)

    @property
    def scopes_of_calls(self) -> dict[ast.Call, Scope]:
        return self._once(File.scopes_of_calls)

    @property
    def _expression_statements(self) -> set[ast.expr]:
        return self._once(File._expression_statements)

    def own(self, code: ast.AST) -> list[ast.AST]:
        if code is self.tree:
            self.read_all()
        return super().own(code)

    @cached_property
    def captures(self) -> Mapping[Scope, set[str]]:  # type: ignore[override]
        return _Held(self, self._once(File.captures))

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return self._once(File.parents)

    # -- names and tables -------------------------------------------------------------------------------

    def resolve(self, expr: ast.AST) -> str | None:
        return self._meanings.of(expr, lambda: self._resolve(expr))

    @cached_property
    def _meanings(self) -> Memo[ast.AST, str | None]:
        return Memo()

    @cached_property
    def _tables(self) -> dict[str, _Entries[Any, Any]]:
        return {}

    @cached_property
    def _makers(self) -> dict[Hashable, Callable[[File], object]]:
        return {}

    def fact(self, ask: Callable[[File], ValueT]) -> ValueT:
        self.read(_FACT, ask)
        value, inputs = with_inputs(lambda: ask(self), apart=True)
        consult(inputs & ~self._parts)
        return value

    @property
    def _parts(self) -> int:
        """The inputs that this file is."""
        own = self.query_input | self.project.inputs.bit(FILE, str(self.path))
        return reduce(or_, self._bits.values(), own)

    def table(self, name: str, entries: Mapping[KeyT, ValueT], make: Callable[[File], object]) -> Mapping[KeyT, ValueT]:
        self._makers[name] = make
        table = self._tables[name] = _Entries(self, name, entries)
        return table


def _apart(build: Callable[[], ValueT]) -> ValueT:
    """Return the result of a function; the code that asks for it does not depend on the inputs of the function."""
    return with_inputs(build, apart=True)[0]


def _leaves(value: Any) -> Iterator[object]:
    """Yield the nodes with places, and the plain data, of which an entry of a table is made."""
    match value:
        case ast.comprehension(target=target):
            yield target
        case ast.withitem(context_expr=expr):
            yield expr
        case ast.AST():
            if hasattr(value, "lineno"):
                yield value
        case Frozen():
            yield from (leaf for name in value.__match_args__ for leaf in _leaves(getattr(value, name)))
        case list() | tuple():
            yield from (leaf for each in value for leaf in _leaves(each))
        case bool() | str() | None:
            yield value


class _Module(ast.Module):
    """The tree of an open file: the code that reads its statements depends on the whole file."""

    def __init__(self, file: OpenFile, tree: ast.Module) -> None:
        self.file = file
        super().__init__(tree.body, [])

    @property
    def body(self) -> list[ast.stmt]:
        self.file.read_all()
        return self._statements

    @body.setter
    def body(self, statements: list[ast.stmt]) -> None:
        self._statements = statements


class _Mapping(Mapping[KeyT, ValueT], Generic[KeyT, ValueT]):
    """A table that records which entry is read. The code that reads all of them depends on the whole file."""

    def __init__(self, file: OpenFile, entries: Mapping[KeyT, ValueT]) -> None:
        self._file, self._entries = file, entries

    def _read(self, key: KeyT) -> None:
        raise NotImplementedError

    def __getitem__(self, key: KeyT) -> ValueT:
        self._read(key)
        return self._entries[key]

    def get(self, key: KeyT, default: Any = None) -> Any:
        self._read(key)
        return self._entries.get(key, default)

    def __contains__(self, key: object) -> bool:
        self._read(key)  # type: ignore[arg-type]
        return key in self._entries

    def __iter__(self) -> Iterator[KeyT]:
        self._file.read_all()
        return iter(self._entries)

    def __len__(self) -> int:
        self._file.read_all()
        return len(self._entries)


class _Held(_Mapping[KeyT, ValueT]):
    """A table by nodes or scopes. Code that asks for one has read where it stands, unless it is the module's own."""

    def _read(self, key: KeyT) -> None:
        if key is self._file.scope:
            self._file.read_all()


class _Classes(_Mapping[str, ValueT]):
    """The scopes of classes, by qualified name."""

    def _read(self, key: str) -> None:
        self._file.scope.defined.get(key.partition(".")[0])

    def __iter__(self) -> Iterator[str]:
        self._file.read(_CLASSES)
        return iter(self._entries)


class _Entries(_Mapping[KeyT, ValueT]):
    """The entries of a table: by a name, or by a variable; those about a variable of a function stand in it."""

    def __init__(self, file: OpenFile, name: str, entries: Mapping[KeyT, ValueT]) -> None:
        super().__init__(file, entries)
        self._name = name

    def _read(self, key: KeyT) -> None:
        match key:
            case (Scope() as scope, str(path)):
                if scope is self._file.scope:
                    self._file.read(_ENTRY, self._name, path)
            case _:
                self._file.read(_ENTRY, self._name, key)

    def value(self, key: Any) -> object:
        """Return what changes with an entry: whether there is one, and the statements in which its nodes stand."""
        entries: Mapping[Any, ValueT] = self._entries
        return self._file.content(entries.get(key, entries.get((self._file.scope, key))))


class _Numbered(Sequence[Code]):
    """The functions of a file, by number."""

    def __init__(self, file: OpenFile, code: Sequence[Code]) -> None:
        self._file, self._code = file, code

    def __getitem__(self, number: Any) -> Any:
        code = self._code[number]
        if code is not self._file.tree:  # which records its own readers
            self._file.hold(code)
        return code

    def __len__(self) -> int:
        return len(self._code)


class _All(Sequence[ValueT]):
    """What a module holds: the code that reads it depends on the whole file."""

    def __init__(self, file: OpenFile, items: Sequence[ValueT]) -> None:
        self._file, self._items = file, items

    def __getitem__(self, number: Any) -> Any:
        self._file.read_all()
        return self._items[number]

    def __len__(self) -> int:
        self._file.read_all()
        return len(self._items)


class _Meanings(_Mapping[str, ValueT]):
    """What the names of a module stand for, in one respect."""

    def _read(self, key: str) -> None:
        self._file.read(_NAME, key)


class _Definitions(_Meanings[ValueT]):
    """The definitions of a module."""

    def __getitem__(self, key: str) -> ValueT:
        found = super().__getitem__(key)
        self._file.hold(found)  # type: ignore[arg-type]
        return found

    def get(self, key: str, default: Any = None) -> Any:
        if (found := super().get(key)) is None:
            return default
        self._file.hold(found)
        return found


class _NameSet(Set[str]):
    """Some of the names of a module."""

    def __init__(self, file: OpenFile, names: Set[str]) -> None:
        self._file, self._members = file, names

    @classmethod
    def _from_iterable(cls, it: Any) -> Any:
        return set(it)

    def __contains__(self, name: object) -> bool:
        self._file.read(_NAME, name)
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        self._file.read_all()
        return iter(self._members)

    def __len__(self) -> int:
        self._file.read_all()
        return len(self._members)


class _Names:
    """The names of a module, which record who reads them."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    def cover(self, top: Scope) -> None:
        """Let the scope of the module record which of its names are read."""
        file: Any = self._file
        self._imports, self._aliases, self._defined = top.imports, top.aliases, top.defined
        self._bound, self._globals = top.bound, top.globals
        top.imports, top.aliases = _Meanings(file, top.imports), _Meanings(file, top.aliases)  # type: ignore[assignment]
        top.defined = _Definitions(file, top.defined)  # type: ignore[assignment]
        top.bound, top.globals = _NameSet(file, top.bound), _NameSet(file, top.globals)  # type: ignore[assignment]
        top.calls, top.returns = _All(file, top.calls), _All(file, top.returns)  # type: ignore[assignment]
        top.yields = _All(file, top.yields)  # type: ignore[assignment]

    def value(self, name: str) -> object:
        """Return what changes with the meaning of a name."""
        _ = self._file.scope
        values = self._aliases.get(name, ())
        has = [name in each for each in (self._defined, self._bound, self._globals)]
        return self._imports.get(name), self._file.content(values), len(values), has
