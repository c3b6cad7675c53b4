"""Faces followed through drawn scenes: who keeps a number, and who gets a new one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emorec.face.gallery import MAX_PERSONS, MAX_VIEWS
from emorec.face.tracking import MATCH_BY_POSITION_SECONDS, MIN_OVERLAP, TENTATIVE_SECONDS, Tracker, is_cut, overlap
from support import factories

WIDTH, HEIGHT = 320, 180
SIDE = 40  # pixels; a drawn face
STEP = 0.2  # seconds from one sampled frame to the next


def scenery(room):
    """A plain wall for None, else a room full of coloured things, the same for the same number."""
    if room is None:
        return np.full((HEIGHT, WIDTH, 3), 130, np.uint8)
    patches = np.random.default_rng(room).integers(0, 255, (6, 8, 3), np.uint8)
    return patches.repeat(HEIGHT // 6, axis=0).repeat(WIDTH // 8, axis=1)


def face(person):
    """A distinct face: skin, hair and shirt of random colours in four by four patches."""
    patches = np.random.default_rng(person).integers(0, 255, (4, 4, 3), np.uint8)
    return patches.repeat(SIDE // 4, axis=0).repeat(SIDE // 4, axis=1)


def scene(places, room=None):
    """An image and its boxes: ``places`` maps persons to the left upper corner of their faces, the last in front."""
    image = scenery(room)
    for person, (left, top) in places.items():
        image[top : top + SIDE, left : left + SIDE] = face(person)[: HEIGHT - top, : WIDTH - left]
    corners = np.array(list(places.values()), np.float32).reshape(-1, 2)
    boxes = np.column_stack([corners, np.full_like(corners, SIDE)])
    return image, boxes / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32)


def crops(places):
    """The aligned grey faces of a scene."""
    return [face(person).mean(axis=2).astype(np.uint8) for person in places]


def follow(tracker, frames, start=0.0):
    """Numbers given in each frame, as dicts from the drawn person to the number; None is a frame without faces."""
    given = []
    for index, places in enumerate(frames):
        image, boxes = scene(places or {})
        numbers = tracker.update(start + index * STEP, image, boxes, crops(places or {}))
        given.append(dict(zip(places or {}, numbers, strict=True)))
    return given


def test_a_face_that_moves_slowly_keeps_its_number():
    given = follow(Tracker(), [{1: (20 + 8 * i, 60)} for i in range(25)])
    assert all(numbers == {1: 0} for numbers in given)


def test_numbers_are_given_in_order_of_appearance():
    given = follow(Tracker(), [{1: (20, 60)}, {2: (200, 60), 1: (20, 60)}, {3: (120, 20), 1: (20, 60), 2: (200, 60)}])
    assert given[-1] == {1: 0, 2: 1, 3: 2}


def test_the_order_of_boxes_does_not_matter():
    given = follow(Tracker(), [{1: (20, 60), 2: (200, 60)}, {2: (200, 60), 1: (20, 60)}])
    assert given[0] == given[1] == {1: 0, 2: 1}


def test_a_fast_face_is_known_by_its_looks():
    """It jumps by nine tenths of its side: too little overlap, but the same face nearby."""
    jumps = [{1: (40 + 36 * i, 60)} for i in range(5)]
    first, second = scene(jumps[0])[1][0], scene(jumps[1])[1][0]
    assert overlap(first, second) < MIN_OVERLAP
    assert all(numbers == {1: 0} for numbers in follow(Tracker(), jumps))


def test_a_face_is_known_by_its_latest_looks():
    """It turns into another face bit by bit where it stands, then jumps."""
    tracker = Tracker()
    for part in range(0, SIDE + 1, 4):
        image, boxes = scene({1: (40, 60)})
        image[60 : 60 + part, 40 : 40 + SIDE] = face(2)[:part]
        assert tracker.update(part / 100, image, boxes) == [0]
    assert tracker.update(0.6, *scene({2: (76, 60)})) == [0]


def test_another_face_in_the_place_beside_is_another_person():
    given = follow(Tracker(), [{1: (40, 60)}, {2: (76, 60)}])
    assert given == [{1: 0}, {2: 1}]


def test_another_face_far_away_is_another_person():
    given = follow(Tracker(), [{1: (20, 60)}, {2: (240, 60)}])
    assert given == [{1: 0}, {2: 1}]


def test_the_same_face_far_away_is_the_same_person():
    given = follow(Tracker(), [{1: (20, 60)}, {1: (240, 60)}])
    assert given == [{1: 0}, {1: 0}]


def test_a_face_too_poor_to_be_recognised_is_somebody_new():
    tracker = Tracker()
    assert tracker.update(0.0, *scene({1: (20, 60)}), crops({1: None})) == [0]
    assert tracker.update(0.2, *scene({1: (240, 60)}), [None]) == [1]


def test_the_same_face_twice_in_one_picture_is_two_persons():
    """As in a mirror, or a portrait on the wall: the second one is new, in this picture and in later ones."""
    tracker, (image, boxes) = Tracker(), scene({1: (20, 60)})
    image[60 : 60 + SIDE, 240 : 240 + SIDE] = face(1)
    both = np.concatenate([boxes, boxes + np.array([220 / WIDTH, 0, 0, 0], np.float32)])
    for index in range(20):
        assert tracker.update(index * STEP, image, both, crops({1: None}) * 2) == [0, 1]
        assert tracker.take_renamed() == {}


@pytest.mark.parametrize("speed", [8, 12, 20])
def test_two_who_pass_each_other_never_swap_their_numbers(speed):
    """Who is behind is not seen while they overlap much, and may be taken for someone new after, not for the other."""
    frames = []
    for left in range(20, 240, speed):
        behind, front = {1: (left, 60)}, {2: (260 - left, 70)}
        frames.append(front if abs(260 - 2 * left) < SIDE // 2 else behind | front)
    given = follow(Tracker(), frames)
    assert {numbers[2] for numbers in given} == {1}
    assert 1 not in {numbers.get(1) for numbers in given}


def test_two_who_pass_in_full_view_keep_their_numbers():
    frames = [{1: (left, 60), 2: (260 - left, 75)} for left in range(20, 240, 8)]
    assert all(numbers == {1: 0, 2: 1} for numbers in follow(Tracker(), frames))


def test_a_face_that_flickers_keeps_its_number():
    given = follow(Tracker(), [{1: (60, 60)}, None, {1: (62, 60)}, None, None, {1: (64, 60)}])
    assert [numbers.get(1) for numbers in given] == [0, None, 0, None, None, 0]


@pytest.mark.parametrize("gap", [int(MATCH_BY_POSITION_SECONDS / STEP) + 1, 500])
def test_who_was_out_of_sight_comes_back_under_the_same_number(gap):
    given = follow(Tracker(), [{1: (60, 60), 2: (200, 60)}, *[None] * gap, {2: (70, 60)}, {2: (70, 60), 1: (200, 20)}])
    assert given[-2:] == [{2: 1}, {2: 1, 1: 0}]


def test_somebody_else_after_long_gets_a_number_of_their_own():
    given = follow(Tracker(), [{1: (60, 60)}, *[None] * 50, {2: (60, 60)}])
    assert given[-1] == {2: 1}


def cuts_between(persons, frames=15):
    """Shots of one person each, of so many pictures, in a room that is the person's own: (image, boxes, crops)."""
    for person in persons:
        for index in range(frames):
            yield *scene({person: (60 + index, 60)}, room=100 + person), crops({person: None})


