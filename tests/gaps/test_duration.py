import pytest

from dbhygiene.config.settings import Confidence
from dbhygiene.gaps.duration import FOR_EVER, Duration, Rounds


@pytest.mark.parametrize(
    ("seconds", "confidence"),
    [
        (Duration.exactly(300), Confidence.CERTAIN),
        (Duration(0, FOR_EVER, FOR_EVER), Confidence.LIKELY),
        (Duration(0, 0, FOR_EVER), Confidence.POSSIBLE),
        (Duration.exactly(60), Confidence.POSSIBLE),
        (Duration.exactly(59), None),
    ],
)
def test_confidence_follows_the_surest_bound_that_reaches_the_limit(seconds, confidence):
    assert seconds.confidence(300) == confidence


def test_a_short_patience_makes_short_gaps_count():
    assert Duration.exactly(4).confidence(2) is Confidence.CERTAIN


def test_waits_add_up():
    assert Duration.exactly(200) + Duration(0, 100, FOR_EVER) == Duration(200, 300, FOR_EVER)


def test_one_of_two_waits_is_as_long_as_the_longer_and_as_sure_as_the_shorter():
    assert Duration.exactly(10) | Duration.exactly(600) == Duration(10, 600, 600)


def test_a_wait_in_a_loop_counts_once_for_each_round():
    assert Duration.exactly(10) * Rounds(1, 60, FOR_EVER) == Duration(10, 600, FOR_EVER)


def test_no_time_stays_no_time_however_often():
    assert Duration() * Rounds(1, FOR_EVER, FOR_EVER) == Duration()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (Duration.exactly(45), "45 s"),
        (Duration.exactly(3600), "60 min"),
        (Duration.exactly(6 * 3600), "6 h"),
        (Duration(5, FOR_EVER, FOR_EVER), "5 s at a time"),
        (Duration(5, 5, FOR_EVER), "5 s or more"),
        (Duration(0, 300, 300), "up to 5 min"),
        (Duration(0, FOR_EVER, FOR_EVER), "no known limit"),
    ],
)
def test_seconds_are_spoken(seconds, words):
    assert str(seconds) == words
