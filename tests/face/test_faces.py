"""Faces found, cut out as the training images frame them, and judged."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from emorec.errors import EmorecError
from emorec.face import yunet as network
from emorec.face.alignment import FRAMING, FULL_SIZE, align, quality, similarity
from emorec.face.detection import BUNDLED, DETECTION_SIDE, BundledDetector, Face, YuNet, detector
from emorec.face.matching import overlap
from emorec.image import DETECTION_SIDE as STILL_SIDE
from emorec.ui.example import PORTRAIT
from support import factories
from support.paths import FACE_MODEL

SIZE = 48

angles = st.floats(-np.pi, np.pi)
places = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


@pytest.fixture(scope="module")
def picture(media):
    """A photograph of five people."""
    return cv2.cvtColor(cv2.imread(str(media / "five_faces.jpg")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def yunet():
    if not FACE_MODEL.exists():
        pytest.skip("needs YuNet's file, which is not here")
    return YuNet(FACE_MODEL)


def transform(angle, scale, shift):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, shift])


def moved(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


@factories.quick
@given(angles, st.floats(0.01, 100), places, st.integers(0, 1000))
def test_similarity_recovers_a_known_transform(angle, scale, shift, seed):
    points = np.random.default_rng(seed).uniform(-100, 100, (5, 2))
    matrix = transform(angle, scale, shift)
    assert similarity(points, moved(points, matrix)) == pytest.approx(matrix, rel=1e-6, abs=1e-6 * max(scale, 1))


@factories.quick
@given(st.integers(0, 1000), angles, st.floats(0.8, 1.25), st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_similarity_is_the_least_squares_one(seed, angle, scale, shift):
    """No other transform nearby brings noisy points closer."""
    random = np.random.default_rng(seed)
    source, target = random.normal(0, 10, (2, 5, 2))
    matrix = similarity(source, target)
    best = ((moved(source, matrix) - target) ** 2).sum()
    other = transform(angle, scale, shift)
    nudged = np.column_stack([other[:, :2] @ matrix[:, :2], matrix[:, 2] + shift])
    assert ((moved(source, nudged) - target) ** 2).sum() >= best - 1e-9


def test_points_all_in_one_place_break_nothing():
    assert np.isfinite(similarity(np.full((5, 2), 7.0), FRAMING)).all()


def drawn(landmarks, width=640, height=480, radius=0.0):
    """A dark picture with a soft white dot, of that deviation in pixels, at each landmark."""
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width))
    for left, top in landmarks:
        image += 255 * np.exp(-((x - left) ** 2 + (y - top) ** 2) / (2 * radius**2))
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def framed_at(angle, scale, centre):
    """Landmarks (5, 2) of a face whose framed square has sides of ``scale`` pixels and its middle at ``centre``."""
    return moved(FRAMING - 0.5, transform(angle, scale, centre)).astype(np.float32)


def bright_middle(crop, place, reach):
    """Centre of brightness around a place of a crop."""
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]]
    weights = crop * ((x - place[0]) ** 2 + (y - place[1]) ** 2 <= reach**2)
    return np.array([(weights * x).sum(), (weights * y).sum()]) / max(weights.sum(), 1e-9)


def assert_framed(image, landmarks, size, which=range(5)):
    crop = align(image, landmarks, size)
    assert crop.shape == (size, size) and crop.dtype == np.uint8
    for place in FRAMING[list(which)] * size:
        assert bright_middle(crop, place, size / 10) == pytest.approx(place, abs=0.35)


@pytest.mark.parametrize("size", [48, 64])
@pytest.mark.parametrize("scale", [24, 48, 130, 300])
@pytest.mark.parametrize("angle", [0, 0.4, -1.2, np.pi / 2, 3.0])
def test_landmarks_lie_where_the_training_images_have_them(angle, scale, size):
    landmarks = framed_at(angle, scale, (321.3, 238.7))
    assert_framed(drawn(landmarks, radius=scale / 40), landmarks, size)


@pytest.mark.parametrize("centre", [(60, 50), (590, 50), (52, 430), (585, 432)])
def test_a_face_at_the_border_is_framed_too(centre):
    """The square reaches beyond the picture while the landmarks are within."""
    landmarks = framed_at(0.2, 180, centre)
    image = drawn(landmarks, radius=5)
    inside = [i for i, (x, y) in enumerate(landmarks) if 15 < x < 625 and 15 < y < 465]
    assert len(inside) >= 3
    assert_framed(image, landmarks, SIZE, inside)


def test_beyond_the_border_the_border_is_repeated():
    image = np.full((480, 640, 3), 90, np.uint8)
    for centre in ((0, 0), (640, 480), (-300, 200), (900, 700)):
        assert (align(image, framed_at(0.1, 200, centre), SIZE) == 90).all()


def test_the_rest_of_a_large_picture_does_not_matter():
    landmarks = framed_at(0.3, 120, (300, 200))
    image = drawn(landmarks, radius=3)
    other = image.copy()
    other[:60], other[380:], other[:, :150], other[:, 480:] = 255, 255, 255, 255
    assert (align(image, landmarks, SIZE) == align(other, landmarks, SIZE)).all()


@pytest.mark.parametrize("cell", [1, 2, 3])
@pytest.mark.parametrize("angle", [0, 0.5])
def test_a_far_larger_face_does_not_alias(cell, angle):
    """A fine checkerboard, shrunk about twenty times, is grey."""
    y, x = np.mgrid[:1200, :1400] // cell
    image = (255 * ((x + y) % 2)).astype(np.uint8)
    crop = align(image, framed_at(angle, 960, (700, 600)), SIZE).astype(float)
    assert crop.mean() == pytest.approx(127.5, abs=2)
    assert crop.std() < 8


def test_grey_and_colour_agree():
    random = np.random.default_rng(0)
    image = cv2.GaussianBlur(random.integers(0, 255, (300, 400, 3), np.uint8), (0, 0), 3)
    for scale in (40, 200):
        landmarks = framed_at(0.3, scale, (200, 150))
        colour, grey = align(image, landmarks, SIZE), align(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), landmarks, SIZE)
        assert np.abs(colour.astype(int) - grey).max() <= 2


def test_red_counts_as_red():
    image = np.zeros((100, 100, 3), np.uint8)
    image[..., 0] = 255
    assert align(image, framed_at(0, 50, (50, 50)), SIZE).mean() == pytest.approx(0.299 * 255, abs=1)


@pytest.fixture(scope="module")
def bundled():
    return detector(None)


@pytest.fixture(params=["bundled", "yunet"])
def either(request):
    """Each of the detectors in turn."""
    return request.getfixturevalue(request.param)


def test_all_five_faces_are_found(picture, either):
    faces = either.detect(picture, STILL_SIDE)
    assert len(faces) == 5
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    for face in faces:
        low, high = face.box[:2], face.box[:2] + face.box[2:]
        assert face.landmarks.shape == (5, 2)
        assert ((face.landmarks > low) & (face.landmarks < high)).all()
        assert (face.landmarks[[0, 3], 0] < face.landmarks[[1, 4], 0]).all()
        assert face.landmarks[:2, 1].max() < face.landmarks[2, 1] < face.landmarks[3:, 1].min()


def test_faces_are_measured_in_the_pixels_of_the_picture_given(picture, either):
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    whole = sorted(either.detect(picture, STILL_SIDE), key=lambda face: face.box[0])
    halved = sorted(either.detect(half, STILL_SIDE), key=lambda face: face.box[0])
    assert len(halved) == 5
    for large, small in zip(whole, halved, strict=True):
        assert overlap(small.box * 2, large.box) > 0.6


def test_one_in_sunglasses_is_all_that_may_be_missed_in_a_small_frame(picture, either):
    assert len(either.detect(picture)) >= 4


def test_nobody_is_found_in_nothing(either):
    assert either.detect(np.full((180, 320, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1080, 1920), (300, 200), (33, 47), (90, 1000), (20, 640), (640, 20), (1, 1)])
def test_nobody_is_found_in_a_black_picture_of_any_shape(shape, portrait, either):
    """Again and again, for what an earlier picture left in memory must not be taken for a face."""
    for _ in range(2):
        assert len(either.detect(portrait)) == 1
        assert either.detect(np.zeros((*shape, 3), np.uint8)) == []


def test_both_detectors_mark_the_same_places(picture, bundled, yunet):
    for face in bundled.detect(picture):
        nearest = min(yunet.detect(picture), key=lambda other: np.abs(other.landmarks - face.landmarks).max())
        assert np.abs(nearest.landmarks - face.landmarks).max() < 0.15 * face.box[2]


@pytest.fixture(scope="module")
def portrait():
    """The picture of one person that the page's example shows."""
    return cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("side", [80, 128, 256, None])
