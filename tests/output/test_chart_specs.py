"""The specification that the page draws is that of the chart, whatever was drawn before it."""

import re
from dataclasses import replace

import pytest

from emorec.annotation import Marker
from emorec.output import charts
from support import factories

PART = (0.5, 2.0)


def test_a_frame_that_another_thread_removes_is_still_drawn(monkeypatch):
    timeline = factories.timeline(factories.probabilities(6))
    expected, time = charts.timeline_spec(timeline), charts.chart_marks.time

    def removing(span):
        charts._frames.clear()
        return time(span)

    monkeypatch.setattr(charts.chart_marks, "time", removing)
    assert charts.timeline_spec(timeline) == expected


@pytest.fixture(scope="module")
def timelines():
    few = factories.timeline(factories.with_gaps(factories.probabilities(6), 2))
    many = factories.timeline(factories.probabilities(7200, 1), media={"has_video": False})
    two = tuple(replace(few, name=name, names={0: name}) for name in ("Ann", "Ben"))
    three = (*two, replace(few, name="Cid", names={0: "Cid"}))
    return {
        "few": few,
        "two hours": many,
        "one more": factories.timeline(factories.probabilities(9, 2), complete=False, duration=20.0),
        "marked": replace(few, markers=(Marker(1.0, "here"),)),
        "two people": replace(few, people=two),
        "three people": replace(few, people=three),
    }


def in_full(spec):
    """A specification with the data of each layer in the layer, and without counted names."""
    tables = spec.get("datasets", {})
    layers = [
        layer | {"data": {"values": tables.get(layer["data"].get("name"), layer["data"].get("values"))}}
        for layer in spec["layer"]
    ]
    rest = {name: value for name, value in spec.items() if name not in ("layer", "datasets")}
    return re.sub(r"view_\d+", "view", repr([rest["height"], sorted(rest.items()), layers]))


@pytest.mark.parametrize("style", charts.STYLES)
def test_every_timeline_gets_its_own_time_and_data_in_a_kept_frame(timelines, style):
    for name, timeline in [*timelines.items(), *timelines.items()]:
        for part in (None, PART):
            expected = charts.timeline_chart(timeline, legend=False, style=style, part=part).to_dict(validate=False)
            found = charts.timeline_spec(timeline, style, part)
            assert in_full(found) == in_full(expected), (name, part)
    assert len(charts._frames) <= charts.MAX_FRAMES
