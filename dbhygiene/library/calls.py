"""`CALLS`: what well-known calls do to a connection that is their argument, and which calls are assumed not to raise.

This choice decides how many leaks by an exception are reported. Of 735 acquisitions in real programs, 40 leak by an
exception if only `raise` counts, 90 if only database operations count, 129 with the list here, and 167 if each call may
raise. With the list, the findings are those that experts agree with.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from dbhygiene.library.resources import (
    BORROWER,
    BORROWS,
    CLOSES,
    GATHERS,
    HARMLESS,
    HOLDS,
    READS,
    RETURNS,
    CallModel,
    ParameterSummary,
)
from dbhygiene.library.retries import RETRIES
from dbhygiene.library.words import words
from dbhygiene.source.lazy_pattern import lazy_pattern

_QUIET_BUILTINS = """
    print len isinstance issubclass hasattr getattr callable id type repr str bool bytes object range super format
    locals globals vars dir any all chr ord hex bin staticmethod classmethod property slice
"""
_QUIETLY_GATHERING = "tuple list dict set frozenset"
_GATHERING = "next min max sorted"
_LAZY_FUNCTIONS = """
    enumerate zip reversed iter map filter aiter itertools.accumulate itertools.batched itertools.chain
    itertools.chain.from_iterable itertools.compress itertools.cycle itertools.dropwhile itertools.filterfalse
    itertools.groupby itertools.islice itertools.pairwise itertools.starmap itertools.takewhile itertools.tee
    itertools.zip_longest
"""
_QUIET_FUNCTIONS = """
    time.time time.monotonic time.perf_counter time.sleep asyncio.sleep datetime.datetime.now
    datetime.datetime.utcnow datetime.date.today os.getenv os.environ.get os.getpid os.path.join os.path.dirname
    os.path.basename os.path.abspath os.path.exists contextlib.closing contextlib.aclosing contextlib.suppress
    contextlib.nullcontext contextlib.ExitStack contextlib.AsyncExitStack logging.getLogger logging.debug
    logging.info logging.warning logging.warn logging.error logging.exception logging.critical logging.log
    warnings.warn traceback.print_exc traceback.format_exc threading.Lock threading.RLock threading.Event
    collections.defaultdict collections.OrderedDict collections.deque typing.cast sys.exc_info sys.stdout.write
    sys.stderr.write sys.stdout.flush click.echo click.style click.secho pprint.pprint pprint.pformat time.time_ns
    time.monotonic_ns
    time.perf_counter_ns time.process_time time.strftime time.localtime time.gmtime time.ctime
    datetime.datetime.today django.utils.timezone.now django.utils.timezone.localtime
    django.utils.timezone.localdate pendulum.now arrow.now arrow.utcnow uuid.uuid1 uuid.uuid4 random.random
    random.randint random.uniform secrets.token_hex secrets.token_urlsafe os.getppid os.getcwd os.path.basename
    os.path.splitext os.path.isfile os.path.isdir threading.get_ident threading.current_thread
    threading.get_native_id socket.gethostname platform.node platform.system traceback.format_stack
    anyio.CancelScope anyio.move_on_after anyio.fail_after anyio.create_task_group anyio.Lock anyio.Event
    trio.CancelScope trio.move_on_after trio.fail_after trio.open_nursery trio.Lock trio.Event
    asyncio.timeout asyncio.timeout_at asyncio.Lock asyncio.Event asyncio.Queue asyncio.Semaphore asyncio.TaskGroup
    async_timeout.timeout threading.Condition threading.Semaphore threading.BoundedSemaphore queue.Queue
    pathlib.Path pathlib.PurePath flask.flash django.contrib.messages.success django.contrib.messages.info
    django.contrib.messages.warning django.contrib.messages.error django.contrib.messages.add_message
    warnings.catch_warnings distutils.version.LooseVersion distutils.version.StrictVersion packaging.version.parse
    packaging.version.Version psycopg2.extensions.register_adapter psycopg2.extensions.new_type
    psycopg2.extensions.AsIs sqlite3.register_adapter sqlite3.register_converter
    sentry_sdk.capture_exception sentry_sdk.capture_message sentry_sdk.capture_event sentry_sdk.add_breadcrumb
    sentry_sdk.set_context sentry_sdk.set_extra sentry_sdk.set_tag sentry_sdk.set_tags sentry_sdk.set_user
    rollbar.report_exc_info rollbar.report_message newrelic.agent.notice_error newrelic.agent.record_exception
    newrelic.agent.record_custom_event bugsnag.notify honeybadger.honeybadger.notify
    faulthandler.dump_traceback operator.itemgetter operator.attrgetter operator.methodcaller re.escape
