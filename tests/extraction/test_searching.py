"""Faces of a recording's pictures: which pictures are searched, and what is said of those that are not."""

from dataclasses import dataclass

import numpy as np
import pytest

from emorec.extraction.keyframes import COARSE_SIDE, LARGE, STILL, detect
from emorec.face.alignment import FRAMING
from emorec.face.detection import Face
from emorec.media import sampling

RATE = 5.0
SIDE = 80.0  # pixels; of a face's box


class Image(tuple):
    """The left edges of its faces, how large it is, and where it begins in the picture that it was cut out of."""

    shape, corner = (180, 320, 3), (0, 0)

    def __getitem__(self, part):
        if not isinstance(part, tuple):
            return super().__getitem__(part)
        rows, columns = (range(self.shape[axis])[part[axis]] for axis in (0, 1))
        cut = Image(left for left in self if left in columns)
        cut.shape, cut.corner = (len(rows), len(columns), 3), (columns.start, rows.start)
        return cut


@dataclass
class Picture:
    """A frame."""

    time: float
    image: Image


class Watcher:
    """Stands where the detector does: finds what the picture says, and keeps where it looked, and with what side.

    Faces are squares of ``size`` pixels; at half the size, or in a part, those at ``hidden`` are not found.
    """

    def __init__(self, size=SIDE, hidden=()):
        self.size, self.hidden = size, hidden
        self.looked, self.sides = [], []

    def detect(self, image, side=None):
        self.looked.append(image)
        self.sides.append(side)
        whole = side is None and image.shape == Image.shape
        found = [face_at(left, size=self.size) for left in image if whole or left not in self.hidden]
        corner = np.array(image.corner, np.float32)
        return [Face(face.box - [*corner, 0, 0], face.landmarks - corner, face.score) for face in found]

    @property
    def whole(self):
        return [image.shape == Image.shape for image in self.looked]


def face_at(left, score=0.9, size=SIDE):
    box = np.array([left, 40.0, size, size], np.float32)
    return Face(box, box[:2] + FRAMING * size, score)


def pictures(*images, first=0, missing=()):
    """One picture a bin, from bin ``first`` on."""
    numbered = enumerate(map(Image, images), first)
    return [Picture((number + 0.25) / RATE, image) for number, image in numbered if number not in missing]


def lefts(seen):
    return [[float(face.box[0]) for face in found] for _, found in seen]


def test_of_a_still_face_every_other_picture_is_searched():
    watcher = Watcher()
    seen = [*detect(pictures(*[(100.0,)] * 9), watcher, RATE)]
    assert lefts(seen) == [[100.0]] * 9
    assert len(watcher.looked) == 5


def test_between_two_places_a_face_is_halfway():
    seen = [*detect(pictures((100.0,), (999.0,), (104.0,)), Watcher(), RATE)]
    assert lefts(seen) == [[100.0], [pytest.approx(102.0)], [104.0]]
    between = seen[1][1][0]
    assert between.landmarks == pytest.approx(face_at(102.0).landmarks, abs=1e-4)


def test_a_face_that_moves_far_is_looked_for():
    far = 2.5 * STILL * SIDE
    watcher = Watcher()
    seen = [*detect(pictures((100.0,), (103.0,), (100.0 + far,)), watcher, RATE)]
    assert lefts(seen) == [[100.0], [103.0], [100.0 + far]]
    assert len(watcher.looked) == 3


@pytest.mark.parametrize("after", [(), (100.0, 300.0), (300.0,)])
def test_who_comes_or_goes_is_looked_for(after):
    seen = [*detect(pictures((100.0,), (500.0,), after), Watcher(), RATE)]
    assert lefts(seen)[1] == [500.0]


def test_where_nobody_is_before_and_after_nobody_is_between():
    watcher = Watcher()
    assert lefts([*detect(pictures((), (), (), ()), watcher, RATE)]) == [[]] * 4
    assert len(watcher.looked) == 3  # the last has no other behind it


