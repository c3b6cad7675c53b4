"""A user's data set: public layouts read, labels put into our words, people kept apart."""

import csv
import json
import os

import numpy as np
import pytest

from emorec.errors import EmorecError
from train import distributed
from train.data import corpora, datasets, duplicates, ingest, label_maps, layouts
from train.data.datasets import Item
from train.finetune import usable


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def facts(items):
    return {(item.path.name, item.label, item.person) for item in items}


def test_ravdess_gives_each_task_the_recording_that_suits_it(tmp_path):
    stems = ("01-01-05-02-01-01-02.mp4", "02-01-05-02-01-01-02.mp4", "03-01-05-02-01-01-02.wav")
    touch(tmp_path, *(f"Actor_02/{stem}" for stem in stems), "Actor_03/01-02-03-02-01-01-03.mp4")
    assert facts(layouts.ravdess(tmp_path, "fusion")) == {(stems[0], "angry", "ravdess-02")}  # and no song
    assert facts(layouts.ravdess(tmp_path, "face")) == {(stems[0], "angry", "ravdess-02")}
    assert facts(layouts.ravdess(tmp_path, "voice")) == {(stems[2], "angry", "ravdess-02")}


def test_cremad_prefers_its_sound_files_for_voices(tmp_path):
    touch(tmp_path, "VideoFlash/1001_DFA_ANG_XX.flv", "AudioWAV/1001_DFA_ANG_XX.wav", "VideoFlash/1002_IEO_HAP_HI.flv")
    assert facts(layouts.cremad(tmp_path, "voice")) == {
        ("1001_DFA_ANG_XX.wav", "angry", "cremad-1001"),
        ("1002_IEO_HAP_HI.flv", "happy", "cremad-1002"),
    }
    assert {item.path.suffix for item in layouts.cremad(tmp_path, "face")} == {".flv"}


def test_fer2013_keeps_its_own_parts(tmp_path):
    touch(tmp_path, "train/happy/1.png", "train/angry/2.png", "test/happy/3.png", "test/angry/4.png")
    corpus = corpora.load("fer2013", "face", tmp_path)
    assert {item.path.parent.parent.name for item in corpus.train} == {"train"}
    assert corpus.people == ["fer2013-train"] and corpus.held_out == ["fer2013-valid"]
    # A part is not one person, and who is in it is not known.
    assert not corpus.known_people and "2 to validate on (people unknown)" in corpora.describe(corpus)
    assert corpus.labels == ("angry", "happy")


def test_a_folder_too_small_to_validate_on_is_refused(tmp_path):
    touch(tmp_path, "happy/1.png", "sad/1.png")
    with pytest.raises(EmorecError, match="one item for each label, so none can be kept for validation; add items"):
        corpora.load("folder", "face", tmp_path)
    touch(tmp_path, "happy/2.png")
    assert corpora.load("folder", "face", tmp_path).sizes == (2, 1)


def test_a_csv_names_items_beside_it(tmp_path):
    touch(tmp_path, "clips/a.mp4", "clips/b.wav")
    with open(tmp_path / "t.csv", "w", newline="") as table:
        csv.writer(table).writerows(
            [("path", "label", "person"), ("clips/a.mp4", "Joy", "x"), ("clips/b.wav", "sad", "")]
        )
    first, second = layouts.by_csv(tmp_path, "voice")
    assert first == Item(tmp_path / "clips" / "a.mp4", "csv", "Joy", "x")
    assert second.person == str((tmp_path / "clips" / "b.wav").resolve()) and not second.named
    assert [item.label for item in layouts.by_csv(tmp_path / "t.csv", "fusion")] == ["Joy"]


def test_labels_are_put_into_our_words(tmp_path):
    items = [Item(tmp_path, "folder", label, "a") for label in ("Happiness", "CALM", "fearful", "contempt")]
    assert [item.label for item in corpora.map_labels(items, None, tmp_path)] == ["happy", "calm", "fear", "contempt"]
    mapping = {"Happiness": "sad", "CALM": None, "fearful": "fear", "contempt": "disgust"}
    assert [item.label for item in corpora.map_labels(items, mapping, tmp_path)] == ["sad", "fear", "disgust"]


