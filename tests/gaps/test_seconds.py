import pytest

from dbhygiene.gaps.seconds import FOR_EVER, Rounds, Seconds
from dbhygiene.settings import Confidence


@pytest.mark.parametrize(
    ("seconds", "confidence"),
    [
        (Seconds.exactly(300), Confidence.CERTAIN),
        (Seconds(0, FOR_EVER, FOR_EVER), Confidence.LIKELY),
        (Seconds(0, 0, FOR_EVER), Confidence.POSSIBLE),
        (Seconds.exactly(60), Confidence.POSSIBLE),
        (Seconds.exactly(59), None),
    ],
)
def test_confidence_follows_the_surest_bound_that_reaches_the_limit(seconds, confidence):
    assert seconds.confidence(300) == confidence


def test_a_short_patience_makes_short_gaps_count():
    assert Seconds.exactly(4).confidence(2) is Confidence.CERTAIN


def test_waits_add_up():
    assert Seconds.exactly(200) + Seconds(0, 100, FOR_EVER) == Seconds(200, 300, FOR_EVER)


def test_one_of_two_waits_is_as_long_as_the_longer_and_as_sure_as_the_shorter():
    assert Seconds.exactly(10) | Seconds.exactly(600) == Seconds(10, 600, 600)


def test_a_wait_in_a_loop_counts_once_for_each_round():
    assert Seconds.exactly(10) * Rounds(1, 60, FOR_EVER) == Seconds(10, 600, FOR_EVER)


def test_no_time_stays_no_time_however_often():
    assert Seconds() * Rounds(1, FOR_EVER, FOR_EVER) == Seconds()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (Seconds.exactly(45), "45 s"),
        (Seconds.exactly(3600), "60 min"),
        (Seconds.exactly(6 * 3600), "6 h"),
        (Seconds(5, FOR_EVER, FOR_EVER), "5 s or more"),
        (Seconds(0, 300, 300), "up to 5 min"),
        (Seconds(0, FOR_EVER, FOR_EVER), "no time limit"),
    ],
)
def test_seconds_are_spoken(seconds, words):
    assert str(seconds) == words
