"""`File`: one source file: its text, its tree, the positions of its nodes, and the meaning of its names.

The text of a notebook is the program of its code cells; see `notebook`.

A `File` is immutable; everything derived from it is computed once, on demand. Positions are given as
`Span` everywhere: only this module knows that `ast` counts columns in UTF-8 bytes.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from dbhygiene.config.settings import Settings
from dbhygiene.source.inputs import FILE, Inputs, NoInputs
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import (
    COMPREHENSION,
    FUNCTION,
    LOOP,
    NOT_PYTHON,
    Code,
    Function,
    Located,
    NodeT,
    Span,
    children,
    first_parameter,
    parse,
)
from dbhygiene.source.queries import Results, consult, query
from dbhygiene.source.records import Frozen, Row, replace
from dbhygiene.source.scopes import Index, Scope

if TYPE_CHECKING:
    from dbhygiene.source.deployment import Deployment
    from dbhygiene.source.notebook import Notebook

NOTEBOOK = ".ipynb"


KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
_INNER = (*FUNCTION, ast.Lambda, ast.ClassDef)
_LINE_END = r"\r\n|\r|\n"
_WORD = lazy_pattern(r"\w+")


class ClassText(NamedTuple):
    """A class of a file, by its text: its name, and the words among its bases."""

    path: Path
    name: str
    bases: frozenset[str]


class ProjectView(Protocol):
    """The project around a file, as far as a file uses it; `project.Project` implements it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def root(self) -> Path | None:
        """The directory to which reported paths are relative, so that they are the same on every machine."""

    def module(self, name: str, near: File) -> File | None:
        """Return the file that `import name` loads from `near`; None if it is not the project's own."""

    def module_path(self, name: str, near: File) -> Path | None:
        """Return the path of the file that `import name` loads from `near`, readable or not."""

    def imports_any(self, file: File, others: Collection[Path]) -> bool:
        """Whether a file imports one of these, directly or indirectly, by the text of the import statements."""

    def file(self, path: Path) -> File:
        """Return the project's file at a path; raise OSError, SyntaxError or UnicodeError if it is no Python text."""

    def loaded_file(self, path: Path) -> File | None:
        """Return the same if it has been read already."""

    def paths_containing(self, word: str) -> Sequence[Path]:
        """Return the paths of the files that contain a word: what asks depends on which they are, not on texts."""

    def files_containing(self, word: str) -> Sequence[File]:
        """Return the project's files that contain a word. Reads all of them once for each word: for rare use."""

    def parsed_files_containing(self, word: str) -> Sequence[File]:
        """Return those of them that parse. Parses them: for questions that their text does not answer."""

    def files_mentioning_all(self, *names: str) -> Sequence[File] | None:
        """Return the project's files that contain all of these names, as whole words; None if these are too many."""

    def files_calling(self, name: str) -> Sequence[File]:
        """Return the project's files that call something of this name, by their text; some may not parse."""

    def class_texts_deriving(self, name: str) -> Sequence[ClassText]:
        """Return the classes that may have one of this name, or of an alias of it, among their bases, by their text."""

    def class_texts_below(self, name: str) -> Sequence[ClassText]:
        """Return the classes that may derive from one of this name, directly or not, likewise."""

    def class_texts_beside(self, name: str) -> Sequence[ClassText]:
        """Return the classes that may be further bases of those, directly or not, likewise."""

    def may_bind(self, path: Path, name: str) -> bool:
        """Whether a file may define or assign a name, or an attribute of this name, by its text."""

    def files_setting(self, attribute: str) -> Sequence[File]:
        """Return the project's files that set an attribute of this name of an object other than `self`, likewise."""

    def files_defining_property(self, name: str) -> Sequence[File]:
        """Return the project's files that may define a property of this name. They parse."""

    def names_for(self, name: str) -> Sequence[str]:
        """Return a name, and the other names that any file of the project gives to what it stands for."""

    def version_of(self, distribution: str) -> tuple[int, ...] | None:
        """Return the version that the project pins or bounds below, None if it does neither."""

    def version_below(self, distribution: str) -> tuple[int, ...] | None:
        """Return the version that the project stays below, None if it has no such limit."""

    def line_length(self, near: File) -> int | None:
        """Return the maximum length of a line of a file, if a tool of the project configures one."""

    def requires(self, distribution: str, near: File) -> bool:
        """Whether the project declares this distribution as a dependency of the part that a file belongs to."""

    @property
    def is_distributed(self) -> bool:
        """Whether the project is built as a package, which other projects may import."""

    @property
    def programs(self) -> frozenset[str]:
        """The programs that the project installs: functions, as `module:function`, and files."""

    def deployment(self) -> Deployment:
        """Return the files that say how the project's servers run."""

    def scripts_mentioning(self, name: str) -> Sequence[File]:
        """Return the project's Python scripts without an ending that contain a name, as a whole word."""

    @property
    def inputs(self) -> Inputs:
        """The inputs of queries about the project."""


