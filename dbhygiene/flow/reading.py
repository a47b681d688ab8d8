"""Reads what an expression may be worth: through names, attributes, dicts, calls and modules.

It never raises, and takes a bounded number of steps: what would take more is `UNKNOWN`.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Iterator, Mapping

from dbhygiene.flow.bindings import Bindings, Place
from dbhygiene.flow.names import bases, class_of, function_of, locate, origin
from dbhygiene.flow.values import (
    ANY_TEXT,
    HOLE,
    NOTHING,
    UNKNOWN,
    Called,
    Constant,
    Dict,
    Instance,
    Named,
    Number,
    Text,
    Value,
    as_dict,
    calculated,
    choice,
    is_text,
    joined,
    merged,
    negative,
    number,
    options,
    patterns,
    terms,
    text_of,
    until,
)
from dbhygiene.source import FUNCTION, File, Function, Scope

_STEPS = 3000  # of one question
_DEPTH = 60  # of expressions within each other
_PATH = 8  # names in a dotted one
_PERCENT = re.compile(r"%(?:\((?P<key>[^)]*)\))?[#0\- +]*(?:\d+|\*)?(?:\.\d+)?(?P<kind>[a-zA-Z%])")
_SAME_TEXT = frozenset({"strip", "rstrip", "lstrip", "expandtabs", "encode", "decode", "casefold"})
_NUMBERS = frozenset({"int", "float", "len", "max", "min", "abs", "round", "sum"})
_COPIES = frozenset({"copy.copy", "copy.deepcopy", "dict", "types.MappingProxyType", "collections.OrderedDict"})


def value(file: File, expr: ast.expr) -> Value:
    """What an expression of a file may be worth."""
    return _Reader().whole(lambda reader: reader.read(file, expr))


def keywords(file: File, call: ast.Call) -> Dict:
    """The keyword arguments of a call, `**options` included."""
    found = _Reader().whole(lambda reader: reader.keywords(file, call))
    return found if isinstance(found, Dict) else Dict(open=True)


def member(file: File, name: str) -> Value:
    """What a name of a file's module scope may be worth; the attribute of a class as `Class.attribute`."""
    return _Reader().whole(lambda reader: reader.member(file, name.split(".")))


