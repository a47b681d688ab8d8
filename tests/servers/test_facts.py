"""What the files of a repository say of its servers: each source, and what only looks like one."""

from __future__ import annotations

from math import inf

import pytest

from dbhygiene.library.deployment import is_deployment_file
from dbhygiene.servers.endpoints import ANYWHERE, Endpoint
from dbhygiene.servers.facts import read_facts
from dbhygiene.servers.limits import connection_limit, idle_limit, pooler_between
from dbhygiene.servers.model import Facts, ServingCommand
from dbhygiene.source.deployment import Deployment


def facts(**files: str) -> Facts:
    """The facts of files by their names; `__` stands for a slash, `_0` for a dot."""
    texts = {name.replace("__", "/").replace("_0", "."): text for name, text in files.items()}
    deployment = Deployment(names=tuple(sorted(texts)))
    deployment._texts.update(texts)
    return read_facts(deployment)


def idle(found: Facts, database: str = "mysql", host: str = "db") -> tuple[float, str] | None:
    number = idle_limit(found, database, (Endpoint(host),))
    return None if number is None else (number.value, str(number.place))


def connections(found: Facts, database: str = "mysql", host: str = "db") -> tuple[float, str] | None:
    number = connection_limit(found, database, (Endpoint(host),))
    return None if number is None else (number.value, number.setting)


def command(text: str) -> ServingCommand | None:
    found = facts(Procfile=f"web: {text}").commands
    return found[0] if found else None


# -- option files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[mysqld]\nwait_timeout = 600\n", (600, "my.cnf:2")),
        ("[MariaDB]\nWAIT-TIMEOUT=600\n", (600, "my.cnf:2")),
        (
            "[mysqld]\nwait_timeout = 900\n[client]\nx=1\n[mysqld-8.0]\nloose-wait_timeout='600' # ours\n",
            (600, "my.cnf:6"),
        ),
        ("[mysqld]\nwait_timeout = 10m\n", (10485760, "my.cnf:2")),
        ("[mysqld]\nwait_timeout = 0\n", (1, "my.cnf:2")),
        ("[mysqld]\nskip-name-resolve\nwait_timeout 600\n", None),
        ("[client]\nwait_timeout = 600\n[mysqld_safe]\nwait_timeout = 600\n", None),
        ("[mysqld]\ninteractive_timeout = 600\ninnodb_lock_wait_timeout = 50\nlock_wait_timeout = 60\n", None),
        ("wait_timeout = 600\n", None),
        ("[mysqld]\n#wait_timeout = 600\n; wait_timeout = 600\n", None),
    ],
)
def test_option_files_are_read_as_the_server_reads_them(text: str, expected: tuple[float, str] | None) -> None:
    assert idle(facts(my_0cnf=text)) == expected


def test_included_directories_are_read_in_their_place() -> None:
    found = facts(
        mysql__my_0cnf="[mysqld]\nwait_timeout = 900\n!includedir /etc/mysql/conf.d/\n",
        mysql__conf_0d__10_0cnf="[mysqld]\nwait_timeout = 700\n",
        mysql__conf_0d__20_0cnf="[mysqld]\nwait_timeout = 600\n",
    )
    assert idle(found) != (900, "mysql/my.cnf:2")
    assert idle(found) == (700, "mysql/conf.d/10.cnf:2")  # each file may be the only one: the largest


def test_postgresql_keeps_connections_for_superusers() -> None:
    text = "#max_connections = 5\nmax_connections = 50\t\t# (change requires restart)\nidle_session_timeout = '10min'\n"
    found = facts(postgresql_0conf=text)
    assert connections(found, "postgresql") == (47, "max_connections")
    assert idle(found, "postgresql") == (600, "postgresql.conf:3")


# -- compose ------------------------------------------------------------------------------------------------

COMPOSE = "services:\n  db:\n    image: {image}\n{more}"


@pytest.mark.parametrize(
    ("image", "more", "expected"),
    [
        ("mariadb:10.3", "", 600),
        ("docker.io/library/mariadb:10.4-focal", "", 600),
        ("mariadb:10.11", "", None),
        ("mariadb", "", None),
        ("mariadb:${VERSION}", "", None),
        ("'mariadb:${VERSION:-10.2}'", "", 600),
        ("mysql:8.4", "    command: --wait-timeout=60\n", 60),
        ("mariadb:10.3", "    command: [mysqld, --wait_timeout, '28800']\n", 28800),
        ("mysql:8", "    command: >\n      mysqld\n      --wait_timeout=120\n      --sql-mode=\n", 120),
        ("mariadb:10.3", "    command: --wait_timeout=${LIMIT:-60}\n", None),
        ("mysql:8", "    command: --innodb-lock-wait-timeout=50\n", None),
    ],
)
def test_images_and_flags(image: str, more: str, expected: int | None) -> None:
    found = idle(facts(compose_0yaml=COMPOSE.format(image=image, more=more)))
    assert (found and found[0]) == expected


