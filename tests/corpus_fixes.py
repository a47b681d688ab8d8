"""`python -m tests.corpus_fixes DIRECTORY...`: fix whole projects in memory, and hold the outcome against promises.

Each directory is a project of its own; nothing is written to it. What must be zero: files that no longer parse,
comments lost, findings brought, second runs that change something. What is told besides: how many findings go, and
why the others stay.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
import time
import tokenize
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import groupby
from pathlib import Path

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.config.loading import load_settings
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Finding, Fix
from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.fixes.targets import PRAGMA
from dbhygiene.project.project import Project
from dbhygiene.source.file import File
from dbhygiene.source.records import replace


@dataclass
class Count:
    """What became of the projects so far."""

    files: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)  # by rule; `... in functions`
    fixed: Counter[str] = field(default_factory=Counter)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)  # by family and reason
    broken: list[str] = field(default_factory=list)  # promises, in words
    diffs: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


def fix_project(root: Path, count: Count, *, unsafe: bool, only: frozenset[str]) -> None:
    """Fix what is found in a project, and check the outcome once more with an analysis that has seen no fix."""
    project = Project(root, _settings(root))
    rules = selected_rules(project.settings)
    analyses = Analyses(project)
    files = [path for path in project.discover([root]).files if not only or str(path) in only]
    count.files["checked"] += len(files)
    findings = list(check(project, files, rules, analyses=analyses))
    after: dict[Path, File] = {}
    for path, group in groupby(findings, key=lambda finding: finding.path):
        here = list(group)
        _tally(count.found, here)
        if any(isinstance(finding.fix, Fix) for finding in here):
            file = project.file(path)
            fixed = fix(file, lambda changed: check_file(changed, rules, analyses), unsafe=unsafe)
            _tally(count.fixed, fixed.fixed)
            left = [(each.finding, each.reason) for each in fixed.left]
            if fixed.text != file.text:
                after[path] = replace(file, text=fixed.text)
                count.files["changed"] += 1
                _hold(file, fixed, count)
        else:
            left = [(each, getattr(each.fix, "reason", "there is no automatic fix")) for each in here]
        for finding, reason in left:
            count.left[_family(finding), reason] += 1
            count.places.append(f"{path}:{finding.span.line}: {finding.code} {reason}")
    _hold_project(root, findings, after, analyses.handed, count, unsafe=unsafe)


def _settings(root: Path) -> Settings:
    try:
        return load_settings(root)
    except Exception:  # a project may hold settings for another version
        return Settings()


def _tally(counter: Counter[str], findings: Iterable[Finding]) -> None:
    for finding in findings:
        counter[finding.code] += 1
        counter[f"{_family(finding)}xx in {'functions' if finding.context else 'modules'}"] += 1


def _family(finding: Finding) -> str:
    return finding.code[:4]


def _hold(file: File, fixed: Fixed, count: Count) -> None:
    """One file's promises, checked without the code that made them."""
    try:
        ast.parse(fixed.text)
    except SyntaxError as error:
        count.broken.append(f"{file.path}: no longer parses: {error}")
        return
    lost = _comments(file.text) - _comments(fixed.text)
    count.broken += [f"{file.path}: lost {text}" for text in lost if not PRAGMA.match(text)]
    count.files["comments to tools dropped"] += sum(n for text, n in lost.items() if PRAGMA.match(text))
    old, new = file.text.splitlines(keepends=True), fixed.text.splitlines(keepends=True)
    codes = " ".join(sorted({each.code for each in fixed.fixed}))
    header = f"# {file.path} {codes}\n"
    count.diffs.append(header + "".join(unified_diff(old, new, "before", "after")))


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def _hold_project(
    root: Path,
    before: list[Finding],
    after: dict[Path, File],
    handed: Mapping[Path, Collection[str]],
    count: Count,
    *,
    unsafe: bool,
) -> None:
    """Every changed file, checked anew in the project as it is now: nothing came, and nothing is left to fix."""
    project = Project(root, _settings(root))
    for file in after.values():
        project.replace(replace(file, project=project))
    rules, analyses = selected_rules(project.settings), Analyses(project)
    analyses.set_helpers(handed)
    known = Counter((finding.path, finding.code, finding.context, finding.subject) for finding in before)
    for path in after:
        file = project.file(path)
        findings = check_file(file, rules, analyses)
        new = Counter((path, each.code, each.context, each.subject) for each in findings) - known
        count.broken += [f"{path}: brought {key[1]} in {key[2]}" for key in new]
        again = fix(file, lambda changed: check_file(changed, rules, analyses), unsafe=unsafe)
        if again.text != file.text:
            count.broken.append(f"{path}: a second run changes it")


def _lines(count: Count) -> Iterator[str]:
    yield f"{count.files['checked']} files, {sum(n for key, n in count.found.items() if 'xx' not in key)} findings"
    yield f"{count.files['changed']} files changed"
    yield f"{count.files['comments to tools dropped']} comments to tools dropped"
    for key in sorted(count.found):
        share = 100 * count.fixed[key] / count.found[key]
        yield f"{key}: {count.fixed[key]} of {count.found[key]} fixed ({share:.1f} %)"
    for (family, reason), number in count.left.most_common():
        yield f"{number:>6} {family}xx left: {reason}"
    yield f"{len(count.broken)} broken promises"
    yield from count.broken


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus_fixes", description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--unsafe", action="store_true", help="apply fixes that may change behaviour, too")
    parser.add_argument("--only", type=Path, help="look at the files that this one names only, one a line: for haste")
    parser.add_argument("--diffs", type=Path, help="write the diffs to this file")
    parser.add_argument("--left", type=Path, help="write what is left, with places and reasons, to this file")
    options = parser.parse_args()
    only = frozenset(options.only.read_text("utf-8").splitlines()) if options.only else frozenset()
    started, count = time.perf_counter(), Count()
    for root in options.directories:
        fix_project(root.resolve(), count, unsafe=options.unsafe, only=only)
        print(f"{time.perf_counter() - started:7.1f} s {root.name}", file=sys.stderr, flush=True)
    print(*_lines(count), sep="\n")
    print(f"{time.perf_counter() - started:.0f} s")
    if options.diffs:
        options.diffs.write_text("\0".join(count.diffs), "utf-8", errors="backslashreplace")
    if options.left:
        options.left.write_text("\n".join(count.places), "utf-8", errors="backslashreplace")
    return bool(count.broken)


if __name__ == "__main__":
    sys.exit(main())
