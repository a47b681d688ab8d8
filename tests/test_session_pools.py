"""The note of a leaked session says what waits for its connection: a pool, or the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config import loading
from dbhygiene.project.project import Project

_HEAD = """from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import NullPool

URL = "mysql+pymysql://shop@db/shop"
"""
_USE = """
def count():
    session = new()
    return session.execute(text("select 1")).scalar()
"""
_POOL, _SERVER, _OWN = (
    "takes a connection from the pool",
    "error 1040, 1203 or 1226",
    "the engine is made in the same call",
)
_MAKERS = {
    "engine of the module": ("Session = sessionmaker(create_engine(URL))\ndef new():\n    return Session()\n", _POOL),
    "no pool": (
        "Session = sessionmaker(create_engine(URL, poolclass=NullPool))\ndef new():\n    return Session()\n",
        _SERVER,
    ),
    "bound later": (
        "Session = sessionmaker()\nSession.configure(bind=create_engine(URL, poolclass=NullPool))\n"
        "def new():\n    return Session()\n",
        _SERVER,
    ),
    "bound later, with a pool": (
        "Session = sessionmaker()\nSession.configure(bind=create_engine(URL))\ndef new():\n    return Session()\n",
        _POOL,
    ),
    "made by the helper, and given away": (
        "def new():\n    engine = create_engine(URL)\n    print(engine)\n    return sessionmaker(engine)()\n",
        _SERVER,
    ),
    "made by the helper, and dropped": ("def new():\n    return sessionmaker(create_engine(URL))()\n", _OWN),
    "kept by the helper": (
        "def new():\n    global ENGINE\n    ENGINE = create_engine(URL)\n    return sessionmaker(ENGINE)()\n",
        _POOL,
    ),
    "unknown": ("from shop import Session\ndef new():\n    return sessionmaker(Session.engine)()\n", _POOL),
}


@pytest.mark.parametrize("case", _MAKERS)
def test_what_waits_for_the_connection(tmp_path: Path, case: str) -> None:
    (tmp_path / "dbhygiene.toml").write_text('min-confidence = "possible"\n')
    maker, words = _MAKERS[case]
    path = tmp_path / "shop_db.py"
    path.write_text(_HEAD + maker + _USE)
    project = Project(tmp_path, loading.load_settings(tmp_path))
    rules = [each for each in selected_rules(project.settings) if each.code == "HYG209"]
    (found,) = check(project, [path], rules, named={path})
    assert [note for note in found.notes if words in note], found.notes
    assert not [note for note in found.notes if any(other in note for other in {_POOL, _SERVER, _OWN} - {words})]
