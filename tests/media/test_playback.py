"""Every picture and the whole sound, as a player shows them, and an mp4 file written from them."""

import os

import av
import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.media import playback, sandbox, streams
from emorec.media.playback import BT709
from emorec.media.selection import Selection
from emorec.media.writer import SOUND_RATE, MovieWriter
from support.make_media import Audio, Video, read_time, record
from support.untrusted import message, says

NOT_DECODED = r"^clip\.mkv cannot be decoded: [^\n]*\.$"
SHOWN = {"time": 0.0, "colours": [2, 2, 2], "shapes": [[3, 2]], "type": "uint8"}
SOUND = {"shapes": [[2, 2]], "type": "float32"}
END = message({"end": True})


def grey(picture):
    """The brightness of a picture as RGB."""
    rows = len(picture.planes) * 2 // 3
    return np.repeat(picture.planes[:rows, :, None], 3, axis=2)


def onset(samples):
    """When a tone begins (s)."""
    return int(np.abs(samples).max(axis=1).__gt__(0.1).argmax()) / SOUND_RATE


def test_every_picture_has_its_own_time(tmp_path):
    times = [0.0, 0.04, 0.3, 0.31, 0.9, 1.5]
    clip = record(tmp_path / "clip.mkv", Video(times=times, size=(160, 120)))
    found = list(sandbox.pictures(clip))
    assert [picture.time for picture in found] == pytest.approx(times, abs=0.002)
    assert [read_time(grey(picture)) for picture in found] == pytest.approx(times, abs=0.002)
    assert {picture.planes.shape for picture in found} == {(180, 160)}


def test_a_part_begins_with_the_picture_that_is_on_the_screen(tmp_path):
    clip = record(tmp_path / "clip.mkv", Video(times=[0.0, 0.5, 1.0, 1.5], size=(160, 120)))
    found = list(playback.pictures(clip, 0.7, end=1.2))
    assert [(picture.time, read_time(grey(picture))) for picture in found] == [(0.7, 0.5), (1.0, 1.0)]
    assert [read_time(grey(picture)) for picture in playback.pictures(clip, 1.7)] == [1.5]


@pytest.mark.parametrize(("rotation", "rotate"), [(90, 0), (0, 270), (180, 0), (270, 90)])
def test_pictures_are_turned_as_those_that_are_analyzed(tmp_path, rotation, rotate):
    clip = record(tmp_path / "clip.mp4", Video(duration=0.2, rotation=rotation))
    selection = Selection(rotate=rotate)
    first, analyzed = (next(iter(read(clip, selection=selection))) for read in (playback.pictures, streams.frames))
    seen = grey(first)[..., 0]
    assert seen.shape == analyzed.grey.shape
    assert np.abs(seen.astype(float) - analyzed.luma).mean() < 3


@pytest.mark.parametrize("size", [(192, 128), (132, 190), (101, 65)])
def test_pictures_have_even_sides_and_are_no_larger_than_asked(tmp_path, size):
    clip = record(tmp_path / "clip.mkv", Video(size=size, duration=0.2, codec="mjpeg"))
    shape = next(iter(sandbox.pictures(clip, max_side=101))).planes.shape
    height, width = shape[0] * 2 // 3, shape[1]
    assert max(height, width) == 100 and height % 2 == width % 2 == 0
    assert width / height == pytest.approx(size[0] / size[1], rel=0.04)


def test_brightness_goes_from_16_to_235_whatever_the_file_says(tmp_path):
    clip = record(tmp_path / "clip.avi", Video(codec="mjpeg", size=(160, 120), duration=0.2))
    *_, last = playback.pictures(clip)
    limited = grey(last)
    # Cells are drawn at 20 and 220 of 255; the file holds the full range.
    assert np.median(limited) == pytest.approx(16 + 20 * 219 / 255, abs=4)
    assert np.percentile(limited, 95) == pytest.approx(16 + 220 * 219 / 255, abs=4)


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_sound_is_on_the_clock_with_silence_in_its_gaps(tmp_path, start):
    sound = Audio(codec="pcm_s16le", rate=16_000, start=0.3, duration=1.7, tones=((1.2, 1.5),), gaps=((0.6, 1.0),))
    clip = record(tmp_path / "clip.mkv", Video(size=(64, 48)), sound)
    samples = np.concatenate(list(sandbox.stereo(clip, start=start)))
    assert samples.shape[1] == 2 and len(samples) / SOUND_RATE == pytest.approx(2.0 - start, abs=0.03)
    assert onset(samples) == pytest.approx(1.2 - start, abs=0.01)
    assert np.abs(samples[: round((1.1 - start) * SOUND_RATE)]).max() < 0.01
    part = np.concatenate(list(playback.stereo(clip, start=start, end=1.3)))
    assert len(part) == round((1.3 - start) * SOUND_RATE)