def test_the_line_of_a_flag_is_known() -> None:
    text = COMPOSE.format(image="mysql:8", more="    command:\n      - mysqld\n      - --wait_timeout=120\n")
    assert idle(facts(docker_compose_0yml=text)) == (120, "docker_compose.yml:6")


def test_a_mounted_file_comes_before_the_image_and_after_the_flag() -> None:
    mount = "    volumes:\n      - ./mysql/conf:/etc/mysql/conf.d:ro\n"
    text = COMPOSE.format(image="mariadb:10.3", more=mount)
    option_file = "[mysqld]\nwait_timeout = 300\nmax_user_connections = 50\n"
    found = facts(compose_0yaml=text, mysql__conf__a_0cnf=option_file)
    assert idle(found) == (300, "mysql/conf/a.cnf:2")
    assert connections(found) == (50, "max_user_connections")
    found = facts(compose_0yaml=f"{text}    command: --wait-timeout=900\n", mysql__conf__a_0cnf=option_file)
    assert idle(found) == (900, "compose.yaml:6")


def test_the_last_of_several_mounted_files_holds() -> None:
    mount = "    volumes:\n      - ./conf:/etc/mysql/conf.d:ro\n"
    files = {f"conf__{number}_0cnf": f"[mysqld]\nwait_timeout = {number}00\n" for number in range(1, 10)}
    found = facts(compose_0yaml=COMPOSE.format(image="mysql:8", more=mount), **files)
    assert idle(found) == (900, "conf/9.cnf:2")


def test_an_image_of_the_project_is_read_through_its_dockerfile() -> None:
    compose = "services:\n  db:\n    build:\n      context: ./docker/db\n"
    found = facts(
        compose_0yaml=compose,
        docker__db__Dockerfile="ARG V=10.3\nFROM mariadb:${V}\nCOPY my.cnf /etc/mysql/conf.d/\n",
        docker__db__my_0cnf="[mysqld]\nmax_connections = 40\n",
    )
    assert idle(found) == (600, "docker/db/Dockerfile:2")
    assert connections(found) == (40, "max_connections")


def test_anchors_merges_and_unknown_tags_are_read() -> None:
    text = (
        "x-db: &db\n  image: mariadb:10.3\nservices:\n  db:\n    <<: *db\n    command: --max-connections=20\n"
        "  web:\n    ports: !reset []\n    image: app\n"
    )
    found = facts(compose_0yaml=text)
    assert idle(found) == (600, "compose.yaml:2")
    assert connections(found) == (20, "max_connections")


def test_a_command_whose_options_are_in_a_variable_tells_no_number() -> None:
    def of(command: str) -> tuple[float, str] | None:
        more = f"    command: {command}\n"
        return connections(facts(compose_0yml=COMPOSE.format(image="postgres:16", more=more)), "postgresql")

    assert of("postgres") == (97, "max_connections")
    assert of("postgres ${MORE_ARGUMENTS:-}") is None
    assert of("postgres $MORE -c max_connections=300") == (297, "max_connections")
    assert of("postgres -c shared_buffers=${BUFFERS}") == (97, "max_connections")
    assert of("postgres -c ${SETTING}") is None


def test_an_override_has_the_image_of_its_base_and_the_most_generous_holds() -> None:
    found = facts(
        docker__compose_0yml=COMPOSE.format(image="postgres:16", more=""),
        docker__compose_0prod_0yml="services:\n  db:\n    command: postgres -c max_connections=300\n",
    )
    assert connections(found, "postgresql") == (297, "max_connections")


def test_an_override_keeps_the_command_and_the_files_of_its_base() -> None:
    mount = "    command: --max-connections=60\n    volumes: ['./my.cnf:/etc/mysql/conf.d/my.cnf']\n"
    found = facts(
        compose_0yml=COMPOSE.format(image="mysql:8", more=mount),
        compose_0dev_0yml="services:\n  db:\n    container_name: ${NAME:-mine}\n",
        my_0cnf="[mysqld]\nwait_timeout = 600\n",
    )
    assert {(server.idle and server.idle.value) for server in found.servers} == {600}
    assert connections(found, host="mine") == (60, "max_connections")


@pytest.mark.parametrize("length", [1, 2, 7])
def test_chains_of_services_and_of_files_may_be_long_or_lead_back(length: int) -> None:
    links = "".join(f"  s{n}:\n    extends: s{n - 1}\n" for n in range(1, length))
    merged = "".join(f"x{n}: &x{n}\n  <<: *x{n - 1}\n" for n in range(1, length))
    text = f"x0: &x0\n  image: mariadb:10.3\n{merged}services:\n  s0:\n    <<: *x{length - 1}\n{links}"
    text += f"  db:\n    extends: s{length - 1}\n    command: --wait-timeout=60\n"
    text += "  a:\n    extends: b\n  b:\n    extends: a\n"
    line = text[: text.index("--wait")].count("\n") + 1
    assert idle(facts(compose_0yml=text)) == (60, f"compose.yml:{line}")
    files = {f"f{n}_0cnf": f"!include f{n + 1}.cnf\n" for n in range(length)}
    last = {f"f{length}_0cnf": "[mysqld]\nwait_timeout = 60\n!include f0.cnf\n"}
    assert idle(facts(my_0cnf="!include f0.cnf\n", **files, **last)) == (60, f"f{length}.cnf:2")


