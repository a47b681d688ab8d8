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

Safe where it is the only dead setting, and no engine options are set beside it: the option is then what the setting
was meant to be.

## References

- [Changes in version 3.0](https://flask-sqlalchemy.readthedocs.io/en/stable/changes/#version-3-0-0)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.edits import Replace
from dbhygiene.library import flask
from dbhygiene.library.sqlalchemy import in_tests
from dbhygiene.model import Fix, NoFix, Report, rule
from dbhygiene.source import File

_OPTIONS = {**flask.READ_IN_2, flask.NEVER_READ: "pool_pre_ping"}


@rule("HYG207", on=File, imports={"SQLALCHEMY_POOL_", "SQLALCHEMY_MAX_OVERFLOW"})
def check(file: File, _: File) -> Iterator[Report]:
    if in_tests(file):
        return
    for group in flask.groups(file):
        dead = [setting for setting in group.settings if _is_dead(file, setting.key)]
        for setting in dead:
            reason = (
                "no version of Flask-SQLAlchemy" if setting.key == flask.NEVER_READ else "Flask-SQLAlchemy 3 no longer"
            )
            yield Report(
                setting.at,
                f"`{setting.key}` does nothing: {reason} reads it",
                fix=_fix(file, group, setting, alone=len(dead) == 1),
                subject=setting.key,
            )


def _is_dead(file: File, key: str) -> bool:
    version = file.project.version_of(flask.DISTRIBUTION)
    return key == flask.NEVER_READ or (key in flask.READ_IN_2 and version is not None and version >= (3,))


def _fix(file: File, group: flask.Group, setting: flask.Setting, *, alone: bool) -> Fix | NoFix:
    version = file.project.version_of(flask.DISTRIBUTION)
    if version is not None and version < (2, 4):
        return NoFix("SQLALCHEMY_ENGINE_OPTIONS exists since version 2.4")
    if not alone or group.has(flask.ENGINE_OPTIONS) or setting.holder or setting.statement is None:
        return NoFix(f'`"{_OPTIONS[setting.key]}"` belongs into SQLALCHEMY_ENGINE_OPTIONS, beside the other options')
    code = f'{{"{_OPTIONS[setting.key]}": {file.segment(setting.value)}}}'
    key = setting.target(file, flask.ENGINE_OPTIONS)
    edits = (Replace(file.span(setting.at), key), Replace(file.span(setting.value), code))
    return Fix("Make it an engine option", edits)
