"""`spell_names`: edits with their dotted names as the file writes them; a `NewImport` is one that it lacks.

from contextlib import closing
# in an edit of this file, `{contextlib.closing}(conn)` becomes `closing(conn)`

The result consists of edits again: the editor knows nothing of imports.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, TypeAlias, cast

from dbhygiene.diagnostics.edits import AddName, Edit, InsertAfter, InsertBefore, without_marks
from dbhygiene.fixes.targets import by_kind, target_spans
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Span
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope

_NAME = lazy_pattern(r"\{([A-Za-z_][\w.]*)\}")
_VERBATIM = {"name", "clause", "verb"}  # the fields of edits that hold no templates


class NewImport(Record):
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


def spell_names(file: File, edits: Iterable[Edit]) -> list[Edit]:
    """Return these edits with each name in braces as the file writes it, and the edits that import new names."""
    wanted: dict[str, NewImport] = {}
    uses: list[int] = []  # lines

    def spell(dotted: str, place: Span) -> str:
        if known := _find_spelling(file, dotted, place):
            return known
        uses.append(place.line)
        if dotted not in wanted:
            wanted[dotted] = _new(file, dotted, {new.spelling for new in wanted.values()})
        new = wanted[dotted]
        return new.spelling if new.name else dotted

    result: list[Edit] = []
    for edit in edits:
        place = target_spans(edit)[0]
        changes = {
            name: without_marks(_NAME.sub(lambda found: spell(found[1], place), value))  # noqa: B023
            for name, value in edit._asdict().items()
            if isinstance(value, str) and name not in _VERBATIM
        }
        result.append(edit._replace(**changes))  # type: ignore[arg-type]
    first = min(uses, default=0)
    return [*result, *_import_edits(file, wanted.values(), first)]


# -- names that the file knows --------------------------------------------------------------------------


def _find_spelling(file: File, dotted: str, place: Span) -> str | None:
    """Return how the file writes this name at this place, if an import that surely ran before it binds it."""
    scope = innermost = _scope_at(file, place)
    while True:
        for name, meaning in _names_from_imports(scope, place.line):
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
    """Return the innermost function around a place, else the module."""
    around = [
        scope
        for scope in file.scopes
        if isinstance(scope.node, FUNCTION)
        and (body := file.span(scope.node))[:2] < place[:2]
        and place[2:] <= body[2:]
    ]
    return around[-1] if around else file.scope


def _names_from_imports(scope: Scope, line: int) -> Iterator[tuple[str, str]]:
    """Yield the names that imports in the body of a module or function bind before a line: spelling, full name."""
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
    """Whether this name has several meanings in the file, or is assigned in the scope of its import."""
    name = spelling.partition(".")[0]
    meanings = {scope.imports[name] for scope in file.scopes if name in scope.imports}
    return len(meanings) > 1 or any(name in scope.bound for scope in file.scopes if name in scope.imports)


# -- names that are new to it -------------------------------------------------------------------------


def _new(file: File, dotted: str, taken: Collection[str]) -> NewImport:
    """Return an import of this name that hides no name of the file, nor one of `taken`."""
    module, _, name = dotted.rpartition(".")
    if not module:
        return NewImport(name)
    if name not in taken and not _is_taken(file, name):
        return NewImport(module, name)
    if "." not in module and not _is_taken(file, module):
        return NewImport(module)
    alias = f"{module.partition('.')[0]}_{name}"
    while alias in taken or _is_taken(file, alias):
        alias = f"_{alias}"
    return NewImport(module, name, alias)


def _is_taken(file: File, name: str) -> bool:
    """Whether any scope of the file gives this name a meaning, or reads it without having given it one."""
    bound = any(name in scope.bound or name in scope.imports or name in scope.defined for scope in file.scopes)
    return bound or any(node.id == name for node in file.nodes(ast.Name))


def _import_edits(file: File, new: Collection[NewImport], line: int) -> Iterator[Edit]:
    """Return the edits that import these before a line: names in existing imports, or new lines among them."""
    layout = _Layout(file, file.statements_around(line), line)
    lines: list[str] = []
    for module in sorted({each.module for each in new}):
        items = {each.item for each in new if each.module == module}
        if "" in items:
            lines.append(f"import {module}")
        names = sorted(items - {""}, key=by_kind)
        if layout.one_name_a_line:
            lines += (f"from {module} import {name}" for name in names)
            continue
        alone = [name for name in names if " as " in name and not layout.combines_aliases]
        lines += (f"from {module} import {name}" for name in alone)
        if joined := [name for name in names if name not in alone]:
            if (there := layout.names_of(module)) is not None:
                yield from (AddName(file.span(there), name) for name in joined)
            else:
                lines.append(f"from {module} import {', '.join(joined)}")
    if lines:
        yield from layout.with_lines(lines)


_Import: TypeAlias = "ast.Import | ast.ImportFrom"
_Order: TypeAlias = "Callable[[ast.stmt], tuple[Any, ...]]"


class _Row(Record):
    """An import, at its place if it is there already."""

    node: _Import
    place: Span | None = None
    code: str = ""


class _Layout:
    """How the imports before a line are laid out: in blocks, with other code between, and these in groups.

    `body` are the statements of the module, or of a cell of a notebook.
    """

    def __init__(self, file: File, body: Sequence[ast.stmt], line: int) -> None:
        self.file, self.whole = file, body
        self.body = body = [node for node in body if (node.end_lineno or node.lineno) < line]
        self.imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
        self.blocks: list[list[list[_Row]]] = []
        for before, node in pairwise((None, *body)):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            if not isinstance(before, (ast.Import, ast.ImportFrom)):
                self.blocks.append([[]])
            elif self._is_parted(before, node):
                self.blocks[-1].append([])
            self.blocks[-1][-1].append(_Row(node, file.span(node)))
        self.order = self._order()

    def _is_parted(self, before: _Import, node: _Import) -> bool:
        """Whether blank lines stand between two imports; those above a comment part only imports of different kinds."""
        between = self.file.lines[before.end_lineno or before.lineno : node.lineno - 1]
        is_commented = bool(between) and between[-1].lstrip().startswith("#")
        if is_commented and self._kind(before) == self._kind(node):
            return False
        return any(not text.strip() for text in between)

    # -- what the file does otherwise --

    @property
    def one_name_a_line(self) -> bool:
        """Whether two names of one module are imported on lines of their own, and nowhere two on one line."""
        rows = [node for node in self.imports if isinstance(node, ast.ImportFrom)]
        plain = [(row.module, row.level) for row in rows if not row.names[0].asname]
        return all(len(row.names) == 1 for row in rows) and any(one == other for one, other in pairwise(plain))

    @property
    def combines_aliases(self) -> bool:
        """Whether some line imports names under others' names beside more names."""
        return any(
            isinstance(node, ast.ImportFrom) and len(node.names) > 1 and _has_alias(node) for node in self.imports
        )

    def names_of(self, module: str) -> ast.ImportFrom | None:
        """Return the line that imports names of this module, to which another name can be added."""
        for node in self.imports:
            if isinstance(node, ast.ImportFrom) and (node.module, node.level) == (module, 0):
                if node.names[0].name != "*" and (self.combines_aliases or not _has_alias(node)):
                    return node
        return None

    def _order(self) -> _Order | None:
        """Return the order that all groups are in, but for relative imports, which have one of their own."""
        groups = [
            [row.node for row in group if self._kind(row.node) < _RELATIVE] for block in self.blocks for group in block
        ]
        return next((order for order in _ORDERS if all(_is_sorted(group, order) for group in groups)), None)

    # -- new lines --

    def with_lines(self, lines: Sequence[str]) -> Iterator[Edit]:
        rows = [_Row(cast(_Import, ast.parse(code).body[0]), code=code) for code in lines]
        if not self.blocks:
            yield self._first(rows)
            return
        for row in rows:
            self._put(row)
        for block in self.blocks:
            yield from _insertions(self.file, block)

    def _first(self, rows: Sequence[_Row]) -> Edit:
        """Return the edit that adds the first imports of a file: after its docstring, if it has one."""
        groups: list[list[_Row]] = []
        for kind in sorted({self._kind(row.node) for row in rows}):
            alike = [row for row in rows if self._kind(row.node) == kind]
            groups.append(sorted(alike, key=lambda row: _ORDERS[0](row.node)))
        code = "\n\n".join("\n".join(row.code for row in group) for group in groups)
        first, *rest = self.whole
        if not (isinstance(first, ast.Expr) and _is_docstring(first)):
            return InsertBefore(self.file.span(first), code + ("\n\n\n" if _is_defined(first) else "\n\n"))
        stands_apart = bool(rest) and _is_defined(rest[0]) and not self._has_comment_apart(rest[0])
        return InsertAfter(self.file.span(first), f"\n{code}" + ("\n\n\n" if stands_apart else "\n\n"))

    def _has_comment_apart(self, node: ast.stmt) -> bool:
        """Whether the lines above a function or class hold a comment that a blank line parts from it."""
        start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        above = [text.strip() for text in self.file.lines[: start - 1]]
        while above and above[-1].startswith("#"):
            above.pop()
        while above and not above[-1]:
            above.pop()
        return bool(above) and above[-1].startswith("#")

    def _put(self, row: _Row) -> None:
        """Put a row into its block and group."""
        kind, root = self._kind(row.node), _root(row.node)
        block = self._block_of(kind, root)
        group = _group_with_imports(block, lambda each: _root(each.node) == root and self._kind(each.node) == kind)
        group = group or _group_with_imports(block, lambda each: self._kind(each.node) == kind)
        if group is not None:
            group.insert(self._place(group, row.node), row)
            return
        for group in block:
            lower = sum(self._kind(each.node) < kind for each in group)
            if 0 < lower < len(group):  # no blank lines between kinds
                group.insert(lower, row)
                return
        place = max((i + 1 for i, group in enumerate(block) if self._kind(group[-1].node) < kind), default=0)
        block.insert(place, [row])

    def _block_of(self, kind: int, root: str) -> list[list[_Row]]:
        """Return the first block with imports of the same package, or of the same kind.

        Else the first for the standard library; the last for others, since what stands before it may change `sys.path`.
        """
        for is_alike in (
            lambda row: _root(row.node) == root and self._kind(row.node) == kind,
            lambda row: self._kind(row.node) == kind,
        ):
            for block in self.blocks:
                if _group_with_imports(block, is_alike) is not None:
                    return block
        if kind > _STANDARD:
            return self.blocks[-1]
        later = (block for block in self.blocks if any(self._kind(row.node) > 0 for group in block for row in group))
        return next(later, self.blocks[0])

    def _place(self, group: Sequence[_Row], new: _Import) -> int:
        nodes = [row.node for row in group]
        orders = (self.order, *_ORDERS) if self.order else _ORDERS
        for order in (*map(self._by_kind, orders), *orders):
            if _is_sorted(nodes, order):
                return sum(order(node) <= order(new) for node in nodes)
        alike = [i for i, node in enumerate(nodes) if type(node) is type(new)]
        of_kind = [i for i in alike if self._kind(group[i].node) == self._kind(new)]  # in a group of all kinds
        return (of_kind or alike or [len(nodes) - 1])[-1] + 1

    def _by_kind(self, order: _Order) -> _Order:
        return lambda node: (self._kind(cast(_Import, node)), *order(node))

    def _kind(self, node: _Import) -> int:
        """Return the number of isort's section: future, standard library, third party, the project's own, relative."""
        if isinstance(node, ast.ImportFrom) and node.level:
            return _RELATIVE
        root = _root(node)
        if root == "__future__":
            return 0
        if root in sys.stdlib_module_names:
            return _STANDARD
        return 3 if _is_own(self.file, root) else 2


