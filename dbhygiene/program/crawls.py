"""`part_of_crawl`: whether a class is a part of a crawl of Scrapy: a spider, a pipeline of items, a middleware.

class Prices(scrapy.Spider): ...                                         # by its base
class Store:
    def process_item(self, item, spider): ...                            # by a method
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.entry_points import CRAWL_FRAMEWORK, CRAWL_METHODS, LASTING_CRAWLS
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.queries import query


def part_of_crawl(file: File, node: ast.AST) -> ast.ClassDef | None:
    """Return the class around a node if it is a part of a crawl, which ends, and whose process ends with it."""
    for around in file.around(node):
        if isinstance(around, ast.ClassDef):
            return around if around in _parts(file) else None
    return None


def has_part_of_crawl(file: File) -> bool:
    """Whether a class of a file is a part of a crawl, which ends, and whose process ends with it."""
    return bool(_parts(file))


@query
def _parts(file: File) -> tuple[ast.ClassDef, ...]:
    if not any(word in file.text for word in (CRAWL_FRAMEWORK, *CRAWL_METHODS)):
        return ()
    found = tuple(
        scope.node
        for name, scope in file.classes.items()
        if isinstance(scope.node, ast.ClassDef) and _is_part(file, Definition(file, scope.node, name))
    )
    lasting = (file.project.files_mentioning_all(word) for word in LASTING_CRAWLS)
    return found if found and all(files is not None and not files for files in lasting) else ()


def _is_part(file: File, cls: Definition) -> bool:
    if any(base.partition(".")[0] == CRAWL_FRAMEWORK for base in foreign_bases(cls)):
        return True
    return any(_is_called_by_crawl(method) for method in _methods(cls))


def _methods(cls: Definition) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (each for each in getattr(cls.node, "body", ()) if isinstance(each, FUNCTION))


def _is_called_by_crawl(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method has the name and the parameters with which a crawl calls it."""
    expected = CRAWL_METHODS.get(method.name)
    return expected is not None and tuple(each.arg for each in named_parameters(method))[1:] == expected
