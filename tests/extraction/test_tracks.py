"""Stage 1 with choices: the track with speech or a face, a part of a recording, one stream alone."""

import numpy as np
import pytest

from emorec import cli
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction import pipeline, segments, storing, tracks
from emorec.extraction.options import Settings
from emorec.inference import timeline
from emorec.media import excerpt, reader, sandbox, streams
from support import factories
from support.make_media import Audio, Video, record
from support.make_tracks import RATE, record_tracks, speech, tone
from support.one_face import OneFace, last

LONG = 50.0  # seconds; five segments
PART = Settings(start=12.3, end=33.7)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    video = Video(duration=LONG, rate=10, size=(96, 64))
    return record(path, video, Audio(duration=LONG, codec="pcm_s16le", rate=RATE, tones=((1.0, 49.0),)))


@pytest.fixture
def decoded(monkeypatch):
    """Kinds of the frames that are decoded, now in this process."""
    kinds, decode = [], reader.Reader._decode

    def counting(self, stream, packet):
        frames = decode(self, stream, packet)
        kinds.extend([stream.type] * len(frames))
        return frames

    monkeypatch.setattr(reader.Reader, "_decode", counting)
    for name in ("probe", "frames", "audio"):
        monkeypatch.setattr(sandbox, name, getattr(streams, name))
    monkeypatch.setattr(sandbox, "sounds", excerpt.sounds)
    monkeypatch.setattr(sandbox, "stills", excerpt.pictures)
    return kinds


def seen(path, model, tmp_path, settings=None, detector=None):
    return last(pipeline.extract(path, model, detector or OneFace(), settings, tmp_path / "cache"))


def grey(value, count=120):
    return np.full((count, 64, 96), value, np.uint8)


