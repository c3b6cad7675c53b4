"""A timeline as a library gives it: data frame, files, chart, and what a notebook shows."""

import base64
import csv
import html
import importlib.util
import io
import json
import re

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import infer
from emorec.output import formats, tables
from emorec.output.summary import affect_in_words, summary
from emorec.timeline import Timeline
from support import factories

GAPS = (2, 3)


@pytest.fixture(scope="module")
def timeline():
    probabilities = factories.with_gaps(factories.probabilities(8), *GAPS)
    person = np.array([0, 0, -1, -1, 1, 1, 1, 1])
    return Timeline.of(factories.timeline(probabilities, person=person, notes=("A <note>.",)))


def test_it_is_the_same_timeline_with_methods(timeline):
    plain = factories.timeline(factories.probabilities(4))
    made = Timeline.of(plain)
    assert made.start is plain.start and made.choices is plain.choices and len(made) == 4


def test_it_can_be_looked_for_in_lists_and_sets(timeline):
    other = Timeline.of(factories.timeline(factories.probabilities(8)))
    assert timeline == timeline and timeline != other
    assert timeline in [other, timeline] and other not in {timeline}
    plain = factories.timeline(factories.probabilities(8))
    assert plain not in [factories.timeline(factories.probabilities(8))]


def test_a_data_frame_has_the_columns_of_the_csv_and_then_each_modality(timeline):
    frame = timeline.to_dataframe()
    more = ["disagreement", *(f"{kind}_{emotion}" for kind in ("face", "voice") for emotion in EMOTIONS)]
    more += [f"{kind}_{name}" for kind in ("face", "voice") for name in ("valence", "arousal")]
    assert list(frame.columns) == [*tables.COLUMNS[:-1], *more, "name"]
    assert [*frame["name"].fillna("")] == ["person 0"] * 2 + [""] * 2 + ["person 1"] * 4
    assert len(frame) == len(timeline) and not frame.duplicated(["start", "person"]).any()
    rows = csv.DictReader(io.StringIO(timeline.to_csv()))
    for (_, row), text in zip(frame.iterrows(), rows, strict=True):
        for name in ("start", "end", "person", "happy", "confidence", "row_face", "evidence", "valence", "arousal"):
            assert (
                (row[name] == pytest.approx(float(text[name]), abs=1e-6))
                if text[name]
                else np.isnan(float_of(row[name]))
            )
        assert (text["dominant"] or None) == (row["dominant"] if isinstance(row["dominant"], str) else None)
        assert text["sure"] == str(row["sure"]).lower()
    assert frame["face_valence"].to_numpy() == pytest.approx(frame["valence"].to_numpy(), nan_ok=True)
    assert frame["voice_arousal"].isna().all()
    assert frame["voice_sad"].isna().all() and frame["face_sad"].isna().sum() == len(GAPS)


def float_of(value):
    return float("nan") if value is None or str(value) == "<NA>" else float(value)


def test_types_of_a_data_frame_stay_without_rows():
    frame = Timeline.of(factories.timeline(np.zeros((0, 7)))).to_dataframe()
    assert len(frame) == 0 and str(frame["person"].dtype) == "Int64" and frame["happy"].dtype == float
    assert list(frame["dominant"].cat.categories) == list(EMOTIONS)


def test_timelines_of_several_persons_are_put_together_as_rows():
    import pandas as pd

    times, model = factories.frame_times(4.0), factories.checkpoint()
    one, other = factories.seen(times, 0), factories.seen(times, 1)
    both = {name: np.concatenate([one[name], other[name]]) for name in one}
    order = np.argsort(both["face_time"], kind="stable")
    features = factories.observations(4.0, {name: values[order] for name, values in both.items()})
    tidy = pd.concat(Timeline.of(infer(features, model, person=person)).to_dataframe() for person in features.persons)
    assert len(tidy) == 8 and not tidy.duplicated(["start", "person"]).any() and set(tidy["person"]) == {0, 1}
    everybody = Timeline.of(infer(features, model, person="all"))
    pd.testing.assert_frame_equal(
        everybody.to_dataframe(), tidy.sort_values("start", kind="stable", ignore_index=True), check_dtype=True
    )
    assert isinstance(everybody.people[0], Timeline) and everybody.people[0].to_csv().count("person 0") == 4


