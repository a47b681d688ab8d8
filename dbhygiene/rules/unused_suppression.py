"""Comment that silences nothing.

The finding is gone, or was never there: a name was mistyped, or the comment is on the wrong line. If the comment stays,
it may hide the next finding on its line.

```python
import pymysql

def ping():
    conn = pymysql.connect()  # dbhygiene: ignore[HYG101] kept by the pool # HYG002: silences no finding
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

If a comment names several rules, only the unused names are removed. The rest of the comment stays:

```python
import pymysql

def leak():
    conn = pymysql.connect()  # type: ignore  # dbhygiene: ignore[HYG101, HYG103] ends # HYG002: no finding of `HYG103`
    conn.ping()
```

```python fixed
import pymysql

def leak():
    conn = pymysql.connect()  # type: ignore  # dbhygiene: ignore[HYG101] ends
    conn.ping()
```

A word that is not the name of a rule silences nothing either. It is reported, but not removed, because the intended
rule is unknown.

```python
import pymysql

def open_it():
    return pymysql.connect()  # dbhygiene: ignore[connection-not-close] # HYG002: did you mean
```

A name is reported only if its rule was run on the file. In a `# noqa`, only codes that begin with `HYG` count. The
flake8 plugin does not run this rule: flake8 passes one file at a time, so findings that depend on other files are
unknown there.

```python
import pymysql

def leak(host):
    conn = pymysql.connect(host=host)  # noqa: E501, HYG101
    conn.ping()

def quiet(host):  # noqa: E302
    conn = pymysql.connect(host=host)  # dbhygiene: ignore
    conn.ping()
```

A bare `# noqa` does not silence dbhygiene, and is not reported: it was written for another linter. With the flake8
plugin, flake8 applies it.

```python
import pymysql

def leak(host):
    conn = pymysql.connect(host=host)  # noqa # HYG101: is never closed
    conn.ping()
```

## Fix safety

Safe: comments are not run. The fix removes only the unused names. If no name is left, it removes the reason, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.edits import EditComment
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.diagnostics.suppressions import Judgement, remove_rules
from dbhygiene.source.file import File


@rule("HYG002", on=Judgement, imports={"dbhygiene:", "HYG"})
def check(file: File, judgement: Judgement) -> Iterator[Diagnostic]:
    comment = judgement.suppression
    for word, hint in judgement.unknown:
        reason = (
            "cannot tell which rule is meant; correct the name of the rule"
            if hint
            else "no rule has a similar name; correct or remove the name"
        )
        yield Diagnostic(comment.comment, f"`{word}` is not a rule{hint}", fix=NoFix(reason), subject=word)
    if judgement.useless or judgement.unused:
        words = ", ".join(f"`{word}`" for word in judgement.unused)
        nothing = f"no finding of {words}" if words else "nothing"
        message = f"comment silences {nothing} {'here' if comment.lines else 'in this file'}"
        title = "Remove the comment" if judgement.useless else f"Remove {words} from the comment"
        edit = EditComment(comment.comment, remove_rules(file, comment, judgement.unused))
        yield Diagnostic(comment.comment, message, fix=Fix(title, (edit,)), subject=words)
