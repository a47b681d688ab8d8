"""`CONNECTIONS` and others: words one of which stands in every file that uses a library; others are not parsed."""

from __future__ import annotations

from collections.abc import Iterable

from dbhygiene.library.drivers import PACKAGES as DRIVERS

__all__ = [
    "CHECKING",
    "CLOSING",
    "CONNECTIONS",
    "DATABASES",
    "DJANGO",
    "DRIVERS",
    "FRAMEWORKS",
    "GIVING",
    "HEALTH",
    "HIDING",
    "LASTING",
    "MODULES",
    "PROBED",
    "RECOVERING",
    "REOPENING",
    "SESSIONS",
    "SQLALCHEMY",
    "THREADING",
    "import_lines",
    "needles",
]

SQLALCHEMY = frozenset({"sqlalchemy", "sqlmodel"})
DJANGO = "django"
MODULES = DRIVERS | SQLALCHEMY | {DJANGO, "channels", "threading"}  # these count only where they are imported

# One of these stands in a file with a view that answers health checks, and one of those in each file with a view.
HEALTH = frozenset({"health", "/ready", "readiness", "/live", "livez", "liveness", "heartbeat", "/ping"})
PROBED = HEALTH | {"execute_from_command_line"}
FRAMEWORKS = frozenset({"fastapi", "flask", "starlette", "quart", "django"})

# In every call that closes Django's connection, or makes it anew: see `django.CLOSES`.
CLOSING = frozenset({"close", ".connect"})

# One of these stands where a program starts a function in a thread: see `background.THREADS`.
THREADING = frozenset(
    {
        "threading",
        "ThreadPool",
        "to_thread",
        "run_in_",
        "thread_sensitive",
        "multiprocessing",
        "deferToThread",
        "nornir",
        ".start(",
    }
)

# One of these stands where a program starts work in a thread or a worker, or works in a loop as long as it runs.
LASTING = THREADING | {
    *("add_job", "job", "task", "schedule", "celery", "dramatiq", "huey", "while ", "submit(", "on_message"),
    *("callback", "consume"),
}

SESSIONS = SQLALCHEMY | {"airflow"}  # hooks of Airflow return engines
CONNECTIONS = DRIVERS | SQLALCHEMY
DATABASES = CONNECTIONS | {DJANGO, "peewee"}
# One of these stands wherever a program handles the loss of a connection by a class of errors.
RECOVERING = frozenset(
    {"OperationalError", "InterfaceError", "DBAPIError", "SQLAlchemyError", "DatabaseError", ".Error"}
)

HIDING = RECOVERING | {"close_old_connections"}  # likewise, or closes those of Django that are old

CHECKING = RECOVERING | {".open", ".closed"}  # likewise, or by what a connection says of itself

# Likewise, or opens a connection again.
REOPENING = RECOVERING | {".ping(", ".reconnect(", "in_atomic_block", "get_autocommit", ".connection = None"}

# In the last word of whatever a library gives a connection or session by: rather too much than too little.
GIVING = "(?i)conn|acquire|sess|maker|factory|db"

_STEMS = ("sql", "SQL", "opg", "racle", "odbc")  # to look for one of them costs as much as for one driver's name


def needles(words: Iterable[str]) -> tuple[bytes, ...]:
    """Return the fewest strings one of which stands wherever one of these words does."""
    found = {next((stem for stem in _STEMS if stem in word), word) for word in words}
    return tuple(word.encode() for word in sorted(found) if not any(other in word for other in found - {word}))


def import_lines(text: str) -> str:
    """Return the import statements of a text, and other lines that contain `import`."""
    found: list[str] = []
    at = text.find("import")
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        while text.endswith(("\\\n", "\\\r\n"), 0, start):  # the statement began on the line before
            start = text.rfind("\n", 0, start - 1) + 1
        end = _end_of_line(text, at)
        if "(" in text[at:end]:
            end = max(end, text.find(")", at))
        found.append(text[start:end])
        at = text.find("import", end)
    return "\n".join(found)


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    while end > 0 and text.endswith(("\\", "\\\r"), at, end):
        end = text.find("\n", end + 1)
    return len(text) if end < 0 else end
