"""Readers of the layouts of public corpora and of a user's folders and tables: (folder, task) -> items.

Each raises EmorecError if the folder holds no items for the task ("face", "voice" or "fusion").
"""

from __future__ import annotations

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError
from train import distributed
from train.data import datasets
from train.data.datasets import MEDIA_SUFFIXES, Item, check_exists

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
VIDEOS = {".mp4", ".flv", ".avi", ".mkv", ".webm", ".mov"}
USABLE = {"face": PICTURES | VIDEOS, "voice": MEDIA_SUFFIXES, "fusion": VIDEOS}
KNOWN = set().union(*USABLE.values())
OF_SYSTEM = ("thumbs.db", "desktop.ini")  # names of files that Windows adds to folders, in lower case
KINDS = {"face": "pictures or videos", "voice": "recordings", "fusion": "videos"}

UNREAD = "{where}: files of kinds that are not read are left out: {kinds}; convert those with pictures or sound."
LINKED_TWICE = "{folder}: linked folders that are also elsewhere in it are read once; left out: {names}."
CLOSED = "{folder} is left out, because it cannot be read ({reason})."
TWICE = "{file}: lines that name the file of a line before them are left out ({count})."
OTHER_LABEL = "Line {number} of {file} gives {path} another label or person than line {first}; leave one of them."
report_once = cache(distributed.report)  # the same folder is read once for each task

CREMAD_LABELS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
RAVDESS_MODALITIES = {"face": ("01", "02"), "voice": ("03", "01"), "fusion": ("01",)}  # in order of preference
FER2013_VALID = ("valid", "val", "validation", "PublicTest", "test")


def ravdess(folder: Path, task: str) -> list[Item]:
    """RAVDESS speech: for each utterance the best recording for the task (name: modality-channel-emotion-...)."""
    found = {}
    wanted = RAVDESS_MODALITIES[task]
    for item in datasets.ravdess(folder):
        modality, channel, *rest = item.path.stem.split("-")
        if channel != "01" or modality not in wanted or item.path.suffix.lower() not in USABLE[task]:
            continue
        key = tuple(rest)
        if key not in found or wanted.index(modality) < wanted.index(found[key].path.stem[:2]):
            found[key] = item
    return _usable([found[key] for key in sorted(found)], folder, task)


def cremad(folder: Path, task: str) -> list[Item]:
    """CREMA-D (Cao et al., 2014): actor_sentence_emotion_level; for voices AudioWAV if it exists, else videos."""
    found = {}
    for path in _files(folder, USABLE[task] - PICTURES):
        parts = path.stem.split("_")
        if len(parts) == 4 and parts[2] in CREMAD_LABELS:
            item = Item(path, "cremad", CREMAD_LABELS[parts[2]], f"cremad-{parts[0]}")
            if path.stem not in found or path.suffix.lower() not in VIDEOS:
                found[path.stem] = item
    return _usable([found[stem] for stem in sorted(found)], folder, task)


def javanese(folder: Path, task: str) -> list[Item]:
    """The Javanese clips, voices or videos."""
    return _usable([i for i in datasets.javanese(folder) if i.path.suffix.lower() in USABLE[task]], folder, task)


def ferplus(folder: Path, task: str) -> list[Item]:
    """FER+: its Train and Valid parts."""
    return _usable([item for part in ("train", "valid") for item in datasets.ferplus(folder, part)], folder, task)


def fer2013(folder: Path, task: str) -> list[Item]:
    """FER2013 in folders: train/LABEL/*.png beside test/LABEL/*.png (or valid, PublicTest)."""
    parts = {"train": check_exists(folder) / "train"}
    valid = next((name for name in FER2013_VALID if (folder / name).is_dir()), None)
    if not parts["train"].is_dir() or valid is None:
        raise EmorecError(
            f"{folder} is not FER2013 in folders; it should hold train and one of {', '.join(FER2013_VALID)}."
        )
    parts["valid"] = folder / valid
    return _usable(
        [
            replace(item, corpus="fer2013", person=f"fer2013-{name}", named=True)
            for name, part in parts.items()
            for item in by_folder(part, task)
        ],
        folder,
        task,
    )


def by_folder(folder: Path, task: str) -> list[Item]:
    """One folder per label: LABEL/item or, if the persons are known, LABEL/PERSON/item."""
    items = []
    for path in _files(folder, USABLE[task]):
        label, *between = path.relative_to(folder).parts[:-1] or ("",)
        if not label:
            raise EmorecError(f"{path.name} lies in {folder} itself; put every item into a folder named by its label.")
        items.append(_item(path, "folder", label, between[0] if between else ""))
    return _usable(items, folder, task)


