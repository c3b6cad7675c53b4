"""Still pictures: reading them, and what their faces show."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from emorec import image as pictures
from emorec.affect import valence_arousal
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.faces import encode_faces
from emorec.face import detection
from emorec.face.detection import Face
from emorec.inference.fusion import softmax
from emorec.models.calibration import HeadCalibration
from emorec.ui.example import PORTRAIT
from support import factories

LANDMARKS = np.array([[0.31, 0.374], [0.674, 0.375], [0.488, 0.585], [0.352, 0.751], [0.64, 0.751]])


class Finds:
    """A detector that finds the same square faces in every picture."""

    def __init__(self, *corners, side=40):
        self.faces = [
            Face(np.array([*corner, side, side]), np.array(corner) + side * LANDMARKS, 0.9) for corner in corners
        ]

    def detect(self, image, side=None):
        return self.faces


def picture(width=160, height=120):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_every_face_has_its_box_and_calibrated_probabilities_from_left_to_right():
    found = pictures.recognise(picture(), factories.checkpoint(), Finds((100, 60), (16, 12)))
    assert [face.box for face in found] == [(0.1, 0.1, 0.25, 0.3333), (0.625, 0.5, 0.25, 0.3333)]
    for face in found:
        assert face.probabilities.sum() == pytest.approx(1)
        assert face.dominant == EMOTIONS[face.probabilities.argmax()]
        assert face.confidence == face.probabilities.max()
        assert (face.valence, face.arousal) == tuple(valence_arousal(face.probabilities))
    assert not np.allclose(found[0].probabilities, found[1].probabilities)


def test_a_face_and_its_mirror_image_show_the_same():
    """The network sees both, whose probabilities it averages."""
    net = factories.checkpoint().face
    crops = np.random.default_rng(1).integers(0, 256, (3, net.config.size, net.config.size)).astype(np.uint8)
    seen, mirrored = (pictures.predict_stills(net, side) for side in (crops, np.ascontiguousarray(crops[:, :, ::-1])))
    np.testing.assert_allclose(seen, mirrored, atol=1e-6)
    assert np.allclose(seen.sum(axis=1), 1)
    assert not np.allclose(seen, softmax(encode_faces(net, crops)[1].astype(np.float64)), atol=1e-6)


def test_a_small_picture_is_enlarged_before_detection_and_boxes_are_those_of_the_picture():
    class Notes(Finds):
        def detect(self, image, side=None):
            self.seen = image.shape
            return self.faces

    detector = Notes((36, 36), side=72)
    (face,) = pictures.recognise(picture(48, 36), factories.checkpoint(), detector)
    assert detector.seen == (108, detection.SMALLEST_SIDE, 3)
    assert face.box == pytest.approx((0.25, 1 / 3, 0.5, 2 / 3), abs=1e-4)
    assert detection.enlarge_small(picture(200, 90)).shape == (90, 200, 3)


def test_still_pictures_have_a_calibration_of_their_own():
    model = factories.checkpoint()
    (plain,) = pictures.recognise(picture(), model, Finds((16, 12)))
    for part, moves in (("face", False), ("still", True)):
        changed = replace(model.calibration, **{part: HeadCalibration(bias=tuple(range(len(EMOTIONS))))})
        (found,) = pictures.recognise(picture(), replace(model, calibration=changed), Finds((16, 12)))
        assert (found.probabilities[-1] > 1.5 * plain.probabilities[-1]) == moves


def test_a_box_ends_where_the_picture_does():
    (face,) = pictures.recognise(picture(), factories.checkpoint(), Finds((140, -20)))
    assert face.box == pytest.approx((0.875, 0.0, 0.125, 0.1667))


def test_a_picture_without_faces():
    assert pictures.recognise(picture(), factories.checkpoint(), Finds()) == []


def test_a_turned_picture_is_read_upright(tmp_path):
    image = Image.new("RGB", (40, 20))
    image.paste((255, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    read = pictures.read(tmp_path / "turned.png")
    assert read.shape == (40, 20, 3)
    assert (read[:20] == (255, 0, 0)).all() and not read[20:].any()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_any_kind_of_colour_becomes_rgb(mode, tmp_path):
    name = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.fromarray(picture()).convert(mode).save(name)
    read = pictures.read(name)
    assert (read.shape, read.dtype) == ((120, 160, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "type_", "low", "high"),
    [
        ("a.png", np.uint16, 0, 65535),
        ("twelve_bits.png", np.uint16, 0, 4095),
        ("a.tiff", np.uint16, 300, 900),
        ("integers.tiff", np.int32, -5000, 100_000),
        ("one.tiff", np.float32, 0.0, 1.0),
        ("large.tiff", np.float32, -3e4, 7e4),
    ],
)
def test_a_picture_of_large_numbers_is_scaled_by_its_range(name, type_, low, high, tmp_path):
    shown = np.tile(np.linspace(0, 255, 80, dtype=np.float64), (60, 1))
    values = (low + shown / 255 * (high - low)).astype(type_)
    if name == "large.tiff":
        values[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / name)
    read = pictures.read(tmp_path / name)
    assert (read.shape, read.dtype) == ((60, 80, 3), np.uint8)
    assert np.abs(read[1:, :, 0] - shown[1:]).max() <= 2


def test_a_picture_of_large_numbers_that_are_all_the_same_is_grey(tmp_path):
    Image.fromarray(np.full((60, 80), 4000, np.uint16)).save(tmp_path / "plain.png")
    assert np.unique(pictures.read(tmp_path / "plain.png")).tolist() in ([127], [128])


def test_an_avif_picture_is_read(tmp_path):
    Image.fromarray(np.full((60, 80, 3), (200, 40, 40), np.uint8)).save(tmp_path / "a.avif")
    read = pictures.read(tmp_path / "a.avif")
    assert read.shape == (60, 80, 3) and np.abs(read.astype(int) - (200, 40, 40)).mean() < 6


def test_a_heic_picture_is_named(tmp_path):
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(EmorecError, match=r"^IMG_1.HEIC is a HEIC picture, .* save it as JPEG or PNG"):
        pictures.read(tmp_path / "IMG_1.HEIC")


def test_what_is_no_picture_is_said_in_one_sentence(tmp_path):
    whole = tmp_path / "whole.png"
    Image.fromarray(picture()).save(whole)
    for name, content in (("words.jpg", b"words"), ("empty.png", b""), ("cut.png", whole.read_bytes()[:2000])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EmorecError, match=f"^{name} is not a picture that can be read; give .+ file\\.$"):
            pictures.read(tmp_path / name)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    Image.fromarray(picture()).save(tmp_path / "large.png")
    with pytest.raises(EmorecError, match=r"^large.png has 0 million pixels; give a picture of at most"):
        pictures.read(tmp_path / "large.png")


def test_a_picture_that_is_shown_again_is_a_small_jpeg(tmp_path):
    (tmp_path / "shown.jpg").write_bytes(pictures.jpeg(picture(3200, 1600)))
    assert pictures.read(tmp_path / "shown.jpg").shape == (800, 1600, 3)


def test_the_face_of_the_example_is_found_where_it_is():
    (face,) = pictures.recognise(pictures.read(PORTRAIT), factories.checkpoint(), pictures.detector(None))
    left, top, width, height = face.box
    assert 0.3 < left + width / 2 < 0.6 and 0.2 < top + height / 2 < 0.5


def test_five_faces_are_five(media):
    image = pictures.read(media / "five_faces.jpg")
    assert len(pictures.recognise(image, factories.checkpoint(), pictures.detector(None))) == 5
