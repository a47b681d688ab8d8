"""Spells the dotted names in edits as a file does, and imports those that it does not know.

All of it is said in edits again, so that the editor need not know what an import is.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from dbhygiene.edits import AddName, Edit, InsertAfter, InsertBefore
from dbhygiene.fixes.editor import by_kind, targets
from dbhygiene.frozen import Record
from dbhygiene.source import FUNCTION, File, Scope, Span

_NAME = re.compile(r"\{([A-Za-z_][\w.]*)\}")
_VERBATIM = {"name", "clause", "verb"}  # the fields of edits that hold no templates


class Import(Record):
    """A name to be imported: `import module`, or `from module import name as alias`."""

    module: str
    name: str = ""
    alias: str = ""

    @property
    def item(self) -> str:
        return f"{self.name} as {self.alias}" if self.alias else self.name

    @property
    def spelling(self) -> str:
        return self.alias or self.name or self.module


def spelled(file: File, edits: Iterable[Edit]) -> list[Edit]:
    """These edits with every name in braces written as the file writes it, and the edits that import the others."""
    wanted: dict[str, Import] = {}
    uses: list[int] = []  # lines

    def spell(dotted: str, place: Span) -> str:
        if known := _known(file, dotted, place):
            return known
        uses.append(place.line)
        if dotted not in wanted:
            wanted[dotted] = _new(file, dotted, {new.spelling for new in wanted.values()})
        new = wanted[dotted]
        return new.spelling if new.name else dotted

    result: list[Edit] = []
    for edit in edits:
        place = targets(edit)[0]
        changes = {
            name: _NAME.sub(lambda found: spell(found[1], place), value)  # noqa: B023
            for name, value in edit._asdict().items()
            if isinstance(value, str) and name not in _VERBATIM
        }
        result.append(edit._replace(**changes))  # type: ignore[arg-type]
    first = min(uses, default=0)
    for module in sorted({new.module for new in wanted.values()}):
        result += _adding(file, module, {new.item for new in wanted.values() if new.module == module}, first)
    return result


# -- names that the file knows --------------------------------------------------------------------------


def _known(file: File, dotted: str, place: Span) -> str | None:
    """How the file spells this name at this place, if an import that surely ran before it allows it."""
    scope = innermost = _scope_at(file, place)
    while True:
        for name, meaning in _imported(scope, place.line):
            rest = dotted.removeprefix(meaning)
            if (rest == dotted or rest.count(".") > 1 or rest[:1] not in {"", "."}) or _is_rebound(file, name):
                continue
            root = name.partition(".")[0]
            if file.meaning(root, innermost) == scope.imports.get(root):
                return name + rest
        if scope.parent is None:
            return None
        scope = scope.parent


def _scope_at(file: File, place: Span) -> Scope:
    """The innermost function around a place, else the module."""
    around = [
        scope
        for scope in file.scopes
        if isinstance(scope.node, FUNCTION)
        and (body := file.span(scope.node))[:2] < place[:2]
        and place[2:] <= body[2:]
    ]
    return around[-1] if around else file.scope


def _imported(scope: Scope, line: int) -> Iterator[tuple[str, str]]:
    """What the imports right in the body of a module or function make known before a line: spelling, full name."""
    if not isinstance(scope.node, (ast.Module, *FUNCTION)):
        return
    for statement in scope.node.body:
        if statement.lineno >= line:
            return
        match statement:
            case ast.Import(names=names):
                yield from ((alias.asname or alias.name, alias.name) for alias in names)
            case ast.ImportFrom(names=names):
                for alias in names:
                    name = alias.asname or alias.name
                    if name in scope.imports:
                        yield name, scope.imports[name]


def _is_rebound(file: File, spelling: str) -> bool:
    """Whether this name means different things in the file, or is assigned to where it is imported."""
    name = spelling.partition(".")[0]
    meanings = {scope.imports[name] for scope in file.scopes if name in scope.imports}
    return len(meanings) > 1 or any(name in scope.bound for scope in file.scopes if name in scope.imports)


# -- names that are new to it -------------------------------------------------------------------------


def _new(file: File, dotted: str, taken: Collection[str]) -> Import:
    """How to import this name so that it hides no other, of the file's or of those `taken` by new imports."""
    module, _, name = dotted.rpartition(".")
    if not module:
        return Import(name)
    if name not in taken and not _is_taken(file, name):
        return Import(module, name)
    if "." not in module and not _is_taken(file, module):
        return Import(module)
    alias = f"{module.partition('.')[0]}_{name}"
    while alias in taken or _is_taken(file, alias):
        alias = f"_{alias}"
    return Import(module, name, alias)


