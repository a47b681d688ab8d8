"""The fix of a session that is not closed changes nothing that the function returns: each chain of calls is run."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import ModuleType

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence
from dbhygiene.fixes.apply import fix
from dbhygiene.project.project import Project

pytest.importorskip("sqlalchemy")

_PART = 7  # every seventh function is run: all of them take two minutes
_HEAD = """
from sqlalchemy import ForeignKey, create_engine, func, insert, select, text, update
from sqlalchemy.orm import Mapped, declarative_base, mapped_column, relationship, sessionmaker
from sqlalchemy.pool import StaticPool

Base = declarative_base()


class Owner(Base):
    __tablename__ = "owner"
    id: Mapped[int] = mapped_column(primary_key=True)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Owner] = relationship()


Session = sessionmaker(create_engine("sqlite://"))
"""
_SET_UP = """
engine = create_engine("sqlite://", poolclass=StaticPool)
Base.metadata.create_all(engine)
Session = sessionmaker(engine)
with Session.begin() as session:
    session.add_all([Owner(id=1), Order(id=1, total=5, owner_id=1), Order(id=2, total=7, owner_id=1)])
"""
_ASKED = (
    "query(Order)",
    "query(Order.id)",
    "query(Order.id, Order.total)",
    "query(Order, Order.id)",
    "query(func.count(Order.id))",
    "execute(text('select id from orders'))",
    "execute(select(Order))",
    "execute(select(Order.id, Order.total))",
    "execute(select(func.max(Order.total)))",
    "execute(select(Order.id).add_columns(Order))",
    "execute(update(Order).values(total=3))",
    "execute(update(Order).values(total=3).returning(Order))",
    "execute(update(Order).values(total=3).returning(Order.id))",
    "scalars(select(Order))",
    "scalars(select(Order.id))",
    "scalar(select(Order.id))",
    "scalar(select(Order))",
    "scalar(text('select 1'))",
    "get(Order, 1)",
)
_BUILT = (
    "",
    ".filter(Order.id > 0)",
    ".order_by(Order.id).limit(1)",
    ".with_entities(Order)",
    ".with_entities(Order.total)",
    ".add_columns(Order)",
    ".add_entity(Order)",
    ".from_statement(select(Order))",
    ".union(session.query(Order))",
)
_READ = (
    *("", ".all()", ".first()", ".one_or_none()", ".scalar()", ".count()", ".fetchall()", ".fetchone()", ".subquery()"),
    *(".scalars()", ".scalars().all()", ".scalars().first()", ".mappings()", ".mappings().all()", ".tuples().all()"),
    *(".unique().all()", ".partitions(1)", ".columns(0).all()", ".yield_per(1)", ".rowcount", ".owner", "[0]"),
)


def _functions(asked: str) -> list[str]:
    chains = [f"session.{asked}{built}{read}" for built, read in itertools.product(_BUILT, _READ)]
    direct = [f"    return {chain}" for chain in chains]
    named = [
        f"    found = session.{asked}{built}\n    return found{read}" for built in _BUILT for read in _READ if read
    ]
    kept = [f"    rows = {chain}\n    print()\n    return rows" for chain in chains]
    ways = [*direct, *named, *kept]
    return [f"def function_{number}():\n    session = Session()\n{way}\n" for number, way in enumerate(ways)]


def _read(value: object, depth: int = 4) -> object:
    """Return all that a caller may read from a value: rows, attributes, what an object loads."""
    if hasattr(value, "owner_id"):
        return "order", value.id, value.total, value.owner.id  # type: ignore[attr-defined]
    if depth and not isinstance(value, (str, dict)) and hasattr(value, "__iter__"):
        return [_read(each, depth - 1) for each in value]
    return repr(value) if isinstance(value, (int, str, type(None))) else type(value).__name__


def _outcome(module: ModuleType, name: str) -> object:
    try:
        return _read(getattr(module, name)())
    except Exception as error:  # whatever SQLAlchemy says to a chain that makes no sense
        return type(error).__name__


def _module(source: str) -> ModuleType:
    module = ModuleType("shop")
    exec(compile(f"{source}\n{_SET_UP}", "shop.py", "exec", dont_inherit=True), vars(module))
    return module


@pytest.mark.parametrize("asked", _ASKED)
def test_no_fix_changes_what_is_returned(tmp_path: Path, asked: str) -> None:
    functions = _functions(asked)[_ASKED.index(asked) % _PART :: _PART]
    source = "\n\n".join([_HEAD, *functions])
    path = tmp_path / "shop.py"
    path.write_text(source)
    rules = [rule for rule in all_rules() if rule.code == "HYG209"]
    file = Project(tmp_path).file(path)
    fixed = fix(file, lambda each: check_file(each, rules, least=Confidence.POSSIBLE)).text
    before, after = _module(source), _module(fixed)
    changed = {}
    for number, function in enumerate(functions):
        name = f"function_{number}"
        if function not in fixed and (was := _outcome(before, name)) != (now := _outcome(after, name)):
            changed[function] = was, now
    assert not changed
