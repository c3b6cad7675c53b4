"""Tracks joined to persons: by looks, never two faces of one frame, numbered by time on screen."""

import tracemalloc

import numpy as np
import pytest

from emorec.extraction import persons
from emorec.extraction.best_crops import APART, BEST_CROPS, BestCrops
from emorec.models import identity
from support import factories

STEP = 0.2  # seconds between two frames


def look(person, noise=0.0, seed=0):
    """What a person looks like to the network: a direction of its own, with some noise."""
    vector = np.random.default_rng(person).normal(size=identity.DIMENSIONS)
    vector /= np.linalg.norm(vector)
    other = np.random.default_rng(1000 + seed).normal(size=identity.DIMENSIONS) / np.sqrt(identity.DIMENSIONS)
    return ((vector + noise * other) / np.linalg.norm(vector + noise * other)).astype(np.float16)


def recording(shots, quality=0.8, given=None):
    """Features of shots: each is (seconds, persons in view); every person of a shot is a track of its own."""
    time, track, faces, rows, frames = 0.0, 0, [], [], []
    for seconds, shown in shots:
        count = round(seconds / STEP)
        for number, person in enumerate(shown):
            rows.append((track + number, quality, look(person, 0.3, seed=track + number)))
        for frame in range(count):
            frames.append(time + frame * STEP)
            faces += [(frames[-1], track + number) for number in range(len(shown))]
        time, track = time + count * STEP, track + len(shown)
    tracks = np.array([one for _, one in faces], np.int64)
    arrays = factories.seen([when for when, _ in faces], tracks if given is None else np.array(given)[tracks])
    arrays |= {
        "face_track": tracks,
        "identity_track": np.array([one for one, _, _ in rows], np.int64),
        "identity_quality": np.array([one for _, one, _ in rows], np.float32),
        "identity_embedding": np.array([one for _, _, one in rows], np.float16).reshape(-1, identity.DIMENSIONS),
        "frame_time": np.array(frames),
        "frame_until": np.array([*frames[1:], time]),
    }
    return arrays, time


def of_tracks(arrays, until):
    """The person of each track."""
    found = persons.assign_persons(arrays, until)
    return [int(found[arrays["face_track"] == track][0]) for track in np.unique(arrays["face_track"])]


def test_two_who_take_turns_are_two_persons():
    shots = [(3.0, [5]), (2.0, [6])] * 8
    assert of_tracks(*recording(shots)) == [0, 1] * 8


def turned(share):
    """A look between those of the persons 5 and 6, at a quarter of a turn for a share of 1."""
    one, other = (look(person).astype(float) for person in (5, 6))
    other -= (other @ one) * one
    angle = share * np.pi / 2
    return np.cos(angle) * one + np.sin(angle) * other / np.linalg.norm(other)


def covered(looks, given):
    """A face that the tracker doubts again and again, and whose look changes from track to track."""
    arrays, until = recording([(1.0, [5])] * len(looks), given=given)
    return arrays | {"identity_embedding": np.array(looks, np.float16)}, until


def test_a_face_that_changes_bit_by_bit_stays_one_person():
    """A hand comes before it: the first look and the last are not alike, but each is like the next."""
    looks = [turned(share) for share in (0, 0.4, 0.8, 1.2)]
    assert looks[0] @ looks[3] < persons.THRESHOLD and looks[0] @ looks[1] > persons.CONTINUES
    assert of_tracks(*covered(looks, [0, 0, 0, 0])) == [0, 0, 0, 0]


def test_a_face_that_the_tracker_knows_from_before_a_gap_is_compared_as_a_whole():
    looks = [turned(share) for share in (0, 0.4, 0.8, 1.2)]
    assert max(of_tracks(*covered(looks, [0, 1, 2, 3]))) == 1  # the tracker does not say that they are one
    arrays, until = covered(looks, [0, 0, 0, 0])
    arrays["frame_time"] = np.sort(np.append(arrays["frame_time"], [0.9, 1.9, 2.9]))  # a frame without the face
    arrays["frame_until"] = np.append(arrays["frame_time"][1:], until)
    assert max(of_tracks(arrays, until)) == 1


