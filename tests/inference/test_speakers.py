"""Only the hops of a person count as that person's voice."""

from dataclasses import replace

import numpy as np
import pytest

from emorec.cli import printing
from emorec.emotions import EMOTIONS
from emorec.extraction.features import Features
from emorec.extraction.spoken import OFF_SCREEN, UNSURE
from emorec.inference import people
from emorec.inference import timeline as timelines
from emorec.inference.predict import smooth
from emorec.inference.voice_pooling import UNSURE_SHARE, share_of
from emorec.output import report_parts
from emorec.output.summary import missing_evidence, summary
from emorec.ui import fragments
from support import factories

SECONDS = 24.0
MODEL = factories.checkpoint()


def features(speakers, persons=(0,)):
    """Features of persons who are in view throughout, with the given speaker of every hop."""
    hops = factories.hops(SECONDS)
    times = np.repeat(factories.frame_times(SECONDS), len(persons))
    faces = factories.seen(times, np.tile(persons, len(factories.frame_times(SECONDS))))
    made = factories.observations(SECONDS, faces, factories.heard(np.ones(hops)))
    arrays = made.arrays | {
        "voice_person": np.broadcast_to(np.asarray(speakers), hops),
        "voice_person_probability": np.ones(hops),
    }
    made.__dict__["arrays"] = arrays  # a cached property
    return made


def halves(first, second):
    hops = factories.hops(SECONDS)
    return np.where(np.arange(hops) * factories.HOP_SECONDS < SECONDS / 2, first, second)


def inferred(made: Features, **options):
    return timelines.infer(made, MODEL, step=1.0, baseline="none", **options)


def test_the_voice_of_somebody_off_screen_does_not_count_for_the_person_in_view():
    made = inferred(features(OFF_SCREEN))
    assert np.isnan(made.voice).all() and not made.row_speech.any() and not made.speech_coverage.any()
    assert made.row_face.min() > 0.8
    assert made.probabilities == pytest.approx(made.face, nan_ok=True)


def test_the_voice_alone_is_that_of_whoever_speaks():
    everybody, known = (inferred(features(who), fusion="voice") for who in (OFF_SCREEN, 0))
    assert everybody.voice == pytest.approx(known.voice) and everybody.row_speech.min() == pytest.approx(1)
    chosen = inferred(features(OFF_SCREEN), fusion="voice", person=0)
    assert np.isnan(chosen.voice).all()


def test_without_a_face_in_the_window_every_voice_counts():
    made = features(OFF_SCREEN)
    late = made.arrays["face_time"] < 6
    for name in [name for name in made.arrays if name.startswith("face_")]:
        made.arrays[name] = made.arrays[name][late]
    found = inferred(made)
    heard = ~np.isnan(found.voice[:, 0])
    assert not heard[:4].any() and heard[10:].all()


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({}, False),
        ({"person": 0}, False),
        ({"fusion": "voice"}, True),
        ({"fusion": "voice", "person": 0}, False),
        ({"fusion": "voice", "person": "all"}, False),
        ({"person": "speaker"}, True),
    ],
)
def test_the_note_about_voices_off_screen_says_whether_they_count(options, counts):
    found = inferred(features(OFF_SCREEN), **options)
    (note,) = (note for note in found.notes if "off screen" in note)
    assert ("does not count" not in note) == counts
    assert bool((found.row_speech > 0).any()) == counts


@pytest.mark.parametrize("person", [0, 1])
def test_two_persons_have_their_own_hops(person):
    made = inferred(features(halves(0, 1), persons=(0, 1)), person=person)
    mine = made.start < SECONDS / 2 - 2 if person == 0 else made.start > SECONDS / 2 + 2
    other = made.start > SECONDS / 2 + 2 if person == 0 else made.start < SECONDS / 2 - 2
    assert not np.isnan(made.voice[mine]).any() and np.isnan(made.voice[other]).all()
    assert made.row_speech[mine].min() == pytest.approx(1) and not made.row_speech[other].any()


def test_the_voice_of_a_person_depends_on_that_persons_hops_alone():
    speakers = np.where(np.arange(factories.hops(SECONDS)) % 4 < 2, 0, 1)
    made, changed = features(speakers, (0, 1)), features(speakers, (0, 1))
    before = inferred(made, person=0).voice
    embedding = changed.arrays["voice_embedding"].copy()
    embedding[speakers == 1] = 5.0
    changed.arrays["voice_embedding"] = embedding
    assert inferred(changed, person=0).voice == pytest.approx(before)
    assert inferred(changed, person=1).voice != pytest.approx(inferred(made, person=1).voice)


