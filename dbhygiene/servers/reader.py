"""`Reader`: reads the files of a repository that say how its servers run; imported only if there are any.

What reads one kind of file is imported if there is such a file: most repositories have few kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dbhygiene.library.deployment import MYSQL, POSTGRESQL, image_server, is_pooler
from dbhygiene.servers import compose, database_services
from dbhygiene.servers.commands import NAMES, commands, shell_commands, split, uwsgi_command, with_variables
from dbhygiene.servers.databases import Assignment, dead_options, flags, image_numbers, numbers, option_file
from dbhygiene.servers.model import DeadSetting, Facts, FileLine, Pooler, Probe, Proxy, Server, ServingCommand
from dbhygiene.servers.option_files import ini_options
from dbhygiene.servers.yaml_nodes import documents
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import replace

if TYPE_CHECKING:
    from dbhygiene.servers.kubernetes import ConfigFile, Container

_YAML = (".yml", ".yaml")
_CHART = "Chart.yaml"
_STARTS = lazy_pattern(r"^(?:command|ExecStart)\s*=\s*(.*)")
_VARIABLES = lazy_pattern(r"(?:.*\.)?env(?:\..*)?")
_PROCESS = lazy_pattern(r"^([\w-]+):\s*(.*)")
_PLATFORM_FILE = lazy_pattern(
    r"(?:render|heroku|app)\.ya?ml|railway\.(?:json|toml)|fly(?:\.[\w-]+)?\.toml|nixpacks\.toml"
)
_OF_PLATFORM = lazy_pattern(  # `startCommand: "gunicorn shop.wsgi"`, `- gunicorn shop.wsgi`
    r"""^(?:"?\w[\w-]*"?\s*[:=]|-)\s*(["']?)(.*?)\1,?$"""
)


class Reader:
    """The search in the files of one repository."""

    def __init__(self, files: Deployment) -> None:
        self._files = files
        self._servers: list[Server] = []
        self._proxies: list[Proxy] = []
        self._poolers: list[Pooler] = []
        self._commands: list[ServingCommand] = []
        self._probes: list[Probe] = []
        self._dead: list[DeadSetting] = []
        self._used: set[str] = set()  # option files that a service is seen to read
        self._haproxy: dict[str, frozenset[str]] = {}  # its files, with the names of the services that read them
        self._built: dict[str, list[int]] = {}  # Dockerfiles, with the replicas of each service that runs their command
        self._given: list[str] = []  # the values of all variables that programs are given

    def read(self) -> Facts:
        yaml = [name for name in self._files.names if name.endswith(_YAML)]
        found = [each for name in yaml for each in compose.services(name, self._files)]
        for service in compose.inherit_images(found):
            self._service(service)
        for name in yaml:
            if self._is_values_file(name):
                self._helm(name)
            elif "kind" in self._files.text(name):
                self._kubernetes(name)
        for name in self._files.names:
            self._other(name)
        return Facts(
            tuple(dict.fromkeys(self._servers)),
            tuple(dict.fromkeys(self._proxies)),
            tuple(dict.fromkeys(map(self._with_use, self._poolers))),
            tuple(dict.fromkeys(self._commands)),
            tuple(dict.fromkeys(self._probes)),
            tuple(dict.fromkeys(self._dead)),
        )

    # -- compose, Kubernetes --------------------------------------------------------------------------------

    def _service(self, service: compose.Service) -> None:
        if (made := database_services.server(service, self._files)) is not None:
            self._servers.append(made[0])
            self._used |= made[1]
            self._dead += database_services.dead_variables(service)
            return
        if is_pooler(service.image):
            self._used.update(compose.mounted_files(service, self._files))
            if (pooler := compose.pooler(service, self._files)) is not None:
                self._poolers.append(pooler)
            return
        for name in compose.mounted_files(service, self._files):
            if name.endswith(".cfg"):
                self._haproxy[name] = service.hosts
        given = {name: value for name, (value, _) in compose.environment_of(service, self._files).items()}
        self._given += given.values()
        words, count = compose.command_words(service, self._files), compose.replicas(service)
        if not words and service.dockerfile:
            self._built.setdefault(service.dockerfile, []).append(count)
        self._add_commands(words, service.file, count, given)

    def _is_values_file(self, name: str) -> bool:
        """Whether a file holds the values of a chart: it lies beside the chart's own file."""
        around, _, base = name.rpartition("/")
        return base.startswith("values") and f"{around}/{_CHART}".lstrip("/") in self._files.names

    def _kubernetes(self, name: str) -> None:
        from dbhygiene.servers import kubernetes

        described = list(kubernetes.objects(name, self._files))
        for container in kubernetes.containers(name, described):
            words = container.words
            if (image := image_server(container.image)) is not None:
                default = image_numbers(image, container.image, container.image_place)
                found = numbers(image.database, flags(image.database, words, name)).or_default(default)
                self._servers.append(
                    Server(image.database, container.hosts, found.idle, found.connections, container.image_place)
                )
            elif is_pooler(container.image):
                self._pooler_of_container(container)
            else:
                self._container(container)
        for each in kubernetes.config_files(name, described):
            self._config_file(each)

    def _container(self, container: Container) -> None:
        given = {key: value for key, value, _ in container.environment}
        self._given += given.values()
        self._add_commands(container.words, container.file, container.replicas, given)
        self._probes += container.probes

    def _helm(self, name: str) -> None:
        from dbhygiene.servers import helm

        described = documents(self._files.text(name))
        for part in helm.databases(name, described):
            read = (each for file in part.files for each in option_file(part.database, file.file, _Single(file)))
            found = numbers(part.database, [*read, *part.assignments])
            self._servers.append(
                Server(part.database, frozenset({part.name}), found.idle, found.connections, part.place)
            )
        for container in helm.chart_containers(name, described):
            if image_server(container.image) is None and not is_pooler(container.image):
                self._container(container)

    def _pooler_of_container(self, container: Container) -> None:
        from dbhygiene.servers.poolers import pooler_of_environment

        environment = {key: (value, FileLine(container.file, line)) for key, value, line in container.environment}
        found = pooler_of_environment(environment, container.hosts, container.image)
        if found is not None:
            self._poolers.append(found)

    def _config_file(self, found: ConfigFile) -> None:
        """Read a file in a ConfigMap as if it were one of the repository, with the lines that it has there."""
        if found.name.endswith(".cnf"):
            self._standalone(MYSQL, list(option_file(MYSQL, found.file, _Single(found))))
        elif found.name.endswith("pgbouncer.ini"):
            self._pooler_file(found.file, _Single(found), frozenset())

    def _pooler_file(self, name: str, files: Deployment, hosts: frozenset[str]) -> None:
        from dbhygiene.servers.poolers import pooler_of_file

        if (pooler := pooler_of_file(name, files, hosts)) is not None:
            self._poolers.append(pooler)

    # -- files of servers -----------------------------------------------------------------------------------

    def _other(self, name: str) -> None:
        base = name.rpartition("/")[2]
        if base.endswith((".cnf", "my.ini")):
            self._dead += dead_options(name, self._files)
            if name not in self._used:
                self._standalone(MYSQL, list(option_file(MYSQL, name, self._files)))
        elif "pgbouncer" in base and base.endswith(".ini"):
            if name not in self._used:
                self._pooler_file(name, self._files, frozenset({"pgbouncer", base.partition(".")[0]}))
        elif base.endswith(".cfg") or base == "haproxy.conf":
            from dbhygiene.servers.poolers import proxies

            hosts = self._haproxy.get(name, frozenset({"haproxy"}))
            self._proxies += proxies(name, self._files, hosts)
        elif base.endswith(".tf"):
            from dbhygiene.servers.terraform import parameters

            for database, assignments in parameters(name, self._files):
                self._standalone(database, assignments)
        elif _VARIABLES.fullmatch(base):
            self._given += (value for _, value, _ in compose.variables(self._files.text(name)))
        elif base.startswith("Procfile"):
            self._lines(name, _PROCESS, group=2)
        elif _PLATFORM_FILE.fullmatch(base):
            self._lines(name, _OF_PLATFORM, group=2)
        elif re.search(r"dockerfile|containerfile", base, re.IGNORECASE):
            from dbhygiene.servers import docker

            for line, words in docker.commands_of(name, self._files):
                self._add_command(words, FileLine(name, line), min(self._built.get(name, [1])))
        elif "uwsgi" in base and base.endswith(".ini"):
            options = {each.name: (each.value, each.line) for each in ini_options(self._files.text(name))}
            if (found := uwsgi_command(options, name)) is not None:
                self._commands.append(found)
        elif base.endswith((".conf", ".ini")) and re.search(r"postgres|pgsql|pgconf", base):
            if name not in self._used:
                self._standalone(POSTGRESQL, list(option_file(POSTGRESQL, name, self._files)))
        elif "supervisor" in name or ".service" in base:
            self._lines(name, _STARTS, group=1)
        elif not base.endswith((*_YAML, ".py")):
            for line, words in shell_commands(self._files.text(name)) if self._names_server(name) else ():
                self._add_command(words, FileLine(name, line))

    def _standalone(self, database: str, assignments: Sequence[Assignment]) -> None:
        """Add the server of an option file that no service is seen to read."""
        found = numbers(database, assignments)
        if assignments:
            number = found.connections or found.idle
            place = (number.place if number else None) or assignments[-1].place
            self._servers.append(
                Server(database, frozenset(), found.idle, found.connections, place, is_standalone=True)
            )

    def _names_server(self, name: str) -> bool:
        return NAMES.search(self._files.text(name)) is not None

    def _lines(self, name: str, pattern: re.Pattern[str], group: int) -> None:
        """Read commands that stand in lines of a file, behind a word that says so."""
        for number, line in _logical_lines(self._files.text(name)):
            found = pattern.match(line.strip())
            if found is not None:
                for words in split(found[group].lstrip("-@+!")):
                    self._add_command(words, FileLine(name, number))

    def _add_commands(
        self, words: Sequence[tuple[str, int]], name: str, replicas: int, environment: Mapping[str, str]
    ) -> None:
        """Add the commands of a list of words, each of which has its line, with the line that names a server."""
        if words:
            line = next((line for word, line in words if NAMES.search(word)), words[0][1])
            self._add_command([word for word, _ in words], FileLine(name, line), replicas, environment)

    def _add_command(
        self, words: Sequence[str], place: FileLine, replicas: int = 1, environment: Mapping[str, str] | None = None
    ) -> None:
        for found in commands(words, place, self._files):
            self._commands.append(replace(with_variables(found, words, environment or {}), replicas=replicas))

    def _with_use(self, pooler: Pooler) -> Pooler:
        """Return a pooler with whether a program is given its name or its port: another one may speak to the server."""
        named = rf"(?:^|[/@=,\s])(?:{'|'.join(map(re.escape, sorted(pooler.hosts))) or '$.'})(?:$|[:/?,.\s])|:6432\b"
        return replace(pooler, is_used=any(re.search(named, value) for value in self._given))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text with the lines that continue them, each with the number of its first one.

    A line goes on after a backslash, as in systemd's files, and in lines that are indented, as in supervisor's.
    """
    start, before = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        goes_on = before.endswith("\\") or (before.partition("=")[1] and line[:1] in (" ", "\t") and line.strip())
        if goes_on:
            before = f"{before.removesuffix(chr(92))} {line.strip()}"
            continue
        if before:
            yield start, before
        start, before = number, line.rstrip()
    if before:
        yield start, before


class _Single(Deployment):
    """A file in a ConfigMap, as the only one: its lines are those of the file around it."""

    def __init__(self, found: ConfigFile) -> None:
        super().__init__()
        self._texts[found.file] = "\n" * found.offset + found.text
