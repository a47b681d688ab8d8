"""Trees of one shape in several sizes: what a check of them costs must grow no faster than they do.

A shape makes the files of a tree with about so many functions. `steps` counts the calls of Python functions that one
check of such a tree makes: a measure that no other work on the machine changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from cProfile import Profile
from pathlib import Path
from typing import TypeAlias

Files: TypeAlias = Mapping[str, str]

_FILE = 100  # functions in one file
_MODULE = 20  # likewise, of a chain of modules
_IMPORTS = (
    "import time\nimport pymysql\nfrom django.core.management.base import BaseCommand\nfrom shop.models import Order\n"
)


def _parts(functions: list[str], imports: str = _IMPORTS, name: str = "part") -> dict[str, str]:
    """Files of a hundred functions each."""
    starts = range(0, len(functions), _FILE)
    return {f"{name}_{n}.py": imports + "".join(functions[start : start + _FILE]) for n, start in enumerate(starts)}


def connections(count: int) -> Files:
    """Functions that open a connection each."""
    return _parts([_OPENING.format(n) for n in range(count)])


_OPENING = """
def query_{0}(host, name):
    conn = pymysql.connect(host=host)
    cursor = conn.cursor()
    cursor.execute("SELECT total FROM sales WHERE name = %s", (name,))
    rows = cursor.fetchone()
    conn.close()
    return rows
"""


def findings(count: int) -> Files:
    """As many findings in one file."""
    return {"app.py": _IMPORTS + "".join(_OPENING.format(n) for n in range(count))}


def connections_together(count: int) -> Files:
    """One function with as many connections, a few lines each."""
    lines = "".join(_TOGETHER.format(n) for n in range(count // 10))
    return {"app.py": f"{_IMPORTS}\ndef report(hosts):\n{lines}"}


_TOGETHER = """    conn_{0} = pymysql.connect(host=hosts[{0}])
    cursor_{0} = conn_{0}.cursor()
    cursor_{0}.execute("UPDATE sales SET total = 0")
    conn_{0}.close()
"""


def queries_in_branches(count: int) -> Files:
    """One function with a query in each of a tenth as many branches."""
    lines = "".join(_IN_BRANCH.format(n) for n in range(count // 10))
    return {"app.py": f"{_IMPORTS}\ndef report(host, wanted):\n    conn = pymysql.connect(host=host)\n{lines}"}


_IN_BRANCH = """    if wanted[{0}]:
        rows = conn.query("SELECT {0}").fetchall()
        print(list(conn.query("SELECT {0}")), rows)
"""


def long_function(count: int) -> Files:
    """One function of ten lines for each that other shapes have: of calls, branches and loops, with one connection."""
    lines = "".join(_STRETCH.format(n) for n in range(count))
    body = f"    conn = pymysql.connect(host=options['host'])\n    cursor = conn.cursor()\n{lines}    conn.close()\n"
    command = f"\nclass Command(BaseCommand):\n    def handle(self, **options):\n{_indented(body)}"
    return {"shop/management/commands/long.py": _IMPORTS + command}


_STRETCH = """    cursor.execute("SELECT {0}")
    if options["flag_{0}"]:
        print(cursor.fetchall())
    for row in Order.objects.filter(number={0}):
        row.save()
        if row.late:
            time.sleep(1)
    total = count(options, {0})
    try:
        report(total)
    except ValueError:
        print(total)
"""


def _indented(text: str) -> str:
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


def chain(count: int) -> Files:
    """Each function calls the next one; the last one waits, a command calls the first."""
    functions = [
        f"\ndef step_{n}(conn):\n    conn.cursor().execute('SELECT {n}')\n    step_{n + 1}(conn)\n"
        for n in range(count)
    ]
    last = f"\ndef step_{count}(conn):\n    time.sleep(1)\n"
    return {"shop/management/commands/run.py": _IMPORTS + "".join([*functions, last]) + _RUN}


_RUN = """
class Command(BaseCommand):
    def handle(self, **options):
        Order.objects.update(seen=True)
        conn = pymysql.connect(host="db")
        step_0(conn)
        conn.close()
        Order.objects.update(seen=True)
"""


def chain_of_modules(count: int) -> Files:
    """The same, twenty functions to a module."""
    files: dict[str, str] = {}
    for start in range(0, count, _MODULE):
        lines = "".join(
            f"\ndef step_{n}(conn):\n    conn.cursor().execute('SELECT {n}')\n    step_{n + 1}(conn)\n"
            for n in range(start, start + _MODULE)
        )
        files[f"part_{start // _MODULE}.py"] = (
            f"import time\nimport pymysql\nfrom part_{start // _MODULE + 1} import step_{start + _MODULE}\n{lines}"
        )
    end = -(-count // _MODULE) * _MODULE
    files[f"part_{end // _MODULE}.py"] = f"import time\n\ndef step_{end}(conn):\n    time.sleep(1)\n"
    files["shop/management/commands/run.py"] = f"{_IMPORTS}from part_0 import step_0\n{_RUN}"
    return files


def helpers(count: int) -> Files:
    """Each function returns the connection that the next one opens."""
    functions = [f"\ndef open_{n}(host):\n    return open_{n + 1}(host)\n" for n in range(count)]
    last = f"\ndef open_{count}(host):\n    return pymysql.connect(host=host)\n"
    first = "\ndef main():\n    conn = open_0('db')\n    conn.cursor().execute('SELECT 1')\n"
    return {"app.py": _IMPORTS + "".join([*functions, last, first])}


def recursion(count: int) -> Files:
    """Methods that call each other and themselves, one object with a connection to ten of them."""
    return _parts([_RECURSIVE.format(n) for n in range(count // 10)])


_RECURSIVE = """
class Runner{0}:
    def __init__(self, options):
        self.conn = pymysql.connect(**options)

    def close(self):
        self.conn.close()

    def check(self, rules):
        for rule in rules:
            if isinstance(rule, list):
                self.check(rule)
            else:
                self.node(rule)

    def node(self, node):
        time.sleep(node["delay"])
        if "if" in node:
            self.node(node["if"])
        self.ask(node)
        time.sleep(node["interval"])
        if "rule" in node:
            self.check(node["rule"])

    def ask(self, node):
        self.conn.cursor().execute(node["sql"])
        if node["again"]:
            self.repeat(node)

    def repeat(self, node):
        for each in node["more"]:
            self.ask(each)
            self.check(each)