def test_a_face_that_looks_like_another_person_at_once_is_another_person():
    assert of_tracks(*covered([turned(0), turned(0), turned(0.9)], [0, 0, 0])) == [0, 0, 1]


def test_two_who_look_alike_and_sit_in_one_place_stay_two_persons():
    """The tracker may miss a cut between them, so a chain of looks must be more alike than two looks of one person."""
    looks = [turned(share) for share in (0, 0, 0.55, 0.55, 1.1, 1.1)]
    assert persons.THRESHOLD < looks[1] @ looks[2] < persons.CONTINUES
    assert max(of_tracks(*covered(looks, [0] * 6))) == 1


def test_two_in_one_frame_are_two_persons_however_alike_they_look():
    arrays, until = recording([(3.0, [5, 5]), (2.0, [5])])
    assert of_tracks(arrays, until)[:2] == [0, 1] or of_tracks(arrays, until)[:2] == [1, 0]
    assert max(of_tracks(arrays, until)) == 1


def test_numbers_are_given_by_time_on_screen():
    assert of_tracks(*recording([(2.0, [5]), (4.0, [6]), (3.0, [7])])) == [2, 0, 1]


def test_of_equally_long_ones_the_first_seen_has_the_lower_number():
    assert of_tracks(*recording([(2.0, [6]), (2.0, [5])])) == [0, 1]


def test_who_is_seen_for_less_than_a_second_in_all_is_not_listed():
    arrays, until = recording([(3.0, [5]), (0.6, [6]), (0.6, [7]), (0.6, [7])])
    found = persons.assign_persons(arrays, until)
    assert persons.rank(found, persons.seconds_shown(arrays, until)) == [0, 1]
    assert set(found) == {0, 1, 2}


def test_if_nobody_is_seen_for_a_second_all_are_listed():
    arrays, until = recording([(0.6, [5]), (0.4, [6])])
    assert persons.rank(persons.assign_persons(arrays, until), persons.seconds_shown(arrays, until)) == [0, 1]


def test_a_track_without_a_clear_face_stays_with_the_trackers_number():
    arrays, until = recording([(3.0, [5]), (1.0, [6]), (3.0, [7])], given=[0, 0, 1])
    arrays["identity_quality"][1] = persons.CLEAR / 2
    assert of_tracks(arrays, until) == [0, 0, 1]
    arrays["identity_quality"][1] = 0.8
    assert of_tracks(arrays, until) == [0, 2, 1]


def test_an_unclear_track_that_looks_like_somebody_joins_that_person():
    arrays, until = recording([(3.0, [5]), (1.0, [7]), (4.0, [7])], given=[0, 0, 1])
    arrays["identity_quality"][1] = persons.CLEAR / 2
    assert of_tracks(arrays, until) == [1, 0, 0]


def test_unclear_tracks_of_one_frame_are_not_one_person():
    arrays, until = recording([(3.0, [5]), (2.0, [5, 5])], given=[0, 0, 1])
    arrays["identity_quality"][1:] = persons.CLEAR / 2
    found = of_tracks(arrays, until)
    assert found[1] != found[2] and 0 in found[1:]


def test_more_tracks_than_are_compared_with_each_other_are_joined_all_the_same(monkeypatch):
    monkeypatch.setattr(persons, "MAX_TRACKS", 4)
    assert of_tracks(*recording([(3.0, [5]), (2.0, [6])] * 10)) == [0, 1] * 10


def test_a_person_whose_tracks_were_joined_is_compared_again(monkeypatch):
    """The last track looks like the first and the third together, not like the first alone."""
    monkeypatch.setattr(persons, "MAX_TRACKS", 1)
    looks = [turned(0), look(9), turned(0.55), turned(0.8)]
    assert looks[0] @ looks[3] < persons.THRESHOLD < (looks[0] + looks[2]) @ looks[3] / 2
    arrays, until = recording([(5.0, [5]), (4.0, [5]), (3.0, [5]), (2.0, [5])], given=[0, 1, 2, 3])
    assert of_tracks(arrays | {"identity_embedding": np.array(looks, np.float16)}, until) == [0, 1, 0, 0]


