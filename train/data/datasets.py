"""Public data sets in their published layouts, as lists of labelled items with the person of each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError

CORPORA = ("FERPlus", "RAVDESS", "nEMO", "ASED", "JavaneseAudio", "JavaneseAV")  # folders of the recipe's data
FERPLUS_LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
FERPLUS_SPLITS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
# What stands for the persons of data sets that have parts and name nobody.
PARTS = frozenset(f"{corpus}-{part}" for corpus in ("ferplus", "fer2013") for part in FERPLUS_SPLITS)
RAVDESS_LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
JAVANESE_LABELS = ("neutral", "sad", "happy", "surprise", "fear", "angry")
ASED_FOLDERS = {"01Neutral": "neutral", "02Fearful": "fearful", "03Happy": "happy", "04Sad": "sad", "05Angry": "angry"}

# The five person-disjoint folds of RAVDESS that published papers use (Luna-Jiménez et al., 2021).
RAVDESS_FOLDS = (
    (2, 5, 14, 15, 16),
    (3, 6, 7, 13, 18),
    (10, 11, 12, 19, 20),
    (8, 17, 21, 23, 24),
    (1, 4, 9, 22),
)
# The seven Javanese actors in the same five folds: two held out at a time, then the last one alone, then none.
JAVANESE_FOLDS = (("01", "02"), ("04", "05"), ("06", "08"), ("10",), ())
FOLDS = len(RAVDESS_FOLDS)
NEVER = -1  # the fold of people who are never held out
ORDINARY = ("barista", "speechocean", "korean")  # corpora of ordinary speech
NAMELESS = ("barista",)  # those without names of speakers, so that each recording counts as a person of its own


@dataclass(frozen=True)
class Item:
    """One labelled recording or picture.

    ``votes`` are a picture's counts over FER+'s ten columns, else (). If nobody says who is in it, it is not ``named``,
    and its ``person`` is its path, as if it showed somebody whom no other item shows.
    """

    path: Path
    corpus: str
    label: str
    person: str
    votes: tuple[int, ...] = ()
    named: bool = True


def ferplus(folder: Path, split: str) -> list[Item]:
    """FER+ (Barsoum et al., 2016): pictures with the votes of ten people; the label is their majority, or ""."""
    folder = check_exists(folder) / FERPLUS_SPLITS[split]
    with open(check_exists(folder / "label.csv"), encoding="utf-8", newline="") as file:
        rows = [(row[0], tuple(int(vote) for vote in row[2:12])) for row in csv.reader(file)]
    return [Item(folder / name, "ferplus", majority(votes), f"ferplus-{split}", votes) for name, votes in rows]


def majority(votes: Sequence[int]) -> str:
    """FER+'s majority label, or "" if there is none.

    Counted as by the data set's authors: single votes are dropped as noise; more than half of the others must agree on
    one of the eight emotions (the last two columns are "unknown" and "not a face").
    """
    counted = np.where(np.asarray(votes) <= 1, 0, votes)
    best = int(counted.argmax())
    if best >= len(FERPLUS_LABELS) or counted[best] * 2 <= counted.sum():
        return ""
    return FERPLUS_LABELS[best]


def ravdess(folder: Path) -> list[Item]:
    """RAVDESS speech (Livingstone and Russo, 2018): Actor_XX/ with modality-channel-emotion-...-actor names."""
    return [
        Item(path, "ravdess", RAVDESS_LABELS[int(path.stem.split("-")[2]) - 1], f"ravdess-{path.stem.split('-')[6]}")
        for path in recordings(folder, "Actor_*/*")
    ]


def nemo(folder: Path) -> list[Item]:
    """nEMO (Christop, 2024): data.tsv names file, emotion and speaker; samples/ holds the clips, matched by stem."""
    folder = check_exists(folder)
    with open(check_exists(folder / "data.tsv"), newline="", encoding="utf-8") as file:
        rows = {Path(row["file_id"]).stem: row for row in csv.DictReader(file, delimiter="\t")}
    return [
        Item(path, "nemo", rows[path.stem]["emotion"], f"nemo-{rows[path.stem]['speaker_id'].strip()}")
        for path in recordings(folder, "samples/*")
        if path.stem in rows
    ]


def ased(folder: Path) -> list[Item]:
    """ASED (Retta et al., 2023): one folder per label; the speaker is the last field of the name."""
    return [
        Item(path, "ased", ASED_FOLDERS[path.parent.name], f"ased-{path.stem.split('-')[-1]}")
        for path in recordings(folder, "0*/*")
    ]


def javanese(folder: Path) -> list[Item]:
    """Acted Javanese speech, voices or videos: actor-sentence-emotion_repetition."""
    return [
        Item(path, "javanese", JAVANESE_LABELS[int(path.stem[6:8]) - 1], f"javanese-{path.stem[:2]}")
        for path in recordings(folder, "*-*-*_*")
    ]


def voices(data: Path) -> list[Item]:
    """All voice clips of the four corpora in ``data`` (RAVDESS, nEMO, ASED, JavaneseAudio)."""
    data = check_exists(data)
    return [*ravdess(data / "RAVDESS"), *nemo(data / "nEMO"), *ased(data / "ASED"), *javanese(data / "JavaneseAudio")]


def ordinary(data: Path) -> list[Item]:
    """Ordinary speech in ``data``/OrdinarySpeech, as listed in its ``labels.csv``.

    The corpus of an item is its folder (barista, speechocean, korean). Items without a label are left out; an item
    without a named speaker counts as a person of its own.
    """
    folder = check_exists(Path(data) / "OrdinarySpeech")
    with open(check_exists(folder / "labels.csv"), newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"]]
    return [
        Item(folder / row["file"], row["file"].split("/")[0], row["label"], row["speaker"] or row["file"])
        for row in rows
    ]


def webfaces(data: Path, split: str) -> list[Item]:
    """Press and film pictures in ``data``/WebFaces, of the people of one split ("train" or "valid")."""
    folder = check_exists(Path(data) / "WebFaces")
    with open(check_exists(folder / "labels.csv"), newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    return [Item(folder / "images" / row["image"], "webfaces", row["label"], row["person"]) for row in rows]


def folds_of(items: Sequence[Item]) -> np.ndarray:
    """The fold (0 to 4) in which each item's person is held out, NEVER for people who never are: (N,) int.

    RAVDESS and Javanese people are held out in one fold each; those of nEMO and ASED are trained on in every fold.
    """
    folds = {f"ravdess-{actor:02d}": fold for fold, actors in enumerate(RAVDESS_FOLDS) for actor in actors}
    folds |= {f"javanese-{actor}": fold for fold, actors in enumerate(JAVANESE_FOLDS) for actor in actors}
    return np.array([folds.get(item.person, NEVER) for item in items])


def recordings(folder: Path, pattern: str) -> list[Path]:
    """The media files in a folder, sorted. Raises EmorecError if there are none."""
    found = sorted(path for path in check_exists(folder).glob(pattern) if path.suffix.lower() in MEDIA_SUFFIXES)
    if not found:
        raise EmorecError(f"{folder} holds no recordings named like {pattern}; is it the data set's own folder?")
    return found


MEDIA_SUFFIXES = {".opus", ".wav", ".flac", ".mp3", ".m4a", ".ogg", ".mp4", ".flv", ".avi", ".mkv", ".webm", ".mov"}


def check_exists(path: str | Path) -> Path:
    """Return the path. Raises EmorecError if it does not exist."""
    path = Path(path)
    if not path.exists():
        raise EmorecError(f"{path} does not exist; give the folder that holds the data sets.")
    return path
