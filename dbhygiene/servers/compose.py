"""Compose files: the services that are database servers or poolers, and the commands of the others."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from dbhygiene.library.deployment import MYSQL, POSTGRESQL, Image, image_server, is_pooler
from dbhygiene.servers import docker
from dbhygiene.servers.commands import split
from dbhygiene.servers.databases import Numbers, flags, image_numbers, numbers, option_file
from dbhygiene.servers.model import UNKNOWN_NUMBER, DeadSetting, Number, Origin, Place, Pooler, Server
from dbhygiene.servers.poolers import pooler_of_environment, pooler_of_file
from dbhygiene.servers.yaml_nodes import (
    Node,
    at,
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
from dbhygiene.source.records import Frozen, replace

_DEFAULT = re.compile(r"\$\{\w+:?-([^{}]*)\}")
_ENDINGS = {MYSQL: (".cnf", "my.ini"), POSTGRESQL: (".conf",)}
_DEAD_VARIABLES = ("MYSQL_WAIT_TIMEOUT", "MYSQL_MAX_CONNECTIONS", "MARIADB_WAIT_TIMEOUT", "POSTGRES_MAX_CONNECTIONS")


class Service(Frozen):
    """One service of a compose file."""

    name: str
    file: str
    node: Node
    image: str
    image_place: Place
    context: str | None = None  # of its build, relative to the root
    dockerfile: str = ""

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names under which other services reach it."""
        names = {self.name, text_of(at(self.node, "container_name")), text_of(at(self.node, "hostname"))}
        for network in entries(at(self.node, "networks")).values():
            names |= {text_of(each) for each in elements(at(network, "aliases"))}
        return frozenset(names - {""})


def services(name: str, files: Deployment) -> Iterator[Service]:
    """Yield the services of a file; none if it is no compose file."""
    text = files.text(name)
    if "services:" not in text:
        return
    around = name.rpartition("/")[0]
    for document in documents(text):
        for key, node in entries(at(document, "services")).items():
            if node.id != "mapping":
                continue
            image, place, context, dockerfile = _image(name, around, node, files)
            yield Service(key, name, node, image, place, context, dockerfile)


def _image(name: str, around: str, node: Node, files: Deployment) -> tuple[str, Place, str | None, str]:
    """Return the image of a service, by its name or by the Dockerfile of its build, with its place."""
    build, given = at(node, "build"), at(node, "image")
    image, place = _DEFAULT.sub(r"\1", text_of(given)), Place(name, line_of(given or node))
    if build is None:
        return image, place, None, ""
    context = _join(around, text_of(build) or text_of(at(build, "context")) or ".")
    dockerfile = _join(context, text_of(at(build, "dockerfile")) or "Dockerfile")
    base = docker.base_image(dockerfile, files, text_of(at(build, "target")))
    if base is not None and (image_server(base[0]) or is_pooler(base[0])):
        return base[0], Place(dockerfile, base[1]), context, dockerfile
    return image if base is None else "", place, context, dockerfile


def _join(*parts: str) -> str:
    """Return a path relative to the root; what lies outside begins with `..`."""
    path = posixpath.normpath(posixpath.join(*parts))
    return "" if path == "." else path


def inherit_images(found: list[Service]) -> list[Service]:
    """Return the services, each without an image of its own with that of the file that it overrides, beside it."""
    known = {(each.file.rpartition("/")[0], each.name): each for each in found if each.image}
    whole = []
    for each in found:
        base = known.get((each.file.rpartition("/")[0], each.name))
        if not each.image and each.context is None and base is not None:
            each = replace(each, image=base.image, image_place=base.image_place)
        whole.append(each)
    return whole


# -- database servers ---------------------------------------------------------------------------------------


