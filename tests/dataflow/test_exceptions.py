"""Whether a handler catches what is thrown."""

from __future__ import annotations

import pytest

from dbhygiene.dataflow.exceptions import (
    CANCELLED,
    GENERATOR_EXIT,
    ORDINARY,
    SYSTEM_EXIT,
    Catches,
    Thrown,
    match_handler,
)

CLASSES = {"shop.Error": ("Exception",), "shop.SoldOut": ("shop.Error",), "shop.Both": ("shop.Error", "KeyError")}
ALWAYS, MAYBE, NEVER = Catches.ALWAYS, Catches.MAYBE, Catches.NEVER


@pytest.mark.parametrize(
    ("thrown", "by", "verdict"),
    [
        (ORDINARY, "Exception", ALWAYS),
        (ORDINARY, "BaseException", ALWAYS),
        (ORDINARY, "ValueError", MAYBE),
        (ORDINARY, "shop.SoldOut", MAYBE),
        (ORDINARY, "pymysql.Error", MAYBE),
        (ORDINARY, None, MAYBE),
        (ORDINARY, "GeneratorExit", NEVER),
        (ORDINARY, "asyncio.CancelledError", NEVER),
        (Thrown("ValueError"), "ValueError", ALWAYS),
        (Thrown("ValueError"), "Exception", ALWAYS),
        (Thrown("ValueError"), "KeyError", NEVER),
        (Thrown("ValueError"), "UnicodeError", NEVER),
        (Thrown("KeyError"), "LookupError", ALWAYS),
        (Thrown("OSError"), "IOError", ALWAYS),
        (Thrown("shop.SoldOut"), "shop.Error", ALWAYS),
        (Thrown("shop.Error"), "shop.SoldOut", NEVER),
        (Thrown("shop.Both"), "LookupError", ALWAYS),
        (Thrown("shop.SoldOut"), "ValueError", NEVER),
        (Thrown("pymysql.OperationalError"), "pymysql.Error", MAYBE),
        (Thrown("pymysql.OperationalError"), "Exception", ALWAYS),
        (SYSTEM_EXIT, "Exception", NEVER),
        (SYSTEM_EXIT, "SystemExit", ALWAYS),
        (SYSTEM_EXIT, None, NEVER),
        (GENERATOR_EXIT, "Exception", NEVER),
        (CANCELLED, "Exception", NEVER),
        (CANCELLED, "asyncio.exceptions.CancelledError", ALWAYS),
        (CANCELLED, "BaseException", ALWAYS),
    ],
)
def test_caught(thrown: Thrown, by: str | None, verdict: Catches) -> None:
    assert match_handler(thrown, by, CLASSES.get) is verdict


def test_classes_that_derive_from_each_other_end() -> None:
    circle = {"a.A": ("a.B",), "a.B": ("a.A",)}
    assert match_handler(Thrown("a.A"), "ValueError", circle.get) in set(Catches)