def _is_taken(file: File, name: str) -> bool:
    """Whether any scope of the file gives this name a meaning, or reads it without having given it one."""
    bound = any(name in scope.bound or name in scope.imports or name in scope.defined for scope in file.scopes)
    return bound or any(node.id == name for node in file.nodes(ast.Name))


def _adding(file: File, module: str, items: set[str], line: int) -> Iterator[Edit]:
    """The edits that import these names of a module, and for an empty one itself, before a line of the file."""
    body = [node for node in file.tree.body if (node.end_lineno or node.lineno) < line]
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    if "" in items:
        yield _line(file, imports, f"import {module}")
    names = sorted(items - {""}, key=lambda item: by_kind(item.partition(" ")[0]))
    if not names:
        return
    if _one_name_a_line(imports):
        yield from (_line(file, imports, f"from {module} import {name}") for name in names)
        return
    for node in imports:
        if isinstance(node, ast.ImportFrom) and (node.module, node.level) == (module, 0) and node.names[0].name != "*":
            yield from (AddName(file.span(node), name) for name in names)
            return
    yield _line(file, imports, f"from {module} import {', '.join(names)}")


def _one_name_a_line(imports: Sequence[ast.Import | ast.ImportFrom]) -> bool:
    """Whether the file imports two names of one module on lines of their own, and nowhere two on one line."""
    rows = [(node.module, node.level, len(node.names)) for node in imports if isinstance(node, ast.ImportFrom)]
    return all(length == 1 for _, _, length in rows) and any(one == other for one, other in pairwise(rows))


def _line(file: File, imports: Sequence[ast.Import | ast.ImportFrom], code: str) -> Edit:
    if imports:
        return _among(file, imports, code)
    following = file.tree.body[0]
    if isinstance(following, ast.Expr) and _is_docstring(following):
        return InsertAfter(file.span(following), f"\n{code}\n\n")
    return InsertBefore(file.span(following), f"{code}\n\n")


def _among(file: File, imports: Sequence[ast.Import | ast.ImportFrom], code: str) -> Edit:
    """The new line in its section of the imports, in the order that this section has."""
    parsed = ast.parse(code).body[0]
    assert isinstance(parsed, (ast.Import, ast.ImportFrom))
    mine = _section(file, parsed)
    section = _first_run([node for node in imports if _section(file, node) == mine])
    if section:
        place = _place(section, parsed)
        if place < len(section):
            return InsertBefore(file.span(section[place]), code)
        return InsertAfter(file.span(section[-1]), code)
    lower = [node for node in imports if _section(file, node) < mine]
    if lower:
        return InsertAfter(file.span(lower[-1]), f"\n{code}")
    return InsertBefore(file.span(imports[0]), f"{code}\n\n")


def _first_run(section: Sequence[ast.Import | ast.ImportFrom]) -> Sequence[ast.Import | ast.ImportFrom]:
    """The first of the runs that other code divides a section into."""
    for i, (node, following) in enumerate(pairwise(section)):
        if following.lineno - (node.end_lineno or node.lineno) > 3:
            return section[: i + 1]
    return section


_Order = Callable[[ast.stmt], "tuple[Any, ...]"]


def _place(section: Sequence[ast.Import | ast.ImportFrom], new: ast.stmt) -> int:
    orders: tuple[_Order, ...] = (
        lambda node: (isinstance(node, ast.ImportFrom), _module(node).lower(), _first_name(node)),
        lambda node: (isinstance(node, ast.ImportFrom), _module(node).lower()),
        lambda node: (_module(node).lower(),),
        lambda node: (not isinstance(node, ast.ImportFrom), _module(node).lower()),
    )
    for order in orders:
        keys = [order(node) for node in section]
        if keys == sorted(keys):
            return sum(key <= order(new) for key in keys)
    alike = [i for i, node in enumerate(section) if type(node) is type(new)]
    return alike[-1] + 1 if alike else len(section)


def _first_name(node: ast.stmt) -> tuple[int, str]:
    return by_kind(node.names[0].name) if isinstance(node, ast.ImportFrom) else (0, "")


def _module(node: ast.stmt) -> str:
    match node:
        case ast.Import(names=[alias, *_]):
            return alias.name
        case ast.ImportFrom(module=module, level=level):
            return "." * level + (module or "")
    return ""


def _section(file: File, node: ast.Import | ast.ImportFrom) -> int:
    """isort's sections: future, standard library, third party, the project's own, relative."""
    if isinstance(node, ast.ImportFrom) and node.level:
        return 4
    root = _module(node).partition(".")[0]
    if root == "__future__":
        return 0
    if root in sys.stdlib_module_names:
        return 1
    own = root == file.module.partition(".")[0] or file.project.module(root, file) is not None
    return 3 if own else 2


def _is_docstring(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