def test_a_service_that_extends_another_is_that_server() -> None:
    found = facts(
        common__base_0yml=COMPOSE.format(image="mariadb:10.3", more="    command: [--wait-timeout=60]\n"),
        compose_0yml="services:\n  mysql:\n    extends: {file: common/base.yml, service: db}\n",
    )
    assert idle(found, host="mysql") == (60, "common/base.yml:4")
    own = "services:\n  base:\n    image: mariadb:10.3\n  mysql:\n    extends: base\n    command: --wait-timeout=60\n"
    assert idle(facts(compose_0yml=own), host="mysql") == (60, "compose.yml:6")


@pytest.mark.parametrize(
    "more",
    [
        "    command: pg_dump -h db -U postgres shop\n",
        "    entrypoint: [sh, -c, 'sleep 10 && psql -h db -U postgres']\n",
        "    entrypoint: /bin/bash -c 'exec pg_basebackup'\n",
        "    command: [psql, -h, db, -U, postgres]\n",
        "    command: ['/usr/bin/python3', 'backup.py']\n",
        "    command: [sh, /opt/start-pgbouncer.sh]\n",
    ],
)
def test_a_client_in_the_image_of_a_server_is_no_server(more: str) -> None:
    assert facts(compose_0yaml=COMPOSE.format(image="postgres:16", more=more)).servers == ()


@pytest.mark.parametrize(
    "more",
    [
        "    command: postgres -c shared_buffers=1GB\n",
        "    command: [docker-entrypoint.sh, postgres]\n",
        "    entrypoint: [sh, -c, 'chown -R postgres /x && exec docker-entrypoint.sh postgres']\n",
        "    command: -c shared_buffers=1GB\n",
        "    command: gosu postgres postgres -D /data\n",
    ],
)
def test_a_server_that_is_started_with_words_around_it(more: str) -> None:
    found = facts(compose_0yaml=COMPOSE.format(image="postgres:16", more=more))
    assert connections(found, "postgresql") == (97, "max_connections")


@pytest.mark.parametrize(
    "more",
    [
        "    entrypoint: /start.sh\n",
        "    volumes: ['/srv/my.cnf:/etc/mysql/conf.d/my.cnf']\n",
        "    volumes: ['conf:/etc/mysql/conf.d']\n",
        "    volumes: ['./examples/my.cnf:/etc/my.cnf:ro']\n",
        "    volumes:\n      - {type: bind, source: ./examples/my.cnf, target: /etc/my.cnf}\n",
        "    configs: [{source: mine, target: /etc/mysql/conf.d/mine.cnf}]\n",
        "    command: --defaults-extra-file=/etc/mine.cnf\n",
    ],
)
def test_a_file_that_is_not_seen_may_say_anything(more: str) -> None:
    found = facts(compose_0yaml=COMPOSE.format(image="mariadb:10.3", more=more))
    assert (idle(found), connections(found)) == (None, None)


def test_scripts_of_a_new_database_may_set_limits_for_good() -> None:
    mount = "    volumes: ['./db/init:/docker-entrypoint-initdb.d']\n"
    found = facts(
        compose_0yaml=COMPOSE.format(image="postgres:16", more=mount),
        db__init__1_0sql="CREATE TABLE a ();\nALTER SYSTEM SET max_connections = '300';\n",
    )
    assert connections(found, "postgresql") == (297, "max_connections")
    found = facts(
        compose_0yaml=COMPOSE.format(image="mysql:8", more=mount),
        db__init__1_0sql="SET GLOBAL max_connections = 500;\nSET PERSIST wait_timeout = 600;\n",
    )
    assert (idle(found), connections(found)) == ((600, "db/init/1.sql:2"), (151, "max_connections"))


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ('FROM postgres:16\nCMD ["postgres", "-c", "max_connections=200"]\n', (197, "max_connections")),
        ("FROM postgres:16\nRUN apk add curl\n", (97, "max_connections")),
        ("FROM postgres:16\nRUN sed -i s/100/300/ /usr/share/postgresql/postgresql.conf.sample\n", None),
    ],
)
def test_the_dockerfile_of_a_server(dockerfile: str, expected: tuple[float, str] | None) -> None:
    found = facts(compose_0yaml="services:\n  db:\n    build: ./db\n", db__Dockerfile=dockerfile)
    assert connections(found, "postgresql") == expected


