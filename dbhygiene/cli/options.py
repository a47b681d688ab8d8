"""`Option`: the options of a run, as plain data, by which most command lines are parsed without click.

Importing click takes as long as checking a small file. Click handles the less usual cases: help, completion, the other
commands, and errors in options, which it reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbhygiene.cli.output import Target, parse_target
from dbhygiene.cli.terminal import WHEN
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import FORMATS, Confidence
from dbhygiene.source.records import Frozen


class Option(Frozen):
    """An option of the command line, with its help text.

    `kind` is `bool` for a flag, a function that reads a text, or the words of which the value is one. An option with
    `many` may be repeated.
    """

    names: tuple[str, ...]
    help: str
    kind: Callable[[str], Any] | tuple[str, ...] = bool
    metavar: str = ""
    many: bool = False
    default: Any = None
    key: str = ""

    @property
    def dest(self) -> str:
        return self.key or self.names[-1].lstrip("-").replace("-", "_")

    @property
    def start(self) -> Any:
        """The value if the option is not given."""
        return () if self.many else False if self.kind is bool else self.default

    def read(self, text: str) -> Any:
        """Return the value of a text; raise ValueError if it is invalid."""
        if not isinstance(self.kind, tuple):
            return self.kind(text)
        if text not in self.kind:
            raise ValueError(text)
        return text


class Options(Frozen):
    """The values of the options in `RUN`."""

    select: tuple[str, ...]
    extend_select: tuple[str, ...]
    ignore: tuple[str, ...]
    extend_ignore: tuple[str, ...]
    min_confidence: str | None
    server_timeout: int | None
    config_values: tuple[str, ...]
    isolated: bool
    stdin_filename: str | None
    force_exclude: bool
    no_cache: bool
    cache_dir: Path | None
    jobs: int | None
    asked: tuple[Target, ...]
    output_file: Path | None
    baseline: Path | None
    since: str | None
    color: str
    steps: str
    statistics: bool
    quiet: bool
    verbose: bool


def above_zero(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


CONFIDENCES = tuple(str(confidence) for confidence in Confidence)
RUN = (
    Option(("--select",), "Enable only these rules: names, codes, prefixes of codes, or ALL.", str, "RULES", many=True),
    Option(("--extend-select",), "Enable these rules in addition to the configured ones.", str, "RULES", many=True),
    Option(("--ignore",), "Ignore these rules.", str, "RULES", many=True),
    Option(("--extend-ignore",), "Ignore these rules in addition to the configured ones.", str, "RULES", many=True),
    Option(("--min-confidence",), "Report only findings of at least this confidence.  [default: likely]", CONFIDENCES),
    Option(("--server-timeout",), "Set the server's `wait_timeout`: longer waits are reported.", above_zero, "SECONDS"),
    Option(
        ("--config",),
        "Read the settings from this file, or set one key to a TOML value.",
        str,
        "FILE|KEY=VALUE",
        many=True,
        key="config_values",
    ),
    Option(("--isolated",), "Ignore all configuration files."),
    Option(("--stdin-filename",), "Check standard input as if it were this file.", str, "PATH"),
    Option(("--force-exclude",), "Apply `exclude` to the given files, too."),
    Option(("--no-cache",), "Do not read or write the cache."),
    Option(("--cache-dir",), "Set the directory of the cache.  [default: .dbhygiene_cache]", Path, "DIR"),
    Option(("-j", "--jobs"), "Set the number of processes.  [default: number of processors]", above_zero, "N"),
    Option(
        ("-o", "--output-format"),
        f"Print this format, or write it to a file; can be repeated. Formats: {', '.join(FORMATS)}.  [default: full]",
        parse_target,
        "FORMAT[:FILE]",
        many=True,
        key="asked",
    ),
    Option(("--output-file",), "Write the report to this file instead of standard output.", Path, "FILE"),
    Option(("--baseline",), "Do not report findings that are listed in this baseline file.", Path, "FILE"),
    Option(("--since",), "Report only findings that are new since this git commit or branch.", str, "REVISION"),
    Option(("--color",), "Choose when to use colours.  [default: auto]", WHEN, default="auto"),
    Option(
        ("--paths",),
        "Show a short path (5 steps) or all steps of a finding.  [default: short]",
        ("short", "all"),
        default="short",
        key="steps",
    ),
    Option(("--statistics",), "Print the number of findings of each rule instead of the findings."),
    Option(("-q", "--quiet"), "Print only findings, no summary."),
    Option(("-v", "--verbose"), "Log to standard error which files and rules are checked."),
)
CHECK = (
    *RUN,
    Option(("--fix",), "Apply safe fixes first, as `dbhygiene fix` does."),
    Option(("--unsafe-fixes",), "With --fix: also apply fixes that may change behaviour."),
    Option(("--exit-zero",), "Exit with 0 even if there are findings."),
    Option(("--update-baseline",), "Write the findings to the baseline file instead of reporting them."),
    Option(("--add-ignore",), "Add a comment that silences each finding, with this reason.", str, "[=REASON]"),
    Option(("--show-files",), "List the files that would be checked, and exit."),
    Option(("--show-settings",), "Print the settings and where each is set, and exit."),
)


def parse_plain(words: Sequence[str], options: Sequence[Option]) -> Mapping[str, Any] | None:
    """Return the values of the options, and `paths`; None if click must parse the command line."""
    by_name = {name: option for option in options for name in option.names}
    found = {option.dest: option.start for option in options}
    paths: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "-" or not word.startswith("-"):
            paths.append(word)
            continue
        name, joined, text = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        option = by_name.get(name)
        if option is None or (option.kind is bool and joined):
            return None
        is_last = joined or option.metavar.startswith("[")  # whose value can be left out is not what comes next
        try:
            value = True if option.kind is bool else option.read(text if is_last else next(rest))
        except (ValueError, StopIteration, UsageError):
            return None
        found[option.dest] = (*found[option.dest], value) if option.many else value
    return {**found, "paths": tuple(paths)}
