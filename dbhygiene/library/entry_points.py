"""`COMMANDS`, `STARTS`, `EVENTS`: how often a program runs a function, by what registers it: decorators, calls."""

from __future__ import annotations

import ast

from dbhygiene.library.waits import WaitKind, waits_of
from dbhygiene.library.words import words
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Function, last_name, without_arguments

# Decorators, by the last part of their name, of functions that run once, from the command line; where the file imports
# one of these packages.
COMMANDS = words("command group callback task")
COMMAND_LINES = words("click djclick typer invoke fabric cyclopts rich_click asyncclick")

# Decorators of click that give a function the context of the command that runs.
COMMAND_CONTEXTS = words("pass_context pass_obj")

# Decorators, by the last part of their name, of functions that a web framework calls when the program starts or stops;
# and those that are given such a name, as in `@app.on_event("startup")`.
STARTS = words(
    """
    startup shutdown before_serving after_serving before_first_request on_startup on_shutdown before_server_start
    after_server_start before_server_stop after_server_stop main_process_start main_process_stop
    """
)
EVENTS = words("on_event listener")

# Arguments of a web application that are a function which runs around all of its life.
LIFESPANS = words("lifespan lifespan_context")

# Decorators, by the last part of their name, that leave it to other code when the function is called.
NEUTRAL = words(
    """
    staticmethod classmethod property wraps contextmanager asynccontextmanager abstractmethod override overload final
    lru_cache cache cached_property option argument version_option help_option no_type_check
    """
)

# Calls that run a function which they are given once; by the last part of their name.
CALLED_ONCE = words("run run_until_complete Fire wrapper RunPython")

# Calls whose named arguments are the functions of sub-commands: a program runs one of them, once.
SUB_COMMANDS = words("set_defaults")

# Arguments of pools of threads or processes: each worker runs the function once, before its work.
CALLED_PER_WORKER = words("initializer")

# Airflow runs each task in a process of its own: a decorated function, or the argument of an operator. A sensor calls
# its function again and again.
AIRFLOW_TASK = lazy_pattern(r"airflow\.(?:decorators|sdk)\.task(?:\.(?!sensor)\w+)?$")
CALLED_IN_TASK = words("python_callable")

# Functions that import modules whose names are found at run time, as plugins are.
LOADERS = words(
    "import_module __import__ iter_modules walk_packages spec_from_file_location import_string find_modules"
)

# Methods of parsers of the command line, and decorators of click, that are given words and look nothing up by them.
ARGUMENTS = words("add_argument add_parser add_option command group option argument")

# The framework of crawls, each of which is a process that ends; what it calls, with the parameters after `self`; what
# it calls once; and words of programs whose crawls are started by a server, or wait for more work.
CRAWL_FRAMEWORK = "scrapy"
CRAWL_METHODS = {
    "from_crawler": ("crawler",),
    "open_spider": ("spider",),
    "close_spider": ("spider",),
    "process_item": ("item", "spider"),
    "process_request": ("request", "spider"),
    "process_response": ("request", "response", "spider"),
}
ONCE_IN_CRAWLS = words("__init__ from_crawler from_settings open_spider close_spider")
LASTING_CRAWLS = words("CrawlerRunner scrapy_redis scrapyrt")

# Base classes of other packages that call no method of a subclass by themselves.
PASSIVE_BASES = words(
    """
    object abc.ABC typing.Generic typing.Protocol typing.NamedTuple enum.Enum Exception BaseException ValueError
    RuntimeError dict list set threading.local contextlib.ContextDecorator contextlib.AbstractContextManager
    threading.Thread multiprocessing.Process
    """
)

# The function by which a module adds itself to a bot of Discord, which calls it once; and the method that it calls.
EXTENSION = ("setup", "add_cog")

# Base classes of tests: a runner of tests calls the methods.
TEST_CASES = words(
    """
    unittest.TestCase unittest.IsolatedAsyncioTestCase django.test.TestCase django.test.SimpleTestCase
    django.test.TransactionTestCase django.test.LiveServerTestCase rest_framework.test.APITestCase
    testtools.TestCase twisted.trial.unittest.TestCase tornado.testing.AsyncTestCase
    """
)

# Calls that return when the program ends, by the last part of their name, or by `run` of something with such a name.
RUNS_ON = (waits_of(WaitKind.SERVER) - words("run start wait")) | words(
    "mainloop run_app exec_ run_forever serve_forever"
)
SERVERS = words("app application bot client dp mcp server socketio uvicorn web")

# Functions that prompt the user of a program on a terminal.
PROMPTS = words("input getpass.getpass click.prompt click.confirm typer.prompt typer.confirm")

