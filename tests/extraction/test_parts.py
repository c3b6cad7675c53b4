"""A recording extracted in parts: the same features as those of one run."""

import pickle
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from emorec.errors import EmorecError
from emorec.extraction import joining, lead_in, parts, pipeline, segments
from emorec.extraction.faces import STILL
from emorec.extraction.options import Settings
from emorec.extraction.renumbering import Numbers, renumber
from emorec.face import detection
from emorec.inference.timeline import infer
from support import factories, people_shots
from support.make_media import Audio, Video, record
from support.make_tracks import RATE, record_tracks, speech
from support.one_face import OneFace, last

LENGTH = 15.0  # seconds; segments begin at 0, 2.0, 8.2, 20.5 and 41.0 s
LONG = 40.0
SIZE = (96, 64)
LEAD = 6.0  # seconds
PCM = {"codec": "pcm_s16le", "rate": 16_000}


@pytest.fixture(scope="module", autouse=True)
def short_lead_in():
    """A shorter lead-in than of long recordings, so that it does not reach back over a whole part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lead_in, "SECONDS", LEAD)
        patch.setattr(parts, "SECONDS", LEAD)
        yield


def extracted(media, model, detector, folder, settings=None, length=LENGTH, expected=3):
    """The features of one run and those of as many parts as are expected, each stored in a folder of its own."""
    whole = last(pipeline.extract(media, model, detector, settings, cache=folder / "whole"))
    found = parts.parts(media, model, detector, settings, length, cache=folder / "parts")
    assert len(found) == expected
    # Each part comes from elsewhere, and they come in any order.
    sent = [pickle.loads(pickle.dumps(parts.extract_part(part, model, detector))) for part in reversed(found)]
    return whole, joining.join(sent, model, cache=folder / "parts")


def assert_same(whole, joined):
    """All that features say is the same to the last bit; only the tracker's own names of persons may differ."""
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(joined.arrays[name], values, err_msg=name)
    for fact in ("duration", "until", "start", "complete", "notes", "media", "settings", "key", "fingerprint"):
        assert getattr(joined, fact) == getattr(whole, fact), fact
    assert len(joined.segments) == len(whole.segments)


