"""`QUERYSET_ASKS`, `CLOSES`: what Django's ORM does when it is called: what queries, what closes the connection."""

from __future__ import annotations

from dbhygiene.library.words import words

CONNECTION = "django.db.connection"  # one connection, of whatever alias
CURSOR = "django.db.cursor"
DESERIALIZED = "django.core.serializers.base.DeserializedObject"

# -- classes ----------------------------------------------------------------------------------------------

MODEL = "django.db.models.Model"
MODELS = frozenset(
    {
        MODEL,
        "django.db.models.base.Model",
        "django.contrib.auth.models.AbstractUser",
        "django.contrib.auth.models.AbstractBaseUser",
        "django.contrib.contenttypes.models.ContentType",
        "django.contrib.auth.models.User",
        "django.contrib.auth.models.Group",
        "django.contrib.auth.models.Permission",
        "django.contrib.sites.models.Site",
        "django.contrib.sessions.models.Session",
        "model_utils.models.TimeStampedModel",
        "mptt.models.MPTTModel",
        "polymorphic.models.PolymorphicModel",
        "parler.models.TranslatableModel",
        "treebeard.mp_tree.MP_Node",
        "django_extensions.db.models.TimeStampedModel",
    }
)
COMMANDS = frozenset(
    {
        "django.core.management.base.BaseCommand",
        "django.core.management.BaseCommand",
        "django.core.management.base.AppCommand",
        "django.core.management.base.LabelCommand",
    }
)
QUERYSETS = frozenset({"django.db.models.QuerySet", "django.db.models.query.QuerySet", "django.db.models.Manager"})
OTHER_MAPPERS = ("mongoengine", "cqlengine", "peewee", "tortoise", "ormar", "piccolo")  # they, too, say `Model.objects`
NAMES_OF_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager", "all_objects"})

# -- querysets --------------------------------------------------------------------------------------------

# These return another queryset, and do not query the database.
BUILDS = words(
    """all filter exclude annotate alias order_by reverse distinct values values_list dates datetimes none union
    intersection difference select_related prefetch_related extra defer only using select_for_update raw iterator
    get_queryset complex_filter active"""
)
# Of these, no other library's objects have the like: a queryset is known by them.
DISTINCTIVE = words(
    """values_list select_related prefetch_related select_for_update order_by bulk_create bulk_update
    get_or_create update_or_create in_bulk"""
)
ASKS_FOR_ROW = words(
    """get create first last latest earliest get_by_natural_key aget acreate afirst alast alatest aearliest
    aget_by_natural_key"""
)
FINDS_ROW = ASKS_FOR_ROW - words("create acreate")  # of these, those that return a row which is in the database
FETCHES_MORE = ("select_related", "prefetch_related")  # the rows of foreign keys, too
FOREIGN_KEYS = ("ForeignKey", "OneToOneField")  # by the end of their names, as other libraries derive from them
ASKS_FOR_PAIR = words("get_or_create update_or_create aget_or_create aupdate_or_create")
ASKS_FOR_MORE = words(
    """bulk_create bulk_update update delete count exists aggregate in_bulk explain contains create_user
    create_superuser abulk_create abulk_update aupdate adelete acount aexists aaggregate ain_bulk aexplain acontains
    """
)
QUERYSET_ASKS = ASKS_FOR_ROW | ASKS_FOR_PAIR | ASKS_FOR_MORE
# These take all of an iterable, and so ask for a queryset's rows.
CONSUMERS = words("list set tuple frozenset dict sorted len bool sum max min any all repr next")
DRAINS = CONSUMERS - words("len bool repr next any all")  # likewise, for certain and to the end
# Calls that give a new list or tuple of the items that they are given.
COPIES = words("list tuple set frozenset sorted collections.deque")
# Methods that put their last argument into a list, a set or a queue, and methods that take an item out of one.
ADDS = words("append appendleft add put put_nowait insert push")
TAKES = words("get get_nowait pop popleft popitem")
WRAPPERS = words(
    """enumerate zip reversed iter tqdm.tqdm tqdm.auto.tqdm tqdm.notebook.tqdm rich.progress.track
    itertools.chain itertools.cycle itertools.islice more_itertools.chunked itertools.batched map filter"""
)

