"""Markers of a visitor's own on the page: drawn in the chart, averaged, removed, and refused in one sentence."""

import csv
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.annotation import Marker
from emorec.ui import example
from emorec.ui.page import marker_panel
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.marker_panel import HOW, MarkerHandlers, PageMarkers
from support import factories
from support.pages import analyze, change, download, visiting

RULES = "#timeline svg.marks .mark-rule line, #timeline svg.marks .mark-rule path"


def test_markers_are_drawn_averaged_and_removed(chromium, page_server, tmp_path):
    table, wrong = tmp_path / "stimuli.csv", tmp_path / "late.csv"
    table.write_text("time,label\n3,look <b>\n6.5,listen\n9,listen\n99,of another session\n")
    wrong.write_text("time,label\n99,gone\n")
    with visiting(chromium, page_server) as page:
        assert page.locator("#markers").is_hidden()
        analyze(page, example.clip())
        words = page.locator("#markers-words")
        assert HOW in words.inner_text() and page.locator("#remove-markers").is_hidden()
        before = page.locator(RULES).count()
        change(page, lambda: page.set_input_files("#markers input[type=file]", table))
        page.wait_for_selector("#remove-markers")
        assert words.inner_text() == (
            "3 markers in the chart: look <b> and listen. Outside of what was analysed, and left out: 1 of 4."
        )
        page.wait_for_selector("#overview >> text=1 of 4 markers was left out: outside of 0 to 12 s.")
        assert page.locator(RULES).count() > before
        with page.expect_download() as waiting:
            page.click("#around-markers")
        waiting.value.save_as(tmp_path / "around.csv")
        rows = list(csv.DictReader((tmp_path / "around.csv").read_text().splitlines()))
        assert {row["label"] for row in rows} == {"look <b>", "listen"}
        assert {row["markers"] for row in rows if row["label"] == "listen"} <= {"0", "1", "2"}
        page.get_by_label("Even", exact=True).check()
        texts = [download(page, "around-markers")[1]]  # at once
        page.wait_for_selector("#summary >> text=(even prior)")
        texts += [download(page, "around-markers")[1]]
        assert texts[0] == texts[1] != (tmp_path / "around.csv").read_bytes()
        page.set_input_files("#markers input[type=file]", wrong)
        page.wait_for_selector("text=The marker 'gone' at 99 s is outside the recording, which is 12.0 s long")
        assert words.inner_text().startswith("3 markers")  # those before stay
        change(page, lambda: page.click("#remove-markers"))
        page.wait_for_selector("#remove-markers", state="hidden")
        assert page.locator(RULES).count() == before


def test_markers_of_one_recording_do_not_count_for_the_next():
    timeline, marked = factories.timeline(factories.probabilities(5)), PageMarkers("a", (Marker(2.0, "look"),))
    assert marked.on(Analysis(id="a"), timeline).markers == marked.markers
    assert marked.on(Analysis(id="b"), timeline).markers == ()


def test_markers_of_a_result_without_a_file_do_not_count_for_another_one(tmp_path):
    table = tmp_path / "stimuli.csv"
    table.write_text("time,label\n3,look\n")
    timeline = factories.timeline(factories.probabilities(5))
    one, other = (Analysis(title="live", features=factories.observations(5.0)) for _ in range(2))
    handlers = MarkerHandlers(SimpleNamespace(check_upload=lambda path, request: path))
    marked = handlers.load({"path": str(table)}, one, timeline, gr.Request())
    assert [len(marked.on(analysis, timeline).markers) for analysis in (one, other)] == [1, 0]
    drawn = {analysis: marked.on(analysis, timeline) for analysis in (one, other)}
    assert HOW in handlers.show(other, marked, drawn[other])[0]
    assert "1 marker in the chart: look.</p>" in handlers.show(one, marked, drawn[one])[0]


def test_without_a_result_there_is_nothing_to_mark():
    with pytest.raises(gr.Error, match="analyse a recording first"):
        MarkerHandlers(None).load({"path": "x.csv"}, Analysis(), None, gr.Request())


@pytest.mark.parametrize(
    "limit, most, sentence",
    [
        ("MOST", 2, "The page draws at most 2 markers of a recording, and this file has 3; leave some out"),
        ("MAX_BYTES", 10, "The page reads markers from files of at most 0 MB; leave some out."),
    ],
)
def test_more_markers_than_a_server_can_draw_are_refused(tmp_path, monkeypatch, limit, most, sentence):
    table = tmp_path / "stimuli.csv"
    table.write_text("time,label\n1,a\n2,b\n3,c\n")
    monkeypatch.setattr(marker_panel, limit, most)
    handlers = MarkerHandlers(SimpleNamespace(check_upload=lambda path, request: path))
    analysis = Analysis(title="live", features=factories.observations(5.0))
    with pytest.raises(gr.Error, match=sentence):
        handlers.load({"path": str(table)}, analysis, factories.timeline(factories.probabilities(5)), gr.Request())