def test_the_environment_of_an_image_sets_no_timeout() -> None:
    text = COMPOSE.format(image="mysql:8", more="    environment:\n      MYSQL_WAIT_TIMEOUT: 600\n")
    found = facts(compose_0yaml=text)
    assert idle(found) is None
    assert [(str(each.place), each.message) for each in found.dead] == [
        ("compose.yaml:5", "the image `mysql:8` does not read `MYSQL_WAIT_TIMEOUT`")
    ]


@pytest.mark.parametrize("host", ["db", "localhost", ""])
def test_the_only_server_is_meant_by_any_host_but_a_full_name(host: str) -> None:
    found = facts(compose_0yaml="services:\n  mysql:\n    image: mariadb:10.3\n")
    assert idle(found, host=host) == (600, "compose.yaml:3")
    assert idle(found, host="db.example.com") is None


def test_of_several_servers_the_most_generous_holds() -> None:
    text = "services:\n  old:\n    image: mariadb:10.3\n  new:\n    image: mariadb:11\n"
    found = facts(compose_0yaml=text)
    assert idle(found, host="old") == (600, "compose.yaml:3")
    assert idle(found, host="") is None
    assert connections(found, host="") == (151, "max_connections")


# -- hosts, proxies, poolers --------------------------------------------------------------------------------


def test_a_host_name_tells_its_provider() -> None:
    number = idle_limit(Facts(), "mysql", (Endpoint("me.mysql.pythonanywhere-services.com"),))
    assert number is not None
    assert (number.value, number.source) == (300, "the limit of PythonAnywhere")


def test_haproxy_closes_after_the_shorter_of_its_timeouts() -> None:
    text = (
        "defaults\n  mode tcp\n  timeout client 50s\n  timeout server 10m\nlisten web\n  mode http\n  bind *:80\n"
        "frontend sql\n  bind *:3306\n  timeout client 5m\n  default_backend dbs\n"
        "backend dbs\n  server a 10.0.0.1:3306\n"
    )
    found = facts(haproxy__haproxy_0cfg=text)
    assert [proxy.idle and proxy.idle.value for proxy in found.proxies] == [300]
    assert idle(found, host="haproxy") == (300, "haproxy/haproxy.cfg:10")


PGBOUNCER = "[databases]\nshop = host=db\n[pgbouncer]\npool_mode = transaction ; why\n"


def test_pgbouncer_lends_by_transaction() -> None:
    found = facts(pgbouncer__pgbouncer_0ini=PGBOUNCER)
    between = pooler_between(found, {Endpoint("pgbouncer", "6432")})
    assert between is not None
    assert (str(between[0].place), between[1]) == ("pgbouncer/pgbouncer.ini:4", True)
    assert pooler_between(found, {Endpoint("db", "5432")}) is None
    assert pooler_between(found, {ANYWHERE}) is None  # nothing says that a program uses it
    assert between[0].keeps_prepared is None
    off = facts(pgbouncer_0ini=f"{PGBOUNCER}max_prepared_statements = 0\n").poolers
    assert off[0].keeps_prepared is False
    kept = facts(pgbouncer_0ini=f"{PGBOUNCER}max_prepared_statements = 200\n").poolers
    assert kept[0].keeps_prepared
    assert pooler_between(facts(pgbouncer_0ini="[pgbouncer]\npool_mode = session\n"), {ANYWHERE}) is None


@pytest.mark.parametrize(
    ("tag", "kept"), [(":1.18.0", False), (":v1.23.1-p2", False), (":1.24.0", True), (":latest", None), ("", None)]
)
def test_an_image_of_pgbouncer_is_set_up_by_its_environment(tag: str, kept: bool | None) -> None:
    text = f"services:\n  pool:\n    image: edoburu/pgbouncer{tag}\n    environment:\n      - POOL_MODE=transaction\n"
    (pooler,) = facts(compose_0yaml=text).poolers
    assert (pooler.mode, str(pooler.place), pooler.keeps_prepared) == ("transaction", "compose.yaml:5", kept)


@pytest.mark.parametrize(
    ("environment", "used"),
    [
        ("DATABASE_URL: postgresql://shop@pool:5432/shop", True),
        ("DB_HOST: pool", True),
        ("DATABASE_URL: postgresql://shop@db:5432/pool_shop", False),
        ("DB_HOST: db", False),
        ("DB_HOST: pool-of-threads", False),
    ],
)
def test_a_pooler_is_used_if_a_program_is_given_its_name(environment: str, used: bool) -> None:
    text = (
        "services:\n  pool:\n    image: edoburu/pgbouncer:1.18.0\n"
        "    environment: {POOL_MODE: transaction, DB_HOST: pool}\n"
        f"  web:\n    image: shop\n    environment:\n      {environment}\n"
    )
    assert (pooler_between(facts(compose_0yaml=text), {ANYWHERE}) is not None) is used


