"""Faces by the apparent lightness of skin: the angle of drawn skin, and which of two faces is found."""

import cv2
import numpy as np
import pytest

from emorec.face.alignment import FRAMING
from emorec.face.detection import Face
from emorec.models import checkpoint, pretrained
from train.evaluation import skin

LIGHT, DARK = (236, 210, 196), (75, 50, 38)  # RGB


@pytest.fixture(scope="module")
def model():
    return checkpoint.load(pretrained.BUNDLED)


def drawn(colour, side=200):
    """A picture of a face: skin all over, eyes and mouth, and where its landmarks are."""
    picture = np.full((side, side, 3), colour, np.uint8)
    landmarks = side / 4 + FRAMING * side / 2
    for x, y in landmarks[[0, 1, 3, 4]]:
        cv2.circle(picture, (round(x), round(y)), side // 40, (10, 10, 10), -1)
    return picture, landmarks


def test_light_skin_has_a_larger_angle_whichever_way_the_head_is_tilted():
    light, landmarks = drawn(LIGHT)
    dark, _ = drawn(DARK)
    assert skin.angle(light, landmarks) > 50 and skin.angle(dark, landmarks) < -30
    turned = np.ascontiguousarray(np.rot90(light))
    moved = np.stack([landmarks[:, 1], 200 - landmarks[:, 0]], axis=1)
    assert skin.angle(turned, moved) == pytest.approx(skin.angle(light, landmarks), abs=2)


def test_the_forehead_is_above_the_eyes():
    """What lies below the eyes, such as a beard or a mask, is not read."""
    picture, landmarks = drawn(LIGHT)
    before = skin.angle(picture, landmarks)
    picture[round(landmarks[:2, 1].mean()) + 10 :] = DARK
    assert skin.angle(picture, landmarks) == pytest.approx(before, abs=2)


def test_blue_light_has_no_angle():
    picture, landmarks = drawn((90, 110, 160))
    assert np.isnan(skin.angle(picture, landmarks))


def test_landmarks_outside_the_picture_have_no_angle():
    picture, landmarks = drawn(LIGHT)
    assert np.isnan(skin.angle(picture, landmarks + 900))


class Finds:
    """A detector that finds one face in every picture of a brightness, and only in large ones if it is ``coarse``."""

    def __init__(self, bright, coarse=False):
        self.name, self.bright, self.coarse = "drawn", bright, coarse

    def detect(self, image, side=None):
        unseen = self.bright is not None and bool(image.mean() > 128) is not self.bright
        if unseen or (self.coarse and side == skin.SMALL_SIDE):
            return []
        height, width = image.shape[:2]
        box = np.array([width / 4, height / 4, width / 2, height / 2], np.float32)
        return [Face(box, box[:2] + FRAMING * box[2:], 0.9)]


def test_a_face_that_only_the_reference_finds_counts_as_missed(tmp_path, model):
    for name, colour in (("a.png", LIGHT), ("b.png", DARK)):
        cv2.imwrite(str(tmp_path / name), drawn(colour)[0][:, :, ::-1])
    files = sorted(tmp_path.glob("*.png"))
    table = skin.measure(files, model, [Finds(True, coarse=True), Finds(None)])
    assert len(table) == 2, "a face that both find was counted twice, or one is missing"
    (light_angle, found, small, sure), (dark_angle, missed, _, nothing) = table
    assert light_angle > dark_angle and (found, small, missed) == (1, 0, 0)
    assert 1 / 7 <= sure <= 1 and np.isnan(nothing)


def test_the_program_prints_a_row_for_each_group(tmp_path, capsys, monkeypatch):
    for number, colour in enumerate((LIGHT, DARK, (180, 130, 100))):
        cv2.imwrite(str(tmp_path / f"{number}.png"), drawn(colour)[0][:, :, ::-1])
    monkeypatch.setattr(skin.detection, "detector", lambda file: Finds(None))
    skin.main([str(pretrained.BUNDLED), str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["darkest", "middle", "lightest"]
    assert all("100.0%" in line for line in lines)


def test_a_checkpoint_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        skin.main([str(tmp_path / "nothing"), str(tmp_path)])
    assert "nothing" in str(stopped.value).splitlines()[0]
