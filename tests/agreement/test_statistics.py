"""Agreement in numbers, beside published cases and the library krippendorff."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emorec.agreement import statistics
from support import factories


@factories.quick
@given(st.integers(2, 7), st.integers(5, 200), st.integers(0, 999))
def test_alpha_is_that_of_the_library(classes, units, seed):
    random = np.random.default_rng(seed)
    one = random.integers(classes, size=units)
    other = np.where(random.random(units) < 0.6, one, random.integers(classes, size=units))
    if len({*one, *other}) < 2:
        return
    expected = krippendorff.alpha(np.stack([one, other]).astype(float), level_of_measurement="nominal")
    assert statistics.alpha(statistics.confusion(one, other, classes)) == pytest.approx(expected)


def test_alpha_of_krippendorffs_own_example():
    """Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example B: nominal, two observers, 0.692."""
    counts = statistics.confusion(
        np.array([0, 0, 1, 1, 3, 2, 2, 2, 4, 3, 3, 0]), np.array([1, 0, 1, 1, 1, 2, 2, 2, 4, 3, 3, 3]), 5
    )
    assert statistics.alpha(counts) == pytest.approx(0.692, abs=5e-4)


def test_kappa_of_cohens_two_by_two():
    """20 and 15 agreements of 50, 5 and 10 disagreements: observed 0.7, expected 0.5."""
    counts = np.array([[20.0, 5.0], [10.0, 15.0]])
    assert statistics.kappa(counts) == pytest.approx(0.4)
    assert statistics.accuracy(counts) == pytest.approx(0.7)
    assert statistics.recalls(counts) == pytest.approx([0.8, 0.6])
    assert statistics.precisions(counts) == pytest.approx([2 / 3, 0.75])
    assert statistics.mean_recall(counts) == pytest.approx(0.7)


def test_what_cannot_be_computed_is_unknown():
    only_one = np.diag([5.0, 0.0])
    assert np.isnan([statistics.alpha(only_one), statistics.kappa(only_one), statistics.recalls(only_one)[1]]).all()
    assert np.isnan(statistics.alpha(np.zeros((2, 2))))
    assert str(statistics.estimate(np.nan)) == "–"


def test_many_matrices_at_once_are_each_by_themselves():
    counts = np.random.default_rng(0).integers(0, 9, (5, 3, 3)).astype(float)
    for measure in (statistics.alpha, statistics.kappa, statistics.accuracy, statistics.mean_recall):
        assert measure(counts) == pytest.approx([float(measure(each)) for each in counts])


def test_blocks_are_half_a_minute_or_a_tenth_of_what_is_compared():
    def sizes(rows, step=1.0):
        start = 7 + step * np.arange(rows)
        return np.bincount(statistics.blocks(start, start + step)).tolist()

    assert sizes(600) == [30] * 20
    assert sizes(100) == [10] * 10
    assert sizes(100, 0.1) == [50, 50]
    assert sizes(60) == [6] * 10
    assert statistics.blocks(np.array([0.0, 1000.0]), np.array([1.0, 1001.0])).tolist() == [0, 1]
    assert statistics.blocks(np.array([3.0]), np.array([3.0])).tolist() == [0]


def test_no_block_is_a_remainder():
    for rows in (12, 21, 29, 61, 299, 301, 610):
        size = np.bincount(statistics.blocks(np.arange(float(rows)), np.arange(1.0, rows + 1)))
        assert size.max() - size.min() <= 1 and size.min() >= min(statistics.SHORTEST_BLOCK, rows)
    # 24 s have no 5 blocks of 5 s, 25 s do.
    assert [statistics.blocks(np.arange(n), np.arange(n) + 1.0).max() + 1 for n in (24.0, 25.0)] == [4, 5]


def test_an_interval_is_that_of_a_binomial_if_units_are_independent():
    """200 blocks of one unit, 70 % right: the normal interval is 0.636 to 0.764."""
    each = np.zeros((200, 4))
    each[:140, 0], each[140:, 1] = 1, 1
    drawn = (statistics.bootstrap_counts(200) @ each).reshape(-1, 2, 2)
    estimate = statistics.estimate(0.7, statistics.accuracy(drawn))
    assert (estimate.low, estimate.high) == pytest.approx((0.636, 0.764), abs=0.01)


def test_calibration_is_confidence_beside_accuracy():
    confidence = np.array([0.95] * 10 + [0.55] * 10 + [1.0] * 5)
    right = np.array([True] * 8 + [False] * 2 + [True] * 5 + [False] * 5 + [True] * 5)
    bins, error = statistics.reliability(confidence, right)
    assert [(each.count, each.low) for each in bins] == [(10, 0.5), (15, 0.9)]
    assert (bins[0].confidence, bins[0].accuracy) == pytest.approx((0.55, 0.5))
    assert bins[1].accuracy == pytest.approx(13 / 15)
    assert error == pytest.approx((10 * 0.05 + 15 * abs((9.5 + 5) / 15 - 13 / 15)) / 25)
    assert np.isnan(statistics.reliability(np.zeros(0), np.zeros(0, bool))[1])
    gaps = statistics.reliability(np.append(confidence, np.nan), np.append(right, False))
    assert gaps == (bins, error)
