"""`Scope`: the names that a module, class, function, lambda or comprehension binds; `Index` finds all of a tree.

import pymysql as driver             # the module: imports `driver`, binds `load`

def load(host):                      # `load`: binds `host`, `conn`
    conn = driver.connect(host=host)
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from dbhygiene.source.nodes import COMPREHENSION, FUNCTION, children, walk

_HANDLED = frozenset(
    {
        *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, *COMPREHENSION),
        *(ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Assign, ast.AnnAssign, ast.arg),
        *(ast.ExceptHandler, ast.NamedExpr, ast.For, ast.AsyncFor, ast.AugAssign, ast.comprehension, ast.withitem),
        *(ast.MatchAs, ast.MatchStar, ast.Return, ast.Yield, ast.YieldFrom),
    }
)


class Scope:
    """A module, class, function, lambda or comprehension, and the names that it binds."""

    __slots__ = (
        *("aliases", "bound", "calls", "defined", "globals", "imports", "name", "node", "nonlocals", "parent"),
        *("returns", "stars", "yields"),
    )

    def __init__(self, node: ast.AST, name: str, parent: Scope | None) -> None:
        self.node = node
        self.name = name  # qualified as Python does it: `Class.method`, `outer.<locals>.inner`
        self.parent = parent
        self.calls: list[ast.Call] = []  # in its own code, comprehensions included, and in its decorators and defaults
        self.returns: list[ast.Return] = []
        self.yields: list[ast.Yield | ast.YieldFrom] = []
        self.imports: dict[str, str] = {}
        self.stars: list[str] = []
        self.defined: dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = {}
        self.aliases: dict[
            str, list[ast.expr]
        ] = {}  # every value that `name = value` gives; no other binding leaves one value
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()

    def inner_name(self, name: str) -> str:
        if not self.name:
            return name
        return f"{self.name}.{name}" if isinstance(self.node, ast.ClassDef) else f"{self.name}.<locals>.{name}"

    @property
    def class_scope(self) -> Scope | None:
        """The class of this method; None if the scope is no method."""
        parent = self.parent
        return parent if parent and isinstance(self.node, FUNCTION) and isinstance(parent.node, ast.ClassDef) else None

    @property
    def owners(self) -> frozenset[str]:
        """The names of this method's object and class, whose fields own their values."""
        cls = self.class_scope.node if self.class_scope is not None else None
        named = {cls.name} - self.bound if isinstance(cls, ast.ClassDef) else set()
        return frozenset({"self", "cls", *named})