@pytest.mark.parametrize(
    "answers",
    [
        [message({})],
        [message(SHOWN | {"time": None}, bytes(6))],
        [message(SHOWN | {"type": "float32"}, bytes(24))],
        [message(SHOWN | {"shapes": [[3, 3]]}, bytes(9))],
        [message(SHOWN | {"shapes": [[4, 2]]}, bytes(8))],
        [message(SHOWN | {"shapes": [[3, 0]]})],
        [message(SHOWN | {"shapes": [[3, 2000]]}, bytes(6000))],
        [message(SHOWN | {"colours": [2, 2]}, bytes(6))],
        [message(SHOWN | {"colours": [2, 2, 900]}, bytes(6))],
        [message(SHOWN | {"colours": [2, 2, "1"]}, bytes(6))],
        [message(SHOWN, bytes(6))] * 2,
        [message(SHOWN, bytes(6)), message(SHOWN | {"time": 1.0, "shapes": [[6, 2]]}, bytes(12))],
    ],
)
def test_what_the_process_says_of_pictures_is_not_trusted(answers, recording, monkeypatch):
    with says(monkeypatch, *answers, END), pytest.raises(EmorecError, match=NOT_DECODED):
        list(sandbox.pictures(recording))


@pytest.mark.parametrize(
    "answers",
    [
        [message({})],
        [message(SOUND | {"type": "uint8"}, bytes(4))],
        [message(SOUND | {"shapes": [[4]]}, bytes(16))],
        [message(SOUND | {"shapes": [[0, 2]]})],
        [message(SOUND | {"shapes": [[2, 3]]}, bytes(24))],
    ],
)
def test_what_the_process_says_of_sound_is_not_trusted(answers, recording, monkeypatch):
    with says(monkeypatch, *answers, END), pytest.raises(EmorecError, match=NOT_DECODED):
        list(sandbox.stereo(recording))


def test_sound_without_end_is_too_long(recording, monkeypatch):
    monkeypatch.setenv("EMOREC_MAX_MINUTES", "0.01")
    second = message(SOUND | {"shapes": [[48_000, 2]]}, bytes(384_000))
    with says(monkeypatch, second, END), pytest.raises(EmorecError, match="longer than 0.01 minutes"):
        list(sandbox.stereo(recording))


def planes(value=100):
    return np.full((24, 16), value, np.uint8)


def write(path, fail=None):
    with MovieWriter(path, (16, 16), BT709, 25.0, sound=True) as movie:
        for number in range(10):
            movie.picture(number / 25, planes())
            movie.sound(np.zeros((1920, 2), np.float32))
        if fail:
            raise fail


def test_a_written_file_is_whole_and_says_its_colours(tmp_path):
    write(tmp_path / "new folder" / "a:b.mp4")
    with av.open(f"file:{tmp_path / 'new folder' / 'a:b.mp4'}") as container:
        video, sound = container.streams
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert video.codec_context.pix_fmt == "yuv420p"
        assert (int(video.codec_context.colorspace), int(video.codec_context.color_primaries)) == (1, 1)
        assert len(list(container.decode(video=0))) == 10
    assert len(list(tmp_path.rglob("*"))) == 2


@pytest.mark.parametrize("fail", [KeyboardInterrupt(), EmorecError("No."), OSError(28, "full")])
def test_a_file_that_is_not_finished_leaves_nothing_and_the_old_one_stays(tmp_path, fail):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")
    with pytest.raises(type(fail)):
        write(path, fail)
    assert [file.name for file in tmp_path.iterdir()] == ["video.mp4"] and path.read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o444, 0o640])
def test_a_file_is_replaced_with_its_permissions_which_do_not_hinder_the_writing(tmp_path, mode):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")
    path.chmod(mode)
    with MovieWriter(path, (16, 16), BT709, 25.0, sound=False) as movie:
        movie.picture(0.0, planes())
        (partial,) = {*tmp_path.iterdir()} - {path}
        assert partial.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == mode and path.read_bytes() != b"old"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EmorecError, match=r"video.mp4 cannot be written \([^\n]*\); choose another place\.$"):
        write(tmp_path / "file" / "video.mp4")
