"""Every way in which programs write an engine's URL and options, each for MySQL and for another database."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.project.project import Project
from dbhygiene.source.records import replace

RULES = {rule.code: rule for rule in all_rules()}
IMPORTS = "import os\nfrom functools import partial\nfrom sqlalchemy import URL, create_engine, make_url\n\n"

# Programs in which `SCHEME` stands for a database's name. Each is certain of it.
URLS = {
    "a literal": 'engine = create_engine("SCHEME://shop@db/shop")',
    "a driver": 'engine = create_engine("SCHEME+driver://shop@db/shop")',
    "a keyword": 'engine = create_engine(url="SCHEME://db")',
    "a name": 'URL_OF_DB = "SCHEME://db"\nengine = create_engine(URL_OF_DB)',
    "a name of a name": 'A = "SCHEME://db"\nB = A\nengine = create_engine(B)',
    "an attribute of self": """
class Store:
    def __init__(self):
        self.url = "SCHEME://db"
        self.engine = create_engine(self.url)
""",
    "an attribute set by another method": """
class Store:
    def configure(self):
        self.url = "SCHEME://db"

    def open(self):
        self.engine = create_engine(self.url)
""",
    "an attribute of a class": """
class Config:
    URL = "SCHEME://db"

engine = create_engine(Config.URL)
""",
    "an attribute of an instance": """
class Config:
    def __init__(self):
        self.url = "SCHEME://db"

config = Config()
engine = create_engine(config.url)
""",
    "an inherited attribute": """
class Base:
    URL = "SCHEME://db"

class Config(Base):
    pass

engine = create_engine(Config.URL)
""",
    "another module's constant": "from config import URL_OF_DB\nengine = create_engine(URL_OF_DB)",
    "another module's class": "import config\nengine = create_engine(config.Settings.url)",
    "another module's function": "from config import url\nengine = create_engine(url())",
    "an f-string": 'host = os.environ["HOST"]\nengine = create_engine(f"SCHEME://shop@{host}/shop")',
    "an f-string of names": 'scheme, host = "SCHEME", os.environ["HOST"]\nengine = create_engine(f"{scheme}://{host}/shop")',
    "+": 'engine = create_engine("SCHEME://" + os.environ["HOST"] + "/shop")',
    "%": 'engine = create_engine("SCHEME://%s/%s" % (os.environ["HOST"], "shop"))',
    "% with keys": 'engine = create_engine("%(scheme)s://%(host)s" % {"scheme": "SCHEME", "host": os.environ["HOST"]})',
    ".format": 'engine = create_engine("SCHEME://{}/{}".format(os.environ["HOST"], "shop"))',
    ".format with names": 'engine = create_engine("{s}://{host}".format(s="SCHEME", host=os.environ["HOST"]))',
    ".replace": 'engine = create_engine("SCHEME://shop@db/shop".replace("shop@db", os.environ["HOST"]))',
    ".join": 'engine = create_engine("".join(["SCHEME", "://", os.environ["HOST"]]))',
    "URL.create": 'engine = create_engine(URL.create("SCHEME+driver", host=os.environ["HOST"]))',
    "URL.create with keywords": 'engine = create_engine(URL.create(drivername="SCHEME", host="db"))',
    "make_url": 'engine = create_engine(make_url("SCHEME://db"))',
    "make_url and set": 'engine = create_engine(make_url("SCHEME://db").set(database=os.environ["NAME"]))',
    "a dict": 'config = {"url": "SCHEME://db"}\nengine = create_engine(config["url"])',
    "a dict's get": 'config = {"url": "SCHEME://db"}\nengine = create_engine(config.get("url"))',
    "a dict, updated": 'config = {}\nconfig.update(url="SCHEME://db")\nengine = create_engine(config["url"])',
    "a dict, set": 'config = {}\nconfig["url"] = "SCHEME://db"\nengine = create_engine(config["url"])',
    "a dict's default": 'config = {}\nconfig.setdefault("url", "SCHEME://db")\nengine = create_engine(config["url"])',
    "two dicts": 'config = {"echo": 1} | {"url": "SCHEME://db"}\nengine = create_engine(config["url"])',
    "a function of one return": 'def url():\n    return "SCHEME://db"\n\nengine = create_engine(url())',
    "a function of its arguments": """
def url(scheme, host):
    return f"{scheme}://{host}/shop"

engine = create_engine(url("SCHEME", os.environ["HOST"]))
""",
    "both arms of a condition": """
