"""Annotations are read from the files of other programs; their own libraries write the files."""

import sys

import pympi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid

from emorec import EmorecError, annotation
from emorec.annotation import Annotation
from emorec.annotation.times import parse_seconds
from emorec.emotions import EMOTIONS
from support import factories


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_table_with_a_header_is_read_whatever_its_delimiter_and_order(tmp_path):
    expected = [Annotation(0.5, 2.0, "happy", "", "1"), Annotation(75.25, 80.0, "sad", "", "")]
    texts = {
        "a.csv": 'start,end,label,person\n0.5,2,happy,1\n1:15.25,80,"sad",\n',
        "b.csv": "person;label;end;start\n1;happy;2;0,5\n;sad;80;1:15,25\n",
        "c.tsv": "onset\tduration\ttrial_type\tperson\n75.25\t4.75\tsad\t\n0.5\t1.5\thappy\t1\n",
        "d.txt": "\ufeffStart\tEnd\tEmotion\tSpeaker\n0.5\t2\thappy\t1\n0:01:15.25\t0:01:20\tsad\t\n",
    }
    for name, text in texts.items():
        assert annotation.read(written(tmp_path, name, text)) == expected, name


BORIS = "Observation id\tMedia duration (s)\tcondition\tSubject\tBehavior\tModifier #1\tBehavior type\t"


def boris(times, *rows, person="Anna"):
    """An export of BORIS: of each row the observation, the behaviour, its modifier, its type and its times."""
    lines = ["\t".join((seen, "120.000", "loud", person, *event)) for seen, *event in rows]
    return "\n".join([BORIS + times, *lines, ""])


def test_events_of_boris_are_labels_of_their_subjects(tmp_path):
    aggregated = boris(
        "Start (s)\tStop (s)\tDuration (s)",
        ("talk", "happy", "", "STATE", "1.5", "4.25", "2.75"),
        ("talk", "nods", "", "POINT", "5.0", "5.0", "NA"),
    )
    expected = [Annotation(1.5, 4.25, "happy", "", "Anna"), Annotation(5.0, 5.0, "nods", "", "Anna")]
    assert annotation.read(written(tmp_path, "a.tsv", aggregated)) == expected
    tabular = boris(
        "Time",
        ("talk", "happy", "strong", "START", "1.5"),
        ("talk", "happy", "weak", "START", "2.0"),
        ("talk", "happy", "strong", "STOP", "4.25"),
        ("talk", "nods", "", "POINT", "5.0"),
        ("talk", "happy", "weak", "STOP", "6.0"),
        person="No focal subject",
    )
    found = annotation.read(written(tmp_path, "b.tsv", tabular))
    assert found == [Annotation(1.5, 4.25, "happy"), Annotation(2.0, 6.0, "happy"), Annotation(5.0, 5.0, "nods")]


@pytest.mark.parametrize(
    "times, rows, reason",
    [
        ("Time", [("a", "happy", "", "POINT", "1"), ("b", "sad", "", "POINT", "1")], "it holds 2 observations"),
        ("Time", [("a", "happy", "", "STOP", "1")], "line 2 ends 'happy', which has not begun"),
        ("Time", [("a", "happy", "", "START", "1")], "'happy' begins on line 2 and does not end"),
        (
            "Time",
            [("a", "happy", "", "START", "1"), ("a", "happy", "", "START", "2")],
            "'happy' begins on line 2 and does",
        ),
        ("Time", [("a", "happy", "", "START", "2"), ("a", "happy", "", "STOP", "1")], "line 3 ends before it begins"),
        ("Time", [("a", "happy", "", "POINT", "NA")], "line 2 has no time in the column 'time'"),
        ("Time", [("a",)], "line 2 has no time in the column 'time'"),
        ("Start (s)\tStop (s)", [("a", "happy", "", "STATE", "3", "1")], "line 2 ends before it begins"),
    ],
)
def test_an_export_of_boris_that_cannot_be_read_says_why(tmp_path, times, rows, reason):
    with pytest.raises(EmorecError, match=reason):
        annotation.read(written(tmp_path, "a.tsv", boris(times, *rows)))


