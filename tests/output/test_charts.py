"""A timeline drawn: what the chart's data say, and what the saved files show."""

import io
import itertools
import json
import re

import altair as alt
import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emorec import affect
from emorec.emotions import BY_VALENCE, COLOURS, EMOTIONS
from emorec.errors import EmorecError
from emorec.output import chart_data, chart_hatch, chart_tooltips, charts
from support import factories
from support.factories import sure

LAYERS = ("tracks", "areas", "strokes", "evidence", "columns")
WITHOUT_STROKES = tuple(name for name in LAYERS if name != "strokes")  # of the charts of lines


def unsure():
    return np.full(len(EMOTIONS), 1 / len(EMOTIONS))


def gap():
    return np.full(len(EMOTIONS), np.nan)


def spec(timeline, **how):
    """The chart as Vega-Lite, and the data of every layer by its name."""
    drawn_chart = charts.timeline_chart(timeline, **how).to_dict()
    data = [drawn_chart["datasets"][layer["data"]["name"]] for layer in drawn_chart["layer"]]
    return drawn_chart, dict(zip(LAYERS if len(data) == len(LAYERS) else WITHOUT_STROKES, data, strict=True))


def areas(timeline):
    """Share of time (s) that the areas cover, by emotion: {emotion: [(start, end, low, high), ...]}."""
    points = spec(timeline)[1]["areas"]
    found = {emotion: [] for emotion in EMOTIONS}
    for emotion in EMOTIONS:
        mine = [point for point in points if point["emotion"] == emotion]
        for here, after in itertools.pairwise(mine):
            if None not in (here["low"], after["low"]):
                found[emotion].append((here["time"], after["time"], here["low"], here["high"]))
    return found


def hatched(timeline):
    """The rows whose middle is crossed by strokes."""
    points = spec(timeline)[1]["strokes"]
    strokes = [(low["time"], high["time"]) for low, high, _ in zip(*[iter(points)] * 3, strict=True)]
    middles = (timeline.start + timeline.end) / 2
    return [any(low <= middle <= high for low, high in strokes) for middle in middles]


def test_every_row_is_drawn_from_its_start_to_its_end_stacked_by_valence():
    timeline = factories.timeline([sure("happy"), sure("sad"), sure("angry")], step=0.5)
    drawn = areas(timeline)
    for row in range(3):
        low = 0.0
        for emotion in BY_VALENCE:
            start, end, bottom, top = drawn[emotion][row]
            assert (start, end) == (timeline.start[row], timeline.end[row])
            assert bottom == pytest.approx(low, abs=1e-4)
            assert top - bottom == pytest.approx(timeline.probabilities[row, EMOTIONS.index(emotion)], abs=2e-4)
            low = top
        assert low == pytest.approx(1.0, abs=1e-4)


def test_unpleasant_emotions_are_drawn_below_all_others():
    assert sorted(BY_VALENCE) == sorted(EMOTIONS)
    valence = [affect.COORDINATES[EMOTIONS.index(emotion), 0] for emotion in BY_VALENCE]
    assert [value < 0 for value in valence] == [True] * 4 + [False] * 3
    assert valence[4:] == sorted(valence[4:])


def test_a_row_without_evidence_is_a_gap():
    drawn = areas(factories.timeline([sure("happy"), gap(), gap(), sure("happy"), gap()]))
    assert {area[:2] for areas_ in drawn.values() for area in areas_} == {(0, 1), (3, 4)}


def test_a_timeline_without_any_evidence_or_any_row_still_draws():
    for timeline in (factories.timeline([gap(), gap()]), factories.timeline(np.zeros((0, 7)))):
        assert not any(areas(timeline).values())


def test_unsure_rows_are_hatched_over_full_colours():
    timeline = factories.timeline([sure("fear"), unsure(), sure("fear")])
    assert hatched(timeline) == [False, True, False]
    drawn_chart, data = spec(timeline)
    assert {round(point["high"] - point["low"], 2) for point in data["areas"] if point["time"] == 1} == {0.14}
    assert "opacity" not in drawn_chart["layer"][LAYERS.index("areas")]["encoding"]
    assert all(1 <= point["time"] <= 2 and 0 <= (point["at"] or 0) <= 1 for point in data["strokes"])


def test_strokes_differ_from_every_colour_as_much_as_graphics_must():
    """WCAG 2.2, 1.4.11: 3 to 1. Luminance is also what colour-blind eyes see."""

    def luminance(colour):
        channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for emotion, colour in COLOURS.items():
        pair = sorted((luminance(colour), luminance(chart_hatch.COLOUR)))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3, emotion


