"""The judge of fixes itself, on a right fix and on wrong ones."""

from .fixes import leaks, same_behaviour

START = "import mariadb\nfrom contextlib import closing\nfrom app import work\n\ndef target():\n"
LEAKY = f"{START}    conn = mariadb.connect()\n    work()\n    conn.commit()\n"


def test_a_right_fix() -> None:
    fixed = f"{START}    with closing(mariadb.connect()) as conn:\n        work()\n        conn.commit()\n"
    assert leaks(LEAKY)
    assert not leaks(fixed)
    assert same_behaviour(LEAKY, fixed) == []


def test_a_fix_that_drops_a_write() -> None:
    assert same_behaviour(LEAKY, f"{START}    with closing(mariadb.connect()) as conn:\n        work()\n")


def test_a_fix_that_closes_what_is_returned() -> None:
    before = f"{START}    conn = mariadb.connect()\n    work()\n    return conn.cursor()\n"
    after = f"{START}    with closing(mariadb.connect()) as conn:\n        work()\n        return conn.cursor()\n"
    assert same_behaviour(before, after)
