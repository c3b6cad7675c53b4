"""Results and labels of many recordings, in two folders, that belong together by their names."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from emorec.errors import EmorecError
from emorec.output import names

RESULTS = (".csv", ".json", ".tsv", ".parquet")  # of several of one recording, the first
LABELS = (".csv", ".tsv", ".eaf", ".textgrid")
OTHERS = (".compare", ".people")  # ends of the names of files beside results
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


def paired(results: Path, labels: str | PathLike[str]) -> list[tuple[Path, Path]]:
    """The files of results and of labels that belong together, in the order of names. Raises EmorecError."""
    found, theirs = _results(results, Path(labels)), _labels(results, Path(labels))
    pairs = [
        (_one(results, ours, found[ours]), _only(Path(labels), name, theirs[name]))
        for name, ours in sorted(_matched([*found], [*theirs]).items())
    ]
    if not pairs:
        raise EmorecError(NO_PAIR.format(labels=Path(labels), results=results))
    return pairs


def notes(results: Path, labels: str | PathLike[str], failed: dict[str, EmorecError]) -> list[str]:
    """Notes about what ``failed`` to be compared, by name, about pairs of two names, and labels without a result."""
    theirs = _labels(results, Path(labels))
    matched = _matched([*_results(results, Path(labels))], [*theirs])
    unlike = [f"{name} ({ours})" for name, ours in sorted(matched.items()) if name != ours]
    more, lacking = [*failed][MAX_NAMED:], sorted({*theirs} - {*matched})
    told = [LEFT_OUT.format(name=name, reason=failed[name]) for name in [*failed][:MAX_NAMED]]
    for sentence, listed in ((MORE_LEFT_OUT, more), (LONGER, unlike), (NO_RESULT, lacking)):
        told += [sentence.format(names=named(listed))] if listed else []
    return told


def _matched(results: list[str], labels: list[str]) -> dict[str, str]:
    """The name of the result that belongs to the labels of each name.

    It is the same; or else the only one that goes on after a point, as a fusion and a person are part of it.
    """
    matched = {name: name for name in labels if name in results}
    for name in sorted({*labels} - {*matched}, key=len, reverse=True):  # interview.b.all is of interview.b
        longer = [ours for ours in results if ours.startswith(f"{name}.") and ours not in matched.values()]
        if len(longer) == 1:
            matched[name] = longer[0]
    return matched


def named(all_names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(all_names) - MAX_NAMED} more" if len(all_names) > MAX_NAMED else ""
    return ", ".join(all_names[:MAX_NAMED]) + more


def _labels(results: Path, labels: Path) -> dict[str, list[Path]]:
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
        found.setdefault(names.plain(path.stem), []).append(path)
    return found


def _results(results: Path, labels: Path) -> dict[str, list[Path]]:
    """The results in a folder and in those of its items, by name."""
    found: dict[str, list[Path]] = {}
    within = labels.resolve()
    for suffix in RESULTS:
        for path in sorted([*results.glob(f"*{suffix}"), *results.glob(f"*/*{suffix}")]):
            if path.name[0] != "." and path.parent.resolve() != within and not path.stem.endswith(OTHERS):
                found.setdefault(names.plain(path.stem), []).append(path)
    return found


def _one(results: Path, name: str, files: list[Path]) -> Path:
    places = list(dict.fromkeys(path.parent for path in files))
    if len(places) > 1:
        listed = named([str(place.relative_to(results)) for place in places])
        raise EmorecError(TWICE.format(results=results, name=name, places=listed))
    return files[0]


def _only(labels: Path, name: str, files: list[Path]) -> Path:
    if len(files) > 1:
        raise EmorecError(TWICE_LABELLED.format(labels=labels, name=name, files=named([path.name for path in files])))
    return files[0]