class _Reader:
    """One question, and how far it may go."""

    def __init__(self) -> None:
        self.steps = 0
        self.active: set[int] = set()  # what is being read, by identity or hash: what needs itself adds nothing
        self.given: dict[Place, Value] = {}  # the arguments of the calls being read

    def whole(self, ask: Callable[[_Reader], Value]) -> Value:
        try:
            found = ask(self)
        except RecursionError:
            return UNKNOWN
        return UNKNOWN if found == NOTHING else found

    def read(self, file: File, expr: ast.expr) -> Value:
        self.steps += 1
        if self.steps > _STEPS or len(self.active) > _DEPTH:
            return UNKNOWN
        if id(expr) in self.active:
            return NOTHING
        self.active.add(id(expr))
        try:
            return self._read(file, expr)
        finally:
            self.active.discard(id(expr))

    def _read(self, file: File, expr: ast.expr) -> Value:
        match expr:
            case ast.Constant(value=known):
                return Constant(known)
            case ast.JoinedStr(values=parts):
                return joined(self._part(file, part) for part in parts)
            case ast.BinOp():
                return self._operation(file, expr)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return choice(negative(option) for option in options(self.read(file, operand)))
            case ast.BoolOp(op=op, values=operands):
                return self._either(file, operands, isinstance(op, ast.Or))
            case ast.IfExp(body=body, orelse=other):
                return choice([self.read(file, body), self.read(file, other)])
            case ast.Name() | ast.Attribute():
                return self._named(file, expr)
            case ast.Subscript(value=owner, slice=key):
                return self._item(file, owner, key)
            case ast.Dict():
                return self._dict(file, expr)
            case ast.Call():
                return self._call(file, expr)
            case ast.NamedExpr(value=inner) | ast.Await(value=inner):
                return self.read(file, inner)
        return UNKNOWN

    # -- strings and numbers --------------------------------------------------------------------------

    def _part(self, file: File, part: ast.expr) -> Value:
        match part:
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return self.read(file, inner)
            case ast.Constant(value=known):
                return Constant(known)
        return ANY_TEXT

    def _operation(self, file: File, expr: ast.BinOp) -> Value:
        if isinstance(expr.op, ast.BitOr):
            return self._union(self.read(file, expr.left), self.read(file, expr.right))
        if isinstance(expr.op, ast.Mod):
            left = self.read(file, expr.left)
            if any(isinstance(option, Text) or is_text(option) for option in options(left)):
                return self._percent(file, left, expr.right)
        if isinstance(expr.op, ast.Add):
            return self._sum([self.read(file, term) for term in terms(expr)])
        return calculated(type(expr.op), self.read(file, expr.left), self.read(file, expr.right))

    @staticmethod
    def _sum(terms: list[Value]) -> Value:
        if any(isinstance(option, Text) or is_text(option) for term in terms for option in options(term)):
            return joined(terms)
        found = terms[0]
        for term in terms[1:]:
            found = calculated(ast.Add, found, term)
        return found

    @staticmethod
    def _union(left: Value, right: Value) -> Value:
        if any(isinstance(option, Dict) for side in (left, right) for option in options(side)):
            return merged(as_dict(left), as_dict(right))
        return UNKNOWN

    def _percent(self, file: File, template: Value, argument: ast.expr) -> Value:
        if isinstance(argument, ast.Tuple):
            values = [self.read(file, element) for element in argument.elts]
        else:
            values = [self.read(file, argument)]
        keyed = as_dict(values[0]).items if len(values) == 1 else {}
        found = []
        for pattern in patterns(template):
            rest = iter(values)

            def fill(match: re.Match[str], rest: Iterator[Value] = rest) -> str:
                if match["kind"] == "%":
                    return "%"
                known = keyed.get(match["key"], UNKNOWN) if match["key"] else next(rest, UNKNOWN)
                written = patterns(known)
                return written[0] if len(written) == 1 else HOLE

            found.append(text_of(_PERCENT.sub(fill, pattern)))
        return choice(found)

    def _format(self, file: File, template: Value, call: ast.Call) -> Value:
        positional = [self.read(file, argument) for argument in call.args]
        named = self.keywords(file, call).items
        found: list[Value] = []
        for pattern in patterns(template):
            parts: list[Value] = []
            count = 0
            try:
                fields = list(string.Formatter().parse(pattern))
            except ValueError:
                return ANY_TEXT
            for literal, name, spec, conversion in fields:
                parts.append(Constant(literal))
                if name is None:
                    continue
                if not name:
                    name, count = str(count), count + 1
                known = named.get(name, UNKNOWN)
                if name.isdigit() and int(name) < len(positional):
                    known = positional[int(name)]
                parts.append(ANY_TEXT if spec or conversion else known)
            found.append(joined(parts))
        return choice(found)

    def _replaced(self, file: File, template: Value, call: ast.Call) -> Value:
        match [self.read(file, argument) for argument in call.args]:
            case [Constant(value=str(old)), Constant(value=str(new)), *_] if old:
                return choice(text_of(pattern.replace(old, new)) for pattern in patterns(template))
            case [Constant(value=str(old)), *_] if old:
                return choice(text_of(pattern.replace(old, HOLE)) for pattern in patterns(template))
            case [old_value, *_]:
                starts = [pattern.partition(HOLE)[0] or HOLE for pattern in patterns(old_value)]
                return choice(text_of(until(pattern, starts)) for pattern in patterns(template))
        return ANY_TEXT

    # -- dicts ----------------------------------------------------------------------------------------

    def _dict(self, file: File, expr: ast.Dict) -> Dict:
        found = Dict(file=file, literal=expr)
        for key, item in zip(expr.keys, expr.values, strict=True):
            if key is None:
                more = as_dict(self.read(file, item))
            else:
                more = self._put(self.read(file, key), self.read(file, item))
            items = {**found.items, **more.items}
            found = Dict(items, found.open or more.open, file, expr)
        return found

    @staticmethod
    def _put(key: Value, item: Value) -> Dict:
        keys = [option.value for option in options(key) if isinstance(option, Constant)]
        known = len(keys) == sum(1 for _ in options(key))
        return Dict({key: item for key in keys if isinstance(key, str)}, open=not known)

    def keywords(self, file: File, call: ast.Call) -> Dict:
        found = Dict()
        for keyword in call.keywords:
            its_value = self.read(file, keyword.value)
            found = merged(found, as_dict(its_value) if keyword.arg is None else Dict({keyword.arg: its_value}))
        return found

    def _item(self, file: File, owner: ast.expr, key: ast.expr) -> Value:
        if file.resolve(owner) == "os.environ":
            return ANY_TEXT
        container, keys = self.read(file, owner), self.read(file, key)
        return self._looked_up(container, keys, UNKNOWN)

    @staticmethod
    def _looked_up(container: Value, key: Value, default: Value) -> Value:
        known = as_dict(container)
        found: list[Value] = []
        for option in options(key):
            if isinstance(option, Constant) and option.value in known.items:
                found.append(known.items[option.value])
            else:
                found.append(UNKNOWN if known.open else default)
        return choice(found) if found else UNKNOWN

    def _either(self, file: File, operands: list[ast.expr], is_or: bool) -> Value:
        found: list[Value] = []
        for operand in operands:
            last = operand is operands[-1]
            for option in options(self.read(file, operand)):
                if isinstance(option, Constant) and not last:
                    if bool(option.value) is is_or:
                        return choice([*found, option])
                    continue
                found.append(option)
        return choice(found)

    # -- names ----------------------------------------------------------------------------------------

    def _named(self, file: File, expr: ast.Name | ast.Attribute) -> Value:
        bindings = Bindings.of(file)
        place = bindings.place(expr)
        found: Value
        if place is not None and (place in bindings.values or place in self.given or place in bindings.unclear):
            found = self._variable(file, place)
        elif (name := file.resolve(expr)) is not None and (known := self._dotted(file, name)) is not None:
            found = known
        elif isinstance(expr, ast.Name):
            found = self._variable(file, place) if place else self._starred(file, expr.id)
        else:
            found = self._attribute(self.read(file, expr.value), expr.attr)
        return found if place is None else self._changed(file, place, found)

    def _variable(self, file: File, place: Place) -> Value:
        bindings = Bindings.of(file)
        if isinstance(place.scope.node, ast.ClassDef):
            return self._of_class(file, place.scope, place.path)
        found = [self.read(file, expr) for expr in bindings.values.get(place, [])]
        if place in self.given:
            found.append(self.given[place])
        elif (parameter := _parameter(place)) is not None:
            default, is_dict = parameter
            found += [Dict(open=True)] if is_dict else [_declared(file, _annotation(place))]
            found += [self.read(file, default)] if default is not None else []
        elif place in bindings.unclear or not found:
            found.append(UNKNOWN)
        return choice(found)

    def _changed(self, file: File, place: Place, found: Value) -> Value:
        """A value, with what is put into it afterwards, if it is a dict."""
        bindings = Bindings.of(file)
        puts = bindings.puts.get(place, ())
        if not puts:
            if place in bindings.handed and isinstance(found, Dict):
                return Dict(found.items, True, found.file, found.literal)
            return found
        changed = as_dict(found)
        for put in puts:
            item = self.read(file, put.value)
            more = as_dict(item) if put.key is None else self._put(self.read(file, put.key), item)
            changed = merged(changed, more, changed.literal, changed.file)
        return Dict(changed.items, changed.open or place in bindings.handed, changed.file, changed.literal)

    def _starred(self, file: File, name: str) -> Value:
        for star in file.scope.stars:
            other = file.project.module(star, file)
            if other is not None and other is not file:
                scope = other.scope
                if name in scope.bound or name in scope.imports or scope.stars:
                    found = self.member(other, [name])
                    if found != UNKNOWN:
                        return found
        return UNKNOWN

    def _dotted(self, file: File, name: str) -> Value | None:
        """What an absolute name stands for; None where it is a variable of this file that we have to read."""
        found = locate(file, name)
        if found is None:
            return Named(name)
        owner, path = found
        if not path:
            return Named(name)
        return self.member(owner, path)

    def member(self, file: File, path: list[str]) -> Value:
        asked = hash((file.path, *path))
        if asked in self.active:
            return NOTHING
        self.steps += 10
        if self.steps > _STEPS or len(path) > _PATH:
            return UNKNOWN
        self.active.add(asked)
        try:
            return self._member(file, path)
        finally:
            self.active.discard(asked)

    def _member(self, file: File, path: list[str]) -> Value:
        scope, first, rest = file.scope, path[0], path[1:]
        if (its_class := class_of(file, path)) is not None:
            scope, rest = its_class
            if not rest:
                return Named(f"{file.module}.{scope.name}")
            return self._attributes(self._of_class(file, scope, rest[0]), rest[1:])
        if first in scope.defined:
            return Named(".".join([file.module, *path]))
        if first in scope.imports:
            known = self._dotted(file, ".".join([scope.imports[first], *rest]))
            return UNKNOWN if known is None else known
        place = Place(scope, first)
        if first not in scope.bound:
            return self._attributes(self._starred(file, first), rest)
        found = self._changed(file, place, self._variable(file, place))
        for index, attribute in enumerate(rest):
            inner = Place(scope, ".".join(path[: index + 2]))
            bindings = Bindings.of(file)
            found = self._variable(file, inner) if inner in bindings.values else self._attribute(found, attribute)
            found = self._changed(file, inner, found)
        return found

    def _attributes(self, found: Value, path: list[str]) -> Value:
        for name in path:
            found = self._attribute(found, name)
        return found

    def _attribute(self, owner: Value, name: str) -> Value:
        """An attribute of an object: of an instance of one of the project's classes, if it can be seen."""
        found: list[Value] = []
        for option in options(owner):
            match option:
                case Called(name=maker, file=File() as file):
                    place = locate(file, origin(file, maker))
                    scope = place[0].classes.get(".".join(place[1])) if place else None
                    found.append(self._of_class(place[0], scope, name) if place and scope else UNKNOWN)
                case _:
                    found.append(UNKNOWN)
        return choice(found)

    def _of_class(self, file: File, scope: Scope, name: str, depth: int = 6) -> Value:
        """What an attribute of a class, or of its instances, may be worth."""
        place, bindings = Place(scope, name), Bindings.of(file)
        found = [self.read(file, expr) for expr in bindings.values.get(place, [])]
        if name in scope.defined:
            return self._property(file, scope.defined[name], f"{file.module}.{scope.name}.{name}")
        if place in bindings.fields and _is_record(file, scope):
            found.append(_declared(file, _declaration(scope, name)))
        if found or not depth:
            return choice(found) if found else UNKNOWN
        for base_file, base in bases(file, scope):
            inherited = self._of_class(base_file, base, name, depth - 1)
            if inherited != UNKNOWN:
                return inherited
        return UNKNOWN

    def _property(self, file: File, definition: ast.AST, name: str) -> Value:
        if isinstance(definition, FUNCTION):
            for decorator in definition.decorator_list:
                if (file.resolve(decorator) or "").rpartition(".")[2] in {"property", "cached_property"}:
                    return self._returned(file, definition, {})
        return Named(name)

    # -- calls ----------------------------------------------------------------------------------------

    def _call(self, file: File, call: ast.Call) -> Value:
        name = file.resolve(call.func)
        if name is None and isinstance(call.func, ast.Attribute):
            return self._method(file, call, call.func)
        if name is None:
            match self.read(file, call.func):
                case Named(name=name):
                    pass
                case Called(name="functools.partial") as partial:
                    return self._called(file, call, "functools.partial", partial)
                case Called() as maker:  # `config = Config(".env"); config("URL", default="...")`
                    return self._or_default(self._called(file, call, f"{maker.name}()", maker))
                case _:
                    return UNKNOWN
        known = self._builtin(file, name, call)
        if known is not None:
            return known
        if (function := function_of(file, name)) is not None:
            return self._returned(function[0], function[1], self._arguments(file, call, function[1]))
        if isinstance(call.func, ast.Attribute) and locate(file, name) is None and self._is_variable(file, call.func):
            return self._method(file, call, call.func)
        return self._or_default(self._called(file, call, name))

    @staticmethod
    def _or_default(made: Called) -> Value:
        """What a setting's reader returns may be the default that it is told: `config("URL", default="...")`."""
        default = made.keywords.items.get("default")
        return made if default is None else choice([made, default])

    @staticmethod
    def _is_variable(file: File, func: ast.Attribute) -> bool:
        """Whether a method is called on a variable, and not a function of a module."""
        place = Bindings.of(file).place(func.value)
        return place is not None and place in Bindings.of(file).values

    def _called(self, file: File, call: ast.Call, name: str, receiver: Value | None = None) -> Called:
        arguments = tuple(self.read(file, argument) for argument in call.args)
        return Called(name, arguments, self.keywords(file, call), receiver, file, call)

    def _builtin(self, file: File, name: str, call: ast.Call) -> Value | None:
        match name, call.args:
            case (("os.getenv" | "os.environ.get"), [_, *rest]):
                default = rest[0] if rest else next((k.value for k in call.keywords if k.arg == "default"), None)
                return choice([ANY_TEXT, Constant(None) if default is None else self.read(file, default)])
            case "str", [argument]:
                found = self.read(file, argument)
                if all(isinstance(option, (Constant, Text)) for option in options(found)):
                    return choice(text_of(pattern) for pattern in patterns(found))
                return None
            case "int" | "float", [argument]:
                return choice(number(option, name) for option in options(self.read(file, argument)))
            case function, _ if function in _NUMBERS:
                return Number()
            case function, _ if function in _COPIES:
                found = as_dict(self._pairs(file, call.args[0])) if call.args else Dict()
                return merged(Dict(found.items, found.open), self.keywords(file, call))
        return None

    def _pairs(self, file: File, expr: ast.expr) -> Value:
        """What `dict(...)` makes of its argument."""
        if not isinstance(expr, (ast.List, ast.Tuple)):
            return self.read(file, expr)
        found = Dict()
        for element in expr.elts:
            match element:
                case ast.Tuple(elts=[key, item]):
                    found = merged(found, self._put(self.read(file, key), self.read(file, item)))
                case _:
                    found = Dict(found.items, open=True)
        return found

    def _method(self, file: File, call: ast.Call, func: ast.Attribute) -> Value:
        """The result of a method of some value."""
        if file.resolve(func.value) == "os.environ":
            return self._builtin(file, f"os.environ.{func.attr}", call) or ANY_TEXT
        owner = self.read(file, func.value)
        single = next(options(owner), UNKNOWN)
        if isinstance(single, Text) or is_text(single):
            return self._of_text(file, owner, call, func.attr)
        if isinstance(single, Dict):
            return self._of_dict(file, owner, call, func.attr)
        if isinstance(single, Called) and single.file is not None:
            its_method = function_of(single.file, f"{single.name}.{func.attr}")
            if its_method is not None:
                return self._returned(its_method[0], its_method[1], {})
        return self._or_default(self._called(file, call, f".{func.attr}", owner))

    def _of_text(self, file: File, owner: Value, call: ast.Call, method: str) -> Value:
        if method == "format":
            return self._format(file, owner, call)
        if method == "replace":
            return self._replaced(file, owner, call)
        if method == "join":
            match call.args, owner:
                case [ast.Tuple(elts=parts) | ast.List(elts=parts)], Constant(value=str(between)):
                    values = [self.read(file, part) for part in parts]
                    return (
                        joined(part for one in values for part in (Constant(between), one))
                        if not between
                        else (
                            joined([values[0], *(p for one in values[1:] for p in (Constant(between), one))])
                            if values
                            else Constant("")
                        )
                    )
        if method in _SAME_TEXT:
            return owner
        if method in {"lower", "upper"}:
            return choice(text_of(getattr(pattern, method)()) for pattern in patterns(owner))
        return UNKNOWN

    def _of_dict(self, file: File, owner: Value, call: ast.Call, method: str) -> Value:
        match method, call.args:
            case "get" | "pop" | "setdefault", [key, *rest]:
                default: Value = self.read(file, rest[0]) if rest else Constant(None)
                return self._looked_up(owner, self.read(file, key), default)
            case "copy", []:
                known = as_dict(owner)
                return Dict(known.items, known.open)
        return UNKNOWN

    def _arguments(self, file: File, call: ast.Call, function: Function) -> dict[str, Value]:
        """The parameters of a function that a call gives a value to."""
        names = [parameter.arg for parameter in [*function.args.posonlyargs, *function.args.args]]
        if isinstance(call.func, ast.Attribute) and names[:1] in (["self"], ["cls"]):
            names = names[1:]
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return {}
        given = {name: self.read(file, argument) for name, argument in zip(names, call.args, strict=False)}
        given |= {keyword.arg: self.read(file, keyword.value) for keyword in call.keywords if keyword.arg}
        return given

    def _returned(self, file: File, function: Function, arguments: Mapping[str, Value]) -> Value:
        found = Bindings.of(file).returned(function)
        scope = file.functions.get(function)
        if found is None or scope is None:
            return UNKNOWN
        before = dict(self.given)
        self.given.update({Place(scope, name): known for name, known in arguments.items()})
        try:
            return choice([self.read(file, expr) for expr in found]) if found else Constant(None)
        finally:
            self.given = before