engine = create_engine("SCHEME://a" if os.environ.get("TEST") else "SCHEME+driver://b")
""",
    "both branches": """
if os.environ.get("TEST"):
    url = "SCHEME://a"
else:
    url = "SCHEME://b"
engine = create_engine(url)
""",
    "partial": 'make = partial(create_engine, "SCHEME://db")\nengine = make()',
    "partial, called with it": 'make = partial(create_engine, echo=True)\nengine = make("SCHEME://db")',
    "** options": 'options = {"url": "SCHEME://db"}\nengine = create_engine(**options)',
}

CONFIG = """
URL_OF_DB = "SCHEME://db"

class Settings:
    url = "SCHEME://db"

def url():
    return "SCHEME://db"
"""


def found(directory: Path, code: str, settings: Settings | None = None, **programs: str) -> list[Finding]:
    """The findings of one rule, however sure, in a project of these modules."""
    for name, text in programs.items():
        (directory / f"{name}.py").write_text(text)
    project = Project(directory, replace(settings or Settings(), min_confidence=Confidence.POSSIBLE))
    return list(check(project, sorted(directory.glob("*.py")), [RULES[code]]))


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in URLS.items()])
def test_a_url_decides_the_database(tmp_path: Path, program: str) -> None:
    for scheme, expected in (("mysql", [Confidence.CERTAIN]), ("mariadb", [Confidence.CERTAIN]), ("postgresql", [])):
        app, config = (text.replace("SCHEME", scheme) for text in (IMPORTS + program, CONFIG))
        assert [each.confidence for each in found(tmp_path, "HYG201", app=app, config=config)] == expected, scheme


# Programs of which nobody can say what database they have.
UNDECIDED = {
    "a parameter": "class Store:\n    def __init__(self, url):\n        self.engine = create_engine(url)\n",
    "a parameter that has a default": """
class Store:
    def __init__(self, url="sqlite://"):
        self.engine = create_engine(url)
""",
    "the environment": 'engine = create_engine(os.environ["URL"])',
    "the environment's default": 'engine = create_engine(os.getenv("URL", "sqlite:///shop.db"))',
    "the environment or": 'engine = create_engine(os.environ.get("URL") or "sqlite:///shop.db")',
    "the scheme is not known": "engine = create_engine(f\"{os.environ.get('SCHEME')}://db/shop\")",
}


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in UNDECIDED.items()])
def test_a_default_is_weak_evidence(tmp_path: Path, program: str) -> None:
    (finding,) = found(tmp_path, "HYG201", app=IMPORTS + program)
    assert finding.confidence < Confidence.CERTAIN


# Programs in which `OPTION` stands for an option of the engine.
OPTIONS = {
    "a keyword": 'engine = create_engine("mysql://db", OPTION)',
    "a dict's literal": 'options = dict(OPTION)\nengine = create_engine("mysql://db", **options)',
    "a dict, updated": 'options = {}\noptions.update(OPTION)\nengine = create_engine("mysql://db", **options)',
    "two dicts": 'options = {"echo": 0} | dict(OPTION)\nengine = create_engine("mysql://db", **options)',
    "a dict in a dict": 'options = {"echo": 0, **dict(OPTION)}\nengine = create_engine("mysql://db", **options)',
    "one branch": """
options = {}
if os.environ.get("LONG"):
    options.update(OPTION)
engine = create_engine("mysql://db", **options)
""",
    "a function": 'def options():\n    return dict(OPTION)\n\nengine = create_engine("mysql://db", **options())',
    "a class": """
class Store:
    options = dict(OPTION)

    def __init__(self):
        self.engine = create_engine("mysql://db", **self.options)
