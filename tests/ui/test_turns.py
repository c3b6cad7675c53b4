"""Fair turns, and how many places in the line one visitor may have."""

import pytest

from emorec import settings
from emorec.errors import EmorecError
from emorec.ui import app
from emorec.ui.jobs.job_queue import BUSY, LONGEST_TURN, SHORTEST_TURN, TOO_MANY, TOO_MANY_FROM_THERE, Turns
from emorec.ui.server import limits
from emorec.ui.server.limits import Visitor

ONE, OTHER, THIRD = (Visitor(name, "127.0.0.1") for name in "abc")
FEW = limits.Limits(places=10, of_session=2, of_address=3, of_shared_address=8)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def turns(clock):
    return Turns(FEW, clock)


def test_turns_are_taken_in_order(turns):
    first, second, third = (turns.join() for _ in range(3))
    assert [turns.ahead(ticket) for ticket in (first, second, third)] == [0, 1, 2]
    turns.leave(second)
    assert turns.ahead(third) == 1
    turns.leave(first)
    assert turns.ahead(third) == 0
    turns.leave(third)
    assert not len(turns)


def test_a_long_run_gives_way_to_whoever_has_had_less_and_goes_on_after_it(turns, clock):
    long = turns.join(ONE)
    clock.now = 100.0
    assert not turns.pause(long)  # nobody waits
    short = turns.join(OTHER)
    assert turns.ahead(long) == 0 and turns.pause(long)
    assert (turns.ahead(short), turns.ahead(long)) == (0, 1)
    clock.now += SHORTEST_TURN / 2
    assert not turns.pause(short)
    turns.leave(short)
    assert turns.ahead(long) == 0


def test_two_long_runs_take_turns_that_grow(turns, clock):
    working, waiting = turns.join(ONE), turns.join(OTHER)
    lengths = []
    for _ in range(40):
        began = clock.now
        while not turns.pause(working):
            clock.now += 0.1
        lengths.append(clock.now - began)
        working, waiting = waiting, working
        assert (turns.ahead(working), turns.ahead(waiting)) == (0, 1)
    assert lengths[0] == pytest.approx(SHORTEST_TURN, abs=0.2)
    assert max(lengths) <= 2 * LONGEST_TURN and min(lengths[-4:]) > 20 * SHORTEST_TURN


def test_a_short_recording_comes_before_the_long_ones_of_others_that_were_there_first(turns, clock):
    long = [turns.join(Visitor(f"long {number}", f"10.0.0.{number}"), expected=5.0) for number in range(3)]
    short = turns.join(OTHER, expected=0.04)
    assert [turns.ahead(ticket) for ticket in (long[0], short, long[1])] == [0, 1, 2]
    clock.now += 0.1
    assert turns.pause(long[0]) and turns.ahead(short) == 0
    turns.leave(short)
    assert turns.ahead(long[1]) == 0


def test_two_long_recordings_begin_in_turns_as_short_ones_do(turns, clock):
    first, second = turns.join(ONE, expected=500.0), turns.join(OTHER, expected=400.0)
    clock.now += SHORTEST_TURN - 0.1
    assert not turns.pause(first)
    clock.now += 0.2
    assert turns.pause(first) and turns.ahead(second) == 0


def test_the_many_recordings_of_one_visitor_do_not_stand_before_the_one_of_another(turns, clock):
    mine = [turns.join(ONE), turns.join(ONE)]
    clock.now = 1.0
    other = turns.join(OTHER)
    assert turns.pause(mine[0])
    assert [turns.ahead(ticket) for ticket in (other, *mine)] == [0, 1, 2]


def test_nobody_waits_for_ever_while_newcomers_come(turns, clock):
    long = turns.join(ONE)
    clock.now = 10.0
    for _ in range(1000):
        short = turns.join()
        turns.pause(long)
        if turns.ahead(long) == 0:
            break
        clock.now += 0.4
        turns.leave(short)
        newcomer = turns.join()
        if turns.ahead(long) == 0:
            break
        clock.now += 0.4
        turns.leave(newcomer)
    assert turns.ahead(long) == 0 and clock.now < 200


def test_a_session_and_an_address_have_a_number_of_places_and_an_address_that_many_may_share_has_more(turns):
    far = [Visitor(str(number), "9.9.9.9") for number in range(4)]
    turns.join(far[0])
    turns.join(far[0])
    with pytest.raises(EmorecError, match=TOO_MANY):
        turns.join(far[0])
    ticket = turns.join(far[1])
    with pytest.raises(EmorecError, match=TOO_MANY_FROM_THERE):
        turns.join(far[2])
    turns.leave(ticket)
    turns.join(far[2])
    near = [turns.join(Visitor(f"near {number}", "127.0.0.1")) for number in range(7)]
    with pytest.raises(EmorecError, match=BUSY):
        turns.join(ONE)
    assert turns.join(ONE, admitted=True)
    assert len(near) > FEW.of_address


@pytest.mark.parametrize(
    ("address", "same", "shared"),
    [
        ("2001:db9::1", "2001:db9::2", False),
        ("::ffff:9.9.9.9", "9.9.9.9", False),
        ("192.168.1.7", "192.168.1.7", True),
        ("fd00::1", "fd00::2", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::1", "::1", True),
        ("testclient", "testclient", True),
        ("", "", True),
    ],
)
def test_addresses_that_are_one_visitors(address, same, shared):
    assert limits.network(address) == limits.network(same)
    assert Visitor("a", limits.network(address)).shared_address is shared


@pytest.mark.parametrize(
    ("given", "public", "shares"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, False, False),
        ({"GRADIO_SERVER_NAME": "::1"}, False, True),
        ({"GRADIO_SERVER_NAME": "localhost"}, False, True),
        ({"GRADIO_SERVER_NAME": "lab.example"}, False, False),
        ({"GRADIO_ROOT_PATH": "/emorec"}, False, False),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "EMOREC_SHARED_STORE": "on"}, False, True),
        ({"EMOREC_SHARED_STORE": "Off"}, False, False),
    ],
)
def test_the_store_is_shared_where_only_this_machine_reaches_the_page_or_the_deployer_wants_it(given, public, shares):
    assert settings.shared_store(given, public) is shares


def test_a_switch_that_is_neither_on_nor_off_is_refused():
    with pytest.raises(EmorecError, match="EMOREC_SHARED_STORE is 'perhaps'"):
        settings.shared_store({"EMOREC_SHARED_STORE": "perhaps"})
    with pytest.raises(EmorecError, match="EMOREC_SHARED_STORE"):  # before any work is done
        app.Settings.of({"EMOREC_SHARED_STORE": "perhaps"})
