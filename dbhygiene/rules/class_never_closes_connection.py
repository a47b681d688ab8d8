"""Class that stores a connection in a field and never closes it.

Each object holds a session of the server as long as it exists, and has no method to close it:

```python
import pymysql

class Spider:
    def __init__(self, options):
        self.connection = pymysql.connect(**options)  # HYG106
        self.cursor = self.connection.cursor()

    def store(self, item):
        self.cursor.execute("insert into items values (%s)", (item,))
        self.connection.commit()
```

A method that only commits does not close the connection. If several methods open a connection for the same field, only
the first is reported, usually that of `__init__`:

```python
import MySQLdb

class Client:
    def __init__(self, options):
        self.options = options
        self.connection = MySQLdb.connect(**options)  # HYG106

    def query(self, sql):
        try:
            self.connection.query(sql)
        except MySQLdb.OperationalError:
            self.connection = MySQLdb.connect(**self.options)
            self.connection.query(sql)

    def disconnect(self):
        self.connection.commit()
```

A `del` of the field closes it by chance: CPython frees the connection then, unless something else refers to it. So the
finding needs `min-confidence = "possible"`:

```python possible
import MySQLdb

class Client:
    def connect(self, options):
        self.connection = MySQLdb.connect(**options)  # HYG106

    def disconnect(self):
        del self.connection
```

A connection that is opened in the body of a class is not closed either. There is only one in the program, so this leak
is only *possible*, too. The same holds if an application creates no object of the class, or if a program creates only
one, at its start:

```python possible
import sqlite3

class Pipeline:
    conn = sqlite3.connect("items.db")  # HYG106

    def process_item(self, item, spider):
        self.conn.execute("insert into items values (?)", (item,))
        return item
```

```python possible
import time
import mysql.connector

class Jobs:
    def __init__(self):
        self.cnx = mysql.connector.connect(option_files="jobs.cnf")  # HYG106

    def run_next(self):
        self.cnx.cursor().execute("call run_next()")

def main():
    jobs = Jobs()
    while True:
        jobs.run_next()
        time.sleep(1)

if __name__ == "__main__":
    main()
```

A class is not reported if any method closes the connection, whatever the method's name, or if a base class or other
code closes it. Nor is it reported if the connection is passed to code that may close it, or if a base class is unknown:

```python
import pymysql

class Store:
    def __init__(self, options):
        self.conn = pymysql.connect(**options)

    def fertig(self):
        self.conn.close()

class Lender:
    def __init__(self, options, pool):
        self.conn = pymysql.connect(**options)
        pool.register(self.conn)
```

## Fix safety

There is no fix: dbhygiene cannot tell where the connection should be closed. Most classes need a `close` method, and an
`__exit__` method that calls it.

## References

- [MySQL: Too many connections](https://dev.mysql.com/doc/refman/8.4/en/too-many-connections.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Impact, NoFix, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Field
from dbhygiene.lifetimes.fields import ENDING, assignment_targets
from dbhygiene.lifetimes.messages import closed_phrase, consequence
from dbhygiene.source.file import File, function_around, statement_around
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.records import replace

if TYPE_CHECKING:
    from dbhygiene.lifetimes.impact import Runs


@rule("HYG106", on=Field, imports=DRIVERS)
def check(file: File, field: Field) -> Iterator[Diagnostic]:
    if (
        field.resource.kind != "connection"
        or field.birth is None
        or field.is_filled_on_demand  # a cache, kept on purpose
        or not field.never_closed()
    ):
        return
    cls = field.cls.node
    is_likely, how_often = _weigh(field, field.birth)
    if any(is_likely <= _weigh(field, first)[0] for first in _first_openings(field)):
        return  # that is reported
    kept = "in " if field.is_container else ""
    yield Diagnostic(
        field.birth,
        f"connection {kept}`{field.path}` is never {closed_phrase(field.resource)}, "
        f"neither by `{cls.name}` nor by other code",
        path=(*how_often.steps, (field.birth, "opened here and stored in the object")),
        fix=NoFix(_advice(field)),
        confidence=Confidence.LIKELY if is_likely else Confidence.POSSIBLE,
        notes=(*consequence(field.resource), *how_often.notes(file)),
        subject=field.path,
        impact=how_often.impact,
    )


def _weigh(field: Field, opening: ast.Call) -> tuple[bool, Runs]:
    """Return whether an opening of the field costs a connection, as a rule, and how often it runs."""
    from dbhygiene.lifetimes.impact import runs  # few classes never close one

    how_often = runs(field.file, opening, by_exception=False)
    costs = not (field.resource.costs_nothing or replace(field, birth=opening).is_of_one_object() or _is_deleted(field))
    return costs and how_often.impact is not Impact.ONCE, how_often


def _first_openings(field: Field) -> Iterator[ast.Call]:
    """Yield the calls of the same function that the constructor, or a method above, surely stores in the field."""
    file, birth = field.file, field.birth
    own = function_around(file, birth) if birth is not None else None
    if birth is None or own is None or own.name == "__init__":
        return
    methods = [each for each in file.classes[field.cls.name].defined.values() if isinstance(each, FUNCTION)]
    for method in methods:
        is_constructor = method.name == "__init__"
        if is_constructor or method.lineno < own.lineno:
            calls = (part for part in ast.walk(method) if isinstance(part, ast.Call))
            opening = (each for each in calls if ast.dump(each.func) == ast.dump(birth.func))
            yield from (each for each in opening if _stores(field, each, is_constructor=is_constructor))


def _stores(field: Field, call: ast.Call, *, is_constructor: bool) -> bool:
    """Whether a method stores the result of a call in the field: a constructor, perhaps under a condition."""
    file = field.file
    targets = (each for each in assignment_targets(file, call) if isinstance(each, ast.Attribute))
    if not any(each.attr == field.name for each in targets):
        return False
    if is_constructor:
        return not any(isinstance(around, ast.Try) for around in file.around(call))
    statement = statement_around(file, call)
    return statement is not None and file.parents.get(statement) is function_around(file, call)


def _is_deleted(field: Field) -> bool:
    """Whether a method deletes the field: CPython closes the connection then, unless something else refers to it."""
    deleted = (part for part in ast.walk(field.cls.node) if isinstance(part, ast.Delete))
    return any(getattr(target, "attr", "") == field.name for each in deleted for target in each.targets)


def _advice(field: Field) -> str:
    """Return why there is no fix, and what to do: a method may end the object, and forget this connection."""
    methods = field.cls.file.classes[field.cls.name].defined
    closing = [name for name in methods if not name.startswith("_") and (name in ENDING or "close" in name)]
    if not closing:
        return "cannot tell where it should be closed; add a `close` method and call it"
    name = field.path.rpartition(".")[2]
    best = min(closing, key=lambda each: (not _mentions(methods[each], name), each != "close"))
    return f"cannot tell whether `{best}` is the right place; close it in `{best}`"


def _mentions(method: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr == name for part in ast.walk(method))
