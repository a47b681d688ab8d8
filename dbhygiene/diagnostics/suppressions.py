"""`Suppression`: a comment that silences findings, such as `# dbhygiene: ignore[name] reason` or `# noqa: HYG101`.

A comment counts for the finding that begins or ends on its line, and for the statement that does. An `ignore` alone
on its line counts for the next line of code: many lines are full already. A `noqa` counts only if it names a code of
ours, or the beginning of one: a bare one was written for another linter.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dbhygiene.config.errors import did_you_mean
from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span

_REST = r"(?P<reason>(?:(?!\s#(?!\d)).)*)"  # to the next comment on the line; `#12` is none
_OURS = re.compile(rf"#\s*dbhygiene:\s*ignore(?P<file>-file)?(?:\s*\[(?P<rules>[^\]]*)\])?(?![\w\[-]){_REST}", re.ASCII)
_NOQA = re.compile(rf"#\s*noqa:\s*(?P<rules>[A-Z]+[0-9]*(?:[,\s]+(?:[A-Z]+[0-9]+|HYG\b))*)(?![\w:]){_REST}", re.I)
_SEPARATOR = re.compile(r"[,\s]+")


class Suppression(NamedTuple):
    """A comment that silences rules on some lines (none: in the whole file). Without names, it silences all rules.

    A `noqa` names codes, some of which may be those of other linters. `comment` is the span of the whole comment, with
    any other text in it.
    """

    comment: Span
    lines: tuple[int, ...]
    rules: tuple[str, ...] = ()
    reason: str = ""
    noqa: bool = False

    def names(self, code: str, name: str) -> bool:
        """Whether the comment silences this rule, on its lines."""
        return not self.rules or any(self.means(rule, code, name) for rule in self.rules)

    def means(self, rule: str, code: str, name: str) -> bool:
        """Whether one of its words selects this rule; those of a `noqa` are codes or prefixes of codes."""
        return is_ours(rule) and code.startswith(rule.upper()) if self.noqa else rule in (code, name)


def is_ours(word: str) -> bool:
    """Whether a word of a `noqa` selects our rules: `HYG101`, `HYG1`, `HYG`; not `H`, which is another plugin's."""
    return word.upper().startswith("HYG")


class Judgement(NamedTuple):
    """The effect of a comment: which of its words silence nothing, and which name no rule."""

    suppression: Suppression
    unused: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()  # with the closest valid word
    useless: bool = False


def is_silenced(file: File, comments: Sequence[Suppression], finding: Finding) -> bool:
    """Whether a comment silences a finding."""
    if not any(comment.names(finding.code, finding.name) for comment in comments):
        return False
    lines = _lines(file, finding)
    return any(
        comment.names(finding.code, finding.name) and (not comment.lines or lines & {*comment.lines})
        for comment in comments
    )


def judge(
    file: File,
    comments: Iterable[Suppression],
    findings: Collection[Finding],
    names: Mapping[str, str],
    run: Collection[str],
    default: Collection[str],
) -> Iterator[Judgement]:
    """Yield the effect of each comment. A word is unused only if its rules were run.

    Arguments:
        findings: all findings of the file, of any confidence.
        names: the name of each code.
        run: codes of the rules that were run on the file.
        default: codes of the rules that a comment means which names none.
    """
    places = [(finding, _lines(file, finding)) for finding in findings]
    for comment in comments:
        silenced = [each for each, lines in places if not comment.lines or lines & {*comment.lines}]
        if not comment.rules:
            yield Judgement(comment, useless=not silenced and {*run} >= {*default})
            continue
        unused: list[str] = []
        unknown: list[tuple[str, str]] = []
        for word in comment.rules:
            if comment.noqa and not is_ours(word):
                continue
            means = {code for code, name in names.items() if comment.means(word, code, name)}
            if not means:
                unknown.append((word, did_you_mean(word, [*names, *names.values()])))
            elif {*run} >= (means & {*default} or means) and not any(each.code in means for each in silenced):
                unused.append(word)
        yield Judgement(comment, tuple(unused), tuple(unknown), useless=len(unused) == len(comment.rules))


def remove_rules(file: File, comment: Suppression, words: Collection[str]) -> str:
    """Return the text of a comment without some of its rules; if none is left, only its other text."""
    line, start, _, end = comment.comment
    text = file.lines[line - 1][start:end]
    found = (_NOQA if comment.noqa else _OURS).search(text)
    if found is None:
        return text
    left = [rule for rule in comment.rules if rule not in words]
    if left:
        return text[: found.start("rules")] + ("," if comment.noqa else ", ").join(left) + text[found.end("rules") :]
    return "  ".join(part for part in (text[: found.start()].rstrip(), text[found.end() :].strip()) if part)


def rewrite_comment(text: str, comment: Suppression, more: Sequence[str], reason: str) -> str:
    """Return the text of an `ignore` comment with more rules, and with a reason if it has none."""
    found = _OURS.search(text)
    if found is None:
        return text
    names = ", ".join(dict.fromkeys((*comment.rules, *more)))
    why = found["reason"] if comment.reason or not reason else f" {reason}"
    return f"{text[: found.start('rules')]}{names}]{why}{text[found.end() :]}"


def suppressions(file: File) -> tuple[Suppression, ...]:
    """Return the comments of a file that silence findings."""
    if "dbhygiene:" not in file.text and "noqa" not in file.text.lower():
        return ()
    try:
        return tuple(_read(file.text))
    except (tokenize.TokenError, SyntaxError):  # parsed all the same: `tokenize` is the stricter of the two
        return ()


_BLANK = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def _read(text: str) -> Iterator[Suppression]:
    pending: list[Suppression] = []  # comments alone on their lines, until the next code
    code_line = 0
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        if token.type == tokenize.COMMENT:
            for found in _in_comment(token):
                if found.noqa or not found.lines or found.lines[0] == code_line:
                    yield found
                else:
                    pending.append(found)
        elif token.type not in _BLANK:
            for above in pending:
                yield above._replace(lines=(*above.lines, token.start[0]))
            pending.clear()
            code_line = token.end[0]
    yield from pending


def _in_comment(token: tokenize.TokenInfo) -> Iterator[Suppression]:
    line = token.start[0]
    where = Span(*token.start, *token.end)
    for pattern in (_OURS, _NOQA):
        if match := pattern.search(token.string):
            lines = () if pattern is _OURS and match["file"] else (line,)
            words = tuple(word for word in _SEPARATOR.split(match["rules"] or "") if word)
            if pattern is _NOQA and not any(map(is_ours, words)):
                continue
            yield Suppression(where, lines, words, match["reason"].strip(), pattern is _NOQA)


def _lines(file: File, finding: Finding) -> set[int]:
    """Return the lines on which a comment silences a finding: first and last of it, and of its statement."""
    lines = {finding.span.line, finding.span.end_line}
    statement = statement_at(file.tree, finding.span.line)
    if statement is not None:
        body = getattr(statement, "body", None)
        if body:  # of a compound statement, only the head belongs to the finding
            return {finding.span.line, statement.lineno, max(statement.lineno, body[0].lineno - 1)}
        lines |= {statement.lineno, statement.end_lineno or statement.lineno}
    return lines


def statement_at(tree: ast.Module, line: int) -> ast.stmt | None:
    """Return the innermost statement that covers a line."""
    covering = [s for s in ast.walk(tree) if isinstance(s, ast.stmt) and s.lineno <= line <= (s.end_lineno or 0)]
    return max(covering, key=lambda s: (s.lineno, s.col_offset), default=None)
