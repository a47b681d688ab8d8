"""`ModuleWriter`: the code of versions of one LibCST module, which share most of its statements. Each is written once.

class Store:                 class Store:
    def load(self): ...          __kept_0__          # the code of `load` is known
    def save(self): ...  ──▶     def save(self):
                                     ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import libcst as cst

_MARK = "__kept_"
_KEPT = re.compile(r"[ \t\f]*" + _MARK + r"(\d+)__(\r\n|\r|\n)?")
_END = re.compile(r"(?:\r\n|\r|\n)\Z")
BlockT = TypeVar("BlockT", cst.Module, cst.IndentedBlock)


class ModuleWriter:
    """Writes versions of a module."""

    def __init__(self, module: cst.Module, text: str) -> None:
        self._module = module
        # The statements of the module and its classes, each with what its lines are indented by.
        self._indents = dict(self._statements(module.body, "")) if _MARK not in text else {}
        self._codes: dict[cst.CSTNode, str] = {}

    def _statements(self, body: Sequence[cst.CSTNode], indent: str) -> Iterator[tuple[cst.CSTNode, str]]:
        for statement in body:
            yield statement, indent
            if isinstance(statement, cst.ClassDef) and isinstance(block := statement.body, cst.IndentedBlock):
                yield from self._statements(block.body, indent + self._step(block))

    def _step(self, block: cst.IndentedBlock) -> str:
        return self._module.default_indent if block.indent is None else block.indent

    def code(self, module: cst.Module) -> str:
        """Return the code of a version of the module."""
        kept: list[cst.BaseStatement] = []
        short = self._shortened(module, kept).code

        def write(found: re.Match[str]) -> str:
            code = self._code(kept[int(found[1])])
            return code if found[2] else _END.sub("", code)

        return _KEPT.sub(write, short)

    def _shortened(self, block: BlockT, kept: list[cst.BaseStatement]) -> BlockT:
        """Return a block with placeholders for the statements that the module has, too."""
        body: list[cst.BaseStatement] = []
        for statement in block.body:
            if statement in self._indents:
                body.append(_placeholder(len(kept)))
                kept.append(statement)
            elif isinstance(statement, cst.ClassDef) and isinstance(statement.body, cst.IndentedBlock):
                body.append(statement.with_changes(body=self._shortened(statement.body, kept)))
            else:
                body.append(statement)
        return block.with_changes(body=body)

    def _code(self, statement: cst.BaseStatement) -> str:
        """Return the code of a statement of the module, on lines of its own."""
        if statement not in self._codes:
            indent = self._indents[statement]
            node = cst.IndentedBlock([statement], indent=indent) if indent else statement
            code = self._module.code_for_node(node)
            self._codes[statement] = code.removeprefix(self._module.default_newline) if indent else code
        return self._codes[statement]


def _placeholder(number: int) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([cst.Expr(cst.Name(f"{_MARK}{number}__"))])