def test_the_labels_of_a_result_are_its_emotions_and_those_of_other_tables_are_not(tmp_path):
    shares = ",0" * len(EMOTIONS)
    result = f"start,end,{','.join(EMOTIONS)},dominant,person,name\n0,1{shares},sad,1,Anna\n"
    assert annotation.read(written(tmp_path, "a.csv", result)) == [Annotation(0.0, 1.0, "sad", "", "1")]
    others = "start,end,text,dominant\n0,1,happy,left\n", "start,end,dominant,name\n0,1,yes,happy\n"
    for text in others:
        assert annotation.read(written(tmp_path, "b.csv", text)) == [Annotation(0.0, 1.0, "happy")]


def test_rows_that_a_spreadsheet_leaves_empty_are_passed_over(tmp_path):
    text = ";;\nstart;end;label\n0,5;2;happy\n ; ;\n3;4;sad\n;;\n'';'';''\n".replace("'", '"')
    expected = [Annotation(0.5, 2.0, "happy"), Annotation(3.0, 4.0, "sad")]
    assert annotation.read(written(tmp_path, "a.csv", text)) == expected


def test_names_of_rows_that_r_writes_into_a_column_without_a_header_are_left_out(tmp_path):
    """If they were read as times, each marker would be at the number of its row."""
    expected = [Annotation(12.5, 12.5, "joke"), Annotation(40.25, 40.25, "task")]
    text = '"time"\t"label"\n"1"\t12.5\t"joke"\n"2"\t40.25\t"task"\n'
    assert annotation.read(written(tmp_path, "a.tsv", text)) == expected
    assert annotation.read(written(tmp_path, "a.csv", text.replace("\t", ";").replace(".", ","))) == expected
    ends = "time\tlabel\n12.5\tjoke\t\n40.25\ttask\t\n"  # a delimiter at the end of each line is no such column
    assert annotation.read(written(tmp_path, "a.tsv", ends)) == expected


@pytest.mark.parametrize("first", ["sep=;", '"SEP=;"', "\n sep=; "])
def test_the_line_that_tells_excel_the_delimiter_is_no_part_of_a_table(tmp_path, first):
    path = written(tmp_path, "a.csv", f"{first}\nstart;end;label, as heard;label\n0,5;2;a, b, c, d;happy\n")
    assert annotation.read(path) == [Annotation(0.5, 2.0, "happy")]
    assert annotation.read(written(tmp_path, "b.csv", "sep=;\n2;a\n")) == [Annotation(2.0, 2.0, "a")]
    with pytest.raises(EmorecError, match="contains no annotations"):
        annotation.read(written(tmp_path, "c.csv", "sep=;\n"))


def test_decimal_commas_between_commas_are_refused(tmp_path):
    """They would be read as 0 to 5 s, with the label 1."""
    for rows in ("0,5,1,5,happy\n", "0,1,happy\n1,5,2,5,sad\n"):
        with pytest.raises(EmorecError, match=r"line [23] has more cells than the header, as if it had decimal commas"):
            annotation.read(written(tmp_path, "a.csv", f"start,end,label\n{rows}"))
    remarks = "start,end,label,remark\n0,1,3,yes\n1,2,4,well, no\n"
    assert [each.text for each in annotation.read(written(tmp_path, "a.csv", remarks))] == ["3", "4"]
    for first in ("label,start,end\nhappy,0,5,1,5\n", "label,time,note\nhappy,1,5,well\n"):
        with pytest.raises(EmorecError, match="line 2 has more cells than the header, as if it had decimal commas"):
            annotation.read(written(tmp_path, "a.csv", first))
    points = "start,end,label\n0.5,1,3,well\n1.5,2,4,no\n"
    assert [each.text for each in annotation.read(written(tmp_path, "a.csv", points))] == ["3", "4"]
    unnamed = "label,start,end\nhappy,0,1,Anna\nsad,1,2,Ben\nsad,2.5,3,7\n"
    assert [each.text for each in annotation.read(written(tmp_path, "a.csv", unnamed))] == ["happy", "sad", "sad"]
    commas = "start,end,label\n0,1,happy, really\n1,2,sad,\n"
    assert [each.text for each in annotation.read(written(tmp_path, "a.csv", commas))] == ["happy", "sad"]


