"""Join tracks to persons: the same face after a cut, or after some time out of sight, keeps its number."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from emorec.face.clustering import average_linkage

# Least mean cosine of two groups of tracks that are one person. Of pairs of pictures of different people 0.3 % reach
# it; tracks of a person in one recording are more alike than pictures taken years apart (train/RECIPES.md).
THRESHOLD = 0.55
# Least cosine of a track and the one that continues it. People who look alike and sit in the same place of one studio
# reach 0.68, a face and the same face behind a hand 0.76 to 0.80.
CONTINUES = 0.72
CLEAR = 0.2  # quality of a track's best face from which on its embedding can be trusted
MAX_TRACKS = 800  # that are compared with each other, the longest ones; others are compared with the persons found
AT_ONCE = 2**22  # cosines that are computed at once, so that many tracks do not fill the memory (32 MB)
OTHERS_SECONDS = 1.0  # a person who is visible for less in all is one of the others

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Tracks:
    """All tracks (T,) in the order of their numbers.

    ``of_face`` (N,) is the index of each face's track, ``embedding`` (T, D) is of unit length (0 without a crop),
    ``quality`` that of the best crop, ``seconds`` the time on screen, and ``given`` the tracker's number. ``together``
    are for each track the tracks that are seen in a frame with it, and so show other people.
    """

    of_face: np.ndarray
    embedding: np.ndarray
    quality: np.ndarray
    seconds: np.ndarray
    given: np.ndarray
    together: list[set[int]]


def assign_persons(arrays: Arrays, until: float) -> np.ndarray:
    """The person of every face (N,), numbered from 0 by time on screen.

    ``arrays`` are those of Features, extracted until ``until`` (s). The result depends on these alone, so a run that
    was interrupted gives the same numbers.
    """
    if not len(arrays["face_track"]):
        return arrays["face_person"]
    shown = seconds_shown(arrays, until)
    tracks = _tracks(_continued(arrays, shown), shown)
    return _numbered(_labels(tracks)[tracks.of_face], arrays["face_time"], shown)


def shown_until(arrays: Arrays, until: float) -> np.ndarray:
    """When the picture of every face is replaced by the next (s), (N,), at most ``until`` (s)."""
    if not len(arrays["face_time"]):
        return np.zeros(0)
    frame = np.searchsorted(arrays["frame_time"], arrays["face_time"], side="right") - 1
    return np.minimum(arrays["frame_until"][frame], until)


def seconds_shown(arrays: Arrays, until: float) -> np.ndarray:
    """For how long every face is shown (s), (N,)."""
    return np.maximum(shown_until(arrays, until) - arrays["face_time"], 0)


def _continued(arrays: Arrays, shown: np.ndarray) -> Arrays:
    """The arrays with one number for tracks that continue each other.

    The tracker begins another track whenever it doubts that a face is the same: a hand comes before it, or it turns. A
    track continues another if it begins in the next frame, has the tracker's number of the same person, and both look
    alike; then the first and the last look of a long row need not be alike.
    """
    tracks, persons = _tracks(arrays, shown), arrays["face_person"]
    numbers, first = np.unique(arrays["face_track"], return_index=True)
    frame = np.searchsorted(arrays["frame_time"], arrays["face_time"], side="right") - 1
    last = np.zeros(len(numbers), np.int64)
    last[tracks.of_face] = np.arange(len(frame))  # faces lie in the order of time, so the last one stays
    ends = {(int(frame[row]), int(persons[row])): track for track, row in enumerate(last)}
    joined = np.arange(len(numbers))
    for track in np.argsort(first, kind="stable"):
        before = ends.get((int(frame[first[track]]) - 1, int(persons[first[track]])))
        clear = before is not None and min(tracks.quality[before], tracks.quality[track]) >= CLEAR
        if clear and tracks.embedding[before] @ tracks.embedding[track] >= CONTINUES:
            joined[track] = joined[before]
    of_crop = np.searchsorted(numbers, arrays["identity_track"])
    return arrays | {
        "face_track": numbers[joined[tracks.of_face]],
        "identity_track": numbers[joined[of_crop]],
    }


def _tracks(arrays: Arrays, shown: np.ndarray) -> _Tracks:
    numbers, first, of_face = np.unique(arrays["face_track"], return_index=True, return_inverse=True)
    rows = np.searchsorted(numbers, arrays["identity_track"])
    qualities = arrays["identity_quality"].astype(np.float64)
    sums = np.zeros((len(numbers), arrays["identity_embedding"].shape[1]))
    np.add.at(sums, rows, (qualities[:, None] + 1e-3) * arrays["identity_embedding"])
    best = np.zeros(len(numbers))
    np.maximum.at(best, rows, qualities)
    embedding = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    seconds = np.bincount(of_face, shown, len(numbers))
    together = _together(arrays["face_time"], of_face, len(numbers))
    return _Tracks(of_face, embedding, best, seconds, arrays["face_person"][first], together)


def _together(times: np.ndarray, of_face: np.ndarray, count: int) -> list[set[int]]:
    # The faces of a frame follow each other.
    _, starts, counts = np.unique(times, return_index=True, return_counts=True)
    several = counts > 1  # most frames of most recordings show one face, and cost nothing
    ranges = zip(starts[several], counts[several], strict=True)
    frames = {tuple(of_face[start : start + count].tolist()) for start, count in ranges}
    together: list[set[int]] = [set() for _ in range(count)]
    for frame in frames:
        for track in frame:
            together[track].update(frame)
    for track, others in enumerate(together):
        others.discard(track)
    return together


def _labels(tracks: _Tracks) -> np.ndarray:
    """The group (T,) of each track, as the index of one of its tracks."""
    labels = np.full(len(tracks.seconds), -1)
    compared = labels.copy()  # those with which the tracks that are left were compared
    clear = np.flatnonzero(tracks.quality >= CLEAR)
    clear = clear[np.argsort(-np.round(tracks.seconds[clear], 3), kind="stable")]
    while len(clear):
        block = np.sort(clear[:MAX_TRACKS])
        apart = np.array([np.isin(block, [*tracks.together[track]]) for track in block])
        cosines = tracks.embedding[block] @ tracks.embedding[block].T
        labels[block] = block[average_linkage(cosines, apart, THRESHOLD)]
        changed, compared = labels[labels != compared], labels.copy()
        _join_by_looks(tracks, labels, clear[MAX_TRACKS:], changed)
        clear = clear[labels[clear] < 0]
    _join_by_looks(tracks, labels, np.flatnonzero(labels < 0), labels[labels >= 0])
    _join_by_number(tracks, labels)
    return labels


def _join_by_looks(tracks: _Tracks, labels: np.ndarray, chosen: np.ndarray, changed: np.ndarray) -> None:
    """Give the chosen tracks the label of the group that they look like, if there is one; the most alike first.

    Those that look like none of the ``changed`` groups are passed over: they did not look like the others before.
    """
    known = np.flatnonzero(labels >= 0)
    if not len(known) or not len(chosen):
        return
    groups, where = np.unique(labels[known], return_inverse=True)
    means = np.zeros((len(groups), tracks.embedding.shape[1]))
    np.add.at(means, where, tracks.embedding[known])
    means /= np.bincount(where)[:, None]
    chosen = chosen[_alike(tracks.embedding[chosen], means[np.isin(groups, changed)])[0] >= THRESHOLD]
    most, alike = _alike(tracks.embedding[chosen], means)
    for row in np.argsort(-most, kind="stable"):
        forbidden = {int(labels[other]) for other in tracks.together[chosen[row]]}
        allowed = [(cosine, -group) for group, cosine in alike[row] if groups[group] not in forbidden]
        if allowed:
            labels[chosen[row]] = groups[-max(allowed)[1]]


def _alike(embedding: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, list[list[tuple[int, float]]]]:
    """The largest cosine (N,) of each embedding (N, D) with the means (G, D), and for each the indices and the cosines
    of all means that look like it."""
    most, alike = np.zeros(len(embedding)), []
    size = max(1, AT_ONCE // len(means))
    for begin in range(0, len(embedding), size):
        cosines = embedding[begin : begin + size] @ means.T
        most[begin : begin + size] = cosines.max(axis=1)
        for row in cosines:
            found = np.flatnonzero(row >= THRESHOLD)
            alike.append([*zip(found.tolist(), row[found].tolist(), strict=True)])
    return most, alike


def _join_by_number(tracks: _Tracks, labels: np.ndarray) -> None:
    """Give every track without a label that of the track before it with the same number of the tracker."""
    last: dict[int, int] = {}
    for track, number in enumerate(tracks.given.tolist()):
        if labels[track] < 0:
            forbidden = {int(labels[other]) for other in tracks.together[track]}
            label = last.get(number, track)
            labels[track] = track if label in forbidden else label
        last[number] = int(labels[track])


def _numbered(labels: np.ndarray, times: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Labels (N,) as numbers from 0, the longest time on screen first, and the first seen of equals."""
    groups, where = np.unique(labels, return_inverse=True)
    first = np.full(len(groups), np.inf)
    np.minimum.at(first, where, times)
    # Sums of the same times in another order differ in the last digits.
    order = np.lexsort((groups, first, -np.round(np.bincount(where, shown), 3)))
    numbers = np.empty(len(groups), np.int64)
    numbers[order] = np.arange(len(groups))
    return numbers[where]


def rank(persons: np.ndarray, shown: np.ndarray, always: Collection[int] = ()) -> list[int]:
    """Numbers of the persons seen for OTHERS_SECONDS or longer, the longest first; all if nobody is.

    Those in ``always`` are listed however short they are seen.
    """
    numbers, where = np.unique(persons, return_inverse=True)
    seconds = np.bincount(where, shown, len(numbers)) if len(numbers) else np.zeros(0)
    order = np.argsort(-np.round(seconds, 3), kind="stable")
    long = [index for index in order if seconds[index] >= OTHERS_SECONDS - 1e-6 or numbers[index] in always]
    return [int(numbers[index]) for index in (long or order)]
