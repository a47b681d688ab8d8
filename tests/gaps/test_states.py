"""The laws of joining what may be true at a point: it must not matter in which order the paths arrive."""

import ast
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dbhygiene.dataflow.cfg import Node
from dbhygiene.gaps.duration import FOR_EVER, Duration, Rounds
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.loops import Cycle
from dbhygiene.gaps.states import CloseByAge, Idle, Pause, State, WaitOnPath, worst_of_each
from dbhygiene.library.waits import WaitKind
from dbhygiene.program.bindings import Place
from dbhygiene.source.file import File

LIMIT = 300
FILE = File(Path("shop.py"), "".join(f"a{number}()\n" for number in range(6)))
CALLS = FILE.nodes(ast.Call)
PLACES = [Place(FILE.scope, name) for name in ("orders", "shops")]
CYCLES = [Cycle(Node(None, number), frozenset(), None) for number in (1, 2)]

numbers = st.sampled_from([0, 1, 60, 299, 300, 3600, FOR_EVER])
seconds = st.lists(numbers, min_size=3, max_size=3).map(lambda found: Duration(*sorted(found)))
rounds = st.lists(st.sampled_from([1, 2, 500]), min_size=3, max_size=3).map(lambda found: Rounds(*sorted(found)))
inner = st.none() | st.builds(Location, st.just(FILE), st.sampled_from(CALLS), st.just("asks"))
spots = st.builds(Location, st.just(FILE), st.sampled_from(CALLS), st.sampled_from(["asks", "sleeps"]), inner)
pauses = st.builds(Pause, seconds, st.none() | spots, st.sampled_from(WaitKind))
loops = st.frozensets(st.sampled_from(CYCLES))
waits = st.lists(st.builds(WaitOnPath, pauses, spots, loops, loops, rounds), max_size=2).map(tuple)
checks = st.none() | st.builds(CloseByAge, numbers, spots)
idles = st.builds(Idle, st.none() | spots, waits, checks)
asked = st.lists(idles, max_size=3).map(lambda found: worst_of_each(found, LIMIT))
places = st.frozensets(st.sampled_from(PLACES))
states = st.builds(State, st.none() | idles, asked, places, places)


@given(states, states)
def test_joining_is_commutative(one, other):
    assert one.join(other, LIMIT) == other.join(one, LIMIT)


@given(states, states, states)
def test_joining_is_associative(one, other, third):
    assert one.join(other, LIMIT).join(third, LIMIT) == one.join(other.join(third, LIMIT), LIMIT)


@given(states, states)
def test_joining_is_idempotent(one, other):
    joined = one.join(other, LIMIT)
    assert one.join(one, LIMIT) == one
    assert joined.join(one, LIMIT) == joined.join(other, LIMIT) == joined


@given(seconds, seconds, seconds)
def test_durations_have_the_laws_of_a_lattice(one, other, third):
    assert one | other == other | one
    assert (one | other) | third == one | (other | third)
    assert one | one == one
    assert one + other == other + one


@given(seconds, seconds)
def test_what_is_widened_grows_no_more(old, new):
    widened = old.widen(new)
    assert widened.most >= old.most
    assert widened.widen(widened) == widened
    assert not old.most or new == old or widened.widen(new) in (widened, new)