class NoProject(Frozen):
    """The project of a file of which nothing else is known."""

    settings: Settings = Settings()
    root: Path | None = None

    def module(self, name: str, near: File) -> File | None:
        return None

    def module_path(self, name: str, near: File) -> Path | None:
        return None

    def imports_any(self, file: File, others: Collection[Path]) -> bool:
        return False

    def file(self, path: Path) -> File:
        raise FileNotFoundError(path)

    def loaded_file(self, path: Path) -> File | None:
        return None

    def paths_containing(self, word: str) -> Sequence[Path]:
        return ()

    def files_containing(self, word: str) -> Sequence[File]:
        return ()

    def parsed_files_containing(self, word: str) -> Sequence[File]:
        return ()

    def files_mentioning_all(self, *names: str) -> Sequence[File] | None:
        return ()

    def files_calling(self, name: str) -> Sequence[File]:
        return ()

    def class_texts_deriving(self, name: str) -> Sequence[ClassText]:
        return ()

    def class_texts_below(self, name: str) -> Sequence[ClassText]:
        return ()

    def class_texts_beside(self, name: str) -> Sequence[ClassText]:
        return ()

    def may_bind(self, path: Path, name: str) -> bool:
        return False

    def files_setting(self, attribute: str) -> Sequence[File]:
        return ()

    def files_defining_property(self, name: str) -> Sequence[File]:
        return ()

    def names_for(self, name: str) -> Sequence[str]:
        return (name,)

    def version_of(self, distribution: str) -> tuple[int, ...] | None:
        return None

    def version_below(self, distribution: str) -> tuple[int, ...] | None:
        return None

    def line_length(self, near: File) -> int | None:
        return None

    def requires(self, distribution: str, near: File) -> bool:
        return False

    @property
    def is_distributed(self) -> bool:
        return False

    @property
    def programs(self) -> frozenset[str]:
        return frozenset()

    def deployment(self) -> Deployment:
        from dbhygiene.source.deployment import Deployment

        return Deployment()

    def scripts_mentioning(self, name: str) -> Sequence[File]:
        return ()

    @property
    def inputs(self) -> Inputs:
        return _NO_INPUTS


_NO_INPUTS = NoInputs()


class Section(Row):
    """A part of a file, with the number of its first line."""

    line: int
    text: str