def test_all_and_one_agree():
    made = features(halves(0, 1), persons=(0, 1))
    everyone = inferred(made, person="all")
    for number, one in enumerate(everyone.people):
        assert one.voice == pytest.approx(inferred(made, person=number).voice, nan_ok=True)


@pytest.mark.parametrize("step", [0.5, 1.0, 6.0])
def test_the_time_with_speech_of_all_is_that_of_the_persons_together(step):
    """Two persons in turn, and somebody off screen in between: at no step one of them speaks for half of the time."""
    turn = np.arange(factories.hops(SECONDS)) // 3 % 3
    made = features(np.array([0, 1, OFF_SCREEN])[turn], persons=(0, 1))
    everyone = timelines.infer(made, MODEL, step=step, baseline="none", person="all")
    seconds = np.minimum((np.arange(len(turn)) + 1) * factories.HOP_SECONDS, SECONDS)
    spoken = float(np.diff(seconds, prepend=0)[turn < 2].sum())
    assert summary(everyone).speech == pytest.approx(spoken / SECONDS, abs=1e-6)
    assert (everyone.row_speech >= np.max([one.row_speech for one in everyone.people], axis=0) - 1e-9).all()
    assert everyone.speech_coverage[1:-1].mean() > 0.6
    only = timelines.infer(made, MODEL, step=step, baseline="none", person="all", most=1)
    assert only.row_speech == pytest.approx(only.people[0].row_speech)


def test_unsure_hops_count_in_part_and_unknown_ones_in_full():
    made = features([*([UNSURE] * 10), *([0] * (factories.hops(SECONDS) - 10))])
    share = share_of(made, 0)
    assert share is not None
    assert share[:10] == pytest.approx(UNSURE_SHARE) and (share[10:] == 1).all()
    assert share_of(made, -1) is None
    assert share_of(factories.full_observations(4.0), 0) is None


LACKING = "so there is nothing to read an emotion from"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fusion": "voice", "person": 1}, "No speech of person 1 was heard"),
        ({"fusion": "face", "person": 1}, "No face of person 1 was seen"),
        ({"person": 1}, "Neither a face nor speech of person 1 was found"),
        ({"fusion": "voice", "person": 0}, "Too little speech of person 0 was heard"),
        ({"person": 0}, "Too little of a face and of speech of person 0 was found"),
        ({"fusion": "face", "person": "speaker"}, "No face of the person who speaks was seen"),
    ],
)
def test_a_result_without_evidence_says_whose_is_missing(options, words, capsys):
    """Person 2 speaks and is seen throughout, person 0 for a moment every 4 s, and person 1 is seen after the part."""
    speakers = np.where(np.arange(factories.hops(SECONDS)) % 16 == 8, 0, 2)
    made = features(OFF_SCREEN if options.get("person") == "speaker" else speakers, persons=(0, 1, 2))
    arrays = made.arrays
    seen = (arrays["face_person"] == 2) | (
        (arrays["face_person"] == 0) & (np.abs(arrays["face_time"] % 4 - 2.1) < 0.01)
    )
    seen |= (arrays["face_person"] == 1) & (arrays["face_time"] > 20)
    found = inferred(without_face(made, seen), **options).between(0, 18)
    printing.print_summary(found, [])
    assert words in report_parts.figures(found) and LACKING in report_parts.figures(found)
    assert words in fragments.warnings(found)
    assert f"  {words[0].lower()}{words[1:]}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "other"),
    [({"person": "speaker"}, OFF_SCREEN), ({"fusion": "voice"}, 1), ({"fusion": "voice"}, OFF_SCREEN)],
)
def test_smoothing_keeps_the_voices_of_two_who_speak_apart(options, other):
    """Another one speaks in the second half."""
    made = features(halves(0, other), persons=(0, 1))
    plain, calm = (inferred(made, smooth=smoothed, **options).probabilities for smoothed in (0.0, 6.0))
    assert not np.isnan(plain).any()
    for half in (slice(0, 12), slice(12, 24)):
        assert calm[half] == pytest.approx(smooth(plain[half], np.arange(12.0), 6.0))


def test_a_voice_of_which_nothing_is_known_is_smoothed_with_the_person_seen_before():
    made = features(0)
    made = without_face(made, made.arrays["face_time"] < 12)
    known = inferred(made, smooth=6.0).probabilities
    for name in ("voice_person", "voice_person_probability"):
        del made.arrays[name]
    assert inferred(made, smooth=6.0).probabilities == pytest.approx(known)