def by_csv(file: Path, task: str) -> list[Item]:
    """A CSV file (or the folder of one) with the columns path, label and, if the persons are known, person."""
    file = check_exists(file)
    if file.is_dir():
        tables = sorted(file.glob("*.csv"))
        if len(tables) != 1:
            raise EmorecError(f"{file} holds {len(tables)} CSV files; name the one with path,label,person.")
        file = tables[0]
    try:
        with open(file, newline="", encoding="utf-8-sig") as table:
            heading = table.readline()
            table.seek(0)
            # Spreadsheets write semicolons where numbers have decimal commas.
            reader = csv.DictReader(table, delimiter=max(",;\t", key=heading.count), skipinitialspace=True)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise EmorecError(f"{file} cannot be read as a CSV table ({error}).") from None
    if not rows or not {"path", "label"} <= rows[0][1].keys():
        raise EmorecError(f"{file} needs a first line with the columns path,label,person, and a line for each item.")
    items: dict[Path, Item] = {}
    first: dict[Path, int] = {}
    for number, row in rows:
        path, label, person = ((row.get(column) or "").strip() for column in ("path", "label", "person"))
        if not path or not label:
            raise EmorecError(f"Line {number} of {file} lacks its path or its label.")
        item = _item(file.parent / path, "csv", label, person)
        whole = item.path.resolve()
        if whole in items and (items[whole].label, items[whole].person) != (item.label, item.person):
            raise EmorecError(OTHER_LABEL.format(number=number, file=file, path=path, first=first[whole]))
        first.setdefault(whole, number)
        items.setdefault(whole, item)
    if len(items) < len(rows):
        report_once(TWICE.format(file=file, count=len(rows) - len(items)))
    _report_unread(file, items)
    return _usable([item for item in items.values() if item.path.suffix.lower() in USABLE[task]], file, task)


def normalise_name(text: str) -> str:
    """A label or a person's name in the form in which it is compared.

    That is valid text with composed characters (NFC) and no spaces around it.

    macOS writes the "é" of a folder's name as two characters, and most other programs as one.
    """
    return unicodedata.normalize("NFC", files.shown(text)).strip()


def _item(path: Path, corpus: str, label: str, person: str) -> Item:
    person = normalise_name(person)
    return Item(path, corpus, normalise_name(label), person or str(path.resolve()), named=bool(person))


READERS: dict[str, Callable[[Path, str], list[Item]]] = {
    "ravdess": ravdess,
    "ferplus": ferplus,
    "fer2013": fer2013,
    "javanese": javanese,
    "nemo": lambda folder, task: _usable(datasets.nemo(folder), folder, task),
    "ased": lambda folder, task: _usable(datasets.ased(folder), folder, task),
    "cremad": cremad,
    "folder": by_folder,
    "csv": by_csv,
}


def _files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files with one of the suffixes in a folder and all below it, also linked ones, sorted; reports the others."""
    folder = check_exists(folder)
    if not folder.is_dir():
        raise EmorecError(f"{folder} is not a folder.")
    found: list[Path] = []
    seen, linked_twice = {os.path.realpath(folder)}, []
    unreadable: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
        for name in sorted(folders, key=lambda name: os.path.islink(os.path.join(root, name))):
            place = os.path.realpath(os.path.join(root, name))
            if place in seen:  # it is read already, or a link to a folder above it would be followed without end
                linked_twice.append(str(Path(root, name).relative_to(folder)))
                folders.remove(name)
            seen.add(place)
        found += [Path(root, name) for name in names if name[0] != "." and name.lower() not in OF_SYSTEM]
    _report_unread(folder, found)
    if linked_twice:
        report_once(LINKED_TWICE.format(folder=folder, names=", ".join(sorted(linked_twice))))
    for error in unreadable:
        report_once(CLOSED.format(folder=error.filename, reason=error.strerror))
    return sorted(path for path in found if path.suffix.lower() in suffixes)


def _report_unread(where: Path, paths: Iterable[Path]) -> None:
    """Report the files that no task reads."""
    counts = Counter(suffix for path in paths if (suffix := path.suffix.lower()) not in KNOWN)
    if counts:
        kinds = ", ".join(f"{suffix or 'no ending'} ({count})" for suffix, count in sorted(counts.items()))
        report_once(UNREAD.format(where=where, kinds=kinds))


def _usable(items: list[Item], folder: Path, task: str) -> list[Item]:
    selected = [item for item in items if item.path.suffix.lower() in USABLE[task]]
    if not selected:
        raise EmorecError(
            f"{folder} holds no {KINDS[task]} in the data set's layout; is it the right folder for this task?"
        )
    return selected
