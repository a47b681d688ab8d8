"""The command line: options to settings, findings to text, outcome to exit status.

0: nothing found, or all of it fixed; 1: something is left; 2: wrong options or settings, or an error of ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click

from dbhygiene import __version__, config, engine
from dbhygiene.catalogue import all_rules
from dbhygiene.discovery import root_of
from dbhygiene.mistakes import Mistake, did_you_mean
from dbhygiene.model import AnyRule, Finding, Fix, NoFix, Safety
from dbhygiene.project import Project
from dbhygiene.settings import Confidence, Settings
from dbhygiene.source import NOT_PYTHON, File

FORMATS = ("full", "concise", "json")
CONFIDENCES = tuple(str(confidence) for confidence in Confidence)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold any byte
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        status = commands.main(arguments, prog_name="dbhygiene", standalone_mode=False)
        sys.stdout.flush()
    except (Mistake, click.ClickException) as error:
        words = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"dbhygiene: {words}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return 141
    return int(status or 0)


class _Commands(click.Group):
    """Commands, with the one that was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"no such command `{args[0]}`{did_you_mean(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


class _Command(click.Command):
    """A command, whose options are told with the one that was probably meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.params for name in parameter.opts]
            raise click.UsageError(
                f"no such option `{error.option_name}`{did_you_mean(error.option_name, known)}"
            ) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def commands() -> None:
    """Find database connections that are leaked, held too long or configured to die, and fix them."""


_SHARED: tuple[Callable[[Any], Any], ...] = (
    click.argument("paths", nargs=-1),
    click.option("--select", multiple=True, metavar="RULES", help="Only these rules: names, codes, prefixes, ALL."),
    click.option("--extend-select", multiple=True, metavar="RULES", help="These rules too."),
    click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules."),
    click.option("--extend-ignore", multiple=True, metavar="RULES", help="Nor these."),
    click.option("--min-confidence", type=click.Choice(CONFIDENCES), help="Report only what is at least this sure."),
    click.option(
        "--server-timeout", type=click.IntRange(min=1), metavar="SECONDS", help="The server's `wait_timeout`."
    ),
    click.option("--config", "config_file", type=click.Path(path_type=Path), help="Read settings from this file."),
    click.option("--isolated", is_flag=True, help="Read no settings from files."),
    click.option("--stdin-filename", metavar="PATH", help="The name of what `-` reads from standard input."),
    click.option("--force-exclude", is_flag=True, help="Exclude files even if they are given by name."),
    click.option("--no-cache", is_flag=True, help="Use no cache.", expose_value=False),
    click.option("--output-format", type=click.Choice(FORMATS), default="full", show_default=True),
    click.option("-q", "--quiet", is_flag=True, help="Print findings only, no summary."),
    click.option("-v", "--verbose", is_flag=True, help="Tell on standard error what is looked at."),
)


def _shared(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_SHARED):
        command = option(command)
    return command


# -- check ----------------------------------------------------------------------------------------------


@commands.command("check", cls=_Command)
@_shared
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something is found.")
def check_command(paths: tuple[str, ...], exit_zero: bool, **options: Any) -> int:
    """Report findings in files and directories; the current directory by default."""
    run = Run(**options)
    for part in run.parts(paths):
        run.report(part.project, part.findings)
    run.close()
    return 2 if run.failed else int(bool(run.found) and not exit_zero)


class Part(NamedTuple):
    """What lies in one project: the findings in its files, or in what standard input holds."""

    project: Project
    findings: Iterable[Finding]
    analyses: engine.Analyses
    stdin: bytes | None = None


@dataclass(eq=False, repr=False)
class Run:
    """One run of `check` or `fix`: what was asked for, and what came of it."""

    select: tuple[str, ...]
    extend_select: tuple[str, ...]
    ignore: tuple[str, ...]
    extend_ignore: tuple[str, ...]
    min_confidence: str | None
    server_timeout: int | None
    config_file: Path | None
    isolated: bool
    stdin_filename: str | None
    force_exclude: bool
    output_format: str
    quiet: bool
    verbose: bool
    checked: int = 0
    found: int = 0
    fixable: int = 0
    failed: bool = False
    rules: tuple[AnyRule, ...] = ()
    out: TextIO = field(default_factory=lambda: sys.stdout)
    _json: list[Finding] = field(default_factory=list)

    # -- what to look at ------------------------------------------------------------------------------

    def parts(self, paths: Sequence[str]) -> Iterator[Part]:
        """Each project that the paths lie in, with the findings there; standard input last."""
        by_root: dict[Path, list[Path]] = {}
        for path in _absolute(paths or (".",)):
            by_root.setdefault(root_of(path), []).append(path)
        for root, below in by_root.items():
            project = self.project(root)
            found = project.discover(below, force_exclude=self.force_exclude)
            self.checked += len(found.files)
            self.tell(f"{root}: {_count(len(found.files), 'file')}, rules {', '.join(r.code for r in self.rules)}")
            analyses = engine.Analyses(project)
            unlisted = [engine.not_read(path, reason) for path, reason in found.unlisted]
            findings = engine.check(project, found.files, self.rules, named=set(below), analyses=analyses)
            yield Part(project, chain(unlisted, findings), analyses)
        if "-" in paths:
            yield self._stdin()

    def project(self, root: Path) -> Project:
        """The project with this root, its settings those of its file and then of the options; sets the rules."""
        settings = self.settings(root)
        self.rules = engine.chosen(settings)
        return Project(root, settings)

    def settings(self, root: Path) -> Settings:
        base = Settings() if self.isolated else config.load(root)
        if self.config_file is not None:
            if not self.config_file.is_file():
                raise Mistake(f"{self.config_file}: no such file")
            base = config.read(self.config_file) or Settings()
        return base._replace(
            select=_words(self.select) or base.select,
            extend_select=(*base.extend_select, *_words(self.extend_select)),
            ignore=(*(_words(self.ignore) or base.ignore), *_words(self.extend_ignore)),
            min_confidence=config.confidence(self.min_confidence) if self.min_confidence else base.min_confidence,
            server_timeout=self.server_timeout or base.server_timeout,
        )

    def _stdin(self) -> Part:
        path = Path(os.path.abspath(self.stdin_filename or "<stdin>"))
        project = self.project(root_of(path))
        data = sys.stdin.buffer.read()
        analyses = engine.Analyses(project)
        self.checked += 1
        if self.force_exclude and not project.discover([path], force_exclude=True).files:
            return Part(project, (), analyses, data)
        try:
            file = project.file(path, data)
        except NOT_PYTHON as error:
            return Part(project, [engine.not_parsed(path, error)], analyses, data)
        broken = engine.syntax_error(file)
        return Part(project, [broken] if broken else engine.check_file(file, self.rules, analyses), analyses, data)

    # -- what to say ----------------------------------------------------------------------------------

    def report(self, project: Project, findings: Iterable[Finding]) -> None:
        """Print findings as they come; JSON is printed at the end, since it is one value."""
        for text in self._texts(project, self._counted(findings)):
            self.out.write(text)

    def _texts(self, project: Project, findings: Iterable[Finding]) -> Iterator[str]:
        if self.output_format == "concise":
            from dbhygiene.reports.concise import concise

            return concise(findings, shown)
        if self.output_format == "full":
            from dbhygiene.reports.full import full

            return full(findings, lambda path: _lines(project, path), shown, color=_color())
        self._json += findings
        return iter(())

    def _counted(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            self.found += 1
            self.fixable += _is_safe(finding)
            self.failed |= finding.code == engine.INTERNAL_ERROR
            yield finding

    def close(self, before: str = "") -> None:
        """Print what is said once, at the end."""
        if self.output_format == "json":
            from dbhygiene.reports.json import json

            for text in json(self._json):
                self.out.write(text)
        if not self.quiet:
            fixable = f", {self.fixable} fixable with `dbhygiene fix`" if self.fixable else ""
            words = f"{_count(self.found, 'finding')} in {_count(self.checked, 'file')}{fixable}"
            self.out.flush()
            click.echo(before + words, err=self.output_format != "full" or self.out is sys.stderr)

    def tell(self, words: str) -> None:
        if self.verbose:
            click.echo(words, err=True)


def _absolute(paths: Iterable[str]) -> Iterator[Path]:
    for path in paths:
        if path != "-":
            absolute = Path(os.path.abspath(path))
            if not absolute.exists():
                raise Mistake(f"{path}: no such file or directory")
            yield absolute


def _words(options: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.strip() for option in options for word in option.split(",") if word.strip())


def _lines(project: Project, path: Path) -> Sequence[str]:
    try:
        return project.file(path).lines
    except (OSError, *NOT_PYTHON):
        return ()


def shown(path: Path) -> str:
    """A path as it is printed: relative to the current directory, if it lies below."""
    try:
        return str(path.relative_to(os.getcwd()))
    except ValueError:
        return str(path)


def _color() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# -- fix ------------------------------------------------------------------------------------------------


@commands.command("fix", cls=_Command)
@_shared
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply fixes that may change behaviour, too.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if something was fixed.")
def fix_command(
    paths: tuple[str, ...], diff: bool, unsafe_fixes: bool, exit_non_zero_on_fix: bool, **options: Any
) -> int:
    """Apply safe fixes, and report what is left."""
    run = Run(**options)
    if diff or "-" in paths:
        run.out = sys.stderr  # standard output is for the diff, or for the fixed text
    fixed = 0
    left: list[tuple[Project, list[Finding]]] = []
    for part in run.parts(paths):
        text = part.stdin
        for path, group in groupby(part.findings, key=lambda finding: finding.path):
            before = list(group)
            if all(not isinstance(finding.fix, Fix) for finding in before):
                left.append((part.project, before))
                continue
            file = part.project.file(path)
            after, done, remaining = _fix(file, part.analyses, run.rules, unsafe=unsafe_fixes)
            fixed += done
            left.append((part.project, remaining))
            if diff:
                sys.stdout.writelines(_diff(file, after))
            elif part.stdin is not None:
                text = after.encode()
            elif after.text != file.text:
                from dbhygiene.writing import write

                write(path, after.encode(), was=file.encode())
            if not diff:
                part.project.replace(after)
        if text is not None and not diff:
            sys.stdout.buffer.write(text)
    for project, remaining in left:
        run.report(project, remaining)
    run.close(before=f"{_count(fixed, 'finding')} {'would be fixed' if diff else 'fixed'}; left: ")
    return 2 if run.failed else int(bool(run.found) or (bool(fixed) and (diff or exit_non_zero_on_fix)))


def _diff(before: File, after: File) -> Iterator[str]:
    """A unified diff; the last line may lack its end."""
    from difflib import unified_diff

    name = shown(before.path)
    old, new = before.text.splitlines(keepends=True), after.text.splitlines(keepends=True)
    for line in unified_diff(old, new, f"a/{name}", f"b/{name}"):
        yield line if line.endswith(("\n", "\r")) else line + "\n\\ No newline at end of file\n"


def _fix(
    file: File, analyses: engine.Analyses, rules: Sequence[AnyRule], *, unsafe: bool
) -> tuple[File, int, list[Finding]]:
    """The fixed file, how many findings are gone, and those left; of these, a fix that failed says why."""
    from dbhygiene.fixes.apply import fix

    fixed = fix(file, lambda changed: engine.check_file(changed, rules, analyses), unsafe=unsafe)
    left = [
        each.finding._replace(fix=NoFix(each.reason)) if _is_safe(each.finding) else each.finding for each in fixed.left
    ]
    return replace(file, text=fixed.text), len(fixed.fixed), left


def _is_safe(finding: Finding) -> bool:
    return isinstance(finding.fix, Fix) and finding.fix.safety is Safety.SAFE


# -- rule -----------------------------------------------------------------------------------------------


@commands.command("rule", cls=_Command)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All rules.")
@click.option("--output-format", type=click.Choice(("text", "json")), default="text", show_default=True)
def rule_command(names: tuple[str, ...], every: bool, output_format: str) -> int:
    """Print the page of a rule, given by name or code."""
    rules = all_rules()
    if not names and not every:
        raise Mistake("which rule? Give a name or a code, or --all")
    known = {word: rule for rule in rules for word in (rule.name, rule.code)}
    for name in names:
        if name not in known:
            raise Mistake(f"unknown rule `{name}`{did_you_mean(name, known)}")
    picked = list(rules) if every else [known[name] for name in names]
    if output_format == "json":
        import json

        sys.stdout.write(json.dumps([_page(rule) for rule in picked], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(f"# {rule.name} ({rule.code})\n\n{rule.doc.strip()}\n" for rule in picked))
    return 0


def _page(rule: AnyRule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "summary": rule.summary,
        "default": rule.default,
        "explanation": rule.doc.strip(),
    }
