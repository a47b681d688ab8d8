"""Copies of other projects' code: what is found there is only possible."""

from pathlib import Path

import pytest

import dbhygiene
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding

LEAK = """
import psycopg2

def load(path):
    conn = psycopg2.connect(path)
    return conn.execute("select 1").fetchone()
"""


@pytest.fixture
def leak(tmp_path: Path):
    """The one finding of a project with a leak in one file, and nothing in the others."""

    def found(name: str, *others: str) -> Finding:
        (tmp_path / ".git").mkdir()
        for each, text in ((name, LEAK), *((other, "") for other in others)):
            path = tmp_path / each
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (finding,) = dbhygiene.check(tmp_path, settings=Settings(min_confidence=Confidence.POSSIBLE))
        return finding

    return found


@pytest.mark.parametrize("name", ["shop/_vendor/orm/db.py", "third_party/orm.py", "shop/extern/orm/__init__.py"])
def test_a_directory_says_that_it_holds_copies(leak, name):
    finding = leak(name)
    assert finding.confidence is Confidence.POSSIBLE
    assert finding.notes[-1].startswith("this file seems to be a copy of another project's code")


@pytest.mark.parametrize("init", [(), ("lib/__init__.py",)])
def test_a_directory_of_packages_of_others_holds_copies(leak, init):
    others = ("lib/requests/__init__.py", "lib/six.py", "lib/yaml/__init__.py")
    finding = leak("lib/orm/store/db.py", "lib/orm/__init__.py", "lib/orm/store/__init__.py", *others, *init)
    assert finding.confidence is Confidence.POSSIBLE


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("lib/db.py", ()),  # the project's own
        ("vendor/views.py", ("vendor/__init__.py", "vendor/models.py")),  # who sells
        ("libs/shop/db.py", ("libs/shop/__init__.py", "libs/six.py")),
        ("shop/lib/db.py", ("lib/requests.py", "lib/six.py", "lib/yaml.py")),  # of another directory
        ("lib/db.py", ("requests.py", "six.py", "yaml.py")),
    ],
)
def test_other_directories_of_that_name_do_not(leak, name, others):
    assert leak(name, *others).confidence is Confidence.CERTAIN
