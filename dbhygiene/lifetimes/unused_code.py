"""`is_unused_function`: whether nothing in an application calls a function; likewise for classes and modules.

An application is a project with a program that no other project imports. Plugins, handlers and hooks are called by code
that does not name them: where that may be, a function counts as used. `is_script` is for files that are programs.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from dbhygiene.config.loading import MARKERS
from dbhygiene.library.entry_points import (
    BEGINNINGS,
    FOUND_BY_NAME,
    FOUND_CLASSES,
    FOUND_IN,
    GIVEN_TO_HOOKS,
    HOOKS,
    LOADERS,
    PASSIVE_BASES,
    PREPARES,
    registers,
)
from dbhygiene.library.test_files import directories, is_example, is_of_scripts, is_test_file
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import Definition, base_classes, find_definition
from dbhygiene.program.names import is_imported
from dbhygiene.source.file import File, file_query, with_others
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.lexing import without_comments
from dbhygiene.source.nodes import Function, last_name
from dbhygiene.source.queries import query, tables

LOOK_UPS = lazy_pattern(
    r"\b(?:getattr|globals|locals|vars|eval|exec|methodcaller|import_module|__import__)\s*\(|\b__dict__\b"
)


def is_unused_function(file: File, function: Function, cls: Definition | None) -> bool:
    """Whether nothing in an application names a function, or nothing outside of a module that nothing imports.

    Frameworks and platforms call some functions by their names or with their objects: those may run.
    """
    if function.decorator_list or not _is_own_project(file):
        return False
    if cls is None and "." in file.functions[function].name:
        return False
    if HOOKS.fullmatch(function.name) or any(each.arg in GIVEN_TO_HOOKS for each in named_parameters(function)):
        return False
    if is_unused_module(file):
        return True
    if not is_imported(file):
        return False
    but_tests = is_imported(file, but_by=is_test_file)
    if cls is None:
        own = Definition(file, function, file.functions[function].name)
        return not _may_be_named_again(own, but_tests=but_tests)
    return not _is_named_again(file, function.name, but_tests=but_tests) and _is_called_by_names(cls)


@query
def is_unused_class(cls: Definition) -> bool:
    """Whether nothing in an application names a class, so that no object of it is made."""
    node = cls.node
    if not isinstance(node, ast.ClassDef) or node.decorator_list or node.keywords or "." in cls.name:
        return False
    if FOUND_CLASSES.fullmatch(cls.name) or not _is_own_project(cls.file) or _is_named_again(cls.file, cls.name):
        return False
    if not PASSIVE_BASES.issuperset(foreign_bases(cls)) or next(iter(base_classes(cls)), None) is not None:
        return False  # a base class may collect its subclasses
    return _is_of_application(cls.file) and (is_imported(cls.file) or is_unused_module(cls.file))


@file_query
def is_unused_module(file: File) -> bool:
    """Whether nothing in an application imports or runs a file, which only defines functions and classes."""
    name = file.path.stem
    if name.startswith("__") or FOUND_BY_NAME.fullmatch(name) or not FOUND_IN.isdisjoint(directories(file)):
        return False
    if file.is_interactive or any(_runs_something(file, each) for each in file.tree.body if not _prepares(each)):
        return False
    if not _is_own_project(file) or is_imported(file, but_by=is_test_file) or not _is_of_application(file):
        return False
    if any(map(registers, _decorators(file))) or any(map(_is_programs, _files_with(file, LOADERS))):
        return False
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    if file.project.scripts_mentioning(name) or any(map(word.search, _deployment_texts(file))):
        return False
    named = (each for each in file.project.files_containing(name) if each.path != file.path)
    return not any(_may_load(each, word) for each in named if not is_test_file(each))


def _prepares(statement: ast.stmt) -> bool:
    """Whether a statement at the top of a module calls something that only prepares what its functions do."""
    match statement:
        case ast.Expr(value=ast.Call(func=called)):
            return last_name(called) in PREPARES
    return False


def _may_load(other: File, word: re.Pattern[str]) -> bool:
    """Whether a file names a module by a string, or does not parse."""
    if not other.is_program:
        return word.search(other.text) is not None
    return any(word.search(said) for said in strings_of(other))


def _decorators(file: File) -> Iterator[ast.expr]:
    for functions in (file.nodes(ast.FunctionDef), file.nodes(ast.AsyncFunctionDef)):
        yield from (decorator for function in functions for decorator in function.decorator_list)
    yield from (decorator for cls in file.nodes(ast.ClassDef) for decorator in cls.decorator_list)


def _deployment_texts(file: File) -> Iterator[str]:
    deployment = file.project.deployment()
    return map(deployment.text, deployment.names)


def _files_with(file: File, words: frozenset[str]) -> Iterator[File]:
    """Yield the other files of a project that contain one of these words."""
    for word in sorted(words):
        yield from (each for each in file.project.files_containing(word) if each.path != file.path)


def _is_programs(file: File) -> bool:
    """Whether a file is neither a test nor an example."""
    return not is_test_file(file) and not is_example(file)


@query
def _is_of_application(file: File) -> bool:
    """Whether a file is not imported by other projects, and another file of its own project is a program.

    A file beside which there is no program may be a library that its users copy.
    """
    return _is_own_project(file) and any(map(_is_programs, _files_with(file, BEGINNINGS)))


def _is_own_project(file: File) -> bool:
    """Whether no other project imports a file; without a mark of the project's root, there may be other files."""
    root = file.project.root
    if root is None or not any((root / mark).exists() for mark in (*MARKERS, *_OF_APPLICATIONS)):
        return False
    return not file.project.is_distributed