class File(Frozen):
    """A Python file, or a notebook.

    `text` is decoded but otherwise unchanged, line endings included, so that `encode` returns the same
    bytes. `module` is its dotted name within `project`.
    """

    path: Path
    text: str
    encoding: str = "utf-8"
    module: str = "__main__"
    project: ProjectView = NoProject()
    notebook: Notebook | None = None

    def __repr__(self) -> str:
        return f"File({str(self.path)!r})"

    @classmethod
    def decode(cls, path: Path, data: bytes, module: str = "__main__", project: ProjectView | None = None) -> File:
        """Return the file with these bytes; raise SyntaxError or UnicodeError if they are no Python text."""
        if path.suffix == NOTEBOOK:
            from dbhygiene.source.notebook import Notebook  # most programs are none

            return cls.of_notebook(path, Notebook.decode(data), module, project)
        encoding = encoding_of(data)
        text = data.decode(encoding)
        if "\0" in text:
            raise SyntaxError("source code cannot contain null bytes")
        return cls(path, text, encoding, module, project or NoProject())

    @classmethod
    def of_notebook(
        cls, path: Path, notebook: Notebook, module: str = "__main__", project: ProjectView | None = None
    ) -> File:
        """Return the file with the program of a notebook."""
        return cls(path, notebook.text, "utf-8", module, project or NoProject(), notebook)

    def encode(self) -> bytes:
        return self.contents.encode(self.encoding)

    @property
    def contents(self) -> str:
        """The text of the file as it is stored: of a notebook, its JSON."""
        return self.notebook.contents if self.notebook is not None else self.text

    def with_contents(self, contents: str) -> File:
        """Return the file with another text as it is stored."""
        if self.notebook is None:
            return replace(self, text=contents)
        return File.decode(self.path, contents.encode(self.encoding), self.module, self.project)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The parts that are edited apart from each other: the cells of a notebook; of other files, the whole text."""
        if self.notebook is None:
            return (Section(1, self.text),)
        return tuple(Section(cell.line, cell.text) for cell in self.notebook.cells)

    def section_at(self, line: int) -> int:
        """Return the index of the section with a line."""
        return max(0, bisect_right([section.line for section in self.sections], line) - 1)

    def with_sections(self, texts: Mapping[int, str]) -> File:
        """Return the file with other texts of these sections; raise ValueError if a notebook cannot have them."""
        if self.notebook is None:
            return replace(self, text=texts.get(0, self.text))
        cells = {self.notebook.cells[index].number: text for index, text in texts.items()}
        notebook = self.notebook.with_texts(cells)
        return replace(self, text=notebook.text, notebook=notebook)

    def statements_around(self, line: int) -> list[ast.stmt]:
        """Return the statements of the module in the section with a line."""
        number = self.section_at(line)
        return [statement for statement in self.tree.body if self.section_at(statement.lineno) == number]

    @property
    def is_interactive(self) -> bool:
        """Whether the process lives on after the last line, with all variables of the module.

        The kernel of a notebook does. Its code may run again, in parts, and use what the module has left open.
        """
        return self.notebook is not None

    @cached_property
    def tree(self) -> ast.Module:
        return parse(self.text)

    @cached_property
    def directory(self) -> str:
        return str(self.path.parent)

    @property
    def relative_name(self) -> str:
        """Return the path relative to the project's root, with slashes; without a root around it, the file's name."""
        root = self.project.root
        return self.path.relative_to(root).as_posix() if root and self.path.is_relative_to(root) else self.path.name

    @cached_property
    def is_program(self) -> bool:
        """Whether it parses."""
        try:
            return bool(self.tree)
        except NOT_PYTHON:
            return False

    @property
    def query_key(self) -> None:
        """None: a file is the subject of its own queries; see `source.queries`."""

    @cached_property
    def query_input(self) -> int:
        return self.project.inputs.bit(FILE, str(self.path))

    @cached_property
    def query_results(self) -> Results:
        """The results of queries about this file: query -> key -> result; see `source.queries`."""
        return Results()

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the text: names, keywords, parts of comments and strings."""
        return frozenset(_WORD.findall(self.text))

    def mentions(self, word: str) -> bool:
        """Whether the text contains a word, or a part of one."""
        return word in self.text

    @property
    def lines(self) -> list[str]:
        return self._lines

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self.text)

    def lines_of(self, statement: ast.stmt) -> list[str]:
        """Return the lines in which a statement stands."""
        return self._lines[statement.lineno - 1 : statement.end_lineno]

    def line_name(self, line: int) -> str:
        """Return what a reader calls a line: `line 5`, or in a notebook `cell 3, line 2`."""
        place = self.notebook.place(line) if self.notebook is not None else None
        return f"line {line}" if place is None else f"cell {place.cell}, line {place.line}"

    def line_label(self, line: int) -> str:
        """Return the same for a place in text formats: `5`, or `cell 3:2`."""
        place = self.notebook.place(line) if self.notebook is not None else None
        return str(line) if place is None else f"cell {place.cell}:{place.line}"

    @cached_property
    def _ascii(self) -> bool:
        return self.text.isascii()

    # -- positions ------------------------------------------------------------------------------------

    def span(self, node: Located) -> Span:
        end_line = node.end_lineno or node.lineno
        end_column = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Span(
            node.lineno, self._column(node.lineno, node.col_offset), end_line, self._column(end_line, end_column)
        )

    def _column(self, line: int, byte: int) -> int:
        if self._ascii:
            return byte
        return len(self._lines[line - 1].encode()[:byte].decode(errors="replace"))

    def text_span(self, start: int, end: int) -> Span:
        """Return the span of a part of the text that lies in one line, by its offsets."""
        line = self.text.count("\n", 0, start) + 1
        column = start - self.text.rfind("\n", 0, start) - 1
        return Span(line, column, line, column + end - start)

    def segment(self, node: Located) -> str:
        """Return the text of a node, unchanged."""
        return self.excerpt(self.span(node))

    def excerpt(self, span: Span) -> str:
        """Return the text of a span."""
        line, column, end_line, end_column = span
        if line == end_line:
            return self._lines[line - 1][column:end_column]
        inner = self._lines[line : end_line - 1]
        return "\n".join([self._lines[line - 1][column:], *inner, self._lines[end_line - 1][:end_column]])

    def quote(self, text: str, near: Located) -> str:
        """Return a string literal with the quotation marks that a piece of code uses."""
        marks = [mark for mark in self.segment(near) if mark in "\"'"]
        return f"'{text}'" if marks.count("'") > marks.count('"') else f'"{text}"'

    # -- nodes and scopes -----------------------------------------------------------------------------

    @cached_property
    def _index(self) -> Index:
        return Index(self.tree, lambda node: module_of_import(self, node))

    @property
    def scope(self) -> Scope:
        """The module's own scope."""
        return self._index.scopes[0]

    @property
    def scopes(self) -> list[Scope]:
        """Every scope, the module's first, each before those within it."""
        return self._index.scopes

    @cached_property
    def functions(self) -> dict[Code, Scope]:
        """The module and each function in it, nested ones too, with their scopes."""
        code = (ast.Module, *FUNCTION)
        return {scope.node: scope for scope in self.scopes if isinstance(scope.node, code)}

    @cached_property
    def code_of_functions(self) -> tuple[Code, ...]:
        """The same, by number."""
        return tuple(self.functions)

    @cached_property
    def numbers_of_functions(self) -> dict[Code, int]:
        return {code: number for number, code in enumerate(self.code_of_functions)}

    @cached_property
    def classes(self) -> dict[str, Scope]:
        """Qualified name -> scope of each class."""
        return {scope.name: scope for scope in self.scopes if isinstance(scope.node, ast.ClassDef)}

    def nodes(self, kind: type[NodeT]) -> list[NodeT]:
        """Return every node of exactly this class; in no promised order."""
        return self._index.nodes.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def calls(self) -> dict[str, list[ast.Call]]:
        """The calls, by the last part of the called name: `a.b()` by `b`."""
        found: dict[str, list[ast.Call]] = {}
        for call in self.nodes(ast.Call):
            func = call.func
            if isinstance(func, (ast.Name, ast.Attribute)):
                found.setdefault(func.id if isinstance(func, ast.Name) else func.attr, []).append(call)
        return found

    @cached_property
    def scopes_of_calls(self) -> dict[ast.Call, Scope]:
        """The scope of the innermost function around each call, or of the module; without a walk."""
        found: dict[ast.Call, Scope] = {}
        for scope in self.scopes:
            if scope.calls:
                code = scope
                while code.parent is not None and not isinstance(code.node, FUNCTION):
                    code = code.parent
                found.update(dict.fromkeys(scope.calls, code))
        return found

    def scope_of(self, name: ast.Name) -> Scope:
        """Return the scope in which a name stands."""
        return self._index.scope_of.get(name, self.scope)

    @cached_property
    def _expression_statements(self) -> set[ast.expr]:
        return {statement.value for statement in self.nodes(ast.Expr)}

    def is_discarded(self, expr: ast.expr) -> bool:
        """Whether an expression is a statement of its own, so that its result is not used."""
        return expr in self._expression_statements

    @cached_property
    def _own(self) -> dict[ast.AST, list[ast.AST]]:
        return {}

    def own(self, code: ast.AST) -> list[ast.AST]:
        """Return the nodes within a function, without those of the functions and classes within it."""
        if (found := self._own.get(code)) is None:
            found = self._own[code] = []
            todo = children(code)
            while todo:
                part = todo.pop()
                found.append(part)
                if not isinstance(part, _INNER):
                    todo += children(part)
        return found

    @property
    def imported_names(self) -> frozenset[str]:
        """Return the absolute name of each object and module that the file imports, anywhere in it."""
        return self.fact(_imported_names)

    @cached_property
    def imported_packages(self) -> frozenset[str]:
        """Return the first part of each of these."""
        return frozenset(name.partition(".")[0] for name in self.imported_names)

    @cached_property
    def captures(self) -> dict[Scope, set[str]]:
        """For each scope, the names of it that functions and classes within it use, or magics of a notebook."""
        found: dict[Scope, set[str]] = {}
        for name in self.nodes(ast.Name):
            here: Scope | None = self.scope_of(name)
            crossed = False
            while here is not None and name.id not in here.bound:
                crossed = crossed or not isinstance(here.node, COMPREHENSION)
                here = self.scope if name.id in here.globals and here is not self.scope else here.parent
                while here is not None and isinstance(here.node, ast.ClassDef):
                    here = here.parent
            if here is not None and crossed:
                found.setdefault(here, set()).add(name.id)
        if self.notebook is not None and self.notebook.names:
            for scope in self.scopes:
                found.setdefault(scope, set()).update(filter(self.notebook.may_use, scope.bound))
        return found

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of each node. It costs a walk: use it for findings, not for a search."""
        found: dict[ast.AST, ast.AST] = {}
        todo: list[ast.AST] = [self.tree]
        while todo:
            node = todo.pop()
            for child in children(node):
                found[child] = node
                todo.append(child)
        return found

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, the nearest first."""
        while (above := self.parents.get(node)) is not None:
            yield above
            node = above

    def close(self) -> None:
        """Forget all that is known of it, for good: else only the garbage collector would free it."""
        for scope in self._index.scopes if "_index" in self.__dict__ else ():
            scope.parent = None
        self.__dict__.clear()

    def hold(self, node: ast.AST) -> None:
        """Record that the result being computed depends on the text of a function or a class of the file."""
        consult(self.query_input)

    def name_of(self, node: ast.AST) -> str:
        """Return a name for a function or a class that no other one in the file has."""
        return self._qualified_names[node]

    @cached_property
    def _qualified_names(self) -> dict[ast.AST, str]:
        count, names = Counter[str](), dict[ast.AST, str]()
        for scope in self._index.scopes:
            names[scope.node] = f"{scope.name} {count[scope.name]}"
            count[scope.name] += 1
        return names

    def movable(self, ask: Callable[[], ValueT]) -> ValueT:
        """Return what `ask` returns; its texts may leave the numbers of lines open, which `moved` fills in."""
        return ask()

    def moved(self, value: ValueT, marks: object) -> ValueT:
        """Return a value of an earlier time, when the file had these `marks`, with the places of today."""
        return value

    @property
    def marks(self) -> object:
        """The lines of the statements of the module, see `moved`."""
        return None

    def fact(self, ask: Callable[[File], ValueT]) -> ValueT:
        """Return the result of a query about this file: a value that can be compared with that of another text."""
        return ask(self)

    def table(self, name: str, entries: Mapping[KeyT, ValueT], make: Callable[[File], object]) -> Mapping[KeyT, ValueT]:
        """Return a table of nodes of this file, of which an edited file records the entries that are read.

        Arguments:
            make: makes the table of another text of the file.
        """
        return entries

    # -- what names mean ------------------------------------------------------------------------------

    def resolve(self, expr: ast.AST) -> str | None:
        """Return the absolute dotted name that `a.b.c` stands for, or None.

        An import stands for the imported name; a function or class of this file for `module.qualified.name`; `self.f`
        in a method for `module.Class.f`; a name that is bound nowhere is a builtin's, and returned as it is. A name
        bound once to another dotted name stands for that one. Return None for any other variable, and for a
        function's name that is bound to something else, too.
        """
        known = self._resolved
        if expr not in known:
            if self.scope.stars:
                return _resolve_with_stars(self, expr)
            known[expr] = self._resolve(expr)
        return known[expr]

    @cached_property
    def _resolved(self) -> dict[ast.AST, str | None]:
        """What expressions stand for, if it depends on this file alone."""
        return {}

    def _resolve(self, expr: ast.AST) -> str | None:
        attributes: list[str] = []
        aliases: list[ast.AST] = []
        while expr not in aliases:  # a variable may stand for itself, by others
            aliases.append(expr)
            while isinstance(expr, ast.Attribute):
                attributes.append(expr.attr)
                expr = expr.value
            if not isinstance(expr, ast.Name) or (meaning := self._meaning(expr.id, self.scope_of(expr))) is None:
                return None
            if isinstance(meaning, str):
                return ".".join([meaning, *reversed(attributes)])
            expr = meaning
        return None

    def meaning(self, name: str, scope: Scope) -> str | None:
        """Return the meaning of a bare name in `scope`; see `resolve`."""
        found = self._meaning(name, scope)
        return self.resolve(found) if isinstance(found, ast.expr) else found

    def _meaning(self, name: str, scope: Scope) -> str | ast.expr | None:
        """Return the meaning of a bare name, or the only value of the variable that it is."""
        here: Scope | None = scope
        while here is not None:
            if (found := here.imports.get(name)) is not None:
                return found
            if name in here.defined:
                return None if name in here.aliases else f"{self.module}.{here.inner_name(name)}"
            if name in here.globals:
                here = self.scope if here is not self.scope else None
                continue
            if name in here.bound:
                return self._variable(name, here)
            here = here.parent
            while here is not None and isinstance(here.node, ast.ClassDef):
                here = here.parent  # a class's names are not seen from within its methods
        if self.scope.stars:
            return self._star_import(name)
        return name

    def _variable(self, name: str, scope: Scope) -> str | ast.expr | None:
        if (values := scope.aliases.get(name)) and len(values) == 1:
            return values[0]
        owner = scope.class_scope
        if owner and isinstance(scope.node, FUNCTION) and name == first_parameter(scope.node):
            return f"{self.module}.{owner.name}"
        return None

    def _star_import(self, name: str) -> str | None:
        import builtins

        if hasattr(builtins, name):
            return name
        foreign = None
        for star in self.scope.stars:
            file = self.project.module(star, self)
            if file is None:
                foreign = foreign or f"{star}.{name}"
            elif file is not self and (name in file.scope.defined or name in file.scope.imports):
                return f"{star}.{name}"
        return foreign


