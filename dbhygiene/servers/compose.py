"""`Service`: the services of compose files: database servers, poolers, and the commands of the others.

db: {image: "mysql:8", command: "--wait-timeout=60"}          # a `Server` with this idle timeout
web: {command: "gunicorn -w 4 shop.wsgi"}                     # a `ServingCommand` with four processes
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from dbhygiene.library.deployment import image_server, is_pooler
from dbhygiene.servers.commands import NAMES, split, with_lines
from dbhygiene.servers.model import FileLine, Pooler
from dbhygiene.servers.yaml_nodes import (
    Node,
    at,
    count_of,
    documents,
    elements,
    entries,
    last_line_of,
    line_of,
    pairs,
    text_of,
    words_of,
)
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Frozen, replace

_VARIABLE = lazy_pattern(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(\"[^\"]*\"|'[^']*'|[^#]*?)\s*(?:\s#.*)?")
_SERVICES = lazy_pattern(r"""^["']?services["']?\s*:""", re.MULTILINE)
_DEFAULT = lazy_pattern(r"\$\{\w+:?-([^{}]*)\}")


class Service(Frozen):
    """One service of a compose file."""

    name: str
    file: str
    node: Node
    image: str
    image_place: FileLine
    context: str | None = None  # of its build, relative to the root
    dockerfile: str = ""
    base: Service | None = None  # the one of the same name that it overrides, which has the image

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names under which other services reach it."""
        names = {self.name, text_of(at(self.node, "container_name")), text_of(at(self.node, "hostname"))}
        for network in entries(at(self.node, "networks")).values():
            names |= {text_of(each) for each in elements(at(network, "aliases"))}
        known = {_DEFAULT.sub(r"\1", name) for name in names - {""}}
        return frozenset(name for name in known if "$" not in name)


def services(name: str, files: Deployment) -> Iterator[Service]:
    """Yield the services of a file; none if it is no compose file."""
    text = files.text(name)
    if not _SERVICES.search(text):
        return
    around = name.rpartition("/")[0]
    for document in documents(text):
        for key, node in entries(at(document, "services")).items():
            if node.id != "mapping":
                continue
            image, place, context, dockerfile = _image(name, around, node, files)
            yield Service(key, name, node, image, place, context, dockerfile)


def _image(name: str, around: str, node: Node, files: Deployment) -> tuple[str, FileLine, str | None, str]:
    """Return the image of a service, by its name or by the Dockerfile of its build, with its place."""
    build, given = at(node, "build"), at(node, "image")
    image, place = _DEFAULT.sub(r"\1", text_of(given)), FileLine(name, line_of(given or node))
    if build is None:
        return image, place, None, ""
    context = _join(around, text_of(build) or text_of(at(build, "context")) or ".")
    dockerfile = _join(context, text_of(at(build, "dockerfile")) or "Dockerfile")
    base = _base_image(dockerfile, files, text_of(at(build, "target")))
    if base is not None and (image_server(base[0]) or is_pooler(base[0])):
        return base[0], FileLine(dockerfile, base[1]), context, dockerfile
    return image if base is None else "", place, context, dockerfile


def _base_image(dockerfile: str, files: Deployment, target: str) -> tuple[str, int] | None:
    """Return the image that a Dockerfile is based on, and its line; None if it is not in the repository."""
    if dockerfile not in files.names:
        return None
    from dbhygiene.servers.docker import base_image

    return base_image(dockerfile, files, target)


def _join(*parts: str) -> str:
    """Return a path relative to the root; what lies outside begins with `..`."""
    path = posixpath.normpath(posixpath.join(*parts))
    return "" if path == "." else path


def inherit_images(found: list[Service]) -> list[Service]:
    """Return the services, each without an image of its own with that of the service that it extends or overrides."""
    known = {(each.file, each.name): each for each in found}
    beside = {(each.file.rpartition("/")[0], each.name): each for each in found if each.image}
    return [_inherit(each, known, beside) for each in found]


def _inherit(
    service: Service,
    known: dict[tuple[str, str], Service],
    beside: dict[tuple[str, str], Service],
    by: frozenset[tuple[str, str]] = frozenset(),
) -> Service:
    """Return a service with the image that it inherits; `by`: the services that extend it, perhaps each other."""
    if service.image or service.context is not None or (service.file, service.name) in by:
        return service
    extends = at(service.node, "extends")
    name = text_of(extends) or text_of(at(extends, "service"))
    around = service.file.rpartition("/")[0]
    if name:
        given = text_of(at(extends, "file"))
        base = known.get((_join(around, given) if given else service.file, name))
        base = None if base is None else _inherit(base, known, beside, by | {(service.file, service.name)})
    else:
        base = beside.get((around, service.name))
    if base is None:
        return service
    return replace(service, image=base.image, image_place=base.image_place, dockerfile=base.dockerfile, base=base)


# -- what a service reads and runs ---------------------------------------------------------------------------


def mounted_files(service: Service, files: Deployment) -> Iterator[str]:
    """Yield the files of the repository that a service mounts, by themselves or in a directory."""
    for source, _ in all_volumes(service):
        yield from (name for name in files.names if name == source or name.startswith(f"{source}/"))


def all_volumes(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the volumes of a service, after those of the service that it overrides."""
    if service.base is not None:
        yield from all_volumes(service.base)
    yield from volumes(service)


def volumes(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the files and directories of the repository that a service mounts, with the paths in its container."""
    around = service.file.rpartition("/")[0]
    for each in elements(at(service.node, "volumes")):
        if each.id == "mapping":
            source, target = text_of(at(each, "source")), text_of(at(each, "target"))
        else:
            parts = text_of(each).split(":")
            source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", "")
        source = _DEFAULT.sub(r"\1", source)
        source = re.sub(r"^\$\{?(?:PWD|CURDIR)\}?", ".", source)
        if source:  # what lies outside of the repository has a name that no file has
            yield _join(around, source) if source.startswith(".") else f":{source}", target
    for each in elements(at(service.node, "configs")):
        yield ":config", text_of(at(each, "target"))


def command_words(service: Service, files: Deployment) -> list[tuple[str, int]]:
    """Return the words of a service's `entrypoint` and `command`, in both of their forms, each with its line."""
    lines = files.text(service.file).splitlines()
    found: list[tuple[str, int]] = []
    for key in ("entrypoint", "command"):
        node = at(service.node, key)
        found += with_lines(words_of(node))
        if text := text_of(node):
            written = lines[line_of(node) - 1 : last_line_of(node)]
            for word in (word for words in split(text) for word in words):
                found.append((word, line_of(node) + _offset(word, written)))
    return found


def _offset(word: str, written: list[str]) -> int:
    """Return the index of the line that has a word; of a whole command in quotation marks, that of its server."""
    first = word.partition("\n")[0]
    server = NAMES.search(word) if " " in word else None
    for text in (*([server[0]] if server else []), first):
        for number, line in enumerate(written):
            if text in line:
                return number
    return 0


def replicas(service: Service) -> int:
    """Return how many containers a service has, as far as that is written out."""
    return max(count_of(at(service.node, "deploy", "replicas")), count_of(at(service.node, "scale")))


def pooler(service: Service, files: Deployment) -> Pooler | None:
    """Return the pooler of a service that has an image of PgBouncer; None if nothing gives its mode."""
    from dbhygiene.servers.poolers import pooler_of_environment, pooler_of_file

    for name in mounted_files(service, files):
        if name.endswith(".ini"):
            if (found := pooler_of_file(name, files, service.hosts, service.image)) is not None:
                return found
    return pooler_of_environment(environment_of(service, files), service.hosts, service.image)


def environment_of(service: Service, files: Deployment) -> dict[str, tuple[str, FileLine]]:
    """Return the variables of a service's environment, with their defaults: of its files, then its own."""
    found: dict[str, tuple[str, FileLine]] = {}
    for name in _environment_files(service, files):
        found |= {key: (value, FileLine(name, row)) for key, value, row in variables(files.text(name))}
    for key, value, row in pairs(at(service.node, "environment")):
        found[key] = (_DEFAULT.sub(r"\1", value), FileLine(service.file, row))
    return found


def variables(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the names and values of a file of variables, with their lines."""
    for number, line in enumerate(text.splitlines(), 1):
        if given := _VARIABLE.fullmatch(line):
            yield given[1], given[2].strip("\"'"), number


def _environment_files(service: Service, files: Deployment) -> Iterator[str]:
    """Yield the files of variables that a service reads, in order: the last one that has a variable holds."""
    around = service.file.rpartition("/")[0]
    given = at(service.node, "env_file")
    for each in elements(given) or ([given] if text_of(given) else []):
        name = _join(around, _DEFAULT.sub(r"\1", text_of(each) or text_of(at(each, "path"))))
        if name in files.names:
            yield name
