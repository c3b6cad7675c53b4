"""The annotated video, read back: times, sound, boxes, words, the strip, and faces that nobody can recognise."""

import os
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.output import video
from emorec.output.video.drawing import OUTLINE, PLAIN, Drawing
from emorec.output.video.strip import colour_of
from emorec.saving import Saving
from support import factories
from support.make_media import Audio, Video, read_time, record

WIDTH, HEIGHT = 160, 120
BOX = (0.4, 0.4, 0.3, 0.3)  # of the face in every test, as fractions
SURE = 0.9
NAMED = {"persons": [{"number": 0, "name": "Anna"}]}


def shares(emotion, confidence=SURE):
    """Probabilities (7,) of a row whose dominant emotion has that confidence."""
    row = np.full(len(EMOTIONS), (1 - confidence) / (len(EMOTIONS) - 1))
    row[EMOTIONS.index(emotion)] = confidence
    return row


def features(*seen, until=2.0, **facts):
    """Features with a face of person 0 at BOX in the sampled pictures with these numbers, of five a second."""
    found = factories.seen(np.array(seen, float) / 5, 0)
    found["face_box"] = np.tile(np.float32(BOX), (len(seen), 1))
    found["face_track"] = np.zeros(len(seen), np.int64)
    made = factories.observations(until, found, **facts)
    made.segments[0]["frame_time"] = np.arange(round(until * 5)) / 5
    # Nobody looks at identities here; without tracks of their own, persons stay as they are.
    made.__dict__["arrays"] = made.segments[0]
    return made


def timeline(emotion="happy", confidence=SURE, rows=2, **columns):
    return factories.timeline(np.tile(shares(emotion, confidence), (rows, 1)), **columns)


def read(path):
    """The times (s) and pictures, RGB (H, W, 3), of a video."""
    with av.open(str(path)) as container:
        found = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return np.array([time for time, _ in found]), [image for _, image in found]


