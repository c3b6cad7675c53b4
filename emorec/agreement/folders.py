"""Results and labels of many recordings in two folders, paired by the names of the files."""

from __future__ import annotations

import unicodedata
from os import PathLike
from pathlib import Path

from emorec.errors import EmorecError
from emorec.output import names

RESULTS = (".csv", ".json", ".tsv", ".parquet")  # if a recording has several of these, the first one counts
LABELS = (".csv", ".tsv", ".eaf", ".textgrid")
OTHERS = (".compare", ".people")  # ends of the names of other files that lie beside results
MAX_NAMED = 5

NO_FOLDER = "{labels} is no folder, and {results} is one; give two files, or two folders."
SAME_FOLDER = (
    "Results and labels are in one folder, so their names cannot tell them apart; put the labels into another."
)
NO_LABELS = "The folder {labels} holds no labels (CSV, TSV, ELAN or TextGrid files)."
NO_PAIR = (
    "No file of labels in {labels} has the name of a result in {results}; call the labels of interview.csv "
    "interview.csv, interview.eaf or interview.TextGrid."
)
TWICE = "{results} has several results of {name} ({places}); move all but one of them to another folder."
TWICE_LABELLED = (
    "{labels} has several files with labels of {name} ({files}); move all but one of them to another folder."
)
LEFT_OUT = "{name} is left out: {reason}"
MORE_LEFT_OUT = "Also left out, for reasons such as these: {names}."
LONGER = "Labels are compared with the only result whose name begins as theirs: {names}."
NO_RESULT = "Labels without a result of the same name are left out: {names}."


def pair_files(results: Path, labels: str | PathLike[str]) -> list[tuple[Path, Path]]:
    """The files of results and of labels that belong together, in the order of names. Raises EmorecError."""
    result_files, label_files = _result_files(results, Path(labels)), _label_files(results, Path(labels))
    pairs = [
        (_only_result(results, matched, result_files[matched]), _only_labels(Path(labels), name, label_files[name]))
        for name, matched in sorted(_match([*result_files], [*label_files]).items())
    ]
    if not pairs:
        raise EmorecError(NO_PAIR.format(labels=Path(labels), results=results))
    return pairs


def notes(results: Path, labels: str | PathLike[str], failed: dict[str, EmorecError]) -> list[str]:
    """Notes about recordings that ``failed`` (by name), pairs with different names, and labels without a result."""
    label_files = _label_files(results, Path(labels))
    matched = _match([*_result_files(results, Path(labels))], [*label_files])
    different = [f"{name} ({result})" for name, result in sorted(matched.items()) if name != result]
    more_failed, without_result = [*failed][MAX_NAMED:], sorted({*label_files} - {*matched})
    sentences = [LEFT_OUT.format(name=name, reason=failed[name]) for name in [*failed][:MAX_NAMED]]
    for sentence, listed in ((MORE_LEFT_OUT, more_failed), (LONGER, different), (NO_RESULT, without_result)):
        sentences += [sentence.format(names=list_names(listed))] if listed else []
    return sentences


def list_names(all_names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(all_names) - MAX_NAMED} more" if len(all_names) > MAX_NAMED else ""
    return ", ".join(all_names[:MAX_NAMED]) + more


def _match(results: list[str], labels: list[str]) -> dict[str, str]:
    """The name of the result that belongs to the labels of each name.

    It is the same name. If no result has it, it is the only result whose name goes on after it with a point, because
    the name of a result may have a fusion and a person at its end.
    """
    matched = {name: name for name in labels if name in results}
    for name in sorted({*labels} - {*matched}, key=len, reverse=True):  # interview.b.all belongs to interview.b
        longer = [each for each in results if each.startswith(f"{name}.") and each not in matched.values()]
        if len(longer) == 1:
            matched[name] = longer[0]
    return matched


def _name_of(path: Path) -> str:
    """The name by which results and labels of one recording are alike: macOS may write é as e with an accent."""
    return unicodedata.normalize("NFC", names.file_stem(path.stem))


def _label_files(results: Path, labels: Path) -> dict[str, list[Path]]:
    """The files of labels in a folder, by the name that results of the same recording have. Raises EmorecError."""
    if not labels.is_dir():
        raise EmorecError(NO_FOLDER.format(labels=labels, results=results))
    if labels.resolve() == results.resolve():
        raise EmorecError(SAME_FOLDER)
    files = sorted(path for path in labels.iterdir() if path.suffix.lower() in LABELS and path.name[0] != ".")
    if not files:
        raise EmorecError(NO_LABELS.format(labels=labels))
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(_name_of(path), []).append(path)
    return found


def _result_files(results: Path, labels: Path) -> dict[str, list[Path]]:
    """The files of results in a folder and in its subfolders, by name."""
    found: dict[str, list[Path]] = {}
    label_folder = labels.resolve()  # it may be in the folder of results
    for suffix in RESULTS:
        for path in sorted([*results.glob(f"*{suffix}"), *results.glob(f"*/*{suffix}")]):
            if path.name[0] != "." and path.parent.resolve() != label_folder and not path.stem.endswith(OTHERS):
                found.setdefault(_name_of(path), []).append(path)
    return found


def _only_result(results: Path, name: str, files: list[Path]) -> Path:
    """The first file of a result. Raises EmorecError if there are several in different folders."""
    places = list(dict.fromkeys(path.parent for path in files))
    if len(places) > 1:
        listed = list_names([str(place.relative_to(results)) for place in places])
        raise EmorecError(TWICE.format(results=results, name=name, places=listed))
    return files[0]


def _only_labels(labels: Path, name: str, files: list[Path]) -> Path:
    """The only file with the labels of a recording. Raises EmorecError if there are several."""
    if len(files) > 1:
        raise EmorecError(
            TWICE_LABELLED.format(labels=labels, name=name, files=list_names([path.name for path in files]))
        )
    return files[0]
