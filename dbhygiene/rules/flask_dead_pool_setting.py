"""Pool setting that Flask-SQLAlchemy does not read.

Flask-SQLAlchemy 2 read `SQLALCHEMY_POOL_RECYCLE`, `SQLALCHEMY_POOL_SIZE`, `SQLALCHEMY_POOL_TIMEOUT` and
`SQLALCHEMY_MAX_OVERFLOW`; version 3 ignores them without a word, and no version has ever read
`SQLALCHEMY_POOL_PRE_PING`. The protection that they seem to give is not there. Both belong into
`SQLALCHEMY_ENGINE_OPTIONS`.

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

Which version a project has is read from its lock file or its requirements; where they do not say, the old settings are
taken to be read:

```python
class Config:
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SQLALCHEMY_POOL_RECYCLE = 280
```

A name alone does not make a setting Flask's:

```python
import os

SQLALCHEMY_POOL_PRE_PING = os.environ.get("SQLALCHEMY_POOL_PRE_PING") == "1"
```

## Fix safety

Safe: the settings become the options that they were meant to be, all of them at once, or beside the options that there
are where those are one dict in sight. There is no fix for keywords of `config.update`, nor across branches.

## References

- [Changes in version 3.0](https://flask-sqlalchemy.readthedocs.io/en/stable/changes/#version-3-0-0)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.edits import AddItem, Edit, Remove, Replace
from dbhygiene.flow.reading import value
from dbhygiene.flow.values import Dict, Value
from dbhygiene.library import flask
from dbhygiene.library.test_files import is_test
from dbhygiene.model import Fix, NoFix, Report, rule
from dbhygiene.source import File

_OPTIONS = {**flask.READ_IN_2, flask.NEVER_READ: "pool_pre_ping"}


@rule("HYG207", on=File, imports={"SQLALCHEMY_POOL_", "SQLALCHEMY_MAX_OVERFLOW"})
def check(file: File, _: File) -> Iterator[Report]:
    if is_test(file):
        return
    for group in flask.groups(file):
        dead = flask.dead(file, group)
        for setting in dead:
            reason = (
                "no version of Flask-SQLAlchemy" if setting.key == flask.NEVER_READ else "Flask-SQLAlchemy 3 no longer"
            )
            yield Report(
                setting.at,
                f"`{setting.key}` does nothing: {reason} reads it",
                fix=_fix(file, group, setting, dead),
                subject=setting.key,
            )


def _fix(file: File, group: flask.Group, setting: flask.Setting, dead: list[flask.Setting]) -> Fix | NoFix:
    """Make the dead settings of a group its engine's options: all with the first one, or each beside those it has."""
    version = file.project.version_of(flask.DISTRIBUTION)
    if version is not None and version < (2, 4):
        return NoFix("SQLALCHEMY_ENGINE_OPTIONS exists since version 2.4")
    beside = NoFix(f'`"{_OPTIONS[setting.key]}"` belongs into SQLALCHEMY_ENGINE_OPTIONS, beside the other options')
    statements = [each.statement for each in dead if each.statement is not None and each.holder is None]
    if len(statements) < len(dead) or len({file.parents[each] for each in statements}) > 1:
        return beside
    if given := group.of(flask.ENGINE_OPTIONS):
        options = value(file, given[0].value) if len(given) == 1 else None
        return _move(file, setting, options) or beside
    if group.has(flask.ENGINE_OPTIONS):
        return beside
    if setting is not dead[0]:
        return NoFix(f"it becomes an engine option together with `{dead[0].key}`")
    items = (f"{file.quoted(_OPTIONS[each.key], each.at)}: {file.segment(each.value)}" for each in dead)
    edits: tuple[Edit, ...] = (
        Replace(file.span(setting.at), setting.target(file, flask.ENGINE_OPTIONS)),
        Replace(file.span(setting.value), f"{{{', '.join(items)}}}"),
        *(Remove(file.span(each)) for each in statements[1:]),
    )
    return Fix("Make it an engine option" if len(dead) == 1 else "Make them engine options", edits)


def _move(file: File, setting: flask.Setting, options: Value | None) -> Fix | None:
    """Write a setting into the dict of the engine's options, where that is in sight."""
    match options:
        case Dict(file=where, literal=ast.Dict() as literal) if where is file and setting.statement is not None:
            if _OPTIONS[setting.key] not in options.items:
                item = AddItem(
                    file.span(literal), file.quoted(_OPTIONS[setting.key], literal), file.segment(setting.value)
                )
                return Fix("Make it an engine option", (item, Remove(file.span(setting.statement))))
    return None