""",
    "partial": 'make = partial(create_engine, OPTION)\nengine = make("mysql://db")',
}


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in OPTIONS.items()])
def test_options_are_found_wherever_they_are_written(tmp_path: Path, program: str) -> None:
    for option, expected in (
        ("echo=True", 1),
        ("pool_pre_ping=False", 1),
        ("pool_recycle=-1", 1),
        ("pool_pre_ping=True", 0),
        ("pool_recycle=280", 0),
        ('pool_recycle=int(os.environ["N"])', 0),
    ):
        assert len(found(tmp_path, "HYG201", app=IMPORTS + program.replace("OPTION", option))) == expected, option


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ("60 * 60", 1),
        ("MINUTE * 60", 1),
        ("60 * 60 - 10", 0),
        ("int('3600')", 1),
        ("int(os.environ['N'])", 0),
        ("int(os.getenv('N', '3600'))", 0),
        ("3600 if os.environ.get('N') else 7200", 1),
        ("3600 if os.environ.get('N') else 60", 0),
        ("-1", 0),  # none at all: `engine-without-protection`
    ],
)
def test_seconds_are_calculated(tmp_path: Path, seconds: str, expected: int) -> None:
    program = f'{IMPORTS}MINUTE = 60\nengine = create_engine("mysql://db", pool_recycle={seconds})\n'
    findings = found(tmp_path, "HYG204", Settings(server_timeout=3600), app=program)
    assert len([each for each in findings if each.confidence > Confidence.POSSIBLE]) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("", Confidence.LIKELY),
        ('ARCHIVE = "mysql+pymysql://db/archive"', Confidence.LIKELY),
        ("import pymysql", Confidence.LIKELY),
        ('ARCHIVE = "postgresql+psycopg2://db/archive"', Confidence.POSSIBLE),
        ('LOCAL = "sqlite:///shop.db"', Confidence.POSSIBLE),
        ("from psycopg2 import extras", Confidence.POSSIBLE),
        ("import cx_Oracle", Confidence.POSSIBLE),
        ('NAMES = ["postgresql", "sqlite"]', Confidence.LIKELY),  # words, of whatever
        ("import sqlite3", Confidence.LIKELY),  # a cache, mostly
    ],
)
def test_other_modules_speak_for_a_database(tmp_path: Path, other: str, expected: Confidence) -> None:
    app = IMPORTS + 'engine = create_engine(os.environ["URL"])\n'
    (finding,) = found(tmp_path, "HYG201", app=app, other=other)
    assert finding.confidence is expected


@pytest.mark.parametrize("name", ["mysql_store", "app"])
def test_a_part_for_mysql_is_not_outvoted_by_the_others(tmp_path: Path, name: str) -> None:
    program = IMPORTS + ("import pymysql\n" if name == "app" else "") + 'engine = create_engine(os.environ["URL"])\n'
    (finding,) = found(tmp_path, "HYG201", **{name: program, "other": 'URL = "postgresql://db/shop"\n'})
    assert finding.confidence is Confidence.LIKELY


def test_what_tests_use_says_nothing_of_the_program(tmp_path: Path) -> None:
    app = IMPORTS + 'engine = create_engine(os.environ["URL"])\n'
    (finding,) = found(tmp_path, "HYG201", app=app, test_app='URL = "sqlite:///test.db"\n')
    assert finding.confidence is Confidence.LIKELY


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [("PyMySQL==1.1", Confidence.LIKELY), ("mysqlclient", Confidence.LIKELY), ("asyncpg>=0.29", Confidence.POSSIBLE)],
)
def test_dependencies_speak_for_a_database(tmp_path: Path, requirement: str, expected: Confidence) -> None:
    (tmp_path / "requirements.txt").write_text(f"SQLAlchemy==2.0.50\n{requirement}\n")
    app = IMPORTS + 'engine = create_engine(os.environ["URL"])\n'
    (finding,) = found(tmp_path, "HYG201", app=app)
    assert finding.confidence is expected


def test_the_configuration_has_the_last_word(tmp_path: Path) -> None:
    app = IMPORTS + "import psycopg2\n" + 'engine = create_engine(os.environ["URL"])\n'
    (finding,) = found(tmp_path, "HYG201", Settings(databases=("mysql",)), app=app)
    assert finding.confidence is Confidence.LIKELY
    (finding,) = found(tmp_path, "HYG201", Settings(databases=("mysql", "postgresql")), app=app)
    assert finding.confidence is Confidence.POSSIBLE


@pytest.mark.parametrize(
    ("use", "safety"),
    [
        ('other = create_engine("mysql://replica/shop", **OPTIONS)', Safety.SAFE),
        ("value = log(**OPTIONS)", Safety.UNSAFE),
        ('assert set(OPTIONS) <= {"echo", "pool_size"}', Safety.UNSAFE),
    ],
)
def test_options_that_other_code_reads_get_no_safe_fix(tmp_path: Path, use: str, safety: Safety) -> None:
    program = f'{IMPORTS}OPTIONS = {{"echo": False}}\n{use}\nengine = create_engine("mysql://db/shop", **OPTIONS)\n'
    fixes = [each.fix for each in found(tmp_path, "HYG201", app=program)]
    assert {each.safety for each in fixes if isinstance(each, Fix)} == {safety}