NOTE = "The {} sound tracks is used, because {}; --audio_track chooses another."
FOUND, SILENT = "speech was found there", "the default track is silent"
CASES = {
    "a microphone on the second": ([tone, speech], 1, 2, NOTE.format("second of two", FOUND)),
    "a microphone on the first of which the second is default": (
        [speech, tone],
        2,
        1,
        NOTE.format("first of two", FOUND),
    ),
    "a silent default": ([lambda: 0 * tone(), speech], 1, 2, NOTE.format("second of two", FOUND)),
    "a silent default and a tone": ([lambda: 0 * tone(), tone], 1, 2, NOTE.format("second of two", SILENT)),
    "a quiet voice on the third": ([tone, tone, lambda: 0.003 * speech()], 1, 3, NOTE.format("third of three", FOUND)),
    "speech on both": ([speech, speech], 1, 1, None),
    "speech on the default and on the first": ([speech, speech], 2, 2, None),
    "speech on neither": ([tone, tone], 2, 2, None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sound_track_with_speech_is_observed_and_named(model, tmp_path, case):
    sounds, default, number, note = CASES[case]
    path = record_tracks(tmp_path / "tracks.mkv", [sound() for sound in sounds], default=default)
    found = seen(path, model, tmp_path)
    assert found.notes == ((note,) if note else ())
    assert (found.media["audio_track"], found.media["audio_tracks"]) == (number, len(sounds))
    chosen = seen(path, model, tmp_path, Settings(audio_track=number))
    assert chosen.notes == ()
    np.testing.assert_array_equal(found.arrays["voice_speech"], chosen.arrays["voice_speech"])
    spoken = np.mean(found.arrays["voice_speech"] >= 0.5)
    assert (spoken > 0.05) == (sounds[number - 1] not in (tone,)) or "quiet" in case


def test_a_track_that_is_named_is_observed_whatever_it_holds(model, tmp_path):
    path = record_tracks(tmp_path / "tracks.mkv", [tone(), speech()])
    found = seen(path, model, tmp_path, Settings(audio_track=1))
    assert found.notes == () and found.media["audio_track"] == 1
    assert np.all(found.arrays["voice_speech"] < 0.5)


def test_the_video_track_with_a_face_is_observed_and_named(model, tmp_path):
    path = record_tracks(tmp_path / "tracks.mkv", [tone()], [grey(30), grey(200)])
    bright = OneFace(threshold=100)
    found = seen(path, model, tmp_path, detector=bright)
    named = "The second of two video tracks is used, because a face was found there; --video_track chooses another."
    assert found.notes == (named, "The picture never moves.")
    assert found.media["video_track"] == 2 and len(found.arrays["face_time"]) == 60
    assert len(seen(path, model, tmp_path, Settings(video_track=1), bright).arrays["face_time"]) == 0
    path = record_tracks(tmp_path / "both.mkv", [], [grey(150), grey(200)])
    assert seen(path, model, tmp_path, detector=bright).notes == ("The picture never moves.",)


def test_of_one_track_nothing_is_looked_at(long, model, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "sounds", None)
    monkeypatch.setattr(sandbox, "stills", None)
    assert seen(long, model, tmp_path).complete


def test_a_look_is_short_and_spread_over_the_part(monkeypatch):
    info = streams.MediaInfo(
        path=None,
        container="mkv",
        duration=3600.0,
        has_video=True,
        has_audio=True,
        width=1,
        height=1,
        frame_rate=1.0,
        video_codec="a",
        audio_codec="b",
        size=1,
        video_tracks=1,
        audio_tracks=2,
        video_track=1,
        audio_track=1,
    )
    calls = []

    def sounds(path, selection, places, seconds, rate):
        calls.append((selection.audio_track, places, seconds))
        return iter([np.zeros(rate, np.float32)])

    monkeypatch.setattr(sandbox, "sounds", sounds)
    settings = Settings(start=600.0, end=1400.0)
    assert tracks.choose("a.mkv", info, settings, None, factories.checkpoint().front_end) == ({"audio_track": 1}, [])
    assert [track for track, *_ in calls] == [1, 2]
    for _, places, seconds in calls:
        assert places == [650.0 + 100 * number for number in range(8)] and seconds * len(places) == 48.0


def test_a_track_that_cannot_be_looked_at_is_not_chosen(model, tmp_path, monkeypatch):
    path = record_tracks(tmp_path / "tracks.mkv", [tone(), speech()])
    look = sandbox.sounds

    def failing(path, selection, *how):
        if selection.audio_track == 2:
            raise EmorecError("broken")
        return look(path, selection, *how)

    monkeypatch.setattr(sandbox, "sounds", failing)
    assert seen(path, model, tmp_path).media["audio_track"] == 1


def test_a_choice_is_made_once_and_kept_when_a_run_goes_on(model, tmp_path, monkeypatch):
    path = record_tracks(tmp_path / "tracks.mkv", [tone(30.0), speech(30.0)])
    unbroken = seen(path, model, tmp_path / "unbroken")
    growing = pipeline.extract(path, model, OneFace(), cache=tmp_path / "broken")
    first = next(growing)
    growing.close()
    assert first.notes == unbroken.notes != ()
    monkeypatch.setattr(sandbox, "sounds", None)
    resumed = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "broken"))
    assert resumed.complete and resumed.notes == unbroken.notes and resumed.media == unbroken.media
    for name, values in unbroken.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)
    again = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "broken"))
    assert again.notes == unbroken.notes


@pytest.mark.parametrize(
    ("fusion", "kinds"), [("voice", {"audio"}), ("face", {"audio", "video"}), ("late", {"audio", "video"})]
)
def test_fusion_voice_decodes_no_picture(long, model, decoded, fusion, kinds):
    analyzer = Analyzer(model, None)
    result = analyzer.analyze(long, fusion=fusion)
    assert set(decoded) == kinds and len(result) == LONG
    assert result.media["has_video"] and result.media["has_audio"]


def test_fusion_voice_says_what_it_says_with_pictures_too(long, model):
    analyzer = Analyzer(model, None)
    alone = analyzer.analyze(long, fusion="voice", person=0)
    both = analyzer.infer(last(analyzer.extract(long)), fusion="voice")
    np.testing.assert_array_equal(alone.probabilities, both.probabilities)
    np.testing.assert_array_equal(alone.person, both.person)


