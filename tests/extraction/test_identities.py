"""Who is who through cuts, pauses and lights, in recordings composed of the shipped portrait and of actors."""

import itertools

import numpy as np
import pytest
from PIL import Image

from emorec.extraction import pipeline, sources
from emorec.face.detection import Face, YuNet
from support import factories
from support.paths import FACE_MODEL, ROOT, SHARED
from train.evaluation import identity as measured

SIDE = 120  # pixels; of a drawn head
PLACES = ((20, 30), (180, 30))  # left upper corners of the heads
CROP = (130, 45, 280, 195)  # of the portrait: the head
# Eyes, nose and corners of the mouth in that crop, in pixels of the drawn head.
LANDMARKS = (np.array([[180, 103], [230, 102], [205, 126], [185, 147], [226, 144]]) - CROP[:2]) * SIDE / 150
BACKGROUND = 12


class AtPlaces:
    """Finds a face at each of the PLACES that is brighter than the background."""

    name = "at places"

    def detect(self, image, side=None):
        scale = image.shape[1] / 320
        faces = []
        for left, top in PLACES:
            part = image[int(top * scale) : int((top + SIDE) * scale), int(left * scale) : int((left + SIDE) * scale)]
            if part.mean() > 1.5 * BACKGROUND:
                box = np.array([left + 20, top + 10, 80, 100], np.float32) * scale
                faces.append(Face(box, ((LANDMARKS + [left, top]) * scale).astype(np.float32), 0.9))
        return faces


@pytest.fixture(scope="module")
def heads():
    """Two people who look nothing alike to the network: the portrait, and the portrait upside down."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        head = np.asarray(opened.convert("RGB").crop(CROP).resize((SIDE, SIDE)))
    return {"a": head, "b": head[::-1]}


def frames(heads, shown, seconds, gain=1.0, offset=0.0):
    """Pictures with people at PLACES, from left to right, with a little noise."""
    random = np.random.default_rng(round(10 * seconds))
    images = []
    for _ in range(round(seconds * measured.FRAME_RATE)):
        image = np.full((180, 320, 3), BACKGROUND, np.float32)
        for person, (left, top) in zip(shown, PLACES, strict=False):
            if person:
                image[top : top + SIDE, left : left + SIDE] = heads[person] * gain + offset
        images.append((image + random.normal(0, 3, image.shape)).clip(0, 255).astype(np.uint8))
    return images


def features_of(images, detector=None):
    source = sources.from_arrays(images, measured.FRAME_RATE)
    return [*pipeline.extract(source, factories.checkpoint(), detector or AtPlaces())][-1]


def persons_at(features, times):
    """Numbers of the faces in the frames at these times (s), from left to right."""
    arrays = features.arrays
    found = []
    for time in times:
        nearest = arrays["frame_time"][np.abs(arrays["frame_time"] - time).argmin()]
        rows = np.flatnonzero(arrays["face_time"] == nearest)
        found.append([int(arrays["face_person"][row]) for row in rows[np.argsort(arrays["face_box"][rows, 0])]])
    return found


@pytest.mark.parametrize("seconds", [3, 1])
def test_two_who_take_turns_in_one_place_are_two(heads, seconds):
    """The frame hardly changes at these cuts, so nothing but the face tells them."""
    images = [image for turn in range(8) for image in frames(heads, "ab"[turn % 2], seconds)]
    features = features_of(images)
    assert features.persons == [0, 1]
    middles = seconds * (np.arange(8) + 0.5)
    assert persons_at(features, middles) == [[0], [1]] * 4


def test_two_side_by_side_who_swap_keep_their_numbers(heads):
    features = features_of(frames(heads, "ab", 3.0) + frames(heads, "ba", 3.0))
    before, after = persons_at(features, [1.5, 4.5])
    assert sorted(before) == [0, 1] and after == before[::-1]


def test_who_comes_back_after_half_a_minute_keeps_the_number(heads):
    features = features_of(frames(heads, "a", 3.0) + frames(heads, "", 30.0) + frames(heads, [None, "a"], 2.0))
    assert features.persons == [0] and persons_at(features, [1.0, 34.0]) == [[0], [0]]


def test_one_person_in_three_lights_is_one(heads):
    lights = ((1.0, 0.0), (0.45, 0.0), (0.8, 60.0))
    features = features_of([image for gain, offset in lights for image in frames(heads, "a", 3.0, gain, offset)])
    assert features.persons == [0] and set(features.arrays["face_person"]) == {0}


def test_a_loop_over_segments_is_one_person_at_every_point_of_the_analysis(heads):
    """Two minutes in six segments; also what is known half way through is one person."""
    images = list(itertools.chain(*itertools.repeat(frames(heads, "a", 4.0) + frames(heads, "", 2.0), 20)))
    source = sources.from_arrays(images, measured.FRAME_RATE)
    grown = [*pipeline.extract(source, factories.checkpoint(), AtPlaces())]
    assert len(grown) > 4
    assert all(features.persons in ([], [0]) for features in grown) and grown[-1].persons == [0]


@pytest.mark.skipif(not (SHARED / "data" / "JavaneseAV").is_dir(), reason="needs ../shared, which is not here")
def test_real_people_in_one_studio_are_told_apart():
    """The actors sit in the same place in front of the same wall, and were never trained on."""
    actors = {
        actor: [measured.pictures(SHARED / "data" / "JavaneseAV" / f"{actor}-01-0{take}_01.mp4")]
        for actor, take in (("01", 1), ("05", 3))
    }
    a, b = (pictures[0] for pictures in actors.values())
    shots = [(a[:8], ["a"]), (b[:8], ["b"]), (a[8:], ["a"]), (b[8:], ["b"])]
    recording = measured.Recording.of("two", *shots)
    found = measured.follow(recording, factories.checkpoint(), YuNet(FACE_MODEL))
    assert found["found"] == 2 and found["F"] >= 0.9
