"""The usual expression of a face: what is taken out of it, when nothing is, and what a result says about it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.people import People, Person
from emorec.inference import baseline_choice
from emorec.inference import usual_expression as usuals
from emorec.inference.timeline import infer
from emorec.inference.usual_expression import Measured
from emorec.output import tables
from emorec.timeline import Timeline
from support import factories

MODEL = factories.checkpoint()
NEUTRAL, ANGRY, HAPPY, SAD = (EMOTIONS.index(name) for name in ("neutral", "angry", "happy", "sad"))
LABEL = {"neutral": "neutral", "angry": "anger", "happy": "happiness", "sad": "sadness"}
REST = {"neutral": 3.0, "angry": 4.5}  # a frown: anger is 1.5 above neutral


def looks(features, of, person=None):
    """The features with faces whose logits, by emotion, are ``of`` their time (s); also only those of one person."""
    segment = dict(features.segments[0])
    logits = segment["face_logits"].copy()
    for row, time in enumerate(segment["face_time"]):
        if person is None or segment["face_person"][row] == person:
            logits[row] = 0
            for emotion, value in of(time).items():
                logits[row, factories.FACE_LABELS.index(LABEL[emotion])] = value
    return replace(features, segments=(segment | {"face_logits": logits},))


def face(until, persons=(0,), **facts):
    times = factories.frame_times(until)
    every = np.repeat(times, len(persons))
    return factories.observations(until, factories.seen(every, np.tile(persons, len(times))), **facts)


def frowning(until=120.0, peak=(60.0, 66.0), extra=4.0):
    """Somebody who frowns all the time, and is happy for six seconds."""
    happy = {"happy": 4.5 + extra}
    return looks(face(until), lambda time: REST | (happy if peak[0] <= time < peak[1] else {}))


def dominant(timeline, begin, end):
    return {timeline.dominant[row] for row in range(len(timeline)) if begin <= timeline.start[row] < end}


def read(features, baseline, **options):
    return infer(features, MODEL, "face", prior="even", baseline=baseline, **options)


def test_a_resting_frown_becomes_neutral_and_a_peak_stays():
    before, after = (read(frowning(), baseline) for baseline in ("speaker", "person"))
    assert dominant(before, 0, 58) == dominant(before, 68, 120) == {"angry"}
    assert dominant(after, 0, 58) == dominant(after, 68, 120) == {"neutral"}
    assert dominant(before, 62, 64) == dominant(after, 62, 64) == {"happy"}
    taken = after.choices["usual_expression"]["0"]
    # The excess over a face at rest, with (120 - 12) / (120 - 12 + 12) of the weight.
    assert taken["angry"] == pytest.approx(-0.9 * (1.5 - usuals.AT_REST), abs=1e-3) and taken["neutral"] == 0
    assert max(taken.values()) == 0
    assert after.notes == ("From the face of person 0, angry (log likelihood -1.8) was taken out as usual expression.",)
    assert "usual_expression" not in before.choices and before.notes == ()


def test_somebody_who_is_happy_throughout_stays_happy_and_a_note_says_so():
    features = looks(face(120.0), lambda _: {"happy": 7.0, "neutral": 1.0})
    found = read(features, "person")
    assert dominant(found, 0, 120) == {"happy"}
    assert all(value == 0 for value in found.choices["usual_expression"]["0"].values())
    (note,) = found.notes
    assert "person 0 looks happy for most of the recording, so nothing was taken out" in note and "stretch" in note
    # Halfway to that, a part is taken out, and both sentences say so.
    some = read(looks(face(120.0), lambda _: {"happy": 3.5, "neutral": 1.0}), "person")
    taken = -some.choices["usual_expression"]["0"]["happy"]
    assert taken == pytest.approx(0.9 * 0.5 * 3.0, abs=1e-3)
    assert len(some.notes) == 2 and "happy" in some.notes[0] and "only a part" in some.notes[1]


def test_weights_that_know_no_neutral_face_take_nothing_out_and_say_so():
    labels = tuple("sad" if label == "neutral" else label for label in factories.FACE_LABELS)
    own = replace(MODEL, face=factories.face_net(replace(factories.FACE_CONFIG, labels=labels)))
    found, plain = (infer(frowning(), own, "face", prior="even", baseline=name) for name in ("person", "none"))
    np.testing.assert_array_equal(found.probabilities, plain.probabilities)
    assert found.notes[-1] == usuals.MISSING and not found.choices["usual_expression"]
    assert usuals.MISSING not in plain.notes and usuals.PHRASE in usuals.MISSING


def test_a_face_that_is_calm_at_rest_is_left_as_it_is():
    features = looks(face(60.0), lambda time: {"neutral": 3.0} | ({"sad": 7.0} if time < 9 else {}))
    before, after = (read(features, baseline) for baseline in ("none", "person"))
    assert after.probabilities == pytest.approx(before.probabilities) and after.notes == ()


def test_more_of_a_face_counts_more():
    def taken(seconds):
        found = usuals.usual_of(Measured(np.eye(7)[ANGRY] * 1.5, seconds), named=False)
        return found.taken[ANGRY] if found else 0.0

    assert taken(0.0) == taken(usuals.LEAST) == 0
    values = [taken(seconds) for seconds in np.linspace(0, 600, 601)]
    assert (np.diff(values) >= 0).all() and np.abs(np.diff(values)).max() < 0.2
    assert taken(usuals.LEAST + usuals.SHRINKAGE) == pytest.approx(1.0) and 1.9 < taken(6000.0) < 2.0
    found = read(frowning(10.0, peak=(0, 0)), "person")
    assert found.choices["usual_expression"] == {}
    assert found.notes == ("The usual expression of person 0 is not known, as the face is seen for too short a time.",)


def test_the_median_counts_windows_by_how_long_they_show_the_face():
    values = np.zeros((4, 7))
    values[:, ANGRY] = [1, 2, 9, np.nan]
    values[3] = np.nan
    found = usuals.measure(values, np.array([1.0, 1.0, 0.5, 3.0]))
    assert found.above_neutral[ANGRY] == 2 and found.seconds == 2.5
    assert usuals.measure(values, np.array([1.0, 1.0, 5.0, 3.0])).above_neutral[ANGRY] == 9
    assert usuals.measure(values[:2], np.ones(2)).above_neutral[ANGRY] == 1.5
    assert usuals.measure(values[3:], np.ones(1)).seconds == 0


def test_each_person_has_an_own_usual_expression():
    features = looks(looks(face(120.0, (0, 1)), lambda _: REST, 0), lambda _: {"neutral": 3.0, "sad": 4.0}, 1)
    found = read(features, "person", person="all")
    for person in found.people:
        assert dominant(person, 0, 120) == {"neutral"}
    taken = found.choices["usual_expression"]
    assert taken["0"]["angry"] < -1.5 < 0 == taken["0"]["sad"] and taken["1"]["sad"] < -1 < 0 == taken["1"]["angry"]
    assert [note.split(",")[0][-8:] for note in found.notes] == ["person 0", "person 1"]
    only = read(features, "person", person=1)
    assert list(only.choices["usual_expression"]) == ["1"] and only.probabilities == pytest.approx(
        found.people[1].probabilities
    )


def test_a_stretch_that_the_user_names_needs_no_doubt():
    happy = {"happy": 7.0, "neutral": 1.0}
    features = looks(face(60.0), lambda time: happy if time < 40 else {"sad": 5.0, "happy": 2.0, "neutral": 1.0})
    found = read(features, "0:10-0:40")
    assert found.choices["baseline"] == "0:10-0:40"
    assert dominant(found, 0, 38) == {"neutral"} and dominant(found, 43, 60) == {"sad"}
    assert "happy (log likelihood -" in found.notes[0] and len(found.notes) == 1
    sad = read(features, "42-60")
    assert dominant(sad, 43, 60) == {"neutral"}
    assert sad.notes == read(features, "42-60.9").notes  # what lasts a bit longer than the recording is no mistake
    note = "Of the baseline 0:42-9:00 only 0:42 to 1:00 was analysed, so only this part was used."
    assert read(features, "0:42-9:00").notes == (note, *sad.notes)
    for baseline, sentence in (("70-80", "'?70-80'? lies outside of what was"), ("40-10", "must end after it begins")):
        with pytest.raises(EmorecError, match=sentence):
            read(features, baseline)
    # A growing recording has not come to the stretch yet.
    growing = replace(features, complete=False)
    assert read(growing, "70-80").choices["usual_expression"] == {}


@pytest.fixture
def usual_file(tmp_path):
    """Writes the result of a timeline as a file."""

    def write(timeline):
        path = tmp_path / "usual.json"
        path.write_text(json.dumps(tables.as_dict(timeline)))
        return path

    return write


@pytest.mark.parametrize("earlier", ["none", "person"])
def test_a_result_of_another_recording_tells_what_is_usual(usual_file, earlier):
    path = usual_file(infer(frowning(90.0, (0, 0)), MODEL, "face", baseline=earlier))
    features = frowning(30.0, (6.0, 24.0), extra=5.0)  # most of it is a smile
    found = read(features, path)
    assert found.choices["baseline"] == "usual.json"
    assert dominant(found, 0, 4) == {"neutral"} and dominant(found, 9, 21) == {"happy"}
    # Also if the usual expression was taken out of that result: 90 s weigh 90 / 92.
    assert found.choices["usual_expression"]["0"]["angry"] == pytest.approx(-2.0 * 90 / 92, abs=0.02)
    assert read(features, str(path)).probabilities == pytest.approx(found.probabilities)


def test_a_result_with_steps_longer_than_its_window_counts_with_its_whole_rows(usual_file):
    """Of each row the face is seen for 2 s, which is a fifth of the row."""
    times = factories.frame_times(60.0)
    faces = factories.seen(times[times % 10 < 2], 0)
    gone = looks(factories.observations(60.0, faces), lambda time: REST)
    path = usual_file(infer(gone, MODEL, "face", step=10.0, window=0.5, baseline="none"))
    known = baseline_choice.resolve(path).known
    assert known is not None and known["person 0"].seconds > 11


def test_persons_of_a_file_are_known_by_name(usual_file):
    both = looks(looks(face(60.0, (0, 1)), lambda _: REST, 0), lambda _: {"neutral": 3.0, "sad": 4.0}, 1)
    anna, ben = Person(number=0, name="Anna"), Person(number=1, name="Ben")
    named = both.with_people(People((anna, ben)))
    path = usual_file(infer(named, MODEL, "face", person="all", baseline="none"))
    taken = read(named, path).choices["usual_expression"]
    assert taken["0"]["angry"] < -1.5 and taken["1"]["sad"] < -1
    swapped = both.with_people(People((replace(anna, number=1), replace(ben, number=0))))
    assert read(swapped, path).choices["usual_expression"]["1"] == taken["0"]
    lacking = (
        "No usual expression was taken out of the face of {}: usual.json shows nobody to whom you gave the same name."
    )
    only_anna = read(both.with_people(People((anna, replace(ben, name="Cem")))), path)
    assert only_anna.choices["usual_expression"] == {"0": taken["0"]}
    assert only_anna.notes[-1] == lacking.format("Cem") and only_anna.notes[-2].startswith("From the face of Anna")
    alone = read(both.with_people(People((anna, replace(ben, name="Cem")))), path, person="Cem")
    assert alone.notes == (lacking.format("Cem"),)


def test_a_person_of_a_file_is_known_however_the_name_is_encoded(usual_file):
    ways = ("José", "Jose\N{COMBINING ACUTE ACCENT}")
    both = looks(face(60.0, (0, 1)), lambda _: REST)
    for there, here in (ways, ways[::-1]):
        made, given = (both.with_people(People((Person(number=0, name=name),))) for name in (there, here))
        path = usual_file(infer(made, MODEL, "face", person="all", baseline="none"))
        assert set(read(given, path).choices["usual_expression"]) == {"0"}


@pytest.mark.parametrize(("name", "there"), [("person 0", ""), ("person 1", ""), ("person 7", "person 7")])
def test_a_name_that_is_a_default_one_tells_nothing_of_another_recording(usual_file, name, there):
    both = looks(face(60.0, (0, 1)), lambda _: REST)
    made = both.with_people(People((Person(number=1, name=there),)))
    path = usual_file(infer(made, MODEL, "face", person="all", baseline="none"))
    given = both.with_people(People((Person(number=0, name=name),)))
    assert read(given, path).choices["usual_expression"] == {}


def test_the_numbers_of_another_recording_are_no_names(usual_file):
    both = looks(looks(face(60.0, (0, 1)), lambda _: REST, 0), lambda _: {"neutral": 3.0, "sad": 4.0}, 1)
    path = usual_file(infer(both, MODEL, "face", person="all", baseline="none"))
    for person in ("all", 0):  # the file shows a person 0, who may be anybody
        found = read(both, path, person=person)
        assert found.choices["usual_expression"] == {}
        assert "shows nobody to whom you gave the same name" in found.notes[0] and len(found.notes) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("no JSON", "it cannot be read as JSON"),
        ("[" * 100_000, "it cannot be read as JSON"),
        ("[]", "are not those that emorec writes"),
        ('{"rows": 3, "choices": {}}', "are not those that emorec writes"),
        (None, "are not those that emorec writes"),
    ],
)
def test_a_file_that_is_no_result_is_refused_in_one_sentence(tmp_path, usual_file, content, sentence):
    if content is None:
        path = usual_file(infer(frowning(12.0), MODEL, "face"))
        content = json.loads(path.read_text())
        content["rows"][4]["face"]["angry"] = "much"
        content = json.dumps(content)
    path = tmp_path / "usual.json"
    path.write_text(content)
    with pytest.raises(EmorecError, match=sentence):
        read(face(6.0), path)


def test_files_without_a_face_of_another_model_and_missing_ones_are_refused(tmp_path, usual_file):
    sound = factories.observations(9.0, factories.heard(np.ones(factories.hops(9.0))))
    with pytest.raises(EmorecError, match="usual.json shows no face for long enough"):
        read(face(6.0), usual_file(infer(sound, MODEL)))
    with pytest.raises(EmorecError, match="usual.json was made with the fusion voice, which reads no face"):
        read(face(6.0), usual_file(infer(frowning(12.0), MODEL, "voice")))
    with pytest.raises(EmorecError, match="usual.json was made with a window of 0.5 s, .* window of 1.2 s or more"):
        read(face(6.0), usual_file(infer(frowning(12.0), MODEL, "face", window=0.5)))
    assert read(face(6.0), usual_file(infer(frowning(12.0), MODEL, "face", window=1.2))).choices["baseline"]
    path = usual_file(infer(frowning(12.0), MODEL, "face"))
    path.write_text(path.read_text().replace(MODEL.fingerprint or "null", "of another model"))
    content = json.loads(path.read_text())
    content["choices"]["fingerprint"] = "of another"
    path.write_text(json.dumps(content))
    with pytest.raises(EmorecError, match="usual.json was made with another model"):
        read(face(6.0), path)
    for wrong in (tmp_path / "missing.json", tmp_path, "a\0b", "", 3, None, True):
        with pytest.raises(EmorecError, match="does not exist"):
            read(face(6.0), wrong)


def test_a_recording_given_as_the_baseline_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline_choice, "MAX_BYTES", 2_000_000)
    for start, reason in ((b"\0\0\0 ftypisom", "it cannot be read as JSON"), (b' {"rows": ', "it is larger than 2 MB")):
        file = tmp_path / "interview.mp4"
        with file.open("wb") as opened:
            opened.write(start)
            opened.truncate(1 << 40)
        with pytest.raises(EmorecError, match=f"is not the JSON result of a recording: {reason}"):
            read(face(6.0), file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_result_in_any_encoding_of_json_is_read(usual_file, encoding):
    path = usual_file(infer(frowning(12.0), MODEL, "face"))
    path.write_bytes(("\r\n " + path.read_text()).encode(encoding))
    assert read(face(6.0), path).choices["usual_expression"]


@pytest.mark.parametrize("fusion", ["voice", "intermediate"])
def test_fusions_that_do_not_use_it_are_as_without(fusion):
    until = 60.0
    features = looks(factories.full_observations(until), lambda _: REST)
    before, after = (infer(features, MODEL, fusion, baseline=baseline) for baseline in ("speaker", "person"))
    assert np.array_equal(before.probabilities, after.probabilities) and after.choices["usual_expression"] == {}
    late = [infer(features, MODEL, baseline=baseline) for baseline in ("speaker", "person")]
    assert not np.allclose(*(one.probabilities for one in late))
    assert np.array_equal(late[0].voice, late[1].voice)


def test_it_does_not_depend_on_the_rows_that_are_shown():
    features = frowning()
    fine, coarse, long = (read(features, "person", **row) for row in ({"step": 0.5}, {"step": 5.0}, {"window": 20.0}))
    assert fine.choices["usual_expression"] == coarse.choices["usual_expression"] == long.choices["usual_expression"]
    assert fine.grid.choices["usual_expression"] == fine.choices["usual_expression"]


def test_every_format_can_hold_it(tmp_path):
    timeline = Timeline.of(read(frowning(30.0), "person"))
    assert json.loads(timeline.to_json())["choices"]["usual_expression"]["0"]["angry"] < 0
    timeline.save_plot(tmp_path / "chart.svg")
    timeline.save(tmp_path / "result.csv")


def test_the_page_shows_what_was_taken_out():
    from emorec.ui import fragments

    found = read(frowning(30.0), "person", person=0)
    assert found.notes[0] in fragments.warnings(found) and usuals.PHRASE in found.notes[0]
    assert usuals.PHRASE not in fragments.warnings(read(frowning(30.0), "speaker"))
