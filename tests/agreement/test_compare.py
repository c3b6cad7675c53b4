"""A result beside labels of the same recording: which rows are compared, whose labels they are, and what is written."""

import csv
import io
import json
from dataclasses import replace

import krippendorff
import numpy as np
import pandas as pd
import pytest

import emorec
from emorec import EmorecError, cli
from emorec.agreement import statistics, text
from emorec.agreement.emotion_words import label_meanings
from emorec.agreement.labels import OTHER, label_rows, read_labels
from emorec.agreement.results import read_rows
from emorec.emotions import EMOTIONS
from emorec.timeline import Timeline
from support import factories


def probabilities_of(*names, probability=0.9):
    """Probabilities of rows that name these emotions; None has no evidence."""
    out = np.full((len(names), 7), (1 - probability) / 6)
    for row, name in enumerate(names):
        out[row] = np.nan if name is None else out[row]
        if name:
            out[row, EMOTIONS.index(name)] = probability
    return out


def timeline(*names, **columns):
    return Timeline.of(factories.timeline(probabilities_of(*names), **columns))


def written(folder, rows, name="labels.csv", header="start,end,label"):
    path = folder / name
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_a_row_has_the_label_that_fills_most_of_it_and_at_least_half(tmp_path):
    path = written(tmp_path, [(0.4, 1.2, "joy"), (1.2, 2.6, "anger"), (3.6, 4.0, "sad"), (4.5, 6, "fear")])
    read = read_labels(path, label_meanings())
    labelled = label_rows(read, np.arange(6.0), np.arange(1.0, 7.0))
    assert [EMOTIONS[each] if each >= 0 else "" for each in labelled] == ["happy", "angry", "angry", "", "fear", "fear"]


def test_labels_of_one_emotion_that_overlap_count_once(tmp_path):
    read = read_labels(written(tmp_path, [(0, 0.3, "sad"), (0.1, 0.3, "sad"), (0.05, 0.2, "sad")]), label_meanings())
    assert label_rows(read, np.array([0.0]), np.array([1.0])).tolist() == [-1]


def test_a_row_that_is_half_one_emotion_and_half_another_has_none(tmp_path):
    read = read_labels(
        written(tmp_path, [(0, 0.5, "sad"), (0.5, 1, "happy"), (1, 2, "hello"), (1, 2, "sad")]), label_meanings()
    )
    assert label_rows(read, np.arange(2.0), np.arange(1.0, 3.0)).tolist() == [-1, EMOTIONS.index("sad")]


def test_a_label_of_something_else_takes_no_row_from_an_emotion(tmp_path):
    rows = [(0, 5, "interview"), (1, 1.6, "happy"), (2, 2.5, "happy"), (2.5, 3, "sad"), (4, 4.4, "sad")]
    read = read_labels(written(tmp_path, rows), label_meanings())
    labelled = label_rows(read, np.arange(6.0), np.arange(1.0, 7.0))
    assert labelled.tolist() == [OTHER, EMOTIONS.index("happy"), -1, OTHER, OTHER, -1]


def test_only_rows_with_evidence_and_a_label_are_compared(tmp_path):
    result = timeline("happy", "sad", None, "angry", "happy", "neutral")
    found = emorec.compare(result, written(tmp_path, [(0, 2, "happiness"), (2, 4, "rage"), (4, 5, "contempt")]))
    assert (found.labelled_seconds, found.compared_seconds, found.seconds) == (4.0, 3.0, 6.0)
    assert found.compared_share == 0.75
    told = text.comparison_text(found)
    assert "3.0 s of these (75%) have an emotion in the result." in told  # also from their neighbours
    assert found.every.confusion[EMOTIONS.index("happy"), EMOTIONS.index("sad")] == 1
    assert found.every.confusion.sum() == found.every.rows == 3
    assert found.every.recall["happy"].value == 0.5 and found.every.recall["neutral"].value is None
    assert "'contempt' (1.0 s)" in "".join(found.notes)


def test_unsure_rows_count_with_all_and_not_with_the_sure_ones(tmp_path):
    probabilities = np.concatenate([probabilities_of("happy", "sad"), probabilities_of("sad", probability=0.3)])
    found = emorec.compare(factories.timeline(probabilities), written(tmp_path, [(0, 1, "happy"), (1, 3, "sad")]))
    assert (found.every.rows, found.sure.rows) == (3, 2)