def test_labels_of_audacity_are_read(tmp_path):
    text = "1.500000\t1.500000\ttone\n\\\t100.0\t200.0\n3.000000\t4.250000\tpicture shown\n"
    assert annotation.read(written(tmp_path, "labels.txt", text)) == [
        Annotation(1.5, 1.5, "tone"),
        Annotation(3.0, 4.25, "picture shown"),
    ]


def test_labels_of_audacity_may_have_commas_quotes_and_separators_of_lines(tmp_path):
    texts = ["one, two, three; four", '"Hello, he said', "a\u2028b\x0cc", "end"]
    lines = "".join(f"{number}.0\t{number}.5\t{text}\n" for number, text in enumerate(texts))
    found = annotation.read(written(tmp_path, "labels.txt", lines))
    assert found == [Annotation(number, number + 0.5, text) for number, text in enumerate(texts)]
    assert annotation.read(written(tmp_path, "a.csv", "2,a; b; c\n3,d\n"))[0] == Annotation(2.0, 2.0, "a; b; c")


def test_tabs_without_a_header_may_have_quotes_around_text(tmp_path):
    lines = '0\t1\t"happy"\n1\t2\t"he ""said"" no"\n2\t3\t"\n3\t4\t"a" and "b" too\n'
    found = annotation.read(written(tmp_path, "r.txt", lines))
    assert [each.text for each in found] == ["happy", 'he "said" no', '"', '"a" and "b" too']


def test_an_event_before_the_recording_has_a_time_below_0(tmp_path):
    text = "onset\tduration\ttrial_type\n-1.5\t0.5\tready\n2\tn/a\tgo\n"
    expected = [Annotation(-1.5, -1.0, "ready"), Annotation(2.0, 2.0, "go")]
    assert annotation.read(written(tmp_path, "events.tsv", text)) == expected


def test_a_table_of_times_and_labels_is_read(tmp_path):
    expected = [Annotation(2.0, 2.0, "a"), Annotation(63.0, 63.0, "b, c")]
    assert annotation.read(written(tmp_path, "a.csv", "2,a\n1:03,'b, c'\n".replace("'", '"'))) == expected
    assert annotation.read(written(tmp_path, "b.csv", 'time,label\n2,a\n63,"b, c"\n')) == expected


@pytest.mark.parametrize("mark", [",", "."])
def test_subtitles_are_read(tmp_path, mark):
    cues = f"1\n00:00:01{mark}500 --> 00:00:03{mark}000\n<i>happy</i>\nreally\n\n"
    cues += f"2\n01:00:00{mark}000 --> 01:00:01{mark}000\nsad\n"
    expected = [Annotation(1.5, 3.0, "happy really"), Annotation(3600.0, 3601.0, "sad")]
    name, text = ("a.srt", cues.replace("\n", "\r\n")) if mark == "," else ("a.vtt", f"WEBVTT\n\nNOTE none\n\n{cues}")
    assert annotation.read(written(tmp_path, name, text)) == expected


def test_cues_without_a_blank_line_between_them_are_several(tmp_path):
    text = "1\n00:00:01,000 --> 00:00:02,000\nhappy --> sad\n7\n2\n00:00:02,000 --> 00:00:03,000\n3\n\n"
    text += "4\n00:00:05,000 --> 00:00:06,000\n00:00:06,000 --> 00:00:07,000\nfear\n"
    assert annotation.read(written(tmp_path, "a.srt", text)) == [
        Annotation(1.0, 2.0, "happy --> sad 7"),
        Annotation(2.0, 3.0, "3"),
        Annotation(5.0, 6.0, ""),
        Annotation(6.0, 7.0, "fear"),
    ]


