"""`Image` and `Host`: which files say how servers run, by their names, and what images and hosts imply."""

from __future__ import annotations

import re

from dbhygiene.library.words import words
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Record

MYSQL, POSTGRESQL = "mysql", "postgresql"

# -- files ------------------------------------------------------------------------------------------------

# Names of files, without directories. YAML has so many uses that its directory, or the root, must fit, too.
_FILE = lazy_pattern(
    r"""
    .*\.cnf | my\.ini
    | .*(?:postgres|pgsql|pgconf).*\.conf
    | .*pgbouncer.*\.ini
    | .*haproxy.*\.cfg | haproxy.*\.conf
    | Procfile(?:\.[\w.-]+)?
    | (?:.*[.-])?(?:Dockerfile|Containerfile)(?:[.-][\w.-]+)?
    | .*gunicorn.*\.(?:py|conf|ini) | .*uwsgi.*\.(?:ini|yaml|yml)
    | .*supervisor.*\.(?:conf|ini) | .*\.service(?:\.\w+)?
    | railway\.(?:json|toml) | fly(?:\.[\w-]+)?\.toml | nixpacks\.toml
    | .*\.(?:sh|bash|tf) | (?:.*\.)?env(?:\.[\w.-]+)? | Chart\.yaml
    | (?:docker[-_]?)?(?:entry[-_]?point|start|run|serve|server|web|cmd|command|launch|boot)(?:[-_]\w+)?
    | .*(?:compose|stack|k8s|kubernetes|deployment|statefulset|daemonset|configmap).*\.ya?ml
    """,
    re.VERBOSE | re.IGNORECASE,
)
_YAML = (".yml", ".yaml")
_CONF = (".conf", ".ini")
_HOMES = lazy_pattern(
    r"(?:k8s|kube|kubernetes|openshift|deploy|deployments?|manifests?|kustomiz\w*|overlays?|infra\w*|ops|production|"
    r"prod|staging|supervisor[\w.]*|docker|containers?|charts?|helm\w*|compose)",
    re.IGNORECASE,
)
# Directories and words in names of what does not run in production, and of templates that are not yet what they say.
_ELSEWHERE = words(
    """tests test testing .github .gitlab .circleci .travis .buildkite .azure-pipelines ci .ci e2e docs doc examples
    example samples sample demo demos tutorial tutorials .devcontainer devcontainer templates fixtures testdata
    benchmark benchmarks node_modules vendor third_party .venv venv site-packages .git"""
)
_NOT_RUN = lazy_pattern(r"(?:^|[._-])(?:tests?|testing|ci|e2e|integration|bench\w*|circleci|travis)(?:[._-]|$)", re.I)

# Scripts that run when a database is made.
_INIT = lazy_pattern(r"init[-_]?db|initdb\.d|(?:^|[-_])init(?:[-_]|$)", re.I)
_FOR_TESTS = lazy_pattern(r"(?:^|[._-])(?:tests?|testing|e2e)(?:[._-]|$)", re.I)


def is_deployment_file(name: str) -> bool:
    """Whether a file may say how a server runs: by its path, relative to the root, with slashes."""
    *around, base = name.split("/")
    if not _ELSEWHERE.isdisjoint(around) or _NOT_RUN.search(base) or any(map(_FOR_TESTS.search, around)):
        return False
    if _FILE.fullmatch(base):
        return True
    if base.endswith(".sql"):
        return any(_INIT.search(each) for each in around)
    if base.endswith(_YAML):
        return not around or any(_HOMES.search(each) for each in around)
    return base.endswith(_CONF) and any("supervisor" in each for each in around)


_OF_TESTS = lazy_pattern(
    r"""
    (?:.*/)?\.github/workflows/[^/]+\.ya?ml | \.circleci/[^/]+\.ya?ml | \.buildkite/[^/]+\.ya?ml
    | (?:.*/)?\.?(?:gitlab-ci|travis|azure-pipelines|bitbucket-pipelines|appveyor|drone|woodpecker|cirrus)\.ya?ml
    | (?:.*/)?[^/]*compose[^/]*\.ya?ml
    """,
    re.VERBOSE | re.IGNORECASE,
)


def describes_tests(name: str) -> bool:
    """Whether a file may say which servers the tests use: a file of continuous integration, or for compose."""
    return _OF_TESTS.fullmatch(name) is not None and not is_deployment_file(name)


# -- images -----------------------------------------------------------------------------------------------


class Image(Record):
    """The server in an image, and its settings where nothing else is set; None: not known.

    `idle` is None where it closes no idle connection, or not before eight hours.
    """

    database: str
    connections: int | None = None
    idle: int | None = None


