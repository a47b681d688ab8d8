"""Flask-SQLAlchemy application whose pool may lend connections that the server has already closed.

Flask-SQLAlchemy creates the engine from the application's settings. For `mysql` URLs it sets `pool_recycle` to 7200 s.
That is enough for MySQL's default `wait_timeout` of eight hours, but not for the five or ten minutes of many hosted
servers. There, the first request after a quarter of an hour without requests fails with error 2006 ("MySQL server has
gone away"). For `mariadb` URLs it sets nothing.

```python
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "mariadb+pymysql://shop@db/shop"  # HYG206: neither
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
```

```python fixed
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "mariadb+pymysql://shop@db/shop"
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
```

Without a known timeout of the server, the 7200 s are only *possibly* too long. If the setting `server-timeout` is at
most 7200, the finding is *certain*. If a file of the repository, or the host name of a provider, gives such a timeout,
`connection-outlives-server` reports it.

```python possible
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "mysql+pymysql://shop@db/shop"  # HYG206: 7200
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
```

```python fixed
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "mysql+pymysql://shop@db/shop"
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
```

The settings may also be in a class or in a module of their own:

```python
class Config:
    SQLALCHEMY_DATABASE_URI = "mariadb+pymysql://shop@db/shop"  # HYG206
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_size": 5}
```

```python fixed
class Config:
    SQLALCHEMY_DATABASE_URI = "mariadb+pymysql://shop@db/shop"
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_size": 5, "pool_pre_ping": True}
```

A `pool_recycle` of your own must be less than the server's `wait_timeout`, too. You may have chosen it for your server.
So it is reported only if it is not less than the setting `server-timeout` or, if that is not set, MySQL's default of
28800 s:

```python
class Config:
    SQLALCHEMY_DATABASE_URI = "mysql+pymysql://shop@db/shop"
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 86400}  # HYG206: 86400 s, but MySQL closes idle connections
```

```python fixed
class Config:
    SQLALCHEMY_DATABASE_URI = "mysql+pymysql://shop@db/shop"
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 280}
```

Either option is enough, also in a base class. Settings of tests and of development machines are not reported:

```python
class Base:
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 280}

class Production(Base):
    SQLALCHEMY_DATABASE_URI = "mysql+pymysql://shop@db/shop"

class Development:
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_DATABASE_URI = "mysql+pymysql://root@localhost/shop"
```

## Fix safety

Safe: the option is added beside the URL, before the extension reads it. Versions before 2.4 do not support
`SQLALCHEMY_ENGINE_OPTIONS`: if the project requires one of them, the fix sets `SQLALCHEMY_POOL_RECYCLE` instead. There
is no fix for options that are not one dict literal in the same file, or for the binds of versions before 3.

A smaller `pool_recycle` is unsafe if the URL is not known to be that of a server: an SQLite database in memory, for
example in tests, is lost when its connection is replaced. `pool_pre_ping` changes nothing there.

## References

- [Engine configuration](https://flask-sqlalchemy.readthedocs.io/en/stable/config/#flask_sqlalchemy.config.SQLALCHEMY_ENGINE_OPTIONS)
- [Timeouts](https://flask-sqlalchemy.readthedocs.io/en/stable/config/#timeouts)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddItem, AddKeyword, InsertAfter, Replace, verbatim
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.diagnostics.quantities import closes_idle, seconds_text
from dbhygiene.library.test_files import is_example, is_test_file
from dbhygiene.pools import flask
from dbhygiene.pools.dialect_evidence import is_mysql_in_production
from dbhygiene.pools.engine_fixes import unsafe_in_memory
from dbhygiene.pools.named_databases import names_another
from dbhygiene.pools.server_limits import with_timeout
from dbhygiene.pools.sqlalchemy import CLOSES_IDLE, MYSQL, UNKNOWN_DATABASE, databases, in_migrations
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant, Dict, Text, as_dict, least_number, options
from dbhygiene.servers.endpoints import endpoints
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.limits import idle_limit
from dbhygiene.servers.model import Limit
from dbhygiene.source.file import File

_TITLE = "Test connections before use"


@rule("HYG206", on=File, imports={"SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    yield from (found for number, found in findings(file) if number is None)  # else `connection-outlives-server`


def findings(file: File) -> Iterator[tuple[Limit | None, Diagnostic]]:
    """Yield the findings, each with the server's timeout if a file of the repository gives one below 7200 s."""
    if is_test_file(file) or in_migrations(file) or flask.handles_options(file):
        return
    found = flask.groups(file)
    for group in found:
        protected = _is_protected(file, group) or flask.options_elsewhere(file, group, found)
        if not group.is_for_development and not protected:
            yield from _uri(file, group, found)
        if not group.is_for_development:
            yield from _too_long(file, group, found)
            yield from ((None, found) for found in _binds(file, group))


