"""`UrlDatabase`: a database that a URL gives, and the age of its connections.

dj_database_url, django-environ, environs and python-decouple read such a URL from a variable of the environment:

dj_database_url.config(default="mysql://db/shop", conn_max_age=600)      # by default, `mysql`; 600
env.db("DATABASE_URL", default="mysql://db/shop?conn_max_age=600")       # likewise
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Called, Constant, Named, Text, Value, options
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import keyword_value
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

_PARSE, _CONFIG = "dj_database_url.parse", "dj_database_url.config"
_PARAMETERS = {
    _PARSE: ("url", "engine", "conn_max_age", "conn_health_checks"),
    _CONFIG: ("env", "default", "engine", "conn_max_age", "conn_health_checks"),
}
_METHODS = {
    "db": ("var", "default", "engine"),  # of django-environ
    "db_url": ("var", "default", "engine"),
    "db_url_config": ("url", "engine"),
    "dj_db_url": ("name", "default"),  # of environs
}
_MAKERS = ("environ", "environs")  # the packages whose objects have these methods
_VARIABLE = "DATABASE_URL"  # the one that `env.db()` reads
_SCHEME = lazy_pattern(r"([a-z][\w.+-]*):(?://|$)", re.IGNORECASE)
_OPTION = r"[?&]{}=([^&\0]*)"


class UrlDatabase(Record):
    """A database that a URL gives.

    `schemes` are those of the URLs that are known, or the engine that replaces them. `is_default`: a variable of the
    environment may give another URL. `age` and `checks` are the values of the arguments that set them; None without.
    """

    schemes: tuple[str, ...] = ()
    is_default: bool = True
    age: Value | None = None
    checks: Value | None = None


def url_database(found: Value) -> UrlDatabase | None:
    """Return the database that a value is if a function of one of these packages reads it from a URL."""
    if not isinstance(found, Called) or (parameters := _parameters(found)) is None:
        return None
    given = {**dict(zip(parameters, found.arguments, strict=False)), **found.keywords.items}
    urls = [*_urls(given.get("url", given.get("default", Constant(None)))), *_urls_of_variable(found, given)]
    engine = given.get("engine")
    if isinstance(engine, Constant) and isinstance(engine.value, str):
        return UrlDatabase((engine.value,), False, given.get("conn_max_age"), given.get("conn_health_checks"))
    schemes = tuple(dict.fromkeys(match[1] for url in urls if url is not None and (match := _SCHEME.match(url))))
    is_default = "url" not in given or None in urls or len(schemes) < len(urls)
    age, checks = given.get("conn_max_age"), given.get("conn_health_checks")
    if "var" in parameters or found.name.endswith("db_url_config"):  # django-environ reads these from the URL
        age, checks = _option(urls, "conn_max_age"), _option(urls, "conn_health_checks")
    return UrlDatabase(schemes, is_default, age, checks)


def url_databases(found: Value) -> Iterator[UrlDatabase]:
    """Yield the databases of URLs that a value may be."""
    yield from filter(None, map(url_database, options(found)))


@query
def calls_with_url(settings: File) -> tuple[tuple[ast.Call, UrlDatabase], ...]:
    """Return the calls of a settings module that read a database from a URL."""
    named = [call for name in (*_METHODS, "config", "parse") for call in settings.calls.get(name, ())]
    dotted = [call for call in settings.nodes(ast.Call) if settings.resolve(call.func) in _PARAMETERS]
    calls = dict.fromkeys((*named, *dotted))
    found = ((call, next(url_databases(evaluate(settings, call)), None)) for call in calls)
    return tuple((call, database) for call, database in found if database is not None)


def written_age(settings: File, call: ast.Call) -> ast.expr | None:
    """Return the argument of such a call that sets the age of connections."""
    if (named := keyword_value(call, "conn_max_age")) is not None:
        return named
    parameters = _PARAMETERS.get(settings.resolve(call.func) or "", ())
    return next((value for name, value in zip(parameters, call.args, strict=False) if name == "conn_max_age"), None)


def _parameters(found: Called) -> tuple[str, ...] | None:
    if found.name in _PARAMETERS:
        return _PARAMETERS[found.name]
    method = found.name.rpartition(".")[2]
    if method in _METHODS and _is_reader(found):
        return _METHODS[method]
    if isinstance(cast := found.keywords.items.get("cast"), Named) and cast.name == _PARSE:
        return ("name", "default")  # `config("DATABASE_URL", cast=dj_database_url.parse)` of python-decouple
    return None


def _is_reader(found: Called) -> bool:
    """Whether a method is one of an object of such a package: `Env()`, `environs.env`, `FileAwareEnv()`."""
    owner = found.receiver
    name = owner.name if isinstance(owner, (Called, Named)) else found.name
    return name.partition(".")[0] in _MAKERS


def _urls(given: Value) -> Iterator[str | None]:
    """Yield the URLs that a value may be; None for one that is not known, as that of a variable."""
    for one in options(given):
        match one:
            case Constant(value=str(url)) | Text(pattern=url) if _SCHEME.match(url):
                yield url
            case Constant(value=None):
                pass
            case Called(arguments=[_, Constant(value=str(url))]) if _SCHEME.match(url):  # `config("URL", "mysql://")`
                yield from (url, None)
            case _:
                yield None


def _urls_of_variable(found: Called, given: dict[str, Value]) -> Iterator[str | None]:
    """Yield the URL that `Env(DATABASE_URL=(str, "mysql://db/shop"))` gives a variable by default."""
    name = given.get("var", given.get("name", Constant(_VARIABLE)))
    maker = found.receiver
    if isinstance(maker, Called) and maker.call is not None and maker.file is not None and isinstance(name, Constant):
        for keyword in maker.call.keywords:
            if keyword.arg == name.value and isinstance(keyword.value, ast.Tuple) and len(keyword.value.elts) == 2:
                yield from _urls(evaluate(maker.file, keyword.value.elts[1]))


def _option(urls: list[str | None], name: str) -> Value | None:
    """Return the number or the truth value that the only known URL gives for an option; None if it gives none."""
    known = [url for url in urls if url is not None]
    match = re.search(_OPTION.format(name), known[0], re.IGNORECASE) if len(known) == 1 else None
    if match is None:
        return None
    text = match[1].lower()
    return (
        Constant(int(text))
        if text.isdigit()
        else Constant({"true": True, "false": False, "none": None}.get(text, text))
    )
