"""HYG501 - HYG508 over whole projects: how the site is served, which of several servers is meant, what is silent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbhygiene.api import check
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Fix

ASGI = "from django.core.asgi import get_asgi_application\n\napplication = get_asgi_application()\n"
WSGI = "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"
SETTINGS = (
    "import os\n\nDATABASES = {{\n    'default': {{\n        'ENGINE': 'django.db.backends.mysql',\n"
    "        'CONN_MAX_AGE': {age},\n    }}\n}}\n"
)
GUNICORN_GEVENT = "web: gunicorn -k gevent -w 2 shop.wsgi"


def findings(root: Path, **files: str) -> list[tuple[str, str]]:
    """The codes and confidences of HYG5xx in a project; `__` in a name stands for a slash, `_0` for a dot."""
    for name, text in files.items():
        path = root / (name if "." in name else name.replace("__", "/").replace("_0", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = check(root, settings=Settings(select=("HYG5",), min_confidence=Confidence.POSSIBLE))
    return [(each.code, str(each.confidence)) for each in found]


def site(root: Path, age: str, **files: str) -> list[tuple[str, str]]:
    own = {
        "shop/asgi.py": ASGI,
        "shop/wsgi.py": WSGI,
        "shop/__init__.py": "",
        "shop/settings.py": SETTINGS.format(age=age),
    }
    return findings(root, **own, **files)


@pytest.mark.parametrize(
    ("age", "procfile", "expected"),
    [
        ("60", "web: daphne shop.asgi:application", [("HYG501", "certain")]),
        ("None", "web: uvicorn shop.asgi:application --workers 2", [("HYG501", "certain")]),
        ("int(os.environ.get('AGE', '60'))", "web: hypercorn shop.asgi", [("HYG501", "certain")]),
        ("60", GUNICORN_GEVENT, [("HYG501", "certain")]),
        ("60", "web: gunicorn -k uvicorn_worker.UvicornWorker shop.asgi", [("HYG501", "certain")]),
        ("60", "web: gunicorn shop.wsgi\nws: daphne shop.asgi:application", [("HYG501", "possible")]),
        ("60", "web: gunicorn --threads 8 shop.wsgi", []),
        ("60", "web: uvicorn shop.asgi:application --reload", []),
        ("60", "web: uvicorn api.main:app", []),
        ("60", "web: python manage.py runserver", []),
        ("0", "web: daphne shop.asgi:application", []),
        ("os.environ.get('AGE')", "web: daphne shop.asgi:application", []),
        ("int(os.environ['AGE'])", "web: daphne shop.asgi:application", []),
        ("int(os.environ.get('AGE', 0))", "web: daphne shop.asgi:application", []),
        ("None if STAGE == 'production' else 0", "web: daphne shop.asgi:application", [("HYG501", "likely")]),
        ("600 if not DEBUG else 0", "web: daphne shop.asgi:application", [("HYG501", "likely")]),
        ("60 if DEBUG else 0", "web: daphne shop.asgi:application", []),
        ("0 if STAGE == 'production' else 60", "web: daphne shop.asgi:application", []),
    ],
)
def test_persistent_connections(tmp_path: Path, age: str, procfile: str, expected: list[tuple[str, str]]) -> None:
    assert site(tmp_path, age, Procfile=procfile) == expected


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ("config.get('AGE', 60)", [("HYG501", "certain")]),
        ("config.get('AGE')", []),
        ("config.get('database', 'AGE')", []),
        ("env('AGE')", [("HYG501", "certain")]),
        ("env.int('AGE')", [("HYG501", "certain")]),
        ("env('NO_AGE')", []),
        ("env('OTHER')", []),
    ],
)
def test_the_default_of_a_setting_is_an_age(tmp_path: Path, age: str, expected: list[tuple[str, str]]) -> None:
    made = (
        "import environ\nfrom dynaconf import Dynaconf\n\n"
        "config = Dynaconf()\nenv = environ.Env(AGE=(int, 60), NO_AGE=(int, 0))\n"
    )
    files = {"shop/asgi.py": ASGI, "shop/__init__.py": "", "shop/settings.py": made + SETTINGS.format(age=age)}
    assert findings(tmp_path, Procfile="web: daphne shop.asgi:application", **files) == expected


def test_commands_for_development_count_only_if_there_are_no_others(tmp_path: Path) -> None:
    own = {"compose/local/start.sh": "daphne shop.asgi:application\n"}
    assert site(tmp_path / "a", "60", **own) == [("HYG501", "certain")]
    assert site(tmp_path / "b", "60", Procfile="web: gunicorn shop.wsgi\n", **own) == []


def test_settings_that_others_import_and_change_are_those_of_others(tmp_path: Path) -> None:
    own = {"shop/production.py": "from shop.settings import *\n\nDATABASES['default']['CONN_MAX_AGE'] = {age}\n"}
    start = {"Procfile": "web: daphne shop.asgi:application\n"}
    kept, off = ({name: text.format(age=age) for name, text in own.items()} for age in (60, 0))
    assert site(tmp_path / "a", "60", **kept, **start) == [("HYG501", "certain"), ("HYG501", "possible")]
    assert site(tmp_path / "b", "60", **off, **start) == [("HYG501", "possible")]


def test_the_files_of_platforms_say_how_a_site_is_served(tmp_path: Path) -> None:
    start = (
        'services:\n  - type: web\n    startCommand: "python -m gunicorn shop.asgi -k uvicorn_worker.UvicornWorker"\n'
    )
    assert site(tmp_path, "600", **{"render.yaml": start}) == [("HYG501", "certain")]


def test_a_program_that_starts_granian_serves_the_site(tmp_path: Path) -> None:
    run = "from granian import Granian\n\nGranian('shop.asgi:application', interface='asgi').serve()\n"
    assert site(tmp_path, "600", **{"shop/run.py": run}) == [("HYG501", "certain")]


def test_a_pool_of_the_driver_keeps_the_connections(tmp_path: Path) -> None:
    text = "{'default': {'ENGINE': 'django.db.backends.postgresql', 'CONN_MAX_AGE': 60, 'OPTIONS': {'pool': True}}}"
    files = {"shop/asgi.py": ASGI, "shop/settings.py": f"DATABASES = {text}\n"}
    assert findings(tmp_path, Procfile="web: daphne shop.asgi:application", **files) == []


def test_a_command_serves_the_site_beside_it(tmp_path: Path) -> None:
    files = {f"{each}/shop/asgi.py": ASGI for each in ("one", "two")}
    files |= {f"{each}/shop/settings.py": SETTINGS.format(age=60) for each in ("one", "two")}
    files |= {f"{each}/shop/__init__.py": "" for each in ("one", "two")}
    found = findings(tmp_path, **files, **{"two/Procfile": "web: daphne shop.asgi:application"})
    assert found == [("HYG501", "certain")]


APP = "from db import engine\n"
POOL = (
    "from sqlalchemy import create_engine\n\nengine = create_engine('mysql+pymysql://a@db/b', pool_recycle=60{more})\n"
)
LIMIT = "  db:\n    image: mysql:8\n    command: --max-connections=50\n"
COMPOSE = "services:\n  web:\n    build: .\n    command: {command}\n" + LIMIT


@pytest.mark.parametrize(
    ("command", "more", "expected"),
    [
        ("gunicorn -w 4 app:app", ", pool_size=20, max_overflow=20", []),
        ("gunicorn -w 4 --threads 8 app:app", "", []),
        ("gunicorn -w 4 --threads 16 app:app", "", [("HYG502", "likely")]),
        ("uvicorn app:app --workers 4", "", [("HYG502", "likely")]),
        ("uvicorn app:app --workers 3", "", []),
        ("uvicorn app:app --workers $N", "", []),
        ("uvicorn app:app --workers 1", ", pool_size=100", []),  # 40 threads
        ("uvicorn other:app --workers 4", "", []),
        ("gunicorn -w 20 -k gevent app:app", ", poolclass=NullPool", []),
        ("gunicorn -w 2 -k gevent app:app", ", pool_size=20, **options", []),
    ],
)
def test_processes_times_the_smaller_of_threads_and_pool(
    tmp_path: Path, command: str, more: str, expected: list[tuple[str, str]]
) -> None:
    pool = f"from sqlalchemy.pool import NullPool\nfrom config import options\n{POOL.format(more=more)}"
    files = {"compose.yaml": COMPOSE.format(command=command), "app.py": APP, "db.py": pool}
    assert findings(tmp_path, **files) == expected


@pytest.mark.parametrize(
    ("start", "pool", "expected"),
    [
        ("uvicorn other:app --reload", "create_engine('mysql+pymysql://", []),  # 40 threads
        ("uvicorn other:app --reload", "create_async_engine('mysql+aiomysql://", [("HYG502", "certain")]),
        ("gunicorn --threads 8 other:app", "create_engine('mysql+pymysql://", []),
    ],
)
def test_a_process_has_no_more_connections_than_threads(
    tmp_path: Path, start: str, pool: str, expected: list[tuple[str, str]]
) -> None:
    made = POOL.format(more=", pool_size=100").replace("create_engine('mysql+pymysql://", pool)
    made = made.replace(
        "import create_engine", "import create_engine\nfrom sqlalchemy.ext.asyncio import create_async_engine"
    )
    assert findings(tmp_path, Procfile=f"web: {start}\n", compose_0yaml=f"services:\n{LIMIT}", db_0py=made) == expected


@pytest.mark.parametrize(
    ("version", "more", "expected"),
    [
        ("2.0.1", "pool_size=0", [("HYG507", "certain")]),
        ("1.4.54", "pool_size=0", []),  # ten connections
        ("1.4.54", "pool_size=0, max_overflow=-1", [("HYG507", "certain")]),
        ("1.4.54", "pool_size=0, max_overflow=60", [("HYG502", "certain")]),
    ],
)
def test_a_pool_of_no_size(tmp_path: Path, version: str, more: str, expected: list[tuple[str, str]]) -> None:
    files = {"requirements.txt": f"SQLAlchemy=={version}\n", "compose.yaml": f"services:\n{LIMIT}"}
    assert findings(tmp_path, **files, **{"db.py": POOL.format(more=f", {more}")}) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("create_engine('mysql://a@db/b'", "create_engine('mysql://a@db/c'", [("HYG502", "likely")]),
        ("create_engine('mysql://a@db/b'", "create_async_engine('mysql+aiomysql://a@db/b'", [("HYG502", "possible")]),
        ("create_engine(f'mysql://{A}/b'", "create_engine(f'mysql://{B}/b'", [("HYG502", "possible")]),
        ("create_engine('mysql://a@db/b'", "create_engine('mysql://a@replica.example.com/b'", []),
        ("create_engine('mysql://a@db/b'", "create_engine('mysql://a@db/b', poolclass=NullPool", []),
    ],
)
def test_the_pools_of_one_process_add_up(
    tmp_path: Path, first: str, second: str, expected: list[tuple[str, str]]
) -> None:
    code = (
        "from config import A, B\nfrom sqlalchemy import create_engine\nfrom sqlalchemy.pool import NullPool\n"
        "from sqlalchemy.ext.asyncio import create_async_engine\n\n"
        f"one = {first}, pool_recycle=60, pool_size=20)\ntwo = {second}, pool_recycle=60, pool_size=15)\n"
    )
    assert findings(tmp_path, compose_0yaml=f"services:\n{LIMIT}", db_0py=code) == expected


def test_one_pool_may_be_too_large(tmp_path: Path) -> None:
    files = {"compose.yaml": f"services:\n{LIMIT}", "db.py": POOL.format(more=", pool_size=50")}
    assert findings(tmp_path, **files) == [("HYG502", "certain")]


PGBOUNCER = "[pgbouncer]\npool_mode = {mode}\n{more}"


@pytest.mark.parametrize(
    ("mode", "more", "expected"),
    [
        ("transaction", "", [("HYG504", "likely")]),  # of an unknown version
        ("transaction", "max_prepared_statements = 0\n", [("HYG504", "certain")]),
        ("session", "", []),
        ("transaction", "max_prepared_statements = 100\n", []),
    ],
)
def test_prepared_statements(tmp_path: Path, mode: str, more: str, expected: list[tuple[str, str]]) -> None:
    pool = "import asyncpg\n\nasync def f():\n    return await asyncpg.connect(host='pgbouncer', user='a')\n"
    assert findings(tmp_path, db_0py=pool, pgbouncer_0ini=PGBOUNCER.format(mode=mode, more=more)) == expected


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [("asyncpg>=0.31\n", "safe"), ("asyncpg==0.32.0\n", "safe"), ("asyncpg\n", "unsafe"), ("asyncpg==0.30.0\n", "")],
)
def test_an_engine_profits_from_no_cache_with_new_versions_of_asyncpg(
    tmp_path: Path, requirements: str, expected: str
) -> None:
    engine = (
        "from sqlalchemy.ext.asyncio import create_async_engine\n\n"
        "engine = create_async_engine('postgresql+asyncpg://shop@pgbouncer:6432/shop')\n"
    )
    (tmp_path / "requirements.txt").write_text(requirements)
    (tmp_path / "pgbouncer.ini").write_text(PGBOUNCER.format(mode="transaction", more=""))
    (tmp_path / "db.py").write_text(engine)
    (found,) = check(tmp_path, settings=Settings(select=("HYG504",)))
    assert (found.fix.safety.name.lower() if isinstance(found.fix, Fix) else "") == expected


def test_statements_with_names_of_their_own_are_not_reported(tmp_path: Path) -> None:
    engine = (
        "from uuid import uuid4\n\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
        "from sqlalchemy.pool import NullPool\n\n"
        "names = {'prepared_statement_name_func': lambda: f'__shop_{uuid4()}__'}\n"
        "url = 'postgresql+asyncpg://shop@pgbouncer:6432/shop'\n"
        "engine = create_async_engine(url, poolclass=NullPool, connect_args=names)\n"
    )
    assert findings(tmp_path, db_0py=engine, pgbouncer_0ini=PGBOUNCER.format(mode="transaction", more="")) == []


LATEST = "services:\n  pgbouncer:\n    image: edoburu/pgbouncer{tag}\n    environment: {{POOL_MODE: transaction}}\n"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [(":1.22.1", [("HYG504", "certain")]), (":latest", []), ("", []), ("@sha256:12", [])],
)
def test_the_latest_pooler_tracks_prepared_statements(
    tmp_path: Path, tag: str, expected: list[tuple[str, str]]
) -> None:
    pool = "import asyncpg\n\nasync def f():\n    return await asyncpg.connect(host='pgbouncer', user='a')\n"
    assert findings(tmp_path, db_0py=pool, compose_0yaml=LATEST.format(tag=tag)) == expected


def test_only_engines_of_coroutines_use_asyncpg(tmp_path: Path) -> None:
    code = (
        "from sqlalchemy import create_engine\nfrom sqlalchemy.ext.asyncio import create_async_engine\n\n\n"
        "def url(coroutines):\n    driver = 'postgresql+asyncpg' if coroutines else 'postgresql+psycopg2'\n"
        "    return f'{driver}://shop@pgbouncer:6432/shop'\n\n\nplain = create_engine(url(False))\n"
        "other = create_async_engine(url(True))\n"
    )
    found = findings(tmp_path, db_0py=code, pgbouncer_0ini=PGBOUNCER.format(mode="transaction", more=""))
    assert found == [("HYG504", "likely")]


def test_a_url_whose_pooler_is_replaced_leads_elsewhere(tmp_path: Path) -> None:
    code = (
        "import os\n\nimport asyncpg\n\n\nasync def f():\n    url = os.environ['DATABASE_URL']{change}\n"
        "    return await asyncpg.connect(url)\n"
    )
    files = {"compose.yaml": LATEST.format(tag=":1.22.1"), ".env.example": "DATABASE_URL=postgres://pgbouncer/shop\n"}
    assert findings(tmp_path / "a", **files, db_0py=code.format(change="")) == [("HYG504", "likely")]
    changed = code.format(change=".replace('pgbouncer:6432', 'localhost:5432')")
    assert findings(tmp_path / "b", **files, db_0py=changed) == []


@pytest.mark.parametrize("form", ["json", "sarif", "github", "concise", "junit", "gitlab", "rdjson", "azure", "pylint"])
def test_the_place_of_the_setting_is_in_every_format(tmp_path: Path, form: str) -> None:
    (tmp_path / "my.cnf").write_text("[mysqld]\nwait_timeout = 50\n")
    (tmp_path / "db.py").write_text(POOL.format(more=""))
    command = [sys.executable, "-m", "dbhygiene", "check", ".", "--isolated", "--no-cache", "-o", form, "--exit-zero"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "my.cnf:2" in done.stdout.replace("%3A", ":"), done.stdout


PROBE = (
    "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n"
    "          {kind}Probe:\n            httpGet: {{path: {path}, port: 80}}\n"
)
VIEW = (
    "from fastapi import APIRouter\nfrom sqlalchemy import text\nfrom db import engine\n\n"
    "router = APIRouter(prefix='/api')\n\n\ndef ask():\n    with engine.connect() as conn:\n"
    "        return conn.execute(text('SELECT 1')).scalar()\n\n\n@router.get('/health')\n"
    "def health():\n    return {body}\n"
)


@pytest.mark.parametrize(
    ("kind", "path", "body", "expected"),
    [
        ("liveness", "/api/health", "ask()", [("HYG505", "likely")]),
        ("liveness", "/api/health/", "{'ok': ask()}", [("HYG505", "likely")]),
        ("readiness", "/api/health", "ask()", []),
        ("startup", "/api/health", "ask()", []),
        ("liveness", "/api/health", "{'ok': True}", []),
        ("liveness", "/health", "ask()", []),
        ("liveness", "/v2/api/health", "ask()", []),
    ],
)
def test_liveness_probes(tmp_path: Path, kind: str, path: str, body: str, expected: list[tuple[str, str]]) -> None:
    files = {"k8s/web.yaml": PROBE.format(kind=kind, path=path), "web.py": VIEW.format(body=body)}
    assert findings(tmp_path, **files) == expected


def test_a_liveness_probe_of_another_program_is_silent(tmp_path: Path) -> None:
    probe = PROBE.format(kind="liveness", path="/api/health")
    views = {"alerts/web.py": VIEW.format(body="ask()"), "orders/web.py": VIEW.format(body="{}")}
    assert findings(tmp_path / "a", **{"k8s/web.yaml": probe}, **views) == []
    named = probe.replace("name: web", "name: shop-alerts")
    assert findings(tmp_path / "b", **{"k8s/web.yaml": named}, **views) == [("HYG505", "likely")]
    part = {"deploy/shop-web/web.py": VIEW.format(body="ask()"), "orders/web.py": VIEW.format(body="{}")}
    assert findings(tmp_path / "d", **{"k8s/web.yaml": probe}, **part) == []  # `web` is not `shop-web`
    both = probe.replace("kind: Deployment", "kind: Deployment\nmetadata: {name: shop-web}")
    part["web/app.py"] = part.pop("orders/web.py")
    assert findings(tmp_path / "e", **{"k8s/web.yaml": both}, **part) == []  # the names fit two programs
    several = f"{probe}---\n{probe.replace('name: web', 'name: gateway')}"
    assert findings(tmp_path / "c", **{"k8s/web.yaml": several, "web.py": VIEW.format(body="ask()")}) == []


HEALTH = (
    "from django.db import connection\nfrom django.http import HttpResponse, JsonResponse\n\n\n"
    "def healthz(request):\n    try:\n        connection.ensure_connection()\n    except {error}:\n        {answer}\n"
    "    return JsonResponse({{'ok': True}})\n"
)


@pytest.mark.parametrize(
    ("error", "answer", "expected"),
    [
        ("Exception", "return JsonResponse({'ok': False})", [("HYG506", "likely")]),
        ("OperationalError", "return HttpResponse('down')", [("HYG506", "likely")]),
        ("Exception", "return JsonResponse({'ok': False}, status=503)", []),
        ("Exception", "return HttpResponse('down', 'text/plain', 503)", []),
        ("Exception", "raise", []),
        ("Exception", "return down(request)", []),
        ("ImportError", "return HttpResponse('down')", []),
    ],
)
def test_health_checks(tmp_path: Path, error: str, answer: str, expected: list[tuple[str, str]]) -> None:
    urls = "from django.urls import path\nimport views\n\nurlpatterns = [path('healthz/', views.healthz)]\n"
    files = {"views.py": HEALTH.format(error=error, answer=answer), "urls.py": urls}
    assert findings(tmp_path, **files) == expected


HELPED = """\
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")