def _is_protected(file: File, group: flask.Group) -> bool:
    """Whether its settings have one of the options, or hide whether they do."""
    if group.has(flask.POOL_RECYCLE) and (file.project.version_of(flask.DISTRIBUTION) or (2,)) < (3,):
        return True
    if flask.ENGINE_OPTIONS in group.inherited:
        return True
    return any(_protects(file, setting.value) for setting in group.of(flask.ENGINE_OPTIONS))


def _protects(file: File, expr: ast.expr) -> bool:
    given = as_dict(evaluate(file, expr))
    return given.open or bool({"pool_pre_ping", "pool_recycle", "poolclass", "creator"} & given.items.keys())


def _uri(file: File, group: flask.Group, found: list[flask.Group]) -> Iterator[tuple[Limit | None, Diagnostic]]:
    """Yield the URL of the default bind: the last that may be MySQL's, where several branches assign one.

    One that names MySQL comes before one that the environment may set to it.
    """
    urls = [(sure, setting) for setting in group.of(flask.URI) if (sure := _confidence(file, setting)) is not None]
    if not urls:
        return
    named = [each for each in urls if MYSQL in databases(evaluate(file, each[1].value))]
    confidence, setting = max(reversed(named or urls), key=lambda each: each[0])
    if isinstance(setting.value, ast.Name) and any(other.of(flask.URI) for other in found if other is not group):
        return  # a copy of a setting of this file, which is reported where it is made
    made = Diagnostic(
        setting.at,
        _message(file, setting),
        fix=_fix(file, group, setting),
        confidence=confidence,
        notes=(CLOSES_IDLE,),
        subject=flask.URI,
    )
    yield _number(file, setting), made


def _number(file: File, setting: flask.Setting) -> Limit | None:
    """Return the server's timeout by the repository's files, if connections that are kept for 7200 s outlive it."""
    if not _is_implicit(file, setting):
        return None
    found = _idle_number(file, setting)
    return found if found is not None and found.value <= flask.IMPLICIT_RECYCLE else None


def _idle_number(file: File, setting: flask.Setting) -> Limit | None:
    """Return the server's timeout by the repository's files; None if the user has set it, or no file says it."""
    url = evaluate(file, setting.value)
    if file.project.settings.server_timeout is not None or MYSQL not in databases(url):
        return None
    return idle_limit(server_facts(file.project), MYSQL, endpoints(url))


def _too_long(file: File, group: flask.Group, found: list[flask.Group]) -> Iterator[tuple[Limit | None, Diagnostic]]:
    """Yield the `pool_recycle` of the engine's options, if the server closes connections earlier."""
    uris = group.of(flask.URI) or [setting for other in found for setting in other.of(flask.URI)]
    found_at = [databases(evaluate(file, setting.value)) for setting in uris]
    uris = [setting for setting, possible in zip(uris, found_at, strict=True) if MYSQL in possible]
    for setting in group.of(flask.ENGINE_OPTIONS) if uris else ():
        given = as_dict(evaluate(file, setting.value))
        if given.open or {"pool_pre_ping", "poolclass", "creator"} & given.items.keys():
            continue
        seconds = least_number(given.items.get("pool_recycle"))
        number = _idle_number(file, uris[0])
        limit = number.value if number is not None else file.project.settings.lifetime_limit
        if seconds >= limit:
            at, fix = _recycle_option(file, setting, number)
            fix = unsafe_in_memory(fix, frozenset().union(*found_at))
            is_sure = file.project.settings.server_timeout is not None
            closes = closes_idle(limit, by_default=number is None and not is_sure)
            message = f"`pool_recycle` is {seconds_text(seconds)}, but {closes}"
            confidence = Confidence.CERTAIN if is_sure else Confidence.LIKELY
            yield number, Diagnostic(at, message, fix=fix, confidence=confidence, subject=flask.ENGINE_OPTIONS)


