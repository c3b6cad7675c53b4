"""The fair queue, and how many jobs of one visitor it takes."""

import pytest

from emorec.errors import EmorecError
from emorec.ui import app, settings
from emorec.ui.jobs.job_queue import BUSY, LONGEST_TURN, SHORTEST_TURN, TOO_MANY, TOO_MANY_FROM_THERE, JobQueue
from emorec.ui.server import limits
from emorec.ui.server.limits import Visitor
from support.clock import Clock

ONE, OTHER, THIRD = (Visitor(name, "127.0.0.1") for name in "abc")
FEW = limits.QueueLimits(total=10, per_session=2, per_address=3, per_shared_address=8)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return JobQueue(FEW, clock)


def test_jobs_run_in_order(queue):
    first, second, third = (queue.join() for _ in range(3))
    assert [queue.jobs_ahead(ticket) for ticket in (first, second, third)] == [0, 1, 2]
    queue.leave(second)
    assert queue.jobs_ahead(third) == 1
    queue.leave(first)
    assert queue.jobs_ahead(third) == 0
    queue.leave(third)
    assert not len(queue)


def test_a_long_job_pauses_for_a_visitor_who_has_used_less_and_continues(queue, clock):
    long = queue.join(ONE)
    clock.now = 100.0
    assert not queue.pause(long)  # nobody waits
    short = queue.join(OTHER)
    assert queue.jobs_ahead(long) == 0 and queue.pause(long)
    assert (queue.jobs_ahead(short), queue.jobs_ahead(long)) == (0, 1)
    clock.now += SHORTEST_TURN / 2
    assert not queue.pause(short)
    queue.leave(short)
    assert queue.jobs_ahead(long) == 0


def test_two_long_jobs_alternate_in_growing_turns(queue, clock):
    working, waiting = queue.join(ONE), queue.join(OTHER)
    lengths = []
    for _ in range(40):
        began = clock.now
        while not queue.pause(working):
            clock.now += 0.1
        lengths.append(clock.now - began)
        working, waiting = waiting, working
        assert (queue.jobs_ahead(working), queue.jobs_ahead(waiting)) == (0, 1)
    assert lengths[0] == pytest.approx(SHORTEST_TURN, abs=0.2)
    assert max(lengths) <= 2 * LONGEST_TURN and min(lengths[-4:]) > 20 * SHORTEST_TURN


def test_a_short_job_comes_before_the_long_ones_of_others_that_were_there_first(queue, clock):
    long = [queue.join(Visitor(f"long {number}", f"10.0.0.{number}"), expected=5.0) for number in range(3)]
    short = queue.join(OTHER, expected=0.04)
    assert [queue.jobs_ahead(ticket) for ticket in (long[0], short, long[1])] == [0, 1, 2]
    clock.now += 0.1
    assert queue.pause(long[0]) and queue.jobs_ahead(short) == 0
    queue.leave(short)
    assert queue.jobs_ahead(long[1]) == 0


def test_two_long_jobs_begin_in_turns_as_short_ones_do(queue, clock):
    first, second = queue.join(ONE, expected=500.0), queue.join(OTHER, expected=400.0)
    clock.now += SHORTEST_TURN - 0.1
    assert not queue.pause(first)
    clock.now += 0.2
    assert queue.pause(first) and queue.jobs_ahead(second) == 0


def test_many_jobs_of_one_visitor_do_not_delay_the_one_of_another(queue, clock):
    mine = [queue.join(ONE), queue.join(ONE)]
    clock.now = 1.0
    other = queue.join(OTHER)
    assert queue.pause(mine[0])
    assert [queue.jobs_ahead(ticket) for ticket in (other, *mine)] == [0, 1, 2]


def test_no_job_waits_for_ever_while_new_ones_come(queue, clock):
    long = queue.join(ONE)
    clock.now = 10.0
    for _ in range(1000):
        short = queue.join()
        queue.pause(long)
        if queue.jobs_ahead(long) == 0:
            break
        clock.now += 0.4
        queue.leave(short)
        newcomer = queue.join()
        if queue.jobs_ahead(long) == 0:
            break
        clock.now += 0.4
        queue.leave(newcomer)
    assert queue.jobs_ahead(long) == 0 and clock.now < 200


def test_a_session_and_an_address_have_limits_and_a_shared_address_has_a_higher_one(queue):
    far = [Visitor(str(number), "9.9.9.9") for number in range(4)]
    queue.join(far[0])
    queue.join(far[0])
    with pytest.raises(EmorecError, match=TOO_MANY):
        queue.join(far[0])
    ticket = queue.join(far[1])
    with pytest.raises(EmorecError, match=TOO_MANY_FROM_THERE):
        queue.join(far[2])
    queue.leave(ticket)
    queue.join(far[2])
    near = [queue.join(Visitor(f"near {number}", "127.0.0.1")) for number in range(7)]
    with pytest.raises(EmorecError, match=BUSY):
        queue.join(ONE)
    assert queue.join(ONE, admitted=True)
    assert len(near) > FEW.per_address


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
def test_which_addresses_count_as_one(address, same, shared):
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
        ({"EMOREC_HOSTS": "lab.example"}, False, False),
        ({"EMOREC_HOSTS": "lab.example", "EMOREC_SHARED_STORE": "on"}, False, True),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "EMOREC_SHARED_STORE": "on"}, False, True),
        ({"EMOREC_SHARED_STORE": "Off"}, False, False),
    ],
)
def test_the_cache_is_shared_if_only_this_machine_reaches_the_page_or_the_deployer_wants_it(given, public, shares):
    assert settings.shared_store(given, public) is shares


def test_a_switch_that_is_neither_on_nor_off_is_refused():
    with pytest.raises(EmorecError, match="EMOREC_SHARED_STORE is 'perhaps'"):
        settings.shared_store({"EMOREC_SHARED_STORE": "perhaps"})
    with pytest.raises(EmorecError, match="EMOREC_SHARED_STORE"):  # before any work is done
        app.ServerSettings.from_environment({"EMOREC_SHARED_STORE": "perhaps"})
