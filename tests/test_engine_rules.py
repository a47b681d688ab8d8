"""What the rules about engines make of the versions and the settings of a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import dbhygiene
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.project_check import check
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety
from dbhygiene.fixes.apply import fix
from dbhygiene.project.project import Project
from dbhygiene.source.file import File, NoProject

RULES = {rule.code: rule for rule in all_rules()}


class Known(NoProject):
    """A project of one file, of which some versions are known."""

    versions: Mapping[str, tuple[int, ...]] = {}

    def version_of(self, distribution: str) -> tuple[int, ...] | None:
        return self.versions.get(distribution)

    def requires(self, distribution: str, near: File) -> bool:
        return distribution in self.versions


def found(code: str, text: str, project: Known) -> list[Finding]:
    return check_file(File(Path("app.py"), text, project=project), [RULES[code]])


def fixed(code: str, text: str, project: Known) -> str:
    return fix(File(Path("app.py"), text, project=project), lambda file: check_file(file, [RULES[code]])).text


ASYNC = """from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("mysql+asyncmy://db/shop")
"""
SYNC = """from sqlalchemy import create_engine

engine = create_engine("mysql://db/shop")
"""


def test_asynchronous_engines_are_tested_from_2_0_50_on() -> None:
    old, new = (fixed("HYG201", ASYNC, Known(versions={"sqlalchemy": v})) for v in ((2, 0, 49), (2, 0, 50)))
    assert 'shop", pool_recycle=280)' in old
    assert 'shop", pool_pre_ping=True, pool_recycle=280)' in new


def test_before_1_2_there_is_no_pre_ping() -> None:
    assert 'shop", pool_recycle=280)' in fixed("HYG201", SYNC, Known(versions={"sqlalchemy": (1, 1, 18)}))


def test_the_server_timeout_decides_the_number() -> None:
    assert "pool_recycle=580" in fixed("HYG201", SYNC, Known(settings=Settings(server_timeout=600)))


def test_a_recycle_is_measured_against_the_server_timeout() -> None:
    text = SYNC.replace('shop")', 'shop", pool_recycle=600)')
    assert not found("HYG204", text, Known())
    (finding,) = found("HYG204", text, Known(settings=Settings(server_timeout=600)))
    assert finding.confidence is Confidence.CERTAIN
    assert "pool_recycle=580" in fixed("HYG204", text, Known(settings=Settings(server_timeout=600)))


def test_what_the_project_says_of_its_databases_decides_an_unknown_url() -> None:
    text = "import os\nfrom sqlalchemy import create_engine\n\nengine = create_engine(os.environ['URL'])\n"
    assert found("HYG201", text, Known(versions={"pymysql": (1,)}))
    assert not found("HYG201", text, Known(versions={"psycopg2-binary": (2, 9)}))
    assert found("HYG201", text, Known(settings=Settings(databases=("mysql",))))
    assert not found("HYG201", text, Known(settings=Settings(databases=("postgresql",))))


def test_a_default_for_development_says_nothing_where_a_driver_of_mysql_is_required() -> None:
    engine = (
        "import os\nfrom sqlalchemy import create_engine\n\nengine = create_engine(os.getenv('U', 'sqlite:///a.db'))\n"
    )
    flask = "import os\nfrom flask import Flask\n\nclass Config:\n    SQLALCHEMY_DATABASE_URI = os.getenv('URL', 'sqlite:///a.db')\n"
    for code, text in (("HYG201", engine), ("HYG206", flask)):
        short = Settings(server_timeout=300)
        (finding,) = found(code, text, Known(short, versions={"pymysql": (1,), "flask": (3,)}))
        assert finding.confidence is Confidence.LIKELY
        for others in ({}, {"psycopg2": (2,)}, {"pymysql": (1,), "psycopg2": (2,)}):
            assert all(each.confidence is Confidence.POSSIBLE for each in found(code, text, Known(versions=others)))


FLASK = """class Config:
    SQLALCHEMY_DATABASE_URI = "mariadb://db/shop"
    SQLALCHEMY_POOL_RECYCLE = 280
