"""How faces stand: what is said of recordings whose faces lie on their side, and that nothing is said of others."""

import numpy as np
import pytest
from PIL import Image

from emorec.face.alignment import FRAMING
from emorec.face.detection import BundledDetector, Face
from emorec.face.orientation import MAX_SAMPLES, MIN_SAMPLES, SAMPLE_INTERVAL, OrientationCheck
from support.paths import ROOT

PORTRAIT = ROOT / "emorec" / "ui" / "assets" / "portrait.jpg"


class Marked:
    """Finds one face in a picture, clear if its bright quarter is at the upper left; says how often it was asked."""

    def __init__(self, upright=0.95, head_down=0.85, side=0.0):
        self.scores, self.asked = {(0, 0): upright, (1, 1): head_down, (0, 1): side, (1, 0): side}, 0

    def detect(self, image, side=None):
        self.asked += 1
        height, width = image.shape[:2]
        quarters = image[: height // 2 * 2, : width // 2 * 2].reshape(2, height // 2, 2, width // 2, 3).mean((1, 3, 4))
        if quarters.max() < 1:
            return []
        score = self.scores[tuple(int(place) for place in np.unravel_index(quarters.argmax(), (2, 2)))]
        return [face(score)] if score else []


def face(score, roll=0.0):
    turn = np.radians(roll)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Face(np.array([0, 0, 20, 20.0]), (FRAMING * 20) @ matrix, score)


def picture(turned):
    """An upright picture has its bright quarter at the upper left; this one was turned clockwise by so much."""
    image = np.zeros((40, 40, 3), np.uint8)
    image[:20, :20] = 255
    return np.rot90(image, -turned // 90)


def notes_of(detector, images, turned=0):
    posture = OrientationCheck(detector, turned)
    notes = [posture.add(image, detector.detect(image)) for image in images]
    return [sentence for sentence in [*notes, posture.finish()] if sentence]


@pytest.mark.parametrize(
    ("turned", "sentence"),
    [
        (90, "Most faces lie on their side: choose --rotate 270."),
        (180, "Most faces are upside down: choose --rotate 180."),
        (270, "Most faces lie on their side: choose --rotate 90."),
    ],
)
@pytest.mark.parametrize("pictures", [SAMPLE_INTERVAL * MIN_SAMPLES, 200])
def test_what_turns_the_faces_upright_is_said_once(turned, sentence, pictures):
    assert notes_of(Marked(), [picture(turned)] * pictures) == [sentence]


def test_upside_down_faces_are_told_though_the_detector_is_nearly_sure_of_them():
    said = notes_of(Marked(upright=0.98, head_down=0.92), [picture(180)] * 100)
    assert said == ["Most faces are upside down: choose --rotate 180."]


def test_a_picture_that_is_turned_already_needs_less():
    notes = notes_of(Marked(), [picture(90)] * 50, turned=180)
    assert notes == ["Most faces lie on their side: choose --rotate 90."]


def test_of_upright_faces_nothing_is_said_and_nothing_is_turned():
    detector = Marked()
    assert notes_of(detector, [picture(0)] * 200) == []
    assert detector.asked == 200


@pytest.mark.parametrize("score", [0.6, 0.8])
def test_of_poor_upright_faces_nothing_is_said(score):
    assert notes_of(Marked(upright=score, head_down=score - 0.1), [picture(0)] * 100) == []


def test_of_poor_faces_that_may_stand_on_their_heads_nothing_is_said():
    assert notes_of(Marked(upright=0.8, head_down=0.7), [picture(180)] * 100) == []


def test_where_two_turns_show_a_face_as_well_nothing_is_said():
    assert notes_of(Marked(upright=0.95, head_down=0.93), [picture(90)] * 100) == []


def test_of_no_faces_nothing_is_said_after_a_few_looks():
    detector = Marked()
    assert notes_of(detector, [np.zeros((40, 40, 3), np.uint8)] * 300) == []
    assert detector.asked == 300 + 3 * MAX_SAMPLES


def test_of_a_single_picture_nothing_is_said():
    assert notes_of(Marked(), [picture(90)]) == []


def test_some_turned_pictures_among_others_are_not_told():
    """A recording that begins with a picture on its side, and upright faces in one of five pictures."""
    assert notes_of(Marked(), [picture(0 if index % 5 == 4 else 90) for index in range(100)]) == []


def test_a_face_whose_eyes_are_above_each_other_is_not_upright():
    class Rolled(Marked):
        def detect(self, image, side=None):
            return [
                face(found.score if image[0, 0, 0] else 0.95, 0 if image[0, 0, 0] else 90)
                for found in super().detect(image)
            ]

    assert notes_of(Rolled(side=0.9), [picture(90)] * 30) == ["Most faces lie on their side: choose --rotate 270."]


@pytest.mark.parametrize(("turned", "number"), [(0, None), (90, 270), (180, 180), (270, 90)])
def test_a_portrait_is_told_right(turned, number):
    with Image.open(PORTRAIT) as opened:
        image = np.ascontiguousarray(np.rot90(np.asarray(opened.convert("RGB")), -turned // 90))
    notes = notes_of(BundledDetector(), [image] * 15)
    assert [sentence.rsplit(" ", 1)[1] for sentence in notes] == ([] if number is None else [f"{number}."])
