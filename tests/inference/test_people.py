"""Which person a timeline is about, and the mean of all persons."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.extraction.people import People, Person
from emorec.inference import voice_pooling
from emorec.inference.people import speakers
from emorec.inference.timeline import infer
from support import factories

MODEL = factories.checkpoint()
UNTIL = 12.0
NAMED = People((Person(number=8, name="Anna"),))


def two(**parts):
    """Person 3 for all 12 s, person 8 from 4 s to 8 s beside them, and nobody speaks."""
    times = factories.frame_times(UNTIL)
    times = np.sort(np.concatenate([times, times[(times >= 4) & (times < 8)]]), kind="stable")
    persons = np.where(np.diff(times, prepend=-1) > 0, 3, 8)
    features = factories.observations(UNTIL, factories.seen(times, persons) | parts)
    extra = {name: values[:0] for name, values in parts.items()}
    return dataclasses.replace(features, empty=features.empty | extra)


def test_all_gives_each_person_and_their_mean():
    features = two()
    everybody = infer(features, MODEL, "face", person="all")
    assert [person.name for person in everybody.people] == ["person 3", "person 8"]
    for person, number in zip(everybody.people, (3, 8), strict=True):
        alone = infer(features, MODEL, "face", person=number)
        np.testing.assert_array_equal(person.probabilities, alone.probabilities)
        np.testing.assert_array_equal(person.row_face, alone.row_face)
        assert person.choices == alone.choices and set(person.person) == {number}
    assert everybody.name == "" and set(everybody.person) == {-1} and everybody.choices["person"] == "all"


def test_the_mean_is_that_of_the_persons_with_evidence():
    everybody = infer(two(), MODEL, "face", person="all")
    one, other = (person.probabilities for person in everybody.people)
    assert np.isnan(other[0]).all() and not np.isnan(other[5]).any()
    np.testing.assert_allclose(everybody.probabilities[0], one[0])
    np.testing.assert_allclose(everybody.probabilities[5], (one[5] + other[5]) / 2)
    assert everybody.evidence[5] == pytest.approx(np.mean([person.evidence[5] for person in everybody.people]))
    assert not np.isnan(everybody.disagreement).all() or np.isnan(everybody.voice).all()


def test_the_time_with_anybody_is_that_of_the_persons_together():
    times = factories.frame_times(10.0)
    features = factories.observations(10.0, factories.seen(times, np.where(times % 1 < 0.5, 1, 2)))
    everybody = infer(features, MODEL, "face", person="all")
    assert all((person.row_face < 0.7).all() for person in everybody.people)
    np.testing.assert_allclose(everybody.row_face[1:], 1.0)
    np.testing.assert_allclose(everybody.face_coverage[2:-2], 1.0)


def test_all_at_another_step_has_the_grid_of_every_person():
    everybody = infer(two(), MODEL, "face", step=0.5, person="all")
    assert len(everybody) == 24 and len(everybody.grid) == 12
    assert [len(person.grid) for person in everybody.people] == [12, 12]
    np.testing.assert_array_equal(everybody.people[1].grid.person, 8)


def test_where_nobody_is_seen_all_is_the_recording_itself():
    features = factories.observations(6.0, factories.heard(np.ones(factories.hops(6.0))))
    everybody, itself = infer(features, MODEL, person="all"), infer(features, MODEL)
    assert everybody.people == () and infer(features, MODEL, person="main").name == ""
    np.testing.assert_array_equal(everybody.probabilities, itself.probabilities)


def test_main_is_the_person_who_is_longest_on_screen():
    main = infer(two(), MODEL, "face", person="main")
    np.testing.assert_array_equal(main.probabilities, infer(two(), MODEL, "face", person=3).probabilities)
    assert main.name == "person 3" and main.choices["person"] == "main"


@pytest.mark.parametrize("name", ["Anna", "anna", 8])
def test_a_person_is_chosen_by_name(name):
    features = two().with_people(NAMED)
    timeline = infer(features, MODEL, "face", person=name)
    assert timeline.name == "Anna" and set(timeline.person) == {-1, 8}
    assert set(timeline.row_names) == {"Anna"}
    assert infer(two(), MODEL, "face", person="person 8").name == "person 8"


@pytest.mark.parametrize("name", ["José", "Jose\u0301", "\u200fjosé"])
def test_a_person_is_chosen_by_a_name_in_either_encoding(name):
    features = two().with_people(People((Person(number=8, name="José"),)))
    assert set(infer(features, MODEL, "face", person=name).person) == {-1, 8}


def test_without_a_chosen_person_every_row_names_the_one_it_shows():
    times = np.concatenate([factories.frame_times(4.0), 6 + factories.frame_times(4.0)])
    features = factories.observations(12.0, factories.seen(times, np.where(times < 5, 3, 8))).with_people(NAMED)
    names = infer(features, MODEL, "face").row_names
    assert names[1] == "person 3" and names[8] == "Anna" and names[-1] == ""


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(EmorecError) as error:
        infer(two().with_people(NAMED), MODEL, person="Bob")
    assert str(error.value) == "There is no person called 'Bob' in this recording; it has person 3 and Anna."
    with pytest.raises(EmorecError, match="it has nobody"):
        infer(factories.observations(3.0), MODEL, person="Bob")


@pytest.mark.parametrize("person", [True, 1.5, "", ["Anna"]])
def test_what_is_no_person_is_refused_in_one_sentence(person):
    with pytest.raises(EmorecError, match='A person is a number, a name, "all", "main" or "speaker"'):
        infer(two(), MODEL, person=person)


def talked(*turns):
    """Voice hops of 12 s, each turn (start, end, person) given to a person; all other hops to nobody."""
    heard = factories.heard(np.ones(factories.hops(UNTIL)))
    who = np.full(len(heard["voice_time"]), -1)
    for start, end, person in turns:
        who[(heard["voice_time"] >= start) & (heard["voice_time"] < end)] = person
    return heard | {"voice_person": who}


def test_speaker_is_in_every_row_the_one_to_whom_most_hops_belong():
    features = two(**talked((0, 2, 3), (4, 6.3, 8), (6.3, 7, 3)))
    low = np.arange(12.0)
    assert list(speakers(features, low, low + 1)) == [3, 3, -1, -1, 8, 8, 3, -1, -1, -1, -1, -1]
    spoken = infer(features, MODEL, "face", person="speaker")
    assert list(spoken.person) == [3, 3, -1, -1, 8, 8, 3, -1, -1, -1, -1, -1]
    np.testing.assert_array_equal(spoken.probabilities[5], infer(features, MODEL, "face", person=8).probabilities[5])
    assert np.isnan(spoken.probabilities[8]).all() and spoken.name == ""


@pytest.mark.parametrize("step", [0.1, 0.2, 0.25, 0.3])
def test_the_speaker_is_known_in_rows_that_are_shorter_than_a_hop(step):
    features = two(**talked((0, 4, 3), (4, 7.9, 8), (9, UNTIL, 3)))
    spoken = infer(features, MODEL, "face", step=step, person="speaker")
    middle = (spoken.start + spoken.end) / 2
    for number, begin, end in ((3, 0, 3.8), (8, 4.3, 7.5), (-1, 8.3, 8.7), (3, 9.3, UNTIL)):
        assert set(spoken.person[(middle > begin) & (middle < end)]) == {number}


def test_persons_who_never_speak_cost_no_memory_for_each_hop():
    """Two of 300 persons speak, in an hour."""
    until = 3600.0
    times = factories.frame_times(until)
    heard = factories.heard(np.ones(factories.hops(until)))
    who = {"voice_person": np.where(heard["voice_time"] < 2000, 299, 7)}
    features = factories.observations(until, factories.seen(times, np.arange(len(times)) % 300), heard | who)
    features = dataclasses.replace(features, empty=features.empty | {"voice_person": np.zeros(0, np.int64)})
    low = np.arange(until)
    assert len(features.persons) == 300
    tracemalloc.start()
    try:
        found = speakers(features, low, low + 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert set(found[:1999]) == {299} and set(found[2001:]) == {7}
    assert peak < 10 * len(who["voice_person"]) * 8


def test_without_knowing_who_speaks_the_rows_of_the_speaker_show_nobody():
    spoken = infer(two(), MODEL, "face", person="speaker")
    assert set(spoken.person) == {-1} and not spoken.known.any()


def test_persons_share_one_pooled_voice_and_names_do_not_pool_it_again(monkeypatch):
    heard = factories.heard(np.ones(factories.hops(UNTIL)))
    features, calls = two(**heard), []
    pooled = voice_pooling.pool_voice
    monkeypatch.setattr(voice_pooling, "pool_voice", lambda *given: calls.append(1) or pooled(*given))
    first = infer(features, MODEL, baseline="none", person="all")
    again = infer(features.with_people(NAMED), MODEL, baseline="none", person="all")
    assert len(calls) == 1
    np.testing.assert_array_equal(first.people[1].voice, again.people[1].voice)
    infer(dataclasses.replace(features), MODEL, baseline="none", person="all")
    assert len(calls) == 2


@pytest.mark.parametrize(("together", "share"), [(4.0, ""), (5.0, "42%"), (12.0, "99%")])
def test_a_note_says_that_others_are_in_view_beside_the_one_who_is_shown(together, share):
    times = np.repeat(factories.frame_times(UNTIL), 2)
    times = times[(np.arange(len(times)) % 2 == 0) | (times < together)]
    faces = factories.seen(times, np.where(np.diff(times, prepend=-1) > 0, 3, 8))
    features = factories.observations(UNTIL, faces, factories.heard(np.ones(factories.hops(UNTIL))))
    told = f"Several persons are in view at once for {share} of the time, and each row is about only one of them"
    found = [note.partition(";")[0] for note in infer(features, MODEL).notes if "Several" in note]
    assert found == [told] * bool(share)
    chosen = [infer(features, MODEL, person=person) for person in ("all", "main", "speaker", 8)]
    assert not any("Several" in note for one in [*chosen, infer(features, MODEL, "voice")] for note in one.notes)


def test_a_long_recording_with_two_persons_for_some_seconds_has_no_note_about_them():
    times = np.repeat(factories.frame_times(60.0), 2)
    times = times[(np.arange(len(times)) % 2 == 0) | (times < 10)]
    faces = factories.seen(times, np.where(np.diff(times, prepend=-1) > 0, 3, 8))
    assert not any("Several" in note for note in infer(factories.observations(60.0, faces), MODEL).notes)
