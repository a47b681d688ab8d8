"""`load_settings`: the settings of a project, from files; variables and options override them.

From the weakest to the strongest: defaults; the file of the project, `[tool.dbhygiene]` of a `pyproject.toml` or a
`dbhygiene.toml` beside it, which comes first; variables named `DBHYGIENE_*`; options.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbhygiene import __version__
from dbhygiene.config.errors import ALL_KEYS, UsageError, did_you_mean
from dbhygiene.config.settings import Settings
from dbhygiene.source.records import replace
from dbhygiene.source.regular_files import read_bytes

if TYPE_CHECKING:
    from dbhygiene.config.schema import Key

FILES = ("dbhygiene.toml", "pyproject.toml")
MARKERS = (*FILES, "setup.cfg", "setup.py", ".git")
_WEAK_MARKERS = ("requirements.txt", "Pipfile", "manage.py", "tox.ini")  # of a project that is in no repository
PREFIX = "DBHYGIENE_"
_OURS = rb"tool\b[^\n]*dbhygiene|^\s*\[\s*[\"']?tool[\"']?\s*\]"  # else, where it is named, it is a dependency


# -- files ----------------------------------------------------------------------------------------------


def root_of(path: Path) -> Path:
    """Return the root of the project of a path.

    That is the nearest directory above it, within the repository, that has settings. Without one, it is the nearest
    directory that looks like the root of a project: from the current directory upwards, whichever files are named, or
    else from the path upwards. Otherwise it is the directory itself, or that of the file.
    """
    return marked_root(path) or (path if path.is_dir() else path.parent)


def roots_of(paths: Iterable[Path]) -> dict[Path, Path]:
    """Return the root of the project of each path; paths without a project share their nearest common directory.

    The root of the file system and a user's home are too much to be a project: what only these hold lies apart.
    """
    marked: dict[Path, Path | None] = {}  # by directory: a hook names many files of few
    starts = {path: path if path.is_dir() else path.parent for path in paths}
    for start in starts.values():
        if start not in marked:
            marked[start] = marked_root(start)
    loose = [start for start, root in marked.items() if root is None]
    shared = Path(os.path.commonpath(loose)) if loose and len({start.anchor for start in loose}) == 1 else None
    if shared and is_too_much(shared):
        shared = None
    return {path: marked[start] or shared or start for path, start in starts.items()}


def is_too_much(directory: Path) -> bool:
    """Whether a directory holds too much to be a project, unless something marks it as one."""
    return str(directory) in {directory.anchor, os.path.expanduser("~")}


def marked_root(path: Path, here: Path | None = None) -> Path | None:
    """Return the root of the project of a path; None if no file or directory marks one.

    Arguments:
        here: the directory in which the user is; by default, the current one.
    """
    start = path if path.is_dir() else path.parent
    here = here or Path(os.getcwd())
    around = nearest = None
    for directory in (start, *start.parents):
        markers = [marker for marker in MARKERS if os.path.exists(os.path.join(directory, marker))]
        if markers:
            nearest = nearest or directory
            around = around or (directory if here.is_relative_to(directory) else None)
        if any(_has_settings(directory / marker) for marker in markers if marker in FILES):
            return directory
        if ".git" in markers:
            break
    return around or nearest or _weakly_marked_root(start)


def _weakly_marked_root(start: Path) -> Path | None:
    for directory in (start, *start.parents):
        if is_too_much(directory):
            break
        if any(os.path.exists(os.path.join(directory, marker)) for marker in _WEAK_MARKERS):
            return directory
    return None


def _has_settings(path: Path) -> bool:
    """Whether a file has settings, even wrong ones: `load_settings` reports these; `--isolated` does not read them."""
    try:
        return read_file(path) is not None
    except UsageError:
        return True


def by_root(files: Iterable[str], root: Path) -> dict[Path, list[str]]:
    """Group files below a root by the nearest directory with settings of its own; else by the root."""
    roots: dict[str, Path] = {str(root): root}
    found: dict[Path, list[str]] = {}
    for file in files:
        found.setdefault(_root_between(os.path.dirname(file), roots), []).append(file)
    return found


def _root_between(directory: str, roots: dict[str, Path]) -> Path:
    """Return the nearest directory with settings; `roots` remembers the answers."""
    passed = []
    here = directory
    while here not in roots:
        passed.append(here)
        if any(
            os.path.exists(path := os.path.join(here, name)) and read_file(Path(path)) is not None for name in FILES
        ):
            roots[here] = Path(here)
        elif here == os.path.dirname(here):
            roots[here] = next(iter(roots.values()))  # outside of the first root: a path that was given
        else:
            here = os.path.dirname(here)
    for each in passed:
        roots.setdefault(each, roots[here])
    return roots[here]


def load_settings(root: Path) -> Settings:
    """Return the settings in the files of the project with this root; raise UsageError if they are invalid."""
    for name in FILES:
        settings = read_file(root / name)
        if settings is not None:
            return settings
    return Settings()


def read_file(path: Path) -> Settings | None:
    """Return the settings in a file; None if it has none, or does not exist."""
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{display_path(path)}: {error.strerror}") from None
    own_file = path.name != "pyproject.toml"
    if not own_file and not re.search(_OURS, data, re.M):  # most are not about us, and need no parser
        return None
    try:
        text = data.decode()
        table = toml(text)
    except UnicodeDecodeError:
        raise UsageError(f"{display_path(path)}: not UTF-8; save it as UTF-8") from None
    except ValueError as error:
        raise UsageError(f"{display_path(path)}: {error}") from None
    if not own_file:
        tool = table.get("tool")
        table = tool.get("dbhygiene") if isinstance(tool, dict) else None
        if table is None:
            return None
        if not isinstance(table, dict):
            raise UsageError(f"{display_path(path)}: `tool.dbhygiene` must be a table")
    return _with_values(Settings(), table, lambda key: f"{display_path(path)}{_line(text, key)}")


def misspelt(root: Path) -> list[str]:
    """Return a line for each table in a project's files that is not read, though its name looks like ours."""
    found: dict[str, str] = {}
    for file in (FILES[1], "setup.cfg"):
        try:
            data = read_bytes(root / file)
        except OSError:
            continue
        for table in re.finditer(_TABLE, data, re.M):
            tool, name = table["tool"].decode(), table["name"].decode()
            if (file, tool, name) != (FILES[1], "tool.", "dbhygiene") and _is_like_ours(name):
                line = data.count(b"\n", 0, table.start("name")) + 1
                place = f"{display_path(root / file)}:{line}"
                hint = f"write `[tool.dbhygiene]`{'' if file == FILES[1] else f' in {FILES[1]}'}"
                found.setdefault(f"{file} {tool}{name}", f"{place}: the table `[{tool}{name}]` is not read; {hint}")
    return list(found.values())


