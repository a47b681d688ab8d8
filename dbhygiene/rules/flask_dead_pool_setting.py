"""Pool setting that Flask-SQLAlchemy does not read.

Flask-SQLAlchemy 2 read `SQLALCHEMY_POOL_RECYCLE`, `SQLALCHEMY_POOL_SIZE`, `SQLALCHEMY_POOL_TIMEOUT` and
`SQLALCHEMY_MAX_OVERFLOW`; version 3 silently ignores them, and no version has ever read `SQLALCHEMY_POOL_PRE_PING`. A
setting that your version does not read has no effect. Set the options in `SQLALCHEMY_ENGINE_OPTIONS` instead.

```python
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_POOL_PRE_PING"] = True  # HYG207: no version
```

```python fixed
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
```

The version is read from the project's lock file or requirements. If it is unknown, we assume that Flask-SQLAlchemy
reads the old settings:

```python
class Config:
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_POOL_RECYCLE = 280
```

A variable of the same name outside of Flask's settings is not reported:

```python
import os

SQLALCHEMY_POOL_PRE_PING = os.environ.get("SQLALCHEMY_POOL_PRE_PING") == "1"
```

Nor is one that the program reads itself, or sets to None:

```python
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_POOL_PRE_PING"] = True
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": app.config["SQLALCHEMY_POOL_PRE_PING"]}
```

## Fix safety

Safe for `pool_pre_ping`, and for `pool_recycle` if the URL beside it is known to be that of a server: the settings
become engine options. An SQLite database in memory, for example in tests, is lost when its connection is replaced.

If there already are engine options, the fix adds to them, provided that they are one dict literal in the same file.
There is no fix for keywords of `config.update`, or if the settings are in different branches.

Unsafe for the other settings: the pool of an SQLite database in memory does not accept `max_overflow` or
`pool_timeout`. Before SQLAlchemy 2.0, the pool of an SQLite file does not accept these two or `pool_size`. If the same
options are used with SQLite, for example in tests, the engine then raises TypeError.

## References

- [Changes in version 3.0](https://flask-sqlalchemy.readthedocs.io/en/stable/changes/#version-3-0-0)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddItem, Edit, Remove, Replace, verbatim
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools import flask
from dbhygiene.pools.sqlalchemy import databases, has_server
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Dict, Value
from dbhygiene.source.file import File

_OPTIONS = {**flask.READ_IN_2, flask.NEVER_READ: "pool_pre_ping"}
_OF_ALL_POOLS = frozenset({flask.POOL_RECYCLE, flask.NEVER_READ})  # SQLite's pools take these options, too


@rule("HYG207", on=File, imports={"SQLALCHEMY_POOL_", "SQLALCHEMY_MAX_OVERFLOW"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    for group in flask.groups(file):
        dead = flask.dead(file, group)
        for setting in dead:
            reason = (
                "no version of Flask-SQLAlchemy" if setting.key == flask.NEVER_READ else "Flask-SQLAlchemy 3 no longer"
            )
            yield Diagnostic(
                setting.at,
                f"`{setting.key}` does nothing: {reason} reads it",
                fix=_fix(file, group, setting, dead),
                subject=setting.key,
                confidence=Confidence.POSSIBLE if group.is_for_tests else Confidence.CERTAIN,
            )


def _fix(file: File, group: flask.Group, setting: flask.Setting, dead: list[flask.Setting]) -> Fix | NoFix:
    """Make the dead settings of a group its engine's options: all with the first one, or each beside those it has."""
    version = file.project.version_of(flask.DISTRIBUTION)
    if version is not None and version < (2, 4):
        return NoFix("SQLALCHEMY_ENGINE_OPTIONS needs version 2.4 or later; update Flask-SQLAlchemy")
    how = f'set `"{_OPTIONS[setting.key]}"` in SQLALCHEMY_ENGINE_OPTIONS'
    statements = [each.statement for each in dead if each.statement is not None and each.holder is None]
    if len(statements) < len(dead) or len({file.parents[each] for each in statements}) > 1:
        return NoFix(f"the settings are not assigned in one block; {how}")
    if given := group.of(flask.ENGINE_OPTIONS):
        options = evaluate(file, given[0].value) if len(given) == 1 else None
        return _move(file, group, setting, options) or NoFix(
            f"the engine options are not one dict literal in this file; {how}"
        )
    if group.has(flask.ENGINE_OPTIONS):
        return NoFix(f"a base class sets the engine options; {how}")
    if setting is not dead[0]:
        return NoFix(f"it is part of another fix; apply the fix for `{dead[0].key}`")
    items = (f"{file.quote(_OPTIONS[each.key], each.at)}: {verbatim(file.segment(each.value))}" for each in dead)
    edits: tuple[Edit, ...] = (
        Replace(file.span(setting.at), verbatim(setting.target(file, flask.ENGINE_OPTIONS))),
        Replace(file.span(setting.value), f"{{{', '.join(items)}}}"),
        *(Remove(file.span(each)) for each in statements[1:]),
    )
    return Fix(
        "Move it to SQLALCHEMY_ENGINE_OPTIONS" if len(dead) == 1 else "Move them to SQLALCHEMY_ENGINE_OPTIONS",
        edits,
        _safety(file, group, *dead),
    )


def _safety(file: File, group: flask.Group, *moved: flask.Setting) -> Safety:
    keys = {each.key for each in moved}
    urls = [databases(evaluate(file, setting.value)) for setting in group.of(flask.URI)]
    if flask.POOL_RECYCLE in keys and not (urls and all(map(has_server, urls))):
        return Safety.UNSAFE
    return Safety.SAFE if keys <= _OF_ALL_POOLS else Safety.UNSAFE


def _move(file: File, group: flask.Group, setting: flask.Setting, options: Value | None) -> Fix | NoFix | None:
    """Write a setting into the dict of the engine's options, if that is in the same file; else return None."""
    match options:
        case Dict(file=where, literal=ast.Dict() as literal) if where is file and setting.statement is not None:
            option = _OPTIONS[setting.key]
            if option in options.items:
                return NoFix(f"the engine options already have `{option}`; remove this setting")
            item = AddItem(file.span(literal), file.quote(option, literal), verbatim(file.segment(setting.value)))
            edits = (item, Remove(file.span(setting.statement)))
            return Fix("Move it to SQLALCHEMY_ENGINE_OPTIONS", edits, _safety(file, group, setting))
    return None
