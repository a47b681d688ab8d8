"""`Remark`: what `dbhygiene doctor` finds: problems of the set-up that hide findings, and assumptions."""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from dbhygiene.checker.ineffective import ineffective
from dbhygiene.checker.own_findings import OTHER_INTERPRETER, not_parsed, not_read, syntax_error
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.library.drivers import PACKAGES, driver
from dbhygiene.project.project import Project
from dbhygiene.source.file import NOTEBOOK
from dbhygiene.source.nodes import NOT_PYTHON
from dbhygiene.source.records import replace
from dbhygiene.source.regular_files import read_text

OK, NOTE, PROBLEM = "ok", "note", "problem"
_PREFIX = "HYG"
_LIBRARIES = {"sqlalchemy": "SQLAlchemy", "flask_sqlalchemy": "Flask-SQLAlchemy", "django": "Django"}
_IMPORT = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+(" + b"|".join(sorted(name.encode() for name in {*PACKAGES, *_LIBRARIES})) + rb")\b",
    re.M,
)

_BARE_NOQA = re.compile(rb"#[ \t]*noqa(?![\w:])", re.I)


class Remark(NamedTuple):
    """One line of `doctor`: a topic, its state, and advice."""

    topic: str
    state: str
    message: str
    advice: str = ""


def examine(project: Project, *, isolated: bool = False) -> list[Remark]:
    """Return all remarks on a project, the most important first.

    Arguments:
        isolated: ignore the configuration files of the project.
    """
    seen = _ProjectFiles(project, isolated)
    parts = (
        _settings,
        _python,
        _not_read,
        _libraries,
        _databases,
        _timeout,
        _servers,
        _comments,
        _flake8,
        _ruff,
        _pre_commit,
    )
    return [remark for part in parts for remark in part(seen)]


