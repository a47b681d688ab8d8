"""`dbhygiene clean`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dbhygiene.checker.store import clean
from dbhygiene.cli.click_adapter import Command
from dbhygiene.cli.run import printable_path
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError


@click.command("clean", cls=Command)
@click.argument("paths", nargs=-1)
@click.option("--cache-dir", type=click.Path(path_type=Path), metavar="DIR", help="Delete this directory instead.")
def command(paths: tuple[str, ...], cache_dir: Path | None) -> int:
    """Delete the caches of the given projects. The default is the project of the current directory."""
    directories = [cache_dir] if cache_dir else [_cache(Path(path)) for path in paths or (".",)]
    for directory in directories:
        try:
            if clean(directory):
                sys.stdout.write(f"removed {printable_path(directory)}\n")
        except OSError as error:
            raise UsageError(f"{directory}: {error.strerror}") from None
    return 0


def _cache(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{path}: no such file or directory")
    root = loading.root_of(path.absolute())
    return root / loading.from_environment(loading.load_settings(root)).cache_dir