_TABLE = rb"""^[ \t]*\[[ \t]*(?P<tool>(?:tool[.:])?)["']?(?P<name>[\w-]{5,15})\b["']?[.\w\t -]*\]"""


def _is_like_ours(name: str) -> bool:
    plain = name.lower().replace("-", "").replace("_", "")
    if len(set(plain) & set("dbhygiene")) < 6:  # the names of other tools need no comparison
        return False
    return bool(did_you_mean(plain, ("dbhygiene",), least=0.75))


def toml(text: str) -> Any:
    """Parse TOML; raise ValueError, with the line, if the text is not valid."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _line(text: str, key: str) -> str:
    """Return `:12` for the line of one of our keys; empty if the key is not found."""
    header = re.search(r"^\s*\[\s*tool\s*\.\s*dbhygiene\b", text, re.M)
    word = rf"""["']?{re.escape(key)}["']?\s*"""
    pattern = re.compile(rf"^\s*(?:\[[^\]\n]*\.\s*{word}[\].]|\[\s*{word}[\].]|(?:tool\.dbhygiene\.)?{word}[=.])", re.M)
    found = pattern.search(text, header.start() if header else 0)
    return f":{text.count(chr(10), 0, found.start() + len(found[0]) - len(found[0].lstrip())) + 1}" if found else ""


def display_path(path: Path) -> str:
    """Return a path as messages name it: relative to the current directory, if it is below it."""
    try:
        return str(path.relative_to(os.getcwd()))
    except ValueError:
        return str(path)


# -- variables and options ------------------------------------------------------------------------------


def from_environment(settings: Settings, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings, overridden by variables such as `DBHYGIENE_SERVER_TIMEOUT`."""
    said = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    if not said:
        return settings
    from dbhygiene.config.schema import KEYS

    known = {PREFIX + key.field.upper(): key for key in KEYS}
    for name in said:
        if name not in known and (hint := did_you_mean(name, known, least=0.85)):  # others may be a script's own
            raise UsageError(f"unknown environment variable `{name}`{hint}")
    for name, key in known.items():
        if name in said:
            settings = with_text(settings, key, said[name], name)
    return settings


def with_assignment(settings: Settings, assignment: str) -> Settings:
    """Return the settings with the value of `key=value`."""
    from dbhygiene.config.schema import BY_NAME

    name, _, value = assignment.partition("=")
    if (key := BY_NAME.get(name.strip())) is None:
        raise UsageError(
            f"--config: unknown key `{name.strip()}`{did_you_mean(name.strip(), BY_NAME, otherwise=ALL_KEYS)}"
        )
    return with_text(settings, key, value.strip(), "--config")


def with_text(settings: Settings, key: Key, text: str, source: str) -> Settings:
    """Return the settings with another value of a key, given as text: TOML, or unquoted words with commas."""
    try:
        value = toml(f"value = {text}")["value"]
    except ValueError:
        value = text
    if key.kind.list and not isinstance(value, list):
        value = [word.strip() for word in text.split(",") if word.strip()]
    return _with_values(settings, {key.name: value}, lambda _: source)


def _with_values(settings: Settings, table: Mapping[str, Any], source: Any) -> Settings:
    """Return the settings with the values of a table; `source` gives the place of each key, for messages."""
    from dbhygiene.config.schema import BY_NAME

    values: dict[str, Any] = {}
    sources = dict(settings.sources)
    for name, value in table.items():
        key = BY_NAME.get(name)
        if key is None:
            raise UsageError(f"{source(name)}: unknown key `{name}`{did_you_mean(name, BY_NAME, otherwise=ALL_KEYS)}")
        try:
            values[key.field] = key.kind.read(value)
        except ValueError as error:
            raise UsageError(f"{source(name)}: `{name}` must be {error}") from None
        sources[name] = source(name)
    return replace(settings, **values, sources=sources)


# -- versions -------------------------------------------------------------------------------------------

_BOUND = r"\s*(===?|!=|>=|<=|>|<|~=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?\s*"


def require_version(settings: Settings, version: str = __version__) -> None:
    """Raise UsageError if the project requires another version of dbhygiene."""
    wanted = settings.required_version
    if not wanted:
        return
    bounds = [re.fullmatch(_BOUND, bound) for bound in wanted.split(",")]
    here = settings.place("required-version")
    if not all(bounds):
        raise UsageError(f"{here}`required-version` must be versions such as `>=0.1,<1`, not `{wanted}`")
    own = _numbers(version)
    if not all(bound and _holds(own, bound[1] or "==", _numbers(bound[2]), bool(bound[3])) for bound in bounds):
        raise UsageError(
            f"{here}this is dbhygiene {version}, but the project requires {wanted}; install such a version"
        )


def _holds(own: tuple[int, ...], sign: str, wanted: tuple[int, ...], any_below: bool) -> bool:
    if any_below or sign == "~=":
        length = len(wanted) if any_below else len(wanted) - 1
        same = own[:length] == wanted[:length]
        return not same if sign == "!=" else same and (any_below or own >= wanted)
    width = max(len(own), len(wanted))
    left, right = (numbers + (0,) * (width - len(numbers)) for numbers in (own, wanted))
    signs = {"!=": left != right, ">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right}
    return signs.get(sign, left == right)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