class _ProjectFiles:
    """A project, and the contents of its files."""

    def __init__(self, project: Project, isolated: bool) -> None:
        self.project = project
        self.root = project.root
        self.isolated = isolated
        self.found = project.discover([project.root])
        self.files = self.found.files

    @cached_property
    def libraries(self) -> Mapping[str, list[Path]]:
        """Known libraries, each with the files that import it."""
        found: dict[str, list[Path]] = {}
        for path in self.files:
            try:
                data = self.project.read(path)
            except OSError:
                continue
            for name in {match.decode() for match in _IMPORT.findall(data)}:
                found.setdefault(name, []).append(path)
        return found

    @cached_property
    def pyproject(self) -> Mapping[str, Any]:
        return _toml(self.root / "pyproject.toml")

    @cached_property
    def hooks(self) -> str | None:
        """The configuration of pre-commit."""
        return _text(self.root / ".pre-commit-config.yaml")

    def display_path(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def _text(path: Path) -> str | None:
    try:
        return read_text(path, "replace")
    except OSError:
        return None


def _toml(path: Path) -> Mapping[str, Any]:
    """Return a table of TOML; empty if it cannot be read."""
    text = _text(path)
    try:
        return loading.toml(text) if text else {}
    except ValueError:
        return {}


# -- the project itself ---------------------------------------------------------------------------------


def _settings(seen: _ProjectFiles) -> Iterator[Remark]:
    holding = [name for name in loading.FILES if not seen.isolated and loading.read_file(seen.root / name) is not None]
    keys = ", ".join(f"{key} ({place})" for key, place in sorted(seen.project.settings.sources.items()))
    if len(holding) > 1:
        message = f"{holding[0]} and {holding[1]} both have settings; only those of {holding[0]} are used"
        yield Remark("settings", PROBLEM, message, f"move the settings of {holding[1]} to {holding[0]}")
    elif keys:
        yield Remark("settings", OK, f"root {seen.root}; {keys}")
    else:
        yield Remark("settings", OK, f"root {seen.root}; no settings", "`dbhygiene config` lists the settings")
    for words in () if seen.isolated else loading.misspelt(seen.root):
        yield Remark("settings", PROBLEM, words)
    for words in ineffective(seen.project, seen.found.listed):
        yield Remark("settings", NOTE, words)


def _python(seen: _ProjectFiles) -> Iterator[Remark]:
    here = sys.version_info[:2]
    wanted = str(seen.pyproject.get("project", {}).get("requires-python", ""))
    least = re.search(r">=\s*3\.(\d+)", wanted)
    version = ".".join(map(str, here))
    if least and (3, int(least[1])) > here:
        message = f"files are parsed by Python {version}, but the project requires Python {wanted}"
        yield Remark("python", PROBLEM, message, f"install dbhygiene with Python 3.{least[1]}")
    else:
        yield Remark("python", OK, f"files are parsed by Python {version}")


def _not_read(seen: _ProjectFiles) -> Iterator[Remark]:
    broken = [f"{seen.display_path(path)}: {reason.lower()}" for path, reason in seen.found.unlisted]
    for path in seen.files:
        line = ""
        try:
            file = seen.project.file(path)
            finding = syntax_error(file)
            if finding is not None and finding.subject == OTHER_INTERPRETER:
                continue
            line = file.line_label(finding.span.line) if finding else ""
        except NOT_PYTHON as error:
            finding = not_parsed(path, error)
        except OSError as error:
            finding = not_read(path, error.strerror or str(error))
        if finding:
            broken.append(f"{seen.display_path(path)}:{line or finding.span.line} {finding.message}")
    if broken:
        more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
        message = f"not checked: {'; '.join(broken[:3])}{more}"
        yield Remark(
            "files", PROBLEM, message, "correct them, or install dbhygiene with a newer Python, if they need that"
        )
    every = Project(seen.root, replace(seen.project.settings, extend_exclude=())).discover([seen.root]).files
    excluded = len(every) - len(seen.files)
    number = sum(path.suffix == NOTEBOOK for path in seen.files)
    notebooks = f"; notebooks: {number}" if number else ""
    words = f"Python files: {len(seen.files) - number}{notebooks}; excluded by `extend-exclude`: {excluded}"
    if not seen.files:
        yield Remark("files", PROBLEM, "no Python file found", "name another directory, or check what git ignores")
    elif not broken:
        yield Remark("files", OK, words)


def _libraries(seen: _ProjectFiles) -> Iterator[Remark]:
    named, unknown = [], []
    for package in sorted(seen.libraries):
        known = driver(package)
        name = known.name if known else _LIBRARIES[package]
        distributions = known.distributions if known else (name,)
        version = next((v for each in distributions if (v := seen.project.version_of(each))), None)
        if version:
            named.append(f"{name} {'.'.join(map(str, version))}")
        elif distributions:  # not a part of Python
            unknown.append(name)
    if unknown:
        message = f"the version of {', '.join(unknown)} is unknown: version-specific findings are not reported"
        yield Remark("libraries", NOTE, message, "pin the version in a lock file, pyproject.toml or requirements.txt")
    if named:
        yield Remark("libraries", OK, f"versions found: {', '.join(named)}")
    if not seen.libraries:
        yield Remark(
            "libraries",
            NOTE,
            "no file imports a database library that dbhygiene knows",
            "name another directory, or declare the project's helpers in `functions`",
        )


def _databases(seen: _ProjectFiles) -> Iterator[Remark]:
    of_sites = sites(seen.project, seen.libraries.get("django", ()))
    for words in of_sites:
        advice = "" if seen.project.settings.databases else "if this is wrong, set `databases`"
        yield Remark("django", OK, words, advice)
    if of_sites:  # their result depends on the drivers and the setting, too
        return
    said = seen.project.settings.databases
    servers = {known.server for package in seen.libraries if (known := driver(package)) and known.server}
    if said:
        yield Remark("databases", OK, f"{', '.join(said)}, set by `databases`")
    elif servers:
        yield Remark("databases", OK, f"{', '.join(sorted(servers))}, inferred from the imported drivers")
    elif _LIBRARIES.keys() & seen.libraries.keys():
        message = "no driver is imported: the database is inferred from URLs and requirements only"
        yield Remark("databases", NOTE, message, 'set `databases`, such as `databases = ["mysql"]`')


def sites(project: Project, files: Iterable[Path]) -> list[str]:
    """Return the assumed database servers of the project's Django settings, with the reasons, each once."""
    from dbhygiene.gaps.server_timeout import closes_idle, may_close_nothing
    from dbhygiene.gaps.servers import verdict

    found: dict[str, None] = {}
    for path in files:
        try:
            file = project.file(path)
            if file.is_program:
                idle = "" if closes_idle(file) else "; waits are not reported (HYG301, HYG302, HYG308)"
                if may_close_nothing(file):
                    idle = "; waits are only possible findings (HYG301, HYG302, HYG308)"
                found[f"the server is {verdict(file)}{idle}"] = None
        except (OSError, *NOT_PYTHON):
            continue
    return list(found)


def _timeout(seen: _ProjectFiles) -> Iterator[Remark]:
    settings = seen.project.settings
    found = _idle_time_in_files(seen.project) if settings.server_timeout is None else ""
    if found:
        yield Remark("server-timeout", OK, f"{found}: waits and pool lifetimes above it are reported")
    elif settings.server_timeout is None:
        message = "not set: waits of 300 s or more are reported, and pools that keep connections for more than 28800 s"
        advice = "set `server-timeout` to the result of `SELECT @@global.wait_timeout`"
        yield Remark("server-timeout", NOTE, message, advice)
    else:
        message = f"{settings.server_timeout} s: waits and pool lifetimes above it are reported"
        yield Remark("server-timeout", OK, f"{message}; fixes set `pool_recycle={settings.safe_lifetime}`")


def _idle_time_in_files(project: Project) -> str:
    """Return the idle timeout of MySQL's server by the repository's files, and its place; empty if no file says it."""
    from dbhygiene.pools.server_limits import limit_text
    from dbhygiene.servers.facts import server_facts
    from dbhygiene.servers.limits import idle_limit

    number = idle_limit(server_facts(project), "mysql", ())
    return limit_text(number) if number is not None else ""


def _servers(seen: _ProjectFiles) -> Iterator[Remark]:
    from dbhygiene.servers.descriptions import describe_servers
    from dbhygiene.servers.facts import server_facts

    facts = server_facts(seen.project)
    for line in describe_servers(facts):
        yield Remark("servers", OK, line)
    for dead in facts.dead:
        yield Remark("servers", NOTE, f"{dead.place}: {dead.message}", dead.advice)


def _comments(seen: _ProjectFiles) -> Iterator[Remark]:
    files = {path for paths in seen.libraries.values() for path in paths}
    counts = {path: len(_BARE_NOQA.findall(seen.project.read(path))) for path in sorted(files)}
    if total := sum(counts.values()):
        most = max(counts, key=lambda path: counts[path])
        message = f"{total} bare `# noqa` in files that import a database library do not silence dbhygiene"
        advice = f"to silence a finding, name its code: `# noqa: HYG101`; most are in {seen.display_path(most)}"
        yield Remark("comments", NOTE, message, advice)


# -- the tools beside it --------------------------------------------------------------------------------


def _flake8(seen: _ProjectFiles) -> Iterator[Remark]:
    found = next(_flake8_sections(seen), None)
    hook = seen.hooks is not None and re.search(
        r"^\s*-\s*id:\s*flake8\b(?P<rest>(?:\n(?!\s*-\s*(?:id|repo):).*)*)", seen.hooks, re.M
    )
    if hook and "dbhygiene" not in hook["rest"]:
        advice = "add `additional_dependencies: [dbhygiene]`, or use the hook of dbhygiene"
        yield Remark("flake8", NOTE, ".pre-commit-config.yaml: the flake8 hook does not install dbhygiene", advice)
    if found is None:
        if not hook:
            yield Remark("flake8", OK, "not used")
        return
    name, options = found
    hidden = [key for key in ("ignore", "extend-ignore") if any(_hides(word) for word in _codes(options, key))]
    chosen = (*_codes(options, "select"), *_codes(options, "extend-select"))
    if _codes(options, "select") and not any(word.startswith(_PREFIX) or _hides(word) for word in chosen):
        yield Remark("flake8", PROBLEM, f"{name}: `select` does not include HYG", "add `extend-select = HYG`")
    elif hidden:
        yield Remark("flake8", PROBLEM, f"{name}: `{hidden[0]}` excludes HYG", f"remove it from `{hidden[0]}`")
    else:
        yield Remark("flake8", OK, f"{name} includes HYG")


def _flake8_sections(seen: _ProjectFiles) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name in ("setup.cfg", "tox.ini", ".flake8"):  # the order of flake8: the first file with a section counts
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(_text(seen.root / name) or "")
        except configparser.Error:
            continue
        if parser.has_section("flake8"):
            yield name, {key.replace("_", "-"): value for key, value in parser.items("flake8")}


def _codes(options: Mapping[str, str], key: str) -> tuple[str, ...]:
    lines = (line.partition("#")[0] for line in options.get(key, "").splitlines())
    return tuple(word for line in lines for word in re.split(r"[,\s]+", line) if word)


def _hides(word: str) -> bool:
    return bool(word) and _PREFIX.startswith(word)


def _ruff(seen: _ProjectFiles) -> Iterator[Remark]:
    files = [name for name in (".ruff.toml", "ruff.toml") if (seen.root / name).exists()]
    table = _toml(seen.root / files[0]) if files else seen.pyproject.get("tool", {}).get("ruff")
    if not isinstance(table, dict):
        yield Remark("ruff", OK, "not used")
        return
    name = files[0] if files else "pyproject.toml"
    lint = table.get("lint", {})
    external = [*lint.get("external", ()), *table.get("external", ())]
    if any(isinstance(word, str) and _hides(word) for word in external):
        yield Remark("ruff", OK, f"{name}: `external` includes HYG")
        return
    chosen = [*lint.get("select", ()), *lint.get("extend-select", ()), *table.get("select", ())]
    removes = any(rule.startswith(str(word)) for word in chosen for rule in ("RUF100", "RUF102")) or "ALL" in chosen
    message = f"{name}: ruff does not know HYG, and reports comments such as `# noqa: HYG101` as invalid"
    yield Remark(
        "ruff",
        PROBLEM if removes else NOTE,
        message,
        'set `lint.external = ["HYG"]`, or write `# dbhygiene: ignore[...]`',
    )


def _pre_commit(seen: _ProjectFiles) -> Iterator[Remark]:
    if seen.hooks is None:
        yield Remark("pre-commit", OK, "not used")
        return
    ids = re.findall(r"^\s*-\s*id:\s*[\"']?(dbhygiene[\w-]*)", seen.hooks, re.M)
    if not ids:
        advice = "to check each commit, add the hook `dbhygiene`"
        yield Remark("pre-commit", NOTE, ".pre-commit-config.yaml does not use dbhygiene", advice)
    elif unknown := [each for each in ids if each not in ("dbhygiene", "dbhygiene-fix")]:
        yield Remark("pre-commit", PROBLEM, f"there is no hook `{unknown[0]}`", "use `dbhygiene` or `dbhygiene-fix`")
    else:
        yield Remark("pre-commit", OK, f"runs {' and '.join(dict.fromkeys(ids))}")


def has_problems(remarks: Sequence[Remark]) -> bool:
    """Whether anything must be fixed."""
    return any(remark.state == PROBLEM for remark in remarks)


def settings_problem(error: UsageError) -> Remark:
    """Return the remark on invalid settings, which prevent all other checks."""
    return Remark("settings", PROBLEM, str(error), "fix this first")
