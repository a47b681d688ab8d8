"""The checks of docs/health-checks.md: each says yes to a server that answers, and no to one that does not."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from .mariadb import Server

PAGE = Path(__file__).parents[2] / "docs" / "health-checks.md"

# Section -> the package that it needs, what comes before its program, and how it is asked.
ASKED = {
    "Flask": ("flask_sqlalchemy", "", "print(app.test_client().get('/ready').status_code)"),
    "FastAPI": (
        "fastapi",
        "",
        "try:\n    ready()\n    print(200)\nexcept HTTPException as error:\n    print(error.status_code)",
    ),
    "Django": (
        "django",
        "import os\nimport django\nimport pymysql\nfrom django.conf import settings\npymysql.install_as_MySQLdb()\n"
        "settings.configure(DATABASES={'default': {'ENGINE': 'django.db.backends.mysql', 'HOST': os.environ['DB_HOST'],"
        " 'PORT': os.environ['DB_PORT'], 'USER': os.environ['DB_USER'], 'NAME': os.environ['DB_NAME']}})\n"
        "django.setup()\n",
        "print(ready(None).status_code)",
    ),
    "A plain script": ("pymysql", "", "print(200)"),
}


def programs() -> dict[str, str]:
    sections = re.split(r"(?m)^## ", PAGE.read_text("utf-8"))[1:]
    return {text.partition("\n")[0]: re.findall(r"(?s)```python\n(.*?)```", text)[0] for text in sections}


def test_each_section_is_run() -> None:
    assert programs().keys() == ASKED.keys()


@pytest.mark.parametrize("section", ASKED)
@pytest.mark.parametrize("answers", [True, False], ids=["answers", "does not answer"])
def test_checks(server: Server, tmp_path: Path, section: str, answers: bool) -> None:
    package, before, ask = ASKED[section]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    user = server.user()
    environment = server.environment(user)
    port = environment["DB_PORT"] if answers else "1"
    text = programs()[section]
    text = text.replace("app@db/shop", f"{user}@{environment['DB_HOST']}:{port}/{user}")
    text = text.replace(
        'host="db", user="app", database="shop"',
        f'host="{environment["DB_HOST"]}", port={port}, user="{user}", database="{user}"',
    )
    program = tmp_path / "program.py"
    before = before.replace("os.environ['DB_PORT']", repr(port))
    program.write_text(f"{before}{text}\n{ask}\n", "utf-8")
    run = server.run(program, user=user)
    if section == "A plain script":
        assert (run.status == 0) is answers, run.output
        assert answers or "no database" in run.output
    else:
        assert run.status == 0, run.output
        assert run.output.strip().splitlines()[-1] == ("200" if answers else "503")
