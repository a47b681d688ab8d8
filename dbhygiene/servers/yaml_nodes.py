"""YAML as nodes, which keep their lines: no object is made, so that no tag is resolved, and `!reset` stays text.

PyYAML is imported here only, and only when there is a file to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Node: TypeAlias = Any  # a node of PyYAML, whose types do not know its `id`, or None
_DEEPEST = 20  # merges within merges; an alias may lead to itself


def documents(text: str) -> list[Node]:
    """Return the documents of a text; none if it is no YAML, such as a template."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.compose_all(text, Loader=loader))
    except (yaml.YAMLError, RecursionError, ValueError):
        return []


def entries(node: Node, depth: int = 0) -> dict[str, Node]:
    """Return the items of a mapping by their keys, those of `<<` included; empty for other nodes."""
    found: dict[str, Node] = {}
    if node is None or node.id != "mapping" or depth > _DEEPEST:
        return found
    merged: dict[str, Node] = {}
    for key, value in node.value:
        if key.id != "scalar":
            continue
        if key.value == "<<":
            for each in value.value if value.id == "sequence" else [value]:
                merged = {**entries(each, depth + 1), **merged}
        else:
            found[key.value] = value
    return {**merged, **found}


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


def pairs(node: Node) -> Iterator[tuple[str, str, int]]:
    """Yield names, values and lines of an environment: a mapping, or a sequence of `NAME=value`."""
    for name, value in entries(node).items():
        yield name, text_of(value), line_of(value)
    for each in elements(node):
        name, equals, value = text_of(each).partition("=")
        if equals:
            yield name.strip(), value, line_of(each)


def words_of(node: Node) -> list[tuple[str, int]]:
    """Return the words of a sequence of scalars, each with its line."""
    return [(text_of(each), line_of(each)) for each in elements(node)]
