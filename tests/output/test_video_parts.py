"""What the annotated video is made of: places of faces over time, labels, mosaics, words."""

from dataclasses import replace

import numpy as np
import pytest

from emorec.media.playback import BT709, Picture
from emorec.output.video import text
from emorec.output.video.boxes import Boxes
from emorec.output.video.canvas import BLOCK_SIDES, Canvas, Palette
from emorec.output.video.drawing import Drawing, words_of
from emorec.output.video.labels import Label, Labels
from emorec.output.video.strip import colour_of
from support import factories
from support.make_media import draw

UNSPECIFIED = (2, 2, 2)


def arrays(faces, samples=10, interval=0.2):
    """Arrays of Features: ``faces`` are (sampled picture, track, left); persons are as tracks."""
    rows = sorted(faces)
    return {
        "frame_time": np.arange(samples) * interval,
        "face_time": np.array([sample * interval for sample, _, _ in rows]),
        "face_track": np.array([track for _, track, _ in rows], np.int64),
        "face_person": np.array([track for _, track, _ in rows], np.int64),
        "face_box": np.array([(left, 0.4, 0.1, 0.2) for _, _, left in rows], np.float32).reshape(-1, 4),
    }


def shown(boxes, time, cut=-np.inf):
    """The left edges of the boxes at a time."""
    return [(person, round(float(box[0]), 3)) for person, box in boxes.shown(time, cut)]


def test_boxes_are_interpolated_between_sampled_pictures():
    boxes = Boxes(arrays([(1, 0, 0.2), (2, 0, 0.4), (4, 0, 0.5)]))
    assert shown(boxes, 0.1) == []  # not found yet
    assert shown(boxes, 0.2) == [(0, 0.2)]
    assert shown(boxes, 0.3) == [(0, 0.3)]
    assert shown(boxes, 0.5) == [(0, 0.425)]  # one sampled picture without the face
    assert shown(boxes, 0.9) == [(0, 0.5)]
    assert shown(boxes, 1.01) == []


def test_a_box_is_not_drawn_over_a_long_gap_but_the_face_stays_hidden():
    found = arrays([(1, 0, 0.2), (6, 0, 0.7)])
    boxes = Boxes(found)
    assert shown(boxes, 0.3) == [(0, 0.2)]
    assert [len(boxes.hidden(time)) for time in (0.0, 0.3, 0.8, 1.2)] == [1, 1, 1, 1]
    assert shown(boxes, 0.8) == [] and shown(boxes, 1.21) == [(0, 0.7)]
    ((left, top, width, height),) = Boxes(found).hidden(0.7)
    # Halfway, and larger than the face, because it may have moved.
    assert left < 0.45 - 0.04 and left + width > 0.55 + 0.04
    assert top < 0.4 - 0.05 and top + height > 0.6 + 0.05


def test_a_box_is_not_carried_across_a_cut():
    boxes = Boxes(arrays([(1, 0, 0.2), (2, 1, 0.6)]))
    assert shown(boxes, 0.24) == [(0, 0.2)]
    assert shown(boxes, 0.32, cut=0.32) == [(1, 0.6)]  # the next shot, whose face is found only at 0.4 s
    assert shown(boxes, 0.4, cut=0.32) == [(1, 0.6)]
    boxes = Boxes(arrays([(1, 0, 0.2)]))
    assert shown(boxes, 0.28) == [(0, 0.2)] and shown(boxes, 0.36, cut=0.36) == []
    boxes = Boxes(arrays([(1, 0, 0.2), (2, 0, 0.6)]))  # the same face after the cut
    assert shown(boxes, 0.36, cut=0.36) == [(0, 0.6)]