def server(service: Service, files: Deployment) -> tuple[Server, set[str]] | None:
    """Return the database server of a service, and the option files that it reads; None if it is none."""
    image = image_server(service.image)
    if image is None:
        return None
    words = command_words(service, files)
    read = _option_files(service, image, words, files)
    assignments = [each for name in sorted(read) for each in option_file(image.database, name, files)]
    assignments += flags(image.database, words, service.file)
    found = numbers(image.database, assignments).or_default(image_numbers(image, service.image, service.image_place))
    if _reads_unseen_file(words, read) and not assignments:
        unknown = Number(UNKNOWN_NUMBER, "max_connections", Origin.FILE, service.image_place)
        found = Numbers(found.idle, unknown)
    made = Server(image.database, service.hosts, found.idle, found.connections, service.image_place)
    return made, read


def _reads_unseen_file(words: list[tuple[str, int]], read: set[str]) -> bool:
    """Whether a command names an option file that is not in the repository."""
    return not read and any("config_file=" in word or "--defaults-" in word for word, _ in words)


def _option_files(service: Service, image: Image, words: list[tuple[str, int]], files: Deployment) -> set[str]:
    """Return the option files that a service mounts, or copies in its build."""
    endings = _ENDINGS[image.database]
    found = {name for name in mounted_files(service, files) if name.endswith(endings)}
    if service.dockerfile:
        copied = [word.text for word in docker.instructions(files.text(service.dockerfile)) if word.word in _COPIES]
        for name in files.names:
            base = name.rpartition("/")[2]
            if name.endswith(endings) and name.startswith(service.context or ""):
                if any(base in text or name.rpartition("/")[0].rpartition("/")[2] in text.split() for text in copied):
                    found.add(name)
    if image.database == POSTGRESQL:
        text = " ".join(word for word, _ in words)
        targets = [target for source, target in volumes(service) if source in found]
        if "config_file" not in text and not any("/data" in target for target in targets):
            return found if service.dockerfile else set()
    return found


_COPIES = ("COPY", "ADD")


def mounted_files(service: Service, files: Deployment) -> Iterator[str]:
    """Yield the files of the repository that a service mounts, by themselves or in a directory."""
    for source, _ in volumes(service):
        yield from (name for name in files.names if name == source or name.startswith(f"{source}/"))


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
        if source.startswith("."):
            yield _join(around, source), target


def command_words(service: Service, files: Deployment) -> list[tuple[str, int]]:
    """Return the words of a service's `entrypoint` and `command`, in both of their forms, each with its line."""
    lines = files.text(service.file).splitlines()
    found: list[tuple[str, int]] = []
    for key in ("entrypoint", "command"):
        node = at(service.node, key)
        found += words_of(node)
        if text := text_of(node):
            written = lines[line_of(node) - 1 : last_line_of(node)]
            for word in (word for words in split(text) for word in words):
                offset = next((number for number, line in enumerate(written) if word.partition("\n")[0] in line), 0)
                found.append((word, line_of(node) + offset))
    return found


def dead_variables(service: Service) -> Iterator[DeadSetting]:
    """Yield the variables of the environment that look like settings, and that the service's image does not read."""
    if (image := image_server(service.image)) is None or "bitnami" in service.image:
        return
    for name, _, line in pairs(at(service.node, "environment")):
        if name in _DEAD_VARIABLES:
            option = name.partition("_")[2].lower()
            flag = f"--{option}=" if image.database == MYSQL else f"-c {option}="
            message = f"the image `{service.image}` does not read `{name}`"
            yield DeadSetting(Place(service.file, line), message, f"write `command: {flag}...`")


def pooler(service: Service, files: Deployment) -> Pooler | None:
    """Return the pooler of a service that has an image of PgBouncer; None if nothing says how it lends sessions."""
    for name in mounted_files(service, files):
        if name.endswith(".ini"):
            if (found := pooler_of_file(name, files, service.hosts, service.image)) is not None:
                return found
    environment = {name: (value, Place(service.file, line)) for name, value, line in environment_of(service)}
    return pooler_of_environment(environment, service.hosts, service.image)


def environment_of(service: Service) -> Iterator[tuple[str, str, int]]:
    """Yield the variables of a service's environment, with their defaults, and their lines."""
    for name, value, line in pairs(at(service.node, "environment")):
        yield name, _DEFAULT.sub(r"\1", value), line