def people(count, labels=("happy", "sad")):
    return [Item(None, "folder", label, f"p{number}") for number in range(count) for label in labels]


def test_a_fifth_of_the_people_is_kept_apart():
    items = people(10)
    train, valid = corpora.split(items, True, 0, seed=1)
    assert len(valid) == 4 and len(train) == 16
    assert not {item.person for item in train} & {item.person for item in valid}
    assert corpora.split(items, True, 0, seed=1) == (train, valid) != corpora.split(items, True, 0, seed=2)


def test_published_folds_are_kept():
    items = [Item(None, "ravdess", "sad", f"ravdess-{actor:02d}") for actor in range(1, 25)]
    _, valid = corpora.split(items, True, 3, seed=0)
    assert {item.person for item in valid} == {f"ravdess-{actor:02d}" for actor in datasets.RAVDESS_FOLDS[3]}


def test_unknown_people_are_split_label_by_label(tmp_path):
    touch(tmp_path, *(f"{label}/{number}.png" for label in ("happy", "sad") for number in range(10)))
    corpus = corpora.load("folder", "face", tmp_path)
    assert not corpus.known_people and corpus.people == corpus.held_out == []
    assert sorted(item.label for item in corpus.valid) == ["happy"] * 2 + ["sad"] * 2


def test_one_file_on_both_sides_is_refused(tmp_path):
    touch(tmp_path, "happy/1.png", "sad/2.png")
    with pytest.raises(EmorecError, match="both in the training and in the validation"):
        corpora.load("folder", "face", tmp_path, tmp_path)


def test_items_without_a_person_do_not_end_the_split_by_person(tmp_path, capsys):
    names = [f"{label}/p{number}/{take}.png" for label in ("happy", "sad") for number in range(5) for take in range(2)]
    touch(tmp_path, *names, "happy/stray.png")
    corpus = corpora.load("folder", "face", tmp_path)
    assert corpus.sizes == (17, 4) and len(corpus.people) == 4 and len(corpus.held_out) == 1
    assert not corpus.known_people and "stray.png" in {item.path.name for item in corpus.train}
    said = capsys.readouterr().out
    assert "1 of 21 items name no person (the first: stray.png)" in said and str(tmp_path) not in said
    assert "(4 and 1 people, some unknown)" in corpora.describe(corpus)
    touch(tmp_path, *(f"sad/{number}.png" for number in range(40)))
    assert not corpora.load("folder", "face", tmp_path).known_people
    assert "41 of 61 items name no person" in capsys.readouterr().out


def test_whether_a_person_is_known_does_not_depend_on_how_paths_begin(tmp_path):
    (tmp_path / "t.csv").write_text("path,label,person\na.wav,sad,\nb.wav,sad,/mnt/anna\n")
    assert [item.named for item in layouts.by_csv(tmp_path, "voice")] == [False, True]
    windows = [Item(tmp_path, "folder", label, rf"C:\data\{label}.wav", named=False) for label in ("happy", "sad")]
    corpus = corpora.Corpus(train=windows, valid=windows, labels=("happy", "sad"), known_people=False)
    assert not corpora.known_people(windows) and corpus.people == corpus.held_out == []


def test_one_name_in_two_encodings_is_one_person(tmp_path, capsys):
    composed, divided = "Zo\u00eb", "Zoe\u0308"
    touch(tmp_path, f"happy/{composed}/1.png", f"sad/{divided}/1.png", "happy/anna/1.png", "sad/Anna/1.png")
    assert {item.person for item in layouts.by_folder(tmp_path, "face")} == {composed, "anna", "Anna"}
    corpora.load("folder", "face", tmp_path)
    assert "'Anna' and 'anna' count as different people" in capsys.readouterr().out


def test_labels_are_compared_whatever_program_wrote_them(tmp_path):
    touch(tmp_path / "data", "fro\u0302h/a/1.png", "trist /a/1.png")
    labels = tmp_path / "labels.json"
    labels.write_text('{"fr\u00f4h": "happy", " trist": "sad"}', encoding="utf-8-sig")  # with a byte order mark
    items = corpora.read("folder", "face", tmp_path / "data", corpora.read_mapping(labels))
    assert {item.label for item in items} == {"happy", "sad"}


