"""The measurement of the page: its table, and what it measures of opening the page."""

import pytest

from benchmarks.page import Measure, measure_opening, redraw
from support import two_people
from support.pages import analyze, visiting


@pytest.mark.parametrize(
    ("limits", "value", "reached"),
    [({"most": 1.5}, 1.5, True), ({"most": 1.5}, 1.6, False), ({"least": 30}, 30, True), ({"least": 30}, 29, False)],
)
def test_a_row_has_the_target_and_whether_it_is_reached(limits, value, reached):
    measure = Measure("what", value, "s", **limits)
    assert measure.is_met == reached
    (target,) = limits.items()
    assert measure.row().split("|")[2:5] == [
        f" at {target[0]} {target[1]:g} s ",
        f" {value:.2f} s ",
        f" {'yes' if reached else 'no'} ",
    ]


def test_opening_is_timed_and_counts_what_is_transferred(chromium, page_server):
    usable, transferred = measure_opening(chromium, page_server, openings=1)
    assert usable.value > 0
    assert 0.2 < transferred.value <= 0.75  # MB; this does not depend on the machine


def test_a_redraw_is_waited_for(chromium, page_server, tmp_path):
    with visiting(chromium, page_server) as page:
        analyze(page, two_people.record(tmp_path / "two.mp4"))
        assert redraw(page, page.get_by_role("radio", name="Even", exact=True).check) > 0
        assert not page.locator("#timeline svg.marks.before").count()
