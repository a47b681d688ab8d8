"""What a kernel keeps open on purpose is not reported; what it can no longer close is."""

from __future__ import annotations

import pytest

from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.source.file import NoProject
from dbhygiene.source.records import replace
from tests.notebooks.samples import findings, found, notebook

IMPORT = "import pymysql, sqlite3\nfrom sqlalchemy import create_engine"
OPEN = "conn = pymysql.connect(host='db')"


@pytest.mark.parametrize(
    "cells",
    [
        (OPEN, "cur = conn.cursor()\ncur.execute('select 1')"),
        (OPEN, "rows = load(conn)", "conn.close()"),
        ("try:\n    conn = pymysql.connect()\n    conn.ping()\nexcept Exception as error:\n    print(error)",),
        ("with pymysql.connect() as conn:\n    conn.ping()",),
        (OPEN, "conn.close()", OPEN, "conn.close()"),
        (
            "db = sqlite3.connect('a')",
            "with db:\n    db.execute('delete from t')",
            "with db:\n    db.execute('drop t')",
        ),
        ("conns = []\nfor host in hosts:\n    conn = pymysql.connect(host=host)\n    conns.append(conn)",),
        (
            "try:\n    conn = pymysql.connect()\n    conn.ping()\n    conn.close()\nexcept Exception:\n    pass",
            OPEN,
        ),
        (OPEN, "try:\n    conn.ping()\nexcept pymysql.Error:\n    conn = pymysql.connect()"),
        (OPEN, "%sql conn", OPEN),
        (OPEN, "%reset -f", OPEN),
        (OPEN, "%%close_it\nconn.close()", OPEN),
        (OPEN, "def ask(query):\n    return conn.cursor().execute(query)", OPEN),
    ],
)
def test_silent(cells: tuple[str, ...]) -> None:
    assert found(IMPORT, *cells) == []


def test_a_connection_that_is_replaced_while_open() -> None:
    assert found(IMPORT, OPEN, "conn.ping()", OPEN) == [("HYG105", "cell 2:1")]


def test_one_finding_for_a_cell_that_is_copied() -> None:
    """The note names the others; another variable has a finding of its own."""
    db = "db = pymysql.connect()"
    file = notebook(IMPORT, OPEN, db, OPEN, OPEN, OPEN, db)
    assert [(each.code, file.line_label(each.span.line)) for each in findings(file)] == [
        ("HYG105", "cell 2:1"),
        ("HYG105", "cell 3:1"),
    ]
    first, second = findings(file)
    assert first.notes[-1] == "the connections of cell 4:1, cell 5:1 are lost in the same way"
    assert not second.notes[-1].startswith("the connections of")


def test_connections_that_are_replaced_in_a_loop() -> None:
    loop = "for host in hosts:\n    conn = pymysql.connect(host=host)\n    conn.ping()"
    assert found(IMPORT, loop, "conn.close()") == [("HYG105", "cell 2:2")]


def test_a_connection_of_a_cell_whose_error_is_printed() -> None:
    """Without an error it stays open, too."""
    printed = "try:\n    conn = pymysql.connect()\n    conn.ping()\nexcept Exception as error:\n    print(error)"
    assert found(IMPORT, printed, "conn.ping()", printed) == [("HYG105", "cell 2:2")]


def test_a_with_that_does_not_close() -> None:
    assert found(IMPORT, "with sqlite3.connect('a') as db:\n    db.execute('delete from t')") == [
        ("HYG103", "cell 2:1")
    ]


def test_a_connection_that_is_opened_again_for_each_transaction() -> None:
    again = "db = sqlite3.connect('a')\nwith db:\n    db.execute('delete from t')"
    assert found(IMPORT, again, again) == [("HYG105", "cell 2:1")]


def test_a_leak_in_a_function() -> None:
    load = "def load(query):\n    conn = pymysql.connect()\n    return conn.cursor().execute(query)"
    assert found(IMPORT, load, "load('select 1')") == [("HYG101", "cell 2:2")]


def test_an_engine_lives_as_long_as_the_kernel() -> None:
    make = "engine = create_engine('mysql://db/shop')\nengine.connect().close()"
    assert ("HYG201", "cell 2:1") in found(IMPORT, make)


@pytest.mark.parametrize(
    ("cells", "places"),
    [
        ((OPEN, "cursor = conn.cursor()", "cursor.execute('select 1')"), [("HYG110", "cell 2:1")]),
        ((OPEN + "\nconn.ping()", "rows = conn.query('select 1')"), []),
        ((OPEN + "\nconn.query('select 1')\nconn.close()",), []),
        ((OPEN, "conn.close()"), []),
        ((OPEN, "cursor = conn.cursor()", "conn.close()"), []),
        (("db = sqlite3.connect('a')", "db.execute('select 1')"), []),
        (("def ask():\n    conn = pymysql.connect()\n    conn.query('x')\n    conn.close()", "ask()"), []),
    ],
)
def test_a_connection_to_mysql_may_rest_between_cells(cells: tuple[str, ...], places: list[tuple[str, str]]) -> None:
    """How long is not in the code: such a finding is only possible. The notebook may test the connection."""
    file = notebook(IMPORT, *cells)
    every = replace(file, project=NoProject(Settings(min_confidence=Confidence.POSSIBLE)))
    idle = [each for each in findings(every) if each.code == "HYG110"]
    assert [(each.code, file.line_label(each.span.line)) for each in idle] == places
    assert {each.confidence for each in idle} <= {Confidence.POSSIBLE}


def test_comments_silence_findings() -> None:
    ignored = "# dbhygiene: ignore[HYG105] the kernel is restarted each time\nconn = pymysql.connect()"
    assert found(IMPORT, ignored, OPEN) == []
    assert found(IMPORT, f"{OPEN}  # noqa: HYG105", OPEN) == []
    assert found(f"# dbhygiene: ignore-file[HYG105]\n{IMPORT}", OPEN, OPEN) == []