def test_strokes_end_where_averaged_columns_do():
    """Half of each column is without evidence and blank."""
    timeline = factories.timeline([unsure(), gap()] * 500)
    strokes = chart_hatch.strokes(chart_data.columns(timeline, 10), (0.0, 1000.0))
    assert max(point["at"] for point in strokes if point["at"] is not None) == 0.5


def test_a_timeline_says_from_which_confidence_on_it_is_sure():
    values = [sure("fear"), np.where(np.array(EMOTIONS) == "sad", 0.5, 0.5 / 6)]
    for unsure_below, expected in ((0.45, False), (0.55, True)):
        assert hatched(factories.timeline(values, unsure_below=unsure_below)) == [False, expected]


def test_a_row_that_leans_on_its_neighbours_is_hatched():
    assert hatched(factories.timeline([sure("fear")] * 2, row_face=np.array([1.0, 0.0]))) == [False, True]


@pytest.mark.parametrize("style", ["lines", "valence_arousal"])
def test_lines_are_dotted_where_they_are_unsure(style):
    timeline = factories.timeline([sure("fear"), unsure(), sure("fear")])
    drawn_chart, data = spec(timeline, style=style)
    certain = {point["time"]: point["certainty"] for point in data["areas"]}
    assert (certain[0.5], certain[1.5], certain[2.5]) == ("sure", "unsure", "sure")
    dashes = drawn_chart["layer"][1]["encoding"]["strokeDash"]["scale"]
    assert len({tuple(dash) for dash in dashes["range"]}) == len(dashes["domain"])
    text = charts.svg_text(timeline, style)
    assert "dotted: unsure" in text and 'stroke-dasharray="2,3"' in text


def test_a_recording_without_pictures_has_nothing_about_faces():
    sound = factories.timeline([sure("happy")] * 2, media={"name": "a.wav", "has_video": False})
    for style in charts.STYLES:
        drawn_chart, data = spec(sound, style=style)
        assert len(data["tracks"]) == 1 and not {"Face says", "Face seen"} & set(data["columns"][0])
        assert "'face'" not in json.dumps(drawn_chart["layer"][1]) and "'speech'" in json.dumps(drawn_chart["layer"][1])
        assert ">face<" not in charts.svg_text(sound, style)
    assert ">face<" in charts.svg_text(factories.timeline([sure("happy")] * 2))


@pytest.mark.parametrize("style", charts.STYLES)
def test_a_chart_says_what_it_shows(style):
    timeline = factories.timeline([sure("happy"), sure("happy"), sure("sad"), unsure()], step=15.0)
    words = charts.timeline_chart(timeline, style=style).to_dict()["description"]
    assert "from 0:00 to 1:00" in words and "happy 50%, sad 25%, unsure 25%" in words
    assert charts.svg_text(timeline, style).startswith(f'<svg role="img" aria-label="{words}"')
    nothing = charts.timeline_chart(factories.timeline([gap()]), style=style).to_dict()["description"]
    assert nothing.endswith("There is no evidence.")


def test_joined_rows_are_unsure_if_more_than_half_of_them_are_unsure():
    timeline = factories.timeline([sure("fear"), unsure(), gap(), unsure(), unsure(), sure("fear")])
    assert list(chart_data.columns(timeline, max_columns=2).sure) == [True, False]


def test_the_pointer_is_told_what_is_unsure():
    (box,) = spec(factories.timeline([np.where(np.array(EMOTIONS) == "sad", 0.34, 0.11)]))[1]["columns"]
    assert box["Emotion"] == "unsure (😢 sad 34%)"


@pytest.mark.parametrize(("confidence", "shown"), [(0.3999, "unsure (😢 sad 39%)"), (0.4, "😢 sad 40%")])
def test_no_confidence_reads_as_40_percent_and_unsure(confidence, shown):
    (box,) = spec(factories.timeline([np.where(np.array(EMOTIONS) == "sad", confidence, (1 - confidence) / 6)]))[1][
        "columns"
    ]
    assert box["Emotion"] == shown


