"""Every format read back by a parser that is not ours, to the same numbers."""

import csv
import dataclasses
import io
import json
import mimetypes
import re
import warnings
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema
import numpy as np
import openpyxl
import pandas as pd
import pympi
import pytest
import webvtt
from praatio import textgrid
from pyarrow import parquet
from rttm_manager.service.importer import RTTMImporter

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError, install_command
from emorec.extraction.spoken import OFF_SCREEN, UNSURE
from emorec.inference.timeline import infer
from emorec.inference.turns import Turn, turns
from emorec.output import columns, formats, subtitles, tables, tiers
from emorec.output.text import plain
from emorec.timeline import Timeline
from support import factories
from support.paths import ROOT

ODD = 'Anna "Ä" <b> & O\'Neil 映 \x00\n\u2028🎬'
NAMES = {0: ODD, 1: "=1+1", 4: "=1+1"}
ODD_SHOWN = 'Anna "Ä" <b> & O\'Neil 映 🎬'
SCHEMA = json.loads((ROOT / "docs" / "timeline.schema.json").read_text(encoding="utf-8"))
# What a system may know about the endings of files.
GUESSED = {"a.ts": ("text/x-qt", None), "a.mov": ("video/a", None), "a.WAV": ("audio/vnd.wave", None)}
EMOTIONML = "{http://www.w3.org/2009/10/emotionml}"


