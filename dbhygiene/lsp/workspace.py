"""`Workspace`: the folders of the editor and their projects; it finds what the editor asks about a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lsprotocol import types

from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.cells import in_cell
from dbhygiene.diagnostics.model import Finding, Step
from dbhygiene.lsp.client import Client, EditorOptions
from dbhygiene.lsp.diagnostics import diagnostic_of
from dbhygiene.lsp.documents import Document, uri_of
from dbhygiene.lsp.notebooks import OpenNotebook, Texts, documents_of
from dbhygiene.lsp.open_project import OpenProject, Progress, settings_of
from dbhygiene.lsp.settings_problems import Reports, mistakes, warnings


class Checked(NamedTuple):
    """A document, its project, and the findings in it, with the lines of the file's program."""

    document: Document
    project: OpenProject
    findings: Sequence[Finding]

    def finding(self, fingerprint: str) -> Finding | None:
        """Return the finding with a fingerprint."""
        return next((each for each in self.findings if each.fingerprint == fingerprint), None)

    def in_document(self, finding: Finding) -> Finding:
        """Return a finding with the lines that the editor counts: in a notebook, those of each cell."""
        return in_cell(finding, self.project.project.notebook_at)


class Workspace:
    """The folders, their projects and the open documents. Not for several threads at once.

    After a mistake in the settings of a project, the last valid ones stay in use. `problems` are the diagnostics of
    such mistakes.
    """

    def __init__(self, client: Client, options: EditorOptions, folders: Iterable[Path]) -> None:
        self.client, self.options = client, options
        self.folders = tuple(folders)
        self._problems: dict[Path, Reports] = {}  # by the roots of projects
        self._projects: dict[Path, OpenProject] = {}  # by their roots; a loose file is its own root
        self._roots: dict[Path, Path | None] = {}  # of documents
        self._texts: Texts = {}

    def document(self, uri: str) -> Document | None:
        """Return an open document."""
        return documents_of(self._texts).get(uri)

    def documents_beside(self, document: Document) -> Iterable[Document]:
        """Return the documents that hold the text of a file: of a notebook, all its Python cells."""
        return [each for each in documents_of(self._texts).values() if each.path == document.path]

    # -- projects -------------------------------------------------------------------------------------

    def use(self, texts: Texts) -> None:
        """Use these texts from now on."""
        if texts is not self._texts:
            self._texts = texts
            for root, project in self._projects.items():
                project.use(self._texts_in(root))

    def _texts_in(self, root: Path) -> Mapping[Path, Document | OpenNotebook]:
        return {each.path: each for each in self._texts.values() if self.root_of(each.path) == root}

    def refresh(self, *, anew: bool = False) -> None:
        """Look for files and settings that have changed on disk; `anew`: others than Python files may have."""
        self._roots.clear()
        for root in {*self._projects, *self._problems}:
            self._load(root)
        for project in self._projects.values():
            project.refresh(anew=anew)

    def move(self, folders: Iterable[Path]) -> None:
        """Use other folders from now on."""
        self.folders = tuple(folders)
        self._roots.clear()
        used = {self.root_of(text.path) for text in self._texts.values()}
        for known in (self._projects, self._problems):
            for root in known.keys() - used:
                del known[root]

    def configure(self, options: EditorOptions) -> None:
        """Use other options of the editor from now on."""
        self.options = options
        self.refresh()

    @property
    def problems(self) -> Reports:
        """The diagnostics of the files with settings; of several projects, a file has at most one."""
        return {path: found for reports in self._problems.values() for path, found in reports.items()}

    def root_of(self, path: Path) -> Path | None:
        """Return the root of the project of a file; None if it is outside of all folders."""
        if path not in self._roots:
            self._roots[path] = self._find_root(path)
        return self._roots[path]

    def _find_root(self, path: Path) -> Path | None:
        folder = max(
            (each for each in self.folders if path.is_relative_to(each)), key=lambda each: len(each.parts), default=None
        )
        if self.folders and folder is None:
            return None
        root = loading.marked_root(path, folder or path.parent) or folder
        return path if root is None or loading.is_too_much(root) else root

    def project_of(self, path: Path) -> OpenProject | None:
        """Return the project of a file; None if it is outside of all folders, or its settings were never valid."""
        root = self.root_of(path)
        if root is not None and root not in self._projects and root not in self._problems:
            self._load(root)
        return self._projects.get(root) if root else None

    def _load(self, root: Path) -> None:
        """Read the settings of a project, and open it anew if they have changed."""
        known, is_directory = self._projects.get(root), root.is_dir()
        try:
            settings = settings_of(root if is_directory else root.parent, self.options.config)
        except UsageError as error:
            self._problems[root] = mistakes(root, error, self.client.encoding)
            return
        self._problems.pop(root, None)
        if known is None or known.settings != settings:
            project = OpenProject(root, settings) if is_directory else OpenProject(root.parent, settings, only=root)
            project.use(self._texts_in(root))
            self._projects[root] = project
        if found := warnings(self._projects[root].project, self.client.encoding):
            self._problems[root] = found

    def tidy(self) -> None:
        """Free what earlier checks have left, while the editor asks for nothing."""
        for project in self._projects.values():
            project.tidy()

    # -- answers --------------------------------------------------------------------------------------

    def check(self, document: Document) -> Checked | None:
        """Return the findings in a document; None if it is not checked."""
        project = self.project_of(document.path)
        if project is None or not project.includes(document.path):
            return None
        try:
            checked = Checked(document, project, project.findings(document.path))
        except UsageError as error:  # of the baseline
            self._problems[project.root] = mistakes(project.root, error, self.client.encoding)
            return None
        here = [each for each in checked.findings if checked.in_document(each).cell == document.cell]
        return checked._replace(findings=here)

    def diagnostics(self, document: Document) -> list[types.Diagnostic]:
        """Return the diagnostics of a document."""
        checked = self.check(document)
        return [self.diagnostic(checked, finding) for finding in checked.findings] if checked else []

    def diagnostic(self, checked: Checked, finding: Finding) -> types.Diagnostic:
        """Return the diagnostic of a finding."""
        return diagnostic_of(checked.in_document(finding), self.client, checked.project.lines, self.address)

    def all_diagnostics(self, progress: Progress) -> dict[str, list[types.Diagnostic]]:
        """Return the diagnostics of all files that have any, by their addresses; those of loose files are left out.

        What `progress` raises ends the check.
        """
        for folder in self.folders:
            self.project_of(folder / "any.py")
        found: dict[str, list[types.Diagnostic]] = {}
        for project in self._projects.values():
            try:
                checked = project.check_all(progress)
            except UsageError as error:  # of the baseline
                self._problems[project.root] = mistakes(project.root, error, self.client.encoding)
                continue
            for path, findings in checked.items():
                if self.root_of(path) == project.root:  # else it is another project's, within this one
                    each = [diagnostic_of(finding, self.client, project.lines, self.address) for finding in findings]
                    found[self.address(findings[0])] = each
        return found

    def finding(self, uri: str, fingerprint: str) -> tuple[Checked, Finding] | None:
        """Return a finding of an open document."""
        document = self.document(uri)
        checked = self.check(document) if document else None
        finding = checked.finding(fingerprint) if checked else None
        return (checked, finding) if checked and finding else None

    def address(self, place: Finding | Step) -> str:
        """Return the address of the file of a place, or of its cell, as the editor spells it if the file is open."""
        text = next((each for each in self._texts.values() if each.path == place.path), None)
        if isinstance(text, OpenNotebook) and place.cell is not None:
            return text.cells[place.cell - 1]
        return text.uri if text is not None else uri_of(place.path)