def test_a_file_of_variables_counts_if_a_service_reads_it_and_its_own_environment_comes_first() -> None:
    pool = "services:\n  pool:\n    image: edoburu/pgbouncer:1.18.0\n    env_file: {0}\n"
    variables = "# how\nexport POOL_MODE='transaction' # why\n"
    (pooler,) = facts(compose_0yaml=pool.format("pool.env"), pool_0env=variables).poolers
    assert (pooler.mode, str(pooler.place)) == ("transaction", "pool.env:2")
    several = "\n      - {path: a.env, required: false}\n      - b.env"
    files = {"a_0env": variables, "b_0env": "POOL_MODE=session\n"}
    assert facts(compose_0yaml=pool.format(several), **files).poolers[0].mode == "session"
    own = pool.format("pool.env") + "    environment: {POOL_MODE: statement}\n"
    assert facts(compose_0yaml=own, pool_0env=variables).poolers[0].mode == "statement"
    assert facts(compose_0yaml=pool.format("other.env"), pool_0env=variables).poolers == ()


# -- charts and Terraform -------------------------------------------------------------------------------------

VALUES = """\
replicaCount: 3
image: {repository: example/shop, tag: "1"}
command: [gunicorn, -w, "2", "a:app"]
livenessProbe:
  httpGet: {path: /healthz, port: 80}
postgresql:
  enabled: ENABLED
  primary:
    extendedConfiguration: |-
      max_connections = 50
"""


def test_values_of_a_chart() -> None:
    text = VALUES.replace("ENABLED", "true")
    found = facts(helm__shop__Chart_0yaml="name: shop\n", helm__shop__values_0yaml=text)
    assert connections(found, "postgresql") == (47, "max_connections")
    assert [str(each.place) for each in found.servers] == ["helm/shop/values.yaml:7"]
    assert [(each.application, each.processes, each.replicas) for each in found.commands] == [("a:app", 2, 3)]
    assert [(each.path, str(each.place), set(each.names)) for each in found.probes] == [
        ("/healthz", "helm/shop/values.yaml:5", {"shop"})
    ]
    off = facts(Chart_0yaml="name: shop\n", values_0yaml=VALUES.replace("ENABLED", "false"))
    assert (off.servers, len(off.commands)) == ((), 1)
    assert facts(values_0yaml=text) == Facts()  # without a chart, the keys mean something else


def test_values_of_a_database_in_a_chart() -> None:
    texts = {
        "mysql:\n  primary:\n    configuration: |\n      [mysqld]\n      wait_timeout=500\n": (500, "values.yaml:5"),
        "mariadb:\n  primary:\n    configuration: |\n      [client]\n      wait_timeout=500\n": None,
    }
    for text, expected in texts.items():
        assert idle(facts(Chart_0yaml="name: a\n", values_0yaml=text)) == expected
    conf = "postgresql:\n  postgresqlExtendedConf:\n    maxConnections: 300\n"
    assert connections(facts(Chart_0yaml="", values_0yaml=conf), "postgresql") == (297, "max_connections")


def test_a_chart_that_scales_by_itself_has_its_least_number() -> None:
    text = "replicaCount: 9\nautoscaling: {enabled: true, minReplicas: 2}\ncommand: [uvicorn, a:app]\n"
    (found,) = facts(Chart_0yaml="", values_0yaml=text).commands
    assert found.replicas == 2


TERRAFORM = """\
resource "aws_db_parameter_group" "shop" {
  family = "FAMILY"
  # parameter { name = "wait_timeout" value = "1" }
  parameter {
    name  = "NAME"
    value = "300"
  }
}
"""


@pytest.mark.parametrize(
    ("family", "name", "expected"),
    [
        ("mysql8.0", "wait_timeout", (300, "rds.tf:6")),
        ("aurora-mysql8.0", "wait_timeout", (300, "rds.tf:6")),
        ("mysql8.0", "innodb_lock_wait_timeout", None),
        ("mysql8.0", "interactive_timeout", None),
        ("postgres16", "wait_timeout", None),
    ],
)
def test_parameters_in_terraform(family: str, name: str, expected: tuple[float, str] | None) -> None:
    assert idle(facts(rds_0tf=TERRAFORM.replace("FAMILY", family).replace("NAME", name))) == expected