# -- instances --------------------------------------------------------------------------------------------

ROW_ASKS = words(
    "save delete refresh_from_db full_clean validate_unique asave adelete arefresh_from_db has_perm has_perms"
)
RELATED_ASKS = QUERYSET_ASKS | words("add set remove clear aadd aset aremove aclear")
ROW_ASKS_BY_FIELD = ("get_next_by_", "get_previous_by_")
# Bases, by the end of their names, of forms and serializers whose `save` writes a row.
WRITES_ROWS = ("ModelForm", "ModelSerializer")
CHECKS_ROWS = "ModelForm"  # of these, those whose `is_valid` looks for rows with the same unique values
# Where a value's class is not known, these alone are taken for a model's; `save` only without positional arguments.
SURELY_ROW_ASKS = frozenset({"refresh_from_db", "arefresh_from_db", "asave"})

# -- functions, by dotted name ----------------------------------------------------------------------------

ASKS = frozenset(
    {
        "django.shortcuts.get_object_or_404",
        "django.shortcuts.get_list_or_404",
        "django.db.models.prefetch_related_objects",
        "django.contrib.auth.authenticate",
        "django.core.paginator.Paginator.page",
        "django.core.paginator.Paginator.get_page",
        "django.forms.ModelForm.is_valid",
        "django.forms.ModelForm.save",
        "django.forms.models.ModelForm.is_valid",
        "django.forms.models.ModelForm.save",
        "django.contrib.auth.get_user",
        f"{DESERIALIZED}.save",
        f"{CURSOR}.execute",
        f"{CURSOR}.executemany",
        f"{CURSOR}.callproc",
        f"{CURSOR}.fetchall",
        f"{CONNECTION}.ensure_connection",
        f"{CONNECTION}.introspection.table_names",
        "django.db.migrations.executor.MigrationExecutor",
        "django.db.migrations.loader.MigrationLoader",
    }
)
PAGINATOR = "django.core.paginator.Paginator"
ATTRIBUTES_ASK = words("count num_pages page_range")  # of a paginator
DESERIALIZE = "django.core.serializers.deserialize"  # yields objects with a `save`
SERIALIZE = "django.core.serializers.serialize"  # asks for the rows of its second argument
CALL_COMMAND = "django.core.management.call_command"
COMMANDS_ASK = words(  # of Django's own commands, those that ask the database
    """changepassword clearsessions createcachetable createsuperuser dumpdata flush inspectdb loaddata migrate
    remove_stale_contenttypes showmigrations"""
)
SIGNALS = frozenset(
    {"django.dispatch.Signal", "django.dispatch.dispatcher.Signal", "django.db.models.signals.ModelSignal"}
)
RECEIVERS = frozenset({"django.dispatch.receiver", "django.dispatch.dispatcher.receiver"})
SENDS = words("send send_robust asend asend_robust")
CACHED_PROPERTIES = frozenset({"functools.cached_property", "django.utils.functional.cached_property"})
PROPERTIES = CACHED_PROPERTIES | {"property"}
CACHES = frozenset(  # of what a function returns
    {"functools.cache", "functools.lru_cache", "streamlit.cache_resource", "streamlit.experimental_singleton"}
)
CACHE = "django.core.cache.cache"  # the one of the alias "default"
CACHE_HANDLER = "django.core.cache.caches"
GET_CACHE = "django.core.cache.get_cache"  # before Django 1.9
_OF_CACHES = words("get set add get_or_set get_many set_many delete delete_many touch incr decr has_key clear")
CACHE_METHODS = _OF_CACHES | {f"a{name}" for name in _OF_CACHES}
ATOMIC = frozenset({"django.db.transaction.atomic", "django.db.transaction.Atomic"})
# What they return, by a name under which a method is looked up.
RETURNS = {
    f"{CONNECTION}.cursor": CURSOR,
    "django.db.transaction.get_connection": CONNECTION,
}
CONNECTIONS = "django.db.connections"
CONNECTION_LOOK_UP = ("ConnectionHandler", "__getitem__")  # what runs at `connections["default"]` and `connection.x`
# The class of the items that a call of one of these yields.
ITEMS = {f"{CONNECTIONS}.all": CONNECTION, DESERIALIZE: DESERIALIZED}
# What gives each of the project's databases, or its alias: there is at least one.
EACH_DATABASE = frozenset({CONNECTIONS, "django.conf.settings.DATABASES"}) | {
    f"{owner}{part}"
    for owner in (CONNECTIONS, f"{CONNECTIONS}.databases", f"{CONNECTIONS}.settings", "django.conf.settings.DATABASES")
    for part in ("", ".all", ".keys", ".values", ".items")
}

