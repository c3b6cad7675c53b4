"""Compare a result with labels that people gave to the same recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from emorec.agreement import cautions, folders, statistics, whose
from emorec.agreement import labels as hand
from emorec.agreement.comparison import Comparison
from emorec.agreement.emotion_words import Mapped, words
from emorec.agreement.labels import OTHER, Labels
from emorec.agreement.measures import LEAST_BLOCKS, MAX_SHIFT, Agreement, Shift
from emorec.agreement.results import ResultLike, Rows, rows_of
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import Timeline

SHIFT_STEP = 0.1  # seconds
# Share of the rows compared without a shift that must be left after one, so that a shift cannot win by comparing less.
LEFT_AFTER_SHIFT = 0.8

NOTHING_SHARED = (
    "No time is labelled in {labels} and has evidence in {name} ({ours}; labels from {start:.1f} to {end:.1f} s); "
    "check that both belong to the same recording."
)
NOTHING_IN_COMMON = (
    "No time is labelled in {labels} and has evidence in {name}; check that both are of the same recordings."
)
NOT_COMPARED = "No time is labelled and has evidence, so it is left out."
LEAST_BLOCKS_OF_LABEL = 2  # that have a label, for the interval of its recall


def compare(
    result: ResultLike,
    labels: str | PathLike[str],
    map: Mapped | None = None,
    tier: str | None = None,
    person: int | str | None = None,
) -> Comparison:
    """How far a result agrees with labels that people gave to the same recording.

    ``result`` is a timeline, or the CSV, TSV, JSON or Parquet file of one. ``labels`` is a CSV or TSV file with the
    columns start, end, label and, if there are several, person; or an ELAN (.eaf) or Praat (.TextGrid) file, of which
    ``tier`` chooses one tier. ``map`` adds words for the seven emotions, see ``emotion_words.words``. ``person`` is the
    number or the name of the person whom the labels describe, and "0=Anna" says that they call person 0 Anna; None
    takes the persons that the labels name, or the only one there is. A row is compared if it has evidence, and one
    emotion's labels fill at least half of it and more than any other's.

    Both may also be folders: results and labels of the same name (``01.csv`` and ``01.eaf``) belong together, and the
    rows of all recordings are compared as one; one that cannot be compared is left out, with a note. Raises
    EmorecError.
    """
    person, known = None if person is None else str(person), words(map)
    if not isinstance(result, Timeline) and Path(result).is_dir():
        return _folder(Path(result), labels, known, tier, person)
    part = _part("", result, labels, known, tier, person)
    if not part.compared:
        rows, read = part.rows, part.read
        ours = f"rows from {rows.start.min():.1f} to {rows.end.max():.1f} s"
        span = {"start": read.start.min(), "end": read.end.max()}
        raise EmorecError(NOTHING_SHARED.format(labels=read.name, name=rows.name, ours=ours, **span))
    return _compared(part.rows.name, part.read.name, [part], part.notes)


@dataclass(frozen=True)
class Part:
    """One recording of a comparison: what was ``read`` of its labels, and the ``pairs`` of rows and labels.

    ``rows`` (N,) are those of all pairs, ``labelled`` (N,) their labels as numbers, see ``labels.on_rows``. ``notes``
    are about this recording alone.
    """

    name: str
    read: Labels
    pairs: list[tuple[Rows, Labels]]
    rows: Rows
    labelled: np.ndarray
    notes: list[str]

    @property
    def compared(self) -> bool:
        """Whether any row is compared."""
        return bool(_used(self.labelled, self.rows).any())


def _part(
    name: str,
    result: ResultLike,
    labels: str | PathLike[str],
    known: Mapping[str, str | None],
    tier: str | None,
    person: str | None,
) -> Part:
    rows = rows_of(result)
    read = hand.read(labels, known, tier)
    pairs = whose.pairs(rows, read, person)
    left = [] if person is not None else whose.left_persons(read, pairs)
    notes = [*rows.notes, *left, *cautions.of_labels(read, pairs)]
    return Part(name, read, pairs, _joined([one for one, _ in pairs]), _labelled(pairs), notes)


def _folder(
    result: Path, labels: str | PathLike[str], known: Mapping[str, str | None], tier: str | None, person: str | None
) -> Comparison:
    """The comparison of the recordings of two folders. Raises EmorecError."""
    found: list[Part] = []
    failed: dict[str, EmorecError] = {}
    for path, theirs in folders.paired(result, labels):
        try:
            found.append(_part(path.stem, path, theirs, known, tier, person))
        except EmorecError as error:
            failed[path.stem] = error
    parts = [part for part in found if part.compared]
    if not parts:
        nothing = EmorecError(NOTHING_IN_COMMON.format(labels=Path(labels).name, name=result.name))
        raise next(iter(failed.values()), nothing)
    told: dict[str, list[str]] = {}
    for part in found:
        for note in part.notes if part.compared else [NOT_COMPARED]:
            told.setdefault(note, []).append(part.name)
    notes = [f"{note} ({folders.named(names)})" for note, names in told.items()]
    notes += folders.notes(result, labels, failed)
    name = f"{len(parts)} recordings of {result.resolve().name}"
    return _compared(name, Path(labels).resolve().name, parts, notes, several=True)


def _used(labelled: np.ndarray, rows: Rows) -> np.ndarray:
    """Which rows (N,) are compared."""
    return (labelled >= 0) & (labelled < OTHER) & (rows.dominant >= 0)


def _compared(name: str, labels: str, parts: list[Part], notes: list[str], several: bool = False) -> Comparison:
    """The comparison of all rows of the recordings; it says of which each row is if there are ``several``."""
    pairs = [pair for part in parts for pair in part.pairs]
    rows, labelled = _joined([part.rows for part in parts]), np.concatenate([part.labelled for part in parts])
    recording = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    used = _used(labelled, rows)
    sure = used & rows.sure
    lengths = rows.end - rows.start
    with_label = (labelled >= 0) & (labelled < OTHER)
    shift = _best_shift(pairs, int(used.sum()))
    every = _agreement(rows.chosen(used), labelled[used], recording[used])
    return Comparison(
        result=name,
        labels=labels,
        tier=parts[0].read.tier,
        every=every,
        sure=_agreement(rows.chosen(sure), labelled[sure], recording[sure]),
        shift=shift,
        labelled_seconds=float(lengths[with_label].sum()),
        compared_seconds=float(lengths[used].sum()),
        seconds=float(lengths.sum()),
        notes=(*notes, *cautions.of_agreement(labelled[used], every, shift)),
        start=rows.start,
        end=rows.end,
        persons=rows.persons,
        label=np.array([EMOTIONS[number] if 0 <= number < OTHER else "" for number in labelled]),
        dominant=np.array([EMOTIONS[number] if number >= 0 else "" for number in rows.dominant]),
        confidence=rows.confidence,
        is_sure=rows.sure,
        recordings=np.array([part.name for part in parts])[recording] if several else np.zeros(0, str),
    )


def _joined(parts: list[Rows]) -> Rows:
    columns = ("start", "end", "dominant", "confidence", "sure", "persons", "names")
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in columns)
    return Rows(parts[0].name, *joined, notes=parts[0].notes)


def _agreement(rows: Rows, labelled: np.ndarray, recording: np.ndarray) -> Agreement:
    """The agreement of rows that all have a label (N,) and evidence, and are of recordings with these numbers (N,)."""
    classes = len(EMOTIONS)
    counts = statistics.confusion(labelled, rows.dominant, classes)
    block = statistics.blocks(rows.start, rows.end, recording)
    number = int(block.max(initial=-1)) + 1
    drawn, each = None, np.zeros(0)
    if number >= LEAST_BLOCKS:
        pairs = (block * classes + labelled) * classes + rows.dominant
        each = np.bincount(pairs, minlength=number * classes * classes).reshape(number, -1).astype(float)
        drawn = (statistics.draws(number) @ each).reshape(-1, classes, classes)

    def estimate(measure):
        return statistics.estimate(measure(counts), None if drawn is None else measure(drawn))

    recalls, precisions = statistics.recalls(counts), statistics.precisions(counts)
    drawn_recalls = None
    if drawn is not None:
        # The recall of an emotion that was labelled in one block only has no interval.
        blocks_of = (each.reshape(number, classes, classes).sum(axis=2) > 0).sum(axis=0)
        drawn_recalls = np.where(blocks_of >= LEAST_BLOCKS_OF_LABEL, statistics.recalls(drawn), np.nan)
    bins, error = statistics.reliability(rows.confidence, labelled == rows.dominant)
    return Agreement(
        rows=len(rows),
        seconds=float((rows.end - rows.start).sum()),
        alpha=estimate(statistics.alpha),
        kappa=estimate(statistics.kappa),
        accuracy=estimate(statistics.accuracy),
        mean_recall=estimate(statistics.mean_recall),
        recall={
            name: statistics.estimate(recalls[index], None if drawn_recalls is None else drawn_recalls[:, index])
            for index, name in enumerate(EMOTIONS)
        },
        precision={name: statistics.estimate(precisions[index]).value for index, name in enumerate(EMOTIONS)},
        confusion=counts.astype(int),
        calibration=tuple(bins),
        calibration_error=statistics.estimate(error).value,
        blocks=number,
    )


def _best_shift(pairs: list[tuple[Rows, Labels]], compared: int) -> Shift:
    """The shift of the labels with the highest kappa."""
    steps = round(MAX_SHIFT / SHIFT_STEP)
    shifts = np.round(np.arange(-steps, steps + 1) * SHIFT_STEP, 6)
    kappas = np.full(len(shifts), np.nan)
    rows = _joined([one for one, _ in pairs])
    for index, shift in enumerate(shifts):
        labelled = _labelled(pairs, float(shift))
        used = _used(labelled, rows)
        if used.sum() >= LEFT_AFTER_SHIFT * compared:
            kappas[index] = _kappa(labelled, rows, used)
    if np.isnan(kappas).all():
        return Shift(seconds=0.0, kappa=None, kappa_as_given=None, tried=shifts, kappas=kappas)
    # Rows are longer than a step, so neighbouring shifts often fit equally well: of those nearest to 0 the middle one.
    highest = np.flatnonzero(kappas >= np.nanmax(kappas) - 1e-9)
    runs = np.split(highest, np.flatnonzero(np.diff(highest) > 1) + 1)
    run = min(runs, key=lambda each: np.abs(shifts[each]).min())
    best = steps if steps in run else run[len(run) // 2]
    moved, given = _labelled(pairs, float(shifts[best])), _labelled(pairs)
    both = _used(moved, rows) & _used(given, rows)
    return Shift(
        seconds=float(shifts[best]),
        kappa=statistics.estimate(_kappa(moved, rows, both)).value,
        kappa_as_given=statistics.estimate(_kappa(given, rows, both)).value,
        tried=shifts,
        kappas=kappas,
    )


def _labelled(pairs: list[tuple[Rows, Labels]], shift: float = 0.0) -> np.ndarray:
    """The labels (N,) of the rows of all pairs as numbers, see ``labels.on_rows``, moved by ``shift`` (s)."""
    return np.concatenate([hand.on_rows(labels, rows.start, rows.end, shift) for rows, labels in pairs])


def _kappa(labelled: np.ndarray, rows: Rows, used: np.ndarray) -> np.ndarray:
    return statistics.kappa(statistics.confusion(labelled[used], rows.dominant[used], len(EMOTIONS)))
