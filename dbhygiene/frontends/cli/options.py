"""The options of a run, as plain data: the everyday command line is read by these alone.

To import click takes as long as to check a small file. It is asked for all that is less usual: for help, completion,
the other commands, and whatever is not understood here, which it tells in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbhygiene.frontends.cli.output import target
from dbhygiene.frontends.cli.terminal import WHEN
from dbhygiene.frozen import Frozen
from dbhygiene.mistakes import Mistake
from dbhygiene.settings import FORMATS, Confidence


class Option(Frozen):
    """An option, as it is written and told of.

    `kind` is `bool` for a flag, or what makes a value of a text, or the words of which it is one. An option that is
    `many` may be given again and again.
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
        """Its value where it is not given."""
        return () if self.many else False if self.kind is bool else self.default

    def read(self, text: str) -> Any:
        """The value of a text; raises ValueError where it has none."""
        if not isinstance(self.kind, tuple):
            return self.kind(text)
        if text not in self.kind:
            raise ValueError(text)
        return text


def above_zero(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


CONFIDENCES = tuple(str(confidence) for confidence in Confidence)
RUN = (
    Option(("--select",), "Only these rules: names, codes, prefixes, ALL.", str, "RULES", many=True),
    Option(("--extend-select",), "These rules too.", str, "RULES", many=True),
    Option(("--ignore",), "Not these rules.", str, "RULES", many=True),
    Option(("--extend-ignore",), "Nor these.", str, "RULES", many=True),
    Option(("--min-confidence",), "Report only what is at least this sure.", CONFIDENCES),
    Option(("--server-timeout",), "The server's `wait_timeout`.", above_zero, "SECONDS"),
    Option(
        ("--config",),
        "Read settings from this file; or set one, its value as in TOML.",
        str,
        "FILE|KEY=VALUE",
        many=True,
        key="config_values",
    ),
    Option(("--isolated",), "Read no settings from files."),
    Option(("--stdin-filename",), "Read standard input, as `-` does, by this name.", str, "PATH"),
    Option(("--force-exclude",), "Exclude files even if they are given by name."),
    Option(("--no-cache",), "Keep nothing for the next run, and use nothing of the last one."),
    Option(("--cache-dir",), "Keep it there.", Path, "DIR"),
    Option(("-j", "--jobs"), "Processes; as many as processors by default.", above_zero, "N"),
    Option(
        ("-o", "--output-format"),
        f"What to print, or write to a file; as often as wanted. {', '.join(FORMATS)}.  [default: full]",
        target,
        "FORMAT[:FILE]",
        many=True,
        key="asked",
    ),
    Option(("--output-file",), "Write there what would be printed.", Path, "FILE"),
    Option(("--baseline",), "Do not report what this file knows.", Path, "FILE"),
    Option(("--since",), "Report only what is new since this git commit or branch.", str, "REVISION"),
    Option(("--color",), "Paint: on terminals, always, never.", WHEN, default="auto"),
    Option(("--paths",), "Show every step.", ("short", "all"), default="short", key="steps"),
    Option(("--statistics",), "Print how often each rule finds something, instead of findings."),
    Option(("-q", "--quiet"), "Print findings only, no summary."),
    Option(("-v", "--verbose"), "Tell on standard error what is looked at."),
)
CHECK = (
    *RUN,
    Option(("--fix",), "Apply safe fixes first, as `dbhygiene fix` does."),
    Option(("--unsafe-fixes",), "With --fix: apply fixes that may change behaviour, too."),
    Option(("--exit-zero",), "Exit with 0 even if something is found."),
    Option(("--update-baseline",), "Write what is found to the baseline, instead of reporting it."),
    Option(("--add-ignore",), "Write comments that silence what is found.", str, "[=REASON]"),
    Option(("--show-files",), "Print the files that would be looked at, and stop."),
    Option(("--show-settings",), "Print what is set, and where that is said, and stop."),
)


def given(words: Sequence[str], options: Sequence[Option]) -> Mapping[str, Any] | None:
    """What a command line says: the value of each option, and `paths`; None where it is not plain what it means."""
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
        except (ValueError, StopIteration, Mistake):
            return None
        found[option.dest] = (*found[option.dest], value) if option.many else value
    return {**found, "paths": tuple(paths)}
