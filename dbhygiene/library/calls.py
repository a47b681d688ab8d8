"""What well-known calls do to a connection that they are given, and which of them are taken not to raise.

Which calls may raise decides how many leaks "only by an exception" are reported. Over 735 real acquisitions, counting
only explicit `raise` gave 40 of them, only database operations 90, every call but a short list 129, everything 167:
the short list is the one that experts share.
"""

from __future__ import annotations

from dbhygiene.library.resources import (
    BORROWER,
    BORROWS,
    CLOSES,
    GATHERS,
    HARMLESS,
    READS,
    RETURNS,
    Argument,
    Summary,
)

_QUIET_BUILTINS = """
    print len isinstance issubclass hasattr getattr callable id type repr str bool bytes object range super format
    locals globals vars dir staticmethod classmethod property slice
"""
_QUIETLY_GATHERING = "tuple list dict set frozenset"
_GATHERING = "next min max sorted"
_LAZY = """
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
    sys.stderr.write sys.stdout.flush click.echo pprint.pprint
"""
QUIET_METHODS = frozenset(
    """
    close cursor is_connected is_open is_closed autocommit append extend add insert update setdefault get items
    keys values copy clear discard format join strip lstrip rstrip split rsplit splitlines lower upper title
    replace startswith endswith encode decode zfill count find partition rpartition isdigit debug info warning
    warn error exception critical log isoformat strftime total_seconds timestamp addCleanup addfinalizer callback
    push enter_context enter_async_context pop_all push_async_callback push_async_exit
    """.split()
)

_BORROWING_FUNCTIONS = """
    any all sum delattr pandas.read_sql pandas.read_sql_query
    pandas.read_sql_table pandas.io.sql.read_sql pandas.io.sql.to_sql polars.read_database
    polars.read_database_uri weakref.ref weakref.proxy inspect.getmembers psycopg2.extras.register_uuid
    psycopg2.extras.register_json psycopg2.extras.register_hstore psycopg2.extensions.register_type
    psycopg2.extras.register_default_jsonb psycopg2.extras.register_composite psycopg.types.TypeInfo.fetch
    psycopg2.extras.wait_select unittest.TestCase.assertEqual select.select
"""

EXITS_AT_ONCE = frozenset("os._exit os.abort os.execv os.execve os.execvp os.execl os.execlp".split())
EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit"})  # by which a program ends, and is not replaced
NEVER_RETURN = EXITS_AT_ONCE | EXITS

_RETURNS_FIRST = Summary(arguments=(Argument.of(RETURNS),), rest=Argument.of(BORROWS))
_RETURNS_SECOND = Summary(arguments=(Argument.of(BORROWS), Argument.of(RETURNS)), may_raise=False)

CALLS: dict[str, Summary] = {
    **dict.fromkeys(_QUIET_BUILTINS.split(), HARMLESS),
    **dict.fromkeys(_QUIET_FUNCTIONS.split(), HARMLESS),
    **dict.fromkeys(_QUIETLY_GATHERING.split(), Summary(rest=Argument.of(GATHERS), may_raise=False)),
    **dict.fromkeys(_GATHERING.split(), Summary(rest=Argument.of(GATHERS))),
    **dict.fromkeys(_LAZY.split(), Summary(rest=Argument.of(READS), may_raise=False)),  # they read later
    "atexit.register": Summary(may_raise=False),
    "setattr": Summary(may_raise=False),
    "typing.cast": _RETURNS_SECOND,
    "typing_extensions.cast": _RETURNS_SECOND,
    "asyncio.wait_for": _RETURNS_FIRST,
    "asyncio.shield": _RETURNS_FIRST,
    **dict.fromkeys(_BORROWING_FUNCTIONS.split(), BORROWER),
}

# Methods of anything that only borrow the connection they are given.
BORROWING_METHODS = frozenset(
    """
    to_sql read_sql as_string backup mogrify debug info warning warn error exception critical log
    assertEqual assertIs assertIsNotNone assertIsNone assertTrue assertFalse assertIsInstance assertNotEqual
    assertIn assertNotIn assertRaises join
    """.split()
)

# Names by which a logger goes: none of its methods raises.
LOGGERS = frozenset("log logger logging LOG LOGGER _log _logger __log __logger".split())

# Methods of the pools of drivers: those that give a connection, and those that are given it back.
TAKING = frozenset({"acquire", "connection", "dedicated_connection", "get_connection", "getconn"})
GIVING_BACK = frozenset({"putconn", "release"})
GIVEN_BACK = Summary(arguments=(Argument.of(CLOSES),), may_raise=False)

# Functions and methods that begin what they are given, and come back before it has ended.
BEGINNING = frozenset("create_task ensure_future run_coroutine_threadsafe start_soon".split())

# Methods by which an ExitStack takes over a context manager or a callback.
STACKING = frozenset("enter_context enter_async_context push push_async_exit callback push_async_callback".split())
CLOSERS = frozenset({"contextlib.closing", "contextlib.aclosing", "async_generator.aclosing"})
STACKS = frozenset({"contextlib.ExitStack", "contextlib.AsyncExitStack", "contextlib2.ExitStack"})
