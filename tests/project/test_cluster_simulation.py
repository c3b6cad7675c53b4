"""The arithmetic of the simulated cluster: what can be computed by hand."""

import numpy as np
import pytest

from benchmarks import cluster_simulation
from benchmarks.cluster_simulation import Costs, lengths, pieces, simulate

PLAIN = Costs(start=1.0, rate=0.1, join=0.5, driver=0.0, lead=20.0, divide=1200.0, worker=0.0)


def test_one_core_takes_the_sum_and_many_the_longest():
    media = [10.0, 30.0, 20.0]
    one = simulate(media, 1, PLAIN)
    assert (one.seconds, one.busy, one.wait, one.pieces) == pytest.approx((9.0, 9.0, 0.0, 3))
    many = simulate(media, 3, PLAIN)
    assert many.seconds == pytest.approx(4.0) and many.wait == pytest.approx(2.0)


def test_the_next_item_goes_to_the_first_free_core():
    # 6 and 2 begin; the core with 2 takes 3 (until 5), then 2 (until 7).
    found = simulate([50.0, 10.0, 20.0, 10.0], 2, PLAIN)
    assert found.seconds == pytest.approx(7.0) and found.busy == pytest.approx(13.0)
    assert found.wait == pytest.approx(1.0)


def test_a_long_item_is_divided_into_equal_parts_with_a_lead():
    assert pieces(1200.0, PLAIN) == [pytest.approx(121.0)]
    assert pieces(1300.0, PLAIN) == pytest.approx([66.0, 68.0])
    # A look of 1 s, two parts beside each other, and the join.
    divided = simulate([1300.0], 2, PLAIN)
    assert divided.seconds == pytest.approx(1.0 + 68.0 + 0.5) and divided.pieces == 4
    assert simulate([1300.0], 1, PLAIN).seconds == pytest.approx(1.0 + 66.0 + 68.0 + 0.5)


def test_a_part_that_begins_early_has_a_shorter_lead():
    short = Costs(start=0.0, rate=1.0, lead=20.0, divide=5.0)
    assert pieces(15.0, short) == pytest.approx([5.0, 10.0, 15.0])


def test_parts_wait_behind_what_was_begun_before_them():
    # One core looks at the long item until 1 and takes the short ones until 5 and a part until 71, the other the item
    # of 61 and the other part.
    found = simulate([1300.0, 600.0, 10.0, 10.0], 2, PLAIN)
    assert found.seconds == pytest.approx(61.0 + 68.0 + 0.5)


def test_workers_start_and_a_slow_driver_are_waited_for():
    late = Costs(start=1.0, rate=0.0, driver=0.0, worker=6.0)
    assert simulate([5.0, 5.0], 2, late).seconds == pytest.approx(7.0)
    slow = Costs(start=1.0, rate=0.0, driver=2.0, worker=0.0)
    assert simulate([5.0] * 10, 100, slow).seconds == pytest.approx(10 * 2.0 + 1.0)


@pytest.mark.parametrize("slots", [1, 3, 16])
def test_no_schedule_is_better_than_work_or_the_longest_and_this_one_is_not_twice_as_long(slots):
    media = list(lengths(20.0, seed=slots))
    found = simulate(media, slots, PLAIN)
    longest = max(max(pieces(length, PLAIN)) for length in media)
    least = max(found.busy / slots, longest)
    # Graham (1966): at most 2 - 1 / m times the best. Looks and joins add a little to the chain of an item.
    assert least <= found.seconds <= found.busy / slots + longest + PLAIN.start + PLAIN.join + 1e-9
    assert found.busy == pytest.approx(sum(map(work, media)))


def work(length):
    parts = pieces(length, PLAIN)
    return sum(parts) + (PLAIN.start + PLAIN.join if len(parts) > 1 else 0)


def test_the_mix_lasts_as_long_as_asked_for_and_is_the_same_again():
    media = lengths(500.0, seed=3)
    assert media.sum() == pytest.approx(500 * 3600) and media.max() <= cluster_simulation.LONGEST
    assert np.array_equal(media, lengths(500.0, seed=3)) and not np.array_equal(media, lengths(500.0, seed=4))
    assert (media > 1200).mean() > 0.1 and (media < 120).mean() > 0.25


def test_the_table_has_a_row_for_each_number_of_machines(capsys):
    cluster_simulation.main(["--hours", "50", "--nodes", "1", "4", "--cores", "2"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line[:3] in ("| 1", "| 4")]
    assert [row.split(" | ")[1] for row in rows] == ["2", "8"]
    one, four = (float(row.split(" | ")[2]) for row in rows)
    assert 3.5 < one / four <= 4.1