def known(count=300, seed=0, right=0.7):
    """A timeline, and the true emotion of each of its rows in stretches of 5 s."""
    random = np.random.default_rng(seed)
    truth = np.repeat(random.integers(7, size=count // 5), 5)
    given = np.where(random.random(count) < right, truth, random.integers(7, size=count))
    return timeline(*(EMOTIONS[each] for each in given)), truth, given


def labels_of(truth, shift=0.0):
    return [(i + shift, i + 1 + shift, EMOTIONS[each]) for i, each in enumerate(truth) if i + shift >= 0]


def test_agreement_is_that_of_the_compared_rows_as_the_csv_gives_them(tmp_path):
    result, truth, given = known()
    found = emorec.compare(result, written(tmp_path, labels_of(truth)))
    ratings = np.stack([truth, given]).astype(float)
    assert found.every.alpha.value == pytest.approx(krippendorff.alpha(ratings, level_of_measurement="nominal"))
    assert found.every.accuracy.value == pytest.approx((truth == given).mean())
    assert found.every.alpha.low < found.every.alpha.value < found.every.alpha.high
    table = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["label"] for row in table] == [EMOTIONS[each] for each in truth]
    assert [row["dominant"] for row in table] == [EMOTIONS[each] for each in given]
    assert {row["compared"] for row in table} == {"true"}


@pytest.mark.parametrize("shift", [-2.0, 0.0, 3.0])
def test_the_shift_that_fits_best_is_found(tmp_path, shift):
    result, truth, _ = known(right=0.9)
    found = emorec.compare(result, written(tmp_path, labels_of(truth, shift)))
    assert found.shift.seconds == pytest.approx(-shift, abs=0.11)
    assert found.shift.kappa > 0.8
    words = {-2.0: "2.0 s later", 3.0: "3.0 s earlier"}.get(shift, "No shift of the labels fits clearly better")
    assert words in str(found)
    alike = replace(found.shift, seconds=0.9, kappa=0.11, kappa_as_given=0.07)  # the best of 101 gains that by chance
    assert "No shift of the labels fits clearly better" in str(replace(found, shift=alike))


def test_both_kappas_of_a_shift_are_of_the_same_rows(tmp_path):
    result, truth, _ = known(right=0.9)
    found = emorec.compare(result, written(tmp_path, labels_of(truth, 3.0)))
    start, end = found.start, found.end
    read = read_labels(tmp_path / "labels.csv", label_meanings())
    given, moved = (label_rows(read, start, end, shift) for shift in (0.0, found.shift.seconds))
    both = (given >= 0) & (moved >= 0)
    dominant = np.array([EMOTIONS.index(name) for name in found.dominant])
    for labelled, kappa in ((given, found.shift.kappa_as_given), (moved, found.shift.kappa)):
        counts = statistics.confusion(labelled[both], dominant[both], 7)
        assert kappa == pytest.approx(float(statistics.kappa(counts)))
    assert both.sum() < (moved >= 0).sum()


def test_another_result_may_be_compared_as_labels(tmp_path):
    one = timeline("happy", "sad", None, "neutral")
    timeline("happy", "neutral", "sad", "neutral").to_csv(tmp_path / "other.csv")
    found = emorec.compare(one, tmp_path / "other.csv")
    assert found.label.tolist() == ["happy", "neutral", "sad", "neutral"]
    assert found.every.rows == 3 and found.every.accuracy.value == pytest.approx(2 / 3)


def test_a_data_frame_is_neither_a_result_nor_labels(tmp_path):
    labels = written(tmp_path, [(0, 1, "happy")])
    with pytest.raises(EmorecError, match=r"A result is a Timeline, or the path of .*, not a DataFrame\.$"):
        emorec.compare(pd.DataFrame(), labels)  # pyright: ignore[reportArgumentType]
    with pytest.raises(EmorecError, match=r"Labels are the path of a CSV file .*, not a DataFrame; save them"):
        emorec.compare(timeline("happy"), pd.DataFrame())  # pyright: ignore[reportArgumentType]


def test_a_short_comparison_has_no_intervals_and_says_so(tmp_path):
    result, truth, _ = known(count=20)
    found = emorec.compare(result, written(tmp_path, labels_of(truth)))
    assert found.every.alpha.value is not None and found.every.alpha.low is None
    assert "In brackets" not in str(found) and "too short for intervals; at least 5 blocks of 5 s" in str(found)
    assert "too short to judge whether they fit better" in str(found) and "fit best" not in str(found)


def test_chance_is_no_agreement(tmp_path):
    result, truth, _ = known(right=0.0, count=1000)
    found = emorec.compare(result, written(tmp_path, labels_of(truth)))
    assert found.every.alpha.low < 0 < found.every.alpha.high


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet", "tsv"])
def test_a_result_file_compares_like_its_timeline(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    result, truth, _ = known()
    path = tmp_path / f"made.{suffix}"
    if suffix in ("csv", "json"):
        getattr(result, f"to_{suffix}")(path)
    elif suffix == "tsv":
        path.write_text(result.to_csv().replace(",", "\t"))
    else:
        pd.read_csv(io.StringIO(result.to_csv())).to_parquet(path)
    labels = written(tmp_path, labels_of(truth))
    expected, found = emorec.compare(result, labels), emorec.compare(path, labels)
    assert found.to_dict() | {"result": "made.mp4"} == expected.to_dict()


def test_a_table_for_spreadsheets_with_decimal_commas_is_read(tmp_path):
    result, truth, _ = known()
    (tmp_path / "a.csv").write_text(result.to_csv().replace(",", ";").replace(".", ","))
    found = emorec.compare(tmp_path / "a.csv", written(tmp_path, labels_of(truth)))
    assert found.every.rows == 300


@pytest.mark.parametrize(
    "words", ["true false", "WAHR FALSCH", "VRAI FAUX", "Verdadero Falso", "1 0", "1.0 0.0", "Yes No"]
)
def test_true_and_false_are_read_as_spreadsheets_save_them(tmp_path, words):
    yes, no = words.split()
    lines = f"0;1;;happy;0,9;{yes}\n1;2;;happy;0,4;{no}\n2;3;;happy;0,4;\n3;4;;happy;;{yes}\n"
    (tmp_path / "a.csv").write_text(f"start;end;person;dominant;confidence;sure\n{lines}")
    found = emorec.compare(tmp_path / "a.csv", written(tmp_path, [(0, 4, "happy")]))
    assert (found.every.rows, found.sure.rows) == (4, 2)
    assert [each.count for each in found.every.calibration] == [2, 1]
    assert found.every.calibration_error == pytest.approx((2 * 0.6 + 0.1) / 3)


@pytest.mark.parametrize("word", ["NA", "<NA>", "NaN", "n/a", "NULL", "None", "."])
@pytest.mark.parametrize(("suffix", "delimiter"), [("csv", ","), ("tsv", "\t"), ("csv", ";")])
def test_cells_without_a_value_are_read_as_statistics_programs_save_them(tmp_path, word, suffix, delimiter):
    """A person who is called like such a cell keeps the name."""
    lines = f"0,1,0,happy,0.9,TRUE,{word}\n1,2,{word},{word},{word},{word},{word}\n2,3,1,sad,0.3,FALSE,Bob\n"
    text = f"start,end,person,dominant,confidence,sure,name\n{lines}"
    (tmp_path / f"a.{suffix}").write_text(text.replace(",", delimiter))
    rows = read_rows(tmp_path / f"a.{suffix}")
    assert (rows.dominant >= 0).tolist() == [True, False, True] == (~np.isnan(rows.confidence)).tolist()
    assert (rows.persons.tolist(), rows.names.tolist()) == (["0", "", "1"], [word, "", "Bob"])
    assert rows.sure.tolist() == [True, False, False] and not rows.notes


def test_a_table_that_names_its_rows_is_read(tmp_path):
    """As ``write.table`` of R saves it: the header has one cell less than the rows."""
    result, truth, _ = known()
    header, *lines = result.to_csv().replace(",", "\t").splitlines()
    table = "\n".join([header, *(f'"{number}"\t{line}' for number, line in enumerate(lines, 1))])
    (tmp_path / "a.tsv").write_text(table)
    labels = written(tmp_path, labels_of(truth))
    expected = emorec.compare(result, labels).to_dict() | {"result": "a.tsv"}
    assert emorec.compare(tmp_path / "a.tsv", labels).to_dict() == expected


def test_a_table_in_utf_16_is_read_and_one_in_an_older_encoding_is_one_sentence(tmp_path):
    """As Excel saves "Unicode text", and plain CSV."""
    result, path = named(tmp_path, "Änna")
    path.write_text(result.to_csv(), encoding="utf-16")
    assert set(read_rows(path).names) == {"Änna", "Bob"}
    path.write_text(result.to_csv(), encoding="cp1252")
    with pytest.raises(EmorecError, match=r"^made.csv cannot be read \(it is not text in UTF-8 or UTF-16\); give the"):
        read_rows(path)


def several(tmp_path):
    """A result file of two persons: person 0 is happy throughout, person 1 sad."""
    happy, sad = timeline(*["happy"] * 10), timeline(*["sad"] * 10, person=np.ones(10, int))
    text = happy.to_csv() + sad.to_csv().partition("\n")[2]
    (tmp_path / "two.csv").write_text(text)
    return tmp_path / "two.csv"


def test_rows_count_as_unsure_with_a_note_if_nothing_known_says_whether_they_are(tmp_path):
    rows = "start,end,person,dominant,confidence,sure\n0,1,,happy,0.9,true\n1,2,,happy,0.9,Kyllä\n"
    (tmp_path / "a.csv").write_text(rows, encoding="utf-8")
    found = emorec.compare(tmp_path / "a.csv", written(tmp_path, [(0, 4, "happy")]))
    assert (found.every.rows, found.sure.rows) == (2, 1)
    assert found.notes[0].startswith("The column 'sure' of a.csv has 'kyllä', which is neither true nor false")


def test_labels_of_several_persons_are_compared_with_these_persons(tmp_path):
    rows = [(0, 10, "happy", 0), (0, 10, "sad", 1)]
    labels = written(tmp_path, rows, header="start,end,label,person")
    found = emorec.compare(several(tmp_path), labels)
    assert (found.every.rows, found.every.accuracy.value) == (20, 1.0)
    swapped = written(tmp_path, [(0, 10, "happy", 1), (0, 10, "sad", 0)], header="start,end,label,person")
    assert emorec.compare(several(tmp_path), swapped).every.accuracy.value == 0.0


def named(tmp_path, anna="Anna"):
    """A result of Anna, who is happy, and Bob, who is sad, every other row; and its CSV file."""
    result = timeline(*["happy", "sad"] * 5, person=np.arange(10) % 2, names={0: anna, 1: "Bob"})
    result.to_csv(tmp_path / "made.csv")
    return result, tmp_path / "made.csv"


def test_labels_of_one_person_are_compared_with_the_rows_of_that_person_alone(tmp_path):
    labels = written(tmp_path, [(0, 10, "happy", "Anna")], header="start,end,label,person")
    for result in named(tmp_path):
        for person in (None, "Anna", 0):
            found = emorec.compare(result, labels, person=person)
            assert (found.every.rows, found.every.accuracy.value) == (5, 1.0)
    assert emorec.compare(timeline(*["happy"] * 10), labels).every.rows == 10


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json"])
def test_a_name_that_is_guarded_against_spreadsheets_is_still_that_name(tmp_path, suffix):
    result, _ = named(tmp_path, "@anna")
    result.save(tmp_path / f"made.{suffix}", suffix)
    rows = [(0, 10, "sad", "@anna"), (0, 10, "sad", "Bob")]
    labels = written(tmp_path, rows, header="start,end,label,person")
    found = emorec.compare(tmp_path / f"made.{suffix}", labels)
    assert (found.every.rows, found.every.accuracy.value, "left out" in "".join(found.notes)) == (10, 0.5, False)


def test_labels_of_others_are_not_taken_for_those_of_a_person(tmp_path):
    result, path = named(tmp_path)
    header = "start,end,label,person"
    others = written(tmp_path, [(0, 5, "happy", "Carl"), (5, 10, "sad", "Bob"), (8, 9, "sad", "")], "a.csv", header)
    with pytest.raises(
        EmorecError, match=r"in a\.csv name Carl, Bob, and not person Anna of made\.csv; call the person"
    ):
        emorec.compare(path, others, person="Anna")
    found = emorec.compare(result, others)
    assert found.every.rows == 3 and "does not show are left out: Carl, (no name)." in found.notes[0]
    assert not any("left out" in note for note in emorec.compare(result, others, person="Bob").notes)
    with pytest.raises(EmorecError, match="name Bob, and not person 0"):
        emorec.compare(path, written(tmp_path, [(0, 10, "happy", "Bob")], "b.csv", header), person=0)
    one = written(tmp_path, [(0, 10, "happy", "P07")], "c.csv", header)
    assert emorec.compare(path, one, person="Anna").every.accuracy.value == 1.0


def test_labels_of_one_person_of_another_name_are_compared_with_rows_of_persons_in_turn(tmp_path):
    header = "start,end,label,person"
    result, path = named(tmp_path)
    for rows in [(0, 10, "happy", "P07")], [(0, 5, "happy", "P07"), (5, 10, "happy", "")]:
        labels = written(tmp_path, rows, header=header)
        for given in (result, path):
            found = emorec.compare(given, labels)
            assert (found.every.rows, found.every.accuracy.value) == (10, 0.5)
    with pytest.raises(EmorecError, match="name P07, P08, but"):
        emorec.compare(result, written(tmp_path, [(0, 5, "sad", "P07"), (5, 10, "sad", "P08")], header=header))


def test_a_person_may_be_called_something_else_in_the_labels(tmp_path):
    header = "start,end,label,person"
    labels = written(tmp_path, [(0, 5, "happy", "02"), (5, 10, "sad", "04")], header=header)
    timeline(*["happy"] * 10, person=np.zeros(10, int)).to_csv(tmp_path / "made.csv")
    with pytest.raises(EmorecError, match=r"has the persons 0; say with --person who is who, as in --person 0=02\."):
        emorec.compare(tmp_path / "made.csv", labels)
    with pytest.raises(EmorecError, match=r"or say who is who, as in --person 0=02\."):
        emorec.compare(tmp_path / "made.csv", labels, person=0)
    for person, right in (("0=02", 1.0), ("0=04", 0.0)):
        found = emorec.compare(tmp_path / "made.csv", labels, person=person)
        assert (found.every.rows, found.every.accuracy.value) == (5, right)
    with pytest.raises(EmorecError, match="name nobody '03'; they name 02, 04"):
        emorec.compare(tmp_path / "made.csv", labels, person="0=03")
    with pytest.raises(EmorecError, match="has no person '1'; it has 0"):
        emorec.compare(tmp_path / "made.csv", labels, person="1=02")
    nobody = timeline(*["happy"] * 10, person=np.full(10, -1))
    with pytest.raises(EmorecError, match=r"as in --person =02\."):
        emorec.compare(nobody, labels)
    assert emorec.compare(nobody, labels, person="=02").every.rows == 5


@pytest.mark.parametrize(
    ("end", "note"),
    [(20_000, "are they in milliseconds?"), (45, "do they belong to this recording?"), (29, None)],
)
def test_labels_that_reach_far_beyond_the_end_are_told(tmp_path, end, note):
    found = emorec.compare(timeline(*["happy"] * 20), written(tmp_path, [(0, end, "happy")]))
    told = [each for each in found.notes if "reach" in each]
    assert [note is not None] * len(told) == [True] * (note is not None) and all(note in each for each in told)
    assert not told or f"The labels reach {end:,.1f} s, but the result ends at 20.0 s; " in told[0]


def test_time_with_labels_of_two_emotions_is_told(tmp_path):
    labels = written(tmp_path, [(0, 10, "happy"), (5, 15, "sad"), (8, 9, "happy"), (0, 20, "interview")])
    notes = emorec.compare(timeline(*["happy"] * 20), labels).notes
    assert any(each.startswith("5.0 s have labels of two emotions; a row") for each in notes)
    header = "start,end,label,person"
    two = written(tmp_path, [(0, 10, "happy", 0), (0, 10, "sad", 1)], "both.csv", header)
    assert not any("two emotions" in each for each in emorec.compare(several(tmp_path), two).notes)


def in_folders(tmp_path, count=6):
    """Results of short recordings in folders of their own, as of a batch, and labels with the same names."""
    (tmp_path / "lab").mkdir()
    for number in range(count):
        item = tmp_path / "out" / f"{number}-abc"
        item.mkdir(parents=True)
        made = timeline(*["happy"] * 5, *["sad"] * 5)
        made.to_csv(item / f"{number}.csv")
        made.to_json(item / f"{number}.json")
        (item / f"{number}.people.json").write_text("{}")
        written(tmp_path / "lab", [(0, 5, "happy"), (5, 10, "sad" if number else "fear")], f"{number}.csv")
    (tmp_path / "out" / "manifest.csv").write_text("item\n")
    return tmp_path / "out", tmp_path / "lab"


def test_recordings_in_folders_are_compared_as_one(tmp_path, capsys):
    out, lab = in_folders(tmp_path)
    written(lab, [(0, 5, "happy")], "9.csv")
    (lab / "5.csv").rename(lab / 'it"s 5.csv')  # in names of results such letters are "_"
    (out / "5-abc" / "5.csv").rename(out / "5-abc" / "it_s 5.csv")
    found = emorec.compare(out, lab)
    assert (found.every.rows, found.every.accuracy.value) == (60, pytest.approx(55 / 60))
    assert found.every.blocks == 6 and found.every.accuracy.low < 55 / 60  # each recording is a block of its own
    assert found.result == "6 recordings of out" and found.labels == "lab"
    assert "Labels without a result of the same name are left out: 9." in found.notes
    assert found.to_dict()["recordings"] == [*"01234", "it_s 5"]
    table = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["recording"] for row in table] == [name for name in [*"01234", "it_s 5"] for _ in range(10)]
    assert cli.main(["compare", str(out), str(lab), "--out", str(tmp_path / "made")]) == 0
    assert "6 recordings of out beside the labels of lab" in capsys.readouterr().out
    assert len(list((tmp_path / "made").glob("out.compare.*"))) == 3
    written(lab, [(0, 5_000, "happy")], "3.csv")
    assert any("are they in milliseconds? (3)" in note for note in emorec.compare(out, lab).notes)
    assert "recording" not in emorec.compare(out / "1-abc" / "1.csv", lab / "1.csv").to_csv().splitlines()[0]


def test_names_and_labels_are_found_in_both_ways_to_write_an_accent(tmp_path):
    out, lab = in_folders(tmp_path, 2)
    composed, decomposed = "\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}"
    for number, (result, labels) in enumerate([(composed, decomposed), (decomposed, composed)]):
        (out / f"{number}-abc" / f"{number}.csv").rename(out / f"{number}-abc" / f"{number}{result}.csv")
        (lab / f"{number}.csv").unlink()
        written(lab, [(0, 10, f"g{labels}n{labels}")], f"{number}{labels}.csv")
    found = emorec.compare(out, lab, map=f"g{composed}n{decomposed}=happy")
    assert (found.every.rows, found.every.accuracy.value) == (20, 0.5)


def test_a_person_is_found_however_the_name_is_encoded(tmp_path):
    """Labels, results of earlier versions, and the option may have a name in NFD, or with a mark of direction."""
    ways = ("José", "Jose\N{COMBINING ACUTE ACCENT}", "\N{LEFT-TO-RIGHT MARK}José")
    for stored, labelled, person in [ways, (*ways[1:], None), (ways[2], *ways[:2]), (*ways[:2], f"0={ways[2]}")]:
        rows = [(0, 10, "happy", labelled), (0, 10, "sad", "Bob")]
        labels = written(tmp_path, rows, header="start,end,label,person")
        for result in named(tmp_path, stored):
            found = emorec.compare(result, labels, person=person)
            assert (found.every.rows, found.every.accuracy.value) == (5 if person else 10, 1.0)


@pytest.mark.parametrize("given", [".", "../out/1-abc/.."])
def test_a_comparison_of_the_current_folder_has_its_name(tmp_path, monkeypatch, given):
    out, _ = in_folders(tmp_path, 2)
    monkeypatch.chdir(out)
    assert cli.main(["compare", given, "../lab", "--out", "../made"]) == 0
    assert {path.name for path in (tmp_path / "made").glob("*.*") if path.is_file()} == {
        f"out.compare{suffix}" for suffix in (".csv", ".json", ".png")
    }


def test_the_name_of_a_result_may_go_on_with_fusion_and_person(tmp_path):
    out, lab = tmp_path / "out", tmp_path / "lab"
    out.mkdir()
    lab.mkdir()
    for name in ("a", "a.all", "b.all", "b.c.face.Anna", "d.all", "d.main"):
        timeline(*["happy"] * 10).to_csv(out / f"{name}.csv")
    timeline(*["happy"] * 10).to_json(out / "b.all.json")
    for name in ("a", "b", "b.c", "d"):
        written(lab, [(0, 5, "happy")], f"{name}.csv")
    found = emorec.compare(out, lab)
    assert found.to_dict()["recordings"] == ["a", "b.all", "b.c.face.Anna"]
    assert any(note.endswith("begins as theirs: b (b.all), b.c (b.c.face.Anna).") for note in found.notes)
    assert "Labels without a result of the same name are left out: d." in found.notes  # which of the two?


def test_a_recording_that_cannot_be_compared_does_not_stop_the_others(tmp_path):
    out, lab = in_folders(tmp_path, 9)
    nobody = timeline(*["happy"] * 10, person=np.full(10, -1))
    nobody.to_csv(out / "1-abc" / "1.csv")
    written(lab, [(0, 5, "bored")], "2.csv")
    (lab / "3.csv").write_text("just a text\n")
    found = emorec.compare(out, lab, person=0)
    assert found.result == "6 recordings of out" and found.every.rows == 60
    left = [note for note in found.notes if "is left out: " in note]
    assert [note.partition(" ")[0] for note in left] == ["1", "2", "3"]
    assert "has no person '0'" in left[0] and "none of the seven emotions" in left[1]
    for number in range(4, 8):
        written(lab, [(0, 5, "bored")], f"{number}.csv")
    notes = emorec.compare(out, lab, person=0).notes
    assert "Also left out, for reasons such as these: 6, 7." in notes  # a folder of many gives no page of notes
    with pytest.raises(EmorecError, match="has no person '5'"):
        emorec.compare(out, lab, person=5)
    with pytest.raises(EmorecError, match="joyful"):
        emorec.compare(out, lab, map="Freude=joyful")


def test_folders_that_do_not_fit_are_one_sentence(tmp_path):
    out, lab = in_folders(tmp_path, 2)
    (tmp_path / "empty").mkdir()
    for labels, sentence in (
        (lab / "1.csv", "is no folder, and"),
        (out, "Results and labels are in one folder"),
        (tmp_path / "empty", "holds no labels"),
    ):
        with pytest.raises(EmorecError, match=sentence):
            emorec.compare(out, labels)
    with pytest.raises(EmorecError, match="has the name of a result in"):
        emorec.compare(tmp_path / "empty", lab)
    (out / "again").mkdir()
    timeline("happy").to_csv(out / "again" / "1.csv")
    with pytest.raises(EmorecError, match=r"has several results of 1 \(1-abc, again\)"):
        emorec.compare(out, lab)
    written(lab, [(0, 5, "disgust")], "0.tsv", header="start\tend\tlabel")
    with pytest.raises(EmorecError, match=r"has several files with labels of 0 \(0.csv, 0.tsv\)"):
        emorec.compare(out, lab)


def test_labels_without_persons_need_one_if_the_result_has_several(tmp_path):
    labels = written(tmp_path, [(0, 10, "sad")])
    with pytest.raises(EmorecError, match=r"several persons \(0, 1\); say with --person whom the labels"):
        emorec.compare(several(tmp_path), labels)
    assert emorec.compare(several(tmp_path), labels, person=1).every.accuracy.value == 1.0
    assert emorec.compare(several(tmp_path), labels, person=0).every.accuracy.value == 0.0
    with pytest.raises(EmorecError, match="no person '7'; it has 0, 1"):
        emorec.compare(several(tmp_path), labels, person=7)
    (tmp_path / "c.csv").write_text(
        "start,end,person,dominant,confidence,sure\n"
        + "".join(f"0,1,{person},sad,0.5,true\n" for person in (1, 10, 0, 2))
    )
    with pytest.raises(EmorecError, match="no person '7'; it has 0, 1, 2, 10"):
        emorec.compare(tmp_path / "c.csv", labels, person=7)
    nobody = written(tmp_path, [(0, 10, "sad", "Ann")], header="start,end,label,person")
    with pytest.raises(EmorecError, match="name Ann, but two.csv has the persons 0, 1"):
        emorec.compare(several(tmp_path), nobody)


@pytest.mark.parametrize(
    "given", ["happy=Freude,sad=Trauer", "Freude=happy,trauer=SAD", {"freude": "happy", "Trauer": "sad"}]
)
def test_other_words_are_mapped(tmp_path, given):
    path = written(tmp_path, [(0, 1, "Freude"), (1, 2, "trauer")])
    assert emorec.compare(timeline("happy", "sad"), path, map=given).every.accuracy.value == 1.0


@pytest.mark.parametrize(
    "given", [{"disgust": "angry"}, {"angry": ["disgust"]}, "angry=disgust", "map.json", "list.json", "map.csv"]
)
def test_of_two_emotions_the_documented_order_says_which_is_the_label(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.json").write_text('{"disgust": "angry", "neutral": "none"}')
    (tmp_path / "list.json").write_text('{"angry": ["Wut", "disgust"]}')
    (tmp_path / "map.csv").write_text("label,emotion\ndisgust,angry\nneutral,-\n")
    known = label_meanings(given)
    assert (known["disgust"], known["angry"]) == ("angry", "angry")
    if given in ("map.json", "map.csv"):
        assert known["neutral"] is None


def test_a_map_is_read_from_a_file(tmp_path):
    path = written(tmp_path, [(0, 1, "Freude"), (1, 2, "Trauer"), (2, 3, "Scham")])
    (tmp_path / "map.json").write_text('{"happy": ["Freude", "Spass"], "Trauer": "sad", "Scham": null}')
    (tmp_path / "map.csv").write_text("label,emotion\nFreude,happy\nTrauer,sad\nScham,\n")
    for name in ("map.json", "map.csv"):
        found = emorec.compare(timeline("happy", "sad", "sad"), path, map=tmp_path / name)
        assert found.every.rows == 2 and "'Scham' (1.0 s)" in "".join(found.notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        '"","label","emotion"\n"1","Ärger","angry"\n"2","Scham",NA\n',
        '"label"\t"emotion"\n"1"\t"Ärger"\t"angry"\n"2"\t"Scham"\tNA\n',
    ],
)
def test_a_map_is_read_as_r_and_spreadsheet_programs_save_it(tmp_path, text, encoding):
    (tmp_path / "map.csv").write_text(text, encoding=encoding)
    known = label_meanings(tmp_path / "map.csv")
    assert (known["ärger"], known["scham"]) == ("angry", None) and not {"1", "2"} & {*known}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_of_a_map_says_which_column_is_the_label(tmp_path, delimiter):
    rows = ["Emotion,n,Label", "happy,1,Freude", "angry,2,disgust", "-,3,Scham", ",,", "sad,4,'a, b; c'", "fear,5,"]
    (tmp_path / "map.txt").write_text("\n".join(rows).replace(",", delimiter).replace("'", '"') + "\n")
    known = label_meanings(tmp_path / "map.txt")
    label = "a, b; c".replace(",", delimiter)
    assert [known[each] for each in ("freude", "disgust", "scham", label)] == ["happy", "angry", None, "sad"]
    assert known["fear"] == "fear" and "emotion" not in known


@pytest.mark.parametrize(
    "text",
    [
        "My words\nlabel,emotion\nFreude,happy\nTrauer,sad\n",
        "My words, 2nd wave\nLabel;emotion\nFreude;happy\nTrauer;sad\n",
        "label;emotion\nFreude;happy\n\nLabel;Emotion\nTrauer;sad\n",
        "My words;;\nn;emotion;label\n1;happy;Freude\nn;emotion;label\n2;sad;Trauer\n",
        "\"Ha\tha; ha\",happy\nFreude,happy,'with a; in it'\nTrauer,sad\n".replace("'", '"'),
    ],
)
def test_a_map_may_have_a_title_headers_in_it_and_other_delimiters_in_quotes(tmp_path, text):
    (tmp_path / "map.csv").write_text(text)
    known = label_meanings(tmp_path / "map.csv")
    assert (known["freude"], known["trauer"], known.get("ha\tha; ha", "happy")) == ("happy", "sad", "happy")
    assert "label" not in known and not any('"' in label for label in known)


def test_a_map_may_have_a_tab_no_header_and_an_equals_sign_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.tsv").write_text("Scham\nFreude\thappy\nsad\tTrauer\n")
    known = label_meanings("a=b.tsv")
    assert (known["freude"], known["trauer"], known["scham"]) == ("happy", "sad", None)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("Freude=Spass", "names none of the seven emotions"),
        ("none.json", "cannot be read"),
        ("list.json", "must hold an object"),
        ("old.csv", r"cannot be read \(it is not text in UTF-8 or UTF-16\)"),
    ],
)
def test_a_wrong_map_is_one_sentence(tmp_path, monkeypatch, given, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").write_text("label,emotion\nÄrger,angry\n", encoding="cp1252")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(EmorecError, match=sentence):
        label_meanings(given)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(0, 1, "bored"), (1, 2, "tired")], "has none of the seven emotions as a label, but 'bored', 'tired'"),
        ([(0, "", "happy")], "have a start but no end"),
        ([(100, 110, "happy")], "No time is labelled"),
    ],
)
def test_labels_that_cannot_be_compared_are_one_sentence(tmp_path, rows, sentence):
    with pytest.raises(EmorecError, match=sentence):
        emorec.compare(timeline("happy", "sad"), written(tmp_path, rows))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.mp4", "", "is no result that can be compared"),
        ("a.csv", "x,y\n1,2\n", "it lacks 'dominant'"),
        ("a.csv", "start,end,person,dominant,confidence,sure\n0,1,,glee,0.5,true\n", "'glee' is none of the seven"),
        ("a.csv", "start,end,person,dominant,confidence,sure\n0,1,,sad,50,true\n", "confidence is not between 0 and"),
        ("a.csv", "start,end,person,dominant,confidence,sure\n0,1,inf,sad,0.5,true\n", "'inf' is no number of a pers"),
        ("a.csv", "start,end,person,dominant,confidence,sure\n0,inf,,sad,0.5,true\n", "a row has no time"),
        ("a.csv", "start,end\n", "has no rows"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[]", "lacks 'rows'"),
        ("a.json", '{"rows": [3]}', "is no result of emorec"),
    ],
)
def test_a_result_that_cannot_be_read_is_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content)
    with pytest.raises(EmorecError, match=sentence) as caught:
        emorec.compare(tmp_path / name, written(tmp_path, [(0, 1, "happy")]))
    assert "\n" not in str(caught.value)


