"""`WaitingCall`: what takes long, and how long: calls by their dotted name, methods by that of their class."""

from __future__ import annotations

import re
from enum import Enum

from dbhygiene.library.event_callbacks import REGISTERS
from dbhygiene.library.words import words
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Record


class WaitKind(Enum):
    """What the program waits for; the words end the sentence "the server closes the connection while ..."."""

    SLEEP = "the program sleeps"
    PERSON = "the program waits for input"
    INPUT = "the program waits for more input"  # of a stream, from a person or another program
    EVENT = "the program waits for an event"
    SERVER = "the program runs a server"
    PROCESS = "another program runs"
    JOB = "a long job runs"
    FILES = "files are packed or copied"
    COMMAND = "another command runs"  # which is chosen at run time
    TASKS = "the program waits for tasks of a pool"  # which may be short
    HTTP = "the program waits for another server"

    @property
    def is_long(self) -> bool:
        """Whether it may well take minutes where nothing bounds it."""
        return self not in (WaitKind.HTTP, WaitKind.SLEEP)


class WaitingCall(Record):
    """A call that waits.

    `seconds` is the argument that says how long it lasts, `timeout` the one that says how long at most: the position
    and the name, where there is one. `bound` is the most that it lasts where no timeout is given; `usual` is what a
    request that is never quick lasts, which counts where a loop makes many.
    """

    kind: WaitKind
    seconds: tuple[int, str] | None = None
    timeout: tuple[int, str] | None = None
    bound: float = float("inf")
    usual: float = 0.0


_ANYWHERE = 99  # the position of an argument that is given by name only


def _waits(kind: WaitKind, names: str, *, timeout: tuple[int, str] | None = None) -> dict[str, WaitingCall]:
    return dict.fromkeys(names.split(), WaitingCall(kind, timeout=timeout))


_SLEEPS = {
    name: WaitingCall(WaitKind.SLEEP, seconds=(0, keyword))
    for name, keyword in {
        "time.sleep": "secs",
        "asyncio.sleep": "delay",
        "gevent.sleep": "seconds",
        "eventlet.sleep": "seconds",
        "trio.sleep": "seconds",
        "anyio.sleep": "delay",
    }.items()
}

_PEOPLE = _waits(
    WaitKind.PERSON,
    """input builtins.input raw_input six.moves.input
    getpass.getpass click.prompt click.confirm click.pause typer.prompt
    typer.confirm rich.prompt.Prompt.ask rich.prompt.Confirm.ask rich.prompt.IntPrompt.ask inquirer.prompt
    questionary.Question.ask questionary.Question.unsafe_ask prompt_toolkit.prompt sys.stdin.readline
    django.db.migrations.questioner.InteractiveMigrationQuestioner""",
)

# Those that ask for a yes or no; others ask for it in their words.
CONSENTS = words("click.confirm typer.confirm rich.prompt.Confirm.ask")
CONSENT = lazy_pattern(
    r"\by(?:es)?\]?\s*[/|]\s*\[?no?\b|\[(?:yn|ny)\]"
    r"|[\"'`(\[]y(?:es)?[\"'`)\]].{0,40}[\"'`(\[]no?[\"'`)\]]",
    re.IGNORECASE,
)

_PROCESSES = {
    **_waits(
        WaitKind.PROCESS,
        "subprocess.run subprocess.call subprocess.check_call subprocess.check_output",
        timeout=(_ANYWHERE, "timeout"),
    ),
    **_waits(
        WaitKind.PROCESS,
        "subprocess.Popen.wait subprocess.Popen.communicate multiprocessing.Process.join",
        timeout=(0, "timeout"),
    ),
    **_waits(
        WaitKind.PROCESS,
        """os.system os.wait os.waitpid subprocess.getoutput subprocess.getstatusoutput sh.Command pexpect.spawn.wait
        subprocess.Popen.stdout.read subprocess.Popen.stdout.readline subprocess.Popen.stdout.readlines
        subprocess.Popen.stderr.read subprocess.Popen.stderr.readline subprocess.Popen.stderr.readlines
        multiprocessing.Pool.map multiprocessing.Pool.starmap multiprocessing.Pool.join
        asyncio.subprocess.Process.wait asyncio.subprocess.Process.communicate
        docker.client.DockerClient.containers.run docker.models.containers.Container.exec_run""",
    ),
}

