"""`Instruction`: Dockerfiles: the image that one is based on, and the commands that its containers run.

FROM python:3.13
CMD ["gunicorn", "shop.wsgi"]    # image `python:3.13`, one command
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dbhygiene.servers.commands import split
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern

_INSTRUCTION = lazy_pattern(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_ARGUMENT = lazy_pattern(r"\$\{?(\w+)(?::-([^}]*))?\}?")


class Instruction(NamedTuple):
    """One instruction, with continuation lines joined, and the line in which it begins."""

    word: str
    text: str
    line: int


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile."""
    logical, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (logical and not line.strip()):
            continue
        start = start if logical else number
        stripped = line.rstrip()
        if stripped.endswith("\\"):
            logical += stripped[:-1] + " "
            continue
        if found := _INSTRUCTION.fullmatch(logical + line):
            yield Instruction(found[1].upper(), found[2].strip(), start)
        logical = ""


def base_image(name: str, files: Deployment, target: str = "") -> tuple[str, int] | None:
    """Return the image that the last stage of a Dockerfile is based on, or its stage `target`, and the line."""
    stages: dict[str, tuple[str, int]] = {}
    arguments: dict[str, str] = {}
    last = None
    for word, text, line in instructions(files.text(name)):
        if word == "ARG" and "=" in text:
            key, _, value = text.partition("=")
            arguments.setdefault(key.strip(), value.strip("\"' "))
        elif word == "FROM":
            parts = [part for part in text.split() if not part.startswith("--")]
            if not parts:
                continue
            image = _ARGUMENT.sub(lambda found: arguments.get(found[1], found[2] or "$"), parts[0])
            last = stages.get(image.lower(), (image, line))
            if len(parts) == 3 and parts[1].lower() == "as":
                stages[parts[2].lower()] = last
    return stages.get(target.lower(), last) if target else last


def commands_of(name: str, files: Deployment) -> Iterator[tuple[int, list[str]]]:
    """Yield the commands of the last `ENTRYPOINT` and `CMD` of each stage, as words, with their lines."""
    entry: tuple[int, list[list[str]]] | None = None
    run: tuple[int, list[list[str]]] | None = None
    for word, text, line in [*instructions(files.text(name)), Instruction("FROM", "", 0)]:
        if word == "FROM":
            yield from _join_commands(entry, run)
            entry = run = None
        elif word == "ENTRYPOINT":
            entry = (line, _parse(text))
        elif word == "CMD":
            run = (line, _parse(text))


def _join_commands(
    entry: tuple[int, list[list[str]]] | None, run: tuple[int, list[list[str]]] | None
) -> Iterator[tuple[int, list[str]]]:
    if entry and run and len(entry[1]) == len(run[1]) == 1:
        yield entry[0], entry[1][0]
        yield run[0], run[1][0]
        yield run[0], [*entry[1][0], *run[1][0]]
        return
    for each in (entry, run):
        if each is not None:
            yield from ((each[0], words) for words in each[1])


def _parse(text: str) -> list[list[str]]:
    """Return the commands of the exec form, `["a", "b"]`, or of the shell form."""
    if text.startswith("["):
        words = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
        return [[word.replace('\\"', '"') for word in words]]
    return list(split(text))
