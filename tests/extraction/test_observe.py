"""Stage 1 on recordings: stored features are found again, interrupted runs continue, missing parts are reported."""

import errno
import shutil
import sys
import threading
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import torch

from emorec import files
from emorec.errors import EmorecError
from emorec.extraction import faces as seeing
from emorec.extraction import pipeline, storing
from emorec.media import sandbox
from emorec.models.optimize import for_inference
from support import factories
from support.make_media import Audio, Video, record
from support.one_face import OneFace, last

LONG = 50.0  # seconds; more than two segments


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    video = Video(duration=LONG, rate=10, size=(96, 64))
    audio = Audio(duration=LONG, tones=((1.0, 2.0), (22.0, 30.0), (40.0, 49.0)), codec="pcm_s16le", rate=16_000)
    return record(tmp_path_factory.mktemp("media") / "long.mkv", video, audio)


@pytest.fixture(scope="module")
def unbroken(recording, model, tmp_path_factory):
    """The features of a run from start to end, and the folder in which it stored them, to be copied only."""
    folder = tmp_path_factory.mktemp("unbroken")
    return last(pipeline.extract(recording, model, OneFace(), cache=folder)), folder


@pytest.fixture
def filled(unbroken, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(unbroken[1], tmp_path / "cache")


@pytest.mark.parametrize("seconds", [2.1, 2.3, 3.0])
def test_a_recording_is_as_long_as_it_says_and_not_to_the_end_of_a_sampled_bin(model, tmp_path, seconds):
    path = record(tmp_path / "short.mp4", Video(duration=seconds, rate=10, size=(96, 64)), None)
    seen = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache"))
    assert seen.complete and seen.duration == pytest.approx(seconds, abs=0.02) and seen.until == seen.duration


def test_a_flash_of_one_picture_is_not_said_to_stand_still(model, tmp_path):
    path = record(tmp_path / "flash.mp4", Video(duration=0.1, rate=10, size=(96, 64)), None)
    assert last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache")).notes == ()


@pytest.mark.parametrize(
    ("codec", "note", "without"),
    [
        (b"V_MPEG4", pipeline.NO_PICTURE, pipeline.Settings(faces=False)),
        (b"A_PCM/INT", pipeline.NO_SOUND, pipeline.Settings(voices=False)),
    ],
)
def test_a_track_that_cannot_be_decoded_is_named_if_it_was_to_be_used(codec, note, without, model, tmp_path):
    path = tmp_path / "unknown.mkv"
    sound = Audio(duration=2.0, codec="pcm_s16le", rate=16_000)
    record(path, Video(duration=2.0, rate=10, size=(96, 64)), sound)
    path.write_bytes(path.read_bytes().replace(codec, codec[:2] + b"?" * (len(codec) - 2)))
    for settings, named in ((None, True), (without, False)):
        notes = last(pipeline.extract(path, model, OneFace(), settings, tmp_path / "cache")).notes
        assert (note in notes) == named


def test_a_cover_picture_is_no_video_that_cannot_be_decoded(model, tmp_path):
    path = record(tmp_path / "cover.mp3", None, Audio(duration=2.0, codec="mp3"), cover=True)
    assert last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache")).notes == ()


def test_an_unbroken_run_covers_the_whole_recording_on_one_grid(recording, model, tmp_path):
    seen = [*pipeline.extract(recording, model, OneFace(), cache=tmp_path)]
    assert [o.complete for o in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen[-1].segments) == 5
    final = seen[-1].arrays
    assert seen[-1].until == pytest.approx(LONG, abs=0.2)
    assert np.allclose(np.diff(final["frame_time"]), 0.2, atol=0.02)
    assert len(final["frame_time"]) == LONG * 5
    assert np.array_equal(final["face_time"], final["frame_time"])
    assert np.allclose(final["voice_time"], (np.arange(len(final["voice_time"])) + 0.5) * 0.256)
    assert len(final["voice_time"]) == np.ceil(LONG / 0.256)
    loud = final["voice_loudness"] > -30
    tone = [any(a < t < b for a, b in ((1.0, 2.0), (22.0, 30.0), (40.0, 49.0))) for t in final["voice_time"]]
    assert np.mean(loud == np.array(tone)) > 0.97


def test_something_can_be_shown_early(recording, model, tmp_path):
    """The first segment is there while most of the recording is still to be looked at."""
    shown, looked = threading.Event(), []

    class Waiting(OneFace):
        def detect(self, image, side=None):
            looked.append(len(looked) < 20 or shown.wait(60))
            return super().detect(image)

    growing = pipeline.extract(recording, model, Waiting(), cache=tmp_path)
    first = next(growing)
    shown.set()
    growing.close()
    assert first.until == pytest.approx(8 * 0.256) and not first.complete
    assert len(first.arrays["voice_time"]) == 8 and len(first.arrays["frame_time"]) == 11
    assert all(looked)


def test_faces_are_encoded_in_batches_while_more_are_found_and_in_their_order(recording, model, tmp_path, monkeypatch):
    given, encode = [], seeing.encode_faces

    def noting(net, crops):
        given.append(crops)
        return encode(net, crops)

    monkeypatch.setattr(seeing, "encode_faces", noting)
    final = last(pipeline.extract(recording, model, OneFace(), cache=tmp_path)).arrays
    # Pictures of the segments: 11, 30, 62, 102 and 45.
    assert [len(crops) for crops in given] == [11, 30, 32, 30, 32, 32, 32, 6, 32, 13]
    embeddings, _ = encode(for_inference(model.face), np.concatenate(given))
    assert np.abs(final["face_embedding"] - embeddings).max() < 0.02 * np.abs(embeddings).max()


@pytest.mark.parametrize("turns", [1, 2])
def test_of_two_recordings_as_many_as_have_a_turn_are_looked_at_together(
    recording, model, tmp_path, monkeypatch, turns
):
    monkeypatch.setattr(seeing, "DETECTION_SLOTS", threading.BoundedSemaphore(turns))
    looking, most = set(), []

    class Noting(OneFace):
        def detect(self, image, side=None):
            looking.add(threading.get_ident())
            most.append(len(looking))
            sleep(0.002)
            looking.remove(threading.get_ident())
            return super().detect(image)

    runs = [
        threading.Thread(target=last, args=(pipeline.extract(recording, model, Noting(), cache=tmp_path / name),))
        for name in ("one", "other")
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert max(most) == turns


def test_a_run_that_nobody_takes_from_keeps_no_other_waiting(recording, model, tmp_path, monkeypatch):
    monkeypatch.setattr(seeing, "DETECTION_SLOTS", threading.BoundedSemaphore(1))
    left_alone = pipeline.extract(recording, model, OneFace(), cache=tmp_path / "one")
    next(left_alone)
    sleep(0.5)  # until all its queues are full
    other = threading.Thread(
        target=last, args=(pipeline.extract(recording, model, OneFace(), cache=tmp_path / "other"),), daemon=True
    )
    other.start()
    other.join(60)
    assert not other.is_alive()
    left_alone.close()
    assert seeing.DETECTION_SLOTS.acquire(blocking=False)


def test_a_run_that_fails_gives_its_turn_back(recording, model, tmp_path, monkeypatch):
    monkeypatch.setattr(seeing, "DETECTION_SLOTS", threading.BoundedSemaphore(1))

    class Failing(OneFace):
        def detect(self, image, side=None):
            raise EmorecError("no more")

    with pytest.raises(EmorecError, match="no more"):
        last(pipeline.extract(recording, model, Failing(), cache=tmp_path))
    assert seeing.DETECTION_SLOTS.acquire(blocking=False)


@pytest.mark.skipif(sys.platform != "linux", reason="is about glibc's heap")
def test_memory_is_returned_after_every_segment(recording, model, tmp_path, monkeypatch):
    returned, trim = [], pipeline._return_memory
    monkeypatch.setattr(pipeline, "_return_memory", lambda: (returned.append(1), trim()))
    last(pipeline.extract(recording, model, OneFace(), cache=tmp_path))
    assert len(returned) == 5


def test_torch_gets_its_threads_back(recording, model, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        growing = pipeline.extract(recording, model, OneFace(), cache=tmp_path)
        next(growing)
        assert torch.get_num_threads() == 1
        growing.close()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_is_stored_is_not_decoded_again(recording, model, unbroken, filled, monkeypatch):
    def decoding(*_, **__):
        raise AssertionError("decoded again")

    monkeypatch.setattr(sandbox, "frames", decoding)
    monkeypatch.setattr(sandbox, "audio", decoding)
    again = [*pipeline.extract(recording, model, OneFace(), cache=filled)]
    assert len(again) == 1
    assert_same(unbroken[0].arrays, again[0].arrays)


def test_a_copy_under_another_name_is_the_same_recording(recording, model, filled, tmp_path, monkeypatch):
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(recording.read_bytes())
    monkeypatch.setattr(sandbox, "frames", None)
    assert last(pipeline.extract(copy, model, OneFace(), cache=filled)).complete


@pytest.mark.parametrize("another", ["weights", "detector", "rate"])
def test_other_weights_or_settings_observe_anew(recording, model, another):
    usual = storing.key_of(recording, model, OneFace(), pipeline.Settings())
    detector = OneFace()
    if another == "detector":
        detector.name = "another"
    settings = pipeline.Settings(face_rate=2.0 if another == "rate" else 5.0)
    weights = factories.checkpoint(seed=9) if another == "weights" else model
    assert storing.key_of(recording, weights, detector, settings) != usual


@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_an_interrupted_run_goes_on_to_the_same_observations(recording, model, unbroken, tmp_path, segments):
    growing = pipeline.extract(recording, model, OneFace(), cache=tmp_path / "broken")
    for _ in range(segments):
        partial = next(growing)
    growing.close()
    assert not partial.complete
    resumed = [*pipeline.extract(recording, model, OneFace(), cache=tmp_path / "broken")]
    assert len(resumed[0].segments) == segments
    assert_same(unbroken[0].arrays, resumed[-1].arrays)


def test_a_run_interrupted_where_only_sound_goes_on_is_finished(model, tmp_path):
    video, audio = Video(duration=5.0, rate=10, size=(96, 64)), Audio(codec="pcm_s16le", rate=16_000, duration=45.0)
    path = record(tmp_path / "tail.mkv", video, audio)
    unbroken = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "unbroken"))
    growing = pipeline.extract(path, model, OneFace(), cache=tmp_path / "broken")
    next(growing), next(growing)
    growing.close()
    resumed = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "broken"))
    assert_same(unbroken.arrays, resumed.arrays)