"""


def test_flask_sqlalchemy_3_no_longer_reads_the_old_settings() -> None:
    two, three = Known(versions={"flask-sqlalchemy": (2, 5, 1)}), Known(versions={"flask-sqlalchemy": (3, 1, 1)})
    assert not found("HYG206", FLASK, two)
    assert not found("HYG207", FLASK, two)
    assert found("HYG206", FLASK, three)
    assert found("HYG207", FLASK, three)
    text = fixed("HYG207", FLASK, three)
    assert 'SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 280}' in text
    assert not found("HYG206", text, three)


def test_dead_settings_become_options_together_and_once() -> None:
    three = Known(versions={"flask-sqlalchemy": (3, 1, 1)})
    text = FLASK + "    SQLALCHEMY_POOL_PRE_PING = True\n"
    both = [RULES["HYG206"], RULES["HYG207"]]
    file = File(Path("app.py"), text, project=three)
    assert fix(file, lambda file: check_file(file, both)).text == FLASK.replace(
        "SQLALCHEMY_POOL_RECYCLE = 280", 'SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 280, "pool_pre_ping": True}'
    )


@pytest.mark.parametrize("options", ["", "    SQLALCHEMY_ENGINE_OPTIONS = {'echo': True}\n"])
def test_options_that_sqlite_refuses_need_a_decision(options: str) -> None:
    three = Known(versions={"flask-sqlalchemy": (3, 1, 1)})
    text = "class Config:\n    SQLALCHEMY_DATABASE_URI = 'mysql://db/shop'\n    SQLALCHEMY_POOL_SIZE = 5\n" + options
    (finding,) = found("HYG207", text, three)
    assert isinstance(finding.fix, Fix)
    assert finding.fix.safety is Safety.UNSAFE
    assert fixed("HYG207", text, three) == text


@pytest.mark.parametrize("code", ["HYG206", "HYG207"])
def test_replacing_connections_needs_a_decision_if_the_database_may_be_in_memory(code: str) -> None:
    version = (2, 3) if code == "HYG206" else (3, 1, 1)
    known = Known(versions={"flask-sqlalchemy": version}, settings=Settings(min_confidence=Confidence.POSSIBLE))
    text = FLASK if code == "HYG207" else FLASK.replace("    SQLALCHEMY_POOL_RECYCLE = 280\n", "    SECRET_KEY = ''\n")
    unknown = "import os\nimport flask_sqlalchemy\n\n" + text.replace('"mariadb://db/shop"', "os.environ['URL']")
    for code_text, safety in ((text, Safety.SAFE), (unknown, Safety.UNSAFE)):
        (finding,) = found(code, code_text, known)
        assert isinstance(finding.fix, Fix)
        assert finding.fix.safety is safety


@pytest.mark.parametrize(
    "reading",
    [
        "OPTIONS = {'pool_size': Config.SQLALCHEMY_POOL_SIZE}",
        "OPTIONS = {'pool_size': app.config['SQLALCHEMY_POOL_SIZE']}",
        "OPTIONS = {'pool_size': app.config.get('SQLALCHEMY_POOL_SIZE', 5)}",
        "OPTIONS = {'pool_size': getattr(Config, 'SQLALCHEMY_POOL_SIZE')}",
    ],
)
def test_a_setting_that_the_program_reads_is_not_dead(reading: str) -> None:
    three = Known(versions={"flask-sqlalchemy": (3, 1, 1)})
    text = FLASK.replace("POOL_RECYCLE = 280", "POOL_SIZE = int(os.environ.get('SQLALCHEMY_POOL_SIZE', 5))")
    assert found("HYG207", text, three)
    assert not found("HYG207", f"{text}\n{reading}\n", three)
    assert not found("HYG207", text.replace("int(os.environ.get('SQLALCHEMY_POOL_SIZE', 5))", "None"), three)


def test_dead_settings_join_the_options_that_there_are() -> None:
    three = Known(versions={"flask-sqlalchemy": (3, 1, 1)})
    text = FLASK + "    SQLALCHEMY_ENGINE_OPTIONS = {'echo': True}\n"
    assert fixed("HYG207", text, three) == FLASK.replace(
        "SQLALCHEMY_POOL_RECYCLE = 280", "SQLALCHEMY_ENGINE_OPTIONS = {'echo': True, 'pool_recycle': 280}"
    )


def test_dead_settings_of_one_branch_stay_where_they_are() -> None:
    text = """import os
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_POOL_RECYCLE"] = 280
if os.environ.get("BIG"):
    app.config["SQLALCHEMY_POOL_SIZE"] = 50