def test_a_tier_is_chosen_by_its_labels_or_by_name(tmp_path):
    header = "start,end,label,tier"
    one = written(tmp_path, [(0, 1, "happy", "face"), (0, 1, "hello", "words")], "one.csv", header)
    assert emorec.compare(timeline("happy"), one).tier == "face"
    two = written(tmp_path, [(0, 1, "happy", "face"), (0, 1, "sad", "voice")], "two.csv", header)
    with pytest.raises(EmorecError, match="several tiers \\('face', 'voice'\\); choose one of them with --tier"):
        emorec.compare(timeline("happy"), two)
    assert emorec.compare(timeline("happy"), two, tier="voice").every.accuracy.value == 0.0
    with pytest.raises(EmorecError, match="no tier 'x'; it has face, voice"):
        emorec.compare(timeline("happy"), two, tier="x")


def test_the_command_writes_numbers_rows_and_a_chart(tmp_path, capsys):
    result, truth, _ = known()
    result.to_csv(tmp_path / "made.csv")
    labels = written(tmp_path, labels_of(truth))
    command = ["compare", str(tmp_path / "made.csv"), str(labels)]
    assert cli.main([*command, "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    numbers = json.loads((tmp_path / "out" / "made.compare.json").read_text())
    assert f"Krippendorff's alpha  {numbers['all']['alpha']['value']:.2f} (" in text
    assert len((tmp_path / "out" / "made.compare.csv").read_text().splitlines()) == 301
    assert (tmp_path / "out" / "made.compare.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == numbers


def test_a_mistake_on_the_command_line_is_one_sentence_and_writes_nothing(tmp_path, capsys):
    timeline("happy").to_csv(tmp_path / "made.csv")
    labels = written(tmp_path, [(0, 1, "bored")])
    code = cli.main(["compare", str(tmp_path / "made.csv"), str(labels), "--out", str(tmp_path / "out")])
    out, error = capsys.readouterr()
    assert (code, out, error.count("\n")) == (2, "", 1) and error.startswith("emorec: labels.csv has none of the seven")
    assert not (tmp_path / "out").exists()
    assert cli.main(["compare", str(tmp_path / "made.csv"), str(labels), "--save_plot", "a.gif"]) == 2


def test_the_chart_shows_labels_and_result_of_each_person(tmp_path):
    labels = written(tmp_path, [(0, 10, "happy", 0), (0, 10, "sad", 1)], header="start,end,label,person")
    chart = emorec.compare(several(tmp_path), labels).plot().to_dict()
    boxes = chart["vconcat"][0]["layer"][0]["data"]["values"]
    assert [(box["lane"], box["emotion"], box["start"], box["end"]) for box in boxes] == [
        ("labels, person 0", "happy", 0, 10),
        ("result, person 0", "happy", 0, 10),
        ("labels, person 1", "sad", 0, 10),
        ("result, person 1", "sad", 0, 10),
    ]


def test_the_chart_hatches_what_is_unsure_of_the_result_alone(tmp_path):
    rows = probabilities_of("happy", "happy", "happy", "happy")
    rows[2:] = probabilities_of("happy", "happy", probability=0.3)
    result = Timeline.of(factories.timeline(rows))
    found = emorec.compare(result, written(tmp_path, [(0, 4, "happy")]))
    lanes = found.plot().to_dict()["vconcat"][0]
    boxes, strokes = (layer["data"]["values"] for layer in lanes["layer"])
    assert "opacity" not in str(lanes)
    assert [(box["lane"], box["certainty"], box["start"], box["end"]) for box in boxes] == [
        ("labels", "sure", 0, 4),
        ("result", "sure", 0, 2),
        ("result", "unsure", 2, 4),
    ]
    drawn = [point for point in strokes if point["at"] is not None]
    low, high = boxes[2]["low"], boxes[2]["high"]
    assert drawn and all(2 <= point["time"] <= 4 and low <= point["at"] <= high for point in drawn)
    assert min(point["at"] for point in drawn) == pytest.approx(low, abs=0.05)
    assert max(point["at"] for point in drawn) == pytest.approx(high, abs=0.05)
    found.save_plot(tmp_path / "comparison.svg")
    picture = (tmp_path / "comparison.svg").read_text(encoding="utf-8")
    assert ">labels<" in picture and ">result<" in picture


@pytest.mark.parametrize("rare", [False, True])
def test_a_recall_without_an_interval_says_why(tmp_path, rare):
    """Sad is labelled in one block of ten, so its recall has no interval."""
    given = ["happy", "angry"] * 75
    truth = np.array([EMOTIONS.index(each) for each in given])
    truth[-1] = EMOTIONS.index("sad") if rare else truth[-1]
    found = emorec.compare(timeline(*given), written(tmp_path, labels_of(truth)))
    (said,) = (line for line in text.comparison_text(found).splitlines() if line.startswith("In brackets"))
    why = "; a recall has none if its label is in too few of them" * rare
    assert said == f"In brackets: 95 % of resamples of 10 blocks of time{why}."
