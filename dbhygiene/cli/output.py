"""`Output`: findings in several formats, to standard output and to files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

from dbhygiene.config.errors import UsageError, did_you_mean
from dbhygiene.config.settings import FORMATS
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.discovery import work_tree
from dbhygiene.reports import ONE_BY_ONE, RenderContext, TerminalStyle, reporter
from dbhygiene.source.records import Record, replace


class OutputTarget(Record):
    """A format, and the file that it is written to; None: standard output."""

    format: str
    file: Path | None = None


_BY_SUFFIX = {
    **{".json": "json", ".jsonl": "json-lines", ".sarif": "sarif"},
    **{".html": "html", ".xml": "junit", ".txt": "full"},
}


def parse_target(text: str) -> OutputTarget:
    """Parse `FORMAT` or `FORMAT:FILE`; raise UsageError if there is no such format."""
    name, _, file = text.partition(":")
    if name not in FORMATS:
        if (named := _BY_SUFFIX.get(Path(text).suffix)) is not None:
            raise UsageError(f"no such format `{text}`: `-o {named}:{text}` writes {named} to this file")
        raise UsageError(f"no such format `{name}`{did_you_mean(name, FORMATS)}: {', '.join(FORMATS)}")
    return OutputTarget(name, Path(file) if file else None)


def parse_targets(asked: Sequence[OutputTarget], output_file: Path | None) -> list[OutputTarget]:
    """Return the formats and their files, the printed one first; raise UsageError if they exclude each other.

    Arguments:
        asked: at most one of these is printed; the format without a name is that of the settings.
        output_file: replaces standard output.
    """
    printed = [target.format for target in asked if target.file is None]
    if len(printed) > 1:
        first, second, *_ = printed
        raise UsageError(f"cannot print both {first} and {second}: write one to a file, as in `-o {second}:FILE`")
    found = [OutputTarget("".join(printed), output_file), *(target for target in asked if target.file)]
    for target in found:
        if target.file and not target.file.absolute().parent.is_dir():
            raise UsageError(f"{target.file}: the directory does not exist; create it first")
    return found


class Output:
    """Writes findings: at once if the format allows it, otherwise at the end."""

    def __init__(self, targets: Sequence[OutputTarget], scene: RenderContext, out: TextIO) -> None:
        self._targets = targets
        self._scene = scene
        self._out = out
        self._kept: list[Finding] = []

    def add(self, findings: Iterable[Finding]) -> None:
        """Print findings, or collect them."""
        first = self._targets[0]
        if first.file or first.format not in ONE_BY_ONE:
            self._kept += findings
            return
        coming = iter(findings) if len(self._targets) == 1 else self._collect(findings)
        if (one := next(coming, None)) is not None:  # otherwise the module of the format is not imported
            for text in reporter(first.format)(chain([one], coming), self._scene):
                self._out.write(text)

    def _collect(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            self._kept.append(finding)
            yield finding

    def close(self) -> None:
        """Write the collected findings; raise UsageError if a file cannot be written."""
        for target in self._targets:
            if target.file is not None:
                scene = replace(self._scene, style=TerminalStyle(every_step=self._scene.style.every_step))
                _write(target.file, "".join(reporter(target.format)(self._kept, scene)))
            elif target.format not in ONE_BY_ONE:
                for text in reporter(target.format)(self._kept, self._scene):
                    self._out.write(text)
        if any(target.format == "github" for target in self._targets):
            _summarise(self._kept, self._scene)


def _write(path: Path, text: str, mode: str = "w") -> None:
    from dbhygiene.project.atomic_write import write_file

    try:
        if mode == "w":
            write_file(path, text.encode("utf-8", "backslashreplace"))
        else:
            with path.open(mode, encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: not written: {(error.strerror or str(error)).lower()}") from None


def _summarise(findings: Sequence[Finding], scene: RenderContext) -> None:
    """Append a table to the summary of the GitHub job, if this is one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        from dbhygiene.reports.github import job_summary

        names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
        server, repository, commit = (os.environ.get(name) for name in names)
        blob = f"{server}/{repository}/blob/{commit}" if server and repository and commit else ""
        _write(Path(path), job_summary(findings, scene, blob), mode="a")


def base() -> Path:
    """Return the directory for paths in formats for tools: the root of the repository, else the current directory."""
    here = Path.cwd()
    return work_tree(here) or here
