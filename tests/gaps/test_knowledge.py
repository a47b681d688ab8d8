"""Every way in which code comes to run by itself, every kind of wait, and what asks the server: an example of each."""

from __future__ import annotations

from math import inf
from pathlib import Path
from textwrap import dedent, indent

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.schema import BY_NAME
from dbhygiene.config.settings import Confidence, Lasting, Settings
from dbhygiene.gaps.search import Gaps
from dbhygiene.library import opt_in_waits
from dbhygiene.project.project import Project

WORK = """
def work():
    Order.objects.update(seen=True)
    subprocess.run(["render"])
    Order.objects.update(seen=False)
"""

# How `work` comes to run: what stands above it, and below.
ENTRIES = {
    "a command": (
        "",
        "from django.core.management.base import BaseCommand\nclass Command(BaseCommand):\n"
        "    def handle(self, *args, **options):\n        work()",
    ),
    "a script": ("import django\ndjango.setup()", "work()"),
    "a loop for ever": ("", "def run():\n    while True:\n        work()"),
    "a thread": ("import threading", "threading.Thread(target=work).start()"),
    "a thread's class": (
        "import threading",
        "class Worker(threading.Thread):\n    def run(self):\n        work()\n\nWorker().start()",
    ),
    "a timer": ("import threading", "threading.Timer(5, work).start()"),
    "a process": ("import multiprocessing", "multiprocessing.Process(target=work).start()"),
    "a pool": ("from concurrent.futures import ThreadPoolExecutor", "ThreadPoolExecutor().submit(work)"),
    "a greenlet": ("import gevent", "gevent.spawn(work)"),
    "apscheduler": (
        "from apscheduler.schedulers.background import BackgroundScheduler",
        "BackgroundScheduler().add_job(work, 'interval', minutes=5)",
    ),
    "django-apscheduler": (
        "from django_apscheduler.jobstores import register_job\nscheduler = None",
        "@register_job(scheduler, 'interval')\ndef job():\n    work()",
    ),
    "schedule": ("import schedule", "schedule.every(5).minutes.do(work)"),
    "celery": ("from celery import shared_task", "@shared_task\ndef task():\n    work()"),
    "celery's app": ("from shop.celery import app", "@app.task(bind=True)\ndef task(self):\n    work()"),
    "huey": ("from huey.contrib.djhuey import db_task", "@db_task()\ndef task():\n    work()"),
    "rq": ("from django_rq import job", "@job\ndef task():\n    work()"),
    "dramatiq": ("import dramatiq", "@dramatiq.actor\ndef task():\n    work()"),
    "procrastinate": ("from procrastinate.contrib.django import app", "@app.task\ndef task():\n    work()"),
    "django-q": ("from django_q.tasks import async_task", "async_task(work)"),
    "django-q by name": ("from django_q.tasks import async_task", "async_task('shop.jobs.work')"),
    "channels": (
        "from channels.consumer import SyncConsumer",
        "class Consumer(SyncConsumer):\n    def order_render(self, message):\n        work()",
    ),
    "runscript": ("", "def run(*args):\n    work()"),
    "a bot": (
        "import telebot\nbot = telebot.TeleBot('token')",
        "@bot.message_handler(commands=['render'])\ndef render(message):\n    work()",
    ),
    "a bot's command": (
        "from discord.ext import commands\nbot = commands.Bot('!')",
        "@bot.tree.command()\ndef render(interaction):\n    work()",
    ),
    "a command of a fork of discord.py": (
        "from disnake.ext import commands\nbot = commands.Bot('!')",
        "@bot.slash_command()\nasync def render(interaction):\n    work()",
    ),
    "a mail server": (
        "import smtpd",
        "class Server(smtpd.SMTPServer):\n    def process_message(self, *args, **kwargs):\n        work()",
    ),
    "MQTT": (
        "import paho.mqtt.client as mqtt\nclient = mqtt.Client()",
        "def on_message(client, data, message):\n    work()\nclient.on_message = on_message",
    ),
    "a queue's consumer": (
        "import pika\nchannel = pika.BlockingConnection().channel()",
        "channel.basic_consume('orders', work)",
    ),
}