def test_cuts_between_two_persons_give_two_persons():
    tracker, shots = Tracker(), [1, 2, 1, 2, 1, 3, 2]
    given = [tracker.update(index * STEP, *seen)[0] for index, seen in enumerate(cuts_between(shots))]
    assert given == np.repeat([0, 1, 0, 1, 0, 2, 1], 15).tolist()


def test_a_loop_of_one_person_is_one_person():
    """Every shot begins with the same picture and ends in another one, with a cut between."""
    tracker = Tracker()
    given = [tracker.update(index * STEP, *seen)[0] for index, seen in enumerate(cuts_between([1, 0] * 20, 5))]
    assert set(given) == {0, 1}


def on_a_screen(room):
    """A scene with a plain screen behind the face, so that the room shows in the picture but not around the face."""
    image, boxes = scene({1: (60, 60)}, room)
    image[40:120, 40:120] = 130
    image[60 : 60 + SIDE, 60 : 60 + SIDE] = face(1)
    return image, boxes


def test_a_face_that_becomes_recognisable_after_a_moment_is_renamed():
    """After the cut the face is poor at first. It is reported once; later numbers are those of the known person."""
    tracker = Tracker()
    for index in range(10):
        assert tracker.update(index * STEP, *on_a_screen(100), crops({1: None})) == [0]
    assert tracker.update(2.0, *on_a_screen(101), [None]) == [1]
    assert tracker.take_renamed() == {}
    assert tracker.update(2.2, *on_a_screen(101), crops({1: None})) == [0]
    assert tracker.take_renamed() == {1: 0} and tracker.take_renamed() == {}
    assert tracker.update(2.4, *on_a_screen(101), crops({1: None})) == [0]