def _recycle_option(file: File, setting: flask.Setting, number: Limit | None) -> tuple[ast.expr, Fix | NoFix]:
    """Return the place where the option is set, and its fix."""
    known = as_dict(evaluate(file, setting.value))
    code = str(with_timeout(file.project.settings, number).safe_lifetime)
    if known.file is file and known.literal is not None:
        for key, value in zip(known.literal.keys, known.literal.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "pool_recycle":
                return value, Fix("Replace connections earlier", (Replace(file.span(value), code),))
    return setting.at, NoFix(f"the engine options are not one dict literal in this file; set `pool_recycle` to {code}")


def _confidence(file: File, setting: flask.Setting) -> Confidence | None:
    found = databases(evaluate(file, setting.value))
    timeout = file.project.settings.server_timeout
    if MYSQL in found and is_example(file):
        return Confidence.POSSIBLE
    if MYSQL in found and not _is_implicit(file, setting):
        return Confidence.CERTAIN
    if MYSQL not in found and UNKNOWN_DATABASE not in found:
        return None
    if MYSQL not in found and names_another(file, setting.at, setting.value):
        return None
    if timeout is None:
        return Confidence.POSSIBLE  # MySQL's own default is four times the extension's
    if timeout > flask.IMPLICIT_RECYCLE and _is_implicit(file, setting):
        return None
    if MYSQL in found:
        return Confidence.LIKELY if UNKNOWN_DATABASE in found else Confidence.CERTAIN
    return Confidence.LIKELY if is_mysql_in_production(found, file) and not is_example(file) else Confidence.POSSIBLE


def _is_implicit(file: File, setting: flask.Setting) -> bool:
    """Whether the extension adds its 7200 s: for all MySQL URLs but those that begin with `mariadb`."""
    prefixes = [
        option.value if isinstance(option, Constant) else option.pattern
        for option in options(evaluate(file, setting.value))
        if isinstance(option, (Constant, Text))
    ]
    return not any(str(prefix).lower().startswith("mariadb") for prefix in prefixes)


def _message(file: File, setting: flask.Setting) -> str:
    if _is_implicit(file, setting):
        return "engine has no `pool_pre_ping`, and its default `pool_recycle` of 7200 s may be too long"
    return "engine has neither `pool_pre_ping` nor `pool_recycle`: it may lend closed connections"


def _fix(file: File, group: flask.Group, setting: flask.Setting) -> Fix | NoFix:
    version = file.project.version_of(flask.DISTRIBUTION)
    if given := group.of(flask.ENGINE_OPTIONS):
        known = evaluate(file, given[0].value)
        if len(given) == 1 and isinstance(known, Dict) and known.literal is not None and known.file is file:
            return Fix(_TITLE, (AddItem(file.span(known.literal), file.quote("pool_pre_ping", known.literal), "True"),))
        return NoFix("they are not one dict literal in this file; add `pool_pre_ping` to the engine options")
    if dead := flask.dead(file, group):
        key = dead[0].key
        return NoFix(f"left to HYG207, which reports `{key}`; move `{key}` to SQLALCHEMY_ENGINE_OPTIONS")
    near = setting.holder or setting.statement or setting.value
    key, code = flask.ENGINE_OPTIONS, f"{{{file.quote('pool_pre_ping', near)}: True}}"
    if version is not None and version < (2, 4):
        key, code = flask.POOL_RECYCLE, str(file.project.settings.safe_lifetime)
    if len(group.of(flask.URI)) > 1:
        return NoFix(
            "several branches assign the URL; set `SQLALCHEMY_ENGINE_OPTIONS` after the branches that assign the URL"
        )
    fix = _beside(file, setting, key, code)
    return unsafe_in_memory(fix, databases(evaluate(file, setting.value))) if key == flask.POOL_RECYCLE else fix


def _beside(file: File, setting: flask.Setting, key: str, code: str) -> Fix | NoFix:
    """Return the edit that adds another setting beside the URL."""
    match setting.holder:
        case ast.Call() as call:
            return Fix(_TITLE, (AddKeyword(file.span(call), key, code),))
        case ast.Dict() as literal:
            return Fix(_TITLE, (AddItem(file.span(literal), file.quote(key, literal), code),))
    if setting.statement is None:
        return NoFix("the URL is not set by an assignment; set `SQLALCHEMY_ENGINE_OPTIONS` beside the URL")
    return Fix(_TITLE, (InsertAfter(file.span(setting.statement), f"{setting.target(file, key)} = {code}"),))


def _binds(file: File, group: flask.Group) -> Iterator[Diagnostic]:
    """Report binds whose value is a plain URL: version 3 gives them none of the engine's options."""
    version = file.project.version_of(flask.DISTRIBUTION)
    if version is None or version < (3,):
        return
    for setting in group.of(flask.BINDS):
        if not isinstance(setting.value, ast.Dict):
            continue
        for url in setting.value.values:
            if MYSQL in databases(evaluate(file, url)):
                named, option = file.quote("url", setting.value), file.quote("pool_pre_ping", setting.value)
                code = f"{{{named}: {verbatim(file.segment(url))}, {option}: True}}"
                message = "bind has no `pool_pre_ping`: Flask-SQLAlchemy 3 applies no engine options to binds"
                fix = Fix(_TITLE, (Replace(file.span(url), code),))
                yield Diagnostic(url, message, fix=fix, confidence=Confidence.LIKELY, subject=flask.BINDS)
