"""Comment that silences nothing.

What it silenced is gone, or was never there: a name was mistyped, or the comment stands on the wrong line. Left alone
it would hide the next finding on its line, and with it a reason that no longer holds.

```python
import pymysql

def ping():
    conn = pymysql.connect()  # dbhygiene: ignore[HYG101] kept by the pool # HYG002: silences no
    try:
        conn.ping()
    finally:
        conn.close()
```

```python fixed
import pymysql

def ping():
    conn = pymysql.connect()
    try:
        conn.ping()
    finally:
        conn.close()
```

Of several names, those that are needed stay, and so does whatever else the comment says:

```python
import pymysql

def leak():
    conn = pymysql.connect()  # type: ignore  # dbhygiene: ignore[HYG101, HYG103] ends # HYG002: no `HYG103`
    conn.ping()
```

```python fixed
import pymysql

def leak():
    conn = pymysql.connect()  # type: ignore  # dbhygiene: ignore[HYG101] ends
    conn.ping()
```

A word that names no rule silences nothing either. It is not taken away: someone meant something by it.

```python
import pymysql

def open_it():
    return pymysql.connect()  # dbhygiene: ignore[connection-not-close] # HYG002: did you mean
```

A name is reported only if its rule was run on the file: not if it is off, or ignored there. Of a `# noqa`, only words
that begin with `HYG` are looked at. flake8 does not report this, since it shows us one file at a time: a finding that
other files lead to is not known there.

```python
import pymysql

def leak(host):
    conn = pymysql.connect(host=host)  # noqa: E501, HYG101
    conn.ping()

def quiet(host):  # noqa: E302
    conn = pymysql.connect(host=host)  # dbhygiene: ignore
    conn.ping()
```

A bare `# noqa` silences nothing of ours, and is not reported: it was written for another linter. flake8 obeys it.

```python
import pymysql

def leak(host):
    conn = pymysql.connect(host=host)  # noqa # HYG101: is never closed
    conn.ping()
```

## Fix safety

Safe: comments are not run. Only the words that are in vain go, with the reason where none is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.edits import EditComment
from dbhygiene.model import Fix, NoFix, Report, rule
from dbhygiene.source import File
from dbhygiene.suppressions import Judgement, without


@rule("HYG002", on=Judgement, imports={"dbhygiene:", "HYG"})
def check(file: File, judgement: Judgement) -> Iterator[Report]:
    comment = judgement.suppression
    for word, hint in judgement.unknown:
        reason = "someone meant something by it" if hint else "nothing like it is known"
        yield Report(
            comment.comment, f"`{word}` is no rule, and silences nothing{hint}", fix=NoFix(reason), subject=word
        )
    if judgement.useless or judgement.unused:
        words = ", ".join(f"`{word}`" for word in judgement.unused)
        message = (
            f"comment silences {f'no {words}' if words else 'nothing'} {'here' if comment.lines else 'in this file'}"
        )
        title = "Take the comment away" if judgement.useless else f"Take {words} out of the comment"
        edit = EditComment(comment.comment, without(file, comment, judgement.unused))
        yield Report(comment.comment, message, fix=Fix(title, (edit,)), subject=words)
