"""`documents`: YAML as nodes, which keep their lines: no object is made, no tag is resolved, and `!reset` stays text.

PyYAML is imported here only, and only when there is a file to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeAlias

from dbhygiene.source.closure import closure
from dbhygiene.source.lazy_pattern import lazy_pattern

Node: TypeAlias = Any  # a node of PyYAML, whose types do not know its `id`, or None
_DOCUMENT = lazy_pattern(r"\n---(?=\s)")


def documents(text: str, wanted: Callable[[str], bool] | None = None) -> list[Node]:
    """Return the documents of a text, or those that are wanted; none if it is no YAML, such as a template.

    To look for words first is much cheaper than to parse all of a large file.
    """
    if wanted is not None and not (text := _without_others(text, wanted)):
        return []
    import yaml

    try:
        return list(yaml.compose_all(text, Loader=_loader()))
    except (yaml.YAMLError, RecursionError, ValueError):
        return []


def _without_others(text: str, wanted: Callable[[str], bool]) -> str:
    """Return a text in which other documents than the wanted ones are empty lines; empty if none is wanted."""
    parts = [(part, wanted(part)) for part in _DOCUMENT.split(text)]
    if not any(is_wanted for _, is_wanted in parts):
        return ""
    return "\n---".join(part if is_wanted else "\n" * part.count("\n") for part, is_wanted in parts)


@cache
def _loader() -> type[Any]:
    """Return the loader of PyYAML, which no longer looks what type each scalar has."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # one of two
        def resolve(self, kind: type[Any], value: object, implicit: object) -> str:
            return ""

        def descend_resolver(self, current: object, index: object) -> None:
            """Do nothing: paths decide about types only."""

        def ascend_resolver(self) -> None:
            """Do nothing: paths decide about types only."""

    return Loader


def entries(node: Node) -> dict[str, Node]:
    """Return the items of a mapping by their keys, those of `<<` included; empty for other nodes."""
    found: dict[str, Node] = {}
    for each in closure(node, _merged):  # an alias may lead to itself
        found = {**{key.value: value for key, value in _items(each) if key.value != "<<"}, **found}
    return found


def _items(node: Node) -> Iterator[tuple[Node, Node]]:
    items = node.value if node is not None and node.id == "mapping" else ()
    return ((key, value) for key, value in items if key.id == "scalar")


def _merged(node: Node) -> Iterator[Node]:
    for key, value in _items(node):
        if key.value == "<<":
            yield from value.value if value.id == "sequence" else (value,)


def elements(node: Node) -> list[Node]:
    """Return the elements of a sequence."""
    return list(node.value) if node is not None and node.id == "sequence" else []


def text_of(node: Node) -> str:
    """Return the text of a scalar; empty for other nodes."""
    return str(node.value) if node is not None and node.id == "scalar" else ""


def line_of(node: Node) -> int:
    """Return the number of the line in which a node begins."""
    return node.start_mark.line + 1 if node is not None else 1


def last_line_of(node: Node) -> int:
    """Return the number of the line in which a node ends."""
    return node.end_mark.line + 1 if node is not None else 1


def content_line(node: Node) -> int:
    """Return the number of the line of the first character of a scalar's text: of a block, the line after its `|`."""
    block = node is not None and getattr(node, "style", None) in ("|", ">")
    return line_of(node) + (1 if block else 0)


def at(node: Node, *keys: str) -> Node:
    """Return the value at the end of a path of keys, None if there is none."""
    for key in keys:
        node = entries(node).get(key)
    return node


def count_of(node: Node) -> int:
    """Return a number of containers that is written out; 1 if there is none."""
    text = text_of(node)
    return int(text) if text.isdigit() and int(text) else 1


def pairs(node: Node) -> Iterator[tuple[str, str, int]]:
    """Yield names, values and lines of an environment: a mapping, or a sequence of `NAME=value`."""
    for name, value in entries(node).items():
        yield name, text_of(value), line_of(value)
    for each in elements(node):
        name, equals, value = text_of(each).partition("=")
        if equals:
            yield name.strip(), value, line_of(each)


def words_of(node: Node) -> list[tuple[str, int]]:
    """Return the words of a sequence of scalars, each with the line in which its text begins."""
    return [(text_of(each), content_line(each)) for each in elements(node)]