def test_the_portrait_of_the_example_is_found_small_and_large(portrait, bundled, side):
    (face,) = bundled.detect(portrait, side)
    (largest,) = bundled.detect(portrait)
    assert face.landmarks == pytest.approx(largest.landmarks, abs=0.15 * float(largest.box[2]))
    eyes, nose, mouth = face.landmarks[:2], face.landmarks[2], face.landmarks[3:]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min() and eyes[0, 0] < nose[0] < eyes[1, 0]
    assert (face.landmarks > face.box[:2]).all() and (face.landmarks < face.box[:2] + face.box[2:]).all()


def test_a_face_that_fills_the_picture_is_found(portrait, bundled):
    (face,) = bundled.detect(portrait)
    left, top, width, height = face.box
    margin = 0.1 * width
    columns = slice(max(0, int(left - margin)), int(left + width + margin))
    close = portrait[max(0, int(top - margin)) : int(top + height + margin), columns]
    (found,) = bundled.detect(cv2.resize(close, None, fx=320 / max(close.shape), fy=320 / max(close.shape)))
    assert found.box[2] > 190


def test_the_file_decides_which_detector_runs():
    assert isinstance(detector(None), BundledDetector) and isinstance(detector(BUNDLED), BundledDetector)
    if FACE_MODEL.exists():
        assert isinstance(detector(FACE_MODEL), YuNet)


