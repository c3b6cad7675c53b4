"""Faces in still pictures that must be found in other views, too."""

import av
import numpy as np
import pytest

from emorec import image
from emorec.face.confirmation import CLOSE_SIDE, confirm
from emorec.face.detection import Face


def face(left, top, side, score):
    return Face(np.array([left, top, side, side], np.float32), np.zeros((5, 2), np.float32), score)


class Bright:
    """Finds a face wherever the picture is bright; in mirrored or close views only if it is told so."""

    name = "bright"

    def __init__(self, mirrored=True, close=True):
        self.mirrored, self.close, self.views = mirrored, close, []

    def detect(self, picture, side=None):
        self.views.append(picture.shape[:2])
        rows, columns = np.nonzero(picture[..., 0] > 128)
        square = picture.shape[0] == picture.shape[1]
        if not len(rows) or not (self.close if square else self.mirrored):
            return []
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        return [Face(np.array(box, np.float32), np.zeros((5, 2), np.float32), 0.7)]


@pytest.fixture
def picture():
    drawn = np.zeros((200, 300, 3), np.uint8)
    drawn[40:100, 20:80] = 255
    return drawn


@pytest.mark.parametrize(("mirrored", "close", "kept"), [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_a_doubtful_face_must_be_found_in_the_mirror_and_from_near(picture, mirrored, close, kept):
    assert len(confirm(picture, [face(20, 40, 60, 0.7)], Bright(mirrored, close))) == kept


def test_a_clear_face_needs_no_other_view(picture):
    detector = Bright(False, False)
    faces = [face(20, 40, 60, 0.95)]
    assert confirm(picture, faces, detector) == faces and not detector.views


def test_a_face_elsewhere_in_the_other_views_confirms_nothing(picture):
    kept = face(20, 40, 60, 0.7)
    assert confirm(picture, [kept, face(200, 100, 60, 0.7)], Bright()) == [kept]


def test_a_face_at_the_edge_is_seen_from_near_without_reading_outside(picture):
    picture[:] = 0
    picture[:30, :30] = 255
    detector = Bright()
    assert len(confirm(picture, [face(0, 0, 30, 0.7)], detector)) == 1
    assert detector.views[1] == (4 * CLOSE_SIDE, 4 * CLOSE_SIDE)


def test_a_necktie_is_no_face(media):
    """In these frames the bundled detector takes a tie for a second face, which was called sad."""
    detector, found, kept = image.detector(None), 0, []
    with av.open(str(media / "talking_head_30s.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 60 == 0:
                rgb = frame.to_ndarray(format="rgb24")
                faces = detector.detect(rgb)
                found += len(faces) > 1
                kept.append(len(confirm(rgb, faces, detector)))
    assert found >= 5 and set(kept[1:]) == {1}  # the first frame is dark
