"""Live sessions: the features of a file with the same pictures and sound, bounded queues, and a measured delay."""

import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from emorec.analyzer import Analyzer
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction import live_voices
from emorec.live import Live, reading_of
from emorec.live import session as module
from emorec.live.sound import Blocks
from emorec.live.times import Times
from emorec.media.resample import Resampler
from support import factories
from support.clock import Clock
from support.make_media import Audio, draw
from support.one_face import OneFace, last

RATE = 16_000
TOLERANCE = 0.02  # share of the largest value; sums in another order, rounded to half precision


class Stuck(OneFace):
    """Finds nothing in a picture until ``go`` is set."""

    def __init__(self):
        super().__init__()
        self.go, self.begun, self.seen = threading.Event(), threading.Event(), []

    def detect(self, image, side=None):
        self.seen.append(int(image[0, 0, 0]))
        self.begun.set()
        assert self.go.wait(60)
        return super().detect(image, side)


@pytest.fixture
def detector(monkeypatch):
    """The detector of every session of this test, in a list."""
    used = [OneFace()]
    monkeypatch.setattr(module.detection, "detector", lambda file: used[0])
    return used


def picture(time):
    return np.repeat(draw(time, (96, 64))[..., None], 3, axis=2)


def plain(value):
    return np.full((48, 64, 3), value, np.uint8)