@pytest.mark.parametrize(("settings", "kind"), [({"faces": False}, "video"), ({"voices": False}, "audio")])
def test_a_stream_that_is_not_wanted_is_not_decoded(long, model, tmp_path, decoded, settings, kind):
    found = seen(long, model, tmp_path, Settings(**settings))
    assert found.complete and found.until == pytest.approx(LONG, abs=0.3)
    assert kind not in decoded and decoded


def test_without_the_stream_that_is_wanted_there_are_rows_without_evidence_and_a_note(model, tmp_path):
    analyzer = Analyzer(model, None)
    silent = record(tmp_path / "silent.mp4", Video(duration=4.0))
    result = analyzer.analyze(silent, fusion="voice")
    assert len(result) == 4 and not result.known.any()
    assert any("has no sound" in note for note in result.notes)
    result = analyzer.analyze(record(tmp_path / "sound.wav", audio=Audio(codec="pcm_s16le", rate=RATE)), fusion="face")
    assert len(result) == 4 and not result.known.any()


def test_a_part_is_observed_as_it_is_in_the_whole(long, model, tmp_path):
    whole, part = seen(long, model, tmp_path), seen(long, model, tmp_path, PART)
    assert part.media == whole.media | {"start": 12.3, "end": 33.7}
    assert part.complete and (part.start, part.until, part.duration) == (12.3, 33.7, 33.7)
    hop = part.hop_seconds / 2
    for name, low, high in (("frame", 12.3, 33.7), ("face", 12.3, 33.7), ("voice", 12.3 - hop, 33.7 + hop)):
        times = whole.arrays[f"{name}_time"]
        inside = (times >= low) & (times < high)
        assert 0 < inside.sum() < len(times)
        for key in (key for key in part.arrays if key.startswith(name) and key not in ("face_person", "face_track")):
            expected = whole.arrays[key][inside]
            if key == "frame_until":  # the last picture of a part is shown to the end of the part
                expected = np.minimum(expected, part.until)
            np.testing.assert_allclose(part.arrays[key], expected, rtol=1e-3, atol=1e-3, err_msg=key)


@pytest.mark.parametrize("suffix", ["mp4", "flac"])
def test_rows_of_a_part_say_what_they_say_in_the_whole(model, tmp_path, suffix):
    path = record_tracks(tmp_path / f"long.{suffix}", [speech(LONG)], codec={"mp4": "aac", "flac": "flac"}[suffix])
    whole = timeline.infer(seen(path, model, tmp_path), model)
    part = timeline.infer(seen(path, model, tmp_path, Settings(start=21.0, end=33.0)), model)
    np.testing.assert_array_equal(part.start, np.arange(21.0, 33.0))
    assert part.end[-1] == 33.0 and part.known.sum() > 8
    # The outermost windows reach beyond the part in the whole, and end with it here.
    np.testing.assert_allclose(part.probabilities[1:-1], whole.probabilities[22:32], atol=1e-3)


def test_only_the_part_is_decoded(model, tmp_path, decoded):
    path = record_tracks(tmp_path / "long.mkv", [tone(200.0)], [grey(200, 1000)], rate=5)
    seen(path, model, tmp_path, Settings(start=150.0, end=154.0))
    assert decoded.count("video") < 15 * 5  # frames; from a keyframe before, up to 5 s, and a few around
    assert decoded.count("audio") < 60 * RATE / 1024  # a segment, and what its hops need around it


@pytest.mark.parametrize("count", [1, 2])
def test_a_part_that_was_interrupted_goes_on(long, model, tmp_path, count):
    unbroken = seen(long, model, tmp_path, PART)
    growing = pipeline.extract(long, model, OneFace(), PART, tmp_path / "broken")
    for _ in range(count):
        partial = next(growing)
    growing.close()
    assert not partial.complete and PART.start < partial.until <= PART.end
    resumed = last(pipeline.extract(long, model, OneFace(), PART, tmp_path / "broken"))
    for name, values in unbroken.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)
    assert (resumed.start, resumed.until) == (unbroken.start, unbroken.until)


