"""`check`: run `dbhygiene check`."""

from __future__ import annotations

from typing import Any

from dbhygiene.cli.run import Run, with_stdin
from dbhygiene.config.errors import UsageError


def check(
    paths: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    update_baseline: bool,
    add_ignore: str | None,
    show_files: bool,
    show_settings: bool,
    watch: bool,
    **options: Any,
) -> int:
    """Check files and directories (default: the current directory)."""
    paths = with_stdin(paths, options["stdin_filename"])
    if watch:
        if fix or diff or update_baseline or add_ignore is not None or show_files or show_settings or "-" in paths:
            others = "--fix, --diff, --add-ignore, --update-baseline, --show-files or --show-settings"
            raise UsageError(f"--watch only reports: it cannot be used with `-`, {others}")
        from dbhygiene.cli.watch import watch as check_after_changes

        check_after_changes(paths, **options)
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
            raise UsageError("--add-ignore cannot be used with `-`, which cannot be edited: name files or directories")
        from dbhygiene.cli.add_ignore import add_ignores

        return add_ignores(paths, add_ignore, **options)
    if fix or diff:
        from dbhygiene.cli.fix import fix_all

        return fix_all(Run(**options), paths, diff=diff, unsafe=unsafe_fixes).status(fails_if_fixed=diff)
    run = Run(**options, only_reports=True)
    for part in run.parts(paths):
        run.report_new(part.project, run.keep(part.findings))
    run.close()
    return run.status()