@pytest.mark.parametrize("style", charts.STYLES)
def test_however_often_confidence_changes_the_shapes_are_few(style, tmp_path):
    """Two for every emotion, sure and unsure, and the strokes; a browser takes seconds for thousands."""
    timeline = factories.timeline([sure("happy"), unsure(), gap(), sure("sad"), unsure()] * 70)
    chart = charts.timeline_chart(timeline, legend=False, style=style)
    charts.save(chart, tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    shapes = re.findall(r'class="mark-(?:area|line)[^>]*>\s*<path', text)
    assert 0 < len(shapes) <= 2 * len(EMOTIONS)
    strokes = chart_hatch.strokes(chart_data.columns(timeline), (0.0, float(len(timeline))))
    assert len(strokes) <= 3 * 2 * chart_hatch.MAX_PIECES


def test_colours_and_their_order_are_those_of_the_emotions():
    drawn_chart, _ = spec(factories.timeline([sure("happy")]))
    scale = drawn_chart["layer"][LAYERS.index("areas")]["encoding"]["color"]["scale"]
    assert scale["domain"] == list(BY_VALENCE)
    assert scale["range"] == [COLOURS[emotion] for emotion in BY_VALENCE]


def test_the_strips_tell_coverage_and_only_where_something_was_looked_at():
    coverage = {"face_coverage": np.array([1.0, 1.0, 0.0]), "speech_coverage": np.array([0.0, 0.5, 0.5])}
    data = spec(factories.timeline([sure("happy")] * 3, duration=9.0, **coverage))[1]
    boxes = {(box["low"], box["start"], box["end"], box["coverage"]) for box in data["evidence"]}
    face, speech = (chart_data.STRIPS[name][0] for name in ("face", "speech"))
    assert boxes == {(face, 0, 2, 1.0), (speech, 1, 3, 0.5)}
    assert {(box["start"], box["end"]) for box in data["tracks"]} == {(0, 3)}


def test_what_is_still_to_come_has_its_place():
    drawn_chart, _ = spec(factories.timeline([sure("happy")] * 3, duration=9.0))
    assert drawn_chart["layer"][LAYERS.index("areas")]["encoding"]["x"]["scale"]["domain"] == [0, 9.0]


def test_what_is_not_analysed_yet_is_shaded_and_only_then():
    happy = [sure("happy")] * 3
    for style, (low, high) in (("stacked", (0, 1)), ("valence_arousal", (-1, 1))):
        running = spec(factories.timeline(happy, duration=9.0, complete=False), style=style)[1]["tracks"]
        assert running[-1] == {"start": 3, "end": 9, "low": low, "high": high}
        assert len(running) == 1 + len(chart_data.STRIPS)
    for timeline in (
        factories.timeline(happy, duration=9.0),
        factories.timeline(happy, duration=3.0, complete=False),
    ):
        assert len(spec(timeline)[1]["tracks"]) == len(chart_data.STRIPS)


def test_the_axis_of_a_part_begins_where_the_part_does():
    timeline = factories.timeline(
        factories.probabilities(5), start=3602.0 + np.arange(5), end=3603.0 + np.arange(5), duration=3607.0
    )
    drawn_chart = charts.timeline_chart(timeline).to_dict()
    across = drawn_chart["layer"][LAYERS.index("areas")]["encoding"]["x"]
    assert across["scale"]["domain"] == [3602.0, 3607.0]
    assert across["axis"]["values"] == [3602.0 + 0.5 * count for count in range(11)]
    assert "3600" in across["axis"]["labelExpr"]


def test_the_pointer_is_told_time_emotion_both_opinions_and_coverage():
    columns = spec(factories.timeline([sure("sad"), gap()], step=90.0))[1]["columns"]
    tooltips = [[box[name] for name in chart_tooltips.TOOLTIP] for box in columns]
    assert tooltips == [
        ["0:00 – 1:30", "😢 sad 94%", *["sad 94%, angry 1%, disgust 1%"] * 2, "–", "100%", "0%", "−0.69, −0.35"],
        ["1:30 – 3:00", "no evidence", "–", "–", "–", "100%", "0%", "–"],
    ]


def test_valence_and_arousal_are_two_lines_from_minus_one_to_one_with_gaps():
    certain = np.eye(len(EMOTIONS))
    happy, sad = certain[EMOTIONS.index("happy")], certain[EMOTIONS.index("sad")]
    drawn_chart, data = spec(factories.timeline([happy, gap(), sad]), style="valence_arousal")
    y = drawn_chart["layer"][LAYERS.index("areas")]["encoding"]["y"]
    top, bottom = y["scale"]["domain"][1], y["scale"]["domain"][0]
    assert top == 1 and bottom < -1 and {-1, 0, 1} <= set(y["axis"]["values"])
    lines = {
        name: [(point["time"], point["value"]) for point in data["areas"] if point["dimension"] == name]
        for name in ("valence", "arousal")
    }
    v, a = (0.8675, -0.725), (0.2625, -0.3775)
    for name, (first, last) in (("valence", v), ("arousal", a)):
        before, after = lines[name][:3], lines[name][4:7]
        assert before == [(0, first), (0.5, first), (1, first)] and after == [(2, last), (2.5, last), (3, last)]
        assert lines[name][3] == (1.5, None)  # the line is interrupted in the row without evidence
    # Rectangles that react to the pointer cover the whole height, and the strips lie below -1.
    assert {(box["low"], box["high"]) for box in data["columns"]} == {(bottom, 1)}
    assert all(bottom < box["low"] < box["high"] < -1 for box in [*data["tracks"], *data["evidence"]])


def test_averaged_columns_keep_valence_where_part_of_them_has_no_evidence():
    happy = np.eye(len(EMOTIONS))[EMOTIONS.index("happy")]
    drawn = chart_data.columns(factories.timeline([happy, gap(), gap(), gap()]), max_columns=2)
    assert drawn.affect[0] == pytest.approx([0.8675, 0.2625])
    assert np.isnan(drawn.affect[1]).all()


def test_a_saved_chart_of_valence_and_arousal_says_that_they_are_derived():
    text = charts.svg_text(factories.timeline([sure("sad")] * 3), "valence_arousal")
    assert "derived from the probabilities of the emotions (Warriner, Kuperman &amp; Brysbaert, 2013)" in text
    with pytest.raises(EmorecError, match="choose from stacked, lines, valence_arousal"):
        charts.save(factories.timeline([sure("sad")]), "chart.svg", "pie")


@factories.quick
@given(rows=st.integers(1, 5000), most=st.integers(1, 700), seed=st.integers(0, 9))
def test_many_rows_are_joined_into_few_columns_and_nothing_is_lost(rows, most, seed):
    gaps = np.flatnonzero(np.random.default_rng(seed).random(rows) < 0.3)
    timeline = factories.timeline(factories.with_gaps(factories.probabilities(rows, seed), *gaps), step=0.1)
    drawn = chart_data.columns(timeline, most)
    lengths = drawn.end - drawn.start
    assert len(lengths) <= most
    assert drawn.start[0] == timeline.start[0]
    assert drawn.end[-1] == timeline.end[-1]
    assert drawn.start[1:] == pytest.approx(drawn.end[:-1])
    # Time that an emotion gets, and time without evidence, is the same however much is joined.
    assert lengths @ drawn.probabilities == pytest.approx(0.1 * np.nansum(timeline.probabilities, axis=0))
    assert lengths @ drawn.known == pytest.approx(0.1 * timeline.known.sum())
    assert drawn.probabilities.sum(axis=1) == pytest.approx(drawn.known)


def test_ten_hours_stay_a_few_hundred_columns():
    timeline = factories.timeline(np.tile([sure("happy"), sure("sad"), gap()], (120_000, 1)), step=0.1)
    drawn_chart, data = spec(timeline)
    assert len(data["columns"]) <= chart_data.MAX_COLUMNS
    assert len(json.dumps(drawn_chart)) < 1_000_000
    drawn = areas(timeline)
    # Two rows in three have evidence: columns are that high, half of it for each of the two emotions.
    assert {round(top, 2) for *_, top in drawn["happy"]} == {0.67}
    assert {round(top - low, 2) for _, _, low, top in drawn["happy"]} == {0.32}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0:00"),
        (59.96, "1:00"),
        (61, "1:01"),
        (12.5, "0:12.5"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (36061.2, "10:01:01.2"),
    ],
)
def test_times_read_as_people_write_them(seconds, words):
    assert charts.clock(seconds) == words