"""
    assert fixed("HYG207", text, Known(versions={"flask-sqlalchemy": (3, 1, 1)})) == text


def test_before_2_4_there_are_no_engine_options() -> None:
    text = FLASK.replace("    SQLALCHEMY_POOL_RECYCLE = 280\n", "")
    assert fixed("HYG206", text, Known(versions={"flask-sqlalchemy": (2, 3, 2)})) == FLASK


def test_the_implicit_7200_seconds_suffice_where_the_server_waits_longer() -> None:
    text = FLASK.replace("    SQLALCHEMY_POOL_RECYCLE = 280\n", "").replace("mariadb:", "mysql:")
    versions = {"flask-sqlalchemy": (3, 1, 1)}
    possible = Settings(min_confidence=Confidence.POSSIBLE)
    assert [each.confidence for each in found("HYG206", text, Known(possible, versions=versions))] == [
        Confidence.POSSIBLE
    ]
    assert not found("HYG206", text, Known(Settings(server_timeout=28800), versions=versions))
    (finding,) = found("HYG206", text, Known(Settings(server_timeout=300), versions=versions))
    assert finding.confidence is Confidence.CERTAIN


def test_binds_get_no_engine_options_in_3() -> None:
    text = """SQLALCHEMY_DATABASE_URI = "sqlite:///shop.db"
SQLALCHEMY_BINDS = {"users": "mysql://db/users", "logs": {"url": "mysql://db/logs"}}
"""
    three = Known(versions={"flask-sqlalchemy": (3, 0, 5)})
    assert len(found("HYG206", text, three)) == 1
    assert '{"url": "mysql://db/users", "pool_pre_ping": True}' in fixed("HYG206", text, three)
    assert not found("HYG206", text, Known(versions={"flask-sqlalchemy": (2, 5)}))


def found_in(root: Path, code: str, **texts: str) -> list[tuple[str, int]]:
    """The findings of one rule in a project of several modules."""
    for name, text in texts.items():
        (root / f"{name}.py").write_text(text)
    findings = check(Project(root, Settings()), sorted(root.glob("*.py")), [RULES[code]])
    return [(finding.path.stem, finding.span.line) for finding in findings]


def test_a_listener_in_another_file_tests_the_connections(tmp_path: Path) -> None:
    listener = """from sqlalchemy import event
from db import engine

@event.listens_for(engine, "checkout")
def ping(connection, record, proxy):
    connection.ping()
"""
    assert found_in(tmp_path, "HYG201", db=SYNC) == [("db", 3)]
    assert found_in(tmp_path, "HYG201", db=SYNC, listeners=listener) == []


def test_flask_options_may_be_set_in_another_file(tmp_path: Path) -> None:
    config = """class Config:
    SQLALCHEMY_DATABASE_URI = "mariadb+pymysql://db/shop"
    SQLALCHEMY_TRACK_MODIFICATIONS = False
"""
    app = """from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
"""
    assert found_in(tmp_path, "HYG206", config=config) == [("config", 2)]
    assert found_in(tmp_path, "HYG206", config=config, app=app) == []


def test_an_engine_that_another_file_keeps_is_not_made_for_each_call(tmp_path: Path) -> None:
    factory = """from sqlalchemy import create_engine

def connect():
    return create_engine("mysql://db/shop", pool_recycle=280)

def count(frames):
    return frames.read_sql("select 1", connect())
"""
    assert found_in(tmp_path, "HYG208", factory=factory) == [("factory", 4)]
    assert (
        found_in(tmp_path, "HYG208", factory=factory, kept="from factory import connect\n\nENGINE = connect()\n") == []
    )


FACTORY = """from sqlalchemy import create_engine

def get_engine():
    return create_engine("mysql://db/shop", pool_recycle=280)
