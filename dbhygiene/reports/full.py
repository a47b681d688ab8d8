"""`report`: the text format: the fault, the path that leads to it, its effect, and the fix.

error[connection-not-closed]: connection `conn` is not closed on every path  HYG101
 --> app.py:5:12
  |
5 |     conn = pymysql.connect(host="db")
  |            -------------------------- 1: opened here
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbhygiene.diagnostics.model import ASSUMPTION, Finding, Step
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import level, page_url
from dbhygiene.reports.display_width import layout_line, window
from dbhygiene.reports.fix_hint import advice, after_failure
from dbhygiene.reports.frame import LEAST, LONGEST, Frame, Paint, marks, painter, wrap

MOST_STEPS = 5


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield a text for each finding, with an empty line after it. Assumptions of the run are in the first one only."""
    assumed: set[str] = set()
    for finding in findings:
        notes = tuple(note for note in finding.notes if note not in assumed)
        yield "\n".join([*_story(finding._replace(notes=notes), scene), "", ""])
        assumed.update(note for note in notes if note.startswith(ASSUMPTION))


def _story(finding: Finding, scene: RenderContext) -> Iterator[str]:
    paint = painter(scene.style)
    kind = level(finding)
    head = paint(kind, f"{kind}[{finding.name}]")
    if scene.style.links and (url := page_url(finding.name, scene)):
        head = _hyperlink(head, url)
    yield f"{head}{paint('bold', f': {finding.message}')}  {finding.code}"
    steps = list(enumerate(finding.steps, 1))
    if not scene.style.every_step:
        steps = fold_steps(steps, finding)
    yield from frame_lines(finding, steps, scene)
    notes = list(finding.notes)
    if left_out := len(finding.steps) - len(steps):
        steps_are = "1 step is" if left_out == 1 else f"{left_out} steps are"
        notes.append(f"{steps_are} not shown; `--paths=all` shows all")
    yield from note_lines(notes, _gutter(finding, steps), scene)
    yield from _help(finding, scene, paint)


def fold_steps(steps: Sequence[tuple[int, Step]], finding: Finding) -> list[tuple[int, Step]]:
    """Shorten a long path to its first and last steps, and that at the place of the finding."""
    if len(steps) <= MOST_STEPS + 1:  # to omit one step saves nothing
        return list(steps)
    begin, middle, end = steps[:2], steps[2 : 2 - MOST_STEPS], steps[2 - MOST_STEPS :]
    is_here = [(step.source, step.span) == (finding.source, finding.span) for _, step in steps]
    if not any([*is_here[:2], *is_here[2 - MOST_STEPS :]]):
        here = [step for step in middle if is_here[step[0] - 1]][:1]
        return [*begin, *here, *end[len(here) :]]
    return [*begin, *end]


def frame_lines(finding: Finding, steps: Sequence[tuple[int, Step]], scene: RenderContext) -> Iterator[str]:
    """Yield the place of a finding, and the code with its steps."""
    gutter = _gutter(finding, steps)
    place = scene.display_place(finding.source, finding.span)
    if scene.style.links and finding.path.is_absolute():
        place = _hyperlink(place, finding.path.as_uri())
    yield f"{' ' * gutter}{painter(scene.style)('frame', '-->')} {place}"
    yield from Frame(scene, gutter).draw(finding.source, marks(finding, steps))


def note_lines(notes: Iterable[str], gutter: int, scene: RenderContext) -> Iterator[str]:
    """Yield the notes, wrapped to the width of the terminal."""
    paint = painter(scene.style)
    head = f"{' ' * gutter} = note: "
    for note in notes:
        width = scene.style.width
        first, *rest = wrap(note, max(LEAST, width - len(head))) if width else [note]
        yield f"{' ' * gutter} {paint('frame', '=')} {paint('bold', 'note')}: {first}"
        yield from (" " * len(head) + text for text in rest)


def _gutter(finding: Finding, steps: Sequence[tuple[int, Step]]) -> int:
    """Return the width of the largest line number."""
    return len(str(max([finding.span.line, *(step.span.line for _, step in steps)])))


def _help(finding: Finding, scene: RenderContext, paint: Paint) -> Iterator[str]:
    """Yield the help line, and the changes of the fix."""
    preview = scene.preview(finding)
    if isinstance(preview, str):
        finding, preview = after_failure(finding, preview), None
    if sentence := advice(finding, scene.display_path(finding.path)):
        yield f"{paint('help', 'help')}: {sentence}"
    if preview is not None:
        yield from _diff(scene.lines_of(finding.source), preview, scene, paint)


def _diff(old: Sequence[str], new: Sequence[str], scene: RenderContext, paint: Paint) -> Iterator[str]:
    from dbhygiene.reports.diff import changed_lines

    found = changed_lines(old, new)
    gutter = len(str(max((change.number for change in found if change.sign != "-"), default=1)))
    room = (scene.style.width or LONGEST) - gutter - 3
    for sign, number, text in found:
        if sign == "~":
            yield paint("frame", f"{' ' * gutter} ... {text}".rstrip())
            continue
        code = window(layout_line(text), 0, 0, max(LEAST, room)).text
        kind = {"-": "gone", "+": "new"}.get(sign)
        row = f"{sign} {code}".rstrip()
        label = "" if sign == "-" else str(number)  # old and new numbers side by side would go back
        yield f"{paint('frame', label.rjust(gutter))} {paint(kind, row) if kind else row}"


def _hyperlink(text: str, url: str) -> str:
    """Return text that a terminal shows as a link (OSC 8)."""
    return f"\033]8;;{url}\033\\{text}\033]8;;\033\\"