def _is_record(file: File, scope: Scope) -> bool:
    """Whether a class takes its fields from whoever makes an instance: dataclasses, pydantic's and attrs's."""
    node = scope.node
    if not isinstance(node, ast.ClassDef):
        return False
    own = len(bases(file, scope))
    return bool(node.decorator_list) or len(node.bases) > own or any(_is_record(*base) for base in bases(file, scope))


def _declared(file: File, annotation: ast.expr | None) -> Value:
    """What is known of a variable whose value nobody sees: the class that it is declared to be of."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _declared(file, left)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return _declared(file, inner)
        case ast.Subscript(value=generic):  # `sessionmaker[Session]`
            return _declared(file, generic)
        case ast.Name() | ast.Attribute():
            name = file.resolve(annotation)
        case ast.Constant(value=str(quoted)) if quoted.isidentifier():
            name = file.meaning(quoted, file.scope)
        case _:
            return UNKNOWN
    return Instance(origin(file, name)) if name and "." in name else UNKNOWN  # `str` may be any string


def _annotation(place: Place) -> ast.expr | None:
    args = place.scope.node.args if isinstance(place.scope.node, FUNCTION) else None
    parameters = [*args.posonlyargs, *args.args, *args.kwonlyargs] if args is not None else []
    return next((parameter.annotation for parameter in parameters if parameter.arg == place.path), None)


def _declaration(scope: Scope, name: str) -> ast.expr | None:
    """The annotation of a field, in the body of its class."""
    for statement in scope.node.body if isinstance(scope.node, ast.ClassDef) else ():
        match statement:
            case ast.AnnAssign(target=ast.Name(id=target), annotation=annotation) if target == name:
                return annotation
    return None


def _parameter(place: Place) -> tuple[ast.expr | None, bool] | None:
    """The default of a parameter, and whether it is `**options`; None for a variable that is no parameter."""
    node = place.scope.node
    if not isinstance(node, (*FUNCTION, ast.Lambda)):
        return None
    args = node.args
    if args.kwarg is not None and args.kwarg.arg == place.path:
        return None, True
    positional = [*args.posonlyargs, *args.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    pairs = [
        *zip(positional, [*missing, *args.defaults], strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    for parameter, default in pairs:
        if parameter.arg == place.path:
            return default, False
    return (None, False) if args.vararg is not None and args.vararg.arg == place.path else None
