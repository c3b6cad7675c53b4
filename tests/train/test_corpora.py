"""A user's data set: public layouts read, labels put into our words, people kept apart."""

import csv

import pytest

from emorec.errors import EmorecError
from train.data import corpora, datasets, layouts
from train.data.datasets import Item


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
    assert first == Item(tmp_path / "clips" / "a.mp4", "csv", "Joy", "x") and second.person.endswith("/clips/b.wav")
    assert [item.label for item in layouts.by_csv(tmp_path / "t.csv", "fusion")] == ["Joy"]


def test_labels_are_put_into_our_words(tmp_path):
    items = [Item(tmp_path, "folder", label, "a") for label in ("Happiness", "CALM", "fearful", "contempt")]
    assert [item.label for item in corpora.labelled(items, None, tmp_path)] == ["happy", "calm", "fear", "contempt"]
    mapping = {"Happiness": "sad", "CALM": None, "fearful": "fear", "contempt": "disgust"}
    assert [item.label for item in corpora.labelled(items, mapping, tmp_path)] == ["sad", "fear", "disgust"]


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