"""
# Likewise where the pattern is a constant.
MATCHING = words("re.compile re.match re.fullmatch re.search re.sub re.subn re.split re.findall re.finditer")
# They keep a connection that they are given, and read from it later.
_METADATA = "sqlalchemy.MetaData sqlalchemy.schema.MetaData sqlalchemy.sql.schema.MetaData"
QUIET_METHODS = frozenset(
    """
    close cursor is_connected is_open is_closed autocommit append extend add insert update setdefault get items
    keys values copy clear discard format join strip lstrip rstrip split rsplit splitlines lower upper title
    replace startswith endswith encode decode zfill count find partition rpartition isdigit debug info warning
    warn error exception critical log isoformat strftime total_seconds timestamp addCleanup addfinalizer callback
    register_loader register_dumper push enter_context enter_async_context pop_all push_async_callback push_async_exit
    is_set isSet is_alive qsize empty full isEnabledFor
    get_dsn_parameters get_parameter_status parameter_status get_backend_pid get_transaction_status get_server_info
    get_host_info get_proto_info character_set_name thread_id get_server_pid get_server_version
    filter filter_by order_by group_by having outerjoin select_from with_entities with_for_update populate_existing
    options limit offset distinct desc asc nulls_first nulls_last nullsfirst nullslast in_ not_in notin_ is_ is_not
    isnot like ilike label where subquery cte scalar_subquery as_scalar returning on_conflict_do_nothing
    on_conflict_do_update get_execution_options
    """.split()
)
# Methods of `info` of a PostgreSQL connection, by names that other libraries have, too.
QUIET_INFO_METHODS = frozenset({"get_parameters"})

# Functions that raise nothing but errors of these classes, each with names by which it is caught, too. No handler of a
# driver's errors catches them.
_CONVERSION: dict[str, frozenset[str]] = {"TypeError": frozenset(), "ValueError": frozenset()}
RAISING: dict[str, dict[str, frozenset[str]]] = {
    **dict.fromkeys("int float complex bytes.fromhex datetime.datetime.strptime uuid.UUID".split(), _CONVERSION),
    "decimal.Decimal": {**_CONVERSION, "ArithmeticError": frozenset({"decimal.InvalidOperation"})},
    "json.loads": {"TypeError": frozenset(), "ValueError": frozenset({"json.JSONDecodeError"})},
}

# Functions, and methods of paths, that raise nothing but errors of files and of their texts.
FILE_FUNCTIONS = words(
    """
    open os.remove os.unlink os.mkdir os.makedirs os.rename os.replace os.rmdir os.listdir os.scandir os.stat
    os.path.getsize os.path.getmtime shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move shutil.rmtree
    """
)
FILE_METHODS = words("read_text read_bytes write_text write_bytes")

# What asks for all items of its arguments, and so raises where these do; and what asks for them when its own are.
READING_ITEMS = frozenset({*_QUIETLY_GATHERING.split(), "any", "all"})
READING_ITEMS_METHODS = frozenset("extend extendleft join update".split())
LAZY = frozenset(_LAZY_FUNCTIONS.split())
ITEM_BY_ITEM = frozenset({"enumerate", "iter", "map", "zip"})  # they take one item of each argument for each of theirs

# Methods that send a statement.
QUERIES = frozenset({"execute", "executemany", "executescript", "callproc"})

# Methods of a connection that set it up; they raise where the server is gone, or where they would for each connection.
SETS_UP = frozenset(
    """
    set_client_encoding set_isolation_level set_session set_autocommit set_charset set_character_set
    set_charset_collation set_converter_class setencoding setdecoding setconfig add_output_converter create_function
    create_aggregate create_collation create_window_function enable_load_extension set_authorizer
    set_progress_handler set_trace_callback set_type_codec set_builtin_type_codec add_notice_handler
    add_notify_handler initialize load_extension install_extension
    """.split()
)
# So do these functions, of drivers and extensions, which are given the connection.
SETTING_UP = lazy_pattern(r"(?:psycopg2?|pgvector)\.(?:\w+\.)*register_\w+|sqlite_v(?:ec|ss)\.load")
# So does a query that begins like one of these, or asks for nothing but the connection's own state.
_STATE = """
    version database current_database current_schema current_user connection_id pg_backend_pid sqlite_version
    pg_is_in_recovery
    """
_SETTING = (
    r"\s*(?:(?:SET|PRAGMA|BEGIN|COMMIT|START\s+TRANSACTION|SHOW(?:\s+(?:SESSION|GLOBAL))?\s+VARIABLES)\b"
    rf"|SELECT\s+(?:@@|(?:pg_catalog\.)?(?:{'|'.join(_STATE.split())})\(\s*\)\s*;?\s*$))"
)
SETTING = lazy_pattern(_SETTING, re.IGNORECASE)
NEW_FILE = lazy_pattern(rf"{_SETTING}|\s*CREATE\b", re.IGNORECASE)  # for a database file that is new
# To prepare a connection for a caller, a program also reads the catalogue, and nothing but tables of the catalogue.
_CATALOGUE = r"pg_\w+\b(?!\.)|(?:pg_catalog|information_schema|performance_schema|sys)\.|sqlite_(?:master|schema)\b"
_OTHER_TABLE = rf"(?:\b(?:FROM|JOIN)\s+(?!{_CATALOGUE})|\bFROM\s+[\w.]+(?:\s+(?:AS\s+)?\w+)?\s*,)"
_READS_CATALOGUE = (
    rf"\s*SELECT\b(?:\s+(?:pg_catalog\.)?(?:current_setting|set_config)\(|(?=[\s\S]*\bFROM\b)(?![\s\S]*{_OTHER_TABLE}))"
)
PREPARING = lazy_pattern(rf"{_SETTING}|{_READS_CATALOGUE}", re.IGNORECASE)
READ_QUERY = lazy_pattern(r"\s*\(?\s*(?:SELECT|SHOW|DESC|DESCRIBE|EXPLAIN|USE|SET|PRAGMA)\b", re.IGNORECASE)

# The classes of all errors of a server, and of a library: what a query raises is one of these.
DATABASE_ERRORS = frozenset(
    """
    sqlite3.Error sqlite3.dbapi2.Error aiosqlite.Error pymysql.Error pymysql.MySQLError pymysql.err.Error
    pymysql.err.MySQLError pymysql.connect.Error MySQLdb.Error MySQLdb.MySQLError MySQLdb._exceptions.Error
    MySQLdb._exceptions.MySQLError mysql.connector.Error mysql.connector.errors.Error mariadb.Error aiomysql.Error
    aiomysql.MySQLError psycopg2.Error psycopg2.errors.Error psycopg.Error psycopg.errors.Error asyncpg.PostgresError
    asyncpg.exceptions.PostgresError oracledb.Error cx_Oracle.Error pyodbc.Error pymssql.Error duckdb.Error
    snowflake.connector.Error snowflake.connector.errors.Error sqlalchemy.exc.SQLAlchemyError
    django.db.Error django.db.utils.Error django.db.DatabaseError django.db.utils.DatabaseError
    sqlite3.DatabaseError sqlite3.dbapi2.DatabaseError aiosqlite.DatabaseError pymysql.DatabaseError
    pymysql.err.DatabaseError MySQLdb.DatabaseError MySQLdb._exceptions.DatabaseError mysql.connector.DatabaseError
    mysql.connector.errors.DatabaseError mariadb.DatabaseError psycopg2.DatabaseError psycopg.DatabaseError
    oracledb.DatabaseError cx_Oracle.DatabaseError pyodbc.DatabaseError
    """.split()
)
DATABASE_ERROR_WORDS = lazy_pattern(r"\b(?:Error|DatabaseError|MySQLError|PostgresError|SQLAlchemyError)\b")
# Methods that ask the server, and raise nothing but such errors; the second ones, where they follow one of the first.
ASKS = frozenset(
    """
    execute executemany executescript callproc fetchone fetchall fetchmany commit rollback begin ping select_db flush
    query scalar scalars one_or_none scalar_one scalar_one_or_none filter_by with_for_update
    """.split()
)
ASKS_ON = frozenset("all first one filter get count delete update join order_by limit offset options distinct".split())

_BORROWING_FUNCTIONS = """
    sum int float round abs divmod decimal.Decimal json.dumps flask.jsonify flask.render_template
    flask.render_template_string delattr pandas.read_sql pandas.read_sql_query
    pandas.read_sql_table pandas.io.sql.read_sql pandas.io.sql.to_sql polars.read_database
    polars.read_database_uri weakref.ref weakref.proxy inspect.getmembers psycopg2.extras.register_uuid
    psycopg2.extras.register_json psycopg2.extras.register_hstore psycopg2.extensions.register_type
    psycopg2.extras.register_default_jsonb psycopg2.extras.register_composite psycopg.types.TypeInfo.fetch
    psycopg2.extras.wait_select pytest.raises unittest.TestCase.assertEqual select.select