class Index:
    """The result of one walk over a tree: its scopes, their names, and its nodes by class."""

    def __init__(self, tree: ast.Module, module_of_import: Callable[[ast.ImportFrom], str]) -> None:
        top = Scope(tree, "", None)
        self.scopes = [top]
        self.nodes: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self.scope_of: dict[ast.Name, Scope] = {}
        self._module_of_import = module_of_import
        self._walk(tree, top)
        for scope in self.scopes:
            for name in scope.globals | scope.nonlocals:  # assigned here, but another scope's
                scope.bound.discard(name)
                scope.aliases.pop(name, None)

    def _walk(self, tree: ast.Module, top: Scope) -> None:
        """Visit the tree, which takes half as long as parsing it. The most frequent nodes are handled here."""
        parts: list[tuple[Scope, Scope, list[Any]]] = [(top, top, [tree])]  # whose names, whose code, nodes
        nodes, scope_of = self.nodes, self.scope_of
        a_name, an_attribute, a_call, a_constant, loaded = ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.Load
        names, attributes = nodes[a_name], nodes[an_attribute]
        while parts:
            scope, code, todo = parts.pop()
            while todo:
                node = todo.pop()
                kind = node.__class__
                while kind is an_attribute:
                    attributes.append(node)
                    node = node.value
                    kind = node.__class__
                if kind is a_name:
                    names.append(node)
                    scope_of[node] = scope
                    if node.ctx.__class__ is not loaded:
                        scope.bound.add(node.id)
                    continue
                nodes[kind].append(node)
                if kind is a_call:
                    code.calls.append(node)
                    todo.append(node.func)
                    todo += node.args
                    todo += node.keywords
                elif kind in _HANDLED and (inner := self._declare(node, scope, code)) is not None:
                    its_code = code if isinstance(node, COMPREHENSION) else inner
                    outside, inside = _parts(node)
                    parts += [(scope, its_code, [*outside]), (inner, its_code, [*inside])]
                elif kind is not a_constant:
                    todo += children(node)

    def _declare(self, node: ast.AST, scope: Scope, code: Scope) -> Scope | None:
        """Record the names that a node binds; return the scope that it opens, if it does."""
        match node:  # the most frequent cases first
            case ast.arg(arg=name):
                scope.bound.add(name)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        scope.aliases.setdefault(target.id, []).append(value)
                    elif not isinstance(target, (ast.Attribute, ast.Subscript)):
                        self._unpack(target, scope)
            case ast.Return():
                code.returns.append(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if name in scope.defined and isinstance(scope.node, FUNCTION):
                    scope.aliases.setdefault(name, []).extend([ast.Constant(None)] * 2)  # one of several
                scope.defined[name] = node
                scope.bound.add(name)
                return self._open(node, scope.inner_name(name), scope)
            case ast.Yield() | ast.YieldFrom():
                code.yields.append(node)
            case ast.Lambda():
                return self._open(node, scope.inner_name("<lambda>"), scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._open(node, scope.inner_name("<comprehension>"), scope)
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.partition(".")[0]
                    scope.imports.setdefault(alias.asname or first, alias.name if alias.asname else first)
            case ast.ImportFrom(names=names):
                origin = self._module_of_import(node)
                for alias in names:
                    if alias.name == "*":
                        scope.stars.append(origin)
                    else:
                        scope.imports.setdefault(alias.asname or alias.name, f"{origin}.{alias.name}")
            case ast.Global(names=names):
                scope.globals.update(names)
                top = self.scopes[0]
                top.bound.update(names)
                for name in names:
                    top.aliases.setdefault(name, []).extend([ast.Constant(None)] * 2)
            case ast.Nonlocal(names=names):
                scope.nonlocals.update(names)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                scope.aliases.setdefault(name, []).append(value)
            case ast.ExceptHandler(name=str(name)):
                scope.bound.add(name)
                scope.aliases.setdefault(name, []).extend([ast.Constant(None)] * 2)
            case ast.NamedExpr(target=ast.Name(id=name)):
                while isinstance(scope.node, COMPREHENSION) and scope.parent:
                    scope = scope.parent
                scope.bound.add(name)
                scope.aliases.setdefault(name, []).append(node.value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                scope.aliases.setdefault(name, []).extend([value] * 2)
            case ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target):
                self._unpack(target, scope)
            case ast.withitem(optional_vars=ast.expr() as target):
                self._unpack(target, scope)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                scope.bound.add(name)
                scope.aliases.setdefault(name, []).extend([ast.Constant(None)] * 2)
        return None

    @staticmethod
    def _unpack(target: ast.expr, scope: Scope) -> None:
        """Record names without a single value: they are bound by anything but a plain assignment."""
        for part in walk(target):
            if isinstance(part, ast.Name):
                scope.aliases.setdefault(part.id, []).extend([ast.Constant(None)] * 2)

    def _open(self, node: ast.AST, name: str, parent: Scope) -> Scope:
        scope = Scope(node, name, parent)
        self.scopes.append(scope)
        return scope


def _parts(node: ast.AST) -> tuple[Sequence[ast.AST], Sequence[ast.AST]]:
    """Return the children of a node that opens a scope: those outside of it, and those within."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            args = node.args
            defaults = [*args.defaults, *(d for d in args.kw_defaults if d)]
            outside = [*node.decorator_list, *defaults, *([node.returns] if node.returns else [])]
            return outside, [*_arguments(args), *node.body]
        case ast.Lambda(args=args):
            return [*args.defaults, *(d for d in args.kw_defaults if d)], [*_arguments(args), node.body]
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *node.keywords], list(node.body)
    return [], list(ast.iter_child_nodes(node))


def _arguments(args: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *extra]
