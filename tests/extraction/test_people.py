"""What a user says about persons: names, joining, dividing, and the file that keeps it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.extraction import people_edits, people_file, people_parsing
from emorec.extraction.people import People, Person, Track, checked_name
from emorec.extraction.people_edits import divide, join, rename, stretches
from emorec.extraction.people_merging import merge
from emorec.extraction.people_tracks import Tracks
from support import factories

STEP = 1 / factories.FRAME_RATE
LEFT, RIGHT = (0.1, 0.2, 0.2, 0.3), (0.6, 0.2, 0.2, 0.3)
ANNA = Person(number=0, name="Anna")


def shots(*shown, begin=0.0):
    """Features of shots of 2 s; each has the persons seen, left and right. Every face of a shot is a track."""
    faces, track = [], 0
    for number, persons in enumerate(shown):
        for time in np.round(begin + 2 * number + np.arange(10) * STEP, 6):
            faces += [(time, track + place, person) for place, person in enumerate(persons) if person is not None]
        track += len(persons)
    times, tracks, persons = (np.array(column) for column in zip(*faces, strict=True))
    arrays = factories.seen(times, persons)
    boxes = np.array([LEFT, RIGHT], np.float32)
    starts = np.array([0, *np.cumsum([len(one) for one in shown])])
    place = tracks - starts[np.searchsorted(starts, tracks, side="right") - 1]
    until = begin + 2.0 * len(shown)
    frames = np.round(begin + np.arange(10 * len(shown)) * STEP, 6)
    segment = factories.no_observations() | arrays | {"face_box": boxes[place], "frame_time": frames}
    segment["frame_until"] = np.append(frames[1:], until)
    features = factories.observations(until, segment, frames=False)
    features.__dict__["found_arrays"] = features.found_arrays | {"face_track": tracks}
    return features


def who(features):
    """The person of every track."""
    arrays = features.arrays
    return [int(arrays["face_person"][first]) for first in Tracks.of(arrays).first]


def test_a_name_is_given_and_taken_away():
    features = shots([0], [1])
    named = features.with_people(rename(features, 1, "  Anna   B. "))
    assert named.names == {0: "person 0", 1: "Anna B."} and who(named) == [0, 1]
    again = named.with_people(rename(named, 1, "Eva"))
    assert again.names[1] == "Eva"
    assert again.with_people(rename(again, 1, "")).names[1] == "person 1"


def edited(features, *edits):
    """Features after edits, each a function of ``people_edits`` with its further arguments."""
    for edit, *given in edits:
        features = features.with_people(edit(features, *given))
    return features


DIVIDED = divide, 0, [Track(4.0, LEFT)]


@pytest.mark.parametrize(
    ("mine", "others", "names", "tracks"),
    [
        ([(rename, 0, "Anna")], [(rename, 1, "Eva")], {0: "Anna", 1: "Eva"}, [0, 1, 0]),
        ([(rename, 0, "Anna")], [(rename, 0, "Eva")], {0: "Anna", 1: "person 1"}, [0, 1, 0]),
        ([(rename, 0, "Anna")], [(rename, 1, "anna")], {0: "Anna", 1: "person 1"}, [0, 1, 0]),
        ([(rename, 0, "Anna")], [DIVIDED, (rename, 2, "Eva")], {0: "Anna", 1: "person 1", 2: "Eva"}, [0, 1, 2]),
        ([(rename, 1, "Anna")], [(join, 0, 1)], {1: "Anna"}, [1, 1, 1]),
        ([(join, 1, 0)], [(rename, 1, "Eva"), (rename, 0, "Anna")], {0: "Anna"}, [0, 0, 0]),
        ([DIVIDED, (rename, 2, "Eva")], [(divide, 0, [Track(0.0, LEFT)])], {0: "person 0", 2: "Eva"}, [0, 1, 2]),
        ([], [(rename, 1, "Eva")], {0: "person 0", 1: "Eva"}, [0, 1, 0]),
    ],
)
def test_what_two_say_of_the_same_persons_is_put_together(mine, others, names, tracks):
    found = shots([0], [1], [0])
    merged = merge(found, found.people, edited(found, *mine).people, edited(found, *others).people)
    shown = found.with_people(merged)
    assert {**shown.names, **names} == shown.names and who(shown) == tracks
    assert merge(found, merged, merged, found.people) == found.people  # the other one has undone all


LAST = divide, 1, [Track(6.0, LEFT)]


@pytest.mark.parametrize(
    ("before", "mine", "others", "names", "tracks"),
    [
        ([], [(join, 0, 1)], [(join, 1, 0)], {}, [1, 1, 1, 1, 2]),
        ([], [(join, 2, 0)], [(join, 0, 1)], {}, [1, 1, 1, 1, 1]),
        ([], [(rename, 0, "Anna")], [(join, 0, 1)], {1: "Anna"}, [1, 1, 1, 1, 2]),
        ([], [(join, 0, 1)], [(rename, 0, "Anna")], {1: "Anna"}, [1, 1, 1, 1, 2]),
        (
            [(rename, 0, "Anna")],
            [(rename, 2, "Eva")],
            [(rename, 0, "Bob"), (rename, 1, "Anna")],
            {0: "Bob", 1: "Anna", 2: "Eva"},
            [0, 1, 0, 1, 2],
        ),
    ],
)
def test_two_edits_of_the_same_persons_are_both_kept(before, mine, others, names, tracks):
    found = shots([0], [1], [0], [1], [2])
    merged = merge(found, *(edited(found, *before, *edits).people for edits in ([], mine, others)))
    assert (merged.names(), who(found.with_people(merged))) == (names, tracks)


def test_persons_whom_two_have_divided_stay_apart():
    """Both gave the same number to somebody else; one of them renames that person afterwards."""
    found = shots([0], [1], [0], [1], [2])
    mine, others = edited(found, DIVIDED, (rename, 3, "Eva")), edited(found, LAST, (rename, 3, "Bob"))
    merged = merge(found, found.people, mine.people, others.people)
    assert (merged.names(), who(found.with_people(merged))) == ({3: "Eva", 4: "Bob"}, [0, 1, 3, 4, 2])
    later = merge(found, others.people, edited(others, (rename, 3, "Carl")).people, merged)
    assert (later.names(), who(found.with_people(later))) == ({3: "Eva", 4: "Carl"}, [0, 1, 3, 4, 2])


def test_two_joins_that_exclude_each_other_are_not_put_together():
    found = shots([0, 1], [2])
    mine, others = (edited(found, (join, number, 2)).people for number in (0, 1))
    assert who(found.with_people(merge(found, found.people, mine, others))) == [2, 1, 2]


def test_what_was_said_of_the_rest_of_a_recording_is_kept():
    whole, part = shots([0], [1], [0], [1], [0], [3]), shots([0], [1], [0])
    others = edited(whole, (rename, 3, "Bob"), (divide, 0, [Track(8.0, LEFT)]), (rename, 4, "Eva")).people
    mine = edited(part, (rename, 0, "Anna"), (divide, 0, [Track(4.0, LEFT)])).people
    merged = merge(part, People(), mine, others)
    assert merged.names() == {0: "Anna", 3: "Bob", 4: "Eva"}
    assert who(whole.with_people(merged)) == [0, 1, 2, 1, 4, 3]
    assert merge(part, mine, part.people, merged) == others  # mine is undone


def test_names_of_voices_of_two_are_put_together():
    found = factories.observations(2.0)
    mine, others = (People((Person(number=one, name=name),)) for one, name in ((100_001, "Anna"), (100_002, "Bob")))
    assert merge(found, People(), mine, others).names() == {100_001: "Anna", 100_002: "Bob"}


def test_what_was_undone_stays_undone():
    found = shots([0], [1], [0])
    before, others = edited(found, (rename, 0, "Anna")), edited(found, (rename, 0, "Anna"), (rename, 1, "Eva"))
    merged = merge(found, before.people, found.people, others.people)
    assert found.with_people(merged).names == {0: "person 0", 1: "Eva"}


@pytest.mark.parametrize(
    "name", ["all", "Main", "speaker", "7", "-1", "x" * 61, "a\x00b", " ", "\u200d", "\u200e", "7\u200c", "all\u200d"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(EmorecError, match="cannot be a person's name"):
        checked_name(name)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("ශ්\u200dරී", "ශ්\u200dරී"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("\u200fדנה\u200f", "דנה"),
        ("\u202eannA", "annA"),
        ("Jose\u0301", "José"),
        (" \u200dAn\u200cna\u200d Lee", "Anna Lee"),
    ],
)
def test_a_name_of_any_language_is_kept_without_what_nobody_sees(given, name):
    assert checked_name(given) == name


def test_a_name_is_the_same_in_both_encodings():
    features = shots([0], [1])
    features = features.with_people(rename(features, 0, "José"))
    with pytest.raises(EmorecError, match="Another person is called José"):
        rename(features, 1, "Jose\u0301")


def test_two_persons_cannot_have_one_name_and_one_who_is_not_there_has_none():
    features = shots([0], [1])
    features = features.with_people(rename(features, 0, "Anna"))
    with pytest.raises(EmorecError, match="Another person is called anna; choose another name, or join the two"):
        rename(features, 1, "anna")
    for edit in (lambda: rename(features, 5, "Eva"), lambda: join(features, 0, 5), lambda: divide(features, 5, [])):
        with pytest.raises(EmorecError, match="There is no person 5 in this recording any more"):
            edit()


@pytest.mark.parametrize("name", ["person 2", "Person 7", "voice left"])
def test_nobody_is_called_as_another_person_is_without_a_name(name):
    with pytest.raises(EmorecError, match=f"^{name} is what another person is called without a name; "):
        rename(shots([0], [1]), 0, name)
    assert shots([0]).with_people(rename(shots([0]), 0, "person 0")).names == {0: "person 0"}


@pytest.mark.parametrize(
    ("given", "names", "told"),
    [
        ({0: "Person 1"}, {0: "person 0", 1: "person 1", 2: "person 2"}, "called Person 1, so"),
        ({0: "person 2", 1: "person 0"}, {0: "person 0", 1: "person 1", 2: "person 2"}, "called person 2 and person 0"),
        ({0: "person 1", 1: "Eva"}, {0: "person 1", 1: "Eva", 2: "person 2"}, ""),
        ({0: "person 1", 1: "person 0"}, {0: "person 1", 1: "person 0", 2: "person 2"}, ""),
        ({0: "person 5", 1: "voice left"}, {0: "person 5", 1: "voice left", 2: "person 2"}, ""),
    ],
)
def test_a_file_with_the_default_name_of_another_is_read_and_names_stay_apart(given, names, told):
    """Earlier versions took such names; who has no name is called by the number."""
    facts = {"persons": [{"number": number, "name": name} for number, name in given.items()]}
    found, notes = people_file.apply(facts, shots([0], [1], [2]))
    assert found.names == names
    assert [told in note for note in notes] == [True] * bool(told)
    assert people_file.apply(people_file.as_dict(found), shots([0], [1], [2]))[0].names == names


def test_two_become_one_with_the_name_that_there_is():
    features = shots([0], [1], [2], [0])
    features = features.with_people(rename(features, 2, "Eva"))
    for number, other, numbers in ((2, 0, [0, 1, 0, 0]), (0, 2, [2, 1, 2, 2])):
        whole = features.with_people(join(features, number, other))
        assert who(whole) == numbers and whole.names == {other: "Eva", 1: "person 1"}
        assert whole.persons == [other, 1]


def test_two_in_one_picture_cannot_be_joined():
    features = shots([2], [0, 1])
    with pytest.raises(EmorecError) as error:
        join(features, 1, 0)
    assert str(error.value) == (
        "person 1 and person 0 are in one picture at 0:02, so they are two people and cannot be joined."
    )
    with pytest.raises(EmorecError, match="choose another one"):
        join(features, 1, 1)


def test_a_stretch_becomes_a_person_with_a_new_number_also_if_it_is_short():
    features = shots([0], [1], [0], [0])
    own = stretches(features, 0)
    assert [(one.start, one.end, round(one.seconds, 3)) for one in own] == [(0, 2, 2), (4, 6, 2), (6, 8, 2)]
    parted = features.with_people(divide(features, 0, [own[1].track]))
    assert who(parted) == [0, 1, 2, 0] and parted.persons == [0, 1, 2]
    back = parted.with_people(join(parted, 2, 0))
    assert who(back) == [0, 1, 0, 0]
    # Neither number 2, which the user has seen for another stretch, nor 1, which was found, is given to somebody else.
    again = back.with_people(divide(back, 0, [own[2].track]))
    assert who(again) == [0, 1, 0, 3]
    fewer = again.with_people(join(again, 1, 3))
    assert who(fewer) == [0, 3, 0, 3] and who(fewer.with_people(divide(fewer, 0, [own[1].track]))) == [0, 3, 4, 3]
    early = features.with_people(join(features, 1, 0))
    assert who(early.with_people(divide(early, 0, [own[1].track]))) == [0, 0, 2, 0]


def test_not_everything_and_not_what_is_anothers_can_be_divided():
    features = shots([0], [1])
    for chosen, message in (
        ([stretches(features, 0)[0].track], "person 0 has nothing else"),
        ([stretches(features, 1)[0].track], "no such stretch of person 0"),
        ([], r"^Choose a stretch first\.$"),
    ):
        with pytest.raises(EmorecError, match=message):
            divide(features, 0, chosen)


def track_by_track(*spans):
    """Features of one person with a track for each of ``spans``: start, end (s), and a box if it is not LEFT."""
    times, tracks, boxes = [], [], []
    for number, (start, end, *place) in enumerate(spans):
        own = np.round(np.arange(start, end - 1e-6, STEP), 6)
        times, tracks = [*times, *own], [*tracks, *[number] * len(own)]
        boxes += [place[0] if place else LEFT] * len(own)
    arrays = factories.seen(np.array(times), 0) | {"face_box": np.array(boxes, np.float32)}
    frames = np.round(np.arange(0, spans[-1][1] + 1, STEP), 6)
    segment = factories.no_observations() | arrays | {"frame_time": frames, "frame_until": frames + STEP}
    features = factories.observations(frames[-1] + STEP, segment, frames=False)
    features.__dict__["found_arrays"] = features.found_arrays | {"face_track": np.array(tracks)}
    return features


def test_short_pieces_in_one_place_are_offered_with_their_neighbour():
    pieces = [(0, 5), (5, 5.4), (5.8, 9), (9, 13), (13, 14, RIGHT), (20, 20.6), (20.6, 21.2)]
    features = track_by_track(*pieces)
    assert len(stretches(features, 0)) == len(pieces)
    found = people_edits.merged_stretches(features, 0)
    # 0 to 5.4 is long by then, as is what follows: that may be a cut to somebody else in the same place.
    assert [people_edits.span(one) for one in found] == [
        "0:00 – 0:05",
        "0:06 – 0:09",
        "0:09 – 0:13",
        "0:13.0 – 0:14.0",
        "0:20.0 – 0:21.2",
    ]
    parted = features.with_people(divide(features, 0, found[0].tracks))
    assert who(parted) == [1, 1, 0, 0, 0, 0, 0] and found[0].seconds == pytest.approx(5.4)


def test_what_is_seen_later_goes_with_the_person_who_looks_alike():
    """The same recording when more of it is known: the numbers that are found are others by then."""
    early = shots([0], [1])
    people = rename(early.with_people(rename(early, 1, "Anna")), 0, "Eva")
    late = shots([1], [0], [0], [2]).with_people(people)
    assert who(late) == [0, 1, 1, 2] and late.names == {0: "Eva", 1: "Anna", 2: "person 2"}


def test_a_later_track_beside_the_person_it_looks_like_is_somebody_else():
    early = shots([0], [1])
    people = join(early, 1, 0)
    late = shots([0], [1], [0, 1]).with_people(people)
    numbers = who(late)
    assert numbers[:2] == [0, 0] and len(set(numbers[2:])) == 2


def test_a_file_gives_the_same_persons_in_another_run_and_in_another_part(tmp_path):
    features = shots([0], [1], [2], [0])
    people = join(features, 2, 0)
    features = features.with_people(people)
    features = features.with_people(rename(features, 0, "Ännchen"))
    people_file.write(features, tmp_path / "clip.people.json")
    read = people_file.read(tmp_path / "clip.people.json")
    again, notes = people_file.apply(read, shots([0], [1], [2], [0]))
    assert who(again) == who(features) == [0, 1, 0, 0] and again.names == features.names and notes == ()
    # The tracker's numbers, and the order of the persons, are others where the recording is only analysed from 2 s on.
    later, notes = people_file.apply(read, shots([0], [1], [2], begin=2.0))
    assert who(later) == [1, 0, 0] and later.names[0] == "Ännchen" and notes == ()
    nobody, notes = people_file.apply(read, shots([0], begin=30.0))
    assert who(nobody) == [2] and "does not show Ännchen, person 1" in notes[0]


@pytest.mark.parametrize(
    ("name", "noted"), [("other.mp4", True), ("My film (1).mov", False), ("/tmp/my_film_1.mp4", False), ("", False)]
)
def test_a_file_of_another_recording_says_so(name, noted):
    features = replace(shots([0]), media={"name": "My film (1).mp4"})
    people = people_parsing.parse(people_file.as_dict(features.with_people(People((ANNA,)))))
    found, notes = people_file.apply(people, replace(features, media={"name": name}))
    assert found.names == {0: "Anna"} and ["written for My film (1).mp4" in note for note in notes] == [True] * noted


@pytest.mark.parametrize(("one", "other", "noted"), [("José.mp4", "Jose\u0301.mp4", False), ("ใช้.mp4", "ใช.mp4", True)])
def test_a_recording_has_the_same_name_in_both_encodings(one, other, noted):
    features = replace(shots([0]), media={"name": one})
    people = people_parsing.parse(people_file.as_dict(features.with_people(People((ANNA,)))))
    assert len(people_file.apply(people, replace(features, media={"name": other}))[1]) == noted


def test_a_file_fits_a_part_that_begins_inside_a_track():
    whole = shots([0, 1], begin=6.0)
    whole = whole.with_people(rename(whole, 0, "Anna"))
    for people in (whole.people, people_parsing.parse(people_file.as_dict(whole))):
        part, notes = people_file.apply(people, shots([1, 0], begin=7.0))
        assert who(part) == [0, 1] and part.names[0] == "Anna" and notes == ()
        # Nor is somebody in the same place after the end of the track, or who comes later, the same person.
        for other in (shots([1], begin=8.4), shots([None, 1], [0], begin=7.0)):
            assert "does not show Anna" in "".join(people_file.apply(people, other)[1])
    alone = whole.with_people(People((Person(number=0, name="Anna", tracks=stretches(whole, 0)[0].tracks),)))
    assert who(shots([None, 5], [4], begin=7.0).with_people(alone.people)) == [5, 4]


def test_a_file_has_what_its_readers_need():
    features = shots([0], [0], [1], [2, 0])
    content = json.loads(people_file.text(features.with_people(People((ANNA,)))))
    anna = content["persons"][0]
    assert (anna["number"], anna["name"], anna["seconds"], anna["thumbnail"]) == (0, "Anna", 6.0, None)
    assert anna["tracks"][0] == {"time": 0.0, "end": 2.0, "box": pytest.approx(LEFT)}
    assert [person["number"] for person in content["persons"]] == [0, 1, 2] and content["others_seconds"] == 0


def test_a_file_of_very_many_persons_has_the_longest_and_those_with_a_name(monkeypatch):
    monkeypatch.setattr(people_file, "MAX_PERSONS", 2)
    features = shots([0], [0], [1], [2], [3])
    features = features.with_people(rename(features, 2, "Eva"))
    content = people_file.as_dict(features)
    assert [person["number"] for person in content["persons"]] == [0, 2] and content["others_seconds"] == 4
    again, notes = people_file.apply(content, shots([0], [0], [1], [2], [3]))
    assert who(again) == who(features) and again.names == features.names and notes == ()


def test_the_same_name_twice_in_a_file_makes_one_person():
    features = shots([0], [1], [2])
    content = people_file.as_dict(features)
    for number in (0, 2):
        content["persons"][number]["name"] = "Anna"
    again, _ = people_file.apply(content, features)
    assert who(again) == [0, 1, 0] and again.names[0] == "Anna"


def test_a_file_with_two_faces_of_a_person_in_one_picture_is_refused():
    features = shots([2], [0, 1])
    content = people_file.as_dict(features)
    for person in content["persons"]:
        person["name"] = "Anna"
    with pytest.raises(EmorecError) as error:
        people_file.apply(content, features)
    assert str(error.value) == "Anna cannot be one person: at 0:02 two faces in one picture are listed as this person."


PLACE = {"time": 1.0, "box": [0.1, 0.1, 0.2, 0.2]}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"persons": {}},
        {"persons": [3]},
        {"persons": [{"name": "Anna"}]},
        {"persons": [{"number": True}]},
        {"persons": [{"number": -1}]},
        {"persons": [{"number": 0, "name": 3}]},
        {"persons": [{"number": 0, "tracks": 3}]},
        {"persons": [{"number": 0, "tracks": [PLACE | {"box": [0, 1]}]}]},
        {"persons": [{"number": 0, "tracks": [PLACE | {"time": "1"}]}]},
        {"persons": [{"number": 0, "tracks": [PLACE | {"time": float("nan")}]}]},
        {"persons": [{"number": 0, "tracks": [PLACE | {"time": 10**400}]}]},
        {"persons": [{"number": number} for number in range(1001)]},
    ],
)
def test_a_file_of_another_shape_is_one_sentence(content, tmp_path):
    path = tmp_path / "clip.people.json"
    path.write_text(json.dumps(content))
    with pytest.raises(EmorecError, match=r"^clip\.people\.json is not a names file, [^\n]*\.$"):
        people_file.read(path)


def test_a_file_of_a_newer_version_is_refused_and_one_without_a_format_is_read(tmp_path):
    path = tmp_path / "clip.people.json"
    persons = {"persons": [{"number": 0, "name": "Anna"}]}
    for known in ({}, {"format": 1}):
        path.write_text(json.dumps(persons | known))
        assert people_file.read(path).names() == {0: "Anna"}
    path.write_text(json.dumps(persons | {"format": 2}))
    with pytest.raises(EmorecError, match=r"^clip\.people\.json is a names file of a newer version .* \(format 2, "):
        people_file.read(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"[" * 100_000, b"a,b\n1,2\n"])
def test_what_is_no_json_is_one_sentence(content, tmp_path):
    (tmp_path / "names.csv").write_bytes(content)
    with pytest.raises(EmorecError, match=r"names\.csv cannot be read as a names file \(it is not JSON\)"):
        people_file.read(tmp_path / "names.csv")
    with pytest.raises(EmorecError, match="No such file"):
        people_file.read(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"persons": [{"number": 0}, {"number": 0}]}, "Person 0 is listed twice"),
        ({"persons": [{"number": 0, "name": "all"}]}, "'all' cannot be a person's name"),
        ({"persons": [{"number": 0, "name": "A"}, {"number": 1, "name": "a"}]}, "Two persons of the names file"),
        (
            {"persons": [{"number": n, "name": "Anna", "tracks": []} for n in (0, 100_001)]},
            "^voice left is only heard, in a channel of its own, and cannot be one person with Anna; give it another",
        ),
        (
            {"persons": [{"number": n, "name": "Anna", "tracks": []} for n in (100_002, 100_001)]},
            "is only heard, in a channel of its own",
        ),
    ],
)
def test_a_file_that_contradicts_itself_is_one_sentence(content, message):
    with pytest.raises(EmorecError, match=message):
        people_parsing.parse(content)


def test_a_place_is_found_by_time_before_overlap():
    """Right after a cut another person may be in the same place."""
    features = shots([0], [1])
    tracks = Tracks.of(features.arrays)
    assert tracks.find(features.arrays, Track(2.0, LEFT)) == 1 and tracks.find(features.arrays, Track(1.8, LEFT)) == 0
    assert tracks.find(features.arrays, Track(2.0, RIGHT)) is None


@pytest.mark.parametrize(("seconds", "text"), [(2.9, "0:02"), (75, "1:15"), (3675, "1:01:15")])
def test_times_in_sentences(seconds, text):
    assert people_edits.clock(seconds) == text
    assert people_edits.clock(59.96, tenths=True) == "1:00.0" and people_edits.clock(seconds, True).startswith(text)