# Each closes the connection, or puts a fresh one in its place.
CLOSES_ASYNC = frozenset({"channels.db.aclose_old_connections"})  # closes those of the thread that asks
CLOSES = CLOSES_ASYNC | frozenset(
    {
        f"{CONNECTION}.close",
        f"{CONNECTION}.connect",
        f"{CONNECTION}.close_if_unusable_or_obsolete",
        f"{CONNECTIONS}.close_all",
        "django.db.close_old_connections",
        "django.db.close_connection",
    }
)
# Of these, what only looks at the age of a connection, and at whether it has failed.
CLOSES_BY_AGE = frozenset({"django.db.close_old_connections", f"{CONNECTION}.close_if_unusable_or_obsolete"})
# Django's own receivers of these signals close old connections.
SENDS_CLOSING = frozenset(
    f"django.core.signals.request_{when}.{send}" for when in ("started", "finished") for send in ("send", "send_robust")
)
IS_USABLE = f"{CONNECTION}.is_usable"  # asks the server
LOST = frozenset(
    {
        "Exception",
        "BaseException",
        "django.db.OperationalError",
        "django.db.InterfaceError",
        "django.db.DatabaseError",
        "django.db.Error",
        "django.db.utils.OperationalError",
        "django.db.utils.InterfaceError",
        "django.db.utils.DatabaseError",
        "django.db.utils.Error",
    }
)

LOSS_MODULES = ("django.db", "django.db.utils")  # they hold the classes of errors
# Of what speaks to the server, what does not get along with a connection that is dead: it neither closes nor opens it.
KEEPS_DEAD = frozenset({f"{CONNECTION}.ensure_connection", f"{CONNECTION}.cursor", f"{CONNECTION}.rollback"})
# Classes below Django's wrapping of errors: calls there raise the driver's own.
BELOW_WRAPPING = ("DatabaseWrapper", "CursorWrapper", "CursorDebugWrapper")

# These close the connections that are old, before they call what they are given, and after it.
CLOSES_AROUND = frozenset(
    {
        "channels.db.database_sync_to_async",
        "channels.db.DatabaseSyncToAsync",
        "django_apscheduler.util.close_old_connections",
    }
)
# A class of the project that derives from one of these may do the same, in the method that runs in the thread.
SYNC_TO_ASYNC = frozenset({"asgiref.sync.SyncToAsync"})
RUNS_IN_THREAD = "thread_handler"

# Each of these calls what it is given, in another thread: as a call of its own.
TRANSPARENT = CLOSES_AROUND | frozenset(
    {
        "asgiref.sync.sync_to_async",
        "asgiref.sync.async_to_sync",
        "django.db.transaction.atomic",
        "django.db.transaction.non_atomic_requests",
    }
)

# The variable of the environment that lets coroutines query: their connections are then those of their own thread.
ALLOWS_ASYNC_QUERIES = "DJANGO_ALLOW_ASYNC_UNSAFE"