# Frameworks that run a file from its top for each click, so that its top level is no start of a program.
RERUN = words("streamlit")

# Folders of files that change a database's tables to a new version, each of them once.
MIGRATIONS = lazy_pattern(r"migrations?|migrators?|\w+_migrations?")

# Names of functions that set up or change a database as a whole, as `init_db`: unless calls of them show
# otherwise, they run once, at the start of a program or in a command.
_CHANGE = "init | initiali[sz]e | setup | set_up | reset | migrate | upgrade | downgrade"
_MAKE = "create | prepare | build | ensure | seed | populate | drop | delete"
_WHOLE = "db | database | schema | tables?"
SET_UP = lazy_pattern(
    rf"""(?ix) _* (
        ({_CHANGE}) _* (\w+_)? ({_WHOLE} | alembic | wal)
        | ({_MAKE}) (_*all)? _* ({_WHOLE})
        | ({_WHOLE}) _* ({_CHANGE} | seed | populate)
        | migrate | upgrade | downgrade
    ) s?""",
)

# Names that say the same of a part of a database, as `create_prices_table`: they count only if no call is known, or
# only calls at the start of a program. A part for each tenant, or for a while, is made repeatedly.
_PART = "tables? | schemas? | index | indexes | indices | columns? | triggers? | views?"
_EACH = "tenants? | customers? | clients? | accounts? | orgs? | projects? | temp | tmp | temporary | staging | new"
SET_UP_PART = lazy_pattern(
    rf"""(?ix) _* (?! (\w+_)? ({_EACH}) _) (
        ({_CHANGE} | {_MAKE} | add | make) _+ (\w+_)? ({_PART} | {_WHOLE})
        | migrate_\w+ | (apply | do | run) _+ (\w+_)? migrations?
    )""",
)
# Each name that fits one of these patterns contains one of these words.
SET_UP_WORDS = words(
    "init setup set_up reset migrat upgrade downgrade create prepare build ensure seed populate drop delete add make"
)

# Functions that a platform or a framework calls by their names, or with objects of such names, without a mention.
HOOKS = lazy_pattern(
    r"main|run|start|stop|setup|teardown|cli|entry\w*|execute|invoke|\w*handler|lambda_\w+|on_\w+|handle_\w+|process_\w+"
    r"|create_app|make_app|application|app|upgrade|downgrade|pytest_\w+|\w*hook|register\w*"
)
# Names of modules, folders of modules, and names of classes, that frameworks and servers find without a mention.
FOUND_BY_NAME = lazy_pattern(
    r"(?:admin|apps?|asgi|celery\w*|conftest|dags?|forms|function_app|index|jobs?|lambda_\w+|main|managers?|middlewares?"
    r"|models|noxfile|pipelines?|plugins?|receivers|routes|run|serializers|server|settings|signals?|sitecustomize|spiders?"
    r"|tasks?|tests?|translation|urls|views|wsgi|fabfile|locustfile|setup)(?:_\w+)?|\w+_(?:plugin|handler|hook|dag|task)"
)
FOUND_IN = words(
    """commands templatetags dags plugins plugin spiders pipelines tasks jobs functions lambdas handlers hooks addons
    extensions modules cogs pages migrations versions alembic routers scripts bin tools backends"""
)
FOUND_CLASSES = lazy_pattern(r"\w*(?:Plugin|Handler|Hook|Command|Middleware|Pipeline|Spider|Backend|Extension|Config)")

# Words of a file at which a program begins.
BEGINNINGS = words(
    """__main__ Flask( FastAPI( Sanic( Application( run_polling start_polling asyncio.run( app.run( bot.run(
    execute_from_command_line lambda_handler handler("""
)

# Calls at the top of a module that prepare something for its functions, by the last part of their name.
PREPARES = words(
    """basicConfig dictConfig fileConfig setLevel addHandler load_dotenv filterwarnings simplefilter disable_warnings
    append insert extend update setdefault seed set_option use install_as_MySQLdb register_adapter register_converter"""
)

# The parameters of a function that a platform calls for each request: AWS Lambda's handler, for example.
OF_PLATFORMS = ("event", "context")

GIVEN_TO_HOOKS = words("request event context ctx update message item spider sender instance environ environment")


def registers(decorator: ast.expr) -> bool:
    """Whether a decorator may give the function to other code, which calls it."""
    return last_name(without_arguments(decorator)) not in NEUTRAL


def is_of_platform(function: Function) -> bool:
    """Whether a function has the parameters with which a platform calls one for each event, as Lambda does."""
    return tuple(each.arg.strip("_") for each in function.args.args) == OF_PLATFORMS
