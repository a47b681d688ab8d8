"""Each shape in which SQLAlchemy's engines are written: it meets a dead connection, and meets none once it is fixed.

Every program asks the server, waits for longer than the server does, and asks again. They run side by side, in
two rounds: as written, and after `dbhygiene fix`.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from .mariadb import GONE, Run, Server, dbhygiene

PATIENCE = 2  # seconds that the server waits for the next question

HOST, PORT, USER = 'os.environ["DB_HOST"]', 'int(os.environ["DB_PORT"])', 'os.environ["DB_USER"]'
URL = '"mysql+pymysql://{DB_USER}@{DB_HOST}:{DB_PORT}".format(**os.environ)'
CONNECT = f"pymysql.connect(host={HOST}, port={PORT}, user={USER})"

ASK_AGAIN = f"""
    def ask():
        with engine.connect() as connection:
            connection.execute(text("select 1"))

    ask()
    time.sleep({PATIENCE + 1.5})
    ask()
"""

ENGINES = {
    "keywords": f"""
        engine = create_engine({URL}, echo=False)
    """,
    "URL.create": f"""
        from sqlalchemy import URL

        url = URL.create("mysql+pymysql", {USER}, host={HOST}, port={PORT})
        engine = create_engine(url)
    """,
    "options": f"""
        options = {{"pool_size": 2}}
        engine = create_engine({URL}, **options)
    """,
    "creator": f"""
        import pymysql

        engine = create_engine("mysql+pymysql://", creator=lambda: {CONNECT})
    """,
    "pool": f"""
        import pymysql
        from sqlalchemy.pool import QueuePool

        pool = QueuePool(lambda: {CONNECT})
        engine = create_engine("mysql+pymysql://", pool=pool)
    """,
    "static pool": f"""
        from sqlalchemy.pool import StaticPool

        engine = create_engine({URL}, poolclass=StaticPool)
    """,
    "partial": f"""
        from functools import partial

        make = partial(create_engine, {URL})
        engine = make(echo=False)
    """,
    "configuration": f"""
        from sqlalchemy import engine_from_config

        engine = engine_from_config({{"sqlalchemy.url": {URL}}})
    """,
    "recycle too long": f"""
        engine = create_engine({URL}, pool_recycle=3600)
    """,
    "recycle that is text": f"""
        engine = create_engine({URL}, pool_recycle="3600")
    """,
}

FLASK = f"""
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import text

    app = Flask(__name__)
    {{configuration}}
    db = SQLAlchemy(app)
    with app.app_context():
        db.session.execute(text("select 1"))
        db.session.rollback()
        time.sleep({PATIENCE + 1.5})
        db.session.execute(text("select 1"))
"""

ASYNCHRONOUS = f"""
    import asyncio
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine({URL}.replace("pymysql", "aiomysql"))

    async def ask():
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def main():
        await ask()
        await asyncio.sleep({PATIENCE + 1.5})
        await ask()

    asyncio.run(main())
"""

PROGRAMS = {
    "asynchronous": dedent(ASYNCHRONOUS),
    **{
        name: "from sqlalchemy import create_engine, text\n" + dedent(code) + dedent(ASK_AGAIN)
        for name, code in ENGINES.items()
    },
    "Flask": dedent(FLASK).replace("{configuration}", f'app.config["SQLALCHEMY_DATABASE_URI"] = {URL}'),
    "Flask with options": dedent(FLASK).replace(
        "{configuration}",
        f'app.config["SQLALCHEMY_DATABASE_URI"] = {URL}\napp.config["SQLALCHEMY_ENGINE_OPTIONS"] = {{"pool_size": 2}}',
    ),
    "Flask's update": dedent(FLASK).replace(
        "{configuration}",
        f"app.config.update(SQLALCHEMY_DATABASE_URI={URL}, SQLALCHEMY_TRACK_MODIFICATIONS=False)",
    ),
    "Flask's dead setting": f"""\
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text


class Config:
    SQLALCHEMY_DATABASE_URI = {URL}
    SQLALCHEMY_POOL_RECYCLE = 1


app = Flask(__name__)
app.config.from_object(Config)
db = SQLAlchemy(app)
with app.app_context():
    db.session.execute(text("select 1"))
    db.session.rollback()
    time.sleep({PATIENCE + 1.5})
    db.session.execute(text("select 1"))
""",
    "session left open": f"""\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

engine = create_engine({URL}, pool_pre_ping=True, pool_size=1, max_overflow=0, pool_timeout=1)
Session = sessionmaker(engine)


def ask():
    session = Session()
    session.execute(text("select 1"))


for _ in range(30):
    ask()
""",
    "held by hand": f"""\
import pymysql


def watch():
    connection = {CONNECT}
    try:
        for _ in range(2):
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            time.sleep({PATIENCE + 1.5})
    finally:
        connection.close()


watch()
""",
}

# What a program meets as it is written: a connection that is gone, unless it is something else.
MEETS = {"recycle that is text": ("TypeError",), "session left open": ("TimeoutError",)}
UNSAFE = frozenset({"configuration"})  # fixed on request only: the configuration may have been meant


def test_every_shape_survives_once_it_is_fixed(server: Server, tmp_path: Path) -> None:
    server.set(wait_timeout=PATIENCE)
    (tmp_path / "pyproject.toml").write_text(f"[tool.dbhygiene]\nserver-timeout = {PATIENCE}\n")
    (tmp_path / "requirements.txt").write_text("Flask-SQLAlchemy==3.1.1\n")
    programs = {name: write(tmp_path, name, code) for name, code in PROGRAMS.items()}
    before = server.run_all(programs)
    assert {name: met(name, run) for name, run in before.items()} == dict.fromkeys(PROGRAMS, "what it had to meet")
    dbhygiene("fix", *(each.parent.name for name, each in programs.items() if name not in UNSAFE), cwd=tmp_path)
    dbhygiene("fix", "--unsafe-fixes", *(programs[name].parent.name for name in UNSAFE), cwd=tmp_path)
    after = server.run_all(programs)
    assert {name: run.output for name, run in after.items() if run.status} == {}


def write(directory: Path, name: str, code: str) -> Path:
    """The program, in a directory of its own: what one says of its engines is not to speak for another."""
    place = directory / name.replace(" ", "_").replace("'", "")
    place.mkdir()
    program = place / "program.py"
    program.write_text(f"import os\nimport time\n\n{code}")
    return program


def met(name: str, run: Run) -> str:
    last = run.output.strip().rpartition("\n")[2]
    expected = MEETS.get(name, GONE)
    return "what it had to meet" if run.status and any(each in run.output for each in expected) else last