def test_names_that_are_not_utf_8_can_be_written(tmp_path):
    try:
        touch(tmp_path, *(os.fsdecode(name) for name in (b"happy/Zo\xeb/1.png", b"sad/anna/\xeb.png")))
    except OSError:
        pytest.skip("this disk has no such names")
    items = layouts.by_folder(tmp_path, "face")
    assert {item.person for item in items} == {"Zo\ufffd", "anna"}
    _, left_out = ingest.extract_faces(items, 48, tmp_path / "cache")
    usable.drop_unreadable(items[:1] * 2, [None, 1], left_out, tmp_path / "out", "training")
    assert "\ufffd.png" in (tmp_path / "out" / "training-skipped.csv").read_text()


def test_linked_folders_are_followed_and_what_is_not_read_is_counted(tmp_path, capsys):
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    touch(elsewhere, "1.png")
    touch(data, "happy/anna/1.png", "happy/anna/2.HEIC", "happy/anna/3.heic", "sad/anna/1.m4v", "sad/anna/2.png")
    touch(data, "sad/anna/.hidden.xyz", "sad/anna/2.wav", "Thumbs.db", "sad/anna/desktop.ini", "sad/anna/._2.png")
    (data / "sad" / "dora").symlink_to(elsewhere)
    (data / "sad" / "again").symlink_to(data / "happy")
    assert [str(item.path.relative_to(data)) for item in layouts.by_folder(data, "face")] == [
        "happy/anna/1.png",
        "sad/anna/2.png",
        "sad/dora/1.png",
    ]
    layouts.by_folder(data, "voice")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and "not read are left out: .heic (2), .m4v (1);" in said[0]
    assert said[1].endswith("left out: sad/again.")


def table(folder, text):
    (folder / "t.csv").write_text(text, encoding="utf-8-sig")
    return folder / "t.csv"


def test_lines_of_a_csv_that_repeat_a_file_are_left_out(tmp_path, capsys):
    file = table(tmp_path, "path,label\na.wav,sad\n./a.wav,sad\nb.wav,happy\nc.aiff,happy\n")
    assert [item.path.name for item in layouts.by_csv(file, "voice")] == ["a.wav", "b.wav"]
    said = capsys.readouterr().out
    assert "lines that name the file of a line before them are left out (1)" in said and ".aiff (1)" in said
    with pytest.raises(EmorecError, match=r"Line 4 of .*t.csv gives a.wav another label or person than line 2"):
        layouts.by_csv(table(tmp_path, "path,label\na.wav,sad\nb.wav,sad\na.wav,happy\n"), "voice")


def test_a_csv_of_a_spreadsheet_is_read(tmp_path):
    for separator in (";", "\t", ", "):
        lines = ["path,label,person", "", "a.wav,sad ,anna", "b.wav,,bert"]
        file = table(tmp_path, "\n".join(line.replace(",", separator) for line in lines))
        with pytest.raises(EmorecError, match=r"Line 4 of .*t.csv lacks its path or its label"):
            layouts.by_csv(file, "voice")
        file.write_text(file.read_text(encoding="utf-8-sig").rpartition("\n")[0], encoding="utf-8-sig")
        assert facts(layouts.by_csv(file, "voice")) == {("a.wav", "sad", "anna")}


