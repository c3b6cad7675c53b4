"""Work done ahead in threads: order, bounds, errors and ends."""

import threading

import pytest

from emorec.prefetch import Prefetcher

LONG = 10_000


def test_items_come_in_order():
    with Prefetcher(iter_of(range(50)), 3) as ahead:
        assert [*ahead] == [*range(50)]
        assert next(ahead, "over") == "over"


def test_no_more_is_made_than_may_wait():
    made, waiting = [], threading.Event()

    def items():
        for number in range(LONG):
            made.append(number)
            if number == 4:
                waiting.set()
            yield number

    with Prefetcher(items(), 3) as ahead:
        assert next(ahead) == 0
        assert waiting.wait(30)
        # One taken, three in the queue, one in hand.
        assert len(made) <= 5


def test_an_error_is_raised_where_items_are_taken():
    def items():
        yield 1
        raise ValueError("broken")

    with Prefetcher(items()) as ahead:
        assert next(ahead) == 1
        with pytest.raises(ValueError, match="broken"):
            next(ahead)
        assert next(ahead, "over") == "over"


def test_closing_closes_what_was_nested():
    ended = []

    def inner():
        try:
            yield from range(LONG)
        finally:
            ended.append(threading.current_thread())

    def outer():
        with Prefetcher(inner(), 1) as numbers:
            yield from numbers

    before = threading.active_count()
    with Prefetcher(outer(), 1) as ahead:
        assert next(ahead) == 0
    assert len(ended) == 1 and threading.active_count() == before


def iter_of(values):
    yield from values