@pytest.mark.parametrize(
    ("duration", "first"),
    [
        (0.4, ["0:00", "0:00.1", "0:00.2"]),
        (12, ["0:00", "0:02", "0:04"]),
        (600, ["0:00", "1:00", "2:00"]),
        (7200, ["0:00:00", "0:15:00", "0:30:00"]),
        (36_000, ["0:00:00", "1:00:00", "2:00:00"]),
    ],
)
def test_the_axis_tells_time_in_round_steps(duration, first, tmp_path):
    charts.save(factories.timeline([sure("happy")], step=duration), tmp_path / "chart.svg")
    labels = re.findall(r">(\d+(?::\d\d)+(?:\.\d)?)</text>", (tmp_path / "chart.svg").read_text(encoding="utf-8"))
    assert labels[: len(first)] == first


def test_a_saved_png_has_its_size_and_its_colours_in_their_places(tmp_path):
    timeline = factories.timeline([sure("happy"), gap(), sure("sad")])
    charts.save(timeline, tmp_path / "new" / "folder" / "chart.png")
    image = cv2.imread(str(tmp_path / "new" / "folder" / "chart.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape[:2] == (charts.FILE_HEIGHT * charts.PNG_SCALE, charts.FILE_WIDTH * charts.PNG_SCALE)
    pixels = image[..., 2::-1].astype(int)
    assert (pixels[:20] == 255).all()

    def across(emotion):
        """Fractions of the picture's width where a colour fills much of the height."""
        colour = np.array([int(COLOURS[emotion][at : at + 2], 16) for at in (1, 3, 5)])
        filled = (np.abs(pixels - colour).max(axis=-1) <= 2).mean(axis=0) > 0.3
        return np.flatnonzero(filled) / pixels.shape[1]

    happy, sad = across("happy"), across("sad")
    assert happy.size > 0.25 * pixels.shape[1]
    assert sad.size > 0.25 * pixels.shape[1]
    # A third of the chart, that without evidence, lies between them.
    assert sad.min() - happy.max() > 0.25
    middle = pixels[200:400, int((happy.max() + 0.02) * pixels.shape[1]) : int((sad.min() - 0.02) * pixels.shape[1])]
    assert (middle == 255).all()


def test_a_saved_svg_holds_every_colour_and_the_title(tmp_path):
    charts.save(factories.timeline([unsure()]), tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    for colour in COLOURS.values():
        assert colour.lower() in text.lower()
    assert "made.mp4" in text
    assert (
        "late fusion, even prior, 1 s steps; hatched: unsure (confidence below 40%, or no evidence of its own)" in text
    )


@pytest.mark.parametrize("suffix", charts.SUFFIXES)
@pytest.mark.parametrize("name", ["caf\udce9.mp4", "caf\ud800.mp4"])
def test_a_name_that_is_no_text_can_be_a_title(suffix, name, tmp_path):
    """The first is how Python holds the bytes of a Latin-1 name."""
    timeline = factories.timeline([sure("happy")], media={"name": name})
    charts.save(timeline, tmp_path / f"chart{suffix}")
    if suffix == ".svg":
        assert re.search("caf[\ufffd?].mp4", (tmp_path / "chart.svg").read_text(encoding="utf-8"))


def test_a_saved_html_needs_no_network(tmp_path):
    charts.save(factories.timeline([unsure()]), tmp_path / "chart.HTML")
    text = (tmp_path / "chart.HTML").read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)\s*=", text)
    assert '"emotion": "surprise"' in text
    assert "vegaEmbed" in text


def test_a_saved_html_draws_itself_offline(tmp_path, chromium):
    charts.save(factories.timeline([sure("happy"), gap(), sure("sad")]), tmp_path / "chart.html")
    page = chromium.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "chart.html").as_uri())
    page.wait_for_selector("svg.marks, canvas.marks")
    assert page.title() == "made.mp4" and page.evaluate("document.documentElement.lang") == "en"
    page.close()
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_chart_of_ones_own_can_be_saved(tmp_path):
    charts.save(charts.timeline_chart(factories.timeline([unsure()]), title="Mine"), tmp_path / "chart.svg")
    assert "Mine" in (tmp_path / "chart.svg").read_text(encoding="utf-8")