class State(BaseModel):
    ok: bool


def ask():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
        return True
    except Exception:
        {quiet}


@app.get("{route}")
async def health(){returns}:
    ok = ask()
    {answer}
"""


@pytest.mark.parametrize(
    ("route", "quiet", "answer", "returns", "expected"),
    [
        ("/api/health", "return False", "return {'status': 'up' if ok else 'down'}", "", [("HYG506", "likely")]),
        ("/api/health", "return False", "return State(ok=ok)", " -> State", [("HYG506", "likely")]),
        ("/api/health", "return False", "return {'ok': True}", "", []),  # does not send it
        ("/api/health", "raise", "return {'ok': ok}", "", []),
        ("/api/health", "return False", "return State(ok=ok)", "", []),
        ("/api/health", "return False", "if not ok: raise HTTPException(503)\n    return {'ok': ok}", "", []),
        ("/api/health", "return False", "if not ok: return down()\n    return {'ok': ok}", "", []),
        ("/health/details", "return False", "return {'ok': ok}", "", []),  # for people
        ("/health/orders", "return False", "return {'ok': ok}", "", []),
    ],
)
def test_a_helper_that_catches_the_error(
    tmp_path: Path, route: str, quiet: str, answer: str, returns: str, expected: list[tuple[str, str]]
) -> None:
    code = HELPED.format(route=route, quiet=quiet, answer=answer, returns=returns)
    assert findings(tmp_path, **{"web.py": code}) == expected


@pytest.mark.parametrize(
    "test",
    [
        "curl -s localhost/health | grep -q up",
        "python -c \"import httpx; exit(httpx.get('http://localhost/health').json()['ok'] != 1)\"",
    ],
)
def test_a_check_that_reads_the_text_does_not_need_the_status(tmp_path: Path, test: str) -> None:
    code = HELPED.format(route="/health", quiet="return False", answer="return {'ok': ok}", returns="")
    assert findings(tmp_path, Dockerfile=f"FROM python\nHEALTHCHECK CMD {test}\n", web_0py=code) == [
        ("HYG506", "possible")
    ]


LATER = """\
from fastapi import FastAPI, Response
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")