def test_beside_a_missing_picture_every_picture_is_searched():
    images = [(100.0 + k,) for k in range(8)]
    for missing in range(8):
        watcher = Watcher()
        shown = pictures(*images, missing=(missing,))
        seen = [*detect(shown, watcher, RATE)]
        assert [frame.time for frame, _ in seen] == [frame.time for frame in shown]
        assert lefts(seen) == [[pytest.approx(frame.image[0], abs=1e-4)] for frame in shown]
        for frame in shown:
            number = sampling.bin_of(frame.time, RATE)
            alone = {number - 1, number + 1} & {missing} or number == 7
            assert (frame.image in watcher.looked) == bool(number % 2 == 0 or alone)


def test_what_is_said_does_not_hang_on_where_reading_began():
    random = np.random.default_rng(0)
    images = [tuple(100 + random.normal(0, 6, int(random.integers(0, 3))).cumsum() * 20) for _ in range(60)]
    missing = {7, 20, 21, 33}
    hidden = {left for image in images[::3] for left in image}
    whole = [*detect(pictures(*images, missing=missing), Watcher(hidden=hidden), RATE)]
    for first in range(4, 60):
        # Stage 1 begins four bins before the first picture that it stores.
        begun = pictures(*images[first - 4 :], first=first - 4, missing=missing)
        later = [entry for entry in detect(begun, Watcher(hidden=hidden), RATE) if entry[0].time >= first / RATE]
        assert lefts(later) == lefts([entry for entry in whole if entry[0].time >= first / RATE])


def test_large_faces_are_found_again_at_half_the_size():
    watcher = Watcher()
    assert lefts([*detect(pictures(*[(100.0,)] * 9), watcher, RATE)]) == [[100.0]] * 9
    # The searched pictures are 0, 2, 4, 6 and 8.
    assert watcher.sides == [None, COARSE_SIDE, None, COARSE_SIDE, None]


def test_a_picture_between_two_others_is_searched_at_half_the_size_too():
    far = 2.5 * STILL * SIDE
    watcher = Watcher()
    seen = [*detect(pictures(*[(100.0 + k * far,) for k in range(5)]), watcher, RATE)]
    assert lefts(seen) == [[100.0 + k * far] for k in range(5)]
    looked = {image[0]: side for image, side in zip(watcher.looked, watcher.sides, strict=True)}
    assert [looked[100.0 + k * far] for k in range(5)] == [None, COARSE_SIDE, COARSE_SIDE, COARSE_SIDE, None]


def test_small_faces_are_found_again_around_where_they_were():
    watcher = Watcher(size=0.9 * LARGE * 320)
    seen = [*detect(pictures(*[(100.0,)] * 9), watcher, RATE)]
    assert lefts(seen) == [[100.0]] * 9
    assert set(watcher.sides) == {None}
    assert watcher.whole == [True, False, True, False, True]
    for _, (face,) in seen:
        assert face.landmarks == pytest.approx(face_at(100.0, size=watcher.size).landmarks, abs=1e-3)
    part = watcher.looked[1]
    assert part.corner == (32, 0)  # less than 100 - 0.75 * 57.6 and 40 - 0.75 * 57.6, on the detector's grid
    assert part.shape == (160, 192, 3)


def test_small_faces_all_over_the_picture_are_searched_in_the_whole():
    watcher = Watcher(size=0.9 * LARGE * 320)
    assert lefts([*detect(pictures(*[(10.0, 230.0)] * 9), watcher, RATE)]) == [[10.0, 230.0]] * 9
    assert all(watcher.whole)


def test_what_is_not_found_around_known_faces_is_looked_for_in_the_whole():
    watcher = Watcher(size=0.9 * LARGE * 320, hidden=(104.0,))
    assert lefts([*detect(pictures((100.0,), (102.0,), (104.0,)), watcher, RATE)])[2] == [104.0]
    assert watcher.whole[-2:] == [False, True]


def test_what_is_not_found_at_half_the_size_is_looked_for_at_whole_size():
    watcher = Watcher(hidden=(104.0,))
    assert lefts([*detect(pictures((100.0,), (102.0,), (104.0,)), watcher, RATE)])[2] == [104.0]
    assert watcher.sides[-2:] == [COARSE_SIDE, None]
