"""Faces that the detector is not sure of, beside a larger one: which of them count as faces in a recording."""

from dataclasses import dataclass

import numpy as np
import pytest

from emorec.extraction import keyframes
from emorec.face.alignment import FRAMING
from emorec.face.detection import Face

RATE = 5.0
SHAPE = (180, 320, 3)
LARGE, SMALL = 80, 20  # pixels
CLEAR, UNSURE = 0.99, 0.7
RED, GREEN, BLUE = range(3)


@dataclass
class Picture:
    """A frame."""

    time: float
    image: np.ndarray


class Detector:
    """Finds squares: red ones clearly, green ones unsurely, and blue ones, which are folds of cloth, only on the right
    side of what it sees, so not in a mirrored picture."""

    def detect(self, image, side=None):
        found = []
        for colour, score in ((RED, CLEAR), (GREEN, UNSURE), (BLUE, UNSURE)):
            rows, columns = np.nonzero(image[..., colour] > 128)
            if len(rows) and not (colour == BLUE and columns.mean() < 0.6 * image.shape[1]):
                low = np.array([columns.min(), rows.min()], np.float32)
                size = np.array([np.ptp(columns), np.ptp(rows)], np.float32) + 1
                found.append(Face(np.append(low, size), low + FRAMING * size[0], score))
        return found


def picture(number, *squares):
    """A frame with squares (colour, left, size)."""
    image = np.zeros(SHAPE, np.uint8)
    for colour, left, size in squares:
        image[60 : 60 + size, left : left + size, colour] = 255
    return Picture((number + 0.25) / RATE, image)


def scores(*frames):
    return [[face.score for face in faces] for _, faces in keyframes.detect(frames, Detector(), RATE)]


def sizes(*frames):
    return [[float(face.box[2]) for face in faces] for _, faces in keyframes.detect(frames, Detector(), RATE)]


PERSON, CLOTH = (RED, 60, LARGE), (BLUE, 280, SMALL)


@pytest.mark.parametrize("first", range(4))
def test_a_fold_of_cloth_is_nobody_for_as_long_as_it_is_seen(first):
    frames = [picture(first + number, PERSON, CLOTH) for number in range(9)]
    assert len(Detector().detect(frames[0].image)) == 2
    assert scores(*frames) == [[CLEAR]] * 9


def test_a_fold_of_cloth_that_comes_between_two_pictures_is_nobody():
    frames = [picture(number, PERSON, *[CLOTH] * (number in (1, 3, 4))) for number in range(7)]
    assert scores(*frames) == [[CLEAR]] * 7


@pytest.mark.parametrize("first", range(4))
def test_a_small_face_that_is_also_found_in_the_other_views_stays(first):
    frames = [picture(first + number, PERSON, (GREEN, 250, SMALL)) for number in range(9)]
    assert scores(*frames) == [[CLEAR, UNSURE]] * 9


def test_a_necktie_is_nobody_below_a_clear_face():
    frames = [picture(number, (RED, 60, SMALL * 3 // 2), CLOTH) for number in range(6)]
    assert scores(*frames) == [[CLEAR]] * 6


@pytest.mark.parametrize("largest", [(), ((GREEN, 60, SMALL * 3 // 2),), ((RED, 60, SMALL),)])
def test_an_unsure_face_that_is_about_as_large_or_beside_unsure_ones_needs_no_other_view(largest):
    """It is often the only one: tilted, dark, or badly compressed."""
    frames = [picture(number, *largest, CLOTH) for number in range(6)]
    assert sizes(*frames) == [pytest.approx([size for _, _, size in (*largest, CLOTH)])] * 6


def test_what_counts_does_not_depend_on_where_reading_began():
    frames = [
        picture(number, PERSON, *[CLOTH] * (number > 3), *[(GREEN, 200, SMALL)] * (number > 5)) for number in range(16)
    ]
    whole = scores(*frames)
    for begin in range(4, 12):
        assert scores(*frames[begin:])[3:] == whole[begin + 3 :]