_STANDARD, _RELATIVE = 1, 4


def _insertions(file: File, block: Sequence[Sequence[_Row]]) -> Iterator[Edit]:
    """Yield the edits that insert a block's new rows, next to those that are there."""
    first = next(row.place for group in block for row in group if row.place)
    last: Span | None = None
    above = ""  # all of the block
    for group in block:
        for is_new, rows in groupby(group, lambda row: not row.place):
            run = list(rows)
            if not is_new:
                last = run[-1].place
                continue
            code = "\n".join(each.code for each in run)
            following = next((each.place for each in group[group.index(run[-1]) :] if each.place), None)
            if run[0] is not group[0] and last:
                yield InsertAfter(last, code)
            elif following and following != first:
                yield InsertBefore(following, code + _blank_above(file, following))
            elif following:
                above += code + _blank_above(file, following)
            elif last:
                yield InsertAfter(last, f"\n{code}")
            else:
                above += f"{code}\n\n"
    if above:
        yield InsertBefore(first, above)


def _blank_above(file: File, place: Span) -> str:
    """Return the end of a line that goes above an import: with a blank line if the import has a comment above it."""
    above = [line.startswith("#") for line in file.lines[: place.line - 1]]
    return "\n\n" if above and above[-1] and not all(above) else "\n"  # what a file begins with stays on top