# -- commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "program", "application", "processes", "threads", "interface"),
    [
        ("gunicorn shop.wsgi", "gunicorn", "shop.wsgi", 1, 1, "wsgi"),
        ("exec gunicorn -w 4 --threads=8 shop.wsgi:app", "gunicorn", "shop.wsgi:app", 4, 8, "wsgi"),
        ("gunicorn -w4 -b :8000 -k gevent --reload-engine auto s.wsgi:app", "gunicorn", "s.wsgi:app", 4, inf, "wsgi"),
        ("poetry run gunicorn a:app -k uvicorn.workers.UvicornWorker -w 3", "gunicorn", "a:app", 3, inf, "asgi"),
        ("gunicorn a:app -k a.Worker -w $N", "gunicorn", "a:app", 1, inf, ""),
        ("gunicorn -w $((2 * $(nproc) + 1)) -k eventlet a:app", "gunicorn", "a:app", 1, inf, "wsgi"),
        ("python -m uvicorn app.main:app --host 0.0.0.0 --workers 2", "uvicorn", "app.main:app", 2, inf, "asgi"),
        ("sh -c 'python manage.py migrate && daphne -p $PORT s.asgi:app'", "daphne", "s.asgi:app", 1, inf, "asgi"),
        ("wait-for-it db:3306 -- hypercorn -w 2 a:app", "hypercorn", "a:app", 2, inf, "asgi"),
        ("granian --interface asgi a:app --workers 3", "granian", "a:app", 3, inf, "asgi"),
        ("fastapi run --workers 4 shop/main.py", "fastapi", "shop.main", 4, inf, "asgi"),
        ("fastapi run ./main.py --port 80", "fastapi", "main", 1, inf, "asgi"),
        ("fastapi run -e shop.main:api", "fastapi", "shop.main:api", 1, inf, "asgi"),
        ("fastapi run", "fastapi", "", 1, inf, "asgi"),
        ("celery -A shop worker -c 4", "celery", "shop", 4, 1, ""),
        ("celery --app=shop --quiet worker --concurrency=12", "celery", "shop", 12, 1, ""),
        ("celery -A shop worker -P threads -c 20", "celery", "shop", 1, 20, ""),
        ("uwsgi --module shop.wsgi:application -p 4 --threads 2", "uwsgi", "shop.wsgi:application", 4, 2, "wsgi"),
    ],
)  # fmt: skip
def test_commands(text: str, program: str, application: str, processes: int, threads: float, interface: str) -> None:
    found = command(text)
    assert found is not None
    assert (found.program, found.application, found.processes, found.threads) == (
        *(program, application, processes, threads),
    )
    assert found.interface == interface


@pytest.mark.parametrize(
    "text",
    [
        "pip install gunicorn uvicorn",
        "echo gunicorn a:app",
        "pkill -f gunicorn",
        "celery -A shop worker",
        "celery -A shop beat",
        "python manage.py runserver",
        "gunicorn : Start the backend with a server for production",
    ],
)
def test_what_only_names_a_server_starts_none(text: str) -> None:
    assert command(text) is None


def test_what_supervisor_fills_in_is_one_word() -> None:
    text = "[program:web]\ncommand=gunicorn shop.wsgi --workers %(ENV_WORKERS)s --threads 4 --bind :80\n"
    (found,) = facts(supervisord_0conf=text).commands
    assert (found.processes, found.threads) == (1, 4)


def test_a_command_may_go_on_in_further_lines() -> None:
    systemd = (
        "[Service]\nExecStart=/opt/bin/gunicorn \\\n    --workers 3 \\\n    shop.wsgi:application\nRestart=always\n"
    )
    supervisor = "[program:web]\ncommand=gunicorn --workers 5\n  shop.wsgi\nautostart=true\n"
    found = facts(web_0service=systemd, supervisord_0conf=supervisor).commands
    assert [(each.application, each.processes, str(each.place)) for each in found] == [
        ("shop.wsgi", 5, "supervisord.conf:2"),
        ("shop.wsgi:application", 3, "web.service:2"),
    ]


def test_uwsgi_with_a_file_is_described_by_the_file() -> None:
    found = facts(Procfile="web: uwsgi uwsgi.ini\n", uwsgi_0ini="[uwsgi]\nmodule = shop:app\nprocesses = 3\n").commands
    assert [(each.application, each.processes, str(each.place)) for each in found] == [("shop:app", 3, "uwsgi.ini:3")]


def test_a_module_of_uwsgi_may_be_a_path() -> None:
    (found,) = facts(uwsgi_0ini="[uwsgi]\nwsgi-file = ./shop/run.py\n").commands
    assert found.application == "shop.run"


def test_development_is_told_by_reload() -> None:
    found = command("uvicorn a:app --reload")
    assert found is not None
    assert found.is_development