"""


def ring(count: int) -> Files:
    """Functions that call the next one, and some other: all of them one component."""
    functions = [
        f"\ndef step_{n}(conn, depth):\n    conn.cursor().execute('SELECT {n}')\n    if depth:\n"
        f"        step_{(n + 1) % count}(conn, depth - 1)\n        step_{n * 7 % count}(conn, depth - 1)\n"
        + (f"    time.sleep({n % 90})\n" if n % 10 == 0 else "")
        for n in range(count)
    ]
    run = _RUN.replace("step_0(conn)", "step_0(conn, 9)")
    return {"shop/management/commands/run.py": _IMPORTS + "".join(functions) + run}


def hierarchy(count: int) -> Files:
    """Classes that override a method of one base class, which another method of it calls."""
    base = (
        "import pymysql\nimport time\nfrom shop.models import Order\n\nclass Base:\n    def run(self, host):\n"
        "        self.conn = pymysql.connect(host=host)\n        self.work(self.conn)\n        self.conn.close()\n\n"
        "    def work(self, conn):\n        raise NotImplementedError\n"
    )
    classes = [
        f"\nclass Part{n}(Base):\n    def work(self, conn):\n        conn.cursor().execute('SELECT {n}')\n"
        f"        Order.objects.update(seen=True)\n        time.sleep({n % 9})\n"
        for n in range(count)
    ]
    return {"base.py": base, **_parts(classes, _IMPORTS + "from base import Base\n")}


def commands(count: int) -> Files:
    """Commands that call one helper."""
    helper = "import time\n\ndef rest(seconds):\n    time.sleep(seconds)\n"
    files = {"shop/helpers.py": helper}
    for n in range(count):
        files[f"shop/management/commands/command_{n}.py"] = _COMMAND.format(n)
    return files


_COMMAND = """from django.core.management.base import BaseCommand
from shop.helpers import rest
from shop.models import Order

class Command(BaseCommand):
    def handle(self, **options):
        Order.objects.filter(number={0}).update(seen=True)
        rest(options["pause"])
        Order.objects.filter(number={0}).update(seen=False)
"""


def shared(count: int) -> Files:
    """A connection of the module, used by functions that call each other."""
    functions = [
        f"\ndef step_{n}():\n    conn.cursor().execute('SELECT {n}')\n    time.sleep(1)\n"
        + (f"    step_{n - 1}()\n" if n else "")
        for n in range(count)
    ]
    return {"app.py": f"{_IMPORTS}\nconn = pymysql.connect(host='db')\n{''.join(functions)}"}


def methods(count: int) -> Files:
    """One class with as many methods that use its connection."""
    lines = "".join(
        f"\n    def step_{n}(self):\n        self.conn.cursor().execute('SELECT {n}')\n"
        f"        time.sleep(1)\n        self.step_{n + 1}()\n"
        for n in range(count)
    )
    start = "\nclass Store:\n    def __init__(self, host):\n        self.conn = pymysql.connect(host=host)\n"
    return {"app.py": f"{_IMPORTS}{start}{lines}\n    def step_{count}(self):\n        self.conn.close()\n"}


SHAPES: dict[str, Callable[[int], Files]] = {
    shape.__name__: shape
    for shape in (
        connections,
        findings,
        connections_together,
        queries_in_branches,
        long_function,
        chain,
        chain_of_modules,
        helpers,
        recursion,
        ring,
        hierarchy,
        commands,
        shared,
        methods,
    )
}


def written(shape: str, count: int, directory: Path) -> Path:
    """A tree of this shape and size, below a directory."""
    root = directory / f"{shape}-{count}"
    if not (root / "pyproject.toml").exists():  # which is made last: else the tree is not whole
        for name, text in SHAPES[shape](count).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "requirements.txt").write_text("django\nmysqlclient\npymysql\nsqlalchemy\n")
        (root / "pyproject.toml").touch()
    return root


def steps(root: Path) -> int:
    """How many calls of Python functions a check of a tree makes."""
    from dbhygiene.checker.project_check import check
    from dbhygiene.checker.selection import selected_rules
    from dbhygiene.config.settings import Settings
    from dbhygiene.project.project import Project

    project = Project(root, Settings())
    paths = list(project.discover([root]).files)
    rules = selected_rules(project.settings)
    profile = Profile(subcalls=False, builtins=False)
    with profile:
        for _ in check(project, paths, rules):
            pass
    return sum(each.callcount for each in profile.getstats())