def tone_begins(path):
    """When the sound of a file becomes loud (s)."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(frame.to_ndarray()).max(axis=0) > 0.1
            if loud.any():
                return frame.time + int(loud.argmax()) / frame.sample_rate
    return None


def noise(path, seconds=2.0, rate=25):
    """A recording of fine noise, which differs from pixel to pixel and stays the same."""
    grey = np.kron(np.random.default_rng(0).integers(30, 220, (HEIGHT // 2, WIDTH // 2)), np.ones((2, 2))).astype(
        np.uint8
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(round(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A recording of 2 s whose pictures carry their time, with a tone from 1 s on."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    return record(path, Video(size=(WIDTH, HEIGHT), duration=2.0), Audio(duration=2.0))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    return noise(tmp_path_factory.mktemp("media") / "noise.mp4")


def boxed(times, images, at):
    """The picture that is shown at a time (s)."""
    return images[int(np.searchsorted(times, at, side="right")) - 1]


def detail(image, box=BOX):
    """How much neighbouring pixels differ in the middle of a box."""
    left, top, width, height = box
    rows = slice(int((top + height / 4) * HEIGHT), int((top + 3 * height / 4) * HEIGHT))
    columns = slice(int((left + width / 4) * WIDTH), int((left + 3 * width / 4) * WIDTH))
    region = image[rows, columns].astype(float).mean(axis=2)
    # Not the largest: at the edges of blocks, which are 8 pixels apart or more, neighbours differ.
    return float(np.percentile(np.abs(np.diff(region, axis=1)), 75))


def test_players_can_open_it_and_times_and_sound_are_kept(plain, tmp_path):
    path = tmp_path / "new" / "video.mp4"
    video.save(plain, features(), timeline(), path)
    with av.open(str(path)) as container:
        picture, sound = container.streams
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert picture.codec_context.pix_fmt == "yuv420p"
        assert picture.width % 2 == picture.height % 2 == 0 and picture.height > HEIGHT
        assert container.duration / av.time_base == pytest.approx(2.0, abs=0.05)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    times, images = read(path)
    assert times == pytest.approx(np.arange(50) / 25, abs=1e-3)
    assert [read_time(image[:HEIGHT]) for image in images] == pytest.approx(times, abs=2e-3)
    assert tone_begins(path) == pytest.approx(1.0, abs=0.04)
    assert [file.name for file in path.parent.iterdir()] == ["video.mp4"]


def test_uneven_times_are_kept_and_a_long_picture_is_repeated_so_that_the_playhead_moves(tmp_path):
    given = [0.0, 0.05, 0.4, 0.43, 0.9, 1.3, 3.9]
    sound = Audio(codec="pcm_s16le", rate=16_000, start=0.2, duration=3.7, tones=((1.5, 2.0),))
    clip = record(tmp_path / "clip.mkv", Video(size=(WIDTH, HEIGHT), times=given), sound)
    path = tmp_path / "video.mp4"
    video.save(clip, features(until=4.0), timeline(rows=4), path)
    times, images = read(path)
    assert times == pytest.approx(sorted([*given, 2.3, 3.3]), abs=2e-3)
    shown = [read_time(image[:HEIGHT]) for image in images]
    assert shown == pytest.approx([0.0, 0.05, 0.4, 0.43, 0.9, 1.3, 1.3, 1.3, 3.9], abs=2e-3)
    assert tone_begins(path) == pytest.approx(1.5, abs=0.04)
    strips = [image[HEIGHT:].astype(int) for image in images]
    assert np.abs(strips[6] - strips[5]).max() > 100  # the playhead moved while the picture stayed


def test_a_part_begins_at_zero(plain, tmp_path):
    part = features(until=1.5, start=0.5, settings={"start": 0.5, "end": 1.5})
    video.save(plain, part, timeline(), tmp_path / "video.mp4")
    times, images = read(tmp_path / "video.mp4")
    # The picture that is on the screen at 0.5 s comes first.
    assert times == pytest.approx([0.0, *(np.arange(25) / 25 + 0.02)], abs=1e-3)
    assert read_time(images[0][:HEIGHT]) == pytest.approx(0.48, abs=2e-3)
    assert [read_time(image[:HEIGHT]) for image in images[1:]] == pytest.approx(times[1:] + 0.5, abs=2e-3)
    assert tone_begins(tmp_path / "video.mp4") == pytest.approx(0.5, abs=0.04)


def test_only_a_part_of_what_was_analyzed_can_be_written(plain, tmp_path):
    video.save(plain, features(until=2.0), timeline(), tmp_path / "video.mp4", part=(0.5, 1.5))
    times, images = read(tmp_path / "video.mp4")
    assert times[0] == 0 and times[-1] == pytest.approx(1, abs=0.05)
    assert read_time(images[-1][:HEIGHT]) == pytest.approx(times[-1] + 0.5, abs=2e-3)


def test_what_was_not_analyzed_is_left_out(plain, tmp_path):
    video.save(plain, features(until=1.0, complete=False, duration=2.0), timeline(), tmp_path / "video.mp4")
    assert len(read(tmp_path / "video.mp4")[0]) == 25


@pytest.mark.parametrize("rotation", [90, 180])
def test_a_turned_recording_is_upright(tmp_path, rotation):
    clip = record(tmp_path / "clip.mp4", Video(size=(WIDTH, HEIGHT), duration=0.4, rotation=rotation))
    video.save(clip, features(until=0.4), timeline(rows=1), tmp_path / "video.mp4")
    image = read(tmp_path / "video.mp4")[1][4]
    upright = np.rot90(image[: WIDTH if rotation == 90 else HEIGHT], -rotation // 90)
    assert image.shape[1] == (HEIGHT if rotation == 90 else WIDTH)
    assert 0.16 in (read_time(upright), read_time(np.rot90(upright, 2)))


@pytest.mark.parametrize(
    ("confidence", "evidence", "line", "ground"),
    [
        (SURE, [1.0, 1.0], colour_of("happy"), colour_of("happy")),
        (0.35, [1.0, 1.0], OUTLINE, PLAIN),  # unsure
    ],
)
def test_the_box_has_the_colour_of_the_emotion(noisy, tmp_path, confidence, evidence, line, ground):
    path = tmp_path / "video.mp4"
    video.save(noisy, features(*range(10)), timeline(confidence=confidence, evidence=np.array(evidence)), path)
    image = boxed(*read(path), 1.1)
    left, top, width, height = (2 * round(edge / 2) for edge in np.array(BOX) * [WIDTH, HEIGHT, WIDTH, HEIGHT])
    for row, column in (
        (top + height // 2, left),
        (top + height // 2, left + width - 2),
        (top + height - 2, left + 20),
    ):
        region = image[row : row + 2, column : column + 2].reshape(-1, 3).mean(axis=0)
        assert np.abs(region - line).max() < 45, (row, column, region)
    chip = image[top - 12 : top - 2, left : left + 60].reshape(-1, 3)
    assert (np.abs(chip - np.array(ground, int)).max(axis=1) < 40).mean() > 0.3


def test_the_strip_has_the_colours_of_the_timeline(noisy, tmp_path):
    rows = np.stack([shares("happy"), shares("sad"), shares("angry", 0.3), np.full(7, np.nan)])
    path = tmp_path / "video.mp4"
    video.save(noisy, features(until=4.0), factories.timeline(rows, step=0.5), path)
    first, last = read(path)[1][0], read(path)[1][-1]
    lane = first[-15:-9, :].astype(float).mean(axis=0)
    quarter = (WIDTH - 8) // 8
    assert np.abs(lane[4 + quarter // 2] - colour_of("happy")).max() < 50
    assert np.abs(lane[4 + quarter * 3 // 2] - colour_of("sad")).max() < 50
    bright = [image[-15:-9].astype(float).mean(axis=(0, 2)).argmax() for image in (first, last)]
    assert bright[0] < 10 and bright[1] > 60  # the playhead, near the start and at half of 4 s


def test_blur_hides_a_face_also_where_it_was_missed_between_two_hits(noisy, tmp_path):
    """Found at 0.4, 0.6 and 1.0 s, missed at 0.8 s; nothing is known at 0.2 and at 1.2 s."""
    seen = features(2, 3, 5)
    for name, blur in (("plain.mp4", False), ("hidden.mp4", True)):
        video.save(noisy, seen, timeline(), tmp_path / name, blur=blur)
    times, images = read(tmp_path / "hidden.mp4")
    _, open_images = read(tmp_path / "plain.mp4")
    for at in (0.08, 0.24, 0.44, 0.6, 0.72, 0.8, 0.92, 1.0, 1.16, 1.36):
        assert detail(boxed(times, images, at)) < 3, at
        assert detail(boxed(times, open_images, at)) > 15, at
    for at in (1.5, 1.9):
        assert detail(boxed(times, images, at)) > 15, at
    away = np.array(boxed(times, images, 0.8), int)[:20, :20] - boxed(times, open_images, 0.8)[:20, :20]
    assert np.abs(away).max() < 40


def test_sound_alone_is_one_sentence(tmp_path):
    clip = record(tmp_path / "clip.wav", audio=Audio(codec="pcm_s16le", rate=16_000))
    for media in ({"name": "clip.wav", "has_video": False}, {"name": "clip.wav"}):
        with pytest.raises(EmorecError, match=r"^clip.wav has no picture, so [^\n]*\.$"):
            video.save(clip, features(media=media), timeline(), tmp_path / "video.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["clip.wav"]


def test_pictures_without_a_face_are_not_shown_as_if_hidden(plain, tmp_path):
    with pytest.raises(EmorecError, match=r"^No face was found in clip.mp4, so [^\n]*\.$"):
        video.save(plain, features(), timeline(), tmp_path / "video.mp4", blur=True)
    assert list(tmp_path.iterdir()) == []


def test_of_the_voice_alone_it_is_not_said_that_there_is_no_face(plain, tmp_path):
    alone = features(settings={"faces": False})
    with pytest.raises(EmorecError, match=r"^Only the voice of clip.mp4 was analysed, so [^\n]*\.$"):
        video.save(plain, alone, timeline(), tmp_path / "video.mp4", blur=True)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_a_link_and_permissions_are_kept(plain, tmp_path):
    target, link = tmp_path / f"{'ж' * 119}.mp4", tmp_path / "link.mp4"  # 242 bytes
    target.touch()
    target.chmod(0o600)
    link.symlink_to(target)
    video.save(plain, features(), timeline(), link, part=(0.0, 0.4))
    assert link.is_symlink() and len(read(target)[0]) == 10
    assert os.name == "nt" or target.stat().st_mode & 0o777 == 0o600
    assert {*tmp_path.iterdir()} == {target, link}


def test_names_are_those_of_the_names_file_that_made_the_timeline(plain, tmp_path, monkeypatch):
    named = []
    monkeypatch.setattr(video, "save", lambda *_, names, **more: named.append(names))
    Saving().save_video(plain, features(*range(10)), timeline(), tmp_path / "a.mp4", people=NAMED)
    Saving().save_video(plain, features(*range(10)), timeline(), tmp_path / "b.mp4")
    assert named == [{0: "Anna"}, {0: "person 0"}]


def test_what_cannot_be_a_name_and_another_recording_are_one_sentence(plain, tmp_path):
    with pytest.raises(EmorecError, match=r"end the name in \.mp4\.$"):
        video.save(plain, features(), timeline(), tmp_path / "video.avi")
    with pytest.raises(EmorecError, match="is the recording itself"):
        video.save(plain, features(), timeline(), plain)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(EmorecError, match="is a directory"):
        video.save(plain, features(), timeline(), tmp_path / "folder.mp4")
    if os.name != "nt":
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(EmorecError, match="is a pipe or a device"):
            video.save(plain, features(), timeline(), tmp_path / "pipe.mp4")
    with pytest.raises(EmorecError, match="These features are not those of clip.mp4"):
        video.save(plain, features(media={"name": "clip.mp4", "size": 7}), timeline(), tmp_path / "video.mp4")


@pytest.mark.parametrize("error", [KeyboardInterrupt, EmorecError])
def test_an_error_in_the_middle_leaves_nothing(plain, tmp_path, monkeypatch, error):
    draw, drawn = Drawing.draw, []

    def breaks(self, picture, time):
        drawn.append(time)
        if len(drawn) == 20:
            raise error("stopped")
        return draw(self, picture, time)

    monkeypatch.setattr(Drawing, "draw", breaks)
    with pytest.raises(error):
        video.save(plain, features(0), timeline(), tmp_path / "video.mp4")
    assert list(tmp_path.iterdir()) == []


def test_every_person_has_a_lane_and_an_emotion(noisy, tmp_path):
    each = [timeline(emotion, person=np.full(2, number)) for number, emotion in enumerate(("happy", "sad"))]
    group = replace(timeline("neutral", person=np.full(2, -1)), people=tuple(each))
    one = features(*range(10))
    one.arrays["face_person"] = np.full(10, 1)
    video.save(noisy, one, group, tmp_path / "group.mp4", names={0: "Ann", 1: "Bob"})
    video.save(noisy, one, timeline(), tmp_path / "one.mp4")
    image, alone = (boxed(*read(tmp_path / name), 1.1) for name in ("group.mp4", "one.mp4"))
    left, middle = 2 * round(BOX[0] * WIDTH / 2), int((BOX[1] + BOX[3] / 2) * HEIGHT)
    assert np.abs(image[middle, left].astype(int) - colour_of("sad")).max() < 45
    assert np.abs(alone[middle, left].astype(int) - OUTLINE).max() < 45  # the timeline is about person 0
    assert image.shape[0] > alone.shape[0]
    lanes = image[HEIGHT:].astype(int)
    for emotion in ("happy", "sad"):
        assert (np.abs(lanes - colour_of(emotion)).max(axis=2) < 40).sum() > 200