# What waits, and how sure it is that no server keeps the connection meanwhile.
CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
WAITS = {
    "import time\ntime.sleep(3600)": CERTAIN,
    "import time\ntime.sleep(100)": POSSIBLE,
    "import time\ntime.sleep(5)": None,
    "import asyncio\nasyncio.run(asyncio.sleep(3600))": CERTAIN,
    "import gevent\ngevent.sleep(3600)": CERTAIN,
    "input()": LIKELY,
    "import getpass\ngetpass.getpass()": LIKELY,
    "import click\nclick.prompt('?')": LIKELY,
    "import click\nclick.confirm('?')": LIKELY,
    "import questionary\nquestionary.confirm('?').ask()": LIKELY,
    "import subprocess\nsubprocess.check_call(['render'])": LIKELY,
    "import subprocess\nsubprocess.run(['render'], timeout=20)": None,
    "import subprocess\nsubprocess.run(['git', 'status'])": None,
    "import subprocess\nsubprocess.Popen(['render']).wait()": LIKELY,
    "import subprocess\nprocess = subprocess.Popen(['render'])\nprocess.communicate()": LIKELY,
    "import subprocess\nwith subprocess.Popen(['render']) as process:\n    print(process)": LIKELY,
    "import subprocess\nwith subprocess.Popen('git log -1', shell=True) as process:\n    print(process)": None,
    "import os\nos.system('render')": LIKELY,
    "import requests\nrequests.get('http://a')": POSSIBLE,
    "import requests\nrequests.get('http://a', timeout=10)": None,
    "import requests\nrequests.Session().post('http://a')": POSSIBLE,
    "import httpx\nhttpx.get('http://a')": POSSIBLE,
    "import urllib.request\nurllib.request.urlopen('http://a')": POSSIBLE,
    "import queue\nqueue.Queue().get()": LIKELY,
    "import queue\nqueue.Queue().get(block=False)": None,
    "import queue\nqueue.Queue().get(timeout=5)": None,
    "import threading\nthreading.Event().wait()": LIKELY,
    "import threading\nthread = threading.Thread()\nthread.join()": LIKELY,
    "import concurrent.futures\nconcurrent.futures.wait([])": LIKELY,
    "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(print).result()": LIKELY,
    "import select\nselect.select([], [], [])": LIKELY,
    "import selectors\nselectors.DefaultSelector().select()": LIKELY,
    "import pika\npika.BlockingConnection().channel().start_consuming()": LIKELY,
    "from kafka import KafkaConsumer\nfor message in KafkaConsumer('orders'):\n    break": LIKELY,
    "from kafka import KafkaConsumer\nKafkaConsumer('orders').poll()": None,
    "from confluent_kafka import Consumer\nConsumer({}).poll()": LIKELY,
    "from confluent_kafka import Consumer\nConsumer({}).poll(1.0)": None,
    "from websockets.sync.client import connect\nwith connect('ws://a') as socket:\n    socket.recv()": LIKELY,
    "from websockets.sync.client import connect\nwith connect('ws://a') as socket:\n"
    "    for message in socket:\n        break": LIKELY,
    "import redis\nfor message in redis.Redis().pubsub().listen():\n    break": LIKELY,
    "import redis\nredis.Redis().blpop('orders')": LIKELY,
    "import redis\nredis.Redis().brpoplpush('orders', 'done')": LIKELY,
    "import redis\nredis.Redis().brpoplpush('orders', 'done', 5)": None,
    "import redis\nredis.Redis().pubsub().get_message()": None,
    "import redis\nmessages = redis.Redis().pubsub()\nwhile not messages.get_message():\n    pass": LIKELY,
    "import subprocess\nprint(subprocess.Popen(['render']).stdout.read())": LIKELY,
    "import subprocess\nprint(subprocess.Popen(['git', 'log']).stdout.read())": None,
    "import docker\ndocker.from_env().images.build(path='.')": LIKELY,
    "from huggingface_hub import snapshot_download\nsnapshot_download('a')": LIKELY,
    "from vk_api.longpoll import VkLongPoll\nfor event in VkLongPoll(None).listen():\n    break": LIKELY,
    "import praw\nfor post in praw.Reddit().subreddit('a').stream.submissions():\n    break": LIKELY,
    "from azure.servicebus import ServiceBusClient\nwith ServiceBusClient.from_connection_string('a') as client:\n"
    "    for message in client.get_queue_receiver('a'):\n        break": LIKELY,
    "from google.cloud import pubsub_v1\nwhile not pubsub_v1.SubscriberClient().pull():\n    pass": LIKELY,
    "from nextcord.ext import commands\ncommands.Bot().run('token')": LIKELY,
    "import websocket\nwebsocket.WebSocket().recv()": LIKELY,
    "import paho.mqtt.client as mqtt\nmqtt.Client().loop_forever()": LIKELY,
    "from selenium import webdriver\nwebdriver.Chrome().get('http://a')": POSSIBLE,
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as p:\n    p.chromium.launch().new_page().goto('http://a')": POSSIBLE,
    "import ffmpeg\nffmpeg.input('a').output('b').run()": LIKELY,
    "import yt_dlp\nyt_dlp.YoutubeDL().download(['a'])": LIKELY,
    "from openai import OpenAI\nOpenAI().chat.completions.create(model='a', messages=[])": POSSIBLE,
    "import ftplib\nftplib.FTP('a').retrbinary('RETR a', print)": POSSIBLE,
    "import paramiko\nparamiko.SSHClient().exec_command('render')": LIKELY,
    "import fabric\nfabric.Connection('a').run('render')": LIKELY,
    "import boto3\nboto3.client('s3').upload_file('a', 'b', 'c')": POSSIBLE,
    "import boto3\nboto3.client('ec2').get_waiter('a').wait()": LIKELY,
    "import zmq\nzmq.Context().socket(zmq.PULL).recv_json()": LIKELY,
    "import socket\nserver = socket.create_server(('', 80))\nserver.accept()": LIKELY,
    "import socket\nsocket.socket().recv(9)": POSSIBLE,
    "import docker\nfor event in docker.from_env().events():\n    break": LIKELY,
    "from imapclient import IMAPClient\nIMAPClient('a').idle_check()": LIKELY,
    "from imapclient import IMAPClient\nIMAPClient('a').idle_check(timeout=5)": None,
    "import requests\nrequests.post('http://a', timeout=900)": LIKELY,
    "import requests\nrequests.post('http://a', timeout=(5, 900))": POSSIBLE,
    "import requests\nrequests.post('http://a', timeout=120)": POSSIBLE,
    "from celery.result import AsyncResult\nAsyncResult('a').get()": LIKELY,
    "from celery.result import GroupResult\nGroupResult.restore('a')\nGroupResult('a').get()": LIKELY,
    "from shop.tasks import render\nrender.delay().get()": LIKELY,
    "for _ in range(100):\n    import time\n    time.sleep(5)": CERTAIN,
    "import os\nprint(os.environ['A'])": None,
}

