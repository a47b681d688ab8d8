import psycopg2
from contextlib import ExitStack, closing


def target():
    with ExitStack() as stack:
        stack.enter_context(closing(psycopg2.connect()))
        with stack.pop_all() as other:
            other = other.pop_all()


def target1():
    stack = ExitStack()
    stack.enter_context(closing(psycopg2.connect()))
    with stack.pop_all() as other:
        other.pop_all()


def target2():
    stack = ExitStack()
    stack.enter_context(closing(psycopg2.connect()))
    other = stack.pop_all()
    with other:
        third = other.pop_all()


def target3():
    stack = ExitStack()
    stack.enter_context(closing(psycopg2.connect()))
    other = stack.pop_all()
    third = other
    other.pop_all()
    third.close()


# ruff: noqa
