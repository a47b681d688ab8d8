"""Examples in Markdown, read once: tests run them, pages show them.

A block fenced `python` is a file. `# HYG101` or `# HYG101: words` at the end of a line says that this finding, with
these words in its message, is expected there, and no other; marks are not code. The words after `python` say more:

- `possible`: findings of every confidence are reported, not only the likely ones;
- `fixed`: not a file, but what the block before it becomes by all safe fixes; `fixed unsafe`: by the unsafe ones too.

A block fenced with a file name, such as `yaml compose.yaml`, is another file of the project of the next example.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dbhygiene.config.settings import Settings
from dbhygiene.library.deployment import describes_tests, is_deployment_file
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.file import File, NoProject
from dbhygiene.source.records import Record

_FENCE = re.compile(r"^```python(?P<words>(?: [a-z]+)*)\n(?P<code>.*?)^```$", re.M | re.S)
_OTHER = re.compile(r"^```[a-z]+ (?P<name>[\w/-]*[A-Z./][\w./-]*)\n(?P<text>.*?)^```$", re.M | re.S)
_MARK = re.compile(r"[ \t]+#[ ](?P<code>HYG\d{3})(?:: (?P<words>[^#\n]*[^#\s]))?(?=[ \t]+# HYG\d{3}|[ \t]*$)", re.M)
_KNOWN = {"possible", "fixed", "unsafe"}


class ExpectedFinding(Record):
    """A finding that an example expects."""

    line: int
    code: str
    words: str = ""


class Example(Record):
    """One block, with the one after it where that says what fixes make of it."""

    line: int
    code: str
    marks: tuple[ExpectedFinding, ...]
    possible: bool = False
    fixed: str | None = None
    unsafe: bool = False  # whether `fixed` is the work of unsafe fixes too
    others: tuple[tuple[str, str], ...] = ()  # names and texts of the project's other files

    def project(self, settings: Settings) -> NoProject:
        """The project of the example."""
        return ExampleProject(settings, others=dict(self.others)) if self.others else NoProject(settings)


class ExampleProject(NoProject):
    """The other files of an example, in memory."""

    others: Mapping[str, str] = {}

    def module(self, name: str, near: File) -> File | None:
        path = self.module_path(name, near)
        return None if path is None else File(path, self.others[str(path)], module=name, project=self)

    def module_path(self, name: str, near: File) -> Path | None:
        path = f"{name.replace('.', '/')}.py"
        return Path(path) if path in self.others else None

    def imports_any(self, file: File, others: Collection[Path]) -> bool:
        return any(f"import {path.stem}" in file.text or f"from {path.stem}" in file.text for path in others)

    def files_containing(self, word: str) -> list[File]:
        found = (self.module(name.removesuffix(".py").replace("/", "."), File(Path(), "")) for name in self.others)
        return [file for file in found if file is not None and word in file.text]

    def files_mentioning_all(self, *names: str) -> list[File]:
        return [f for f in self.files_containing("") if all(re.search(rf"\b{name}\b", f.text) for name in names)]

    def deployment(self) -> Deployment:
        names, for_tests = filter(is_deployment_file, sorted(self.others)), filter(describes_tests, sorted(self.others))
        found = Deployment(names=tuple(names), for_tests=tuple(for_tests))
        found._texts.update(self.others)
        return found


def examples(page: str) -> Iterator[Example]:
    """The examples of a page; raises ValueError where a fence says what it cannot."""
    others = list(_OTHER.finditer(page))
    before = 0  # the end of the last example
    fences = [(set(fence["words"].split()), fence) for fence in _FENCE.finditer(page)]
    for (words, fence), (after, following) in zip(fences, [*fences[1:], (set(), None)], strict=True):
        line = _line(page, fence.start())
        if words - _KNOWN:
            raise ValueError(
                f"line {line}: unknown word after ```python; known are {', '.join(sorted(words - _KNOWN))}"
            )
        if "fixed" in words:
            continue
        code = fence["code"]
        marks = tuple(
            ExpectedFinding(_line(code, m.start()), m["code"], m["words"] or "") for m in _MARK.finditer(code)
        )
        fixed = following["code"] if following and "fixed" in after else None
        beside = tuple((o["name"], o["text"]) for o in others if before <= o.start() < fence.start())
        yield Example(line, _MARK.sub("", code), marks, "possible" in words, fixed, "unsafe" in after, beside)
        before = fence.end()


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
