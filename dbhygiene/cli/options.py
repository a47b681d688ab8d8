"""`Option`: the options of a run, as plain data, by which most command lines are parsed without click.

Importing click takes as long as checking a small file. Click handles the less usual cases: help, completion, the other
commands, and errors in options, which it reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbhygiene.cli.output import OutputTarget, parse_target
from dbhygiene.cli.terminal import WHEN
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import FORMATS, LEVELS, Confidence, Settings
from dbhygiene.source.records import Frozen, replace


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
    group: str = ""  # its heading in the help

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
    asked: tuple[OutputTarget, ...]
    output_file: Path | None
    baseline: Path | None
    since: str | None
    color: str
    steps: str
    statistics: bool
    quiet: bool
    verbose: bool
    per_file_ignores: tuple[str, ...]
    exclude: tuple[str, ...]
    extend_exclude: tuple[str, ...]
    fixable: tuple[str, ...]
    unfixable: tuple[str, ...]
    show_fixes: bool
    fail_on: str | None
    exit_zero: bool
    rule_times: bool = False

    def applied_to(self, settings: Settings, output_format: str) -> Settings:
        """Return the settings of a project, with those of the options instead of them or in addition to them."""
        said: dict[str, Any] = {name: split_words(getattr(self, name)) for name in _LISTS}
        for name in ("extend_select", "extend_ignore", "extend_exclude"):
            said[name] = (*getattr(settings, name), *said[name]) if said[name] else ()
        said |= {
            "per_file_ignores": _per_file_ignores(settings, split_words(self.per_file_ignores)),
            "min_confidence": self.min_confidence and Confidence[self.min_confidence.upper()],
            "server_timeout": self.server_timeout,
            "output_format": output_format,
        }
        said = {name: value for name, value in said.items() if value}
        sources = {key: place for key, place in settings.sources.items() if key.replace("-", "_") not in said}
        return replace(settings, **said, sources=sources)


_LISTS = ("select", "extend_select", "ignore", "extend_ignore", "exclude", "extend_exclude", "fixable", "unfixable")


def split_words(options: Iterable[str]) -> tuple[str, ...]:
    """Return the words of options whose values are separated by commas."""
    return tuple(word.strip() for option in options for word in option.split(",") if word.strip())


def _per_file_ignores(settings: Settings, pairs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the ignores of the settings and those of the command line; nothing if it has none."""
    known, found = settings.per_file_ignores, dict[str, tuple[str, ...]]()
    for pair in pairs:
        pattern, _, rule = pair.rpartition(":")
        if not pattern or not rule:
            raise UsageError(f"--per-file-ignores: `{pair}` must be PATTERN:RULE, such as `tests/*:HYG1`")
        found[pattern] = (*found.get(pattern, known.get(pattern, ())), rule)
    return {**known, **found} if found else {}


