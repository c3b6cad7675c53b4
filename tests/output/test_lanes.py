"""A chart with a lane for each person."""

import dataclasses

import numpy as np
import pytest

from emorec.output import charts, lane_data
from emorec.ui import overview
from support import factories

LAYERS = ("tracks", "shapes", "strokes", "strips", "hover", "names")


def of_all(*rows, **facts):
    """The mean of persons, each with the rows (N, 7) of probabilities given for it, which is here that of the first."""
    people = []
    for number, probabilities in enumerate(rows):
        count = len(probabilities)
        about = {"person": np.full(count, number), "name": f"person {number}", "names": {number: f"person {number}"}}
        people.append(factories.timeline(probabilities, **about))
    return dataclasses.replace(people[0], people=tuple(people), name="", person=np.full(len(rows[0]), -1), **facts)


def sure(emotion, count=4):
    return np.tile(factories.sure(emotion), (count, 1))


def data(timeline, **how):
    drawn = charts.timeline_chart(timeline, **how).to_dict()
    names = [name for name in LAYERS if name != "strokes" or len(drawn["layer"]) == len(LAYERS)]
    return {name: drawn["datasets"][layer["data"]["name"]] for name, layer in zip(names, drawn["layer"], strict=True)}


def test_the_mean_is_the_first_lane_and_every_person_has_one_with_the_name():
    names = data(of_all(sure("happy"), sure("sad")))["names"]
    assert [name["text"] for name in names] == [lane_data.MEAN, "person 0", "person 1", "Speech counted"]
    assert [int(name["at"]) for name in names] == [0, 1, 2, 3]


def test_a_probability_fills_its_share_of_the_lane_of_its_person():
    shapes = data(of_all(sure("happy"), sure("sad")))["shapes"]
    for lane, emotion in ((0, "happy"), (1, "happy"), (2, "sad")):
        mine = [one for one in shapes if (one["lane"], one["emotion"]) == (lane, emotion) and one["low"] is not None]
        top, bottom = (lane + end for end in lane_data.PLOT)
        assert all(top <= one["high"] < one["low"] <= bottom for one in mine) and mine
        assert all(one["low"] - one["high"] == pytest.approx(0.94 * (bottom - top), abs=2e-3) for one in mine)


@pytest.mark.parametrize(
    ("style", "field"), [("stacked", "high"), ("lines", "probability"), ("valence_arousal", "value")]
)
def test_every_style_stays_in_its_lane_and_breaks_where_nothing_is_known(style, field):
    shapes = data(of_all(sure("happy"), factories.with_gaps(sure("sad"), 1)), style=style)["shapes"]
    for lane in range(3):
        values = [one[field] for one in shapes if one["lane"] == lane and one[field] is not None]
        assert values and all(lane + lane_data.PLOT[0] <= value <= lane + lane_data.PLOT[1] + 1e-6 for value in values)
    gaps = {
        lane: any(one["lane"] == lane and one[field] is None and one["time"] < 2 for one in shapes) for lane in (1, 2)
    }
    assert gaps == {1: False, 2: True}


def test_unsure_time_is_hatched_in_its_own_lane_only():
    strokes = data(of_all(sure("happy"), np.full((4, 7), 1 / 7)))["strokes"]
    places = [one["at"] for one in strokes if one["at"] is not None]
    top, bottom = (2 + end for end in lane_data.PLOT)
    assert places and all(top <= place <= bottom for place in places)


@pytest.mark.parametrize("style", ["lines", "valence_arousal"])
def test_unsure_lines_are_dotted_in_their_own_lane_only(style):
    shapes = data(of_all(sure("happy"), np.full((4, 7), 1 / 7)), style=style)["shapes"]
    certain = {lane: {one["certainty"] for one in shapes if one["lane"] == lane} for lane in (1, 2)}
    assert certain == {1: {"sure"}, 2: {"unsure"}}


def test_the_pointer_is_told_who_it_is():
    hover = data(of_all(sure("happy"), sure("sad")))["hover"]
    assert {box["Person"] for box in hover} == {lane_data.MEAN, "person 0", "person 1"}
    assert {box["Emotion"].split()[1] for box in hover if box["Person"] == "person 1"} == {"sad"}


def test_strips_show_where_the_face_of_each_person_is_seen():
    timeline = of_all(sure("happy"), sure("sad"))
    hidden = dataclasses.replace(timeline.people[1], face_coverage=np.array([0.0, 0.0, 1.0, 1.0]))
    strips = data(dataclasses.replace(timeline, people=(timeline.people[0], hidden)))["strips"]
    assert [(box["start"], box["end"]) for box in strips if 2 < box["low"] < 3] == [(2, 4)]


def test_what_is_not_analysed_yet_is_shaded_in_every_lane():
    timeline = dataclasses.replace(of_all(sure("happy"), sure("sad")), duration=9.0, complete=False)
    assert [(box["start"], box["end"]) for box in data(timeline)["tracks"]].count((4, 9)) == 3


def test_many_persons_are_few_enough_points_and_the_title_says_who_is_missing():
    timeline = of_all(*[sure("happy", 600)] * 14)
    drawn = data(timeline)
    assert len(drawn["names"]) == 1 + lane_data.MAX_LANES + 1
    assert len(drawn["hover"]) <= lane_data.MAX_POINTS * 1.3
    assert "2 more persons are not drawn" in charts.svg_text(timeline)
    assert "2 more persons are not drawn; the tables" in overview.trust_lines(timeline, None)  # above the page's chart
    assert [lane_data.left_out(count) for count in (12, 13)] == ["", "1 more person is not drawn"]


@pytest.mark.parametrize("persons", [1, 2, 6])
def test_a_saved_chart_has_the_names_and_grows_with_the_persons(persons, tmp_path):
    timeline = of_all(*[sure("happy")] * persons)
    charts.save(timeline, tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert all(f"person {number}" in text for number in range(persons))
    height = float(text.split('height="')[1].split('"')[0])
    assert height == max(charts.FILE_HEIGHT, round(60 + 86 * (persons + 1.32)))


@pytest.mark.parametrize("style", charts.STYLES)
def test_the_picture_of_a_person_stands_before_the_name_in_the_lane(style):
    timeline, url = of_all(sure("happy"), sure("sad")), "data:image/png;base64,iVBORw0KGgo="
    drawn = charts.timeline_chart(timeline, style=style, pictures={1: url}).to_dict()
    faces, names = drawn["layer"][-1], drawn["layer"][-2]
    assert faces["mark"]["type"] == "image" and names["mark"]["type"] == "text"
    at = {name["text"]: name["at"] for name in drawn["datasets"][names["data"]["name"]]}
    assert drawn["datasets"][faces["data"]["name"]] == [{"picture": url, "at": at["person 1"]}]
    assert names["encoding"]["x"]["value"] >= faces["mark"]["width"]
    without = charts.timeline_chart(timeline, style=style).to_dict()["layer"]
    assert [layer["mark"]["type"] for layer in without].count("image") == 0
