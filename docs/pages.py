"""Generate the pages that repeat what the program knows: one for each rule, the settings, the supported drivers.

`write` is called when the documentation is built. Its output is not committed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dbhygiene
from dbhygiene.checker.own_findings import OWN_CODES
from dbhygiene.checker.own_pages import PAGES
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.schema import KEYS, Key, toml_value
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.library.drivers import drivers
from dbhygiene.library.resources import Driver, Leaving

FAMILIES = {
    "HYG1": (
        "The life of a connection",
        "Connections of drivers: left open, closed twice, used after they were idle; `with` that does not close.",
    ),
    "HYG2": ("SQLAlchemy", "Engines, pools and sessions, also of Flask-SQLAlchemy."),
    "HYG3": ("Django", "The connection that Django opens by itself: long waits, threads and transactions."),
    "HYG4": (
        "Lost connections",
        "Handlers of lost connections: retries, reconnects and checks that do not do what they should.",
    ),
    "HYG5": (
        "Servers, pools and health checks",
        "Servers, pools and health checks, as files of the repository configure them.",
    ),
    "HYG0": ("About the run itself", "Files that cannot be read, comments that silence nothing."),
}
_FIXED = re.compile(r"^```python fixed(?P<unsafe> unsafe)?$", re.M)
_FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
_MENTION = re.compile(r"(?<![\[`])`([a-z]+(?:-[a-z]+)+)`(?![\]`])")
_NAMED = re.compile(r"^```(?P<language>[a-z]+) (?P<file>[\w/-]*[A-Z./][\w./-]*)$", re.M)
_LANGUAGES = frozenset({"ini", "python", "toml", "yaml"})


def write(docs: Path) -> None:
    """Write the generated pages below `docs`, and delete those of rules that no longer exist."""
    rules = docs / "rules"
    rules.mkdir(exist_ok=True)
    texts = {f"{rule.name}.md": page(rule) for rule in all_rules()}
    texts |= {f"{OWN_CODES[code]}.md": own_page(code) for code in OWN_CODES}
    texts["index.md"] = index()
    for old in rules.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        _write(rules / name, text)
    (docs / "_generated").mkdir(exist_ok=True)
    _write(docs / "_generated" / "settings.md", settings())
    _write(docs / "_generated" / "drivers.md", supported_drivers())


def _write(path: Path, text: str) -> None:
    """Write a file if its text has changed: Sphinx reads newer files again."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


# -- rules ----------------------------------------------------------------------------------------------


def page(rule: AnyRule) -> str:
    """Return the page of a rule: its name, and its docstring."""
    summary, _, rest = rule.doc.strip().partition("\n")
    off = "" if rule.default else "\n\n*This rule is off by default: select it by its name or code.*"
    rest = captioned(linked(rest, rule.name))
    if rule.code in _ABOUT_COMMENTS:
        return f"# {rule.name} ({rule.code})\n\n{summary}{off}\n{rest.rstrip()}\n"
    silence = f"\n\n## Silence it\n\n```python\n# dbhygiene: ignore[{rule.name}] the reason\n```\n\n"
    silence += "[More about silencing findings](../silencing.md)\n"
    return f"# {rule.name} ({rule.code})\n\n{summary}{off}\n{rest.rstrip()}{silence}\n"


def own_page(code: str) -> str:
    """Return the page of a finding that the run itself reports."""
    return f"# {OWN_CODES[code]} ({code})\n\n{PAGES[code]}"


_ABOUT_COMMENTS = ("HYG002", "HYG004")


def _with_file_name(fence: re.Match[str]) -> str:
    language = fence["language"] if fence["language"] in _LANGUAGES else "text"
    return f"```{{code-block}} {language}\n:caption: {fence['file']}\n"


def captioned(text: str) -> str:
    """Return a page with a caption above each fixed example, and above each file that belongs to the next one."""
    after = r"```{code-block} python\n:caption: after `dbhygiene fix\g<unsafe>`\n"
    text = _FIXED.sub(after, text).replace("dbhygiene fix unsafe", "dbhygiene fix --unsafe-fixes")
    text = _NAMED.sub(_with_file_name, text)
    return text.replace("```python possible\n", "```python\n")


def linked(text: str, own: str) -> str:
    """Return a page with a link for each other rule, and each setting, whose name has a hyphen."""
    targets = {key.name: f"../configuration.md#{key.name}" for key in KEYS}
    targets |= {rule.name: f"{rule.name}.md" for rule in all_rules() if rule.name != own}

    def link(mention: re.Match[str]) -> str:
        target = targets.get(mention[1])
        return f"[{mention[0]}]({target})" if target else mention[0]

    parts = _FENCE.split(text)
    fences = [*_FENCE.findall(text), ""]
    return "".join(_MENTION.sub(link, part) + fence for part, fence in zip(parts, fences, strict=True))