def stored(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*/*")}


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Two people who come and go, with a cut where a part begins, and one in another part."""
    pictures = people_shots.pictures(46.0, cuts=(20.4, 33.0))
    return record_tracks(tmp_path_factory.mktemp("media") / "talk.mkv", [speech(46.0)], [pictures], rate=5)


@pytest.fixture(scope="module")
def talked(talk, model, short_lead_in, tmp_path_factory):
    """Its features in one run and in three parts, and the folder in which the latter are stored."""
    folder = tmp_path_factory.mktemp("talked")
    return *extracted(talk, model, detection.detector(None), folder, length=22.0), folder / "parts"


def test_people_and_voices_in_parts_are_those_of_one_run(talked, model):
    whole, joined, _ = talked
    assert [number for number, segment in enumerate(joined.segments) if len(segment["face_time"])] == [0, 1, 2, 3, 4]
    assert len(whole.persons) >= 2 and len(np.unique(whole.arrays["face_track"])) > 5
    assert_same(whole, joined)
    expected, found = infer(whole, model), infer(joined, model)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_array_equal(found.person, expected.person)


def test_joined_features_are_stored_for_later_runs(talk, talked, model):
    whole, _, cache = talked
    detector = detection.detector(None)
    assert len(parts.parts(talk, model, detector, None, 22.0, cache=cache)) == 1
    assert len([*pipeline.extract(talk, model, detector, cache=cache)]) == 1
    # What is lost on the disk is extracted again, from the state of the tracker before it.
    sorted(cache.glob("*/segment-*"))[-1].unlink()
    assert_same(whole, last(pipeline.extract(talk, model, detector, cache=cache)))


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("sound.m4a", None, Audio(duration=LONG, tones=((1.0, 9.0), (19.0, 22.0), (30.0, 36.0)))),
        ("sound.mp3", None, Audio(duration=LONG, tones=((1.0, 9.0), (19.0, 22.0)), codec="mp3")),
        ("pictures.mp4", Video(duration=LONG, rate=10, size=SIZE), None),
        ("short-video.mkv", Video(duration=12.0, rate=10, size=SIZE), Audio(duration=LONG, **PCM)),
        ("late-video.mkv", Video(start=21.0, duration=19.0, rate=10, size=SIZE), Audio(duration=LONG, **PCM)),
        ("late-sound.mkv", Video(duration=LONG, rate=10, size=SIZE), Audio(start=25.0, duration=15.0, **PCM)),
        ("uneven.mkv", Video(times=(*np.cumsum(np.tile([0.05, 0.4, 0.1], 80)),), size=SIZE), None),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_recording_in_parts_is_stored_as_by_one_run(name, video, audio, model, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MOST_DECODED_TWICE", 1)  # the keyframe before a joint may lie long before it
    media = record(tmp_path / name, video, audio)
    whole, joined = extracted(media, model, OneFace(), tmp_path)
    assert_same(whole, joined)
    assert stored(tmp_path / "parts") == stored(tmp_path / "whole")


def test_the_channels_of_a_call_in_parts_are_those_of_one_run(model, tmp_path):
    left, right = speech(LONG), np.roll(speech(LONG), 7 * RATE)
    media = record_tracks(tmp_path / "call.mkv", [np.stack([left, right])], [])
    whole, joined = extracted(media, model, OneFace(), tmp_path, Settings(channel="split"))
    assert set(whole.arrays["voice_channel"]) == {0, 1}
    assert_same(whole, joined)


def test_slides_that_stay_longer_than_the_lead_in_are_those_of_one_run(model, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MOST_DECODED_TWICE", 10)
    video, audio = Video(times=(0.0, 1.0, 3.0, 47.0), size=SIZE, keyframe_every=1), Audio(duration=75.0, **PCM)
    media = record(tmp_path / "slides.mkv", video, audio)
    whole, joined = extracted(media, model, OneFace(), tmp_path, length=25.0)
    assert whole.arrays["frame_until"][:3] == pytest.approx([1.0, 3.0, 47.0], abs=0.01)
    assert_same(whole, joined)
    assert stored(tmp_path / "parts") == stored(tmp_path / "whole")


def test_a_picture_that_stands_still_is_said_to_do_so_over_all_parts(model, tmp_path):
    """What changes does so little by little: no part sees enough of it for itself."""
    pictures = np.full((200, 64, 96), 90, np.uint8)
    for name, expected in (("still", (STILL,)), ("moved", ())):
        media = record_tracks(tmp_path / f"{name}.mkv", [speech(LONG)], [pictures], rate=5)
        whole, joined = extracted(media, model, OneFace(), tmp_path / name)
        assert whole.notes == joined.notes == expected
        pictures[50:], pictures[140:] = 92, 94


def test_a_part_of_a_recording_is_divided_too(model, tmp_path):
    media = record(tmp_path / "long.mkv", Video(duration=60.0, rate=10, size=SIZE), Audio(duration=60.0, **PCM))
    whole, joined = extracted(media, model, OneFace(), tmp_path, Settings(start=10.3, end=52.0), 22.0, expected=2)
    assert_same(whole, joined)
    assert joined.arrays["frame_time"][0] >= 10.3 and joined.duration == 52.0


@pytest.mark.parametrize("broken_at", [(10.0, 30.0), (20.0,)])
def test_damage_is_told_once_and_as_by_one_run(broken_at, model, tmp_path):
    media = tmp_path / "damaged.avi"
    record(media, Video(codec="mjpeg", duration=LONG, rate=5, size=SIZE, pixel_format="yuvj420p"))
    content = bytearray(media.read_bytes())
    chunks = [at for at in range(len(content) - 8) if content[at : at + 4] == b"00dc"]
    for second in broken_at:
        for at in chunks[int(5 * second) : int(5 * second) + 5]:
            size = int.from_bytes(content[at + 4 : at + 8], "little")
            content[at + 8 : at + 8 + size] = bytes(size)
    media.write_bytes(content)
    whole, joined = extracted(media, model, OneFace(), tmp_path)
    assert len(whole.notes) == 1 and "damaged" in whole.notes[0]
    assert_same(whole, joined)


def test_a_recording_that_is_cut_off_ends_where_it_does_in_one_run(model, tmp_path):
    media = record(tmp_path / "cut.mkv", Video(duration=LONG, rate=10, size=SIZE), Audio(duration=LONG, **PCM))
    content = media.read_bytes()
    media.write_bytes(content[: round(0.6 * len(content))])
    whole, joined = extracted(media, model, OneFace(), tmp_path)
    assert any("cut off" in note for note in whole.notes)
    assert_same(whole, joined)


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("short.mkv", Video(duration=14.0, rate=5, size=SIZE)),
        ("stream.ts", Video(duration=LONG, rate=5, size=SIZE)),  # decoding always begins at its beginning
        ("one-keyframe.mkv", Video(duration=LONG, rate=5, size=SIZE, keyframe_every=1000)),
    ],
)
def test_what_is_short_or_would_be_decoded_several_times_is_one_part(name, video, model, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MOST_DECODED_TWICE", 0.1)
    media = record(tmp_path / name, video)
    assert [(part.first, part.stop) for part in parts.parts(media, model, OneFace(), None, LENGTH)] == [(0, None)]


def test_parts_begin_where_little_is_decoded_twice(model, tmp_path):
    """Of the segments around the middle the one before whose lead-in a keyframe lies nearest is chosen."""
    hop, pictures = model.front_end.hop_seconds, np.zeros((1600, 32, 32), np.uint8)
    pictures[:, :16] = 200
    for expected in (40, 42):  # 41 begins at the middle
        media, key = tmp_path / f"{expected}.mkv", round(segments.first_hop(expected) * hop) - 25
        with av.open(str(media), "w") as container:
            stream = container.add_stream("libx264", rate=1, options={"g": "10000", "sc_threshold": "0"})
            stream.width = stream.height = 32
            for second, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
                frame.pts, frame.time_base = second, Fraction(1)
                frame.pict_type = PictureType.I if second == key else PictureType.NONE
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert [part.first for part in parts.parts(media, model, OneFace(), None, 820.0)] == [0, expected]


def test_numbers_continue_over_a_joint_in_the_order_of_tracks():
    """Tracks 0 and 1 of the part are 7 and 3 of the whole; track 2 begins after the joint, and so does person 2."""
    box = np.array([[0.1, 0.1, 0.2, 0.2], [0.6, 0.1, 0.2, 0.2]], np.float32)
    earlier = {"face_time": np.array([9.8, 9.8]), "face_box": box, "frame_time": np.array([9.8])}
    earlier |= {"face_person": np.array([4, 1]), "face_track": np.array([7, 3])}
    before = {"time": np.array([9.8, 9.8]), "box": box, "person": np.array([0, 1]), "track": np.array([0, 1])}
    before |= {"next": np.array([2]), "next_track": np.array([2])}
    numbers = Numbers.after([earlier], before, next_person=5, next_track=8)
    part = {
        "face_person": np.array([1, 2, 0]),
        "face_track": np.array([1, 2, 0]),
        "identity_track": np.array([0, 1, 1, 2]),
        "identity_quality": np.array([0.0, 0.1, 0.2, 0.3]),
        "identity_embedding": np.arange(4.0)[:, None],
        "thumbnail_track": np.array([0, 1, 2]),
        "thumbnail_quality": np.array([0.5, 0.6, 0.7]),
        "thumbnail_bytes": np.array([1, 2, 3]),
        "thumbnail_jpeg": np.array([10, 20, 21, 30, 31, 32], np.uint8),
    }
    found = renumber(part, numbers)
    assert list(found["face_person"]) == [1, 5, 4] and list(found["face_track"]) == [3, 8, 7]
    assert list(found["identity_track"]) == [3, 3, 7, 8] and list(found["identity_quality"]) == [0.1, 0.2, 0.0, 0.3]
    assert list(found["thumbnail_track"]) == [3, 7, 8] and list(found["thumbnail_bytes"]) == [2, 1, 3]
    assert list(found["thumbnail_jpeg"]) == [20, 21, 10, 30, 31, 32]


def test_parts_of_another_model_and_missing_parts_are_refused(model, tmp_path):
    media = record(tmp_path / "sound.wav", audio=Audio(duration=LONG, **PCM))
    found = parts.parts(media, model, OneFace(), None, LENGTH)
    with pytest.raises(ValueError, match="another model"):
        parts.extract_part(found[0], factories.checkpoint(seed=9), OneFace())
    done = [parts.extract_part(part, model, OneFace()) for part in found]
    for some in (done[1:], done[:-1], done[::2]):
        with pytest.raises(ValueError, match="missing"):
            joining.join(some, model)


def test_a_recording_without_anything_to_decode_is_one_sentence(model, tmp_path):
    missing = tmp_path / "missing.mkv"
    with pytest.raises(EmorecError, match="missing.mkv"):
        parts.parts(missing, model, OneFace())
    media = record(tmp_path / "sound.wav", audio=Audio(duration=LONG, **PCM))
    with pytest.raises(EmorecError, match="100 s"):
        parts.parts(media, model, OneFace(), Settings(start=100.0))