_EVENTS = {
    **_waits(
        WaitKind.EVENT,
        "threading.Event.wait threading.Condition.wait threading.Thread.join multiprocessing.Event.wait",
        timeout=(0, "timeout"),
    ),
    **_waits(
        WaitKind.EVENT,
        """queue.Queue.get queue.LifoQueue.get queue.PriorityQueue.get multiprocessing.Queue.get
        multiprocessing.JoinableQueue.get""",
        timeout=(1, "timeout"),
    ),
    **_waits(WaitKind.TASKS, "concurrent.futures.Future.result", timeout=(0, "timeout")),
    **_waits(WaitKind.TASKS, "concurrent.futures.wait", timeout=(1, "timeout")),
    **_waits(WaitKind.EVENT, "queue.SimpleQueue.get queue.Queue.join asyncio.Queue.get asyncio.Event.wait"),
    **_waits(WaitKind.EVENT, "select.select", timeout=(3, "timeout")),
    **_waits(WaitKind.EVENT, "select.poll.poll selectors.DefaultSelector.select", timeout=(0, "timeout")),
    **_waits(
        WaitKind.EVENT,
        """redis.Redis.blpop redis.Redis.brpop redis.Redis.bzpopmin redis.Redis.bzpopmax redis.Redis.xread
        redis.Redis.xreadgroup redis.StrictRedis.blpop redis.StrictRedis.brpop""",
        timeout=(1, "timeout"),
    ),
    **_waits(
        WaitKind.EVENT,
        "redis.Redis.brpoplpush redis.Redis.blmove redis.StrictRedis.brpoplpush",
        timeout=(2, "timeout"),
    ),
    "redis.client.PubSub.get_message": WaitingCall(
        WaitKind.EVENT, timeout=(1, "timeout"), bound=1.0
    ),  # by default it does not wait, but is called again after a short sleep
    **dict.fromkeys(
        ("boto3.Client.receive_message", "boto3.Resource.Queue.receive_messages"),
        WaitingCall(WaitKind.EVENT, timeout=(_ANYWHERE, "WaitTimeSeconds"), bound=20.0),  # the most that SQS allows
    ),
    "google.cloud.pubsub_v1.SubscriberClient.pull": WaitingCall(
        WaitKind.EVENT, timeout=(_ANYWHERE, "timeout"), bound=90.0
    ),
    **_waits(WaitKind.EVENT, "azure.servicebus.ServiceBusReceiver.receive_messages", timeout=(1, "max_wait_time")),
    **_waits(WaitKind.EVENT, "inotify_simple.INotify.read", timeout=(0, "timeout")),
    **_waits(WaitKind.EVENT, "imapclient.IMAPClient.idle_check", timeout=(0, "timeout")),
    **_waits(WaitKind.EVENT, "google.cloud.pubsub_v1.StreamingPullFuture.result", timeout=(0, "timeout")),
    **_waits(WaitKind.EVENT, "confluent_kafka.Consumer.poll", timeout=(0, "timeout")),
    **_waits(WaitKind.EVENT, "confluent_kafka.Consumer.consume", timeout=(1, "timeout")),
    "kafka.KafkaConsumer.poll": WaitingCall(
        WaitKind.EVENT, bound=1.0
    ),  # by default it does not wait; else for milliseconds
    **_waits(
        WaitKind.EVENT,
        """signal.pause signal.sigwait aiokafka.AIOKafkaConsumer.getone
        websocket.WebSocket.recv websockets.ClientConnection.recv socket.socket.accept
        zmq.Socket.recv zmq.Socket.recv_json zmq.Socket.recv_string zmq.Socket.recv_pyobj zmq.Socket.recv_multipart
        inotifyrecursive.INotify.read watchdog.observers.Observer.join""",
    ),
}

_SERVERS = _waits(
    WaitKind.SERVER,
    """telegram.ext.Application.run_polling telegram.ext.Application.run_webhook telegram.ext.Updater.idle
    telebot.TeleBot.polling telebot.TeleBot.infinity_polling
    aiogram.Dispatcher.start_polling aiogram.executor.start_polling
    discord.Client.run discord.Bot.run discord.ext.commands.Bot.run nextcord.Client.run nextcord.ext.commands.Bot.run
    disnake.Client.run disnake.ext.commands.Bot.run disnake.ext.commands.InteractionBot.run
    slack_bolt.adapter.socket_mode.SocketModeHandler.start
    pika.BlockingConnection.channel.start_consuming pika.adapters.blocking_connection.BlockingChannel.start_consuming
    paho.mqtt.client.Client.loop_forever
    websocket.WebSocketApp.run_forever apscheduler.schedulers.blocking.BlockingScheduler.start
 socketserver.TCPServer.serve_forever http.server.HTTPServer.serve_forever
    twisted.internet.reactor.run tornado.ioloop.IOLoop.start
    pyrogram.Client.run telethon.TelegramClient.run_until_disconnected
    stomp.Connection.wait kombu.mixins.ConsumerMixin.run pyinotify.Notifier.loop irc.bot.SingleServerIRCBot.start""",
)

