"""`rule_page`, `path_page`: pages for the editor to show, as Markdown: that of a rule, and the path to a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dbhygiene.checker.own_pages import page_of
from dbhygiene.diagnostics.model import Finding
from dbhygiene.lsp.workspace import Checked, Workspace


def rule_page(name: str) -> str:
    """Return the page of a rule, with its name as the title."""
    return f"# {name}\n\n{page_of(name).strip()}\n"


def path_page(workspace: Workspace, checked: Checked, finding: Finding) -> str:
    """Return the steps that lead to a finding, each with a link to its line."""
    parts = [f"# {finding.code} {finding.name}", finding.message, *_steps(workspace, checked, finding), *finding.notes]
    return "\n\n".join(parts) + "\n"


def _steps(workspace: Workspace, checked: Checked, finding: Finding) -> Iterator[str]:
    for number, step in enumerate(checked.in_document(finding).steps, 1):
        line, lines = step.span.line, checked.project.lines(step)
        code = lines[line - 1].strip() if line <= len(lines) else ""
        address = workspace.address(step)
        if step.cell is None:
            place = f"[{_name(step.path, checked)}:{line}]({address}#L{line})"
        else:
            place = f"[{_name(step.path, checked)}:cell {step.cell}:{line}]({address})"
        yield f"{number}. {place}: {step.message}\n\n       {code}"


def _name(path: Path, checked: Checked) -> str:
    root = checked.project.root
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
