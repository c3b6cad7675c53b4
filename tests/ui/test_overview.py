"""The overview, the table of minutes, the line about trust and the pages of the table, from timelines made by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest

from emorec.emotions import COLOURS, EMOTIONS
from emorec.inference import prior as priors
from emorec.inference import usual_expression
from emorec.output import trust
from emorec.output.negative import most_negative
from emorec.output.tables import COLUMNS
from emorec.ui.minutes import minutes
from emorec.ui.overview import overview, parse_part, trust_lines
from emorec.ui.page.analysis import PAGE_ROWS, Analysis, cut_to_part, table_columns, table_rows
from support import factories
from support.factories import sure

GAP = np.full(7, np.nan)


def unsure(emotion):
    return np.where(np.array(EMOTIONS) == emotion, 0.22, 0.13)


def segments(html):
    """The coloured stretches of the ribbon: (left in percent, width in percent, kind, colour)."""
    found = re.findall(r'<i class="(\w+)" style="left:([\d.]+)%;width:([\d.]+)%;--c:(#\w+)">', html)
    return [(float(left), float(width), kind, colour) for kind, left, width, colour in found]


def test_the_ribbon_shows_each_run_of_an_emotion_unsure_ones_apart_and_gaps_blank():
    html = overview(factories.timeline([sure("sad"), sure("sad"), unsure("sad"), GAP, sure("happy")]))
    assert segments(html) == [
        (0.0, 40.0, "sure", COLOURS["sad"]),
        (40.0, 20.0, "unsure", COLOURS["sad"]),
        (80.0, 20.0, "sure", COLOURS["happy"]),
    ]


def test_the_heat_line_tells_pleasant_from_unpleasant_and_leaves_gaps_clear():
    gradient = re.search(
        r"linear-gradient\(([^\"]*)\)", overview(factories.timeline([sure("sad"), GAP, sure("happy")]))
    )
    unpleasant, clear, pleasant, _ = re.findall(r"rgb\((\d+) \d+ \d+ / ([\d.]+)\)|(transparent)", gradient[1])
    assert unpleasant[0] == "213" and float(unpleasant[1]) > 0.3
    assert float(clear[1]) == 0
    assert pleasant[0] == "0" and float(pleasant[1]) > 0.3


def test_the_address_names_a_recording_by_its_content_and_not_by_the_name_of_its_file():
    features = [replace(factories.observations(4.0), key=key * 32) for key in "aab"]
    tags = [Analysis(path=path, features=each).tag for path, each in zip(("x.mp4", "", "x.mp4"), features, strict=True)]
    assert tags[0] == tags[1] != tags[2] and re.fullmatch("[0-9a-f]{8}", tags[0])
    stored = factories.timeline([sure("sad")] * 3)  # without features: those of the library
    named = [Analysis(title=title, rows=stored).tag for title in ("one", "one", "other")]
    assert named[0] == named[1] != named[2]
    assert f'data-recording="{tags[0]}"' in overview(stored, None, tags[0])


def test_an_hour_stays_small_enough_to_be_sent_at_every_redraw():
    timeline = factories.timeline(factories.probabilities(36_000), step=0.1)
    assert len(overview(timeline)) < 250_000
    assert timeline.duration == 3600.0 and 'data-last="3600.000"' in overview(timeline)


def test_the_read_out_knows_what_every_second_says():
    nearly = np.where(np.array(EMOTIONS) == "sad", 0.3999, 0.6001 / 6)  # 40 % would be sure
    lent = np.array([1.0, 1.0, 1.0, 0.0])  # the last row itself shows no face
    of_rows = factories.timeline([sure("sad"), GAP, nearly, sure("sad")], row_face=lent)
    rows = re.search(r'data-rows="([^"]*)"', overview(of_rows))[1].split(";")
    sad = EMOTIONS.index("sad")
    assert rows[0].split(",")[:4] == ["1", str(sad), "94", "1"] and rows[0].split(",")[6] == "-1"
    assert rows[1].split(",")[:2] == ["2", "-1"]
    assert rows[2].split(",")[:4] == ["3", str(sad), "39", "0"]
    assert rows[3].split(",")[:4] == ["4", str(sad), "94", "2"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("10,20.5", (10.0, 20.5)),
        ("-5,20", (0.0, 20.0)),
        ("40,1e9", (40.0, 60.0)),
        ("0,60", None),
        ("20,10", None),
        ("nan,20", None),
        ("70,80", None),
        ("", None),
        ("a,b", None),
        ("1,2,3", None),
    ],
)
def test_a_part_is_within_the_recording_or_all_of_it(text, part):
    assert parse_part(text, factories.timeline(factories.probabilities(60))) == part
    assert parse_part(text, None) is None


def test_a_part_that_is_not_analysed_yet_is_all_of_what_is():
    timeline = replace(factories.timeline(factories.probabilities(20)), duration=60.0, complete=False)
    assert parse_part("30,40", timeline) is None and cut_to_part(timeline, "30,40", only=True) is timeline
    assert parse_part("19.5,40", timeline) == (19.5, 40.0) and len(cut_to_part(timeline, "19.5,40", only=True)) == 1
    assert 'data-until="20.000"' in overview(timeline)


def test_every_minute_has_a_row_with_its_means():
    timeline = factories.timeline([*[sure("sad")] * 60, *[sure("happy")] * 30, *[GAP] * 60])
    html = minutes(timeline)
    rows = re.findall(r"<tr (data-.*?)>", html)
    assert len(rows) == 3
    assert 'data-sad="0.9400"' in rows[0] and 'data-happy="0.9400"' in rows[1] and "data-sad" not in rows[2]
    assert float(re.search(r'data-valence="(-?[\d.]+)"', rows[0])[1]) < 0
    assert [" data-low" in row for row in rows] == [True, False, False] and 'data-none="No minute is' in html
    assert "The percentages are mean probabilities" in html
    assert html.count("no evidence") == 1 and 'data-from="60.000" data-to="120.000"' in html


def low(timeline):
    """Where the minutes begin that may be among the most negative."""
    rows = re.findall(r'<tr data-.*? data-low>.*?data-from="([\d.]+)"', minutes(timeline))
    return [float(begin) for begin in rows]


def test_a_rest_is_no_minute_unless_there_is_nothing_longer():
    rest = factories.timeline([*[sure("happy")] * 120, *[sure("sad")] * 2])
    assert low(rest) == most_negative(rest) == []  # as in the report
    assert low(factories.timeline([sure("sad")] * 50)) == [0.0]
    assert low(factories.timeline([sure("sad")] * 26, step=7.0)) == [0.0, 63.0, 126.0]
    assert low(factories.timeline([sure("sad")] * 11, step=10.0)) == [0.0]


def test_a_day_has_all_of_its_minutes(monkeypatch):
    day = factories.timeline(np.full((24 * 120, 7), 1 / 7), step=30.0)
    html = minutes(replace(day, start=day.start + 30.0, end=day.end + 30.0))  # as the part from 0:30 on
    assert html.count('data-minute="') == 24 * 60 + 1 and "The first" not in html
    monkeypatch.setattr("emorec.ui.minutes.MAX_MINUTES", 2)
    assert "<p>The first 2 of 3 minutes.</p>" in minutes(factories.timeline(factories.probabilities(121)))


def test_a_minute_shows_when_in_it_each_emotion_was_likely():
    html = minutes(factories.timeline([*[sure("sad")] * 30, *[GAP] * 15, *[sure("happy")] * 15]))
    cells = dict(zip(EMOTIONS, re.findall(r"<td style.*?</td>", html), strict=True))
    steps = {name: re.findall(r"V(\d+)H(\d+)", cell) for name, cell in cells.items()}
    assert [int(height) for height, _ in steps["sad"]] == [6] * 6 + [100] * 3 + [99] * 3
    assert [int(height) for height, _ in steps["happy"]] == [99] * 6 + [100] * 3 + [6] * 3
    assert [int(until) for _, until in steps["happy"]][-1] == 100 and not steps["angry"] and "svg" not in cells["fear"]


def test_the_line_about_trust_names_what_was_measured_and_what_is_unsure_here():
    names = {"korean, mixed": 0.5, "korean, mixed, all but neutral": 0.25, "ravdess, mixed, all but neutral": 0.2}
    names |= {"korean, mixed, all but neutral, everyday prior": 0.03}
    result = {"results": names, "out_of_domain": [name for name in names if name.startswith("korean")]}
    evaluation = {"speakers": {"what": "x", "metric": "recall", "items": 3, "spread": {}} | result}
    timeline = factories.timeline([sure("sad"), sure("sad"), unsure("sad"), unsure("sad")])
    timeline = replace(timeline, prior=priors.resolve("everyday"), row_speech=np.ones(4))
    words = trust.sentence(timeline, evaluation)
    assert "the program correctly names 3% of the acted emotions" in words  # what was measured under the prior in force
    assert "Under the everyday prior, 50% of this recording's evidence is unsure." in words
    even = trust.sentence(replace(timeline, prior=priors.resolve("even")), evaluation)
    assert "the program correctly names 25% of the acted emotions" in even and "prior decides" not in even
    # The shares count, whatever the prior is called.
    for name, given, share, under in (
        ("own", [1] * 7, 25, ""),
        ("lesson.json", [1, 1, 1, 1, 2, 1, 1], 3, ", under the everyday prior"),
        ("even", [1, 1, 1, 1, 2, 1, 1], 3, ", under the everyday prior"),
        ("own", priors.EVERYDAY, 3, ""),
        ("adaptive", np.add(priors.EVERYDAY, [0, 0.01, 0, 0.02, -0.02, 0, -0.01]), 3, ""),
        ("adaptive", [1, 1, 1, 1, 9, 1, 1], 3, ", under the everyday prior"),
    ):
        own = priors.Prior(name=name, shares=tuple(np.divide(given, sum(given)).tolist()))
        begin = f"Tested on people it never met{under}, the program correctly names {share}% of"
        assert trust.sentence(replace(timeline, prior=own), evaluation).startswith(begin)
    assert trust.sentence(replace(timeline, fusion="face"), evaluation).startswith(trust.UNMEASURED)
    silent = replace(timeline, row_speech=np.zeros(4))
    assert trust.sentence(silent, evaluation).startswith(trust.UNMEASURED)  # nothing of a voice that is not heard


def test_what_was_measured_on_own_data_is_not_called_untested():
    own = {"what": "folder: 75 items of 10 people, 5 emotions", "metric": "accuracy", "items": 75}
    timeline = replace(factories.timeline([sure("sad")] * 4), row_speech=np.ones(4), row_face=np.ones(4))
    for results, way, share in (
        ({"face": 0.75}, "from the face", "75%"),
        ({"voice": 0.5}, "from the voice", "50%"),
        ({"face": 0.75, "voice": 0.5, "late": 0.8}, "by late fusion", "80%"),
    ):
        evaluation = {"own-folder": own | {"results": results}}
        words = trust.sentence(timeline, evaluation)
        assert words.startswith("Measured by their owner on people they never met (folder: 75 items") and way in words
        assert f"correctly name {share}" in words and trust.UNMEASURED not in words
    assert trust.picture_sentence({"own-folder": own | {"results": {"face": 0.75}}}).startswith(
        "Measured by their owner"
    )
    evaluation = {"own-folder": own | {"results": {"face": 0.75}, "domain": "anna validated them."}}
    words = trust.sentence(timeline, evaluation)
    assert "on own data (folder" in words and "anna validated them." in words and "never met" not in words
    assert trust.sentence(replace(timeline, fusion="voice"), evaluation).startswith(trust.UNMEASURED)
    validation = {"validation-face": own | {"results": {"face": 0.75}}}
    assert trust.sentence(timeline, validation).startswith(trust.UNMEASURED)


def test_own_weights_are_not_said_to_be_measured_on_people_left_out():
    measured = {"what": "x", "metric": "accuracy", "items": 3, "results": {"face": 1.0}}
    assert trust.CHOSEN_ON in trust.panel({"validation-face": measured}, {})
    assert trust.LEFT_OUT in trust.panel({"web-faces": measured}, {})


def test_without_evidence_nothing_is_said_about_trust():
    """That the weights were not tested would be false: only this recording has nothing that their tests are about."""
    nothing = np.zeros(3)
    empty = replace(factories.timeline([np.full(7, np.nan)] * 3), row_face=nothing, row_speech=nothing)
    assert trust.sentence(empty, {}) == "" and trust_lines(empty, {}) == ""


def test_the_line_about_trust_says_what_only_the_prior_makes_sure():
    """Neutral is likely because most of what people say is; the evidence alone would leave it open."""
    everyday = priors.resolve("everyday")
    open_, clear = (np.log(row) for row in (np.full(7, 1 / 7), sure("neutral")))
    rows = priors.posterior(np.array([open_, open_, open_, clear]), everyday.log)
    timeline = replace(factories.timeline(rows), prior=everyday)
    assert timeline.sure.all() and timeline.by_prior.tolist() == [True, True, True, False]
    assert "For 75% of it the prior decides" in trust.sentence(timeline, {})
    assert not replace(timeline, prior=priors.resolve("even")).by_prior.any()


def test_notes_that_are_shown_nowhere_else_stand_below_the_line_about_trust():
    taken = f"Of person 0 {usual_expression.PHRASE}."
    timeline = replace(factories.timeline([sure("sad")]), notes=("The picture never moves.", "Voices differ.", taken))
    html = trust_lines(timeline, {}, ["The picture never moves."])
    assert "Voices differ." in html and "never moves" not in html and usual_expression.PHRASE not in html
    assert trust_lines(timeline, None).count("<p") == 2 and trust.UNMEASURED not in trust_lines(timeline, None)


def test_all_rows_are_on_some_page():
    timeline = factories.timeline(factories.probabilities(2 * PAGE_ROWS + 1), step=0.1)
    pages = [table_rows(timeline, page) for page in (1, 2, 3)]
    assert [len(rows) for rows, _ in pages] == [PAGE_ROWS, PAGE_ROWS, 1] and {count for _, count in pages} == {3}
    starts = [row[0] for rows, _ in pages for row in rows]
    assert starts == sorted(starts) and starts[0] == "00:00.0" and starts[-1] == "01:40.0"
    assert table_rows(timeline, 99)[0] == pages[2][0]


def test_a_row_is_named_by_a_time_that_is_in_it():
    timeline = factories.timeline(factories.probabilities(4), step=0.25)
    assert [row[0] for row in table_rows(timeline, 1)[0]] == ["00:00.00", "00:00.25", "00:00.50", "00:00.75"]
    cut = replace(timeline, start=timeline.start + 3600.03, end=timeline.end + 3600.03)
    assert [row[0] for row in table_rows(cut, 1)[0]][:2] == ["1:00:00.03", "1:00:00.28"]
    thirds = factories.timeline(factories.probabilities(3), step=1 / 3)
    assert [row[0] for row in table_rows(thirds, 1)[0]] == ["00:00.00", "00:00.34", "00:00.67"]
    whole = replace(timeline, start=np.arange(4.0), end=np.array([1, 2, 3, 3.69]))
    assert [row[0] for row in table_rows(whole, 1)[0]] == ["00:00.0", "00:01.0", "00:02.0", "00:03.0"]


@pytest.mark.parametrize("person", [-1, 0])
def test_the_table_of_all_rows_begins_with_what_is_read_most_and_has_persons_only_where_there_are_some(person):
    timeline = factories.timeline([sure("sad"), GAP, sure("happy")])
    timeline = replace(timeline, person=np.array([-1, -1, person]))
    names, (rows, _) = table_columns(timeline), table_rows(timeline, 1)
    assert names[:3] == ["start", "dominant", "confidence"] and rows[2][:3] == ["00:02.0", "happy", 0.94]
    assert rows[2][names.index("end")] == "00:03.0" and rows[2][names.index("sad")] == 0.01
    nobody = person < 0
    assert ("person" in names, "name" in names) == (not nobody, not nobody)
    assert len(names) == len(set(names)) == len(COLUMNS) - 2 * nobody


def test_of_many_times_below_the_ribbon_the_style_sheet_is_told():
    few, many = (overview(factories.timeline(factories.probabilities(seconds))) for seconds in (11, 48))
    assert 'class="times"' in few and 'class="times many"' in many
