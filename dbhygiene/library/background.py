"""`STARTS`: where code begins to run by itself, away from any request: threads, pools, schedulers, queues of tasks."""

from __future__ import annotations

from dbhygiene.source.lazy_pattern import lazy_pattern

# Calls that start a function in a thread, and the argument that it is: position and name. Classes may be derived from.
THREAD_CLASSES: dict[str, tuple[int, str]] = {
    "threading.Thread": (1, "target"),
    "threading.Timer": (1, "function"),
    "multiprocessing.dummy.Process": (1, "target"),
    "multiprocessing.dummy.DummyProcess": (1, "target"),
}
THREADS: dict[str, tuple[int, str]] = {
    **THREAD_CLASSES,
    "_thread.start_new_thread": (0, "function"),
    "asyncio.to_thread": (0, "func"),
    "anyio.to_thread.run_sync": (0, "func"),
    "starlette.concurrency.run_in_threadpool": (0, "func"),
    "fastapi.concurrency.run_in_threadpool": (0, "func"),
    "twisted.internet.threads.deferToThread": (0, "f"),
}
# These do where an argument of this name is False: else they use the thread of the request.
THREADS_IF_FALSE: dict[str, tuple[int, str, str]] = {
    "asgiref.sync.sync_to_async": (0, "func", "thread_sensitive"),
    "asgiref.sync.SyncToAsync": (0, "func", "thread_sensitive"),
}

# Methods of a library's objects, which programs pass about, that run a function in threads: the package that a file
# with such a call imports, the argument, given by name, and the word of a setting without threads.
RUNS_IN_THREADS: dict[str, tuple[str, str, str]] = {"run": ("nornir", "task", r"serial|SerialRunner")}

# Calls that return what a function returns which runs in another thread: whether awaited or not, it takes its time.
RUN_BESIDE = {name: THREADS[name] for name in ("asyncio.to_thread", "anyio.to_thread.run_sync")} | {
    name: given for name, given in THREADS.items() if name.endswith("run_in_threadpool")
}
# Calls that run a function in a thread that they borrow: the thread lives on when the function has ended.
LENDS_THREADS = frozenset(THREADS.keys() - THREAD_CLASSES.keys() - {"_thread.start_new_thread"}) | frozenset(
    THREADS_IF_FALSE
)
# Methods whose result ends the work of a web application when its `with` block ends: its sessions are removed.
CONTEXT_MAKERS = frozenset({"app_context", "test_request_context", "request_context", "test_client"})
# Words of programs in which other code may run after each task, job or event.
HOOKS_OF_WORKERS = (
    *("task_postrun", "task_prerun", "after_return", "worker_process_init", "ContextTask", "def __call__"),
    *("after_process_message", "post_execute", "add_listener"),
)
# Executors whose `with` block waits for all functions that were passed to them.
EXECUTORS = frozenset(
    f"concurrent.futures.{module}{kind}PoolExecutor"
    for module, kind in (("", "Thread"), ("thread.", "Thread"), ("", "Process"), ("process.", "Process"))
)
FUTURE_RESULT = "concurrent.futures.Future.result"

# Calls that start a function, and the argument that it is.
STARTS: dict[str, tuple[int, str]] = {
    **THREADS,
    "multiprocessing.Process": (1, "target"),
    "multiprocessing.context.Process": (1, "target"),
    "gevent.spawn": (0, "function"),
    "gevent.Greenlet": (0, "run"),
    "eventlet.spawn": (0, "func"),
    "eventlet.spawn_n": (0, "func"),
    "asyncio.run": (0, "main"),
    "django_q.tasks.async_task": (0, "func"),
    "django_q.tasks.schedule": (0, "func"),
    "django_rq.enqueue": (0, "func"),
    "django_rq.queues.enqueue": (0, "func"),
}

# Classes of tasks: a worker calls `run`.
TASK_CLASSES = frozenset({"celery.Task", "celery.app.task.Task", "celery.task.Task", "celery.task.base.Task"})

# Where the function then runs.
STARTED_IN = {
    **dict.fromkeys(TASK_CLASSES, "in a Celery worker"),
    **dict.fromkeys((*THREADS, "_thread.start_new_thread"), "in a thread"),
    **dict.fromkeys(("multiprocessing.Process", "multiprocessing.context.Process"), "in another process"),
    **dict.fromkeys(("gevent.spawn", "gevent.Greenlet", "eventlet.spawn", "eventlet.spawn_n"), "in a greenlet"),
    "asyncio.run": "in an event loop",
    "django_q.tasks.async_task": "in a Django Q worker",
    "django_q.tasks.schedule": "in a Django Q worker",
    "django_rq.enqueue": "in an RQ worker",
    "django_rq.queues.enqueue": "in an RQ worker",
}

# Methods that hand a function to a pool or a scheduler, and the argument that it is; by the method's name, since pools
# are handed about, and few other objects have the like.
HANDS_OVER: dict[str, tuple[int, str]] = {
    "submit": (0, "fn"),
    "apply_async": (0, "func"),
    "map": (0, "func"),
    "imap": (0, "func"),
    "imap_unordered": (0, "func"),
    "starmap": (0, "func"),
    "map_async": (0, "func"),
    "starmap_async": (0, "func"),
    "run_in_executor": (1, "func"),
    "add_job": (0, "func"),
    "do": (0, "job_func"),
    "register_task": (1, "callback"),
}
# Of these, those that call the function with the arguments that follow it, and those that call it for each item.
PASSES_REST = frozenset({"submit", "run_in_executor"})
PASSES_ITEMS = frozenset({"map", "imap", "imap_unordered", "map_async"})