def test_a_part_may_end_behind_the_recording_and_not_begin_there(long, model, tmp_path):
    part = seen(long, model, tmp_path, Settings(start=45.0, end=1000.0))
    assert part.until == pytest.approx(LONG, abs=0.3) and part.duration == part.until
    with pytest.raises(EmorecError, match="long.mkv has nothing from 60 s on, it is 50.0 s long"):
        seen(long, model, tmp_path, Settings(start=60.0))


def test_a_part_that_begins_where_a_recording_is_cut_off_is_refused_for_that(model, tmp_path):
    path = record(tmp_path / "cut.mkv", None, Audio("pcm_s16le", duration=12.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for start in (7.0, 11.0):
        with pytest.raises(EmorecError, match=r"from \d+ s on, it is damaged or cut off (before that|after 6.0 s); "):
            seen(path, model, tmp_path, Settings(start=start))


def test_a_segment_holds_every_place():
    for hops in (0, 7.9, 8, 31.5, 32, 79, 80, 159.9, 160, 1000.5):
        number = segments.segment_at(hops)
        assert segments.first_hop(number) <= hops < segments.first_hop(number + 1)


@pytest.mark.parametrize("name", ["audio_track", "video_track", "channel", "start", "end", "rotate", "faces", "voices"])
def test_every_setting_is_part_of_the_key(long, model, name):
    values = {"channel": "left", "start": 1.0, "end": 9.0, "rotate": 90, "faces": False, "voices": False}
    other = Settings(**{name: values.get(name, 1)})
    assert storing.key_of(long, model, OneFace(), other) != storing.key_of(long, model, OneFace(), Settings())


def test_a_turned_picture_is_searched(model, tmp_path):
    shapes = []

    class Noting(OneFace):
        def detect(self, image, side=None):
            shapes.append(image.shape[:2])
            return super().detect(image)

    path = record(tmp_path / "wide.mp4", Video(duration=2.0))
    found = seen(path, model, tmp_path, Settings(rotate=90), Noting())
    assert set(shapes) == {(192, 128)} and len(found.arrays["face_time"]) == 10
    assert (found.media["width"], found.media["height"]) == (128, 192)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--audio_track", "3"], "long.mkv has 1 sound track; there is no track 3."),
        (["--video_track", "2"], "long.mkv has 1 video track; there is no track 2."),
        (["--audio-track", "0"], "There is no audio track 0; tracks are counted from 1."),
        (["--channel", "up"], "The channel 'up' does not exist; choose from left, right, mix, split."),
        (["--start", "0:40", "--end", "30"], "The end at 30 s is not after the start at 40 s; choose a later end."),
        (["--start", "1:40"], "long.mkv has nothing from 100 s on, it is 50.0 s long; choose an earlier start."),
        (["--start", "soon"], "'soon' is not a time; give seconds, m:ss or h:mm:ss, as in 75, 1:15 or 0:01:15."),
        (["--rotate", "30"], "The rotation 30 is not possible; choose from 0, 90, 180, 270 degrees."),
        (["--person", "-1"], "There is no person -1; persons are counted from 0."),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence_before_anything_is_decoded(long, capsys, monkeypatch, options, sentence):
    for name in ("frames", "audio"):
        monkeypatch.setattr(sandbox, name, None)
    assert cli.main(["analyze", str(long), "--no_plot", "--json", *options]) == 2
    out, err = capsys.readouterr()
    messages = [line for line in err.splitlines() if not line.startswith("emorec: note: ")]  # as of a missing detector
    assert out == "" and messages == [f"emorec: {sentence}"]


def test_a_part_is_written_with_the_times_of_the_recording(long, tmp_path, capsys):
    options = ["--start", "0:20", "--end", "0:24.5", "--fusion", "voice", "--out", str(tmp_path), "--no_plot"]
    assert cli.main(["analyze", str(long), *options]) == 0
    lines = (tmp_path / "long.voice.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[:2] for line in lines] == [
        [f"{start}.0", end] for start, end in zip(range(20, 25), ("21.0", "22.0", "23.0", "24.0", "24.5"), strict=True)
    ]
    assert "\n4.5 s, 5 rows" in capsys.readouterr().out