"""

EXITS_AT_ONCE = frozenset("os._exit os.abort os.execv os.execve os.execvp os.execl os.execlp".split())
EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit"})  # by which a program ends, and is not replaced
NEVER_RETURN = EXITS_AT_ONCE | EXITS

# Functions that always raise, as `abort(404)`; methods that end only by an exception, by names that no other library
# has: psycopg2 reads a stream of changes until its `consume` raises `StopReplication`.
ALWAYS_RAISE = words(
    """
    flask.abort werkzeug.exceptions.abort quart.abort bottle.abort bottle.redirect flask_restful.abort
    flask_restx.abort flask_smorest.abort sanic.exceptions.abort pytest.fail pytest.skip pytest.exit pytest.xfail
    """
)
ALWAYS_RAISING_METHODS = words("consume_stream")
# Functions that wait as long as the program runs; classes whose new objects do, by `wait()` or by `await`.
WAIT_FOR_EVER = words("anyio.sleep_forever trio.sleep_forever")
EVENTS_THAT_NONE_SETS = words("asyncio.Event threading.Event multiprocessing.Event anyio.Event trio.Event")
FUTURES_THAT_NONE_SETS = words("asyncio.Future")


def waits_for_ever(resolve: Callable[[ast.expr], str | None], call: ast.Call, *, is_awaited: bool) -> bool:
    """Whether a call never returns: `asyncio.Event().wait()`, or the `asyncio.Future()` that is awaited."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=made), attr="wait"), args=[], keywords=[]):
            return resolve(made) in EVENTS_THAT_NONE_SETS
        case ast.Call(func=made, args=[]) if is_awaited and resolve(made) in FUTURES_THAT_NONE_SETS:
            return True
    return resolve(call.func) in WAIT_FOR_EVER