def test_what_follows_a_blank_line_is_no_part_of_a_label(tmp_path):
    text = "1\n00:00:01,000 --> 00:00:02,000\n<i>says\n\nhe --> she\n\nloudly</i>\n\n"
    text += "2\n00:00:02,000 --> 00:00:03,000\nsad\n\n3\n"
    expected = [Annotation(1.0, 2.0, "says"), Annotation(2.0, 3.0, "sad")]
    assert annotation.read(written(tmp_path, "a.srt", text)) == expected
    text = "WEBVTT\n\nSTYLE\na\n\n00:01.000 --> 00:02.000\nhappy\n\nNOTE not text\n\n00:03.000 --> 00:04.000\nsad\n"
    expected = [Annotation(1.0, 2.0, "happy"), Annotation(3.0, 4.0, "sad")]
    for header in ("WEBVTT\n", "\nWEBVTT\n", ""):
        again = text.replace("WEBVTT\n", header)
        assert annotation.read(written(tmp_path, "a.vtt", f"{again}\nwww.subs.org\n")) == expected


def test_a_blank_line_may_stand_between_times_and_text(tmp_path):
    lines = ["1", "00:00:01,000 --> 00:00:02,000", "happy", "2", "00:00:02,000 --> 00:00:03,000", "sad", "a credit"]
    text = "\n\n".join(lines) + "\n"
    assert [one.text for one in annotation.read(written(tmp_path, "a.srt", text))] == ["happy", "sad"]


def test_a_long_line_with_an_arrow_is_read_in_a_time_that_grows_with_it(tmp_path):
    text = f"1\n00:00:01,000 --> 00:00:02,000\nhappy\n\nat :00{'.' * 3_000_000}x -->\n"
    assert len(annotation.read(written(tmp_path, "a.srt", text))) == 1


@pytest.mark.parametrize(
    "damaged",
    [
        "OO:00:03,000 --> 00:00:04,000",
        "OO:OO:03,000 --> OO:00:04,000",
        "2\nOO:OO:O3 --> OO:OO:O4",
        "{2}\n[00:00:03,000] --> [00:00:04,000]",
        "[3] --> 00:00:04,000",
    ],
)
def test_damaged_times_are_refused_and_not_taken_for_text(tmp_path, damaged):
    text = f"00:00:01,000 --> 00:00:02,000\nhappy\n\n{damaged}\nsad\n"
    with pytest.raises(EmorecError, match=r"is no srt file that can be read: .* is not the time of a cue\.$"):
        annotation.read(written(tmp_path, "a.srt", text))
    with pytest.raises(EmorecError, match="'now --> then' is not the time of a cue"):  # WebVTT has no such text
        annotation.read(written(tmp_path, "a.vtt", "\nWEBVTT\n\n00:01.000 --> 00:02.000\nsad\n\nnow --> then\nsad\n"))


def test_a_file_of_elan_is_read_as_pympi_writes_it(tmp_path):
    file = pympi.Elan.Eaf(author="somebody")
    file.add_tier("face", part="Ann")
    file.add_annotation("face", 500, 2500, "happy")
    file.add_annotation("face", 4000, 5000, "Überraschung & <so>")
    file.add_linguistic_type("child", "Symbolic_Association")
    file.add_tier("certainty", ling="child", parent="face")
    file.add_ref_annotation("certainty", "face", 600, "low")
    file.to_file(str(tmp_path / "a.eaf"))
    assert annotation.read(tmp_path / "a.eaf") == [
        Annotation(0.5, 2.5, "happy", "face", "Ann"),
        Annotation(0.5, 2.5, "low", "certainty", ""),
        Annotation(4.0, 5.0, "Überraschung & <so>", "face", "Ann"),
    ]


def test_times_that_elan_leaves_open_are_spread_evenly(tmp_path):
    slots = '<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2"/>'
    slots += '<TIME_SLOT TIME_SLOT_ID="ts3"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="4000"/>'
    texts = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" TIME_SLOT_REF1="ts{i}" TIME_SLOT_REF2="ts{i + 1}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for i, text in enumerate(("happy", "sad", "angry"), 1)
    )
    document = f'<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER><TIER TIER_ID="t">{texts}</TIER>'
    path = written(tmp_path, "a.eaf", f"{document}</ANNOTATION_DOCUMENT>")
    assert [(each.start, each.end) for each in annotation.read(path)] == [(1, 2), (2, 3), (3, 4)]