def _group_with_imports(block: Iterable[list[_Row]], is_alike: Callable[[_Row], bool]) -> list[_Row] | None:
    """Return the group of a block with such imports; of several, the last of those with the most packages."""
    found = [group for group in block if any(map(is_alike, group))]
    return max(reversed(found), key=lambda group: len({_root(row.node) for row in group}), default=None)


def _natural(text: str) -> list[tuple[bool, Any]]:
    """Return a key that orders names as isort does: no case, and numbers by what they count."""
    return [(not part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", text.lower())]


_ORDERS: tuple[_Order, ...] = (
    lambda node: (_is_from(node), _natural(_module(node)), _first_name(node)),
    lambda node: (_is_from(node), _natural(_module(node)), _natural(_names(node)[0])),
    lambda node: (_is_from(node), _natural(_module(node))),
    lambda node: (_natural(_module(node)), _is_from(node), _first_name(node)),
    lambda node: (_natural(_module(node)), _is_from(node)),
    lambda node: (_natural(_module(node)),),
    lambda node: (not _is_from(node), _natural(_module(node)), _first_name(node)),
    lambda node: (not _is_from(node), _natural(_module(node))),
)


def _is_sorted(nodes: Iterable[ast.stmt], order: _Order) -> bool:
    return all(order(one) <= order(other) for one, other in pairwise(nodes))


def _is_from(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom)


def _first_name(node: ast.stmt) -> tuple[Any, ...]:
    if not isinstance(node, ast.ImportFrom):
        return ()
    return by_kind(node.names[0].name), node.names[0].asname or ""


def _names(node: ast.stmt) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []


def _has_alias(node: ast.ImportFrom) -> bool:
    return any(alias.asname for alias in node.names)


def _module(node: ast.stmt) -> str:
    match node:
        case ast.Import(names=[alias, *_]):
            return alias.name
        case ast.ImportFrom(module=module, level=level):
            return "." * level + (module or "")
    return ""


def _root(node: ast.stmt) -> str:
    return _module(node).partition(".")[0]


def _is_own(file: File, root: str) -> bool:
    """Whether a module is the project's own, as isort sees it: at the root, in `src`, or around the file."""
    project = file.project
    if root == file.module.partition(".")[0]:
        return True
    if project.root is None:
        return project.module(root, file) is not None
    bases = [project.root, project.root / "src", *(project.root / each for each in project.settings.src)]
    return any((base / root).is_dir() or (base / f"{root}.py").is_file() for base in bases)


def _is_defined(node: ast.stmt) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def _is_docstring(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
