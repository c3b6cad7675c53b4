"""Average-linkage clustering with pairs that stay apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emorec.face.clustering import average_linkage


def none(count):
    return np.zeros((count, count), bool)


def groups(labels):
    return sorted(tuple(np.flatnonzero(labels == label)) for label in np.unique(labels))


def matrix(pairs, count):
    values = np.eye(count)
    for (one, other), value in pairs.items():
        values[one, other] = values[other, one] = value
    return values


def test_similar_members_are_joined_and_others_are_not():
    values = matrix({(0, 2): 0.9, (1, 3): 0.8, (0, 1): 0.1}, 4)
    assert list(average_linkage(values, none(4), 0.5)) == [0, 1, 0, 1]


def test_two_clusters_count_as_similar_as_the_mean_of_their_pairs():
    values = matrix({(0, 1): 0.9, (0, 2): 0.7, (1, 2): 0.2}, 3)
    assert groups(average_linkage(values, none(3), 0.46)) == [(0, 1), (2,)]
    assert groups(average_linkage(values, none(3), 0.44)) == [(0, 1, 2)]


def test_clusters_with_members_that_must_stay_apart_are_never_joined():
    """0 and 1 are seen together; both look like 2, which joins the one it looks most like."""
    values = matrix({(0, 1): 0.99, (0, 2): 0.8, (1, 2): 0.9}, 3)
    apart = none(3)
    apart[0, 1] = True  # one direction suffices
    assert groups(average_linkage(values, apart, 0.1)) == [(0,), (1, 2)]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_are_left_as_they_are(count):
    assert list(average_linkage(np.ones((count, count)), none(count), 0.5)) == [0] * count


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.floats(-0.5, 0.9))
@settings(max_examples=60, deadline=None)
def test_it_does_what_a_plain_search_does(seed, count, threshold):
    random = np.random.default_rng(seed)
    values = random.uniform(-1, 1, (count, count))
    values, apart = values + values.T, random.random((count, count)) < 0.2
    apart = np.triu(apart, 1)
    clusters = [[member] for member in range(count)]
    while True:
        best, pair = threshold, None
        for one in range(len(clusters)):
            for other in range(one):
                cells = np.ix_(clusters[one], clusters[other])
                if not (apart | apart.T)[cells].any() and values[cells].mean() > best:
                    best, pair = values[cells].mean(), (one, other)
        if pair is None:
            break
        clusters[pair[1]] += clusters.pop(pair[0])
    assert groups(average_linkage(values, apart, threshold)) == sorted(tuple(sorted(one)) for one in clusters)