_RETURNS_SECOND = CallModel(arguments=(ParameterSummary.of(BORROWS), ParameterSummary.of(RETURNS)), may_raise=False)

# Methods of a metric of prometheus_client, which raise only if the program counts wrongly.
METRICS, METRIC_METHODS = "prometheus_client", words("inc dec observe set labels set_to_current_time")

# What `async with` only sets a time limit by: it waits for nothing as it begins and ends.
TIME_LIMITS = words("asyncio.timeout asyncio.timeout_at async_timeout.timeout async_timeout.timeout_at")

# Functions that run a coroutine for the caller, who awaits the result: until then, they do nothing.
AWAITING = frozenset({"asyncio.wait_for", "asyncio.shield"})

CALLS: dict[str, CallModel] = {
    **dict.fromkeys(_QUIET_BUILTINS.split(), HARMLESS),
    **dict.fromkeys(_QUIET_FUNCTIONS.split(), HARMLESS),
    **dict.fromkeys(_QUIETLY_GATHERING.split(), CallModel(rest=ParameterSummary.of(GATHERS), may_raise=False)),
    **dict.fromkeys(_GATHERING.split(), CallModel(rest=ParameterSummary.of(GATHERS))),
    "dict": CallModel(  # its keywords it holds as they are
        arguments=(ParameterSummary.of(GATHERS),), rest=ParameterSummary.of(HOLDS), may_raise=False
    ),
    **dict.fromkeys(
        _LAZY_FUNCTIONS.split(), CallModel(rest=ParameterSummary.of(READS), may_raise=False)
    ),  # they read later
    **dict.fromkeys(_METADATA.split(), CallModel(rest=ParameterSummary.of(HOLDS), may_raise=False)),
    "atexit.register": CallModel(may_raise=False),
    "setattr": CallModel(arguments=(ParameterSummary.of(BORROWS),) * 2, may_raise=False),  # the third it keeps
    "typing.cast": _RETURNS_SECOND,
    "typing_extensions.cast": _RETURNS_SECOND,
    **dict.fromkeys(AWAITING, CallModel(arguments=(ParameterSummary.of(RETURNS),), may_raise=False)),
    "functools.partial": CallModel(arguments=(ParameterSummary.of(RETURNS),), may_raise=False),
    **dict.fromkeys(_BORROWING_FUNCTIONS.split(), BORROWER),
}

