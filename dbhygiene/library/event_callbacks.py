"""`REGISTERS` and others: libraries that call functions of the project at events, hours apart: bots and consumers."""

from __future__ import annotations

from dbhygiene.library.words import words
from dbhygiene.source.lazy_pattern import lazy_pattern

# Calls that register a function, and the argument that it is: position and name.
REGISTERS: dict[str, tuple[int, str]] = {
    "telegram.ext.CommandHandler": (1, "callback"),
    "telegram.ext.MessageHandler": (1, "callback"),
    "telegram.ext.CallbackQueryHandler": (0, "callback"),
    "telegram.ext.ConversationHandler": (99, "callback"),
    "telegram.ext.InlineQueryHandler": (0, "callback"),
    "pika.adapters.blocking_connection.BlockingChannel.basic_consume": (1, "on_message_callback"),
    "paho.mqtt.client.Client.message_callback_add": (1, "callback"),
    "websocket.WebSocketApp": (99, "on_message"),
    "stomp.Connection.set_listener": (99, "listener"),
    "nats.NATS.subscribe": (99, "cb"),
    "google.cloud.pubsub_v1.SubscriberClient.subscribe": (1, "callback"),
    "aiogram.Dispatcher.message.register": (0, "callback"),
    "aiogram.Dispatcher.callback_query.register": (0, "callback"),
    "aiogram.Dispatcher.register_message_handler": (0, "callback"),
    "aiogram.Dispatcher.register_callback_query_handler": (0, "callback"),
    "aiogram.Router.message.register": (0, "callback"),
    "aiogram.Router.callback_query.register": (0, "callback"),
    "telebot.TeleBot.register_message_handler": (0, "callback"),
    "telebot.TeleBot.register_callback_query_handler": (0, "callback"),
    "pyrogram.handlers.MessageHandler": (0, "callback"),
    "telethon.TelegramClient.add_event_handler": (0, "callback"),
    "telegram.ext.PreCheckoutQueryHandler": (0, "callback"),
    "telegram.ext.ChatMemberHandler": (0, "callback"),
    "telegram.ext.PollAnswerHandler": (0, "callback"),
    "telegram.ext.TypeHandler": (1, "callback"),
    "xmlrpc.server.SimpleXMLRPCServer.register_function": (0, "function"),
}

# Packages that have the classes of discord.py, and the decorators of each.
_DISCORD = ("discord", "nextcord", "disnake")
_OF_DISCORD = words(
    """
    Client.event ext.commands.command ext.commands.group ext.commands.hybrid_command ext.commands.slash_command
    ext.commands.Cog.listener ext.commands.Bot.command ext.commands.Bot.event ext.commands.Bot.group
    ext.commands.Bot.hybrid_command ext.commands.Bot.slash_command ext.commands.Bot.tree.command
    app_commands.command app_commands.CommandTree.command slash_command Bot.command Bot.event Bot.slash_command
    ui.button ui.select
    """
)

# Decorators that register what they decorate.
DECORATORS = frozenset(
    {
        "telebot.TeleBot.message_handler",
        "telebot.TeleBot.callback_query_handler",
        "telebot.async_telebot.AsyncTeleBot.message_handler",
        *(f"{package}.{name}" for package in _DISCORD for name in _OF_DISCORD),
        "aiogram.Dispatcher.message_handler",
        "aiogram.Dispatcher.message",
        "aiogram.Dispatcher.callback_query",
        "aiogram.Dispatcher.callback_query_handler",
        "aiogram.Router.message",
        "aiogram.Router.callback_query",
        "pyrogram.Client.on_message",
        "pyrogram.Client.on_callback_query",
        "telethon.TelegramClient.on",
        "slack_bolt.App.event",
        "slack_bolt.App.command",
        "slack_bolt.App.message",
        "slack_bolt.App.action",
        "slack_bolt.App.view",
        "slack_bolt.App.shortcut",
    }
)

# Attributes that hold a function to be called.
ATTRIBUTES = frozenset({"paho.mqtt.client.Client.on_message", "websocket.WebSocketApp.on_message"})

# Lists that hold functions to be called, by the name of the attribute; and the package whose objects have it.
LISTS = {"socket_mode_request_listeners": "slack_sdk", "message_listeners": "slack_sdk"}

# Calls of this name, of objects that are handed about, and the arguments that hold functions to be called; and the
# package beside which they count.
CALLED = {"Consumer": (("callbacks", "on_message"), "kombu"), "register_callback": (("callback",), "kombu")}

_HANDLERS_OF_DISCORD = {
    "Client": r"on_\w+",
    "Bot": r"on_\w+",
    "ext.commands.Bot": r"on_\w+",
    "ext.commands.AutoShardedBot": r"on_\w+",
}
# Classes whose methods are called when something happens, and which of them: a pattern.
HANDLERS = {
    **dict.fromkeys(
        (
            f"watchdog.events.{kind}EventHandler"
            for kind in ("FileSystem", "PatternMatching", "RegexMatching", "Logging")
        ),
        r"dispatch|on_\w+",
    ),
    **dict.fromkeys((f"socketserver.{kind}RequestHandler" for kind in ("Base", "Stream", "Datagram")), r"handle"),
    "http.server.BaseHTTPRequestHandler": r"do_[A-Z]+",
    "http.server.SimpleHTTPRequestHandler": r"do_[A-Z]+",
    **{f"{package}.{name}": pattern for package in _DISCORD for name, pattern in _HANDLERS_OF_DISCORD.items()},
    **dict.fromkeys(
        ("flask.views.MethodView", "flask_restful.Resource", "flask_restx.Resource", "tornado.web.RequestHandler"),
        r"get|post|put|patch|delete",
    ),
    "stomp.ConnectionListener": r"on_message",
    "tweepy.StreamingClient": r"on_\w+",
    "pyinotify.ProcessEvent": r"process_\w+",
    "smtpd.SMTPServer": r"process_message",
    "irc.bot.SingleServerIRCBot": r"on_\w+",
    "twisted.protocols.basic.LineReceiver": r"lineReceived|connection(?:Made|Lost)",
    "twisted.protocols.basic.LineOnlyReceiver": r"lineReceived|connection(?:Made|Lost)",
}
SERVICER = lazy_pattern(r"_pb2_grpc\.\w+Servicer$")  # a base, by its name, whose methods other programs call
# With one of these, each call comes in a thread or a process of its own, which uses its connection once.
IN_THREADS_OF_THEIR_OWN = (
    "ThreadingMixIn",
    "ThreadingTCPServer",
    "ThreadingUDPServer",
    "ThreadingHTTPServer",
    "Forking",
)

# The last words of these names: a file that registers a function writes one of the first, or decorates with another.
WRITTEN = frozenset(name.rpartition(".")[2] for name in (*REGISTERS, *ATTRIBUTES))
# The packages of the calls of each such word: those of other packages register nothing.
PACKAGES = {
    word: frozenset(name.partition(".")[0] for name in REGISTERS if name.rpartition(".")[2] == word) for word in WRITTEN
}
DECORATED = frozenset(name.rpartition(".")[2] for name in DECORATORS)
_HINTS = (*WRITTEN, *LISTS, *CALLED, *(name.rpartition(".")[2] for name in HANDLERS), "Servicer")
_DECORATED = lazy_pattern(rf"@(?:\w+\.)+(?:{'|'.join(sorted(DECORATED))})\b")


def may_register(text: str) -> bool:
    """Whether a program may register a function as a callback, by its words."""
    return any(word in text for word in _HINTS) or _DECORATED.search(text) is not None