_JOBS = _waits(
    WaitKind.JOB,
    """yt_dlp.YoutubeDL.download yt_dlp.YoutubeDL.extract_info yt_dlp.YoutubeDL.process_ie_result
    youtube_dl.YoutubeDL.download youtube_dl.YoutubeDL.extract_info pytube.Stream.download
    ffmpeg.run ffmpeg.Stream.run moviepy.editor.VideoFileClip.write_videofile moviepy.VideoFileClip.write_videofile
    whisper.Whisper.transcribe whisper.transcribe faster_whisper.WhisperModel.transcribe
    paramiko.SSHClient.exec_command ansible_runner.run ansible_runner.interface.run bagit.Bag.validate bagit.make_bag
    fabric.Connection.run fabric.Connection.sudo invoke.run
    paramiko.SFTPClient.get paramiko.SFTPClient.put
    celery.result.AsyncResult.get celery.result.AsyncResult.wait
    celery.result.GroupResult.get celery.result.GroupResult.join celery.result.ResultSet.get
    boto3.Waiter.wait
    crewai.Crew.kickoff langchain.agents.AgentExecutor.invoke langchain.agents.AgentExecutor.run
    agents.Runner.run agents.Runner.run_sync smolagents.CodeAgent.run smolagents.ToolCallingAgent.run
    docker.models.containers.Container.wait docker.client.DockerClient.images.build
    docker.client.DockerClient.images.pull scrapy.crawler.CrawlerProcess.start scrapy.cmdline.execute
    huggingface_hub.snapshot_download replicate.run
    azure.core.polling.LROPoller.result azure.core.polling.LROPoller.wait""",
)

_FILES = _waits(
    WaitKind.FILES,
    """shutil.copytree shutil.make_archive shutil.unpack_archive tarfile.TarFile.add tarfile.TarFile.extractall
    zipfile.ZipFile.extractall""",
)

_HTTP_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_HTTP_CLIENTS = (
    *("requests", "requests.Session", "httpx", "httpx.Client", "httpx.AsyncClient"),
    *("aiohttp.ClientSession", "urllib3.PoolManager", "cloudscraper.CloudScraper"),
)
_HTTP = {
    **_waits(
        WaitKind.HTTP,
        " ".join(f"{client}.{verb}" for client in _HTTP_CLIENTS for verb in _HTTP_VERBS),
        timeout=(_ANYWHERE, "timeout"),
    ),
    **_waits(WaitKind.HTTP, "urllib.request.urlopen", timeout=(2, "timeout")),
    **_waits(
        WaitKind.HTTP,
        """urllib.request.urlretrieve smtplib.SMTP.send_message smtplib.SMTP.sendmail django.core.mail.send_mail
        socket.socket.recv
        ftplib.FTP.retrbinary ftplib.FTP.storbinary imaplib.IMAP4.fetch feedparser.parse
        boto3.Client.upload_file boto3.Client.upload_fileobj boto3.Client.download_file boto3.Client.download_fileobj
        boto3.s3.transfer.S3Transfer.upload_file
        openai.OpenAI.chat.completions.create anthropic.Anthropic.messages.create""",
    ),
}

# A browser loads a page with all that belongs to it; a language model writes its answer word by word.
_HTTP.update(
    dict.fromkeys(
        words(
            """selenium.webdriver.Chrome.get selenium.webdriver.Firefox.get selenium.webdriver.Edge.get
            selenium.webdriver.Remote.get playwright.sync_api.Page.goto"""
        ),
        WaitingCall(WaitKind.HTTP, usual=3.0),
    )
)

