"""Pictures and sound in memory: the same features as from a file, and one sentence for what cannot be used."""

from itertools import count, islice

import av
import numpy as np
import pytest
import torch

from emorec.errors import EmorecError
from emorec.extraction import arrays, pipeline, sources
from emorec.extraction.options import Settings
from support.make_media import Audio, Video, draw, record
from support.one_face import OneFace, last

RATE = 16_000
SECONDS = 7.0
WAVE = Audio(duration=SECONDS, codec="pcm_s16le", rate=RATE, tones=((1.0, 2.0), (4.0, 6.5))).samples()


def drawn(seconds=SECONDS, rate=10):
    """Pictures (frames, H, W, 3) that carry their times."""
    return np.stack([np.repeat(draw(k / rate, (96, 64))[..., None], 3, axis=2) for k in range(round(seconds * rate))])


def features(model, settings=None, **given):
    return last(pipeline.extract(sources.from_arrays(**given), model, OneFace(), settings))


def assert_same(found, expected, names):
    for name in names:
        np.testing.assert_array_equal(found.arrays[name], expected.arrays[name], err_msg=name)


VOICE = ("voice_time", "voice_speech", "voice_loudness", "voice_embedding")


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("part", [{}, {"start": 2.0, "end": 5.5}])
def test_sound_in_memory_has_the_features_of_the_same_file(rate, part, model, tmp_path):
    wave = Audio(duration=SECONDS, codec="pcm_s16le", rate=rate, layout="stereo", tones=((1.0, 2.0), (4.0, 6.5)))
    path = record(tmp_path / "sound.wav", None, wave)
    with av.open(str(path)) as container:
        decoded = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    samples = decoded.reshape(-1, 2)  # as soundfile and scipy give them, 16 bit integers
    settings = Settings(**part)
    expected = last(pipeline.extract(path, model, OneFace(), settings, tmp_path / "cache"))
    found = features(model, settings, samples=samples, sample_rate=rate)
    assert found.duration == pytest.approx(expected.duration, abs=1e-6)
    assert len(found.arrays["voice_time"]) > 10
    assert_same(found, expected, VOICE)


def test_pictures_in_memory_are_sampled_as_those_of_a_file(model, tmp_path):
    path = record(tmp_path / "drawn.mkv", Video(duration=SECONDS, rate=10, size=(96, 64), codec="ffv1"), None)
    expected = last(pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache"))
    found = features(model, images=drawn(), frame_rate=10)
    assert_same(found, expected, ("frame_time", "frame_until", "face_time", "face_person", "face_box"))
    assert found.duration == expected.duration == pytest.approx(SECONDS)
    assert found.media["container"] == "array" and (found.media["width"], found.media["height"]) == (96, 64)
    logits, close = found.arrays["face_logits"], expected.arrays["face_logits"]
    assert np.abs(logits - close).max() < 0.1 * np.abs(close).max()  # a grey level or two after the colours' conversion


@pytest.mark.parametrize(
    "samples",
    [
        WAVE,
        WAVE[:, None],
        np.stack([WAVE, WAVE]),
        np.stack([WAVE] * 3, axis=1),
        WAVE.astype(np.float64),
        torch.from_numpy(WAVE),
        WAVE.tolist(),
    ],
    ids=["mono", "column", "rows", "three", "double", "tensor", "list"],
)
def test_layouts_and_types_of_the_same_sound_are_the_same(samples, model):
    expected = features(model, samples=WAVE, sample_rate=RATE)
    found = features(model, samples=samples, sample_rate=RATE)
    np.testing.assert_allclose(found.arrays["voice_loudness"], expected.arrays["voice_loudness"], atol=1e-3)
    close = expected.arrays["voice_embedding"]
    assert np.abs(found.arrays["voice_embedding"] - close).max() < 0.02 * close.max()  # rounded to half precision


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_integers_have_the_full_scale_of_their_type(dtype):
    values = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    half = (int(np.iinfo(dtype).max) - int(np.iinfo(dtype).min) + 1) / 2
    whole = np.minimum(values * half + (half if np.iinfo(dtype).min == 0 else 0), np.iinfo(dtype).max)
    assert arrays.as_float(whole.astype(dtype)) == pytest.approx(values, abs=2 / half)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(99, np.int64),
        np.full(99, -3, np.int32),  # no more than the noise of the conversion
        np.full(99, -3 * 256, np.int32),  # the same noise of 24 bits
        np.full(99, 1 << 30, np.int32),
    ],
    ids=["none", "noise", "padded", "loud"],
)
def test_integers_of_a_large_type_may_be_loud_or_silence(samples):
    assert sources.from_arrays(samples=samples, sample_rate=RATE).samples is not None


@pytest.mark.parametrize(("channel", "loud"), [("left", True), ("right", False), ("mix", True)])
def test_a_channel_is_chosen(channel, loud, model):
    samples = np.stack([WAVE, np.zeros_like(WAVE)])
    found = features(model, Settings(channel=channel), samples=samples, sample_rate=RATE)
    assert (found.arrays["voice_loudness"].max() > -40) == loud


def test_an_iterable_is_read_once_and_no_further_than_the_end(model):
    taken = []

    def endless():
        for number in count():
            taken.append(number)
            yield drawn(0.1)[0]

    found = features(model, Settings(end=3.0), images=endless(), frame_rate=10)
    assert found.complete and found.duration == pytest.approx(3.0) and len(found.arrays["frame_time"]) == 15
    assert len(taken) <= 40


