"""Which server a site is taken to have, and what is reported of it."""

from pathlib import Path

import pytest

from dbhygiene.checker.doctor import sites
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.project_check import check
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.gaps.idle_closing import IdleClosing
from dbhygiene.gaps.search import reach_of_processes
from dbhygiene.gaps.server_timeout import closes_idle
from dbhygiene.gaps.servers import verdict
from dbhygiene.library.drivers import drivers
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.dialect_evidence import _DISTRIBUTIONS
from dbhygiene.project.project import FEW, Project
from dbhygiene.project.requirements import normal

MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")\n'
WORK = """
from django.core.management.base import BaseCommand
from shop.models import Order

class Command(BaseCommand):
    def handle(self, *args, **options):
        if Order.objects.count() and input() == "y":
            Order.objects.all().delete()
"""


def engine(name: str) -> str:
    return f'DATABASES = {{"default": {{"ENGINE": "django.db.backends.{name}"}}}}\n'


@pytest.fixture
def site(tmp_path):
    def made(settings=None, **files):
        for name, text in {"manage.py": MANAGE, "site_/__init__.py": "", "shop/work.py": WORK, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        project = Project(tmp_path, settings or Settings())
        return project.file(Path(tmp_path / "shop/work.py"))

    return made


SQLITE, POSTGRES = engine("sqlite3"), engine("postgresql")
ENVIRONMENT = 'import os\nDATABASES = {"default": {"ENGINE": os.environ["ENGINE"]}}\n'
FROM_ENVIRONMENT = (
    SQLITE
    + """
import os

if os.getenv("DATABASE"):
    DATABASES["default"].update(dict(item.split("=") for item in os.getenv("DATABASE").split(":")))
"""
)
DEFAULT_URL = 'import environ\nDATABASES = {{"default": environ.Env().db(default="{}://shop:secret@db/shop")}}\n'
FIXED_URL = 'import dj_database_url\nDATABASES = {{"default": dj_database_url.parse("{}://shop@db/shop")}}\n'
SITES = {
    "one file": ({"site_/settings.py": SQLITE}, "sqlite", False),
    "tests only": ({"manage.py": MANAGE.replace("site_", "tests"), "tests/settings.py": SQLITE}, "mysql", True),
    "a test's settings": ({"site_/settings.py": POSTGRES, "site_/test.py": SQLITE}, "postgresql", False),
    "production": ({"site_/settings.py": SQLITE, "site_/live.py": engine("mysql")}, "mysql", False),
    "a file of secrets": (
        {"site_/settings.py": SQLITE, "site_/live.py": "import json\nDATABASES = json.load(open('x'))\n"},
        "unknown",
        False,
    ),
    "local settings": (
        {"site_/settings.py": SQLITE + "try:\n    from site_.local import *\nexcept ImportError:\n    pass\n"},
        "unknown",
        False,
    ),
    "settings that are run": ({"site_/settings.py": SQLITE + "exec(open('x').read())\n"}, "unknown", False),
    "settings that are copied": (
        {
            "site_/settings.py": SQLITE
            + "import importlib\nmodule = importlib.import_module('x')\nglobals().update(module.__dict__)\n"
        },
        "unknown",
        False,
    ),
    "settings of any name": (
        {
            "site_/settings.py": "import json\n"
            + SQLITE
            + "for k, v in json.load(open('x')).items():\n    globals()[k] = v\n"
        },
        "unknown",
        False,
    ),
    "settings of a file": (
        {"site_/settings.py": "import json\n" + SQLITE + "globals().update(json.load(open('x')))\n"},
        "unknown",
        False,
    ),
    "one setting by its name": ({"site_/settings.py": SQLITE + "globals()['DEBUG'] = True\n"}, "sqlite", False),
    "a database of a file": (
        {"site_/settings.py": "import json\n" + SQLITE + "DATABASES['default'].update(json.load(open('x')))\n"},
        "unknown",
        False,
    ),
    "databases of a file": (
        {"site_/settings.py": "import tomllib\n" + SQLITE + "DATABASES |= tomllib.loads('x')\n"},
        "unknown",
        False,
    ),
    "another key of a database": (
        {"site_/settings.py": SQLITE + "DATABASES['default'].update({'ATOMIC_REQUESTS': True})\n"},
        "sqlite",
        False,
    ),
    "dynaconf": (
        {"site_/settings.py": SQLITE + "import dynaconf\nsettings = dynaconf.DjangoDynaconf(__name__)\n"},
        "unknown",
        False,
    ),
    "a module that is imported": (
        {"site_/settings.py": SQLITE + "import importlib\nSearch = importlib.import_module('ldap').Search\n"},
        "sqlite",
        False,
    ),
    "an old driver": ({"site_/settings.py": SQLITE, "requirements.txt": "MySQL-python==1.2.5"}, "mysql", False),
    "what builds on it": ({"site_/settings.py": SQLITE, "requirements.txt": "django-mysql"}, "mysql", False),
    "imported": ({"site_/settings.py": SQLITE, "site_/__init__.py": "import pymysql\n"}, "mysql", False),
    "a driver for something else": (
        {"site_/settings.py": POSTGRES, "requirements.txt": "mysqlclient"},
        "postgresql",
        False,
    ),
    "a driver, and settings that are not known": (
        {
            "site_/settings.py": "import environ\nDATABASES = {'default': environ.Env().db()}\n",
            "requirements.txt": "psycopg[binary]",
        },
        "postgresql",
        False,
    ),
    "a URL": ({"site_/settings.py": FIXED_URL.format("mysql"), "requirements.txt": "psycopg"}, "mysql", False),
    "a URL of a file": ({"site_/settings.py": FIXED_URL.format("sqlite")}, "unknown", False),
    "a URL by default": ({"site_/settings.py": DEFAULT_URL.format("mysql2")}, "mysql", False),
    "a URL by default, and its driver": (
        {"site_/settings.py": DEFAULT_URL.format("pgsql"), "requirements.txt": "psycopg2\nmysqlclient"},
        "postgresql",
        False,
    ),
    "a URL by default, and the driver of another server": (
        {"site_/settings.py": DEFAULT_URL.format("mysql"), "requirements.txt": "psycopg2-binary"},
        "postgresql",
        False,
    ),
    "a URL by default, and the driver of MySQL": (
        {"site_/settings.py": DEFAULT_URL.format("postgres"), "requirements.txt": "mysqlclient"},
        "mysql",
        False,
    ),
    "a file by default, and the driver of MySQL": (
        {"site_/settings.py": DEFAULT_URL.format("sqlite"), "requirements.txt": "mysqlclient"},
        "mysql",
        False,
    ),
    "a file by default": ({"site_/settings.py": DEFAULT_URL.format("sqlite")}, "unknown", False),
    "two servers": ({"site_/settings.py": POSTGRES, "site_/other.py": engine("mysql")}, "mysql", False),
    "fields of PostgreSQL": (
        {"shop/models.py": "from django.contrib.postgres.fields import ArrayField\n"},
        "postgresql",
        False,
    ),
    "fields of PostgreSQL where it is the server": (
        {
            "shop/models.py": "from django.db import connection\n\nif connection.vendor == 'postgresql':\n"
            "    from django.contrib.postgres.fields import ArrayField\n"
        },
        "mysql",
        True,
    ),
    "nothing": ({}, "mysql", True),
    "settings of one test": (
        {"site_/settings.py": POSTGRES, "site_/test_shell.py": engine("mysql")},
        "postgresql",
        False,
    ),
    "settings of one test, and a site that is not known": (
        {"site_/settings.py": ENVIRONMENT, "site_/tests.py": POSTGRES, "compose.yml": "db: {image: mysql}"},
        "mysql",
        True,
    ),
    "settings of tests alone": ({"site_/settings.py": SQLITE, "site_/test.py": engine("mysql")}, "mysql", False),
    "a site that is not known, with PostgreSQL in a compose file": (
        {"site_/settings.py": FROM_ENVIRONMENT, "compose.yml": "services:\n  db:\n    image: postgres:16\n"},
        "postgresql",
        False,
    ),
    "a site that is not known, with PostgreSQL in the tests of a service": (
        {"site_/settings.py": ENVIRONMENT, ".github/workflows/test.yml": "services: {db: {image: postgres}}"},
        "postgresql",
        False,
    ),
    "a site that is not known, with MySQL in the tests": (
        {
            "site_/settings.py": FROM_ENVIRONMENT,
            "compose.yml": "services:\n  db:\n    image: postgres:16\n",
            ".gitlab-ci.yml": "services: [mariadb]",
        },
        "mysql",
        True,
    ),
    "a site that is not known, with MySQL in its environment": (
        {"site_/settings.py": FROM_ENVIRONMENT, "deploy/.env.production": "DATABASE=ENGINE=django.db.backends.mysql"},
        "mysql",
        True,
    ),
    "a site that is not known, with a URL of MySQL": (
        {"site_/settings.py": ENVIRONMENT, "shop/load.py": "SOURCE = 'mysql://shop/archive'\n"},
        "mysql",
        True,
    ),
    "a program for MySQL, too": (
        {
            "site_/settings.py": ENVIRONMENT,
            "shop/models.py": "from django.db import connection\n\nFAST = connection.vendor in ('oracle', 'mysql')\n",
        },
        "mysql",
        True,
    ),
    "a comment in settings": ({"site_/settings.py": ENVIRONMENT + "# or mysql\n"}, "mysql", True),
    "settings of an application": (
        {"shop/settings.py": "from django.conf import settings\nDATABASES = getattr(settings, 'SHOP_DATABASES', [])\n"},
        "mysql",
        True,
    ),
    "settings of an application, and of tests": (
        {"shop/settings.py": "PAGE = 20\n", "tests/settings.py": ENVIRONMENT},
        "mysql",
        True,
    ),
    "an engine of the environment": ({"site_/settings.py": ENVIRONMENT}, "unknown", False),
    "settings of a test that are not known": (
        {"site_/settings.py": POSTGRES, "site_/test.py": ENVIRONMENT},
        "postgresql",
        False,
    ),
}


@pytest.mark.parametrize("name", SITES)
def test_evidence_is_weighed(site, name):
    files, server, is_assumed = SITES[name]
    found = verdict(site(**files))
    assert (found.server, found.is_assumed) == (server, is_assumed), found.reason
    assert "secret" not in found.reason


@pytest.mark.parametrize(
    ("settings", "timeout", "confidence"),
    [
        (FROM_ENVIRONMENT, None, Confidence.POSSIBLE),
        (FROM_ENVIRONMENT, 60, Confidence.LIKELY),
        (FROM_ENVIRONMENT + "# or mysql\n", None, Confidence.LIKELY),
    ],
)
def test_waits_are_only_possible_findings_where_the_server_is_unknown(site, settings, timeout, confidence):
    everything = Settings(server_timeout=timeout, min_confidence=Confidence.POSSIBLE)
    [finding] = findings(site(everything, **{"site_/settings.py": settings}))
    assert finding.confidence is confidence
    assert any("MySQL" in note for note in finding.notes) == ("mysql" in settings)


def test_the_doctor_says_that_the_server_is_unknown(site):
    file = site(**{"site_/settings.py": FROM_ENVIRONMENT})
    [words] = sites(file.project, [file.path])
    assert words == (
        "the server is unknown: a database in site_/settings.py is not fully known, and no file names a server;"
        " waits are only possible findings (HYG301, HYG302, HYG308)"
    )


@pytest.mark.parametrize(("word", "server"), [("mariadb", "mysql"), ("postgres", "postgresql"), ("SQLite", "sqlite")])
def test_the_configuration_has_the_last_word(site, word, server):
    file = site(Settings(databases=(word,)), **{"site_/settings.py": engine("oracle"), "requirements.txt": "PyMySQL"})
    assert verdict(file).server == server


def findings(file):
    return check_file(file, [rule for rule in all_rules() if rule.code == "HYG301"])


def test_another_server_than_mysql_closes_nothing_by_itself(site):
    assert not findings(site(**{"site_/settings.py": POSTGRES}))


def test_where_a_timeout_is_set_the_server_has_its_own_words(site):
    [finding] = findings(site(Settings(server_timeout=300), **{"site_/settings.py": POSTGRES}))
    assert any("idle_session_timeout" in note for note in finding.notes)
    assert not any("2006" in note for note in finding.notes)


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("reverse", [False, True])
def test_one_file_of_a_directory_answers_for_the_others(site, name, reverse):
    """Whether idle connections are closed is asked once for each directory: as if it were asked for each file."""
    others = {
        "other/manage.py": MANAGE.replace("site_.", "main."),
        "other/main/__init__.py": "",
        "other/main/settings.py": engine("mysql"),
        "other/shop/work.py": WORK,
        "site_/work.py": WORK,
        "shop/more.py": WORK,
        "load.py": MANAGE.replace("site_.", "first.") + WORK,
        "first.py": WORK,  # beside a package of its name
        "first/__init__.py": "",
        "first/settings.py": POSTGRES,
    }
    project = site(**{**others, **SITES[name][0]}).project
    closing, fresh = IdleClosing(project), Project(project.root)
    for path in sorted(project.everything, reverse=reverse):
        assert closing.applies_to(project.file(path)) == closes_idle(fresh.file(path)), path


@pytest.mark.parametrize(("settings", "is_explored"), [(POSTGRES, False), (engine("mysql"), True)])
def test_processes_are_followed_only_where_idle_connections_are_closed(site, settings, is_explored):
    more = {f"shop/work_{number}.py": WORK for number in range(2 * FEW)}
    project = site(**{"site_/settings.py": settings, **more}).project
    rules = [rule for rule in all_rules() if rule.code == "HYG301"]
    assert bool(list(check(project, project.everything, rules))) == is_explored
    assert any(kind == reach_of_processes.__name__ for kind, *_ in project.inputs.answers) == is_explored


@pytest.mark.parametrize(
    ("seconds", "timeout", "confidence"),
    [(3600, None, Confidence.LIKELY), (28800, None, Confidence.CERTAIN), (3600, 3600, Confidence.CERTAIN)],
)
def test_a_wait_below_the_default_is_certain_only_where_the_timeout_is_known(site, seconds, timeout, confidence):
    work = WORK.replace("input() ==", f"time.sleep({seconds}) ==").replace("from shop", "import time\nfrom shop")
    [finding] = findings(site(Settings(server_timeout=timeout), **{"shop/work.py": work}))
    assert finding.confidence is confidence


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("shop/test_work.py", True), ("shop/work_test.py", True), ("tests.py", True), ("tests_run.py", True)),
        *(("shop/tests/helpers.py", True), ("testing/a/b.py", True), ("conftest.py", True)),
        *(("shop/work.py", False), ("shop/attest.py", False), ("shop/contests.py", False), ("latest.py", False)),
    ],
)
def test_a_test_is_known_by_its_name_or_its_directory(tmp_path, name, expected):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    assert is_test_file(Project(tmp_path).file(path)) is expected


def test_each_driver_is_known_by_its_distributions():
    for driver in drivers():
        if driver.server in _DISTRIBUTIONS:
            assert {normal(name) for name in driver.distributions} <= _DISTRIBUTIONS[driver.server]