# What waits for each item while it is iterated.
ITERATED = {
    "kafka.KafkaConsumer": WaitKind.EVENT,
    "aiokafka.AIOKafkaConsumer": WaitKind.EVENT,
    "websockets.ClientConnection": WaitKind.EVENT,
    "redis.client.PubSub.listen": WaitKind.EVENT,
    "concurrent.futures.as_completed": WaitKind.TASKS,
    "pika.adapters.blocking_connection.BlockingChannel.consume": WaitKind.EVENT,
    "kubernetes.watch.Watch.stream": WaitKind.EVENT,
    "azure.servicebus.ServiceBusReceiver": WaitKind.EVENT,
    "vk_api.longpoll.VkLongPoll.listen": WaitKind.EVENT,
    "vk_api.bot_longpoll.VkBotLongPoll.listen": WaitKind.EVENT,
    "praw.models.Subreddit.stream.comments": WaitKind.EVENT,
    "praw.models.Subreddit.stream.submissions": WaitKind.EVENT,
    "docker.client.DockerClient.events": WaitKind.EVENT,
    "watchfiles.watch": WaitKind.EVENT,
    **dict.fromkeys(
        (f"inotify.adapters.{kind}.event_gen" for kind in ("Inotify", "InotifyTree", "InotifyTrees")), WaitKind.EVENT
    ),
    "sys.stdin": WaitKind.INPUT,
    "fileinput.input": WaitKind.INPUT,
    "subprocess.Popen.stdout": WaitKind.PROCESS,
    "subprocess.Popen.stderr": WaitKind.PROCESS,
}

# Options with which these were made that limit the wait for an item, and their unit, in seconds.
ITEM_LIMITS = {
    "kafka.KafkaConsumer": ("consumer_timeout_ms", 0.001),
    "concurrent.futures.as_completed": ("timeout", 1.0),
    "pika.adapters.blocking_connection.BlockingChannel.consume": ("inactivity_timeout", 1.0),
    "kubernetes.watch.Watch.stream": ("timeout_seconds", 1.0),
    "azure.servicebus.ServiceBusReceiver": ("max_wait_time", 1.0),
    **dict.fromkeys(
        (f"inotify.adapters.{kind}.event_gen" for kind in ("Inotify", "InotifyTree", "InotifyTrees")),
        ("timeout_s", 1.0),
    ),
}

_STREAM_OF_STUB = lazy_pattern(r"_pb2_grpc\.\w+Stub\.\w+$")  # of gRPC: only a method that streams is iterated


def iterated_wait(name: str) -> WaitKind | None:
    """Return for what a loop over a call, an object or an attribute of this name waits; None if it does not wait."""
    return WaitKind.EVENT if _STREAM_OF_STUB.search(name) else ITERATED.get(name)


# Methods of any library that wait by their names; in the packages below they have time limits, or do not wait.
_WAITS_BY_NAME = {
    lazy_pattern(
        r"(?:run|serve|loop|block|poll)_forever|start_consuming|start_polling|infinity_polling"
    ): WaitKind.SERVER,
    lazy_pattern(r"(?:wait|block|poll|sleep)_(?:for|until|till|while)_\w+|\w+_and_wait|wait_and_\w+"): WaitKind.EVENT,
}
_NO_WAITS = words("asyncio tenacity selenium playwright splinter pytest unittest django concurrent anyio trio")


# Of browsers, with a time limit by default: their pages are passed about without a type.
_OF_BROWSERS = lazy_pattern(
    r"wait_for_(?:selector|load_state|timeout|url|function|element\w*|navigation|re(?:quest|sponse))"
)
# The names of arguments that limit a wait.
LIMITS = lazy_pattern(r"timeout|limit|max|seconds|attempts|retries|tries", re.IGNORECASE)


def wait_by_name(name: str) -> WaitKind | None:
    """Return for what a method of another library waits, by its name alone; None if its name says nothing."""
    word = name.rpartition(".")[2]
    if name.partition(".")[0] in _NO_WAITS or _OF_BROWSERS.fullmatch(word):
        return None
    return next((kind for pattern, kind in _WAITS_BY_NAME.items() if pattern.fullmatch(word)), None)


# What waits where a `with` block that made it ends.
LEFT = _waits(WaitKind.PROCESS, "subprocess.Popen")

WAITS: dict[str, WaitingCall] = {**_SLEEPS, **_PEOPLE, **_PROCESSES, **_EVENTS, **_SERVERS, **_JOBS, **_FILES, **_HTTP}


def waits_of(*kinds: WaitKind) -> frozenset[str]:
    """Return the words by which waits of these kinds are called: the last ones of their names."""
    return frozenset(name.rpartition(".")[2] for name, wait in WAITS.items() if wait.kind in kinds)


