"""Projects of other people, pinned, kept in a directory outside of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

WHERE = "GOLDEN_PROJECTS"  # the environment variable that names the directory


class Pin(NamedTuple):
    """A source distribution on PyPI, and the hash of its file."""

    name: str
    version: str
    sha256: str

    @property
    def directory(self) -> Path:
        """Where it is unpacked; not there before it is fetched."""
        return _home() / f"{self.name}-{self.version}-{self.sha256[:8]}"


PINS = (
    Pin("agate-sql", "0.7.3", "4c588a28e80bc625c7d5f915e8f8dff4900140a8a6d8a350a098a2ba9adf9d33"),  # SQLAlchemy
    Pin("bigindexer", "0.1.4", "e85148d9bfd1e903d7f982f3d670132ca1491c4692c2a167e2dd3fde158983d0"),  # DB-API
    Pin("django-tenants", "4.0.1", "769a0934507305c55b7b6e49b788df6627dcc546d7f4e187812285bad1c6270b"),  # Django
)


def _home() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(WHERE) or Path(caches) / "dbhygiene-golden").absolute()


def fetch(pin: Pin) -> None:
    """Download and unpack a project, unless it is there; raises CalledProcessError."""
    if pin.directory.is_dir():
        return
    pin.directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=pin.directory.parent) as work:
        wanted = Path(work, "wanted.txt")
        wanted.write_text(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n", "utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, "--require-hashes", "-r", str(wanted), "--dest", work], check=True)
        (archive,) = Path(work).glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            _unpack(packed, Path(work, "unpacked"))
        (top,) = Path(work, "unpacked").iterdir()
        top.rename(pin.directory)


def _unpack(packed: tarfile.TarFile, into: Path) -> None:
    """Regular files only, and none that leaves the directory."""
    for member in packed.getmembers():
        path = into / member.name
        if member.isfile() and ".." not in path.parts and path.is_relative_to(into):
            path.parent.mkdir(parents=True, exist_ok=True)
            content = packed.extractfile(member)
            path.write_bytes(content.read() if content else b"")