_MYSQL = Image(MYSQL, 151)
_OLD_MARIADB = Image(MYSQL, 100, 600)  # by the `/etc/mysql/my.cnf` of the official image before 10.5
_POSTGRESQL = Image(POSTGRESQL, 97)  # 100, of which 3 are reserved for superusers
_IMAGES = {
    **dict.fromkeys(("mysql", "library/mysql", "mysql/mysql-server", "percona", "percona/percona-server"), _MYSQL),
    **dict.fromkeys(
        ("postgres", "library/postgres", "postgis/postgis", "pgvector/pgvector", "ankane/pgvector"), _POSTGRESQL
    ),
    **dict.fromkeys(("bitnami/mysql", "bitnami/mariadb", "linuxserver/mariadb", "bitnamilegacy/mysql"), Image(MYSQL)),
    **dict.fromkeys(
        ("bitnami/postgresql", "bitnamilegacy/postgresql", "timescale/timescaledb", "timescale/timescaledb-ha"),
        Image(POSTGRESQL),
    ),
    **dict.fromkeys(("mdillon/postgis", "kartoza/postgis", "supabase/postgres"), Image(POSTGRESQL)),
}
_REGISTRY = lazy_pattern(r"^(?:[\w-]+(?:\.[\w-]+)+(?::\d+)?|localhost(?::\d+)?)/")
_VERSION = lazy_pattern(r"(\d+)(?:\.(\d+))?")


def image_server(image: str) -> Image | None:
    """Return the database server in an image, by its name and tag; None if it has none."""
    name, tag = split_image(image)
    if name in ("mariadb", "library/mariadb"):
        return _mariadb(tag)
    return _IMAGES.get(name)


def split_image(image: str) -> tuple[str, str]:
    """Return the name of an image without its registry, and its tag."""
    name, _, tag = _REGISTRY.sub("", image.partition("@")[0]).partition(":")
    return name, tag


def _mariadb(tag: str) -> Image:
    version = _VERSION.match(tag)
    if version and version[2] and (int(version[1]), int(version[2])) < (10, 5):
        return _OLD_MARIADB
    return Image(MYSQL) if "$" in tag else _MYSQL


_POOLERS = lazy_pattern(r"pgbouncer", re.IGNORECASE)


def is_pooler(image: str) -> bool:
    """Whether an image holds PgBouncer."""
    return _POOLERS.search(split_image(image)[0]) is not None


# -- hosts ------------------------------------------------------------------------------------------------


class Host(Record):
    """A provider's database server, by its host name: seconds until it closes an idle connection, connections."""

    provider: str
    idle: int | None = None
    connections: int | None = None


_HOSTS = (
    (lazy_pattern(r"\.mysql(?:\.eu)?\.pythonanywhere-services\.com$", re.I), Host("PythonAnywhere", 300)),
    (lazy_pattern(r"\.cleardb\.(?:net|com)$", re.I), Host("ClearDB", 90)),
    (lazy_pattern(r"\.proxy-\w+\.[\w-]+\.rds\.amazonaws\.com(?:\.cn)?$", re.I), Host("RDS Proxy", 1800)),
)


def known_host(host: str) -> Host | None:
    """Return the provider of a host name, if its limits are known."""
    return next((found for pattern, found in _HOSTS if pattern.search(host)), None)


# -- programs that serve ------------------------------------------------------------------------------------

SERVERS = words("gunicorn uvicorn daphne hypercorn granian uwsgi uwsgi-core celery fastapi waitress-serve")
ASGI_SERVERS = words("uvicorn daphne hypercorn fastapi")
# What may stand before the program in a command: it runs the words that follow.
WRAPPERS = words(
    """exec env sudo nohup time poetry pipenv uv pdm hatch rye run python python3 python2 newrelic-admin run-program
    ddtrace-run opentelemetry-instrument dumb-init tini gosu su-exec setpriv honcho start chpst authbind stdbuf doppler
    scripts/with_venv.sh then do else if {"""
)
# Options of servers that take no value: what follows them is another word.
WITHOUT_VALUE = words(
    """--reload --preload --daemon --debug --access-log --no-access-log --proxy-headers --no-proxy-headers
    --enable-stdio-inheritance --capture-output --version --factory --use-colors --no-use-colors --server-header
    --no-server-header --date-header --no-date-header --http-threaded --enable-threads --master --disable-logging
    --beat -B -E --without-gossip --without-mingle --without-heartbeat --thunder-lock --vacuum --die-on-term
    --need-app --lazy-apps --single-interpreter -M -D -R --check-config --print-config --log-config-json
    --respawn-failed-workers --access-log --process-name
    --quiet -q --no-color -C --skip-checks"""
)