def test_pictures_may_be_grey_and_are_turned(model):
    grey = [image[..., 0] for image in drawn(1.0)]
    found = features(model, Settings(rotate=90), images=grey, frame_rate=10)
    assert (found.media["width"], found.media["height"]) == (64, 96) and len(found.arrays["face_time"]) == 5


def test_pictures_and_sound_share_one_clock(model):
    found = features(model, images=drawn(), frame_rate=10, samples=WAVE, sample_rate=RATE)
    assert found.until == pytest.approx(SECONDS) and found.media["has_video"] and found.media["has_audio"]
    assert len(found.arrays["face_time"]) == SECONDS * 5
    assert len(found.arrays["voice_time"]) == np.ceil(SECONDS / 0.256)


def test_arrays_are_not_stored(model, tmp_path):
    source = sources.from_arrays(samples=WAVE, sample_rate=RATE)
    found = last(pipeline.extract(source, model, OneFace(), cache=tmp_path))
    assert found.key == "" and not [*tmp_path.iterdir()]
    assert pipeline.forget(source, model, OneFace(), cache=tmp_path) is False


def test_nothing_is_decoded_of_what_is_not_wanted(model):
    def never():
        yield drawn(0.1)[0]
        raise AssertionError("a second picture was read")

    found = features(model, Settings(faces=False), images=never(), frame_rate=10, samples=WAVE, sample_rate=RATE)
    assert not len(found.arrays["frame_time"]) and len(found.arrays["voice_time"]) > 20


PICTURE = np.zeros((8, 8, 3), np.uint8)
INTEGERS = np.array([0, 12_345, -16_000], np.int16)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"images": np.zeros((3, 8, 8, 3)), "frame_rate": 5}, "A picture must be a uint8 array .* float64"),
        ({"images": np.zeros((3, 8, 8, 4), np.uint8), "frame_rate": 5}, r"A picture must be .* \(8, 8, 4\)"),
        ({"images": PICTURE[0, 0], "frame_rate": 5}, r"Pictures must be an array of shape .* \(3,\)"),
        ({"images": "clip.mp4", "frame_rate": 5}, "Pictures must be an array .* this is a str"),
        ({"images": 7, "frame_rate": 5}, "Pictures must be an array .* this is a int"),
        ({"images": [], "frame_rate": 5}, "There are no pictures"),
        ({"images": iter([PICTURE]), "frame_rate": None}, "The frame_rate of None is not possible"),
        ({"images": [PICTURE], "frame_rate": 0}, "The frame_rate of 0 is not possible"),
        ({"images": [PICTURE], "frame_rate": np.inf}, "The frame_rate of inf is not possible"),
        ({"samples": np.zeros((2, 3, 4)), "sample_rate": RATE}, r"Sound must be an array .* \(2, 3, 4\)"),
        ({"samples": np.zeros(0), "sample_rate": RATE}, r"Sound must be an array .* \(1, 0\)"),
        ({"samples": np.zeros((100, 200)), "sample_rate": RATE}, r"Sound must be an array .* \(100, 200\)"),
        ({"samples": np.zeros(9, complex), "sample_rate": RATE}, "Sound must be floats .* complex128"),
        ({"samples": np.zeros(9, bool), "sample_rate": RATE}, "Sound must be floats .* bool"),
        ({"samples": [[1.0], [1.0, 2.0]], "sample_rate": RATE}, "This cannot be read as a numpy array"),
        ({"samples": np.full(9, np.nan), "sample_rate": RATE}, "The sound holds values that are infinite or not"),
        ({"samples": np.full(9, 20_000.0), "sample_rate": RATE}, "and this reaches 20000; divide it"),
        ({"samples": INTEGERS.astype(np.int32), "sample_rate": RATE}, "Sound as int32 has a full scale of 2147483647"),
        ({"samples": INTEGERS.astype(np.int64), "sample_rate": RATE}, "Sound as int64 .* reaches only 16000"),
        ({"samples": INTEGERS.tolist(), "sample_rate": RATE}, "such as int16, or as floats"),
        ({"samples": WAVE, "sample_rate": 16}, "The sample_rate of 16 Hz is too low for speech"),
        ({"images": PICTURE, "frame_rate": 5}, r"This is one picture, of shape \(8, 8, 3\); give a list"),
        ({"images": [PICTURE, None][1:], "frame_rate": 5}, "A picture must be .* this one is a NoneType"),
        ({"samples": WAVE, "sample_rate": None}, "The sample_rate of None is not possible"),
        ({"samples": WAVE, "sample_rate": 22_050.5}, "The sample_rate of 22050.5 is not possible"),
        ({"samples": WAVE, "sample_rate": True}, "The sample_rate of True is not possible"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(given, sentence):
    with pytest.raises(EmorecError, match=sentence) as error:
        sources.from_arrays(**given)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_a_wrong_picture_among_right_ones_is_told_when_it_comes(model):
    images = [*islice(drawn(), 5), np.zeros((4, 4), np.float32)]
    with pytest.raises(EmorecError, match="A picture must be a uint8 array"):
        features(model, images=images, frame_rate=5)