def above_zero(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _list(name: str, help: str, metavar: str, group: str) -> Option:
    """Return an option whose values are separated by commas."""
    return Option((name,), help, str, metavar, many=True, group=group)


CONFIDENCES = tuple(str(confidence) for confidence in Confidence)
RULES = "RULES"  # for these, shells complete the names of rules
_RULES, _FILES, _OUTPUT, _FIXES, _RUN = "Rules", "Files", "Output", "Fixes", "Settings and run"
RUN = (
    _list(
        "--select",
        "Enable only these rules: names, codes, prefixes of codes, or ALL. Rules that are off by default need their own"
        " name or code.",
        RULES,
        _RULES,
    ),
    _list("--extend-select", "Enable these rules in addition to the configured ones.", RULES, _RULES),
    _list("--ignore", "Ignore these rules.", RULES, _RULES),
    _list("--extend-ignore", "Ignore these rules in addition to the configured ones.", RULES, _RULES),
    _list("--per-file-ignores", "Ignore rules in files that match a pattern.", "PATTERN:RULE", _RULES),
    Option(
        ("--min-confidence",),
        "Report only findings of at least this confidence.  [default: likely]",
        CONFIDENCES,
        group=_RULES,
    ),
    Option(
        ("--server-timeout",),
        "Set the server's idle timeout. `dbhygiene config server-timeout` explains the default.",
        above_zero,
        "SECONDS",
        group=_RULES,
    ),
    _list("--exclude", "Exclude these paths, instead of the default ones.", "PATTERNS", _FILES),
    _list("--extend-exclude", "Exclude these paths, too.", "PATTERNS", _FILES),
    Option(("--force-exclude",), "Apply `exclude` also to files that the command line names.", group=_FILES),
    Option(("--stdin-filename",), "Check standard input as if it were this file.", str, "PATH", group=_FILES),
    Option(("--baseline",), "Do not report findings of this baseline file.", Path, "FILE", group=_FILES),
    Option(
        ("--since",),
        "Report only findings that are new since this git commit or branch.",
        str,
        "REVISION",
        group=_FILES,
    ),
    Option(
        ("-o", "--output-format"),
        f"Print this format, or write it to a file; can be repeated. Formats: {', '.join(FORMATS)}.  [default: full]",
        parse_target,
        "FORMAT[:FILE]",
        many=True,
        key="asked",
        group=_OUTPUT,
    ),
    Option(
        ("--output-file",), "Write the report to this file instead of standard output.", Path, "FILE", group=_OUTPUT
    ),
    Option(("--color",), "Choose when to use colours.  [default: auto]", WHEN, default="auto", group=_OUTPUT),
    Option(
        ("--paths",),
        "Show a short path (5 steps) or all steps of a finding.  [default: short]",
        ("short", "all"),
        default="short",
        key="steps",
        group=_OUTPUT,
    ),
    Option(("--show-fixes",), "Show the fixes of all findings, not only the first ten.", group=_OUTPUT),
    Option(("--statistics",), "Print the number of findings of each rule instead of the findings.", group=_OUTPUT),
    Option(("-q", "--quiet"), "Print only findings, no summary.", group=_OUTPUT),
    Option(
        ("-v", "--verbose"),
        "Print files, rules and time on standard error, and functions that were not analysed (in files without a cached"
        " result).",
        group=_OUTPUT,
    ),
    _list("--fixable", "Apply only fixes of these rules.", RULES, _FIXES),
    _list("--unfixable", "Apply no fixes of these rules.", RULES, _FIXES),
    Option(
        ("--config",),
        "Read the settings from this file, or set one key to a TOML value.",
        str,
        "FILE|KEY=VALUE",
        many=True,
        key="config_values",
        group=_RUN,
    ),
    Option(("--isolated",), "Ignore all configuration files.", group=_RUN),
    Option(("--no-cache",), "Do not read or write the cache.", group=_RUN),
    Option(("--cache-dir",), "Set the directory of the cache.  [default: .dbhygiene_cache]", Path, "DIR", group=_RUN),
    Option(
        ("-j", "--jobs"), "Set the number of processes.  [default: number of processors]", above_zero, "N", group=_RUN
    ),
    Option(
        ("--fail-on",),
        "Exit with 1 only for findings of this level or above.  [default: note]",
        LEVELS,
        group=_RUN,
    ),
    Option(("--exit-zero",), "Exit with 0 even if there are findings.", group=_RUN),
)
# Options that other commands than `check` do not use:
OF_CACHE = ("--no-cache", "--cache-dir", "--jobs")
OF_STATUS = ("--fail-on", "--exit-zero")
OF_REPORT = ("--output-format", "--output-file", "--paths", "--show-fixes", "--statistics", "--quiet")
CHECK = (
    *RUN,
    Option(("--fix",), "Apply safe fixes first, as `dbhygiene fix` does.", group=_FIXES),
    Option(("--unsafe-fixes",), "With --fix: also apply fixes that may change behaviour.", group=_FIXES),
    Option(("--diff",), "Print the changes of the fixes as a diff, and write nothing.", group=_FIXES),
    Option(("--update-baseline",), "Write the findings to the baseline file instead of reporting them.", group=_FILES),
    Option(
        ("--add-ignore",),
        "Silence each finding by a comment, with this reason if given.",
        str,
        "[=REASON]",
        group=_RULES,
    ),
    Option(("--watch",), "Check again after each change of a file, until Ctrl+C.", group=_FILES),
    Option(("--show-files",), "List the files that would be checked, and exit.", group=_FILES),
    Option(("--show-settings",), "Print the settings and where each is set, and exit.", group=_RUN),
    Option(("--rule-times",), "Print the time of each rule. Uses one process and no cache.", group=_OUTPUT),
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
