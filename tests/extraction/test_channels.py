"""The channels of a call apart: each has its own speech, its own features, and a voice of its own."""

from dataclasses import replace

import numpy as np
import pytest

from emorec.extraction import channels, people_edits, people_file, pipeline, sources
from emorec.extraction.options import Settings
from emorec.extraction.people import LEFT_VOICE, RIGHT_VOICE, People, Person
from emorec.media import sandbox, streams
from emorec.media.selection import Selection
from support.make_tracks import RATE, record_tracks, speech, tone
from support.one_face import OneFace, last

SPLIT = Settings(channel="split")
BLOCK = 4.096  # seconds; what stage 1 reads
SECONDS = 40.0


def call(seconds=SECONDS, leak=0.0):
    """Samples (2, N): the left one speaks in the first half, the right one in the second."""
    voice = speech(seconds)
    left, right = voice.copy(), 0.7 * np.roll(voice, 5 * RATE)
    left[len(voice) // 2 :] = 0
    right[: len(voice) // 2] = 0
    return np.stack([left + leak * right, right + leak * left]).astype(np.float32)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_tracks(tmp_path_factory.mktemp("call") / "call.wav", [call()])


def extracted(media, model, settings=SPLIT, cache=None):
    return last(pipeline.extract(media, model, OneFace(), settings, cache=cache))


def heard(model, samples, settings=SPLIT):
    return extracted(sources.from_arrays(samples=samples, sample_rate=RATE), model, settings)


def sound(blocks):
    return np.concatenate([block.samples for block in blocks], axis=-1)


@pytest.mark.parametrize("read", [streams.audio, sandbox.audio], ids=["here", "sandbox"])
@pytest.mark.parametrize("start", [0.0, 2 * BLOCK])
def test_split_sound_is_that_of_each_channel(recorded, read, start):
    left, right = (
        sound(read(recorded, block_seconds=BLOCK, start=start, selection=Selection(channel=side)))
        for side in channels.SIDES
    )
    both = sound(read(recorded, block_seconds=BLOCK, start=start, selection=Selection(channel="split")))
    assert np.array_equal(both, np.stack([left, right])) and np.abs(left).max() > 0.05


def test_a_gap_in_split_sound_is_silent_in_both_channels(tmp_path):
    silent = np.zeros((2, 4 * RATE), np.float32)
    path = record_tracks(tmp_path / "late.mkv", [np.concatenate([call(8.0), silent], axis=1)])
    both = sound(streams.audio(path, block_seconds=BLOCK, selection=Selection(channel="split")))
    assert both.shape == (2, 12 * 16_000) and not both[:, -16_000:].any()


def test_sound_with_one_channel_is_both_of_them_and_surround_sound_has_two_fronts(tmp_path):
    voice = speech(4.0)
    mono = sound(streams.audio(record_tracks(tmp_path / "mono.wav", [voice]), selection=Selection(channel="split")))
    assert len(mono) == 2 and np.array_equal(*mono) and mono.any()
    others = [np.zeros_like(voice)] * 4
    path = record_tracks(tmp_path / "surround.wav", [[tone(4.0), voice, *others]])
    both = sound(streams.audio(path, selection=Selection(channel="split")))
    for found, side in zip(both, channels.SIDES, strict=True):
        assert np.array_equal(found, sound(streams.audio(path, selection=Selection(channel=side))))


def test_each_channel_has_the_features_that_it_has_alone(model, recorded, tmp_path):
    split = extracted(recorded, model, cache=tmp_path).arrays
    assert split["voice_time"][::2] == pytest.approx(split["voice_time"][1::2])
    for number, side in enumerate(channels.SIDES):
        alone = extracted(recorded, model, replace(SPLIT, channel=side), tmp_path).arrays
        own = channels.select_channel(split, number)
        for name in ("voice_time", "voice_speech", "voice_loudness", "voice_embedding", "voice_sound"):
            assert np.array_equal(own[name], alone[name]), name


def test_features_that_are_not_split_are_what_they_were(model, recorded, tmp_path):
    found = extracted(recorded, model, Settings(), tmp_path)
    assert channels.CHANNEL not in found.arrays and channels.CHANNEL not in found.empty
    assert found.persons == [] and {values.shape[0] for values in voices(found.arrays)} == {
        len(found.arrays["voice_time"])
    }


def voices(arrays):
    return [values for name, values in arrays.items() if name.startswith("voice_")]


def test_what_is_stored_and_a_part_are_read_as_they_were_extracted(model, recorded, tmp_path):
    first = extracted(recorded, model, cache=tmp_path)
    (again,) = pipeline.extract(recorded, model, OneFace(), SPLIT, cache=tmp_path)
    for name, values in first.arrays.items():
        assert np.array_equal(values, again.arrays[name]), name
    part = extracted(recorded, model, replace(SPLIT, start=10.0, end=30.0), tmp_path).arrays
    inside = np.isin(first.arrays["voice_time"], part["voice_time"])
    assert 150 < inside.sum() == len(part["voice_time"])
    assert np.array_equal(part["voice_channel"], first.arrays["voice_channel"][inside])
    assert np.array_equal(part["voice_embedding"], first.arrays["voice_embedding"][inside])


def test_the_network_hears_the_same_sound_in_both_channels_once(model, monkeypatch):
    encoded = []
    embed = type(model.voice).embed
    monkeypatch.setattr(type(model.voice), "embed", lambda self, x: encoded.append(x.shape[2]) or embed(self, x))
    voice = speech(20.0)
    heard(model, voice, Settings())
    alone, encoded[:] = sum(encoded), []
    found = heard(model, np.stack([voice, voice]))
    assert sum(encoded) == alone
    assert channels.CHANNEL not in found.arrays and found.persons == []
    encoded[:] = []
    heard(model, call(20.0))
    assert alone < sum(encoded) <= 2 * alone


def speakers(features):
    """The share of the speech in the half in which its channel's speaker is silent, and who speaks; without the hop
    that holds both."""
    arrays = features.arrays
    spoken = (arrays["voice_speech"] >= channels.SPEECH) & (np.abs(arrays["voice_time"] - SECONDS / 2) > 0.3)
    late = arrays["voice_time"] > SECONDS / 2
    wrong = spoken & (late != (arrays["voice_channel"] == 1))
    return wrong.sum() / spoken.sum(), sorted({*arrays["voice_person"][spoken].tolist()})


@pytest.mark.parametrize("leak", [0.0, 0.05, 0.2])
def test_what_a_channel_picks_up_of_the_other_is_not_its_speech(model, leak):
    found = heard(model, call(leak=leak))
    raw = np.concatenate([segment["voice_speech"] for segment in found.segments])
    if leak:  # the other side is heard well enough to be detected
        assert (raw >= channels.SPEECH).sum() > 1.5 * (found.arrays["voice_speech"] >= channels.SPEECH).sum()
    wrong, persons = speakers(found)
    assert wrong < 0.02 and persons == [LEFT_VOICE, RIGHT_VOICE]
    assert found.persons == [LEFT_VOICE, RIGHT_VOICE]
    assert found.names == {LEFT_VOICE: "voice left", RIGHT_VOICE: "voice right"}


def test_a_quiet_microphone_keeps_its_own_voice(model):
    samples = call(leak=0.1)
    samples[1] *= 0.1  # 20 dB
    wrong, persons = speakers(heard(model, samples))
    assert wrong < 0.02 and persons == [LEFT_VOICE, RIGHT_VOICE]


def test_two_who_speak_at_the_same_time_keep_their_voices(model):
    voice = speech(SECONDS)
    found = heard(model, np.stack([voice, 0.8 * np.roll(voice, 4 * RATE)]))
    raw = np.concatenate([segment["voice_speech"] for segment in found.segments])
    kept = found.arrays["voice_speech"] >= channels.SPEECH
    assert kept.sum() > 0.75 * (raw >= channels.SPEECH).sum()


def test_a_channel_without_a_voice_is_nobody(model):
    found = heard(model, np.stack([speech(SECONDS), np.zeros(round(SECONDS * RATE), np.float32)]))
    assert found.persons == [LEFT_VOICE]


def test_a_voice_can_be_named_and_the_names_file_keeps_it(model, tmp_path):
    found = heard(model, call())
    people = people_edits.rename(found, RIGHT_VOICE, "Ina")
    named = found.with_people(people)
    assert named.persons == [LEFT_VOICE, RIGHT_VOICE]
    assert named.names == {LEFT_VOICE: "voice left", RIGHT_VOICE: "Ina"}
    people_file.write(named, tmp_path / "call.people.json")
    again, notes = people_file.apply(tmp_path / "call.people.json", found)
    assert again.names == named.names and notes == ()
    assert again.persons == named.persons


def test_voices_cannot_be_joined_with_each_other(model):
    found = heard(model, call())
    with pytest.raises(ValueError, match="only heard"):
        people_edits.join(found, LEFT_VOICE, RIGHT_VOICE)
    with pytest.raises(ValueError):
        people_edits.divide(found, LEFT_VOICE, [])


def test_a_names_file_of_another_recording_names_who_is_missing(model):
    mixed = heard(model, call(), Settings())
    _, notes = people_file.apply(People((Person(number=LEFT_VOICE, name="Ina"),)), mixed)
    assert "Ina" in notes[0]
