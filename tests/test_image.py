"""The container image, built and run with buildah, where buildah and the image's base are on the machine.

A build needs a package index: `BUILDAH_BUILD_OPTIONS` may mount what pip needs to reach it (`--volume ...:ro`).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = "python:3.13-slim"
IMAGE = "localhost/dbhygiene-test"
LEAK = "import pymysql\n\ndef target():\n    conn = pymysql.connect()\n    conn.ping()\n"


def buildah(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", **os.environ}
    return subprocess.run(["buildah", *arguments], capture_output=True, text=True, env=environment)


def has_base() -> bool:
    return shutil.which("buildah") is not None and bool(buildah("images", "--quiet", BASE).stdout.strip())


pytestmark = pytest.mark.skipif(not has_base(), reason=f"needs buildah, and the image {BASE} in its storage")


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container of the image."""
    more = shlex.split(os.environ.get("BUILDAH_BUILD_OPTIONS", ""))
    done = buildah("build", "--pull=never", *more, "--tag", IMAGE, str(ROOT))
    assert done.returncode == 0, done.stderr
    name = buildah("from", "--pull=never", IMAGE).stdout.strip()
    yield name
    buildah("rm", name)


def in_container(container: str, project: Path, *command: str, user: str = "dbhygiene", mode: str = "ro") -> str:
    done = buildah("run", "--user", user, "--volume", f"{project}:/src:{mode}", container, "dbhygiene", *command)
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that each user can read."""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    (tmp_path / "leak.py").write_text(LEAK)
    return tmp_path


def test_the_image_checks_a_project_that_it_cannot_write(container: str, project: Path) -> None:
    assert "leak.py:4:12: HYG101" in in_container(container, project, "check", "-q", "-o", "concise")
    assert sorted(path.name for path in project.iterdir()) == ["leak.py"]


def test_the_image_fixes_as_the_owner_of_the_files(container: str, project: Path) -> None:
    owner = f"{os.getuid()}:{os.getgid()}"
    in_container(container, project, "fix", "--no-cache", user=owner, mode="rw")
    assert "with closing(pymysql.connect()) as conn:" in (project / "leak.py").read_text()


def test_the_image_says_what_it_is(container: str) -> None:
    config = json.loads(buildah("inspect", "--type", "image", IMAGE).stdout)["OCIv1"]["config"]
    assert config["User"] == "dbhygiene"
    assert config["Labels"]["org.opencontainers.image.title"] == "dbhygiene"
