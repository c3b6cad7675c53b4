"""Pictures last until the next one: what stage 1 stores of that, and what becomes of it in a timeline."""

import itertools

import av
import numpy as np
import pytest
from PIL import Image

from emorec.errors import EmorecError
from emorec.extraction import pipeline, sources
from emorec.extraction.options import Settings
from emorec.face.alignment import FRAMING
from emorec.face.detection import Face
from emorec.inference import coverage
from emorec.inference.timeline import infer
from emorec.media import streams
from emorec.media.passes import ShownUntil
from support import make_media
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


@pytest.fixture()
def portrait(monkeypatch):
    """Recordings show the portrait that ships with the page, a little brighter from second to second."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        grey = np.asarray(opened.convert("L").resize(SIZE)).astype(float)
    monkeypatch.setattr(make_media, "draw", lambda time, size: np.clip(grey + 2 * time, 0, 255).astype(np.uint8))


def recorded(folder, video, seconds):
    sound = Audio(duration=seconds, codec="pcm_s16le", rate=16_000) if seconds else None
    return record(folder / "recording.mkv", video, sound)


def observed(path, model, cache, **settings):
    return [*pipeline.extract(path, model, OneFace(), Settings(**settings), cache=cache)][-1]


def shares(seen):
    """For each second, the share of it in which there is a picture."""
    until = np.minimum(seen.arrays["frame_until"], seen.until)
    low = np.arange(seen.start, seen.until - 0.5)
    return coverage.covered_seconds(seen.arrays["frame_time"], until, low, low + 1)


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


FROZEN = (*np.arange(0, 4.05, 0.1), *np.arange(8, 12, 0.1))  # seconds


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_part_within_a_frozen_picture_shows_it(suffix, model, tmp_path):
    codec = "mjpeg" if suffix == "avi" else "libx264"
    sound = Audio("mp2" if suffix == "avi" else "aac", duration=12.0)
    path = record(tmp_path / f"call.{suffix}", Video(codec, times=FROZEN, size=SIZE, rate=10), sound)
    for start, end in ((5.0, 7.0), (5.0, 10.0), (2.0, 7.0), (6.3, None)):
        seen = observed(path, model, tmp_path / "cache", start=start, end=end)
        assert shares(seen)[:-1] == pytest.approx(1.0, abs=0.01), (start, end)
        assert seen.arrays["frame_time"][0] == pytest.approx(start, abs=0.11)


def test_a_part_of_the_only_picture_shows_it_to_the_end(model, tmp_path):
    seen = observed(recorded(tmp_path, Video(times=(0.0,), size=SIZE), 12.0), model, tmp_path / "cache", start=5.0)
    assert len(seen.arrays["frame_time"]) == 1 and STILL in seen.notes
    assert shares(seen) == pytest.approx(1.0)


def test_a_part_after_the_end_of_the_video_shows_nothing(model, tmp_path):
    path = recorded(tmp_path, Video(duration=4.0, rate=10, size=SIZE), 12.0)
    assert not len(observed(path, model, tmp_path / "cache", start=6.0).arrays["face_time"])
    slides = record(tmp_path / "slides.mkv", Video(times=(0.0, 5.0), size=SIZE), Audio(duration=16.0))
    seen = observed(slides, model, tmp_path / "cache", start=7.0)
    assert shares(seen) == pytest.approx([1, 1, 1, 0, 0, 0, 0, 0, 0], abs=0.05)


def test_a_part_of_a_video_that_moves_begins_with_its_first_bin(model, tmp_path):
    path = recorded(tmp_path, Video(duration=6.0, rate=10, size=SIZE), 6.0)
    seen = observed(path, model, tmp_path / "cache", start=3.21)
    assert seen.arrays["frame_time"] == pytest.approx(np.arange(3.4, 5.9, 0.2), abs=0.01)


@pytest.mark.parametrize(("count", "covered"), [(1, 1.0), (3, [1, 1, 1, 1, 1, 0, 0])])
def test_a_part_of_pictures_in_memory_begins_with_the_one_on_screen(count, covered, model, tmp_path):
    images = (np.full((64, 96, 3), 100 + number, np.uint8) for number in range(count))
    source = sources.from_arrays(images, 0.25, np.zeros(14 * 16_000, np.float32), 16_000)
    seen = observed(source, model, tmp_path / "cache", start=7.0)
    assert seen.arrays["frame_time"] == pytest.approx([7.0] if count == 1 else [7.0, 8.0])
    assert shares(seen) == pytest.approx(covered, abs=0.01)


@pytest.mark.parametrize(("times", "until"), [((0.0, 1.0, 24.0, 47.0), 70.0), ((0.0, 1.0, 24.0), 47.0)])
def test_an_interrupted_part_of_slides_stores_what_an_unbroken_one_stores(times, until, model, tmp_path):
    path = recorded(tmp_path, Video(times=times, size=SIZE), 75.0)
    unbroken = observed(path, model, tmp_path / "unbroken", start=10.0)
    assert unbroken.arrays["frame_time"] == pytest.approx([10.0, *times[2:]], abs=0.01)
    assert unbroken.arrays["frame_until"][-1] == pytest.approx(until, abs=0.01)
    growing = pipeline.extract(path, model, OneFace(), Settings(start=10.0), cache=tmp_path / "broken")
    next(growing)
    growing.close()
    resumed = observed(path, model, tmp_path / "broken", start=10.0)
    for name, values in unbroken.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)


def test_the_last_picture_is_shown_for_as_long_as_the_video_says(model, tmp_path):
    source, path = tmp_path / "source.mp4", tmp_path / "long.mp4"
    record(source, Video(times=(0.0, 1.0, 2.0), size=SIZE, options={"bf": "0"}), Audio(duration=12.0))
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        tracks = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in (packet for packet in old.demux() if packet.size):
            if packet.stream.type == "video" and packet.pts * packet.time_base == 2:
                packet.duration = round(7 / packet.time_base)
            packet.stream = tracks[packet.stream.index]
            new.mux(packet)
    seen = observed(path, model, tmp_path / "cache")
    assert shares(seen)[:12] == pytest.approx([1] * 9 + [0] * 3, abs=0.01)


def test_lengths_of_decoding_are_not_those_on_screen(model, tmp_path):
    """With pictures that are decoded in another order, mp4 states how far apart they are decoded."""
    video = Video(times=(0.0, 1.0, 3.0, 9.0, 20.0, 21.0), size=SIZE, options={"bf": "2"})
    seen = observed(record(tmp_path / "slides.mp4", video, Audio(duration=32.0)), model, tmp_path / "cache")
    assert seen.arrays["frame_until"][-1] == pytest.approx(22.0, abs=0.05)


@pytest.mark.parametrize(
    ("times", "starts", "end"),
    [
        ((0.0,), (5.0, 9.0), 20.0),
        ((0.0, 5.02, 5.1), (7.0, 8.9), 10.04),
        ((0.0, 4.0, 8.0), (7.0, 7.9, 9.5), 12.0),
        ((0.0, 1.0, 2.0), (1.9, 2.4), 3.0),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_last_picture_goes_in_a_part_when_it_goes_in_the_whole(suffix, times, starts, end, model, tmp_path):
    """The file states one second for the last picture; it lasts for as long as the one before it."""
    video = Video(times=times, size=SIZE, rate=1, options={"bf": "0"})
    path = record(tmp_path / f"slides.{suffix}", video, Audio(duration=20.0))
    for start in (0.0, *starts):
        seen = observed(path, model, tmp_path / "cache", start=start)
        assert min(seen.arrays["frame_until"][-1], 20.0) == pytest.approx(end, abs=0.01), start
        assert STILL not in seen.notes or times != (0.0, 1.0, 2.0), start


def test_pictures_in_memory_that_are_read_once_end_in_a_part_when_they_end(model, tmp_path):
    images = (np.full((64, 96, 3), 100 + number, np.uint8) for number in range(3))
    source = sources.from_arrays(images, 0.25, np.zeros(14 * 16_000, np.float32), 16_000)
    seen = observed(source, model, tmp_path / "cache", start=9.0)
    assert seen.arrays["frame_until"] == pytest.approx([12.0])


ASLEEP = (*np.arange(0, 4, 0.2), *np.arange(34, 38, 0.2))  # seconds


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("sound", [True, False])
def test_where_neither_sound_nor_picture_was_recorded_nobody_is_seen(suffix, sound, model, portrait, tmp_path):
    gaps = () if sound else ((4.0, 34.0),)
    path = record(
        tmp_path / f"asleep.{suffix}", Video(times=ASLEEP, size=SIZE, rate=5), Audio(duration=38.0, gaps=gaps)
    )
    seen = observed(path, model, tmp_path / "cache")
    expected = np.ones(38) if sound else np.repeat([1, 0, 1], [4, 30, 4])
    assert shares(seen)[:38] == pytest.approx(expected, abs=0.15)
    part = observed(path, model, tmp_path / "cache", start=2.0, end=20.0)
    assert part.arrays["frame_until"][-1] == pytest.approx(20.0 if sound else 4.0, abs=0.15)


def test_a_hole_ends_even_if_the_sound_comes_a_little_later_than_the_picture(model, tmp_path):
    path = record(
        tmp_path / "asleep.mkv", Video(times=ASLEEP, size=SIZE, rate=5), Audio(duration=38.0, gaps=((4.0, 34.3),))
    )
    seen = observed(path, model, tmp_path / "cache")
    assert shares(seen)[:38] == pytest.approx(np.repeat([1, 0, 1], [4, 30, 4]), abs=0.15)


@pytest.mark.parametrize(
    ("times", "sound"),
    [
        ((0.0, 5.0, 19.5, 40.0, 41.0), Audio(duration=20.0)),  # the sound never comes again
        ((0.0, 8.0, 15.0, 30.0, 31.0), Audio(duration=36.0, gaps=((16.0, 28.5),))),  # it comes without the picture
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_slide_stands_where_the_sound_alone_pauses_or_ends(suffix, times, sound, model, tmp_path):
    video = Video(times=times, size=SIZE, options={"bf": "0"})
    seen = observed(record(tmp_path / f"slides.{suffix}", video, sound), model, tmp_path / "cache")
    assert seen.arrays["frame_until"][:-1] == pytest.approx(times[1:], abs=0.05)


@pytest.mark.parametrize("pictures", [True, False])
def test_a_part_in_which_nothing_was_recorded_is_empty(pictures, model, tmp_path):
    video = Video(times=ASLEEP, size=SIZE, rate=5) if pictures else None
    path = record(tmp_path / "asleep.mkv", video, Audio(duration=38.0, gaps=((4.0, 34.0),)))
    seen = observed(path, model, tmp_path / "cache", start=10.0, end=15.0)
    assert (seen.start, seen.duration, seen.until) == (10.0, 15.0, 15.0)
    timeline = infer(seen, model)
    assert len(timeline.row_face) == 5 and not timeline.row_face.any()
    with pytest.raises(EmorecError, match=r"has nothing from 40 s on"):
        observed(path, model, tmp_path / "cache", start=40.0, end=45.0)


def test_a_hole_is_said_once_even_if_the_picture_after_it_is_broken(tmp_path, monkeypatch):
    path = record(
        tmp_path / "asleep.mkv", Video(times=ASLEEP, size=SIZE, rate=5), Audio(duration=38.0, gaps=((4.0, 34.0),))
    )
    convert, count = streams.picture, itertools.count()

    def picture(*arguments):
        if next(count) == 20:  # the first one after the hole
            raise ValueError("broken")
        return convert(*arguments)

    monkeypatch.setattr(streams, "picture", picture)
    found = [*streams.frames(path)]
    (place,) = (number for number, item in enumerate(found) if isinstance(item, ShownUntil))
    assert found[place] == ShownUntil(pytest.approx(4.0, abs=0.05), exactly=True)
    assert found[place - 1].time == pytest.approx(3.8) and found[place + 1].time == pytest.approx(34.2)


def test_a_part_that_begins_at_the_very_end_is_one_sentence(model, tmp_path):
    """The header may say that a recording lasts a little longer than what can be decoded."""
    path = record(tmp_path / "sound.mka", audio=Audio("aac", duration=4.0))
    last = observed(path, model, tmp_path / "cache").duration
    content = path.read_bytes()
    at = content.index(b"\x44\x89\x88") + 3  # Matroska's element Duration, in milliseconds
    path.write_bytes(content[:at] + np.array(1000 * last + 50, ">f8").tobytes() + content[at + 8 :])
    with pytest.raises(EmorecError, match="^sound.mka has nothing from 4.* s on, it is 4.0 s long; choose an earlier"):
        observed(path, model, tmp_path / "cache", start=last + 0.01)
