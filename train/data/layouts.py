"""How public corpora and a user's own folders and tables lay their items out: each a reader (folder, task) -> Items."""

import csv
from dataclasses import replace

from emorec.errors import EmorecError
from train.data import datasets
from train.data.datasets import MEDIA_SUFFIXES, Item, existing

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
VIDEOS = {".mp4", ".flv", ".avi", ".mkv", ".webm", ".mov"}
USABLE = {"face": PICTURES | VIDEOS, "voice": MEDIA_SUFFIXES, "fusion": VIDEOS}

CREMAD_LABELS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
RAVDESS_MODALITIES = {"face": ("01", "02"), "voice": ("03", "01"), "fusion": ("01",)}  # in order of preference
FER2013_VALID = ("valid", "val", "validation", "PublicTest", "test")


def ravdess(folder, task):
    """RAVDESS speech: of each utterance the recording that suits the task (name: modality-channel-emotion-...)."""
    found = {}
    wanted = RAVDESS_MODALITIES[task]
    for item in datasets.ravdess(folder):
        modality, channel, *rest = item.path.stem.split("-")
        if channel != "01" or modality not in wanted or item.path.suffix.lower() not in USABLE[task]:
            continue
        key = tuple(rest)
        if key not in found or wanted.index(modality) < wanted.index(found[key].path.stem[:2]):
            found[key] = item
    return _some([found[key] for key in sorted(found)], folder, task)


def cremad(folder, task):
    """CREMA-D (Cao et al., 2014): actor_sentence_emotion_level; AudioWAV for voices where it is there, else videos."""
    found = {}
    for path in _files(folder, USABLE[task] - PICTURES):
        parts = path.stem.split("_")
        if len(parts) == 4 and parts[2] in CREMAD_LABELS:
            item = Item(path, "cremad", CREMAD_LABELS[parts[2]], f"cremad-{parts[0]}")
            if path.stem not in found or path.suffix.lower() not in VIDEOS:
                found[path.stem] = item
    return _some([found[stem] for stem in sorted(found)], folder, task)


def javanese(folder, task):
    """The Javanese clips, voices or videos."""
    return _some([i for i in datasets.javanese(folder) if i.path.suffix.lower() in USABLE[task]], folder, task)


def ferplus(folder, task):
    """FER+: its Train and Valid parts."""
    return _some([item for part in ("train", "valid") for item in datasets.ferplus(folder, part)], folder, task)


def fer2013(folder, task):
    """FER2013 in folders: train/LABEL/*.png beside test/LABEL/*.png (or valid, PublicTest)."""
    parts = {"train": existing(folder) / "train"}
    valid = next((name for name in FER2013_VALID if (folder / name).is_dir()), None)
    if not parts["train"].is_dir() or valid is None:
        raise EmorecError(
            f"{folder} is not FER2013 in folders; it should hold train and one of {', '.join(FER2013_VALID)}."
        )
    parts["valid"] = folder / valid
    return _some(
        [
            replace(item, corpus="fer2013", person=f"fer2013-{name}")
            for name, part in parts.items()
            for item in by_folder(part, task)
        ],
        folder,
        task,
    )


def by_folder(folder, task):
    """One folder a label, with the items in it or, where people are known, LABEL/PERSON/item."""
    items = []
    for path in _files(folder, USABLE[task]):
        label, *between = path.relative_to(folder).parts[:-1] or ("",)
        if not label:
            raise EmorecError(f"{path.name} lies in {folder} itself; put every item into a folder named by its label.")
        items.append(Item(path, "folder", label, between[0] if between else str(path.resolve())))
    return _some(items, folder, task)


def by_csv(file, task):
    """A CSV file (or the folder of one) with the columns path, label and, where people are known, person."""
    file = existing(file)
    if file.is_dir():
        tables = sorted(file.glob("*.csv"))
        if len(tables) != 1:
            raise EmorecError(f"{file} holds {len(tables)} CSV files; name the one with path,label,person.")
        file = tables[0]
    try:
        with open(file, newline="", encoding="utf-8-sig") as table:
            rows = list(csv.DictReader(table))
    except (OSError, ValueError, csv.Error) as error:
        raise EmorecError(f"{file} cannot be read as a CSV table ({error}).") from None
    if not rows or not {"path", "label"} <= rows[0].keys():
        raise EmorecError(f"{file} needs a first line with the columns path,label,person, and a line for each item.")
    items = []
    for number, row in enumerate(rows, 2):
        if not row["path"] or not row["label"]:
            raise EmorecError(f"Line {number} of {file} lacks its path or its label.")
        path = file.parent / row["path"]
        items.append(Item(path, "csv", row["label"], (row.get("person") or "").strip() or str(path.resolve())))
    return _some([item for item in items if item.path.suffix.lower() in USABLE[task]], file, task)


READERS = {
    "ravdess": ravdess,
    "ferplus": ferplus,
    "fer2013": fer2013,
    "javanese": javanese,
    "nemo": lambda folder, task: _some(datasets.nemo(folder), folder, task),
    "ased": lambda folder, task: _some(datasets.ased(folder), folder, task),
    "cremad": cremad,
    "folder": by_folder,
    "csv": by_csv,
}


def _files(folder, suffixes):
    folder = existing(folder)
    if not folder.is_dir():
        raise EmorecError(f"{folder} is not a folder.")
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and not p.name.startswith("."))


def _some(items, folder, task):
    kept = [item for item in items if item.path.suffix.lower() in USABLE[task]]
    if not kept:
        what = {"face": "pictures or videos", "voice": "recordings", "fusion": "videos"}[task]
        raise EmorecError(f"{folder} holds no {what} in the data set's layout; is it the right folder for this task?")
    return kept