# What a function returns, by the class under which WAITS lists its methods.
RETURNS = {
    "asyncio.create_subprocess_exec": "asyncio.subprocess.Process",
    "asyncio.create_subprocess_shell": "asyncio.subprocess.Process",
    "requests.session": "requests.Session",
    "whisper.load_model": "whisper.Whisper",
    "telegram.ext.Application.builder": "telegram.ext.ApplicationBuilder",
    "telegram.ext.ApplicationBuilder.token": "telegram.ext.ApplicationBuilder",
    "telegram.ext.ApplicationBuilder.build": "telegram.ext.Application",
    "pika.BlockingConnection.channel": "pika.adapters.blocking_connection.BlockingChannel",
    "websockets.connect": "websockets.ClientConnection",
    "websockets.sync.client.connect": "websockets.ClientConnection",
    "redis.from_url": "redis.Redis",
    "redis.Redis.from_url": "redis.Redis",
    "redis.Redis.pubsub": "redis.client.PubSub",
    **dict.fromkeys(("praw.Reddit.subreddit", "praw.models.Redditor.subreddit"), "praw.models.Subreddit"),
    "multiprocessing.get_context": "multiprocessing",
    "docker.from_env": "docker.client.DockerClient",
    "docker.DockerClient": "docker.client.DockerClient",
    **dict.fromkeys(
        (f"docker.client.DockerClient.containers.{method}" for method in ("run", "get", "create")),
        "docker.models.containers.Container",
    ),
    "nats.connect": "nats.NATS",
    "socket.socket": "socket.socket",
    "socket.create_server": "socket.socket",
    "socket.create_connection": "socket.socket",
    "zmq.Context.socket": "zmq.Socket",
    "zmq.Context.instance": "zmq.Context",
    "google.cloud.pubsub_v1.SubscriberClient.subscribe": "google.cloud.pubsub_v1.StreamingPullFuture",
    "bagit.Bag": "bagit.Bag",
    "tarfile.open": "tarfile.TarFile",
    **dict.fromkeys(
        (f"questionary.{kind}" for kind in ("text", "confirm", "select", "password", "checkbox", "path")),
        "questionary.Question",
    ),
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    **dict.fromkeys(
        (
            "ffmpeg.input",
            "ffmpeg.output",
            *(f"ffmpeg.Stream.{how}" for how in ("output", "filter", "overwrite_output")),
        ),
        "ffmpeg.Stream",
    ),
    "azure.servicebus.ServiceBusClient.from_connection_string": "azure.servicebus.ServiceBusClient",
    **dict.fromkeys(
        (f"azure.servicebus.ServiceBusClient.get_{kind}_receiver" for kind in ("queue", "subscription")),
        "azure.servicebus.ServiceBusReceiver",
    ),
    "boto3.client": "boto3.Client",
    "boto3.session.Session.client": "boto3.Client",
    "boto3.resource": "boto3.Resource",
    "boto3.session.Session.resource": "boto3.Resource",
    "boto3.Resource.get_queue_by_name": "boto3.Resource.Queue",
    "boto3.Resource.create_queue": "boto3.Resource.Queue",
    "boto3.Client.get_waiter": "boto3.Waiter",
    "playwright.sync_api.sync_playwright": "playwright.sync_api.Playwright",
    **dict.fromkeys(
        (f"playwright.sync_api.Playwright.{kind}.launch" for kind in ("chromium", "firefox", "webkit")),
        "playwright.sync_api.Browser",
    ),
    "playwright.sync_api.Browser.new_page": "playwright.sync_api.Page",
    "playwright.sync_api.Browser.new_context": "playwright.sync_api.BrowserContext",
    "playwright.sync_api.BrowserContext.new_page": "playwright.sync_api.Page",
}

_BEGINS = lazy_pattern(r"azure\.[\w.]*\.begin_\w+")  # methods of Azure's clients that return a poller of a long job


def returned_class(name: str) -> str | None:
    """Return the class of what a function of a library returns, as far as waits depend on it."""
    return "azure.core.polling.LROPoller" if _BEGINS.fullmatch(name) else RETURNS.get(name)


# The objects on the way to one of these: `client.chat` in `client.chat.completions.create`.
ON_THE_WAY = frozenset(
    ".".join(parts[:length])
    for parts in (name.split(".") for name in (*WAITS, *ITERATED, *RETURNS, *REGISTERS))
    for length in range(2, len(parts))
)


def is_on_the_way(name: str) -> bool:
    """Whether a part of another library's object leads to a method that waits, or registers a callback."""
    return name in ON_THE_WAY or name.startswith("azure.")  # of its many clients, each `begin_` waits


# Calls that return a number between two others: their arguments, or 0 and 1.
RANDOM_PARTS = words("random.random numpy.random.random numpy.random.rand")
RANDOM_NUMBERS = RANDOM_PARTS | words(
    "random.uniform random.randint random.triangular secrets.SystemRandom.uniform numpy.random.uniform"
)
# Calls that return the time: a loop that compares it with a limit ends then.
CLOCKS = words(
    """
    time.time time.monotonic time.perf_counter datetime.datetime.now datetime.datetime.utcnow django.utils.timezone.now
    """
)