# Methods of anything that only borrow the connection they are given.
BORROWING_METHODS = frozenset(
    """
    to_sql read_sql as_string backup format mogrify debug info warning warn error exception critical log
    assertEqual assertIs assertIsNotNone assertIsNone assertTrue assertFalse assertIsInstance assertNotEqual
    assertIn assertNotIn assertRaises assertRaisesRegex assertWarns join
    """.split()
)

# Methods of containers, queues and futures that keep their argument.
KEEPING_METHODS = frozenset("append appendleft add insert put put_nowait set_exception setdefault".split())

# Names by which a logger goes: none of its methods raises.
LOGGERS = frozenset("log logger logging LOG LOGGER _log _logger __log __logger".split())

# Library classes whose own `__init__` only stores its arguments.
STORING_BASES = words(
    """object abc.ABC typing.Generic typing.Protocol logging.Logger logging.LoggerAdapter logging.Handler logging.Filter
    logging.Formatter threading.Thread Exception"""
)

# Methods of the pools of drivers: those that give a connection, and those that are given it back.
TAKING = frozenset({"acquire", "connection", "dedicated_connection", "get_conn", "get_connection", "getconn"})
GIVING_BACK = frozenset({"putconn", "release"})
GIVEN_BACK = CallModel(arguments=(ParameterSummary.of(CLOSES),), may_raise=False)

# What can be read from a connection and is no method: it needs the connection no more.
PLAIN = frozenset(
    """
    Error InterfaceError DatabaseError OperationalError IntegrityError ProgrammingError InternalError DataError
    NotSupportedError Warning __class__ __dict__ __doc__ __name__ autocommit bind charset client_encoding client_flag
    closed cursor_factory cursorclass database db default_isolation_level description dialect dsn encoding engine
    errorhandler host in_transaction info is_active is_valid isolation_level lastrowid loop messages name
    notices notifies open password path pgconn port protocol_version readonly row_factory rowcount server_host
    server_info server_version status sql_mode text_factory thread_id tpc_transaction_id time_zone timeout
    total_changes transaction_status unix_socket unread_result uri url user username version
    """.split()
)

