"""A part of a timeline: its rows, its summary, and its columns in a chart."""

from dataclasses import replace

import numpy as np
import pytest

from emorec.inference.turns import Turn
from emorec.output import charts, labels
from emorec.output.highlights import find_highlights
from emorec.output.summary import summary
from support import factories

ROWS = 100


@pytest.fixture
def timeline():
    sad = np.full((ROWS, 7), 0.01)
    sad[:, 5] = 0.94
    happy = np.roll(sad, -2, axis=1)
    return factories.timeline(np.where(np.arange(ROWS)[:, None] < 50, sad, happy))


def test_a_part_holds_the_rows_that_overlap_it_and_nothing_else(timeline):
    part = timeline.between(49.5, 60.0)
    assert part.start.tolist() == list(range(49, 60)) and len(part) == len(part.probabilities) == len(part.person) == 11
    assert part.choices["part"] == [49.5, 60.0] and part.duration == timeline.duration
    assert summary(part).shares["happy"] == pytest.approx(10 / 11)
    assert summary(timeline).shares["happy"] == pytest.approx(0.5)


def test_the_grid_of_a_part_is_cut_too(timeline):
    fine = replace(timeline, grid=timeline).between(0.0, 40.0)
    assert fine.grid is not None and fine.grid.end[-1] == 40.0
    assert all(highlight.end <= 40.0 for highlight in find_highlights(fine))


def test_turns_of_a_part_end_with_its_rows(timeline):
    turns = (Turn(0.0, 5.0, 0), Turn(8.0, 12.5, 1), Turn(12.5, 13.0, 0), Turn(18.0, 40.0, 1), Turn(50.0, 60.0, 0))
    part = replace(timeline, turns=turns, people=(replace(timeline, turns=turns),)).between(10.5, 19.5)
    expected = (Turn(10.0, 12.5, 1), Turn(12.5, 13.0, 0), Turn(18.0, 20.0, 1))
    assert part.turns == part.people[0].turns == expected
    assert [line.split()[3:5] for line in labels.rttm_text(part).splitlines()] == [
        ["10.000", "2.500"],
        ["12.500", "0.500"],
        ["18.000", "2.000"],
    ]


def test_a_part_beyond_the_end_is_empty(timeline):
    assert replace(timeline, turns=(Turn(0.0, 100.0),)).between(500.0, 600.0).turns == ()
    assert len(timeline.between(500.0, 600.0)) == 0 and summary(timeline.between(500.0, 600.0)).known == 0


def test_a_chart_of_a_part_ends_with_it_and_shows_it_in_more_detail(timeline):
    def steps(part):
        points = charts.timeline_chart(timeline, part=part).layer[1].data["values"]
        return sorted({point["time"] for point in points if point["low"] is not None})

    shown = steps((10.25, 30.75))
    assert shown[0] == 10.25 and shown[-1] == 30.75
    assert len(steps((10.0, 20.0))) == 11


def test_a_part_of_everybody_is_cut_for_everybody(timeline):
    group = replace(timeline, people=(timeline, timeline)).between(20.0, 30.0)
    assert [len(person) for person in group.people] == [10, 10]