def test_very_many_tracks_do_not_fill_the_memory(monkeypatch):
    count = 2500
    monkeypatch.setattr(persons, "MAX_TRACKS", 100)
    monkeypatch.setattr(persons, "AT_ONCE", 2**16)
    times = np.arange(count) * STEP
    arrays = factories.seen(times, np.arange(count)) | {
        "face_track": np.arange(count),
        "identity_track": np.arange(count),
        "identity_quality": np.full(count, 0.8, np.float32),
        "identity_embedding": np.random.default_rng(0).normal(size=(count, 64)) / 8,
        "frame_time": times,
        "frame_until": times + STEP,
    }
    tracemalloc.start()
    try:
        found = persons.assign_persons(arrays, count * STEP)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(np.unique(found)) > count / 2 and peak < 9e6  # a quarter of all pairs would be 12.5 MB


def test_stored_tracker_numbers_are_used_where_no_tracks_are_known():
    observations = factories.full_observations(3.0)
    assert set(observations.arrays["face_person"]) == {0} and observations.persons == [0]


def test_features_join_what_their_segments_hold():
    """Two segments: the second shows the person of the first again, under another number of the tracker."""
    arrays, until = recording([(2.0, [6]), (3.0, [5]), (2.0, [6])])
    cut = {"face": arrays["face_time"] < 5.0, "iden": arrays["identity_track"] < 2, "fram": arrays["frame_time"] < 5.0}
    named = {key: value for key, value in arrays.items() if key[:4] in cut}
    halves = [{key: value[cut[key[:4]] == which] for key, value in named.items()} for which in (True, False)]
    empty = factories.no_observations() | {key: value[:0] for key, value in named.items()}
    features = factories.observations(until, frames=False)
    whole = type(features)(
        duration=until,
        until=until,
        complete=True,
        segments=tuple(empty | half for half in halves),
        empty=empty,
    )
    assert of_tracks(whole.arrays | {"face_person": arrays["face_person"]}, until) == [0, 1, 0]
    assert list(whole.arrays["face_person"]) == list(persons.assign_persons(arrays, until))
    assert whole.persons == [0, 1]


def test_few_crops_of_a_track_are_cut_out_the_best_ones_and_not_all_at_once():
    best, cut = BestCrops(), []

    def crop(value):
        return lambda: (cut.append(value), np.full((identity.SIZE,) * 2, value, np.uint8))[1]

    qualities = [0.1, 0.9, 0.2, 0.3, 0.8, 0.7, 0.1, 0.1, 0.1, 0.6, 0.1, 0.1]
    for index, quality in enumerate(qualities):
        best.offer(3, index * STEP, quality, crop(index))
    kept = sorted((time, quality) for quality, time, _ in best.tracks[3])
    assert [quality for _, quality in kept] == [0.9, 0.8, 0.6]
    assert len(kept) == BEST_CROPS and np.diff([time for time, _ in kept]).min() >= APART - 1e-6
    assert cut == [0, 1, 3, 4, 6, 9]


def test_crops_become_embeddings_of_their_tracks():
    best = BestCrops()
    random = np.random.default_rng(0)
    for track, quality in ((4, 0.5), (1, 0.7)):
        best.offer(track, 0.0, quality, lambda: random.integers(0, 255, (identity.SIZE,) * 2, np.uint8))
    arrays = best.arrays(identity.IdentityNet().eval())
    assert list(arrays["identity_track"]) == [1, 4]
    assert arrays["identity_quality"] == pytest.approx([0.7, 0.5])
    assert np.linalg.norm(arrays["identity_embedding"].astype(float), axis=1) == pytest.approx(1, abs=0.01)
