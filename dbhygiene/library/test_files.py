"""`is_test_file`: which files are tests, examples, or tools of the project's own developers."""

from __future__ import annotations

import ast
import re

from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, without_arguments
from dbhygiene.source.queries import query

FIXTURES = frozenset({"pytest.fixture", "pytest.yield_fixture", "pytest_asyncio.fixture"})
_DIRECTORIES = {"tests", "test", "testing", "test_utils", "test_helpers", "test_support", "acceptance", "e2e"}
_TEST_NAMES = ("test_", "tests_", "tests.", "testing.", "conftest", "locustfile")
_OF_BEHAVIOUR = lazy_pattern(r"(?m)^\s*(?:from|import)\s+(?:aloe|behave|lettuce|pytest_bdd|radish)\b")
_EXAMPLES = set("example examples sample samples tutorial tutorials docs snippets cookbook cookbooks".split())
_EXAMPLE_WORDS = {"example", "sample"}
_OF_SCRIPTS = {"bin", "script", "scripts", "tools", "util", "utils"}
_OF_ANSIBLE = lazy_pattern(r"(?m)^\s*(?:from|import)\s+ansible(?:_collections\.[\w.]+)?\.module_utils\b")
_FOR_DEVELOPERS = set("devel devtools dev_tools dev-tools development _development hack benchmark benchmarks".split())
_RETIRED = lazy_pattern(
    r"(?i)_*(?:archived|archive_\d.*|bak|trash|(?:attic|deprecated|disabled|graveyard|legacy|obsolete|old|unused)(?:_.*)?)"
)


def retired_folder(file: File) -> str | None:
    """Return the name of a directory around a file which says that the program no longer uses it, if there is one."""
    return next((name for name in directories(file) if _RETIRED.fullmatch(name)), None)


def is_for_developers(file: File) -> bool:
    """Whether a file is a tool of the project's own developers, by a directory around it or its own name."""
    return not _FOR_DEVELOPERS.isdisjoint((*directories(file), file.path.stem))


def is_example(file: File) -> bool:
    """Whether a file shows how something is used, by a directory around it or by its name, as `config.example.py`."""
    words = re.split(r"[._-]", file.path.stem.lower())
    return not _EXAMPLES.isdisjoint(directories(file)) or (len(words) > 1 and not _EXAMPLE_WORDS.isdisjoint(words))


def is_of_ansible(file: File) -> bool:
    """Whether a file is a module of Ansible or its helper: each task runs in a process of its own, which then ends."""
    return _OF_ANSIBLE.search(file.text) is not None


def is_of_scripts(file: File) -> bool:
    """Whether a project keeps its scripts in a directory around a file; there may be modules, too."""
    return not _OF_SCRIPTS.isdisjoint(directories(file))


def is_in_fixture(file: File, node: ast.AST) -> bool:
    """Whether code is in a fixture of pytest."""
    functions = (each for each in (node, *file.around(node)) if isinstance(each, FUNCTION))
    decorators = (each for function in functions for each in function.decorator_list)
    return any(file.resolve(without_arguments(each)) in FIXTURES for each in decorators)


def directories(file: File) -> tuple[str, ...]:
    """Return the names of the directories around a file, up to the root of its project; without a root, of one."""
    root = file.project.root
    inside = file.path.relative_to(root) if root is not None and file.path.is_relative_to(root) else file.path
    return inside.parts[:-1] if not inside.is_absolute() else inside.parts[-2:-1]


@query
def is_test_file(file: File) -> bool:
    """Whether a file is a part of tests, by its name or a directory around it: tests end before any timeout."""
    name = file.path.name
    if name.startswith(_TEST_NAMES) or name.endswith(("_test.py", "_tests.py")):
        return True
    around = {*file.module.split(".")[:-1], *directories(file)}
    if not around.isdisjoint({"features", "steps"}) and _OF_BEHAVIOUR.search(file.text) is not None:
        return True  # in the folders in which behave and its like look
    return any(
        each in _DIRECTORIES or each.endswith(("_tests", "_testing")) or each.startswith("testing_") for each in around
    )
