"""`Container`: workloads of Kubernetes documents, with commands and probes, and option files in ConfigMaps.

containers: [{name: web, image: "shop:1", command: [gunicorn, shop.wsgi]}]       # a `Container` with two `words`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbhygiene.library.deployment import split_image
from dbhygiene.servers.commands import with_lines
from dbhygiene.servers.model import FileLine, Probe
from dbhygiene.servers.yaml_nodes import (
    Node,
    at,
    content_line,
    count_of,
    documents,
    elements,
    entries,
    line_of,
    text_of,
    words_of,
)
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Frozen

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob", "Rollout")
_WORKLOAD = lazy_pattern(
    rf"""^["']?kind["']?\s*:\s*["']?(?:{"|".join(_WORKLOADS)}|List|Template)\b|\A\s*\{{""", re.MULTILINE
)
_SEVERAL = {"List": "items", "Template": "objects"}  # documents with several objects; the second is OpenShift's
_CONFIG = lazy_pattern(r"""^["']?kind["']?\s*:\s*["']?ConfigMap\b""", re.MULTILINE)
_CONFIG_FILE = lazy_pattern(r"\.cnf\b|pgbouncer\.ini\b")
_REQUESTS = lazy_pattern(r"(?:^|[\s;&|/])(?:curl|wget|http|https|xh)\s|\b(?:urlopen|requests\.|httpx\.)")
_OWN_URL = lazy_pattern(r"""\bhttps?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[\w${}()]+)?(/[^\s"'?#)]*)?""")
_PROBES = {"livenessProbe": "liveness", "readinessProbe": "readiness", "startupProbe": "startup"}


class Container(Frozen):
    """One container of a workload. `hosts` are its own name, the workload's, and those of its app."""

    node: Node
    file: str
    hosts: frozenset[str] = frozenset()
    replicas: int = 1

    @property
    def image(self) -> str:
        """The name of its image; that of a chart's values is in two or three parts."""
        given = at(self.node, "image")
        if given is None or given.id == "scalar":
            return text_of(given)
        parts = (text_of(at(given, key)) for key in ("registry", "repository"))
        tag = text_of(at(given, "tag"))
        return "/".join(part for part in parts if part) + (f":{tag}" if tag else "")

    @property
    def image_place(self) -> FileLine:
        return FileLine(self.file, line_of(at(self.node, "image") or self.node))

    @property
    def words(self) -> list[tuple[str, int]]:
        """The words of its command and arguments, each with its line."""
        return with_lines(word for key in ("command", "args") for word in words_of(at(self.node, key)))

    @property
    def environment(self) -> Iterator[tuple[str, str, int]]:
        """The variables of its environment that are written out, with their lines."""
        for each in elements(at(self.node, "env")):
            value = at(each, "value")
            if value is not None:
                yield text_of(at(each, "name")), text_of(value), line_of(value)

    @property
    def probes(self) -> Iterator[Probe]:
        for key, kind in _PROBES.items():
            if (probe := at(self.node, key)) is None:
                continue
            path, command = at(probe, "httpGet", "path"), at(probe, "exec", "command")
            timeout = text_of(at(probe, "timeoutSeconds"))
            words = tuple(word for word, _ in words_of(command))
            yield Probe(
                kind,
                FileLine(self.file, line_of(path or command or probe)),
                text_of(path) or _path_of_request(words),
                int(timeout) if timeout.isdigit() else 1,
                words,
                self.hosts | {split_image(self.image)[0].rpartition("/")[2]},
            )


def _path_of_request(words: Sequence[str]) -> str:
    """Return the path that a command such as `curl -f http://localhost:8000/healthz` asks for; empty if it is none."""
    found = _OWN_URL.search(" ".join(words)) if _REQUESTS.search(" ".join(words)) else None
    return found[1] or "/" if found else ""


class ConfigFile(Frozen):
    """A file in a ConfigMap: its name, its text, and the line before its first one."""

    name: str
    text: str
    file: str
    offset: int


def objects(name: str, files: Deployment) -> Iterator[Node]:
    """Yield the objects that a file describes; none if it is no file of Kubernetes."""
    for document in documents(files.text(name), _may_be_read):
        kind = text_of(at(document, "kind"))
        if kind in _SEVERAL:
            yield from elements(at(document, _SEVERAL[kind]))
        else:
            yield document


def _may_be_read(document: str) -> bool:
    """Whether a document may be a workload, or a ConfigMap with an option file."""
    if _WORKLOAD.search(document):
        return True
    return _CONFIG.search(document) is not None and _CONFIG_FILE.search(document) is not None


def containers(name: str, described: Sequence[Node]) -> Iterator[Container]:
    """Yield the containers of the workloads among the objects of a file."""
    for each in described:
        if text_of(at(each, "kind")) not in _WORKLOADS:
            continue
        pod = at(each, "spec")
        for keys in (("jobTemplate", "spec"), ("template", "spec")):
            pod = at(pod, *keys) or pod
        own = {text_of(at(each, "metadata", "name")), text_of(at(each, "metadata", "labels", "app"))}
        for container in elements(at(pod, "containers")):
            names = {*own, text_of(at(container, "name")), text_of(at(each, "spec", "serviceName"))}
            yield Container(container, name, frozenset(names - {""}), count_of(at(each, "spec", "replicas")))


def config_files(name: str, described: Sequence[Node]) -> Iterator[ConfigFile]:
    """Yield the files in the ConfigMaps among the objects of a file."""
    for each in described:
        if text_of(at(each, "kind")) == "ConfigMap":
            for key, value in entries(at(each, "data")).items():
                yield ConfigFile(key, text_of(value), name, content_line(value) - 1)