@pytest.mark.parametrize(
    ("face", "speech", "words"),
    [
        (0.05, 0.0, "Too little of a face and no speech was found"),
        (0.0, 0.05, "No face and too little speech was found"),
        (0.05, 0.05, "Too little of a face and of speech was found"),
        (0.0, 0.0, "Neither a face nor speech was found"),
    ],
)
def test_too_little_is_said_only_of_what_there_is_some_of(face, speech, words):
    shares = {"face_coverage": np.full(4, face), "speech_coverage": np.full(4, speech)}
    assert missing_evidence(factories.timeline(np.full((4, 7), np.nan), **shares)) == words


def test_sound_without_evidence_says_nothing_of_faces():
    silent = factories.observations(SECONDS, frames=False, media={"has_video": False})
    assert report_parts.figures(inferred(silent)).startswith("<p>No speech was heard, so")


def without_face(made, seen):
    """The same Features with only the faces that are ``seen`` (N,)."""
    for name in [name for name in made.arrays if name.startswith("face_")]:
        made.arrays[name] = made.arrays[name][seen]
    return made


def test_a_voice_that_may_be_anybodys_is_not_given_to_a_person_out_of_view():
    made = features(UNSURE, persons=(0, 1))
    first = (made.arrays["face_person"] == 0) | (made.arrays["face_time"] < 6)
    share = share_of(without_face(made, first), 1)
    assert share is not None
    near = made.arrays["voice_time"] < 6
    assert (share[near] == UNSURE_SHARE).all() and not share[made.arrays["voice_time"] > 7].any()
    other = inferred(made, person=1)
    assert not other.known[other.start > 9].any()
    assert inferred(made, person=0).known.all()


@pytest.mark.parametrize("fusion", ["late", "intermediate"])
def test_a_voice_that_may_be_anybodys_weighs_less_than_the_persons_own(fusion):
    """The row lies between that of the face alone and that of a voice which is surely the person's."""
    logs = [
        np.log(inferred(features(who), fusion=fusion, prior="even").probabilities) for who in (OFF_SCREEN, UNSURE, 0)
    ]
    face, unsure, sure = (row - row.mean(axis=1, keepdims=True) for row in logs)
    assert np.abs(sure - face).max() > 0.2
    if fusion == "late":
        assert np.abs(unsure - face).max() < 0.7 * np.abs(sure - face).max()
    else:
        assert unsure == pytest.approx((face + sure) / 2, abs=1e-6)


def test_confidence_is_low_if_the_only_evidence_is_a_voice_that_may_be_anybodys():
    unsure, sure = (inferred(features(who), fusion="voice", person=0) for who in (UNSURE, 0))
    assert unsure.evidence[2:-2] == pytest.approx(UNSURE_SHARE) and sure.evidence[2:-2] == pytest.approx(1)


def test_a_note_says_that_voices_were_off_screen():
    assert any("off screen" in note for note in inferred(features(OFF_SCREEN)).notes)
    assert not any("off screen" in note for note in inferred(features(OFF_SCREEN), fusion="face").notes)
    assert not any("off screen" in note for note in inferred(features(0)).notes)


def test_intermediate_fusion_takes_the_same_voice():
    made = inferred(features(OFF_SCREEN), fusion="intermediate")
    assert np.isnan(made.voice).all() and made.probabilities.shape == (int(SECONDS), len(EMOTIONS))


def test_pictures_without_a_face_are_told_on_the_page_too():
    pictures, sound = (
        factories.observations(SECONDS, factories.heard(np.ones(factories.hops(SECONDS))), frames=frames)
        for frames in (True, False)
    )
    said = [inferred(pictures), inferred(pictures, fusion="intermediate")]
    assert all(
        people.NO_FACE in made.notes and fragments.warnings(made).count("No face was found") == 1 for made in said
    )
    running = replace(pictures, complete=False)  # a face may still come
    for made in (inferred(pictures, fusion="voice"), inferred(pictures, fusion="face"), inferred(running)):
        assert people.NO_FACE not in made.notes
    silent = factories.observations(SECONDS, factories.heard(np.zeros(factories.hops(SECONDS))))
    for made in (inferred(sound), inferred(features(0)), inferred(silent)):
        assert people.NO_FACE not in made.notes and "No face was found" not in fragments.warnings(made)