# Methods of a queue of RQ, and the function that they put into it.
ENQUEUES: dict[str, tuple[int, str]] = {
    "enqueue": (0, "f"),
    "enqueue_call": (0, "func"),
    "enqueue_at": (1, "f"),
    "enqueue_in": (1, "func"),
}

# Where it then runs, for names that say so whatever the object is.
RUNS_IN = {
    "add_job": "in a scheduled job",
    "run_in_executor": "in an executor",
    **dict.fromkeys(ENQUEUES, "in an RQ worker"),
}

# Those of them that other classes have, too: the prefilter wants the word of a pool beside them.
POOLED = frozenset({"apply_async", "map", "imap", "imap_unordered", "starmap", "map_async", "starmap_async"})

# Pools of threads: the methods above hand a function to one of them. An event loop has one, which stands for None.
THREAD_POOLS = frozenset(
    {
        "multiprocessing.dummy.Pool",
        "concurrent.futures.ThreadPoolExecutor",
        "concurrent.futures.thread.ThreadPoolExecutor",
        "multiprocessing.pool.ThreadPool",
    }
)

# Classes whose `run` is called in a thread, a process or a worker.
RUNNERS = frozenset({*THREAD_CLASSES, *TASK_CLASSES, "multiprocessing.Process", "multiprocessing.context.Process"})

# Classes whose methods are called when a message comes.
CONSUMERS = frozenset(
    f"channels.{module}.{kind}Consumer"
    for module in ("consumer", "generic.websocket", "generic.http")
    for kind in ("Sync", "Async", "Websocket", "AsyncWebsocket", "JsonWebsocket", "AsyncJsonWebsocket", "AsyncHttp")
)

# Decorators, by the last part of their name, of functions that a worker of a queue or a scheduler calls.
TASKS = frozenset(
    {
        "shared_task",
        "task",
        "periodic_task",
        "db_task",
        "db_periodic_task",
        "actor",
        "job",
        "background",
        "scheduled_job",
        "register_job",
    }
)

# The libraries that run tasks, and where each of them runs one.
WORKERS = {
    "celery": "in a Celery worker",
    "huey": "in a Huey worker",
    "django_huey": "in a Huey worker",
    "django_q": "in a Django Q worker",
    "django_rq": "in an RQ worker",
    "rq": "in an RQ worker",
    "dramatiq": "in a Dramatiq worker",
    "background_task": "in a background task",
    "apscheduler": "in a scheduled job",
    "procrastinate": "in a Procrastinate worker",
    "django_apscheduler": "in a scheduled job",
    "django_tasks": "in a background task",
}
# How long a task may run before its worker ends it: arguments of its decorator, with the seconds of one unit, and
# settings of the site for all tasks.
TIME_LIMITS: dict[str, dict[str, float]] = {
    "celery": {"time_limit": 1, "soft_time_limit": 1},
    "dramatiq": {"time_limit": 0.001},
    "django_rq": {"timeout": 1},
    "rq": {"timeout": 1},
}
# The limit of a task that has none of its own, and the options of a queue that set another.
DEFAULT_TIME_LIMITS = {"rq": 180.0, "django_rq": 180.0}
QUEUE_OPTIONS = ("default_timeout", "DEFAULT_TIMEOUT")
# The limit of all tasks of Celery: as an option of the app, and as a setting of Django's.
TIME_LIMIT_OPTIONS = ("task_time_limit", "task_soft_time_limit")
TIME_LIMIT_SETTINGS = tuple(
    f"{prefix}_TASK_{soft}TIME_LIMIT" for prefix in ("CELERY", "CELERYD") for soft in ("", "SOFT_")
)

# Libraries whose tasks are put into the queue when they are called by their name; a celery task then runs at once.
ENQUEUED_BY_CALL = frozenset({"huey", "django_huey", "background_task"})

# Classes whose objects are processes that fork; a context has a `Process` and a `Pool`, too.
PROCESSES = frozenset(
    f"{library}.{name}"
    for library in ("multiprocessing", "billiard")
    for name in ("Process", "context.Process", "context.ForkProcess", "process.BaseProcess", "process.Process")
)
CONTEXTS = frozenset({"multiprocessing.get_context", "billiard.get_context"})

# One of these stands in every file that starts threads, tasks or processes.
CONCURRENT = lazy_pattern(
    r"Thread|Process|Pool|Executor|Timer|to_thread|_in_executor|asyncio|create_task|ensure_future"
)

# Pools of processes that fork: the methods above hand a function to one of them.
PROCESS_POOLS = frozenset(
    {
        "multiprocessing.Pool",
        "multiprocessing.pool.Pool",
        "billiard.Pool",
        "billiard.pool.Pool",
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.process.ProcessPoolExecutor",
    }
)

# Calls that fork a process, and the function that begins there: position and name.
FORKS: dict[str, tuple[int, str]] = {
    **dict.fromkeys(PROCESSES, (1, "target")),
    **{name: (2 if name.endswith("Executor") else 1, "initializer") for name in PROCESS_POOLS},
}

# How another part of the program ends a loop: by an event, an exception, or a flag of such a name.
EVENTS = frozenset({"threading.Event", "multiprocessing.Event", "asyncio.Event", "gevent.event.Event"})
STOPPED = frozenset({"KeyboardInterrupt", "SystemExit", "asyncio.CancelledError"})
STOPS = r"stop|exit|quit|shut|terminat|kill|cancel|abort|halt|running|alive|active|keep_going|keep_running|closing"
AWAITED = r"ready|done|complet|finish|found|connect|start|load|success|receiv|answer"  # what soon comes by itself
