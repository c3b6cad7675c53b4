"""Compare a result with labels that people gave to the same recording."""

from __future__ import annotations

from os import PathLike

import numpy as np

from emorec.agreement import labels as hand
from emorec.agreement import statistics
from emorec.agreement.comparison import Comparison
from emorec.agreement.emotion_words import Mapped, words
from emorec.agreement.labels import OTHER, Labels
from emorec.agreement.measures import Agreement, Shift
from emorec.agreement.results import ResultLike, Rows, rows_of
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError

MAX_SHIFT = 5.0  # seconds by which labels are moved at most
SHIFT_STEP = 0.1  # seconds
# Share of the rows compared without a shift that must be left after one, so that a shift cannot win by comparing less.
LEFT_AFTER_SHIFT = 0.8

NO_PERSON = "{name} has no person {person!r}; it has {persons}."
WHOSE = "{name} has several persons ({persons}); say with --person whom the labels in {labels} describe."
NO_SUCH_PERSONS = "The labels in {labels} name {theirs}, but {name} has the persons {ours}; choose one with --person."
NOT_LABELLED = (
    "The labels in {labels} name {theirs}, and not person {person} of {name}; call the person the same in both, or "
    "choose another one with --person."
)
LEFT_PERSONS = "Labels of persons whom the result does not show are left out: {persons}."
NO_NAME = "(no name)"
NOTHING_SHARED = (
    "No time is labelled in {labels} and has evidence in {name} ({ours}; labels from {start:.1f} to {end:.1f} s); "
    "check that both belong to the same recording."
)
FEW_LABELLED = "The labels name only {count} of the seven emotions; a result with another one counts as wrong."
UNKNOWN_LABELS = "Labels that are not known are left out: {labels}; --map says what they mean."
LEFT_OUT = "Labels without a counterpart among the seven emotions are left out: {labels}."
NO_INTERVAL = "The labels are too short for intervals; at least {blocks} blocks of {seconds:.0f} s are needed."
AT_THE_EDGE = "The shift that fits best is the largest that was tried; the labels may belong to another recording."
SHORT_LABELS = "Most labels are shorter than the rows of the result; a smaller step (--step_sec) compares more of them."
LEAST_BLOCKS = 5  # for an interval
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
    number or the name of the person whom the labels describe; None takes the persons that the labels name, or the only
    one there is. A row is compared if it has evidence, and one emotion's labels fill at least half of it and more than
    any other's. Raises EmorecError.
    """
    rows = rows_of(result)
    read = hand.read(labels, words(map), tier)
    pairs = _pairs(rows, read, None if person is None else str(person))
    rows = _joined([one for one, _ in pairs])
    labelled = np.concatenate([hand.on_rows(two, one.start, one.end) for one, two in pairs])
    used = (labelled >= 0) & (labelled < OTHER) & (rows.dominant >= 0)
    if not used.any():
        ours = f"rows from {rows.start.min():.1f} to {rows.end.max():.1f} s"
        span = {"start": read.start.min(), "end": read.end.max()}
        raise EmorecError(NOTHING_SHARED.format(labels=read.name, name=rows.name, ours=ours, **span))
    lengths = rows.end - rows.start
    with_label = (labelled >= 0) & (labelled < OTHER)
    shift = _best_shift(pairs, int(used.sum()))
    every = _agreement(rows.chosen(used), labelled[used])
    return Comparison(
        result=rows.name,
        labels=read.name,
        tier=read.tier,
        every=every,
        sure=_agreement(rows.chosen(used & rows.sure), labelled[used & rows.sure]),
        shift=shift,
        labelled_seconds=float(lengths[with_label].sum()),
        compared_seconds=float(lengths[used].sum()),
        seconds=float(lengths.sum()),
        notes=(
            *rows.notes,
            *([] if person is not None else _left_persons(read, pairs)),
            *_notes(read, rows, labelled[used], every, shift),
        ),
        start=rows.start,
        end=rows.end,
        persons=rows.persons,
        label=np.array([EMOTIONS[number] if 0 <= number < OTHER else "" for number in labelled]),
        dominant=np.array([EMOTIONS[number] if number >= 0 else "" for number in rows.dominant]),
        confidence=rows.confidence,
        is_sure=rows.sure,
    )


def _order(person: str) -> tuple[bool, int, str]:
    """A key that sorts numbers of persons by their value, and names after them."""
    return not person.isdecimal(), int(person) if person.isdecimal() else 0, person


def _pairs(rows: Rows, labels: Labels, person: str | None) -> list[tuple[Rows, Labels]]:
    """The rows and the labels that belong together, one pair for each person."""
    ours = sorted({each for each in rows.persons.tolist() if each}, key=_order)
    theirs = [each for each in dict.fromkeys(labels.persons.tolist()) if each]
    several = len(np.unique(rows.start)) < len(rows)
    listed = ", ".join(_called(rows, each) for each in ours) or "none"
    if person is not None:
        mine = (rows.persons == person) | (rows.names == person)
        if not mine.any():
            raise EmorecError(NO_PERSON.format(name=rows.name, person=person, persons=listed))
        called = {person, *rows.names[mine].tolist(), *rows.persons[mine].tolist()}
        about = _is_of(labels, *called)
        # Labels of one person count as those of the chosen one, who may be called something else in the result.
        others = {*ours, *rows.names.tolist()} - called
        if theirs and not about.any() and (len(theirs) > 1 or theirs[0] in others):
            raise EmorecError(
                NOT_LABELLED.format(labels=labels.name, theirs=", ".join(theirs), person=person, name=rows.name)
            )
        return [(rows.chosen(mine), labels.chosen(about) if about.any() else labels)]
    # Labels of one person who is called something else here, like those of nobody, describe whomever a row is of.
    unknown = not {*theirs} & {*ours, *rows.names.tolist()}
    if len(theirs) < 2 and (len(ours) < 2 or unknown and not several):
        return [(rows, labels)]
    if not theirs:
        raise EmorecError(WHOSE.format(name=rows.name, persons=listed, labels=labels.name))
    found = []
    for each in ours:
        mine = rows.persons == each
        about = _is_of(labels, each, rows.names[mine][0])
        if about.any():
            found.append((rows.chosen(mine), labels.chosen(about)))
    if not found:
        raise EmorecError(
            NO_SUCH_PERSONS.format(labels=labels.name, theirs=", ".join(theirs), name=rows.name, ours=listed)
        )
    return found


def _left_persons(read: Labels, pairs: list[tuple[Rows, Labels]]) -> list[str]:
    """A sentence about the labels that belong to none of the pairs, if there are any."""
    used = np.concatenate([labels.persons for _, labels in pairs])
    left = [each or NO_NAME for each in dict.fromkeys(read.persons[~np.isin(read.persons, used)].tolist())]
    return [LEFT_PERSONS.format(persons=", ".join(left))] if left else []


def _is_of(labels: Labels, *names: str) -> np.ndarray:
    """Which labels name one of these persons."""
    return np.isin(labels.persons, [name for name in names if name])


def _called(rows: Rows, person: str) -> str:
    name = next(iter(rows.names[rows.persons == person]), "")
    return person if name in ("", f"person {person}") else f"{person} ({name})"


def _joined(parts: list[Rows]) -> Rows:
    columns = ("start", "end", "dominant", "confidence", "sure", "persons", "names")
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in columns)
    return Rows(parts[0].name, *joined, notes=parts[0].notes)


def _agreement(rows: Rows, labelled: np.ndarray) -> Agreement:
    """The agreement of rows that all have a label (N,) and evidence."""
    classes = len(EMOTIONS)
    counts = statistics.confusion(labelled, rows.dominant, classes)
    block = statistics.blocks(rows.start, rows.end)
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
    for index, shift in enumerate(shifts):
        counts, units = np.zeros((len(EMOTIONS), len(EMOTIONS))), 0
        for rows, labels in pairs:
            labelled = hand.on_rows(labels, rows.start, rows.end, float(shift))
            used = (labelled >= 0) & (labelled < OTHER) & (rows.dominant >= 0)
            counts += statistics.confusion(labelled[used], rows.dominant[used], len(EMOTIONS))
            units += int(used.sum())
        if units >= LEFT_AFTER_SHIFT * compared:
            kappas[index] = statistics.kappa(counts)
    if np.isnan(kappas).all():
        return Shift(seconds=0.0, kappa=None, kappa_as_given=None, tried=shifts, kappas=kappas)
    # Rows are longer than a step, so neighbouring shifts often fit equally well: of those nearest to 0 the middle one.
    highest = np.flatnonzero(kappas >= np.nanmax(kappas) - 1e-9)
    runs = np.split(highest, np.flatnonzero(np.diff(highest) > 1) + 1)
    run = min(runs, key=lambda each: np.abs(shifts[each]).min())
    best = steps if steps in run else run[len(run) // 2]
    return Shift(
        seconds=float(shifts[best]),
        kappa=statistics.estimate(kappas[best]).value,
        kappa_as_given=statistics.estimate(kappas[steps]).value,
        tried=shifts,
        kappas=kappas,
    )


def _notes(read: Labels, rows: Rows, labelled: np.ndarray, every: Agreement, shift: Shift) -> list[str]:
    def listed(texts: dict[str, float]) -> str:
        parts = [f"{text!r} ({seconds:.1f} s)" for text, seconds in texts.items()]
        return ", ".join(parts[: hand.MAX_NAMED]) + (" and others" if len(parts) > hand.MAX_NAMED else "")

    named, step = len(np.unique(labelled)), float(np.median(rows.end - rows.start))
    return [
        *([UNKNOWN_LABELS.format(labels=listed(read.unknown))] if read.unknown else []),
        *([LEFT_OUT.format(labels=listed(read.left_out))] if read.left_out else []),
        *([FEW_LABELLED.format(count=named)] if named < len(EMOTIONS) else []),
        *([SHORT_LABELS] if np.median(read.end - read.start) < step else []),
        *(
            [NO_INTERVAL.format(blocks=LEAST_BLOCKS, seconds=statistics.SHORTEST_BLOCK)]
            if every.blocks < LEAST_BLOCKS
            else []
        ),
        *([AT_THE_EDGE] if abs(shift.seconds) >= MAX_SHIFT - 1e-6 else []),
    ]