def test_a_face_is_hidden_shortly_before_its_first_and_after_its_last_picture():
    boxes = Boxes(arrays([(4, 0, 0.2)]))
    hidden = {time: len(boxes.hidden(time)) for time in (0.36, 0.44, 0.6, 0.8, 1.0, 1.16, 1.24)}
    assert hidden == {0.36: 0, 0.44: 1, 0.6: 1, 0.8: 1, 1.0: 1, 1.16: 1, 1.24: 0}
    # Slides: every picture was sampled, so the face of one is no matter for its neighbours.
    slides = Boxes(arrays([(1, 0, 0.2)], samples=3, interval=10.0))
    assert [len(slides.hidden(time)) for time in (0.0, 5.0, 10.0, 20.0)] == [0, 1, 1, 0]


def test_features_without_tracks_have_boxes_too():
    found = arrays([(0, 0, 0.2), (1, 0, 0.4)])
    del found["face_track"]
    assert shown(Boxes(found), 0.1) == [(0, 0.3)]
    assert Boxes(arrays([])).shown(0.0) == Boxes(arrays([])).hidden(0.0) == []


def rows(*confidences):
    """Probabilities with happy as the dominant emotion, NaN for None."""
    out = np.full((len(confidences), 7), np.nan)
    for row, confidence in enumerate(confidences):
        if confidence is not None:
            out[row] = (1 - confidence) / 6
            out[row, 3] = confidence
    return out


def test_a_label_says_what_the_row_says():
    labels = Labels(factories.timeline(rows(0.9, 0.3, None)))
    assert [words_of(labels.at(time, 0)) for time in (0.5, 1.5, 2.5, 9.0)] == ["happy 90%", "unsure", "", ""]
    assert labels.at(0.5, 0).name == "person 0"
    assert labels.at(0.5, 1) == Label("person 1")  # the row is about person 0


def test_a_row_without_evidence_of_its_own_says_nothing():
    labels = Labels(factories.timeline(rows(0.9, 0.9), row_face=np.array([1.0, 0.0]), row_speech=np.zeros(2)))
    assert [words_of(labels.at(time, 0)) for time in (0.5, 1.5)] == ["happy 90%", ""]


def test_each_person_has_an_own_label_and_name():
    one = replace(factories.timeline(rows(0.9, 0.3), person=np.full(2, 4)), name="Ann")
    group = replace(factories.timeline(rows(0.5, 0.5), person=np.full(2, -1)), people=(one,))
    labels = Labels(group, {5: "Bob"})
    assert labels.at(0.5, 4) == Label("Ann", "happy", pytest.approx(0.9), True)
    assert labels.at(0.5, 5) == Label("Bob")


@pytest.mark.parametrize("words", ["person 1: happy 72%", "Zoë Ödön", "Юлия <&>"])
def test_words_of_other_letters_are_drawn_too(words):
    drawn = np.asarray(text.mask(words, 20))
    assert drawn.shape[0] == 28
    assert len(words) * 5 < drawn.shape[1] < len(words) * 20
    assert (drawn > 128).mean() > 0.05
    # Letters differ; each that a font lacks would be the same box.
    assert not np.array_equal(text.mask(words[:1] * 3, 20), text.mask(words[1:2] * 3, 20))
    chip = text.chip(words, 20, (230, 159, 0), 40)
    assert chip.shape[1] <= 40 and chip.shape[0] % 2 == chip.shape[1] % 2 == 0