# Files at the root of an application that has no repository around it: in an image, or an archive.
_OF_APPLICATIONS = ("requirements.txt", "Pipfile", "Dockerfile", "docker-compose.yml", "compose.yaml", "Procfile")


@query
def _is_named_again(file: File, name: str, *, but_tests: bool = False) -> bool:
    """Whether a file of the project has a name besides its definition, in other places than comments.

    Arguments:
        but_tests: whether tests do not count.
    """
    others = file.project.files_mentioning_all(name)
    if others is None or file.project.scripts_mentioning(name):
        return True
    word = re.compile(rf"\b{name}\b")
    containing = [each for each in file.project.files_containing(name) if not (but_tests and is_test_file(each))]
    if any(word.search(_without_comments(each)) for each in containing if each.path != file.path):
        return True
    return len(word.findall(_without_comments(file))) > 1 or any(map(word.search, _deployment_texts(file)))


@query
def _may_be_named_again(function: Definition, *, but_tests: bool) -> bool:
    """Whether a file has the name of a function in a place that is not surely another function of this name.

    Arguments:
        but_tests: whether tests do not count.
    """
    file, name = function.file, function.last_name
    others = file.project.files_mentioning_all(name)
    if others is None or file.project.scripts_mentioning(name):
        return True
    word = re.compile(rf"\b{name}\b")
    for each in with_others(file, file.project.files_containing(name)):
        if but_tests and is_test_file(each):
            continue
        found = len(word.findall(_without_comments(each)))
        known = sum(_is_other(each, node, function) for node in _nodes_with(each, name)) if each.is_program else 0
        if found > known + (each.path == file.path):
            return True
    return any(map(word.search, _deployment_texts(file)))


def _nodes_with(file: File, name: str) -> Iterator[ast.AST]:
    """Yield the nodes of a file in which a name stands once."""
    yield from (each for each in file.nodes(ast.Name) if each.id == name)
    yield from (each for each in file.nodes(ast.Attribute) if each.attr == name)
    yield from (each for each in file.nodes(ast.FunctionDef) if each.name == name)
    yield from (each for each in file.nodes(ast.AsyncFunctionDef) if each.name == name)
    yield from (each for each in file.nodes(ast.ImportFrom) if [alias.name for alias in each.names].count(name) == 1)


def _is_other(file: File, node: ast.AST, function: Definition) -> bool:
    """Whether a node that has the name of a function stands for another function of the project."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return node is not function.node
        case ast.ImportFrom(names=names):
            given = next(alias.asname or alias.name for alias in names if alias.name == function.last_name)
            name = file.scope.imports.get(given)
        case _:
            name = file.resolve(node)
    found = find_definition(file, name) if name is not None else None
    return found is not None and not found.is_same(function)


@query
def _without_comments(file: File) -> str:
    return without_comments(file.text)


def _is_called_by_names(cls: Definition) -> bool:
    """Whether the program calls the methods of a class by their names: most of them are named elsewhere.

    Otherwise a server, or a framework, may look them up in its objects.
    """
    public = [name for name in cls.file.classes[cls.name].defined if not name.startswith("_")]
    if LOOK_UPS.search(cls.file.text) is not None or any(name.isupper() for name in public):
        return False
    return 2 * sum(_is_named_again(cls.file, name) for name in public) > len(public)


@file_query
def is_script(file: File) -> bool:
    """Whether a file is a program of its own: its top level calls something, and no file imports it.

    A module of a package is one if it says what to do when it is run, and nothing may load it by its name.
    """
    in_package = is_in_package(file)
    if in_package and file.path.name == "__init__.py":
        return False
    begins = is_main if in_package else _runs_something
    if not any(begins(file, each) for each in file.tree.body) or is_imported(file):
        return False
    return not in_package or is_of_scripts(file) or not may_be_loaded(file)


def may_be_loaded(file: File) -> bool:
    """Whether another file may import a module of a package by a string, or all modules of the package."""
    package, _, name = file.module.rpartition(".")
    others = file.project.files_mentioning_all(name)
    named = re.compile(rf"(?:^|[.:/]){re.escape(name)}(?:[.:]|$)")
    if others is None or any(
        named.search(said) for each in others if each.path != file.path for said in strings_of(each)
    ):
        return True
    loading = [file.project.files_mentioning_all(each, package.rpartition(".")[2]) for each in LOADERS]
    return any(files is None or not all(map(is_test_file, files)) for files in loading)


def is_in_package(file: File) -> bool:
    package, _, _ = file.module.rpartition(".")
    return package != "" and file.project.module(package, file) is not None


def is_main(file: File, node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in file.segment(node.test)


def _runs_something(file: File, statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.For() | ast.While() | ast.With():
            return True
    return is_main(file, statement)


@tables
def strings_of(file: File) -> Mapping[str, list[ast.Constant]]:
    """Return the strings in a file, by their values."""
    found = defaultdict[str, list[ast.Constant]](list)
    for node in file.nodes(ast.Constant):
        if isinstance(node.value, str):
            found[node.value].append(node)
    return file.table("strings", found, strings_of)
