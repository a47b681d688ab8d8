"""`dbhygiene check --add-ignore`."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from dbhygiene.checker.own_findings import NEVER_SILENCED
from dbhygiene.cli.run import Run, printable_path
from dbhygiene.cli.tally import count
from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.annotate import with_ignores
from dbhygiene.project.atomic_write import replace_file


def add_ignores(paths: tuple[str, ...], reason: str, **options: Any) -> int:
    """Write a comment for each new finding, and report those that cannot be silenced; return the exit status."""
    if "\n" in reason or "\r" in reason:
        raise UsageError("--add-ignore: the reason must be one line")
    run = Run(**options)
    added = 0
    for part in run.parts(paths):
        for path, group in groupby(run.new(part.project, part.findings), key=lambda finding: finding.path):
            findings = list(group)
            able = [finding for finding in findings if finding.code not in NEVER_SILENCED]
            if able:
                file = part.project.file(path)
                try:
                    data = with_ignores(file, able, reason).encode()
                except UnicodeEncodeError:
                    raise UsageError(
                        f"{printable_path(path)}: the reason cannot be written in {file.encoding}"
                    ) from None
                replace_file(path, data, was=file.encode())
                added += len(able)
            run.print(part.project, [finding for finding in findings if finding.code in NEVER_SILENCED])
    run.close(before=f"{count(added, 'finding')} silenced; left: ")
    return run.status()