@pytest.mark.parametrize("place", [(30, 20, 60, 80), (-20, -10, 50, 60), (100, 70, 90, 90), (3, 3, 9, 12)])
def test_a_mosaic_has_few_blocks_of_one_colour(place):
    canvas = Canvas(160, 120)
    random = np.random.default_rng(0)
    canvas.planes[:] = random.integers(0, 256, canvas.planes.shape)
    before = canvas.y.copy()
    canvas.mosaic(*place, bottom=110)
    left, top, width, height = place
    inside = canvas.y[max(top, 0) : min(top + height, 110), max(left, 0) : min(left + width, 160)]
    for part in (
        inside,
        canvas.u[max(top, 0) // 2 : min(top + height, 110) // 2, max(left, 0) // 2 : (left + width) // 2],
    ):
        for axis in (0, 1):
            edges = (np.diff(part.astype(int), axis=axis) != 0).any(axis=1 - axis).sum()
            assert edges <= 7  # 8 blocks
    assert (canvas.y[110:] == before[110:]).all()
    changed = np.argwhere(canvas.y != before)
    assert len(changed) and max(BLOCK_SIDES) > 1000
    assert changed.min(axis=0) == pytest.approx([max(top, 0), max(left, 0)], abs=40)


def test_a_mosaic_of_one_place_stays_the_same_while_the_box_trembles():
    canvases = [Canvas(160, 120) for _ in range(2)]
    for canvas, left in zip(canvases, (41.0, 42.0), strict=True):
        canvas.planes[:] = np.random.default_rng(0).integers(0, 256, canvas.planes.shape)
        canvas.mosaic(left, 33, 50, 60, bottom=120)
    assert (canvases[0].planes == canvases[1].planes).all()


@pytest.mark.parametrize(("colours", "height"), [(BT709, 120), ((2, 2, 6), 720), (UNSPECIFIED, 120)])
def test_colours_come_back_from_brightness_and_differences(colours, height):
    palette = Palette.of(colours, height)
    assert palette.colour((255, 255, 255)) == (235, 128, 128)
    assert palette.colour((0, 0, 0)) == (16, 128, 128)
    y, u, v = palette.colour((255, 0, 0))
    red, blue = (0.2126, 0.0722) if colours == BT709 else (0.299, 0.114)
    assert (y, v) == (round(16 + 219 * red), 240)
    assert u == pytest.approx(128 - 112 * red / (1 - blue), abs=1)


def test_the_drawing_finds_cuts():
    """The box of the first shot is not drawn in the second, although the face was found 0.04 s before."""
    made = factories.observations(2.0, arrays([(1, 0, 0.2)]))
    made.__dict__["arrays"] = factories.no_observations() | arrays([(1, 0, 0.2)])
    line = factories.timeline(rows(0.9, 0.9))
    drawing = Drawing(made, line, Labels(line), (160, 120), UNSPECIFIED, 0.0, 2.0, blur=False)

    def columns(time, bright):
        grey = draw(12.345 if bright else 53.19, (160, 120))
        planes = np.concatenate([grey, np.full((60, 160), 128, np.uint8)])
        return drawing.draw(Picture(time, planes, UNSPECIFIED), time)[:120, 30:36].astype(int) - grey[:, 30:36]

    assert np.abs(columns(0.2, True)).max() > 30
    assert np.abs(columns(0.24, True)).max() > 30
    assert np.abs(columns(0.28, False)).max() == 0


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (16, 16), (32, 500), (320, 240)])
@pytest.mark.parametrize("persons", [1, 3])
def test_a_very_narrow_picture_has_a_strip_too(size, persons):
    width, height = size
    made = factories.observations(2.0)
    made.__dict__["arrays"] = factories.no_observations() | arrays([(1, 0, 0.2), (2, 0, 0.2)])
    people = tuple(factories.timeline(rows(0.9, 0.9), person=np.full(2, number)) for number in range(persons))
    line = people[0] if persons == 1 else replace(people[0], people=people)
    drawing = Drawing(made, line, Labels(line), size, UNSPECIFIED, 0.0, 2.0, blur=True)
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    shown = [drawing.draw(Picture(time, planes, UNSPECIFIED), time).copy() for time in (0.0, 0.4, 2.0)]
    first, _, last = (each[height : drawing.canvas.height] for each in shown)
    assert first.shape[1] == width
    if width >= 16:  # in a narrower one the place that is shown now covers the lanes
        assert (first == drawing._palette.colour(colour_of("happy"))[0]).any() and not np.array_equal(first, last)
