"""Faces of a recording's pictures: which pictures are searched, and what is said of those that are not."""

from dataclasses import dataclass

import numpy as np
import pytest

from emorec import faces, media
from emorec.faces import Face
from emorec.seeing import STILL, searched

RATE = 5.0
SIDE = 80.0  # pixels; of a face's box


@dataclass
class Picture:
    """A frame; its image says where the left edges of its faces are."""

    time: float
    image: tuple


class Watcher:
    """Stands where the detector does: finds what the picture says, and counts how often it looked."""

    def __init__(self):
        self.looked = []

    def detect(self, image):
        self.looked.append(image)
        return [face_at(left) for left in image]


def face_at(left, score=0.9):
    box = np.array([left, 40.0, SIDE, SIDE], np.float32)
    return Face(box, box[:2] + faces.FRAMING * SIDE, score)


def pictures(*images, first=0, missing=()):
    """One picture a bin, from bin ``first`` on."""
    return [Picture((first + k + 0.25) / RATE, image) for k, image in enumerate(images) if first + k not in missing]


def lefts(seen):
    return [[float(face.box[0]) for face in found] for _, found in seen]


def test_of_a_still_face_every_other_picture_is_searched():
    watcher = Watcher()
    seen = [*searched(pictures(*[(100.0,)] * 9), watcher, RATE)]
    assert lefts(seen) == [[100.0]] * 9
    assert len(watcher.looked) == 5


def test_between_two_places_a_face_is_halfway():
    seen = [*searched(pictures((100.0,), (999.0,), (104.0,)), Watcher(), RATE)]
    assert lefts(seen) == [[100.0], [pytest.approx(102.0)], [104.0]]
    between = seen[1][1][0]
    assert between.landmarks == pytest.approx(face_at(102.0).landmarks, abs=1e-4)


def test_a_face_that_moves_far_is_looked_for():
    far = 2.5 * STILL * SIDE
    watcher = Watcher()
    seen = [*searched(pictures((100.0,), (103.0,), (100.0 + far,)), watcher, RATE)]
    assert lefts(seen) == [[100.0], [103.0], [100.0 + far]]
    assert len(watcher.looked) == 3


@pytest.mark.parametrize("after", [(), (100.0, 300.0), (300.0,)])
def test_who_comes_or_goes_is_looked_for(after):
    seen = [*searched(pictures((100.0,), (500.0,), after), Watcher(), RATE)]
    assert lefts(seen)[1] == [500.0]


def test_where_nobody_is_before_and_after_nobody_is_between():
    watcher = Watcher()
    assert lefts([*searched(pictures((), (), (), ()), watcher, RATE)]) == [[]] * 4
    assert len(watcher.looked) == 3  # the last has no other behind it


def test_beside_a_missing_picture_every_picture_is_searched():
    images = [(100.0 + k,) for k in range(8)]
    for missing in range(8):
        watcher = Watcher()
        shown = pictures(*images, missing=(missing,))
        seen = [*searched(shown, watcher, RATE)]
        assert [frame.time for frame, _ in seen] == [frame.time for frame in shown]
        assert lefts(seen) == [[pytest.approx(frame.image[0], abs=1e-4)] for frame in shown]
        for frame in shown:
            number = media.bin_of(frame.time, RATE)
            alone = {number - 1, number + 1} & {missing} or number == 7
            assert (frame.image in watcher.looked) == bool(number % 2 == 0 or alone)


def test_what_is_said_does_not_hang_on_where_reading_began():
    random = np.random.default_rng(0)
    images = [tuple(100 + random.normal(0, 6, int(random.integers(0, 3))).cumsum() * 20) for _ in range(60)]
    missing = {7, 20, 21, 33}
    whole = [*searched(pictures(*images, missing=missing), Watcher(), RATE)]
    for first in range(2, 60):
        # Stage 1 begins two bins before the first picture that it stores.
        begun = pictures(*images[first - 2 :], first=first - 2, missing=missing)
        later = [entry for entry in searched(begun, Watcher(), RATE) if entry[0].time >= first / RATE]
        assert lefts(later) == lefts([entry for entry in whole if entry[0].time >= first / RATE])