"""


def test_a_caller_in_another_file_throws_the_engine_away(tmp_path: Path) -> None:
    careless = "import factory\n\ndef count(frames):\n    return frames.read_sql('select 1', factory.get_engine())\n"
    assert found_in(tmp_path, "HYG208", factory=FACTORY) == []
    assert found_in(tmp_path, "HYG208", factory=FACTORY, careless=careless) == [("factory", 4)]


def test_a_module_of_a_part_is_found_from_beside_it(tmp_path: Path) -> None:
    jobs = (
        "from libs import factory\n\ndef count(frames):\n    return frames.read_sql('select 1', factory.get_engine())\n"
    )
    for name, text in {
        "libs/factory.py": FACTORY,
        "jobs/count.py": jobs,
        "web/main.py": "import libs.factory\n",
    }.items():
        (tmp_path / "backend" / name).parent.mkdir(parents=True)
        (tmp_path / "backend" / name).write_text(text)
    findings = check(Project(tmp_path, Settings()), sorted(tmp_path.rglob("*.py")), [RULES["HYG201"], RULES["HYG208"]])
    assert [each.code for each in findings] == ["HYG208"]


def test_the_result_is_followed_from_file_to_file(tmp_path: Path) -> None:
    middle = "from factory import get_engine\n\ndef connection():\n    return get_engine().connect()\n"
    careless = "from middle import connection\n\ndef count(query):\n    return connection().execute(query).scalar()\n"
    assert found_in(tmp_path, "HYG208", factory=FACTORY, middle=middle, careless=careless) == [("factory", 4)]


@pytest.mark.parametrize(
    "caller",
    [
        "from factory import get_engine\n\nENGINE = get_engine()\n",
        "from factory import get_engine\n\nclass Store:\n    def __init__(self):\n        self.engine = get_engine()\n",
        "import functools\nimport factory\n\n@functools.cache\ndef engine():\n    return factory.get_engine()\n",
        "from factory import get_engine\n\ndef main():\n    get_engine().connect().close()\n",
    ],
    ids=["a module keeps it", "an object keeps it", "a cache keeps it", "a program makes it once"],
)
def test_callers_in_other_files_that_make_it_once(tmp_path: Path, caller: str) -> None:
    assert found_in(tmp_path, "HYG208", factory=FACTORY, caller=caller) == []


def test_what_a_test_throws_away_says_nothing(tmp_path: Path) -> None:
    test = "from factory import get_engine\n\ndef test_it():\n    get_engine().connect().close()\n"
    assert found_in(tmp_path, "HYG208", factory=FACTORY, test_factory=test) == []


MADE_PER_USE = """from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

def get_engine(host):
    return create_engine("mysql+pymysql://shop@" + host)

class Context:
    def __init__(self, host):
        engine = get_engine(host)
        self.engine = engine

    def __enter__(self):
        self.session = sessionmaker(bind=self.engine)()
        return self.session

    def __exit__(self, *exception):
        self.session.close()
"""
POLL = """from context import Context

def poll(host):
    while True:
        with Context(host) as session:
            session.execute("select 1")
"""


def test_an_engine_of_an_object_made_for_one_use_is_made_repeatedly(tmp_path: Path) -> None:
    assert found_in(tmp_path, "HYG201", context=MADE_PER_USE, poll=POLL) == []
    assert found_in(tmp_path, "HYG208", context=MADE_PER_USE, poll=POLL) == [("context", 5)]


@pytest.mark.parametrize(
    "keeper",
    [
        "from context import Context\n\nCONTEXT = Context('db')\n",
        "from context import get_engine\n\nENGINE = get_engine('db')\n",
    ],
    ids=["a module keeps the object", "a module keeps the engine"],
)
def test_an_engine_whose_object_may_be_kept_grows_old(tmp_path: Path, keeper: str) -> None:
    assert found_in(tmp_path, "HYG201", context=MADE_PER_USE, poll=POLL, keeper=keeper) == [("context", 5)]
    assert found_in(tmp_path, "HYG208", context=MADE_PER_USE, poll=POLL, keeper=keeper) == []


METHOD = """from sqlalchemy import create_engine

class Base:
    def get_engine(self, host):
        return create_engine("mysql+pymysql://shop@" + host)
"""
ONE_USE = """from base import Base

class Report(Base):
    def run(self, host):
        engine = self.get_engine(host)
        with engine.connect() as connection:
            connection.exec_driver_sql("select 1")