def test_gunicorns_own_file_is_read() -> None:
    text = "import os\nworkers = 4\nworker_class = 'gevent'\nthreads = int(os.environ['N'])\n"
    (found,) = facts(Procfile="web: gunicorn -c conf/gunicorn.py a:app", conf__gunicorn_0py=text).commands
    assert (found.processes, found.threads, found.worker) == (4, inf, "gevent")
    (found,) = facts(Procfile="web: gunicorn -w 2 a:app", gunicorn_0conf_0py=text).commands
    assert (found.processes, found.worker) == (2, "gevent")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("render.yaml", "services:\n  - type: web\n    startCommand: gunicorn -w 3 shop.wsgi\n"),
        ("heroku.yml", "build:\n  docker:\n    web: Dockerfile\nrun:\n  web: gunicorn -w 3 shop.wsgi\n"),
        ("heroku.yml", "run:\n  web:\n    command:\n      - gunicorn -w 3 shop.wsgi\n    image: worker\n"),
        ("app.yaml", "runtime: python312\n\nentrypoint: 'gunicorn -w 3 shop.wsgi'\n"),
        ("fly.toml", "app = 'shop'\n\n[processes]\n  web = \"gunicorn -w 3 shop.wsgi\"\n"),
        ("railway.toml", '[deploy]\n\nstartCommand = "gunicorn -w 3 shop.wsgi"\n'),
        ("railway.json", '{\n  "deploy": {\n    "startCommand": "gunicorn -w 3 shop.wsgi",\n  }\n}\n'),
        ("nixpacks.toml", "[start]\n\ncmd = 'gunicorn -w 3 shop.wsgi'\n"),
    ],
)
def test_commands_in_the_files_of_platforms(name: str, text: str) -> None:
    assert is_deployment_file(name)
    (found,) = facts(**{name: text}).commands
    assert (found.application, found.processes) == ("shop.wsgi", 3)
    assert (
        text.splitlines()[found.place.line - 1]
        .strip()
        .startswith(("startCommand", '"start', "web", "- g", "entry", "cmd"))
    )


def test_a_command_in_quotation_marks_has_the_line_of_its_server() -> None:
    text = (
        'services:\n  web:\n    command: >\n      sh -c "\n      python manage.py check &&\n      daphne a.asgi:app"\n'
    )
    (found,) = facts(compose_0yaml=text).commands
    assert str(found.place) == "compose.yaml:6"
    text = text.replace('sh -c "\n      python', 'sh -c "python')
    (found,) = facts(compose_0yaml=text).commands
    assert str(found.place) == "compose.yaml:5"
    text = 'services:\n  web:\n    command: >\n      sh -c "\n        ls &&\n        daphne a.asgi:a\n      "\n'
    (found,) = facts(compose_0yaml=text).commands  # lines that are indented further are kept as lines
    assert str(found.place) == "compose.yaml:6"


def test_a_script_in_a_list_has_the_line_of_its_server() -> None:
    text = (
        "services:\n  web:\n    entrypoint: [sh, -c]\n    command:\n    - |\n      set -e\n      gunicorn -w 2 a:app\n"
    )
    (found,) = facts(compose_0yaml=text).commands
    assert (found.application, found.processes, str(found.place)) == ("a:app", 2, "compose.yaml:7")


def test_an_option_file_stands_at_the_line_of_its_limit() -> None:
    (found,) = facts(postgresql_0conf="max_connections = 200\nsuperuser_reserved_connections = 5\n").servers
    assert str(found.place) == "postgresql.conf:1"


def test_commands_of_dockerfiles_services_and_scripts() -> None:
    found = facts(
        Dockerfile='FROM python:3.12\nENTRYPOINT ["gunicorn"]\nCMD ["-w", "2", \\\n  "a:app"]\n',
        etc__shop_0service="[Service]\nExecStart=/opt/venv/bin/gunicorn -w 3 b:app\n",
        supervisord_0conf="[program:web]\ncommand = gunicorn -w 4 c:app\n",
        start_0sh='#!/bin/sh\n# gunicorn x:app\nexec gunicorn \\\n  -w 5 d:app "$@"\n',
    )
    assert {(each.application, each.processes, str(each.place)) for each in found.commands if each.application} == {
        ("a:app", 2, "Dockerfile:3"),
        ("b:app", 3, "etc/shop.service:2"),
        ("c:app", 4, "supervisord.conf:2"),
        ("d:app", 5, "start.sh:3"),
    }


@pytest.mark.parametrize(
    ("more", "processes", "replicas"),
    [
        ("    command: gunicorn a:app -w 2\n    deploy: {replicas: 3}\n", 2, 3),
        ("    command: gunicorn a:app -w 2\n    scale: 2\n", 2, 2),
        ("    command: gunicorn a:app -w 2\n    deploy: {replicas: '${COPIES:-4}'}\n", 2, 1),
        ("    command: gunicorn a:app\n    environment: {WEB_CONCURRENCY: 4}\n", 4, 1),
        ("    command: gunicorn a:app -w 2\n    environment: {WEB_CONCURRENCY: 4}\n", 2, 1),
        ("    command: uvicorn a:app\n    env_file: web.env\n", 6, 1),
        ("    command: daphne a:app\n    environment: {WEB_CONCURRENCY: 4}\n", 1, 1),
    ],
)
def test_containers_and_processes_of_a_service(more: str, processes: int, replicas: int) -> None:
    text = f"services:\n  web:\n    image: shop\n{more}"
    (found,) = facts(compose_0yaml=text, web_0env="WEB_CONCURRENCY=6\n").commands
    assert (found.processes, found.replicas) == (processes, replicas)