# Calls that take long only with much data: they are waits only if the setting `gaps` lists their package.
OPT_IN = {
    "import pandas as pd\npd.read_csv('orders.csv')": "pandas",
    "import pandas as pd\nframe = pd.DataFrame([])\nframe.dropna().apply(len)": "pandas",
    "import polars as pl\npl.read_csv('orders.csv')": "polars",
    "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression()\nmodel.fit([], [])": "sklearn",
    "from tensorflow import keras\nkeras.Sequential([]).fit([], [])": "tensorflow",
    "import torch\ntorch.optim.Adam([]).step()": "torch",
    "from transformers import Trainer\nTrainer(model=None).train()": "transformers",
    "import xgboost as xgb\nxgb.train({}, [])": "xgboost",
    "from gensim.models import Word2Vec\nWord2Vec([])": "gensim",
}

# A foreign key that is read may ask, or may have been asked for before: it is taken to be known.
ASKS = """
Order.objects.get(pk=1); Order.objects.create(); Order.objects.get_or_create(pk=1); Order.objects.update_or_create(pk=1)
Order.objects.bulk_create([]); Order.objects.bulk_update([], ["a"]); Order.objects.update(a=1)
Order.objects.count(); Order.objects.exists(); Order.objects.first(); Order.objects.last(); Order.objects.latest("a")
Order.objects.earliest("a"); Order.objects.aggregate(a=1); Order.objects.in_bulk([1]); Order.objects.all().explain()
Order.objects.all().contains(1); order.save(); order.refresh_from_db(); order.full_clean(); order.validate_unique()
order.get_next_by_day(); order.lines.add(1); order.lines.set([]); order.lines.remove(1); order.lines.clear()
connection.cursor().execute("select 1"); connection.cursor().callproc("a"); get_object_or_404(Order, pk=1)
get_list_or_404(Order, pk=1); prefetch_related_objects([order], "lines"); order.lines.count()
serializers.serialize("json", Order.objects.all())
Paginator(Order.objects.all(), 5).count; Paginator(Order.objects.all(), 5).page(1); User.objects.create_user("a")
user.has_perm("a"); authenticate(username="a"); list(Order.objects.all()); len(Order.objects.all())
bool(Order.objects.all()); Order.objects.all().delete()
if 1 in Order.objects.all(): pass; repr(Order.objects.all()); Order.objects.all()[0]; [a for a in Order.objects.all()]
dict(Order.objects.values_list("a", "b")); sorted(Order.objects.all()); next(Order.objects.iterator())
OrderForm({}).is_valid()
list(order.lines.all()); [a for a in order.lines.all()]; list(Order.objects.raw("select 1"))
User._default_manager.db_manager("other").get_by_natural_key("a"); call_command("loaddata", "orders")
"""
DOES_NOT = """
Order.objects.all(); Order.objects.filter(a=1); Order.objects.exclude(a=1).order_by("a"); Order.objects.annotate(a=1)
Order.objects.all()[:5]; Order.objects.all().union(Order.objects.all()); Order.objects.raw("select 1")
Order.objects.iterator(); Paginator(Order.objects.all(), 5); Order(); order.customer_id; order.pk; order.lines.all()
Order.objects.values_list("a"); Order.objects.select_related("a").only("a"); Order.objects.using("other")
Order.objects.none(); connection.cursor(); Order.__name__; OrderForm({}); call_command("check")
"""