"""


def test_callers_of_a_method_may_drop_the_engine_too(tmp_path: Path) -> None:
    keeper = "from base import Base\n\nENGINE = Base().get_engine('db')\n"
    assert found_in(tmp_path, "HYG201", base=METHOD) == [("base", 5)]
    assert found_in(tmp_path, "HYG201", base=METHOD, report=ONE_USE) == []
    assert found_in(tmp_path, "HYG208", base=METHOD, report=ONE_USE) == [("base", 5)]
    assert found_in(tmp_path, "HYG201", base=METHOD, report=ONE_USE, keeper=keeper) == [("base", 5)]


def test_a_session_is_followed_from_a_factory_of_another_file(tmp_path: Path) -> None:
    factory = """from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql://db/shop"))
"""
    use = """from sqlalchemy import text
from db import Session

def count():
    session = Session()
    print(session.execute(text("select 1")).scalar())
"""
    assert found_in(tmp_path, "HYG209", db=factory, use=use) == [("use", 5)]


def test_a_connection_of_a_module_is_used_by_others(tmp_path: Path) -> None:
    keeper = """from sqlalchemy import create_engine

engine = create_engine("mysql://db/shop", pool_pre_ping=True)
conn = engine.connect()
"""
    use = """from db import conn

def count(query):
    return conn.execute(query).scalar()
"""
    assert found_in(tmp_path, "HYG210", db=keeper) == []
    assert found_in(tmp_path, "HYG210", db=keeper, use=use) == [("db", 4)]


def test_a_refusal_speaks_of_what_was_opened(tmp_path: Path) -> None:
    program = """from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql://db/shop"))

def rows():
    session = Session()
    return session.execute(text("select 1"))
"""
    (tmp_path / "app.py").write_text(program)
    (finding,) = check(Project(tmp_path), [tmp_path / "app.py"], [RULES["HYG209"]])
    assert isinstance(finding.fix, NoFix)
    assert "session" in finding.fix.reason
    assert "connection" not in finding.fix.reason


SITE = {
    "logs/__init__.py": """from sqlalchemy import create_engine
from flask import Flask

APP = Flask(__name__)

APP.config['SQLALCHEMY_TRACK_MODIFICATIONS'] = False
APP.config['SQLALCHEMY_DATABASE_URI'] = 'mysql://{user}@{host}/{db}'.format(
    user='logs', host='db', db='logs')

from . import db, views

def _create_schema():
    engine = create_engine(APP.config['SQLALCHEMY_DATABASE_URI'])
    db.DB.create_all()
    engine.dispose()

with APP.app_context():
    _create_schema()
""",
    "logs/db.py": """from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from . import APP

DB = SQLAlchemy(APP)
MIGRATE = Migrate(APP, DB)
""",
    "logs/views.py": "from .db import DB\n\ndef count():\n    return DB.session.query(DB.Model).count()\n",
    "migrations/env.py": """from alembic import context
from flask import current_app
from sqlalchemy import engine_from_config, pool

config = context.config
config.set_main_option('sqlalchemy.url', current_app.config.get('SQLALCHEMY_DATABASE_URI'))

def run_migrations_online():
    engine = engine_from_config(config.get_section(config.config_ini_section), poolclass=pool.NullPool)
    connection = engine.connect()
    context.configure(connection=connection)
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.close()