def test_a_damaged_segment_is_observed_again(recording, model, unbroken, filled):
    segment = sorted(filled.glob("*/segment-*"))[1]
    segment.write_bytes(segment.read_bytes()[:100])
    assert_same(unbroken[0].arrays, last(pipeline.extract(recording, model, OneFace(), cache=filled)).arrays)


def test_closing_stops_the_threads(recording, model, tmp_path):
    before = set(threading.enumerate())
    growing = pipeline.extract(recording, model, OneFace(), cache=tmp_path)
    next(growing)
    growing.close()
    later = [thread for thread in threading.enumerate() if thread not in before]
    for thread in later:
        thread.join(10)  # one that talks to a child which was told to end may need a moment
    assert not any(thread.is_alive() for thread in later)


def test_an_error_in_a_thread_reaches_the_caller(recording, model, tmp_path):
    class Broken(OneFace):
        def detect(self, image, side=None):
            raise EmorecError("the detector broke")

    with pytest.raises(EmorecError, match="the detector broke"):
        last(pipeline.extract(recording, model, Broken(), cache=tmp_path))


def test_sound_alone_has_no_faces(model, tmp_path):
    path = record(tmp_path / "sound.wav", audio=Audio(codec="pcm_s16le", rate=16_000))
    seen = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache"))
    assert len(seen.arrays["frame_time"]) == 0 and seen.persons == []
    assert len(seen.arrays["voice_time"]) == np.ceil(4.0 / 0.256)