def test_other_weights_have_another_name(tmp_path):
    weights = load_file(BUNDLED)
    weights["stem.bias"] = weights["stem.bias"] + 1
    save_file(weights, tmp_path / "other.safetensors")
    assert detector(tmp_path / "other.safetensors").name != detector(None).name == detector(BUNDLED).name


def test_the_bundled_detector_is_small():
    assert BUNDLED.stat().st_size < 1_000_000


def a_face(height=2 * FULL_SIZE, turned=0.0):
    """A face of that height in pixels, its nose ``turned`` towards one eye (0 the middle, 0.5 in front of the eye)."""
    landmarks = framed_at(0, height, (height, height))
    landmarks[2, 0] = landmarks[:2, 0].mean() + turned * (landmarks[1, 0] - landmarks[0, 0])
    return Face(np.array([0.5, 0.5, 1, 1], np.float32) * height, landmarks, 0.9)


def texture(blur=0.0):
    """A crop with edges, blurred with that deviation in pixels."""
    crop = np.kron(np.random.default_rng(0).integers(0, 255, (6, 6)), np.ones((8, 8))).astype(np.uint8)
    return cv2.GaussianBlur(crop, (0, 0), blur) if blur else crop


def test_a_large_sharp_face_to_the_camera_is_best():
    assert quality(a_face(), texture()) == pytest.approx(1)


def test_quality_falls_with_size():
    values = [quality(a_face(height), texture()) for height in (64, 48, 32, 16)]
    assert values == pytest.approx([1, 0.75, 0.5, 0.25])


def test_quality_falls_with_blur():
    values = [quality(a_face(), texture(blur)) for blur in (0, 2, 3, 4)]
    assert values == sorted(values, reverse=True) and values[1] > 2 * values[3]
    assert quality(a_face(), np.full((SIZE, SIZE), 100, np.uint8)) == 0


def test_quality_falls_with_turning_either_way():
    values = [quality(a_face(turned=turned), texture()) for turned in (0, 0.3, 0.45, 0.6)]
    assert values == sorted(values, reverse=True) and values[3] <= 0.1 + 1e-6
    assert quality(a_face(turned=-0.4), texture()) == pytest.approx(quality(a_face(turned=0.4), texture()), abs=0.02)


def test_quality_does_not_fall_with_a_tilted_head():
    face = a_face()
    tilted = Face(face.box, moved(face.landmarks, transform(0.7, 1, (0, 0))), face.score)
    assert quality(tilted, texture()) == pytest.approx(quality(face, texture()), abs=0.05)


def test_quality_is_a_share(portrait, bundled):
    for face in bundled.detect(portrait):
        assert 0 < quality(face, align(portrait, face.landmarks, SIZE)) <= 1


def test_the_detector_looks_at_little_however_large_the_picture(monkeypatch, yunet):
    seen = []
    monkeypatch.setattr(yunet, "_network", Watched(yunet._network, seen))
    yunet.detect(np.zeros((1080, 1920, 3), np.uint8))
    assert seen == [(1, 3, 192, DETECTION_SIDE)]


class Watched:
    """Stands where the network does, and notes what it is shown."""

    def __init__(self, network, seen):
        self.network, self.seen = network, seen

    def run(self, names, inputs):
        self.seen.append(inputs["input"].shape)
        return self.network.run(names, inputs)


@pytest.fixture(scope="module")
def by_opencv():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "load", lambda _: None)
        return YuNet(FACE_MODEL)


@pytest.mark.parametrize(
    "size", [(1500, 1000), (320, 180), (320, 192), (200, 131), (64, 64), (40, 70), (1, 1), (3, 900)]
)
def test_onnxruntime_finds_the_very_faces_that_opencv_finds(picture, yunet, by_opencv, size):
    image = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    found, expected = yunet.detect(image), by_opencv.detect(image)
    assert len(found) == len(expected) and (len(found) == 5 or size[0] < 320)
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert one.box == pytest.approx(other.box, abs=0.01)
        assert one.landmarks == pytest.approx(other.landmarks, abs=0.01)


def test_what_is_no_detector_is_one_sentence(tmp_path):
    for content in (b"", b"no network", network.FIXED_SIZE):
        (tmp_path / "file.onnx").write_bytes(content)
        with pytest.raises(EmorecError, match="is not a face detector"):
            YuNet(tmp_path / "file.onnx")
        (tmp_path / "file.safetensors").write_bytes(content)
        with pytest.raises(EmorecError, match="does not hold the weights"):
            detector(tmp_path / "file.safetensors")
    with pytest.raises(EmorecError, match="is not a face detector"):
        YuNet(tmp_path / "missing.onnx")