# What can be read from a cursor as data.
PLAIN_OF_CURSOR = frozenset({"arraysize", "description", "lastrowid", "rowcount", "rownumber", "statusmessage"})

# Methods of a cursor, or of another thing that reads from a connection.
READING = frozenset(
    """
    __next__ all callproc execute executemany executescript fetch fetchall fetchmany fetchone fetchrow fetchval first
    mappings next nextset one one_or_none partitions read scalar scalar_one scalar_one_or_none scalars stream
    unique yield_per
    """.split()
)

# Methods that give further cursors, one after the other.
GIVING_CURSORS = frozenset({"stored_results"})
GIVING_DATA = words(  # and those that give rows, or plain values
    """
    fetchone fetchall fetchmany fetch fetchrow fetchval rowcount lastrowid description close commit rollback ping
    fetchdf fetch_df df pl fetchnumpy fetch_arrow_table fetch_arrow_all fetch_pandas_all execute_fetchall count
    """
)

# Functions whose results are those of the function that they are given.
APPLYING = frozenset({"map", "starmap"})

# Arguments that make a function return a lazy result, and their positions.
_LATER: dict[str, tuple[str, int | None]] = {
    "read_sql": ("chunksize", 7),  # of pandas
    "read_sql_query": ("chunksize", 6),
    "read_sql_table": ("chunksize", 7),
    "read_database": ("iter_batches", None),  # of polars
    "execute": ("multi", None),  # of MySQL Connector
    "pl": ("lazy", None),  # of DuckDB
}


def reads_later(name: str, call: ast.Call) -> bool:
    """Whether a call of a method or function gives an iterator that still reads from the connection."""
    if name not in _LATER:
        return False
    argument, position = _LATER[name]
    given = [keyword.value for keyword in call.keywords if keyword.arg in {argument, None}]
    positional: list[ast.expr] = [each for each in call.args if isinstance(each, ast.Starred)]
    if not positional and position is not None:
        positional = call.args[position : position + 1]
    return any(not (isinstance(each, ast.Constant) and not each.value) for each in (*given, *positional))


# Functions that call one of their arguments in another thread, and its position; awaiting them gives its result.
RUNNING_AWAITED = {"run_in_executor": 1, "run_in_threadpool": 0, "run_sync": 0, "to_thread": 0}

# Functions and methods that begin what they are given, and come back before it has ended.
BEGINNING = frozenset("create_task ensure_future run_coroutine_threadsafe start_soon".split())

# Decorators that run the function with the same arguments and return its result: once, or again after an error.
KEEPING_DECORATORS = frozenset(
    {"staticmethod", "classmethod", "functools.wraps", "typing.no_type_check", "typing.override"}
)
RETRYING_DECORATORS = frozenset(RETRIES) | words(
    """
    opnieuw.retry opnieuw.retry_async aioretry.retry async_timeout.timeout ratelimit.limits ratelimit.sleep_and_retry
    typing_extensions.override typing_extensions.deprecated warnings.deprecated deprecated.deprecated
    deprecation.deprecated beartype.beartype typeguard.typechecked
    """
)

# Methods by which an ExitStack takes over a context manager or a callback.
STACKING = frozenset("enter_context enter_async_context push push_async_exit callback push_async_callback".split())
CONTEXT_MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})  # decorators
CLOSERS = frozenset({"contextlib.closing", "contextlib.aclosing", "async_generator.aclosing"})
STACKS = frozenset({"contextlib.ExitStack", "contextlib.AsyncExitStack", "contextlib2.ExitStack"})

# Exceptions that a driver raises when its connection is lost, among others; and those that say nothing at all.
LOSING = frozenset(
    """
    InterfaceError OperationalError DatabaseError Error MySQLError DBAPIError DisconnectionError SQLAlchemyError
    ConnectionError ConnectionResetError ConnectionAbortedError BrokenPipeError ConnectionDoesNotExistError
    PostgresConnectionError OSError IOError EOFError TimeoutError
    """.split()
)
ANY_ERROR = frozenset({"Exception", "BaseException", ""})
