"""Run `dbhygiene check`."""

from __future__ import annotations

from typing import Any

from dbhygiene.cli.run import Run, with_stdin
from dbhygiene.config.errors import UsageError


def check(
    paths: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    exit_zero: bool,
    update_baseline: bool,
    add_ignore: str | None,
    show_files: bool,
    show_settings: bool,
    **options: Any,
) -> int:
    """Check files and directories (default: the current directory)."""
    paths = with_stdin(paths, options["stdin_filename"])
    if show_files or show_settings:
        from dbhygiene.cli import show

        (show.files if show_files else show.settings)(Run(**options).members(paths))
        return 0
    if update_baseline:
        if add_ignore is not None or "-" in paths:
            raise UsageError("--update-baseline cannot be used with --add-ignore or `-`")
        from dbhygiene.cli.baseline import write_baseline

        return write_baseline(paths, **options)
    if add_ignore is not None:
        if "-" in paths:
            raise UsageError("--add-ignore cannot be used with `-`: standard input cannot be edited")
        from dbhygiene.cli.add_ignore import add_ignores

        return add_ignores(paths, add_ignore, **options)
    if fix:
        from dbhygiene.cli.fix import fix_all

        fixing = fix_all(Run(**options), paths, diff=False, unsafe=unsafe_fixes)
        return 2 if fixing.run.failed or fixing.failed else int(bool(fixing.run.tally.found) and not exit_zero)
    run = Run(**options, only_reports=True)
    for part in run.parts(paths):
        run.report_new(part.project, part.findings)
    run.close()
    return 2 if run.failed else int(bool(run.tally.found) and not exit_zero)