def test_containers_of_a_service_run_the_command_of_its_dockerfile() -> None:
    web = "services:\n  web:\n    build: .\n    deploy: {replicas: 3}\n"
    files = {"Dockerfile": 'FROM python\nCMD ["gunicorn", "a:app"]\n'}
    assert [each.replicas for each in facts(compose_0yaml=web, **files).commands] == [3]
    other = "services:\n  web:\n    build: .\n"
    assert [each.replicas for each in facts(compose_0yaml=web, prod__compose_0yaml=other, **files).commands] == [3]
    assert [each.replicas for each in facts(compose_0yaml=web, compose_0prod_0yaml=other, **files).commands] == [1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("up_0sh", "docker compose up -d --wait --wait-timeout 180\n"),
        ("start_0sh", "minikube start --wait-timeout 6m\nexport WAIT_TIMEOUT=30\n"),
        ("pool_0env", "QUERY_WAIT_TIMEOUT=60\nWAIT_TIMEOUT=60\n"),
        ("compose_0yaml", "services:\n  a:\n    image: redis\n    command: --maxclients 5 --wait_timeout=60\n"),
        ("tests__my_0cnf", "[mysqld]\nwait_timeout=60\n"),
        ("uwsgi_0ini", "[uwsgi]\nmax_connections = 5\n"),
    ],
)
def test_words_that_are_no_settings_of_a_server(name: str, text: str) -> None:
    found = {
        key: value
        for key, value in {name: text}.items()
        if is_deployment_file(key.replace("__", "/").replace("_0", "."))
    }
    assert facts(**found).servers == ()


def test_kubernetes_gives_commands_probes_and_option_files() -> None:
    text = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          image: shop
          command: [uvicorn, "a:app"]
          livenessProbe:
            httpGet:
              path: /healthz
              port: 80
            timeoutSeconds: 2
---
apiVersion: v1
kind: ConfigMap
data:
  my.cnf: |
    [mysqld]
    wait_timeout = 500
"""
    found = facts(k8s__web_0yaml=text)
    assert [each.application for each in found.commands] == ["a:app"]
    assert [(each.kind, each.path, each.timeout, str(each.place)) for each in found.probes] == [
        ("liveness", "/healthz", 2, "k8s/web.yaml:13")
    ]
    assert idle(found) == (500, "k8s/web.yaml:22")


def test_the_objects_of_an_openshift_template_are_read() -> None:
    assert is_deployment_file("openshift/web.yml")
    text = """kind: Template
apiVersion: template.openshift.io/v1
objects:
  - kind: Deployment
    spec:
      template:
        spec:
          containers:
            - name: web
              image: ${IMAGE}
              livenessProbe:
                httpGet: {path: /health, port: 8080}
"""
    (found,) = facts(k8s__web_0yaml=text).probes
    assert (found.kind, found.path, str(found.place)) == ("liveness", "/health", "k8s/web.yaml:12")


CONTAINER = """\
kind: StatefulSet
spec:
  template:
    spec:
      containers:
        - {name: db, image: "mysql:8.4", args: [ARGUMENT]}
"""


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--max-user-connections=200", (151, "max_connections")),
        ("--max-user-connections=50", (50, "max_user_connections")),
        ("--max-connections=200", (200, "max_connections")),
    ],
)
def test_the_lower_limit_holds_in_kubernetes_as_in_compose(argument: str, expected: tuple[float, str]) -> None:
    compose = COMPOSE.format(image="mysql:8.4", more=f"    command: [{argument}]\n")
    assert connections(facts(compose_0yaml=compose)) == expected
    assert connections(facts(k8s__db_0yaml=CONTAINER.replace("ARGUMENT", argument))) == expected


def test_templates_and_broken_files_say_nothing() -> None:
    assert facts(compose_0yaml="services:\n  db:\n  image: {{ x }}\n :") == Facts()


# -- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("compose.yaml", "docker-compose.override.yml", "deploy/docker-compose.prod.yml", "k8s/base/web.yaml"),
        *("docker/mysql/conf.d/my.cnf", "Procfile", "web/Dockerfile", "prod.Dockerfile", "Dockerfile.web"),
        *("docker/entrypoint.sh", "compose/production/django/start", "gunicorn.conf.py", "pgbouncer/pgbouncer.ini"),
        *("supervisor/web.conf", "haproxy/haproxy.cfg", "postgresql.conf", "uwsgi.ini", "etc/shop.service"),
        *("helm/shop/values.yaml", "charts/shop/Chart.yaml", "terraform/rds.tf", "docker/web.env", ".env.example"),
    ],
)
def test_files_that_are_read(name: str) -> None:
    assert is_deployment_file(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tests/docker-compose.yml", "docker-compose.test.yml", ".github/workflows/ci.yml", "docs/compose.yaml"),
        *("charts/app/templates/deployment.yaml", ".devcontainer/docker-compose.yml", "examples/compose.yaml"),
        *("src/data/words.yaml", "shop/settings.py", "README.md", "compose-ci.yaml"),
    ],
)
def test_files_that_are_not_read(name: str) -> None:
    assert not is_deployment_file(name)