def test_an_interruption_forgets_neither_the_known_nor_who_may_be_one_of_them():
    tracker, resumed = Tracker(), Tracker()
    for index in range(10):
        tracker.update(index * STEP, *on_a_screen(100), crops({1: None}))
    assert tracker.update(2.0, *on_a_screen(101), [None]) == [1]
    resumed.restore(tracker.state())
    assert resumed.update(2.2, *on_a_screen(101), crops({1: None})) == [0]
    assert resumed.take_renamed() == {1: 0}


def test_a_face_that_stays_poor_for_long_keeps_its_own_number():
    tracker = Tracker()
    tracker.update(0.0, *on_a_screen(100), crops({1: None}))
    for time in np.arange(1.0, 1.2 + TENTATIVE_SECONDS, STEP):
        assert tracker.update(time, *on_a_screen(101), [None]) == [1]
    assert tracker.update(time + STEP, *on_a_screen(101), crops({1: None})) == [1]


def test_pictures_that_are_far_apart_lose_nobody():
    """Slides: a picture in ten seconds, too poor to be recognised, with the face in its place."""
    tracker = Tracker()
    for time in range(0, 100, 10):
        assert tracker.update(float(time), *scene({1: (60 + time // 10, 60)}), [None]) == [0]


def test_what_is_remembered_is_bounded():
    tracker = Tracker()
    for person in range(3 * MAX_PERSONS):
        for index in range(4 * MAX_VIEWS):
            image, boxes = scene({person: (60, 60)}, room=person)
            tracker.update(person * 100 + index, image, boxes, [np.roll(crops({person: None})[0], 5 * index, axis=1)])
    state = tracker.state()
    assert len(state["known"]) == MAX_PERSONS
    assert np.bincount(state["view_person"]).max() == MAX_VIEWS


def test_a_change_of_light_is_no_cut():
    tracker = Tracker()
    image, boxes = scene({1: (60, 60)}, room=100)
    assert tracker.update(0.0, image, boxes) == [0]
    assert tracker.update(0.2, image // 3, boxes) == [0]


def test_cuts_are_told_from_brightness_and_noise():
    random = np.random.default_rng(0)
    before, after = random.random((2, 18, 32, 3), np.float32)
    assert is_cut(before, after)
    assert not is_cut(before, before * 0.4)
    assert not is_cut(before, before + random.normal(0, 0.05, before.shape))


def test_a_frame_without_faces_gives_no_numbers():
    assert Tracker().update(0.0, *scene({})) == []


def test_faces_at_and_beyond_the_border_are_followed():
    image, _ = scene({})
    outside = np.array([[-0.2, -0.2, 0.1, 0.1], [0.95, 0.9, 0.2, 0.3], [1.2, 0.5, 0.1, 0.1]], np.float32)
    tracker = Tracker()
    assert tracker.update(0.0, image, outside) == tracker.update(0.2, image, outside) == [0, 1, 2]


def test_overlap_of_boxes():
    box = np.array([0.0, 0.0, 0.2, 0.2])
    assert overlap(box, box) == pytest.approx(1)
    assert overlap(box, np.array([0.1, 0.0, 0.2, 0.2])) == pytest.approx(1 / 3)
    assert overlap(box, np.array([0.2, 0.0, 0.2, 0.2])) == 0
    assert overlap(box, np.zeros(4)) == 0


@st.composite
def stories(draw):
    """Frames with up to three wandering people who come and go, and now and then a cut: (room, places) each."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    places, room, frames = random.integers([[0, 0]] * 3, [WIDTH - SIDE, HEIGHT - SIDE]), 100, []
    for _ in range(draw(st.integers(2, 20))):
        places = np.clip(places + random.integers(-25, 26, places.shape), 0, [WIDTH - SIDE, HEIGHT - SIDE])
        room += random.random() < 0.1
        present = [person for person in range(3) if random.random() < 0.8]
        frames.append((room, {person: tuple(places[person]) for person in present}))
    return frames, draw(st.integers(0, len(frames)))


@factories.quick
@given(stories())
def test_a_restored_tracker_goes_on_as_if_never_interrupted(story):
    frames, cut = story
    times = np.arange(len(frames)) * 0.5
    unbroken, before, after = Tracker(), Tracker(), Tracker()
    expected, given = [], []
    for index, (time, (room, places)) in enumerate(zip(times, frames, strict=True)):
        image, boxes = scene(places, room)
        clear = [crop if (index + person) % 3 else None for crop, person in zip(crops(places), places, strict=True)]
        expected.append((unbroken.update(time, image, boxes, clear), unbroken.take_renamed()))
        if index == cut:
            after.restore(before.state())
        tracker = before if index < cut else after
        given.append((tracker.update(time, image, boxes, clear), tracker.take_renamed()))
    assert given == expected
    assert unbroken.state().keys() == after.state().keys() or cut == len(frames)


def test_a_cut_right_behind_the_interruption_is_seen():
    before, after = Tracker(), Tracker()
    assert before.update(0.0, *scene({1: (60, 60)}, room=100)) == [0]
    after.restore(before.state())
    assert after.update(0.2, *scene({1: (60, 60)}, room=101)) == [1]


def test_a_state_is_not_changed_by_going_on():
    tracker = Tracker()
    tracker.update(0.0, *scene({1: (60, 60)}))
    state = tracker.state()
    state_before = {name: array.copy() for name, array in state.items()}
    tracker.update(0.2, *scene({1: (70, 60), 2: (200, 60)}))
    for name in state_before:
        np.testing.assert_array_equal(state[name], state_before[name], name)


def test_the_state_of_a_fresh_tracker_is_a_fresh_tracker():
    tracker = Tracker()
    tracker.restore(Tracker().state())
    assert tracker.update(0.0, *scene({1: (60, 60)})) == [0]


def test_a_picture_with_the_noise_of_a_codec_stands_still_and_one_with_a_moving_face_does_not():
    random, (image, boxes) = np.random.default_rng(0), scene({1: (60, 60)}, room=100)
    still, moving = Tracker(), Tracker()
    for index in range(20):
        noisy = np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        still.update(index * STEP, noisy, boxes, [None])
        moving.update(index * STEP, *scene({1: (60 + index // 19, 60)}, room=100), [None])
        assert still.still and moving.still == (index < 19)
    again = Tracker()
    again.restore(still.state())
    assert again.still and again.began == 0.0
    again.restore(moving.state())
    again.update(index * STEP, *scene({1: (60, 60)}, room=100), [None])
    assert not again.still