run_migrations_online()
""",
}


def test_a_site_is_told_once_of_its_settings_and_mended_before_they_are_read(tmp_path: Path) -> None:
    for name, text in SITE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    project = Project(tmp_path, Settings(server_timeout=600))
    rules = [rule for rule in all_rules() if rule.default]
    (finding,) = check(project, sorted(tmp_path.rglob("*.py")), rules)
    settings = tmp_path / "logs/__init__.py"
    assert (finding.path, finding.span.line, finding.code) == (settings, 7, "HYG206")
    mended = fix(project.file(settings), lambda file: check_file(file, rules)).text
    option = "APP.config['SQLALCHEMY_ENGINE_OPTIONS'] = {'pool_pre_ping': True}\n"
    assert mended == SITE["logs/__init__.py"].replace("db='logs')\n", f"db='logs')\n{option}")


@pytest.mark.parametrize(("folder", "codes"), [("shop", ["HYG201"]), ("cookbook/mysql", []), ("examples", [])])
def test_engines_of_examples_do_not_last(tmp_path: Path, folder: str, codes: list[str]) -> None:
    path = tmp_path / folder / "app.py"
    path.parent.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    path.write_text('from sqlalchemy import create_engine\n\nengine = create_engine("mysql+pymysql://db/shop")\n')
    assert [finding.code for finding in dbhygiene.check(tmp_path, settings=Settings())] == codes


def test_an_engine_of_a_program_that_the_project_installs_ends_with_it(tmp_path: Path) -> None:
    report = (
        'from sqlalchemy import create_engine, text\n\nengine = create_engine("mysql+pymysql://db/shop")\n\n'
        "def main():\n    with engine.connect() as connection:\n        print(connection.execute(text('select 1')))\n"
    )
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    assert found_in(tmp_path, "HYG201", report=report) == [("report", 3)]
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n\n[project.scripts]\nshop = "report:main"\n')
    test = "from report import main\n\ndef test_report():\n    main()\n"
    assert found_in(tmp_path, "HYG201", report=report, test_report=test) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ('"""Contact: me@example.com"""', []),
        ("# loops over the queue, and polls", []),
        ("from models.scheduler import Base", []),
        ("import apscheduler", [("tables", 3)]),
        ("def consume():\n    pass", [("tables", 3)]),
        ("client.on_message = create", [("tables", 3)]),
        ("@app.route('/')\ndef index():\n    pass", [("tables", 3)]),
    ],
)
def test_words_outside_the_code_of_a_script_wait_for_nothing(
    tmp_path: Path, words: str, found: list[tuple[str, int]]
) -> None:
    script = (
        f"{SYNC}\n{words}\n\ndef create():\n    Base.metadata.create_all(engine)\n\n"
        "if __name__ == '__main__':\n    create()\n"
    )
    assert found_in(tmp_path, "HYG201", tables=script) == found


def test_an_engine_that_only_scripts_use_ends_with_them(tmp_path: Path) -> None:
    script = (
        "from sqlalchemy import text\n\nfrom store import engine\n\nwith engine.begin() as connection:\n"
        "    connection.execute(text('select 1'))\n"
    )
    server = "from store import engine\n\ndef application(environ, start_response):\n    return engine.connect()\n"
    assert found_in(tmp_path, "HYG201", store=SYNC, report=script) == []
    assert found_in(tmp_path, "HYG201", store=SYNC, report=script, server=server) == [("store", 3)]


def test_a_function_of_a_distributed_package_is_for_others_whatever_its_module_runs(tmp_path: Path) -> None:
    text = (
        "from sqlalchemy import create_engine\n\ndef connect():\n    return create_engine('mysql+pymysql://db/shop')\n\n"
        "if __name__ == '__main__':\n    print(connect())\n"
    )
    assert found_in(tmp_path, "HYG201", shop=text) == []
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    assert found_in(tmp_path, "HYG201", shop=text) == [("shop", 4)]


ENGINE = "from sqlalchemy import create_engine\n\nengine = create_engine('mysql+pymysql://db/shop')\n"
PIPELINE = "class Store:\n    def process_item(self, item, spider):\n        save(engine, item)\n"


@pytest.mark.parametrize(
    ("texts", "confidence"),
    [
        ({"store": f"{ENGINE}\n{PIPELINE}"}, Confidence.POSSIBLE),
        ({"db": ENGINE, "store": f"from db import engine\n\n{PIPELINE}"}, Confidence.POSSIBLE),
        (
            {
                "db": ENGINE,
                "web": "from db import engine\n\ndef view():\n    return engine\n",
                "s": f"from db import engine\n\n{PIPELINE}",
            },
            Confidence.CERTAIN,
        ),
        (
            {"store": f"{ENGINE}\n{PIPELINE}", "web": "import store\n\ndef view():\n    return store\n"},
            Confidence.CERTAIN,
        ),
        ({"store": f"{ENGINE}\n{PIPELINE}", "w": "from scrapy.crawler import CrawlerRunner\n"}, Confidence.CERTAIN),
    ],
)
def test_an_engine_of_a_crawl_ends_with_it(tmp_path: Path, texts: dict[str, str], confidence: Confidence) -> None:
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    project = Project(tmp_path, Settings(min_confidence=Confidence.POSSIBLE))
    (finding,) = check(project, sorted(tmp_path.glob("*.py")), [RULES["HYG201"]])
    assert finding.confidence is confidence