@app.get("/health")
def health(response: Response):
    state = {{"database": "ok"}}
    database, code = "ok", 200
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception as error:
        {handler}
    {answer}
"""


@pytest.mark.parametrize(
    ("handler", "answer", "expected"),
    [
        ("database = str(error)", "return {'database': database}", [("HYG506", "likely")]),
        ("state['database'] = 'down'", "return state", [("HYG506", "likely")]),
        ("state['database'] = 'down'", "return {'ok': False, **state}", [("HYG506", "likely")]),
        ("print(error)", "return {'database': database}", []),
        ("database = 'down'", "return state", []),
        ("database = 'down'; response.status_code = 503", "return {'database': database}", []),
        ("database = 'down'; code = 503", "return {'database': database}, code", []),
        ("database = 'down'", "return answer(database)", []),
        ("database = 'down'", "if database != 'ok': raise ValueError\n    return {'database': database}", []),
        ("database = 'down'", "if database != 'ok': return down()\n    return {'database': database}", []),
        ("raise", "return {'database': database}", []),
    ],
)
def test_values_that_are_sent_later(tmp_path: Path, handler: str, answer: str, expected: list[tuple[str, str]]) -> None:
    assert findings(tmp_path, **{"web.py": LATER.format(handler=handler, answer=answer)}) == expected


EXEC = """\
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: web
          {kind}Probe:
            exec:
              command: {command}