def lines_run(function, *given):
    """How many lines of the readers run while a function does."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace if "annotation" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*given)
    finally:
        sys.settrace(before)
    return count


def open_slots(count):
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{i}"/>' for i in range(count))
    return f'<TIME_ORDER>{slots}<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="5"/></TIME_ORDER>', 0


def references(count):
    rows = "".join(f'<REF_ANNOTATION ANNOTATION_ID="r{i}" ANNOTATION_REF="r{i + 1}"/>' for i in range(count))
    return f"<TIER>{rows.replace(f'r{count}', 'x')}</TIER>", count


def tiers_in_tiers(count):
    rows = "<TIER>" * count + '<REF_ANNOTATION ANNOTATION_ID="r" ANNOTATION_REF="x"/>' * count
    return rows + "</TIER>" * count, count


@pytest.mark.parametrize("part", [open_slots, references, tiers_in_tiers])
def test_a_file_of_elan_that_is_twice_as_long_takes_no_more_than_twice_as_much_work(tmp_path, part):
    def file(count):
        body, annotations = part(count)
        slots = '<TIME_SLOT TIME_SLOT_ID="t" TIME_VALUE="9"/>'
        one = '<ALIGNABLE_ANNOTATION ANNOTATION_ID="x" TIME_SLOT_REF1="t" TIME_SLOT_REF2="t"/>'
        text = f"<ANNOTATION_DOCUMENT>{slots}{body}<TIER>{one}</TIER></ANNOTATION_DOCUMENT>"
        path = written(tmp_path, f"{count}.eaf", text)
        assert len(annotation.read(path)) == annotations + 1
        return path

    short, long = (lines_run(annotation.read, file(count)) for count in (100, 200))
    assert 100 < long < 2.5 * short


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_textgrid_is_read_as_praatio_writes_it(tmp_path, form, encoding):
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("mood 2 [x]", [(0.5, 1.25, "happy"), (2, 3, 'a "7" = [3] Ü')], 0, 10))
    grid.addTier(textgrid.PointTier("events", [(1.0, "start")], 0, 10))
    path = tmp_path / "a.TextGrid"
    grid.save(str(path), form, includeBlankSpaces=True)
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    assert annotation.read(path) == [
        Annotation(0.5, 1.25, "happy", "mood 2 [x]"),
        Annotation(1.0, 1.0, "start", "events"),
        Annotation(2.0, 3.0, 'a "7" = [3] Ü', "mood 2 [x]"),
    ]


def test_a_short_textgrid_of_an_older_praat_is_read(tmp_path):
    text = 'File type = "ooTextFile short"\n"TextGrid"\n\n0\n2\n<exists>\n1\n'
    text += '"IntervalTier"\n"mood"\n0\n2\n1\n0\n2\n"sad"\n'
    assert annotation.read(written(tmp_path, "a.TextGrid", text)) == [Annotation(0.0, 2.0, "sad", "mood")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.docx", "x", "is in no format that annotations are read from"),
        ("a.csv", "", "contains no annotations"),
        ("a.csv", "from,to,what\n1,2,sad\n", "no column 'start'"),
        ("a.csv", "start,end\n1,2\n", "no column 'label'; labels have the columns start, end and label"),
        ("a.csv", "Zeit,Label\n1,task\n", "no column 'start'; .*, markers need only time and label"),
        ("a.csv", "start,end,label\n1,2,sad\nsoon,2,sad\n", "line 3 has no time in the column 'start'"),
        ("a.csv", "start,end,label\n3,2,sad\n", "line 2 ends before it begins"),
        ("a.csv", "\n\nstart,end,label\n\n1,2,'sad\nor not'\n3,2,sad\n".replace("'", '"'), "line 7 ends before"),
        ("a.txt", "\n0\t1\tsad\n\\\t100\t200\nsoon\t2\tsad\n", "line 4 does not begin with a time"),
        ("a.csv", ";;\n'';;\n".replace("'", '"'), "contains no annotations"),
        (
            "a.csv",
            b"start,end,label\n1,2,\xe9\n",
            "not text in UTF-8 or UTF-16; save it in one of these, in Excel as CSV",
        ),
        ("a.eaf", "start,end", "is not XML"),
        ("a.eaf", "<x/>", "not an annotation document of ELAN"),
        (
            "a.eaf",
            "<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT/></TIME_ORDER></ANNOTATION_DOCUMENT>",
            "lacks 'TIME_SLOT_ID'",
        ),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "PitchTier"', "is no TextGrid"),
        ("a.TextGrid", b"ooBinaryFile\x08TextGrid\0\0\xff", "it is binary; open it in Praat and save it as"),
        ("a.TextGrid", '"ooTextFile" "TextGrid" 0 10 <exists> 1 "IntervalTier" "a" 0 10 5 0 1 "x"', "ends too early"),
        ("a.srt", "1\nsoon --> later\nsad\n", "is not the time of a cue"),
        ("a.srt", "1\n00:01,0 --> 00:02,0\nsad\n\n2\n00:0X,0 --> 00:03,0\nsad\n", "'00:0X,0 --> 00:03,0' is not"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nsad\n\nx --> 00:03\nsad\n", "'x --> 00:03' is not the time"),
        ("a.srt", f"1\n{'9' * 400}:00:00 --> 1:00:00\nsad\n", "is not the time of a cue"),
        ("a.srt", f"1\n{'9' * 5000}:00:00 --> 1:00:00\nsad\n", "is not the time of a cue"),
        ("a.csv", "onset,duration,label\n1e308,1e308,sad\n", "a number that is too large"),
        (
            "a.eaf",
            f'<ANNOTATION_DOCUMENT><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1{"0" * 400}"/></ANNOTATION_DOCUMENT>',
            "a number that is too large",
        ),
        ("a.TextGrid", '"ooTextFile" "TextGrid" 0 10 <exists> 1e999', "a number that is too large"),
        ("a.TextGrid", '"ooTextFile" "TextGrid" 0 1 1 "TextTier" "a" 0 1 1 1e999 "sad"', "a number that is too large"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, content, sentence):
    with pytest.raises(EmorecError, match=sentence) as caught:
        annotation.read(written(tmp_path, name, content))
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_a_missing_file_a_folder_and_a_huge_file_are_one_sentence(tmp_path, monkeypatch):
    for path in (tmp_path / "none.csv", tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(EmorecError, match="cannot be read"):
            annotation.read(path)
    monkeypatch.setattr(annotation, "MAX_BYTES", 10)
    with pytest.raises(EmorecError, match="larger than"):
        annotation.read(written(tmp_path, "a.csv", "start,end,label\n"))


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.srt", f"1\n{'0' * 5000}-->"),
        ("a.TextGrid", f'"ooTextFile" "TextGrid" 0 1 1 "{"x" * 5000}" "" 0 1 0'),
    ],
)
def test_a_sentence_about_a_file_does_not_repeat_all_of_it(tmp_path, name, content):
    with pytest.raises(EmorecError, match="can be read: ") as caught:
        annotation.read(written(tmp_path, name, content))
    assert 200 < len(str(caught.value)) < 400


@factories.quick
@given(st.sampled_from([".csv", ".eaf", ".TextGrid", ".srt"]), st.binary(max_size=200))
def test_no_content_is_anything_but_annotations_or_a_sentence(tmp_path_factory, suffix, content):
    path = written(tmp_path_factory.getbasetemp(), f"any{suffix}", content)
    try:
        annotation.read(path)
    except EmorecError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("75", 75),
        ("1:15,5", 75.5),
        ("0:01:15", 75),
        ("100:00", 6000),
        (" 1e1 ", 10),
        ("-1", -1),
        ("-0:01.5", -1.5),
        ("\u200e٠:٠١٫٥\u200f", 1.5),
        ("０：０１．５", 1.5),
        ("\u22120,5", -0.5),
        ("5²", None),
        ("1.234,5", None),
        ("-", None),
        ("x", None),
    ],
)
def test_times_are_read_as_people_write_them(text, value):
    assert parse_seconds(text) == value
