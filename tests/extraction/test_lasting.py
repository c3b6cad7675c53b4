"""Pictures last until the next one: what stage 1 stores of that, and what becomes of it in a timeline."""

import numpy as np
import pytest
from PIL import Image

from emorec.extraction import pipeline
from emorec.face.alignment import FRAMING
from emorec.face.detection import Face
from emorec.inference.timeline import infer
from support import factories, make_media
from support.make_media import Audio, Video, record
from support.paths import ROOT

SIZE = (96, 64)
STILL = "The picture never moves."


class OneFace:
    """Finds one face in the middle of every picture."""

    name = "one face"

    def detect(self, image, side=None):
        height, width = image.shape[:2]
        box = np.array([width / 4, height / 4, width / 2, height / 2], np.float32)
        return [Face(box, box[:2] + FRAMING * box[2:], 0.95)]


@pytest.fixture(scope="module")
def model():
    return factories.checkpoint()


@pytest.fixture()
def portrait(monkeypatch):
    """Recordings show the portrait that ships with the page, a little brighter from second to second."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        grey = np.asarray(opened.convert("L").resize(SIZE)).astype(float)
    monkeypatch.setattr(make_media, "draw", lambda time, size: np.clip(grey + 2 * time, 0, 255).astype(np.uint8))


def recorded(folder, video, seconds):
    sound = Audio(duration=seconds, codec="pcm_s16le", rate=16_000) if seconds else None
    return record(folder / "recording.mkv", video, sound)


def observed(path, model, cache):
    return [*pipeline.extract(path, model, OneFace(), cache=cache)][-1]


def test_a_video_that_begins_late_and_ends_early_covers_its_own_time_alone(model, portrait, tmp_path):
    path = recorded(tmp_path, Video(start=3.0, duration=4.0, rate=10, size=SIZE), 10.0)
    seen = observed(path, model, tmp_path / "cache")
    assert seen.arrays["frame_time"][0] == pytest.approx(3.0, abs=0.05)
    assert seen.arrays["frame_until"][-1] == pytest.approx(7.0, abs=0.25)
    timeline = infer(seen, model)
    assert timeline.row_face == pytest.approx([0, 0, 0, 1, 1, 1, 1, 0, 0, 0], abs=0.25)
    assert timeline.face_coverage[2] == pytest.approx(1 / 3, abs=0.05)
    assert list(timeline.person) == [-1, -1, *[0] * 6, -1, -1]


def test_slides_last_until_the_next_one(model, portrait, tmp_path):
    path = recorded(tmp_path, Video(times=(0.0, 5.0, 11.0), size=SIZE), 16.0)
    seen = observed(path, model, tmp_path / "cache")
    assert seen.arrays["frame_until"] == pytest.approx([5.0, 11.0, 17.0], abs=0.01)
    assert seen.persons == [0]
    timeline = infer(seen, model)
    assert timeline.row_face == pytest.approx(1.0) and timeline.face_coverage == pytest.approx(1.0)
    assert not timeline.person.any()


def test_a_video_without_sound_ends_when_its_last_picture_does(model, tmp_path):
    path = record(tmp_path / "slow.mp4", Video(duration=8.0, rate=1, size=SIZE))
    seen = observed(path, model, tmp_path / "cache")
    assert seen.until == pytest.approx(8.0, abs=0.01)
    assert seen.arrays["frame_until"][-1] == pytest.approx(8.0, abs=0.01)


def test_the_only_picture_stands_for_the_whole_recording_and_is_said_to_be_one(model, tmp_path):
    path = recorded(tmp_path, Video(times=(0.0,), size=SIZE), 8.0)
    seen = observed(path, model, tmp_path / "cache")
    assert STILL in seen.notes
    assert infer(seen, model).row_face == pytest.approx(1.0)


def test_a_video_that_moves_is_not_said_to_be_still(model, tmp_path):
    seen = observed(recorded(tmp_path, Video(duration=5.0, rate=5, size=SIZE), 0), model, tmp_path / "cache")
    assert STILL not in seen.notes


@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_an_interrupted_run_over_slides_stores_what_an_unbroken_one_stores(model, tmp_path, segments):
    """Pictures last for several segments; the end of the last one depends on a picture several segments earlier."""
    path = recorded(tmp_path, Video(times=(0.0, 1.0, 3.0, 24.0, 47.0), size=SIZE), 75.0)
    unbroken = observed(path, model, tmp_path / "unbroken")
    assert unbroken.arrays["frame_until"] == pytest.approx([1.0, 3.0, 24.0, 47.0, 70.0], abs=0.01)
    growing = pipeline.extract(path, model, OneFace(), cache=tmp_path / "broken")
    for _ in range(segments):
        partial = next(growing)
    growing.close()
    assert not partial.complete
    resumed = observed(path, model, tmp_path / "broken")
    for name, values in unbroken.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)
    assert (resumed.duration, resumed.notes) == (unbroken.duration, unbroken.notes)