HEAD = """
import subprocess
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import prefetch_related_objects
from django.shortcuts import get_list_or_404, get_object_or_404
from shop.models import Customer, Order, OrderForm
"""
MODELS = """
from django import forms
from django.db import models

class Customer(models.Model):
    name = models.TextField()

class Line(models.Model):
    text = models.TextField()

class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE)
    lines = models.ManyToManyField(Line)

class OrderForm(forms.ModelForm):
    class Meta:
        model = Order
"""
TASKS = "from celery import shared_task\n\n@shared_task\ndef render():\n    pass\n"


def gaps(directory: Path, code: str, name: str = "shop/jobs.py", **told: Lasting):
    files = {"shop/__init__.py": "", "shop/models.py": MODELS, "shop/tasks.py": TASKS, name: HEAD + code}
    for path, text in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    project = Project(directory, Settings(gaps=told))
    return list(Gaps(project).of(project.file(directory / name)))


def statements(text: str) -> list[str]:
    return [statement.strip() for line in text.strip().splitlines() for statement in line.split(";")]


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries(tmp_path: Path, entry: str) -> None:
    above, below = ENTRIES[entry]
    place = {"a command": "shop/management/commands/work.py", "runscript": "scripts/work.py"}.get(entry, "shop/jobs.py")
    (tmp_path / place).parent.mkdir(parents=True)
    assert gaps(tmp_path, f"{above}\n{WORK}\n{below}\n", place)


def test_what_nobody_runs_for_long_is_left_alone(tmp_path: Path) -> None:
    assert not gaps(tmp_path, WORK + "\ndef view(request):\n    work()\n")


def waiting(wait: str) -> str:
    """A task that waits between two queries."""
    return (
        "from celery import shared_task\n@shared_task\ndef work():\n    Order.objects.count()\n"
        f"{indent(wait, '    ')}\n    Order.objects.count()\n"
    )


@pytest.mark.parametrize("wait", WAITS)
def test_waits(tmp_path: Path, wait: str) -> None:
    found = gaps(tmp_path, waiting(wait))
    assert max((gap.seconds.confidence(300) or 0 for gap in found), default=0) == (WAITS[wait] or 0)


@pytest.mark.parametrize("work", OPT_IN)
def test_what_waits_on_request(tmp_path: Path, work: str) -> None:
    package = OPT_IN[work]
    assert not gaps(tmp_path, waiting(work), another_package=Lasting(0, inf))
    [gap] = gaps(tmp_path, waiting(work), **{package: Lasting(0, inf)})
    assert gap.seconds.confidence(300) is Confidence.LIKELY
    [gap] = gaps(tmp_path, waiting(work), **{package: Lasting(400, 500)})
    assert gap.seconds.confidence(300) is Confidence.CERTAIN


def test_the_packages_are_named_where_the_key_is_explained() -> None:
    assert [name for name in opt_in_waits.OPT_IN if f"`{name}`" not in BY_NAME["gaps"].meaning] == []


def test_a_function_is_told_of_before_its_package(tmp_path: Path) -> None:
    quick = {"pandas": Lasting(0, inf), "pandas.read_csv": Lasting(0, 0)}
    assert not gaps(tmp_path, waiting("import pandas as pd\npd.read_csv('orders.csv')"), **quick)


def test_a_connection_that_is_held_while_such_a_function_works(tmp_path: Path) -> None:
    text = (
        "import pymysql, vendor\n\ndef work():\n    conn = pymysql.connect()\n    try:\n"
        "        cursor = conn.cursor()\n"
        "        cursor.execute('select 1')\n        vendor.render()\n        cursor.execute('select 1')\n"
        "    finally:\n        conn.close()\n"
    )
    (tmp_path / "work.py").write_text(text)
    for told, codes in (({}, []), ({"vendor.render": Lasting(0, inf)}, ["HYG110"])):
        project = Project(tmp_path, Settings(gaps=told))
        assert [finding.code for finding in check_file(project.file(tmp_path / "work.py"), all_rules())] == codes


def asks(directory: Path, statement: str) -> bool:
    code = f"""
        from celery import shared_task
        @shared_task
        def work(order: Order, user: User):
            {statement}
            subprocess.run(["render"])
            User.objects.count()
    """
    return bool(gaps(directory, dedent(code)))


@pytest.mark.parametrize("statement", statements(ASKS))
def test_what_asks(tmp_path: Path, statement: str) -> None:
    assert asks(tmp_path, statement)


@pytest.mark.parametrize("statement", statements(DOES_NOT))
def test_what_does_not_ask(tmp_path: Path, statement: str) -> None:
    assert not asks(tmp_path, statement)