def test_a_large_chart_of_ones_own_can_be_saved_as_html(tmp_path):
    rows = pd.DataFrame({"time": range(6000)})  # more than Altair takes without being asked to
    charts.save(alt.Chart(rows).mark_point().encode(x="time:Q"), tmp_path / "chart.html")
    assert "<title>Chart</title>" in (tmp_path / "chart.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["chart.gif", "chart", "chart.png.zip"])
def test_another_suffix_is_refused_in_one_sentence(name, tmp_path):
    with pytest.raises(EmorecError, match=re.escape(f"saved as {name}; end the name in .png, .svg or .html.")):
        charts.save(factories.timeline([unsure()]), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named_in_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(io.BytesIO().getvalue())
    with pytest.raises(EmorecError, match=r"chart\.svg cannot be written \(.+\); choose another place\.$"):
        charts.save(factories.timeline([unsure()]), tmp_path / "file" / "chart.svg")


@pytest.mark.parametrize("style", charts.STYLES)
def test_a_part_fills_the_width_of_the_chart(style):
    timeline = factories.timeline(factories.probabilities(900))
    svg = charts.svg_text(charts.timeline_chart(timeline, style=style, part=(600.0, 700.0)))
    labels = re.findall(r'translate\(([\d.]+),[\d.]+\)"[^>]*>(\d+:\d\d)<', svg)
    places = {words: float(x) for x, words in labels}
    assert places["10:00"] == 0
    assert places["11:40"] == pytest.approx(10 * places["10:10"], rel=0.01) and places["11:40"] > 800