"""
MANAGE = (
    "import sys\nfrom django.core.management import execute_from_command_line\n\nexecute_from_command_line(sys.argv)\n"
)


@pytest.mark.parametrize(
    ("kind", "command", "expected"),
    [
        ("liveness", "[python, manage.py, check, --database, default]", [("HYG505", "certain")]),
        ("liveness", "[sh, -c, 'cd /app && ./manage.py migrate --check']", [("HYG505", "certain")]),
        ("liveness", "[python, manage.py, check, --deploy]", []),
        ("liveness", "[python, manage.py, check]", []),
        ("liveness", "[sh, -c, 'python manage.py check; echo --database']", []),
        ("readiness", "[python, manage.py, check, --database, default]", []),
        ("startup", "[python, manage.py, migrate, --check]", []),
    ],
)
def test_commands_of_probes(tmp_path: Path, kind: str, command: str, expected: list[tuple[str, str]]) -> None:
    files = {"k8s/web.yaml": EXEC.format(kind=kind, command=command), "manage.py": MANAGE}
    assert findings(tmp_path, **files) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("[curl, -f, 'http://localhost:8000/api/health']", [("HYG505", "likely")]),
        ("[sh, -c, 'wget -qO- http://127.0.0.1:8000/api/health || exit 1']", [("HYG505", "likely")]),
        ("[curl, -f, 'http://localhost:8000/live']", []),
        ("[curl, -f, 'http://other:8000/api/health']", []),
        ("[echo, 'http://localhost:8000/api/health']", []),
    ],
)
def test_requests_of_probes(tmp_path: Path, command: str, expected: list[tuple[str, str]]) -> None:
    files = {"k8s/web.yaml": EXEC.format(kind="liveness", command=command), "web.py": VIEW.format(body="ask()")}
    assert findings(tmp_path, **files) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", [("HYG508", "possible")]),
        (", pool_timeout=1", []),
        (", pool_timeout=10", [("HYG508", "possible")]),
        (", pool_timeout=wait()", []),
        (", poolclass=NullPool", []),
    ],
)
def test_readiness_probes_and_pools(tmp_path: Path, more: str, expected: list[tuple[str, str]]) -> None:
    texts = {
        "k8s/web.yaml": PROBE.format(kind="readiness", path="/ready"),
        "db.py": "from sqlalchemy import NullPool, create_engine, text\n\n"
        f"engine = create_engine('postgresql://db/shop'{more})\n\n\n"
        "def ask():\n    with engine.connect() as conn:\n        conn.execute(text('SELECT 1'))\n",
        "web.py": "import db\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/ready')\n"
        "def ready():\n    db.ask()\n    return {'ok': True}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = check(tmp_path, settings=Settings(select=("HYG508",), min_confidence=Confidence.POSSIBLE))
    assert [(each.code, str(each.confidence)) for each in found] == expected


@pytest.mark.parametrize(
    ("decorators", "expected"),
    [
        ("@app.route('/health', methods=['GET'])", [("HYG506", "likely")]),
        ("@app.route('/health', methods=METHODS)", [("HYG506", "likely")]),
        ("@app.route('/health', methods=['POST'])", []),
        ("@app.route('/health')\n@login_required", []),
        ("@app.route('/health')\n@role_required(['admin'])", []),
        ("@app.post('/health')", []),
    ],
)
def test_a_page_of_the_site_is_no_health_check(
    tmp_path: Path, decorators: str, expected: list[tuple[str, str]]
) -> None:
    text = (
        "from flask import Flask, jsonify\nfrom sqlalchemy import create_engine, text\n\napp = Flask(__name__)\n"
        f"engine = create_engine('postgresql://db/shop')\n\n\n{decorators}\ndef health():\n    try:\n"
        "        with engine.connect() as conn:\n            conn.execute(text('SELECT 1'))\n"
        "    except Exception:\n        return jsonify(ok=False)\n    return jsonify(ok=True)\n"
    )
    assert findings(tmp_path, **{"web.py": text}) == expected
