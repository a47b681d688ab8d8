"""`dbhygiene clean`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dbhygiene import config
from dbhygiene.frontends.cli.click_adapter import Command
from dbhygiene.frontends.cli.run import display_path
from dbhygiene.mistakes import Mistake
from dbhygiene.store import clean


@click.command("clean", cls=Command)
@click.argument("paths", nargs=-1)
@click.option("--cache-dir", type=click.Path(path_type=Path), metavar="DIR", help="Delete only this directory.")
def command(paths: tuple[str, ...], cache_dir: Path | None) -> int:
    """Delete the caches of the given projects. The default is the project of the current directory."""
    directories = [cache_dir] if cache_dir else [_cache(Path(path)) for path in paths or (".",)]
    for directory in directories:
        try:
            if clean(directory):
                sys.stdout.write(f"removed {display_path(directory)}\n")
        except OSError as error:
            raise Mistake(f"{directory}: {error.strerror}") from None
    return 0


def _cache(path: Path) -> Path:
    if not path.exists():
        raise Mistake(f"{path}: no such file or directory")
    root = config.root_of(path.absolute())
    return root / config.from_environment(config.load_settings(root)).cache_dir