def one(rows=12, step=1.0, seed=0, gaps=(3, 4), **columns):
    """A timeline with gaps, whose last row is shorter than the others, and a voice in some rows."""
    probabilities = factories.probabilities(rows, seed)
    made = factories.timeline(
        factories.with_gaps(probabilities, *gaps),
        step,
        face=factories.with_gaps(factories.probabilities(rows, seed + 1), *gaps),
        voice=factories.with_gaps(factories.probabilities(rows, seed + 2), *range(rows // 2)),
        disagreement=np.where(np.arange(rows) % 2, 0.25, np.nan),
        unsure_below=0.35,
        **columns,
    )
    if not rows:
        return made
    end = np.append(made.end[:-1], made.end[-1] - 0.3337 * step)
    return dataclasses.replace(made, end=end, duration=float(end[-1]))


def people():
    """Three persons with odd names, two of which have the same name, and their mean."""
    each = [
        dataclasses.replace(
            one(seed=number, person=np.full(12, number)), name=name, names=NAMES, choices={"person": number}
        )
        for number, name in NAMES.items()
    ]
    spoken = (Turn(0.5, 2.0, 0, 0.9), Turn(2.0, 3.5, OFF_SCREEN, 0.5), Turn(4.0, 4.256, UNSURE), Turn(5, 6, 4, 1.0))
    mean = one(seed=9, gaps=(), person=np.full(12, -1))
    return dataclasses.replace(mean, people=tuple(each), turns=spoken, names=NAMES, choices={"person": "all"})


CASES = {
    "one": one(),
    "nothing known": one(gaps=range(12)),
    "no rows": one(0, gaps=()),
    "an odd name": dataclasses.replace(one(media={"name": f"folder/{ODD}.mp4"}), name=ODD, names={0: ODD}),
    "two hours": one(1440, 5.0, seed=5),
    "short steps": one(301, 0.1, seed=6),
    "people": people(),
}


@pytest.fixture(params=CASES)
def timeline(request):
    return Timeline.of(CASES[request.param])


def written(timeline, name, folder):
    path = folder / f"a b{formats.FORMATS[name].suffix}"
    timeline.save(path)
    assert [file.name for file in folder.iterdir()] == [path.name]
    return path


def equal(values, expected, digits=6):
    """Whether columns hold the same, with None and NaN as unknown."""
    values = pd.Series(list(values), dtype=object).where(lambda column: column.notna(), None)
    expected = pd.Series(list(expected), dtype=object).where(lambda column: column.notna(), None)
    assert values.isna().tolist() == expected.isna().tolist()
    values, expected = values.dropna().tolist(), expected.dropna().tolist()
    if expected and isinstance(expected[0], float):
        assert values == pytest.approx(expected, abs=0.51 * 10**-digits)
    else:
        assert values == expected


def check_table(frame, timeline, digits=6, names=None):
    """Whether a pandas frame has the columns of a timeline."""
    found = columns.columns(timeline)
    found["person"] = [int(person) if person >= 0 else None for person in found["person"]]
    assert len(frame) == len(found["start"])
    for name in frame.columns:
        expected = [*map(names, found[name])] if name == "name" and names else list(found[name])
        equal(frame[name], [value.item() if isinstance(value, np.generic) else value for value in expected], digits)


def apostrophe(name):
    return f"'{name}" if name and name.startswith("=") else name


@pytest.mark.parametrize(
    ("name", "locale", "options"),
    [
        ("csv", "en", {}),
        ("csv", "de", {"sep": ";", "decimal": ","}),
        ("tsv", "en", {"sep": "\t"}),
        ("tsv", "de", {"sep": "\t", "decimal": ","}),
    ],
)
def test_tables_are_read_by_pandas(timeline, name, locale, options, tmp_path):
    path = tmp_path / "a.txt"
    formats.FORMATS[name].write(timeline, path, locale)
    kinds = {"name": object, "dominant": object}
    frame = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=[""], **options)
    check_table(frame, timeline, names=apostrophe)
    assert tuple(frame.columns) == tables.COLUMNS
    assert path.read_text(encoding="utf-8") == getattr(timeline, f"to_{name}")(locale=locale)


def test_a_spreadsheet_of_another_country_knows_the_letters_and_calculates_no_name():
    text = Timeline.of(CASES["people"]).to_csv(locale="de")
    assert text.startswith("\ufeffstart;end;") and "'=1+1" in text and "\n=" not in text and ";=" not in text
    cells = next(csv.reader(io.StringIO(text.split("\n", 1)[1]), delimiter=";"))
    assert cells[:3] == ["0,0", "1,0", "0"] and "." not in "".join(cells[:-1])


def test_an_unknown_locale_is_one_sentence():
    with pytest.raises(EmorecError, match=r"^The locale 'fr' does not exist; choose from en, de\.$"):
        Timeline.of(CASES["one"]).to_csv(locale="fr")


def test_json_follows_its_schema_and_the_schema_knows_every_key(timeline):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    read = json.loads(timeline.to_json())
    jsonschema.validate(read, SCHEMA)
    jsonschema.validate(read, closed(SCHEMA))
    assert [row["name"] for row in read["rows"]] == [row["name"] for row in tables.table(timeline)]
    equal([row["confidence"] for row in read["rows"]], list(columns.columns(timeline)["confidence"]))
    equal([row["start"] for row in read["rows"]], list(columns.columns(timeline)["start"]))
    voices = [row["voice"]["sad"] if row["voice"] else None for row in read["rows"]]
    equal(voices, list(columns.columns(timeline)["voice_sad"]))
    if timeline.people:
        assert [person["name"] for person in read["people"]] == [person.name for person in timeline.people]
        equal([row["confidence"] for row in read["mean_rows"]], timeline.confidence.tolist())


def closed(schema):
    """The schema without keys that it does not name; "media" and "choices" may have any."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(part) for key, part in schema.items()}
    return found | ({"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda read: read["rows"][0].update(confidence=1.5),
        lambda read: read["rows"][0]["probabilities"].pop("sad"),
        lambda read: read["rows"][0].update(dominant="joy"),
        lambda read: read.pop("schema"),
        lambda read: read.update(people=[]),
        lambda read: read.update(schema=2),
        lambda read: read["summary"].update(valence="high"),
    ],
)
def test_the_schema_refuses_what_is_wrong(spoil):
    read = json.loads(Timeline.of(CASES["one"]).to_json())
    spoil(read)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read, SCHEMA)


def test_parquet_is_read_by_pyarrow(timeline, tmp_path):
    table = parquet.read_table(written(timeline, "parquet", tmp_path))
    check_table(pd.DataFrame(table.to_pydict(), dtype=object), timeline, digits=12)
    assert table.column_names == list(timeline.to_dataframe().columns)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["start"], types["person"], types["sure"], types["name"]) == ("double", "int32", "bool", "string")
    facts = json.loads(table.schema.metadata[b"emorec"])
    assert facts["choices"] == tables.choices(timeline) and facts["media"] == timeline.media


def sheets(timeline, folder):
    """{name of a sheet: its rows of cells} of the workbook of a timeline."""
    book = openpyxl.load_workbook(written(timeline, "xlsx", folder))
    return {sheet.title: list(sheet.iter_rows()) for sheet in book}


def test_a_workbook_is_read_by_openpyxl(timeline, tmp_path):
    found = sheets(timeline, tmp_path)
    assert list(found) == ["windows", "people", "highlights", "choices"]
    values = {name: [[cell.value for cell in row] for row in rows] for name, rows in found.items()}
    header, *rows = values["windows"]
    check_table(pd.DataFrame(rows, columns=header, dtype=object), timeline)
    header, *rows = values["people"]
    each = [*timeline.people, timeline] if timeline.people else [timeline]
    for row, person in zip(rows[-len(each) :], each, strict=True):
        kept = dict(zip(header, row, strict=True))
        summary = tables.summary_values(person)
        shares = summary.pop("dominant_shares")
        values_of = {"person": kept["person"], "name": kept["name"], **dict.fromkeys(EMOTIONS), **shares, **summary}
        assert kept == values_of | {"counted": "all rows"}
    assert len(values["highlights"]) - 1 == sum(len(person.highlights()) for person in timeline.people or [timeline])
    kept = dict(values["choices"])
    assert kept["media.name"] == plain(timeline.media["name"]) and kept["duration"] == pytest.approx(timeline.duration)


def test_a_person_whose_voice_alone_is_read_keeps_the_number(tmp_path):
    """A row without a number is about the whole recording."""
    times = factories.frame_times(6.0)
    both = factories.seen(np.repeat(times, 2), np.tile([0, 1], len(times)))
    features = factories.observations(6.0, both, factories.heard(np.ones(factories.hops(6.0))))
    features.__dict__["names"] = {0: "Anna", 1: "Eva"}
    made = infer(features, factories.checkpoint(), "voice", person=1)
    assert made.name == "Eva" and (made.person < 0).all()
    header, row = ([cell.value for cell in row] for row in sheets(Timeline.of(made), tmp_path)["people"])
    assert (header[:2], row[:2]) == (["person", "name"], [1, "Eva"])


def test_a_workbook_tells_the_persons_apart_whom_one_timeline_shows(tmp_path):
    """Whoever is visible: nobody, then person 0, then person 4, then person 0 again; person 1 is in no row."""
    sure = np.full((40, 7), 0.01)
    sure[:, EMOTIONS.index("happy")] = 0.94
    sure[20:30] = np.roll(sure[20:30], 1, axis=1)
    shown = np.repeat([-1, 0, 4, 0], 10)
    made = factories.timeline(sure, person=shown, names={4: "Änna", 0: "person 0", 1: "person 1"})
    found = sheets(Timeline.of(made), tmp_path)
    header, *rows = ([cell.value for cell in row] for row in found["people"])
    kept = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["person"], row["name"], row["known_share"]) for row in kept] == [
        (4, "Änna", 0.25),
        (0, "person 0", 0.5),
        (1, "person 1", 0),
        (None, "whoever is visible", 1),
    ]
    assert [row["counted"] for row in kept] == ["only rows that show this person"] * 3 + ["all rows"]
    assert kept[0]["happy"] == 0 and kept[1]["happy"] == 1 and kept[2]["happy"] is None and kept[3]["happy"] == 0.75
    header, *rows = ([cell.value for cell in row] for row in found["highlights"])
    kept = [dict(zip(header, row, strict=True)) for row in rows]
    names = {0: "person 0", 4: "Änna", None: None}
    assert {(row["start"], row["person"]) for row in kept} >= {(0, None), (20, 4), (30, 0)}
    assert all(row["name"] == names[row["person"]] and row["reason"] for row in kept)


def test_a_name_like_a_formula_stays_a_text(tmp_path):
    found = sheets(Timeline.of(CASES["people"]), tmp_path)
    cells = [cell for rows in found.values() for row in rows for cell in row if isinstance(cell.value, str)]
    assert {cell.data_type for cell in cells} == {"s"} and {"=1+1", ODD_SHOWN, "mean of all"} <= {
        cell.value for cell in cells
    }


def test_columns_of_a_workbook_show_their_cells_whole(tmp_path):
    made = Timeline.of(dataclasses.replace(CASES["people"], notes=("A long note. " * 20,)))
    book = openpyxl.load_workbook(written(made, "xlsx", tmp_path))
    for sheet in book:
        for column in sheet.iter_cols():
            width = sheet.column_dimensions[column[0].column_letter].width
            needed = [9 if isinstance(cell.value, float | bool) else len(str(cell.value or "")) for cell in column]
            assert min(max(needed), 60) <= width <= 60
    assert {sheet.title for sheet in book if sheet.column_dimensions["B"].width == 60} == {"choices"}


def test_true_and_false_in_a_workbook_are_shown_as_words(tmp_path):
    """LibreOffice shows them as 1 and 0 without a format of their own."""
    cells = [cell for rows in sheets(Timeline.of(CASES["one"]), tmp_path).values() for row in rows for cell in row]
    formats_of = {kind: {cell.number_format for cell in cells if type(cell.value) is kind} for kind in (bool, float)}
    assert formats_of == {bool: {'"TRUE";"TRUE";"FALSE"'}, float: {"General"}}


def test_a_workbook_that_excel_could_not_open_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("emorec.output.workbook.MAX_ROWS", 35)
    with pytest.raises(EmorecError, match="at most 35 rows and this result has 36; choose a longer step or CSV"):
        Timeline.of(CASES["people"]).to_xlsx(tmp_path / "a.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("spoken", "mark"), [(5, "?"), (7, "")])
def test_a_cue_is_unsure_if_most_of_its_evidence_is_from_before(spoken, mark):
    rows = np.tile(np.where(np.arange(7) == EMOTIONS.index("happy"), 0.7, 0.05), (13, 1))
    speech = (np.arange(13) < spoken).astype(float)
    text = subtitles.srt_text(factories.timeline(rows, row_face=np.zeros(13), row_speech=speech))
    assert text.count("-->") == 1 and f"happy{mark} 70%" in text


def cue_texts(timeline):
    """[(start, end, text)] that subtitles should have."""
    found = []
    for person in timeline.people or (timeline,):
        name = f"{plain(person.name)}: " if person.name else ""
        for run in tiers.runs(person):
            unsure = run.confidence < person.unsure_below or run.sure < 0.5
            share = int(100 * run.confidence) if unsure else round(100 * run.confidence)
            found.append((run.start, run.end, name, f"{run.emotion}{'?' if unsure else ''} {share}%"))
    return sorted(found, key=lambda cue: cue[0])


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_read_by_webvtt(timeline, form, tmp_path):
    path = written(timeline, form, tmp_path)
    if form == "srt" and not cue_texts(timeline):
        assert path.read_bytes() == b""  # webvtt-py takes a file without cues for no SRT
        return
    read = (webvtt.from_srt if form == "srt" else webvtt.read)(path)
    for cue, (start, end, name, text) in zip(read.captions, cue_texts(timeline), strict=True):
        assert seconds(cue.start) == pytest.approx(start, abs=6e-4) and seconds(cue.end) == pytest.approx(end, abs=6e-4)
        raw = cue.raw_text if form == "vtt" else cue.text
        assert raw.endswith(text)
        if form == "vtt":
            shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            assert raw.startswith(shown) and "<" not in raw


def seconds(clock):
    hours, minutes, rest = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_elan_is_read_by_pympi(timeline, tmp_path):
    path = written(timeline, "eaf", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pympi warns of a version that it does not know
        read = pympi.Elan.Eaf(path)
    expected = tiers.tiers(timeline)
    names = [name for tier in expected for name in (tier.name, f"{tier.name} confidence")]
    assert list(read.get_tier_names()) == names and len(names) == 6 * max(len(timeline.people), 1)
    for tier in expected:
        labels = sorted(read.get_annotation_data_for_tier(tier.name))
        assert [label for *_, label in labels] == [run.emotion for run in tier.runs]
        assert [start for start, *_ in labels] == pytest.approx([run.start * 1000 for run in tier.runs], abs=0.51)
        assert [end for _, end, _ in labels] == pytest.approx([run.end * 1000 for run in tier.runs], abs=0.51)
        children = sorted(read.get_ref_annotation_data_for_tier(f"{tier.name} confidence"))
        assert [(start, end, parent) for start, end, _, parent in children] == labels
        equal([float(value) for _, _, value, _ in children], [run.confidence for run in tier.runs], digits=4)
        assert read.get_parameters_for_tier(tier.name).get("PARTICIPANT", "") == tier.person
        assert read.get_parameters_for_tier(f"{tier.name} confidence")["PARENT_REF"] == tier.name
    entries = read.controlled_vocabularies["emotion"][1]
    assert [values[0][0] for values, _ in entries.values()] == list(EMOTIONS)


def test_elan_finds_the_recording_beside_the_document():
    root = ElementTree.fromstring(Timeline.of(CASES["an odd name"]).to_eaf())
    (media,) = root.iter("MEDIA_DESCRIPTOR")
    assert unquote(media.get("RELATIVE_MEDIA_URL")) == f"./{ODD_SHOWN}.mp4"
    assert media.get("RELATIVE_MEDIA_URL").isascii()
    assert media.get("MIME_TYPE") == "video/mp4"


@pytest.mark.parametrize(
    ("name", "has_video", "kind"),
    [("a.WAV", False, "audio/x-wav"), ("a.ts", True, "video/*"), ("a.y", False, "audio/*"), ("a.mov", True, "video/a")],
)
def test_elan_is_told_that_a_recording_is_video_or_sound_whatever_the_system_knows(name, has_video, kind, monkeypatch):
    monkeypatch.setattr(mimetypes, "guess_type", lambda name: GUESSED.get(name, (None, None)))
    made = Timeline.of(dataclasses.replace(CASES["one"], media={"name": name, "has_video": has_video}))
    (media,) = ElementTree.fromstring(made.to_eaf()).iter("MEDIA_DESCRIPTOR")
    assert media.get("MIME_TYPE") == kind


def test_a_textgrid_is_read_by_praatio(timeline, tmp_path):
    read = textgrid.openTextgrid(str(written(timeline, "textgrid", tmp_path)), includeEmptyIntervals=True)
    expected = tiers.tiers(timeline)
    assert list(read.tierNames) == [tier.name for tier in expected] + [f"{tier.name} confidence" for tier in expected]
    until = max(timeline.duration, 0.001)
    assert (read.minTimestamp, read.maxTimestamp) == (0, pytest.approx(until, abs=1e-6))
    for tier in expected:
        for name, label in ((tier.name, "emotion"), (f"{tier.name} confidence", "shown_confidence")):
            intervals = read.getTier(name).entries
            edges = [0.0, *(interval.end for interval in intervals)]
            assert [interval.start for interval in intervals] == edges[:-1]  # without a hole, as Praat asks for
            kept = [interval for interval in intervals if interval.label]
            assert [interval.label for interval in kept] == [getattr(run, label) for run in tier.runs]
            equal([interval.start for interval in kept], [run.start for run in tier.runs])
            equal([interval.end for interval in kept], [run.end for run in tier.runs])


def test_audacity_labels_are_read_as_tabs(timeline, tmp_path):
    path = written(timeline, "audacity", tmp_path)
    with path.open(encoding="utf-8", newline="") as lines:
        read = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert all(len(line) == 3 for line in read)
    expected = [
        (run.start, run.end, f"{plain(person.name)}: " if person.name else "", run)
        for person in timeline.people or (timeline,)
        for run in tiers.runs(person)
    ]
    expected.sort(key=lambda label: label[0])
    equal([float(line[0]) for line in read], [label[0] for label in expected])
    equal([float(line[1]) for line in read], [label[1] for label in expected])
    labels = [line[2].rsplit(" ", 1) for line in read]
    assert [label for label, _ in labels] == [f"{name}{run.emotion}" for *_, name, run in expected]
    equal([float(number) for _, number in labels], [run.confidence for *_, run in expected], digits=4)


def test_rttm_is_read_by_rttm_manager(tmp_path):
    timeline = Timeline.of(CASES["people"])
    read = RTTMImporter.rttm_import(str(written(timeline, "rttm", tmp_path)))
    speakers = [ODD_SHOWN.replace(" ", "_"), "off_screen", "unknown", "=1+1"]
    assert [line.speaker_name for line in read] == speakers
    assert [(line.turn_onset, line.turn_duration) for line in read] == [(0.5, 1.5), (2.0, 1.5), (4.0, 0.256), (5, 1)]
    assert [line.confidence_score for line in read] == [0.9, 0.5, None, 1.0]
    assert {(line.type, line.file_id, line.channel_id) for line in read} == {("SPEAKER", "made", 1)}


def test_turns_are_runs_of_speech_of_one_person():
    speech = np.array([0, 1, 1, 1, 0, 0, 1, 1, 1, 1], np.float32)
    heard = factories.heard(speech)
    hop = factories.HOP_SECONDS
    found = turns(factories.observations(2.5, heard))
    assert [(turn.start, turn.end) for turn in found] == [pytest.approx((hop, 4 * hop)), pytest.approx((6 * hop, 2.5))]
    assert {(turn.person, turn.probability) for turn in found} == {(UNSURE, None)}
    assert turns(factories.observations(2.5, heard, start=0.3))[0].start == 0.3
    person = np.array([0, 0, 0, 1, 1, 1, 1, OFF_SCREEN, OFF_SCREEN, 1])
    known = {"voice_person": person, "voice_person_probability": np.arange(10) / 10}
    features = factories.observations(2.5, heard | known)
    features = dataclasses.replace(features, empty=features.empty | {name: known[name][:0] for name in known})
    found = turns(features)
    assert [turn.person for turn in found] == [0, 1, 1, OFF_SCREEN, 1]
    assert [turn.probability for turn in found] == pytest.approx([0.15, 0.3, 0.6, 0.75, 0.9])
    assert turns(factories.observations(2.0)) == ()


def test_emotionml_is_wellformed_and_keeps_the_rules_of_the_recommendation(timeline, tmp_path):
    root = ElementTree.parse(written(timeline, "emotionml", tmp_path)).getroot()
    assert root.tag == f"{EMOTIONML}emotionml" and root.get("version") == "1.0"
    vocabularies = {
        f"#{found.get('id')}": [item.get("name") for item in found] for found in root.iter(f"{EMOTIONML}vocabulary")
    }
    assert vocabularies[root.get("category-set")] == list(EMOTIONS)
    assert vocabularies[root.get("dimension-set")] == ["valence", "arousal"]
    expected = [(tier, run) for tier in tiers.tiers(timeline) for run in tier.runs]
    emotions = root.findall(f"{EMOTIONML}emotion")
    for emotion, (tier, run) in zip(emotions, expected, strict=True):
        start, length = int(emotion.get("offset-to-start")), int(emotion.get("duration"))
        assert start == pytest.approx(run.start * 1000, abs=0.51)
        assert start + length == pytest.approx(run.end * 1000, abs=0.51)
        assert emotion.get("time-ref-uri") and emotion.get("start") is None
        assert emotion.get("expressed-through") == {"emotion": "face voice"}.get(tier.modality, tier.modality)
        (track,) = emotion.find(f"{EMOTIONML}info")
        assert (track.tag, track.get("name", ""), track.get("modality")) == (
            "{urn:emorec}track",
            tier.person,
            tier.modality,
        )
        category = emotion.find(f"{EMOTIONML}category")
        assert category.get("name") == run.emotion
        assert float(category.get("confidence")) == pytest.approx(run.confidence, abs=6e-5)
        values = [float(dimension.get("value")) for dimension in emotion.findall(f"{EMOTIONML}dimension")]
        assert values == pytest.approx([(run.valence + 1) / 2, (run.arousal + 1) / 2], abs=1e-6)
        assert (
            emotion.find(f"{EMOTIONML}reference")
            .get("uri")
            .endswith(f"#t={start / 1000:.3f},{(start + length) / 1000:.3f}")
        )


def test_tiers_have_names_of_their_own_and_leave_out_gaps():
    found = tiers.tiers(CASES["people"])
    assert [tier.name for tier in found][:4] == [f"{ODD_SHOWN} {name}" for name in tiers.MODALITIES] + ["=1+1 emotion"]
    assert found[6].name == "=1+1 emotion 2" and len({tier.name for tier in found}) == 9
    rows = np.eye(7)[[3, 3, 0, 0, 0, 3]]
    made = factories.timeline(factories.with_gaps(rows, 3), step=2.0, evidence=np.array([1, 0.5, 1, 0, 1, 1.0]))
    runs = tiers.runs(made)
    assert [(run.start, run.end, run.emotion) for run in runs] == [
        (0, 4, "happy"),
        (4, 6, "angry"),
        (8, 10, "angry"),
        (10, 12, "happy"),
    ]
    assert runs[0].confidence == pytest.approx(1 - 0.25 * 6 / 7)
    assert tiers.runs(made, "face")[0].confidence == 1 and tiers.runs(made, "voice") == []


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("csv", ["csv"]),
        (["csv", "EAF"], ["csv", "eaf"]),
        (" EAF, textgrid ,eaf", ["eaf", "textgrid"]),
        ("srt,all", list(formats.FORMATS)),
    ],
)
def test_formats_are_chosen_by_name(given, names):
    assert formats.parse_names(given) == (names, "")


@pytest.mark.parametrize("given", ["docx", "csv,docx", "", ","])
def test_an_unknown_format_is_answered_with_the_known_ones(given):
    known = ", ".join(formats.FORMATS)
    with pytest.raises(EmorecError, match=rf"^The format '.*' does not exist; choose from {known}, all\.$"):
        formats.parse_names(given)


@pytest.mark.parametrize(("package", "name"), [("pyarrow", "parquet"), ("openpyxl", "xlsx")])
def test_a_format_whose_package_is_missing_is_one_sentence_and_left_out_of_all(package, name, monkeypatch, tmp_path):
    for place in ("emorec.errors.find_spec", "emorec.output.formats.find_spec"):
        monkeypatch.setattr(place, lambda given: None if given == package else object())
    sentence = rf"\({package}\): run {re.escape(install_command('exports'))}\.$"
    with pytest.raises(EmorecError, match=sentence):
        formats.parse_names(name)
    with pytest.raises(EmorecError, match=sentence):
        Timeline.of(CASES["one"]).save(tmp_path / f"a.{name}")
    names, notice = formats.parse_names("all")
    assert names == [known for known in formats.FORMATS if known != name]
    assert notice.startswith(f"{name} was left out") and install_command("exports") in notice
    assert list(tmp_path.iterdir()) == []
    for place in ("emorec.errors.find_spec", "emorec.output.formats.find_spec"):
        monkeypatch.setattr(place, lambda given: None)
    assert formats.parse_names("all")[1].startswith("parquet and xlsx were left out, for which packages are missing")


def test_saving_takes_the_format_from_the_ending_or_the_name(tmp_path):
    timeline = Timeline.of(CASES["one"])
    for name, form in formats.FORMATS.items():
        assert formats.find_format(tmp_path / f"A.b{form.suffix.upper()}") is form
        assert formats.find_format(tmp_path / "A", name.upper()) is form
    timeline.save(str(tmp_path / "a.TXT"), "textgrid")
    assert (tmp_path / "a.TXT").read_text(encoding="utf-8") == timeline.to_textgrid()
    with pytest.raises(EmorecError, match=r"^a\.txt does not end as a result of emorec does \(\.csv, .*\.emotionml\)"):
        timeline.save(tmp_path / "a.txt")
    with pytest.raises(EmorecError, match=r"^The format 'docx' does not exist; choose from csv, .*, emotionml\.$"):
        timeline.save(tmp_path / "a.csv", "docx")


@pytest.mark.parametrize("name", formats.FORMATS)
def test_every_format_has_a_method_and_is_described(name, tmp_path):
    timeline = Timeline.of(CASES["people"])
    timeline.save(tmp_path / "a", name)
    getattr(timeline, f"to_{name}")(tmp_path / "b")
    assert (tmp_path / "b").stat().st_size == pytest.approx((tmp_path / "a").stat().st_size, abs=40)
    assert f"`{name}`" in (ROOT / "docs" / "SCHEMA.md").read_text(encoding="utf-8")
    assert f"`{formats.FORMATS[name].suffix}`" in (ROOT / "docs" / "SCHEMA.md").read_text(encoding="utf-8")
