"""Timelines of a call whose channels are split: a row for each voice, and exports that name it."""

import csv
import io

import numpy as np
import pytest

from emorec.extraction.features import Features
from emorec.extraction.people import LEFT_VOICE, RIGHT_VOICE
from emorec.inference import timeline as timelines
from emorec.output import labels, lane_data, tables
from emorec.output.summary import choices_in_words
from support import factories

SECONDS = 24.0
MODEL = factories.checkpoint()
HOPS = factories.hops(SECONDS)
EARLY = np.arange(HOPS) < HOPS // 2


def call(left=EARLY, right=~EARLY, owners=(LEFT_VOICE, RIGHT_VOICE), faces=None) -> Features:
    """Features of a call: whether there is speech in each hop of each channel, and whose voice the channels are."""
    apart = [factories.heard(np.where(speech, 0.95, 0.0), seed=seed) for seed, speech in enumerate((left, right))]
    made = factories.observations(SECONDS, faces or {}, apart[0], settings={"channel": "split"})
    voices = {
        name: np.stack([one[name] for one in apart], axis=1).reshape(2 * HOPS, *apart[0][name].shape[1:])
        for name in apart[0]
    }
    channel = np.tile(np.array([0, 1], np.uint8), HOPS)
    spoken = voices["voice_speech"] >= 0.5
    voices |= {"voice_channel": channel, "voice_person": np.where(spoken, np.array(owners)[channel], -1)}
    voices["voice_person_probability"] = np.ones(2 * HOPS)
    made.__dict__["arrays"] = made.arrays | voices  # a cached property
    return made


def alone(features, number) -> Features:
    """The same call with only one channel, as a recording of one voice."""
    arrays = features.arrays
    own = arrays["voice_channel"] == number
    return factories.observations(SECONDS, {name: arrays[name][own] for name in factories.heard(np.ones(HOPS))})


def inferred(features, **options):
    return timelines.infer(features, MODEL, baseline="none", **options)


def test_every_voice_has_a_timeline_of_its_own_which_is_that_of_its_channel_alone():
    features = call()
    found = inferred(features)
    assert [one.name for one in found.people] == ["voice left", "voice right"]
    assert found.choices["person"] == "all" and found.choices["channel"] == "split"
    for number, one in enumerate(found.people):
        expected = inferred(alone(features, number))
        heard = one.row_speech >= 1
        # Silent hops count a little for a recording of one voice, and not for one of several.
        assert one.probabilities[heard] == pytest.approx(expected.probabilities[heard], abs=2e-3)
        assert one.row_speech == pytest.approx(expected.row_speech)
        assert (one.person == (LEFT_VOICE, RIGHT_VOICE)[number]).all() and set(one.row_names) == {one.name}
    left, right = found.people
    assert left.row_speech[:11].min() == 1 and not left.row_speech[14:].any()
    assert right.row_speech[14:].min() == 1 and not right.row_speech[:11].any()


@pytest.mark.parametrize("person", ["voice left", "Voice Left", LEFT_VOICE, np.int64(LEFT_VOICE)])
def test_one_voice_is_asked_for_by_name_or_number(person):
    features = call()
    one = inferred(features, person=person)
    assert one.name == "voice left" and not one.people and type(one.choices["person"]) in (str, int)
    assert one.probabilities == pytest.approx(inferred(features).people[0].probabilities, nan_ok=True)


@pytest.mark.parametrize(("first", "name"), [(5, "voice right"), (60, "voice left")])
def test_main_is_the_voice_that_is_heard_longest(first, name):
    left = np.arange(HOPS) < first
    main = inferred(call(left, ~left), person="main")
    assert main.name == name and ", the person heard longest" in choices_in_words(main)
    times = factories.frame_times(SECONDS)
    seen = call(left, ~left, (0, RIGHT_VOICE), factories.seen(times[:40], np.zeros(40, np.int64)))
    assert inferred(seen, person="main").name == "person 0" and "seen longest" in choices_in_words(
        inferred(seen, person="main")
    )


def test_main_of_nobody_says_nothing_of_a_person():
    nobody = factories.observations(SECONDS, factories.heard(np.ones(HOPS)))
    assert "person" not in choices_in_words(inferred(nobody, person="main"))


def test_the_speaker_of_each_row_is_named():
    found = inferred(call(), person="speaker")
    spoken = found.row_speech >= 1
    assert set(found.person[spoken & (found.end < SECONDS / 2)]) == {LEFT_VOICE}
    assert set(found.person[spoken & (found.start > SECONDS / 2)]) == {RIGHT_VOICE}
    assert {"voice left", "voice right"} <= {*found.row_names}


def test_a_face_has_the_voice_of_its_channel_and_the_other_is_a_voice_alone():
    times = factories.frame_times(SECONDS)
    features = call(owners=(0, RIGHT_VOICE), faces=factories.seen(times, np.zeros(len(times), np.int64)))
    found = inferred(features)
    assert features.persons == [0, RIGHT_VOICE]
    assert [one.name for one in found.people] == ["person 0", "voice right"]
    seen, heard = found.people
    assert seen.row_face.min() > 0.8 and seen.row_speech[:11].min() == 1 and not seen.row_speech[14:].any()
    assert not heard.row_face.any() and np.isnan(heard.face).all()
    assert not np.isnan(heard.voice[14:, 0]).any()
    assert any("the right channel is a voice without a face" in note for note in found.notes)


def test_two_who_speak_at_the_same_time_are_not_more_than_all_the_time():
    everybody = np.ones(HOPS, bool)
    found = inferred(call(everybody, everybody))
    assert found.row_speech.max() == 1 and found.speech_coverage.max() == 1
    assert [(turn.channel, turn.person) for turn in found.turns] == [(1, LEFT_VOICE), (2, RIGHT_VOICE)]
    assert [turn.end - turn.start for turn in found.turns] == pytest.approx([SECONDS] * 2, abs=0.3)


def test_exports_name_both_voices():
    found = inferred(call())
    rows = list(csv.DictReader(io.StringIO(tables.csv_text(found))))
    assert [(row["person"], row["name"]) for row in rows[:2]] == [
        (str(LEFT_VOICE), "voice left"),
        (str(RIGHT_VOICE), "voice right"),
    ]
    lines = [line.split() for line in labels.rttm_text(found).splitlines()]
    assert [(line[2], line[7]) for line in lines] == [("1", "voice_left"), ("2", "voice_right")]
    assert "voice right: " in labels.audacity_text(found)


def test_a_lane_of_a_voice_shows_when_it_is_heard():
    found = lane_data.lanes(inferred(call()), "stacked", (0.0, SECONDS), {})
    assert [name["text"] for name in found.names][1:3] == ["voice left", "voice right"]

    def strips(lane):
        return [(strip["start"], strip["end"]) for strip in found.strips if lane <= strip["low"] < lane + 1]

    assert strips(1)[0][0] < 1 and strips(1)[-1][1] < SECONDS / 2 + 3
    assert strips(2)[0][0] > SECONDS / 2 - 3 and strips(2)[-1][1] > SECONDS - 1