@query
def _resolve_with_stars(file: File, expr: ast.AST) -> str | None:
    """Return the same in a file that imports all names of another one."""
    return file._resolve(expr)


@query
def _imported_names(file: File) -> frozenset[str]:
    return frozenset(name for scope in file.scopes for name in scope.imports.values())


def file_query(ask: Callable[[File], ValueT]) -> Callable[[File], ValueT]:
    """Decorate a query about a whole file; results that depend on it are kept while its result stays the same."""
    known = query(ask)
    return wraps(ask)(lambda file: file.fact(known))


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, without their ends, as Python counts them."""
    return re.split(_LINE_END, text)


def encoding_of(data: bytes) -> str:
    """Return the encoding of a program, as Python sees it; raise SyntaxError if there is none of that name."""
    if data.isascii() and b"coding" not in b"".join(data.split(b"\n", 2)[:2]):
        return "utf-8"
    import io
    import tokenize  # most programs do not need it

    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def readable_file(project: ProjectView, path: str) -> File | None:
    """Return a file of a project, which may not parse; None if it cannot be read."""
    try:
        return project.file(Path(path))
    except (OSError, *NOT_PYTHON):
        return None


def with_others(file: File, others: Iterable[File]) -> list[File]:
    """Return a file and others, each once: the project may still know another text of the file that is being fixed."""
    return [*{file.path: file, **{other.path: other for other in others}, file.path: file}.values()]


def files_with_word(file: File, word: str) -> list[File]:
    """Return this file, and the others of its project that contain a word."""
    return with_others(file, file.project.parsed_files_containing(word))


def is_mentioned(file: File, word: str) -> bool:
    """Whether a file, or another one of its project, contains a word, or a part of one."""
    return file.mentions(word) or bool(file.project.paths_containing(word))


def function_around(file: File, node: ast.AST) -> Function | None:
    """Return the innermost function around a node."""
    return next((outer for outer in file.around(node) if isinstance(outer, FUNCTION)), None)


def statement_around(file: File, node: ast.AST) -> ast.stmt | None:
    """Return the innermost statement around a node that is none itself."""
    return next((outer for outer in file.around(node) if isinstance(outer, ast.stmt)), None)


def loop_around(file: File, node: ast.AST) -> ast.For | ast.AsyncFor | ast.While | None:
    """Return the innermost loop around a node, in its function."""
    for above in file.around(node):
        if isinstance(above, LOOP):
            return above
        if isinstance(above, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            return None
    return None


def scope_around(file: File, node: ast.AST) -> Scope:
    """Return the scope of the innermost function around a node, or of its module."""
    if isinstance(node, ast.Call):
        return file.scopes_of_calls.get(node, file.scope)
    return file.functions[function_around(file, node) or file.tree]


def module_of_import(file: File, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module that a `from` import names."""
    if not node.level:
        return node.module or ""
    package = file.module.split(".")
    up = node.level - (1 if file.path.name in {"__init__.py", "__init__.pyi"} else 0)
    base = package[: len(package) - up] if up else package
    return ".".join([*base, *(node.module or "").split(".")]).strip(".")
