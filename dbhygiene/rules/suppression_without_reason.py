"""Comment that silences a finding but gives no reason.

Later readers need the reason: which code closes the connection, or why it may stay open. `require-reason = true` turns
the rule on, and so does its name in `select`.

```python
import pymysql

def leak(host):
    conn = pymysql.connect(host=host)  # dbhygiene: ignore[connection-not-closed] # HYG004: gives no reason
    conn.ping()
```

The text after the names is the reason.

```python
import pymysql

def leak(host):
    conn = pymysql.connect(host=host)  # dbhygiene: ignore[connection-not-closed] the process ends here
    conn.ping()

def another(host):
    conn = pymysql.connect(host=host)  # noqa: HYG101 the process ends here
    conn.ping()
```

## Fix safety

There is no fix: only you know the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.diagnostics.suppressions import Judgement
from dbhygiene.source.file import File


@rule("HYG004", on=Judgement, imports={"dbhygiene:", "HYG"}, default=False)
def check(file: File, judgement: Judgement) -> Iterator[Diagnostic]:
    comment = judgement.suppression
    if not comment.reason:
        yield Diagnostic(
            comment.comment,
            "comment silences findings but gives no reason",
            fix=NoFix("only you know it; write the reason after the names"),
        )