def test_copies_of_a_file_are_reported(tmp_path, capsys, monkeypatch):
    def written(name, content):
        (touch(tmp_path, name) / name).write_bytes(content)
        return tmp_path / name

    long = bytes(duplicates.HEAD)
    files = {
        "happy/a/1.png": b"same",
        "happy/a/2.png": b"same",
        "sad/a/3.png": b"same",
        "happy/b/4.png": b"same",
        "sad/b/5.png": b"else",  # as long as those before
        "happy/c/6.png": long + b"1",
        "sad/c/7.png": long + b"2",
        "happy/c/8.png": b"",
        "sad/c/9.png": b"",
    }
    for name, content in files.items():
        written(name, content)
    items = layouts.by_folder(tmp_path, "face")
    assert [[item.path.name for item in group] for group in duplicates.groups(items)] == [
        ["1.png", "2.png", "4.png", "3.png"]
    ]
    duplicates.report([i for i in items if i.person != "b"], [i for i in items if i.person == "b"])
    told = [line for line in capsys.readouterr().out.splitlines() if "copies" in line]
    assert [line.split(" (the first")[0] for line in told] == [
        "Validation files that are copies of training files: 1",
        "Files that are copies of others with another label: 1",
        "Files that are copies of others: 1",
    ]
    assert "4.png), so results are too good" in told[0] and "3.png)" in told[1] and "2.png)" in told[2]
    with monkeypatch.context() as patch:  # one process reads the files, and the others wait for none
        patch.setattr(distributed, "rank", lambda: 1)
        patch.setattr(duplicates, "groups", lambda items: pytest.fail("the files are read"))
        duplicates.report(items, items)
    val = written("val/happy/d/1.png", b"same").parents[2]
    touch(tmp_path, "val/sad/d/2.png")
    data = tmp_path / "data"
    written("data/happy/a/1.png", b"same"), touch(data, "sad/a/2.png")
    corpora.load("folder", "face", data, val)
    assert "Validation files that are copies of training files" in capsys.readouterr().out


def test_all_unknown_labels_are_named_with_a_map_to_fill_in(tmp_path):
    touch(tmp_path, "joy/a/1.png", "Sad/a/2.png", "wütend/b/3.png", "joy/b/4.png")
    with pytest.raises(EmorecError) as refused:
        corpora.read("folder", "face", tmp_path, None)
    sentence = str(refused.value)
    assert "The labels 'joy' and 'wütend' in" in sentence
    example = json.loads(sentence[sentence.index("{") : sentence.index("}") + 1])
    assert example == {"joy": "EMOTION", "Sad": "sad", "wütend": "EMOTION"}
    with pytest.raises(EmorecError, match="'Sad' of 1 items and 'wütend' of 1 items are not in the label map"):
        corpora.read("folder", "face", tmp_path, {"joy": "happy"})
    assert "EMOTION is to be one of angry, disgust," in sentence and "LABEL/PERSON/item" not in sentence
    filled = {label: "happy" if meant == "EMOTION" else meant for label, meant in example.items()}
    assert {item.label for item in corpora.read("folder", "face", tmp_path, filled)} == {"happy", "sad"}


def test_folders_of_people_that_hold_labels_are_not_listed_without_end(tmp_path):
    touch(tmp_path, *(f"person{number:02}/{label}/1.png" for number in range(40) for label in ("happy", "sad")))
    with pytest.raises(EmorecError) as refused:
        corpora.read("folder", "face", tmp_path, None)
    sentence = str(refused.value)
    assert "'person11' and 28 more in" in sentence and "person12" not in sentence
    assert '{"person00": "EMOTION", ...}' in sentence and sentence.endswith("labels: LABEL/PERSON/item.")
    with pytest.raises(EmorecError, match=r'as {"a}00": "EMOTION", ...}, where'):
        label_maps.map_labels([Item(tmp_path, "csv", f"a}}{n:02}", "") for n in range(20)], None, tmp_path)


def test_people_are_held_out_who_leave_every_label_items_to_train_on(tmp_path):
    both = [f"{label}/p{number}/1.png" for number in range(5) for label in ("happy", "sad")]
    for number in range(5):
        folder = touch(tmp_path / str(number), *both, f"fear/p{number}/1.png")  # the first draw holds one of these out
        corpus = corpora.load("folder", "face", folder)
        assert corpus.held_out != [f"p{number}"] and corpus.labels == ("fear", "happy", "sad")
    # A division that left every label items before is the same one now.
    touch(tmp_path / "all", *both)
    first = np.random.default_rng(0).permutation(5)[0]
    assert corpora.load("folder", "face", tmp_path / "all").held_out == [f"p{first}"]
    touch(tmp_path / "two", "happy/a/1.png", "happy/a/2.png", "sad/b/3.png")
    with pytest.raises(EmorecError, match="Only [ab] has items with the label '(happy|sad)', so it cannot be both"):
        corpora.load("folder", "face", tmp_path / "two")
