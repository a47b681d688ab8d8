"""Settings of a connection that are lost when it is opened again.

The effects of `SET time_zone`, `SET NAMES`, `SET sql_mode` and `USE` belong to one connection. So do user variables,
temporary tables and locks. `ping(reconnect=True)`, `reconnect()` and `connect()` open another connection. If one
function sets up the connection and another one opens it again, the program goes on with other settings, without an
error.

```python
import pymysql

class Orders:
    def __init__(self):
        self.conn = pymysql.connect(host="db", database="shop")
        with self.conn.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")

    def today(self):
        self.conn.ping(reconnect=True)  # HYG411: its settings are lost
        with self.conn.cursor() as cursor:
            cursor.execute("select count(*) from orders where day = curdate()")
            return cursor.fetchone()

    def close(self):
        self.conn.close()
```

PyMySQL, mysqlclient and MySQL Connector/Python have `init_command`, which runs each time that they connect:

```python fixed unsafe
import pymysql

class Orders:
    def __init__(self):
        self.conn = pymysql.connect(
            host="db",
            database="shop",
            init_command="SET time_zone = '+00:00'",
        )
        with self.conn.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")

    def today(self):
        self.conn.ping(reconnect=True)
        with self.conn.cursor() as cursor:
            cursor.execute("select count(*) from orders where day = curdate()")
            return cursor.fetchone()

    def close(self):
        self.conn.close()
```

The statement after `connect` is then no longer needed:

```python
import pymysql

class Orders:
    def __init__(self):
        self.conn = pymysql.connect(host="db", database="shop", init_command="SET time_zone = '+00:00'")

    def today(self):
        self.conn.ping(reconnect=True)
        with self.conn.cursor() as cursor:
            cursor.execute("select count(*) from orders where day = curdate()")
            return cursor.fetchone()

    def close(self):
        self.conn.close()
```

The rule is off by default: many programs set values that the server has by default.

## Fix safety

The fix gives the statement to `init_command`, too, and leaves it where it is. It is unsafe: if the statement fails, it
then fails each time that the program connects. There is no fix for `USE`, for MySQL Connector/Python, if several
statements set up the connection, or if the call does not show its options.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddKeyword, verbatim
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.recovery.handles import variable_title
from dbhygiene.recovery.settings_lost import LostSetting, lost_settings
from dbhygiene.source.file import File


@rule("HYG411", on=File, imports=DRIVERS, also={".ping(", ".reconnect(", ".connect("}, default=False)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in lost_settings(file):
        title = variable_title(found.title)
        yield Diagnostic(
            found.again,
            f"if this opens `{title}` again, its settings are lost, without an error",
            path=((found.setting, "sets up the connection"), (found.again, "opens another connection to the server")),
            fix=_repair(file, found),
            confidence=Confidence.LIKELY,
            subject=title,
        )


def _repair(file: File, found: LostSetting) -> Fix | NoFix:
    if found.opening is None or not found.statement:
        return NoFix(f"{found.refusal}; pass the settings as `init_command`, where the connection is opened")
    code = verbatim(repr(found.statement) if "'" in found.statement else file.quote(found.statement, found.opening))
    return Fix(
        "Pass the statement as `init_command`",
        (AddKeyword(file.span(found.opening), "init_command", code),),
        Safety.UNSAFE,
    )