def test_pictures_alone_have_no_voice(model, tmp_path):
    path = record(tmp_path / "picture.mp4", Video())
    seen = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache"))
    assert len(seen.arrays["voice_time"]) == 0
    assert len(seen.arrays["face_time"]) == 20


def test_a_late_sound_keeps_its_place(model, tmp_path):
    audio = Audio(start=2.0, duration=3.0, tones=((3.0, 4.0),))
    path = record(tmp_path / "late.mkv", Video(duration=5.0), audio)
    seen = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache")).arrays
    loud = seen["voice_time"][seen["voice_loudness"] > -30]
    assert 2.9 <= loud.min() <= 3.3 and 3.7 <= loud.max() <= 4.1


def test_a_recording_that_is_cut_off_says_so_and_is_used_as_far_as_it_goes(recording, model, tmp_path):
    path = tmp_path / "cut.mkv"
    whole = recording.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    seen = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache"))
    assert seen.complete and 10 < seen.until < 40
    assert any("damaged" in note or "cut off" in note for note in seen.notes)


def test_a_cache_that_cannot_be_written_is_one_sentence(recording, model, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(EmorecError, match="EMOREC_CACHE"):
        last(pipeline.extract(recording, model, OneFace(), cache=blocked / "cache"))


def test_a_cache_folder_that_cannot_be_made_is_one_sentence(recording, model, tmp_path, monkeypatch):
    def missing(path, content):  # as of a drive that was pulled out
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(files, "write", missing)
    with pytest.raises(EmorecError, match=r"cannot be stored in .*gone \(No such file or directory\).*EMOREC_CACHE"):
        last(pipeline.extract(recording, model, OneFace(), cache=tmp_path / "gone"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_cache_in_which_the_system_makes_no_folder_is_one_sentence(recording, model):
    with pytest.raises(EmorecError, match="cannot be stored in /proc"):  # "No such file", as if it had been removed
        last(pipeline.extract(recording, model, OneFace(), cache=Path("/proc")))


def assert_same(expected, found):
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
