"""`may_be_pending`: whether a connection may have writes that are not committed when a function waits.

cursor.execute("insert ...")
time.sleep(3600)                     # if the server closes the connection now, the row is lost
conn.commit()
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.program.bindings import Place
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import patterns
from dbhygiene.recovery.handles import Root, handle_of, owner_of
from dbhygiene.recovery.operations import may_use, of_call
from dbhygiene.recovery.paths import everywhere, solve_facts
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Code

_COMMITS_ITSELF = re.compile(r"""autocommit["']?\s*[=:(]\s*(?:True|1)\b""", re.IGNORECASE)
_READS = re.compile(r"\s*(?:SELECT|SHOW|SET|USE|DESCRIBE|EXPLAIN)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR\s+(?:UPDATE|SHARE)\b|\bINTO\b|GET_LOCK", re.IGNORECASE)
_STATEMENTS = frozenset({"execute", "executemany", "query"})


def may_be_pending(file: File, code: Code, variable: str, wait: ast.AST) -> bool:
    """Whether a connection, the value of a variable, may have writes without a commit after the call that waits."""
    if _COMMITS_ITSELF.search(file.text):
        return False
    name = variable.rpartition(".")[2]

    def transfer(node: Node, pending: bool) -> Iterable[tuple[EdgeKind, bool]]:
        return everywhere(_after(file, node, name, pending=pending))

    solution = solve_facts(file, code, [False], transfer)
    if solution is None:
        return True
    nodes = [node for node in solution.nodes() if isinstance(node.event, cfg.Call) and node.event.node is wait]
    return not nodes or any(_after(file, node, name, pending=each) for node in nodes for each in solution.at(node))


def _after(file: File, node: Node, name: str, *, pending: bool) -> bool:
    event = node.event
    if isinstance(event, cfg.Leave):
        held = handle_of(file, event.node.context_expr)
        return pending and not (held is not None and held.kind == "connection" and _is_named(held.root, name))
    if not isinstance(event, cfg.Call):
        return pending
    done = [each for each in of_call(file, event.node).operations if _is_named(each.root, name)]
    verbs = {each.verb for each in done}
    if verbs & {"commits", "ends", "opens", "reopens"}:
        return False
    if verbs:
        return pending or not _only_reads(file, event.node)
    roots = {
        held.root for each in ast.walk(event.node) if isinstance(each, ast.expr) and (held := handle_of(file, each))
    }
    return pending or any(may_use(file, event.node, root) for root in roots if _is_named(root, name))


def _is_named(root: Root, name: str) -> bool:
    return isinstance(root, Place) and root.path == name


def _only_reads(file: File, call: ast.Call) -> bool:
    """Whether a call sends a statement that changes no row and takes no lock, or tests the connection."""
    if owner_of(file, call) is None or not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr not in _STATEMENTS:
        return call.func.attr == "ping"
    texts = list(patterns(evaluate(file, call.args[0]))) if call.args else []
    return bool(texts) and all(_READS.match(text) and not _LOCKS.search(text) for text in texts)
