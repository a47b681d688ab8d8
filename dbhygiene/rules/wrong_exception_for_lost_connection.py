"""Handler that names an exception that is never raised there, or reads a number that the error lacks.

SQLAlchemy and Django raise classes of their own. The driver's exception is only their cause: `except
pymysql.OperationalError` around a query of SQLAlchemy catches nothing.

```python
import pymysql
from sqlalchemy import create_engine, text

engine = create_engine("mysql+pymysql://db/shop", pool_pre_ping=True)

def count():
    with engine.connect() as connection:
        return connection.execute(text("select count(*) from orders")).scalar_one()

def count_again():
    try:
        return count()
    except pymysql.err.OperationalError:  # HYG404: SQLAlchemy has its own
        return count()
```

The first argument of SQLAlchemy's exceptions is a text. The driver's exception, with its number, is `orig`:

```python
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

engine = create_engine("mysql+pymysql://db/shop", pool_pre_ping=True)

def count():
    with engine.connect() as connection:
        return connection.execute(text("select count(*) from orders")).scalar_one()

def count_again():
    try:
        return count()
    except OperationalError as error:
        if error.args[0] in (2006, 2013):  # HYG404: is a text, not a number
            return count()
        raise
```

```python
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

engine = create_engine("mysql+pymysql://db/shop", pool_pre_ping=True)

def count():
    with engine.connect() as connection:
        return connection.execute(text("select count(*) from orders")).scalar_one()

def count_again():
    try:
        return count()
    except OperationalError as error:
        if error.orig.args[0] in (2006, 2013):
            return count()
        raise
```

The errors of PyMySQL and mysqlclient have no `errno`. MySQL Connector and MariaDB Connector have it:

```python
import MySQLdb

def count(connect):
    try:
        return connect().cursor().execute("select count(*) from orders")
    except MySQLdb.OperationalError as error:
        if error.errno in (2006, 2013):  # HYG404: AttributeError
            return connect().cursor().execute("select count(*) from orders")
        raise
```

```python fixed unsafe
import MySQLdb

def count(connect):
    try:
        return connect().cursor().execute("select count(*) from orders")
    except MySQLdb.OperationalError as error:
        if error.args[0] in (2006, 2013):
            return connect().cursor().execute("select count(*) from orders")
        raise
```

In a database backend, below Django, the driver's own class is raised:

```python
from django.db import OperationalError
from django.db.backends.mysql import base

class CursorWrapper(base.CursorWrapper):
    def execute(self, query, args=None):
        try:
            return self.cursor.execute(query, args)
        except OperationalError:  # HYG404: this calls the driver
            self.db.close()
            raise
```

```python fixed unsafe
from django.db import OperationalError
from django.db.backends.mysql import base

class CursorWrapper(base.CursorWrapper):
    def execute(self, query, args=None):
        try:
            return self.cursor.execute(query, args)
        except base.Database.OperationalError:
            self.db.close()
            raise
```

## Fix safety

The fix catches the class of the same name that is raised, or reads `orig` or `args[0]`. It is unsafe: this code has
never run, so nothing shows that the rest works. There is no fix for a base class such as `pymysql.Error`, for a
decorator, or for a number that a variable holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.edits import Replace
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DATABASES, RECOVERING
from dbhygiene.recovery.wrong_error import WrongError, wrong_errors
from dbhygiene.source.file import File


@rule("HYG404", on=File, imports=DATABASES, also=RECOVERING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in wrong_errors(file):
        yield Diagnostic(
            found.at, found.message, path=found.path, fix=_repair(file, found), confidence=found.confidence
        )


def _repair(file: File, found: WrongError) -> Fix | NoFix:
    """Name the right class, or read the number of the driver's error."""
    if not found.right:
        return NoFix(f"{found.refusal}; {found.advice}")
    title = "Catch the class that is raised" if "{" in found.right else f"Read `{found.right}`"
    return Fix(title, (Replace(file.span(found.at), found.right),), Safety.UNSAFE)