def test_the_features_are_those_of_the_same_recording(analyzer, detector):
    """Long enough for several segments of faces, and for hops that are final before the end."""
    seconds, rate = 34.0, 10
    pictures = [picture(k / rate) for k in range(round(seconds * rate))]
    samples = Audio(duration=seconds, rate=RATE, tones=((1.0, 2.0), (4.0, 9.5), (20.0, 33.0))).samples()
    expected = last(Analyzer.extract(analyzer, pictures, frame_rate=rate, samples=samples, sample_rate=RATE))
    with Live(analyzer) as live:
        for number, image in enumerate(pictures):
            if number % 5 == 0:
                begin = number * RATE // rate
                live.add_sound(samples[begin : begin + RATE // 2], RATE, number / rate, wait=True)
            live.add_picture(image, number / rate, wait=True)
        found = live.save()
    assert found.complete and found.duration == pytest.approx(expected.duration)
    assert live.dropped == 0 and live.judged == len(expected.arrays["frame_time"])
    assert found.arrays.keys() == expected.arrays.keys()
    for name, values in expected.arrays.items():
        assert found.arrays[name].shape == values.shape, name
        largest = np.abs(values).max(initial=1e-6)
        np.testing.assert_allclose(found.arrays[name], values, atol=TOLERANCE * largest, err_msg=name)
    timelines = [analyzer.infer(features) for features in (found, expected)]
    np.testing.assert_allclose(*(one.probabilities for one in timelines), atol=TOLERANCE)
    assert timelines[0].to_csv().count("\n") == 35  # a heading and the rows
    with pytest.raises(EmorecError, match="has ended"):
        live.add_picture(pictures[0])


def test_late_pictures_are_dropped_and_the_delay_is_measured(analyzer, detector):
    detector[0] = slow = Stuck()
    clock = Clock(100.0)
    with Live(analyzer, clock=clock) as live:
        assert live.delay is None and not math.isnan(live.reading().confidence)
        live.add_picture(plain(0), 0.0)
        assert slow.begun.wait(60)
        for number in range(1, 51):  # ten seconds of pictures meanwhile
            live.add_picture(plain(number), number / 5)
            live.add_picture(plain(200), number / 5 + 0.01)  # in the same bin: not wanted
        clock.now += 10.5
        assert (live.judged, live.dropped) == (0, 49)
        slow.go.set()
        live.close()
    assert slow.seen == [0, 50] and live.judged == 2
    assert live.newest == 10.0 and live.delay == pytest.approx(0.5)
    features = live.features()
    np.testing.assert_allclose(features.arrays["frame_time"], [0.0, 10.0])
    assert features.arrays["frame_until"][0] == 2.0  # it does not count for the ten seconds of which nothing is known
    assert features.notes == ("96% of the pictures came faster than this machine could judge them, and were left out.",)


def test_sound_that_waits_is_bounded(analyzer, detector, monkeypatch):
    go = threading.Event()
    encode = module.LiveVoices._work
    monkeypatch.setattr(module.LiveVoices, "_work", lambda self: (go.wait(60), encode(self)))
    with Live(analyzer) as live:
        for second in range(50):
            live.add_sound(np.tile(np.float32([0.1, -0.1]), RATE // 2), RATE, float(second))
        assert live._voices.waiting == 30.0
        go.set()
        features = live.save()
    loudness = features.arrays["voice_loudness"]
    assert features.duration == 50.0 and loudness[70] < -90 < -25 < loudness[-20]
    assert features.notes[-1].startswith("20 s of the sound came faster")


def test_blocks_of_sound_are_joined_and_gaps_are_silent(analyzer, detector):
    wave = Audio(duration=2.0, rate=48_000, layout="stereo", tones=((0.0, 2.0),)).samples()
    blocks = np.split(np.stack([wave, wave]), 40, axis=1)
    with Live(analyzer) as live:
        for number, block in enumerate(blocks):
            jitter = 0.1 * (-1) ** number  # the time of a block is known less well than the length of those before it
            live.add_sound(block, 48_000, 0.2 + number * 0.05 + jitter)
        live.add_sound(np.stack([wave, wave]), 48_000, 5.0)
        features = live.save()
    arrays, middle = features.arrays, features.arrays["voice_time"]
    loud = arrays["voice_loudness"] > -20
    assert features.duration == pytest.approx(7.0, abs=0.02)
    assert loud[(middle > 0.5) & (middle < 2.0)].all() and loud[(middle > 5.2) & (middle < 6.8)].all()
    assert not loud[(middle > 2.6) & (middle < 4.8)].any()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_voice_that_is_recorded_out_of_phase_is_heard(sign, analyzer, detector):
    wave = Audio(duration=2.0, rate=48_000, layout="stereo", tones=((0.0, 2.0),)).samples()
    with Live(analyzer) as live:
        for number, block in enumerate(np.split(np.stack([wave, sign * wave]), 20, axis=1)):
            live.add_sound(block, 48_000, number / 10, wait=True)
        loudness = live.save().arrays["voice_loudness"]
    assert (loudness[1:-1] > -20).all()


@pytest.mark.parametrize("length", [40, 160, 1600])
def test_sound_whose_phase_changes_fades_and_does_not_click(length):
    """Also in blocks that are shorter than the fade."""
    right = np.repeat(np.float32([1, -1]), 2 * RATE)
    times = np.arange(4 * RATE) / RATE
    wave = (0.5 * np.sin(2 * np.pi * 303.5 * times)).astype(np.float32)
    resampler = Resampler(RATE)
    stereo = np.stack([wave, right * wave])
    mono = np.concatenate([resampler.add(block, RATE) for block in np.split(stereo, 4 * RATE // length, axis=1)])
    assert np.abs(mono[:RATE]).max() > 0.45 and np.abs(mono[-RATE:]).max() > 0.45
    assert np.abs(np.diff(mono)).max() < 1.1 * np.abs(np.diff(wave)).max()


def test_the_last_minute_does_not_grow_with_the_session(analyzer, detector):
    with Live(analyzer) as live:
        for second in range(200):
            live.add_picture(plain(second), float(second), wait=True)
        live.close()
        part, everything = live.features(60), live.features()
    assert part.start == 140.0 and part.until == everything.until == 200.0
    assert len(part.segments) <= 5 < len(everything.segments)
    timeline, whole = live.timeline(), live.timeline(None)
    assert len(timeline) == 60 and len(whole) == 200
    np.testing.assert_allclose(timeline.start, whole.start[140:])
    np.testing.assert_allclose(timeline.probabilities[2:], whole.probabilities[142:], atol=1e-6)


def test_a_segment_without_a_face_keeps_nothing_of_the_one_before(analyzer, detector):
    detector[0] = OneFace(threshold=100)
    with Live(analyzer) as live:
        for second in range(30):
            live.add_picture(plain(200 if second < 15 else 50), float(second), wait=True)
        live.close()
        *seen, dark = live.features().segments
    assert all(len(part["identity_track"]) and len(part["thumbnail_track"]) for part in seen)
    assert not any(len(dark[name]) for name in dark if name.startswith(("identity_", "thumbnail_")))


def test_a_long_pause_is_left_out(analyzer, detector):
    clock = Clock(100.0)
    with Live(analyzer, clock=clock) as live:
        live.add_picture(plain(1), 0.0, wait=True)
        live.add_picture(plain(1), 5000.0, wait=True)
        live.add_sound(np.zeros(RATE, np.float32), RATE, 5000.0)
        clock.now += 5001.0
        features = live.save()
    assert features.duration == 2.0 and live.newest == 5000.0 and live.delay == 1.0


def test_a_long_block_of_sound_is_no_pause(analyzer, detector):
    """The next block begins when it ends, and a pause too."""
    times = Times()
    assert [times.place(at, "sound", 90.0) for at in (0.0, 90.0, 180.0)] == [0.0, 90.0, 180.0]
    assert times.place(325.0, "picture") == 325.0
    assert times.place(1000.0, "sound", 90.0) == 326.0 and times.set_back == 0
    with Live(analyzer) as live:
        for at in (0.0, 61.0):
            live.add_sound(np.zeros(61 * RATE, np.float32), RATE, at, wait=True)
        assert live.save().duration == 122.0


@pytest.mark.parametrize("jump", [[1e6], [5000.0 + k / 5 for k in range(5)]], ids=["one wrong time", "set back"])
def test_a_session_goes_on_after_times_that_went_back(jump, analyzer, detector):
    with Live(analyzer) as live:
        for at in [*(k / 5 for k in range(5)), *jump, *(1.0 + k / 5 for k in range(20))]:
            assert live.wants_picture(at)
            live.add_picture(picture(0.0), at, wait=True)
        live.add_sound(np.zeros(RATE, np.float32), RATE, 5.0)
        features = live.save()
        assert live.newest == pytest.approx(4.8)
    assert live.judged == 25 + len(jump) and features.duration < 10
    assert len(features.notes) == 1 and "went back by more than a minute (1 times)" in features.notes[0]


def test_times_of_sound_and_pictures_go_back_each_for_themselves(analyzer, detector):
    """All the pictures of a file, and then all of its sound."""
    with Live(analyzer) as live:
        for second in range(100):
            live.add_picture(plain(1), float(second), wait=True)
        live.add_sound(np.zeros(RATE, np.float32), RATE, 0.0)
        features = live.save()
    assert features.arrays["voice_time"][-1] < 1.1 and features.duration == 100.0 and features.notes == ()


def test_pictures_that_come_in_the_wrong_order_are_counted(analyzer, detector):
    with Live(analyzer) as live:
        for at in (0.0, 30.0, *(1.0 + k / 5 for k in range(10))):
            live.add_picture(plain(1), at, wait=True)
        features = live.save()
    assert live.judged == 2
    assert len(features.notes) == 1 and features.notes[0].startswith("83% of the pictures came after newer ones")


def test_what_was_before_the_beginning_is_left_out_and_counted(analyzer, detector):
    block = np.tile(np.float32([0.1, -0.1]), RATE // 2)
    with Live(analyzer) as live:
        for second in range(-50, 10):
            live.add_picture(plain(1), float(second), wait=True)
            live.add_sound(block, RATE, float(second), wait=True)
        features = live.save()
    assert features.arrays["frame_time"].tolist() == [0.0, *range(1, 10)] and features.duration == pytest.approx(10.0)
    assert [note.partition(" came ")[0] for note in features.notes] == ["83% of the pictures", "50 s of the sound"]
    assert all("from before the beginning" in note for note in features.notes)


@pytest.mark.parametrize("stall", [(0.0, 0.0), (2.0, 5.0)], ids=["none", "3 s"])
def test_sound_that_was_recorded_while_a_program_stalled_is_not_lost(stall, analyzer, detector):
    """All of it comes at the end of the stall, in blocks without a time."""
    clock, tones = Clock(100.0), ((0.2, 1.0), (2.5, 3.2), (4.1, 4.8), (6.0, 8.0))
    samples = Audio(duration=9.0, rate=RATE, tones=tones).samples()
    with Live(analyzer, clock=clock) as live:
        for end in range(1, 91):
            clock.now = 100.0 + (stall[1] if stall[0] < end / 10 <= stall[1] else end / 10)
            live.add_sound(samples[(end - 1) * RATE // 10 : end * RATE // 10], RATE, wait=True)
        features = live.save()
    arrays = features.arrays
    loud = arrays["voice_time"][arrays["voice_loudness"] > -40]
    assert features.duration == pytest.approx(9.0, abs=0.02) and features.notes == ()
    assert all(((loud > begin) & (loud < end)).sum() >= 2 for begin, end in tones)


def test_sound_without_times_follows_the_clock_if_it_differs_for_long(analyzer, detector):
    """A microphone is unplugged for ten seconds; and one gives more sound than there is time."""
    clock = Clock(100.0)
    block = np.tile(np.float32([0.1, -0.1]), RATE // 20)
    with Live(analyzer, clock=clock) as live:
        for tenth in [*range(1, 21), *range(121, 141)]:
            clock.now = 100.0 + tenth / 10
            live.add_sound(block, RATE, wait=True)
        assert live._blocks._end == pytest.approx(14.0 * RATE, abs=2)
        for number in range(50):
            clock.now += 0.05 if number < 30 else 0.1
            live.add_sound(block, RATE, wait=True)
        features = live.save()
    assert features.duration == pytest.approx(17.5, abs=0.3)
    loud = features.arrays["voice_time"][features.arrays["voice_loudness"] > -30]
    assert not ((loud > 2.2) & (loud < 11.8)).any() and ((loud > 12.1) & (loud < 14)).sum() >= 7
    assert "1 s of the sound came when its time had sound already" in features.notes[-1]


def placed(blocks, rate=RATE):
    """Where (s) blocks without a time begin, each given as when it came and how long it is (s); read every second."""
    made = Blocks(rate)
    begins = []

    def offer(begin, mono):
        begins.append(begin / rate)

    for came, length in blocks:
        made.settle(came, offer)
        samples = np.zeros((1, round(length * rate)), np.float32)
        for piece in made.add(samples, rate, max(0.0, came - length), timed=False):
            offer(*piece)
    made.settle(math.inf, offer)
    return np.array(begins)


TENTHS = np.arange(1, 31) / 10
JITTER = 0.03 * (-1) ** np.arange(30)


@pytest.mark.parametrize("pause", [1.0, 32.0, 7200.0])
@pytest.mark.parametrize("jitter", [0 * JITTER, JITTER], ids=["even", "jitter"])
def test_sound_after_a_pause_is_at_its_own_time(pause, jitter):
    came = np.concatenate([TENTHS, 3 + pause + TENTHS + jitter])
    expected = np.concatenate([TENTHS, 3 + pause + TENTHS]) - 0.1
    np.testing.assert_allclose(placed((each, 0.1) for each in came), expected, rtol=0, atol=0.1)


@pytest.mark.parametrize("block", [0.1, 0.2, 2.0])
def test_each_utterance_of_push_to_talk_is_at_its_own_time(block):
    came = [start + part * block for start in range(0, 60, 10) for part in range(1, round(2 / block) + 1)]
    np.testing.assert_allclose(placed((each, block) for each in came), np.array(came) - block, atol=1e-3)


@pytest.mark.parametrize("speed", [math.inf, 20.0, 3.0])
def test_a_backlog_keeps_its_place_however_fast_it_comes(speed):
    """After 12 s; and then no more is held."""
    heard = np.arange(1, 301) / 10
    came = np.where(heard <= 3, heard, np.maximum(heard, 15 + (heard - 3) / speed))
    np.testing.assert_allclose(placed((each, 0.1) for each in came), heard - 0.1, atol=1e-3)


def test_a_backlog_of_which_a_part_is_lost_ends_when_it_comes():
    came = [*TENTHS, *[13.0] * 20, *(13 + TENTHS)]
    expected = np.concatenate([TENTHS, 11 + np.arange(1, 51) / 10]) - 0.1
    np.testing.assert_allclose(placed((each, 0.1) for each in came), expected, atol=1e-3)


@pytest.mark.parametrize("drift", [0.995, 1.005], ids=["fast", "slow"])
def test_sound_follows_the_clock_if_its_own_drifts(drift):
    came = np.arange(1, 6001) * 0.1 * drift
    begins = placed((each, 0.1) for each in came)
    assert len(begins) == 6000 and np.abs(begins - (came - 0.1)).max() < 0.4


def test_sound_is_not_held_for_long(analyzer, detector):
    """Not once it is asked for, not if more comes at its pace or with a time, and no more than a minute of it."""
    clock, block = Clock(100.0), np.zeros(2 * RATE, np.float32)
    with Live(analyzer, clock=clock) as live:
        offered = []
        live._voices.offer = lambda begin, mono, wait=False: offered.append(begin / RATE)
        for now in (2.0, 12.0):
            clock.now = 100.0 + now
            live.add_sound(block, RATE)
        live.reading()
        assert offered == [0.0]
        clock.now += 1.0
        live.reading()
        assert offered == [0.0, 10.0]
        clock.now += 9.0
        live.add_sound(block, RATE)
        live.add_sound(block, RATE, 22.0)
        assert offered == [0.0, 10.0, 20.0, 22.0]
    blocks = Blocks(RATE)
    given = [len(blocks.add(block[None, :1600], RATE, moment, timed=False)) for moment in (0, 5, 5.1, 5.2, 5.3, 5.4)]
    assert given == [1, 0, 0, 0, 4, 1]
    blocks = Blocks(RATE)
    given = [len(blocks.add(block[None], RATE, moment, timed=False)) for moment in (0.0, *[1000.0] * 40)]
    assert given[:31] == [1, *[0] * 30] and given[31] == 31


def test_hours_without_sound_cost_no_more_than_the_silence_of_a_file(analyzer, detector, monkeypatch):
    """A microphone is muted for two hours while pictures come."""
    encoded, encode = [], live_voices.voices._encode
    monkeypatch.setattr(live_voices.voices, "_encode", lambda *given: encoded.append(len(given[2])) or encode(*given))
    state = live_voices._Growing(analyzer.model.front_end, live_voices.for_inference(analyzer.model.voice))
    sound = Audio(duration=10.0, rate=RATE, tones=((0.0, 10.0),)).samples().astype(np.float32)
    state.add(0, sound)
    before = len(encoded)
    state.add(7200 * RATE, sound)
    assert len(encoded) - before < 8 and max(encoded) < 300 * analyzer.model.front_end.hop
    known = state.known()
    times = np.concatenate([part["voice_time"] for part in known.arrays])
    loud = np.concatenate([part["voice_loudness"] for part in known.arrays]) > -40
    assert known.until == 7210.0 and np.allclose(np.diff(times), 0.256)
    assert not loud[(times > 10.3) & (times < 7199.7)].any() and loud[(times > 7200.3) & (times < 7209.7)].all()


@pytest.mark.parametrize("time", [math.nan, math.inf, "now", True])
def test_a_time_that_is_none_is_refused(time, analyzer, detector):
    with Live(analyzer) as live, pytest.raises(EmorecError, match="is not possible; give seconds"):
        live.add_picture(plain(1), time)


def test_a_time_may_be_a_number_of_numpy(analyzer, detector):
    with Live(analyzer) as live:
        live.add_picture(picture(0.0), np.float32(0.5), wait=True)
        live.add_sound(np.zeros(RATE, np.float32), RATE, np.int64(0), wait=True)
        found = live.save()
    assert found.arrays["frame_time"].tolist() == [0.5] and found.arrays["voice_time"][0] < 0.5


def test_what_is_no_picture_and_no_sound_is_refused(analyzer, detector):
    with Live(analyzer) as live:
        with pytest.raises(EmorecError, match="A picture must be"):
            live.add_picture(np.zeros((4, 4, 4), np.uint8))
        with pytest.raises(EmorecError, match="rate of 0 is not possible"):
            live.add_sound(np.zeros(10, np.float32), 0)


def test_what_goes_wrong_in_a_thread_is_raised_by_the_next_call(analyzer, detector):
    class Broken(OneFace):
        def detect(self, image, side=None):
            raise EmorecError("The detector is broken.")

    detector[0] = Broken()
    with Live(analyzer) as live:
        live.add_picture(plain(1), 0.0)
        live.close()
        with pytest.raises(EmorecError, match="The detector is broken"):
            live.timeline()


@pytest.mark.parametrize(
    ("speakers", "words"),
    [
        ((0, 0, 0), "happy 90%, no speech"),
        ((-1, -2, -1), "happy 90%, voice given to nobody in view"),
        ((-1, 0, 0), "happy 90%, no speech"),
    ],
)
def test_speech_of_nobody_in_view_is_not_called_no_speech(speakers, words):
    """The first and the third hop lie before the last row, or are silent."""
    arrays = {
        "voice_time": np.array([0.1, 0.5, 0.9]),
        "voice_speech": np.array([1.0, 1.0, 0.0]),
        "voice_person": np.array(speakers),
    }
    row = [[0.9 if emotion == "happy" else 0.1 / (len(EMOTIONS) - 1) for emotion in EMOTIONS]]
    shares = {"row_face": np.ones(1), "row_speech": np.zeros(1), "start": np.array([0.2]), "end": np.array([1.0])}
    features = SimpleNamespace(arrays=arrays, until=1.0, hop_seconds=0.256)
    assert reading_of(factories.timeline(row, **shares), 0.2, features).words == words


@pytest.mark.parametrize(
    ("confidence", "face", "speech", "words"),
    [
        (0.9, 1.0, 1.0, "happy 90%"),
        (0.9, 1.0, 0.0, "happy 90%, no speech"),
        (0.9, 0.1 - 1e-15, 0.0, "happy 90%, no speech"),
        (0.3, 0.0, 1.0, "unsure (happy 30%), no face"),
        (0.3999, 1.0, 1.0, "unsure (happy 39%)"),  # 40 % is sure
        (0.9, 0.0, 0.0, "no face and no speech"),
        (None, 1.0, 0.0, "no speech"),
        (None, 0.0, 1.0, "no face"),
        (None, 1.0, 1.0, "too little to tell"),
    ],
)
def test_the_reading_in_words(confidence, face, speech, words):
    """Without a confidence there is no evidence, as with the fusion "voice" where only a face is seen."""
    likely = np.nan if confidence is None else confidence
    row = [[likely if emotion == "happy" else (1 - likely) / (len(EMOTIONS) - 1) for emotion in EMOTIONS]]
    shares = {"row_face": np.array([face]), "row_speech": np.array([speech])}
    found = reading_of(factories.timeline(row, **shares), 0.2)
    assert found.words == words
    assert np.isnan(found.probabilities).all() == (not found.emotion)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"step": 0}, "The step of 0 s is out of range"),
        ({"step": "x"}, "The step must be a number"),
        ({"baseline": "0:10-0:40"}, "The baseline 0:10-0:40 is a stretch of time"),
    ],
)
def test_what_a_reading_cannot_be_made_with_is_one_sentence(choices, sentence, analyzer, detector):
    with Live(analyzer) as live:
        for second in range(20):
            live.add_picture(plain(second), float(second), wait=True)
        live.close()
        for read in (live.reading, live.timeline):
            with pytest.raises(EmorecError, match=sentence):
                read(**choices)
        if "baseline" in choices:
            assert live.timeline(None, **choices).baseline.stretch == (10, 40)