def index() -> str:
    """Return the table of all rules, by family."""
    words = "In the examples, a comment such as `# HYG101` marks a line with a finding. Tests check every example."
    text = f"# Rules\n\n{words}\n"
    by_code: dict[str, tuple[str, str, bool]] = {
        rule.code: (f"[{rule.name}]({rule.name}.md)", rule.summary, rule.default) for rule in all_rules()
    }
    by_code |= {
        code: (f"[{name}]({name}.md)", PAGES[code].partition("\n")[0], True) for code, name in OWN_CODES.items()
    }
    for prefix, (title, about) in FAMILIES.items():
        rows = [(code, row) for code, row in sorted(by_code.items()) if code.startswith(prefix)]
        if rows:
            text += f"\n## {title}\n\n{about}\n\n| code | rule | what it finds |\n|---|---|---|\n"
            text += "".join(
                f"| {c} | {name} | {what}{'' if on else ' *Off by default.*'} |\n" for c, (name, what, on) in rows
            )
    families = list(FAMILIES)
    codes = {rule.code: rule.name for rule in all_rules()} | OWN_CODES
    names = "\n".join(codes[code] for code in sorted(codes, key=lambda code: (families.index(code[:4]), code)))
    return f"{text}\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def llms(url: Callable[[str], str], titles: Mapping[str, Any]) -> str:
    """Return the list of pages for language models.

    Arguments:
        url: returns the address of a page.
        titles: page -> its title, as Sphinx has it.
    """
    text = f"# dbhygiene\n\n> {dbhygiene.__doc__.strip().splitlines()[0]}\n\n"
    text += "`dbhygiene check -o agent` prints one line per finding, `dbhygiene rule NAME` the page of a rule.\n"
    for heading, prefix in (("Errors", "errors/"), ("Rules", "rules/"), ("More", "")):
        names = [name for name in sorted(titles) if name.startswith(prefix) and ("/" in name) == bool(prefix)]
        text += f"\n## {heading}\n\n" + "".join(f"- [{titles[name].astext()}]({url(name)})\n" for name in names)
    return text


# -- settings -------------------------------------------------------------------------------------------


def settings() -> str:
    """Return every setting, with its type, default, meaning and example."""
    return "\n".join(_key(key) for key in KEYS)


def _key(key: Key) -> str:
    variable = f"`DBHYGIENE_{key.field.upper()}`"
    facts = "; ".join([key.kind.name, *_default(key), f"environment variable {variable}"])
    table = key.example if key.example.startswith("[") else f"[tool.dbhygiene]\n{key.example}"
    return f"### {key.name}\n\n{key.meaning}\n\n*{facts}*\n\n```toml\n{table}\n```\n"


def _default(key: Key) -> Iterator[str]:
    if key.default not in (None, "", (), {}):
        yield f"default `{json.dumps(toml_value(key.default))}`"


# -- drivers --------------------------------------------------------------------------------------------

SERVERS = {
    "mysql": "MySQL, MariaDB",
    "postgresql": "PostgreSQL",
    "sqlite": "SQLite",
    "oracle": "Oracle",
    "mssql": "SQL Server",
    "odbc": "any, by ODBC",
    "duckdb": "DuckDB",
    "snowflake": "Snowflake",
    "": "any",
}


def supported_drivers() -> str:
    """Return the tables of drivers: their names, what `with` does, pools and hooks."""
    order = [*SERVERS, *(driver.server for driver in drivers())]
    known = sorted(drivers(), key=lambda driver: (order.index(driver.server), driver.package.lower()))
    text = "## Drivers\n\n| import | package | database |\n|---|---|---|\n"
    for driver in known:
        text += f"| `{driver.package}` | {_packages(driver)} | {SERVERS.get(driver.server, driver.name)} |\n"
    text += "\n## Leaving `with connection:`\n\n"
    text += "| import | version | at the end of the block | a second `close()` |\n|---|---|---|---|\n"
    for driver in (driver for driver in known if driver.opens):
        twice = "raises" if driver.second_close_raises else ""
        for number, leaving in enumerate(driver.leavings):
            text += f"| `{driver.package}` | {_versions(driver, number)} | {_leaving(driver, leaving)} | {twice} |\n"
    text += "\n## Pools and hooks\n\n| pool or hook | gives a connection | takes it back |\n|---|---|---|\n"
    return text + "".join(_pools(driver) for driver in known)


def _packages(driver: Driver) -> str:
    if driver.package in sys.stdlib_module_names:
        return "standard library"
    if not driver.distributions:
        return "a build of `sqlite3`"
    return ", ".join(f"`{name}`" for name in driver.distributions)


def _pools(driver: Driver) -> str:
    rows = {}  # a pool has several names, of which the first is the shortest
    for pool in driver.pools:
        back = f"`{pool.gives_back}()`" if pool.gives_back else "`close()` of the connection"
        for name in pool.made_by:
            rows.setdefault((name.rpartition(".")[2], pool.takes), f"| `{name}` | `{pool.takes}()` | {back} |\n")
    return "".join(rows.values())


def _versions(driver: Driver, number: int) -> str:
    """Return the versions for which an entry of `leavings` holds, such as "0.10 to 1.0"."""
    since = ".".join(map(str, driver.leavings[number].since))
    later = driver.leavings[number + 1 :]
    before = ".".join(map(str, later[0].since)) if later else ""
    if since and before:
        return f"from {since}, before {before}"
    return f"{since} and newer" if since else f"before {before}" if before else "all"


def _leaving(driver: Driver, leaving: Leaving) -> str:
    if not leaving.exists:
        return f"there is no `{'async ' if driver.is_async else ''}with`"
    ends = "closes" if leaving.closes else "**does not close**"
    commits = "commits" if leaving.commits else "each statement commits" if driver.autocommits else "does not commit"
    return f"{commits}, {ends}" + (", and `as` gives a cursor" if leaving.binds == "cursor" else "")