def test_without_pandas_a_data_frame_is_one_sentence(timeline, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("emorec.errors.find_spec", lambda name: None if name == "pandas" else find(name))
    with pytest.raises(EmorecError, match=r"\(pandas\): run .*pip install '\.\[dataframe\]' in emorec's folder\.$"):
        timeline.to_dataframe()


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "srt", "vtt", "textgrid", "audacity", "emotionml"])
def test_text_is_returned_and_written_as_the_command_line_writes_it(form, timeline, tmp_path):
    text = getattr(timeline, f"to_{form}")()
    assert getattr(timeline, f"to_{form}")(tmp_path / "new" / "a.txt") == text
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == text
    formats.FORMATS[form].write(timeline, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == text and len(text) > 100


def test_a_file_that_cannot_be_written_is_one_sentence(timeline, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmorecError, match="cannot be written .*; choose another place"):
        timeline.to_csv(tmp_path / "file" / "a.csv")


def test_it_is_plotted_and_saved(timeline, tmp_path):
    spec = timeline.plot().to_dict()
    assert spec["width"] == 800 and spec["title"]["text"] == "made.mp4" and len(spec["layer"]) == 5
    assert timeline.plot("lines").to_dict()["layer"][1]["mark"]["type"] == "line"
    with pytest.raises(
        EmorecError, match=r"^The style 'pie' does not exist; choose from stacked, lines, valence_arousal\.$"
    ):
        timeline.plot("pie")
    timeline.save_plot(str(tmp_path / "a.svg"))
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    timeline.save_plot(tmp_path / "b.svg", "valence_arousal")
    assert "derived" in (tmp_path / "b.svg").read_text(encoding="utf-8")


def test_it_says_in_one_line_what_it_is(timeline):
    assert repr(timeline).startswith("<Timeline of made.mp4: 8.0 s, 8 rows, late fusion, even prior, 1 s steps; ")
    assert len(repr(timeline)) < 200 and "\n" not in repr(timeline)
    assert ": 1.0 s, 1 row, " in repr(timeline.between(0, 0.5))
    empty = Timeline.of(factories.timeline(np.full((2, 7), np.nan), media={}))
    assert repr(empty) == "<Timeline: 2.0 s, 2 rows, late fusion, even prior, 1 s steps; no evidence>"


def test_a_notebook_shows_a_picture_that_needs_no_script_and_no_network(timeline):
    page = timeline._repr_html_()
    assert "A &lt;note&gt;." in page and "Timeline of made.mp4" in page
    assert (
        f"<p>{html.escape(affect_in_words(summary(timeline)))}</p>" in page and ", derived from the emotions (" in page
    )
    assert "<script" not in page and "https://" not in page.replace("http://www.w3.org", "")


def test_a_notebook_that_is_not_trusted_still_shows_the_chart(timeline):
    page = timeline._repr_html_()
    address = re.search(r'<img alt="Probabilities of [^"<]+" src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert address and "<svg" not in page  # an SVG element would be removed, and leave the labels of the axes as a text
    picture = base64.b64decode(address[1]).decode()
    assert picture.startswith("<svg") and "<script" not in picture
    assert "https://" not in picture.replace("http://www.w3.org", "")


def test_a_notebook_may_choose_what_it_shows(timeline):
    bundle = timeline._repr_mimebundle_()
    vega = next(name for name in bundle if "vegalite" in name)
    assert set(bundle) == {"text/plain", "text/html", vega}
    version = vega.removeprefix("application/vnd.vegalite.").removesuffix("+json")
    assert f"/vega-lite/{version}." in bundle[vega]["$schema"]
    json.dumps(bundle, allow_nan=False)
    assert set(timeline._repr_mimebundle_(include={"text/html"})) == {"text/html"}
    assert set(timeline._repr_mimebundle_(exclude={"text/html"})) == {"text/plain", vega}


def test_ipython_shows_it(timeline):
    formatters = pytest.importorskip("IPython.core.formatters")
    shown, _ = formatters.DisplayFormatter().format(timeline)
    assert {"text/plain", "text/html"} <= shown.keys()


def test_highlights_are_those_of_the_json(timeline):
    assert len(timeline.highlights()) == len(json.loads(timeline.to_json())["highlights"])
