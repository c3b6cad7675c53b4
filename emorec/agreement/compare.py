"""Compare a result with labels that people gave to the same recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from emorec.agreement import cautions, folders, pairing, statistics
from emorec.agreement.comparison import Comparison
from emorec.agreement.emotion_words import Mapped, label_meanings
from emorec.agreement.labels import Labels, read_labels
from emorec.agreement.measures import LEAST_BLOCKS, Agreement
from emorec.agreement.pairing import Pair
from emorec.agreement.results import ResultLike, Rows, join_rows, read_rows
from emorec.agreement.shifts import best_shift
from emorec.agreement.statistics import Estimate
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError

NO_LABELS = (
    "Labels are the path of a CSV file with the columns start, end and label, or of one of ELAN or Praat, not a "
    "{kind}; save them as such a file first."
)
NOTHING_SHARED = (
    "No time is labelled in {labels} and has evidence in {name} ({ours}; labels from {start:.1f} to {end:.1f} s); "
    "check that both belong to the same recording."
)
NOTHING_IN_COMMON = (
    "No time is labelled in {labels} and has evidence in {name}; check that both are of the same recordings."
)
NOT_COMPARED = "No time is labelled and has evidence, so it is left out."
LEAST_BLOCKS_OF_LABEL = 2  # blocks in which a label occurs, for an interval of its recall


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
    ``tier`` chooses one tier. ``map`` adds words for the seven emotions, see ``emotion_words.label_meanings``.
    ``person`` is the number or the name of the person whom the labels describe, and "0=Anna" says that they call person
    0 Anna; None takes the persons that the labels name, or the only one there is. A row is compared if it has evidence,
    and the labels of one emotion fill at least half of it and more than those of any other emotion.

    Both may also be folders: results and labels of the same name (``01.csv`` and ``01.eaf``) belong together, and the
    rows of all recordings are compared together. A recording that cannot be compared is left out, with a note. Raises
    EmorecError.
    """
    person, meanings = None if person is None else str(person), label_meanings(map)
    if not isinstance(labels, str | PathLike):
        raise EmorecError(NO_LABELS.format(kind=type(labels).__name__))
    if isinstance(result, str | PathLike) and Path(result).is_dir():
        return _compare_folders(Path(result), labels, meanings, tier, person)
    recording = _read_recording("", result, labels, meanings, tier, person)
    if not recording.compared:
        rows, read = recording.rows, recording.read
        ours = f"rows from {rows.start.min():.1f} to {rows.end.max():.1f} s"
        span = {"start": read.start.min(), "end": read.end.max()}
        raise EmorecError(NOTHING_SHARED.format(labels=read.name, name=rows.name, ours=ours, **span))
    return _comparison(recording.rows.name, recording.read.name, [recording], recording.notes)


@dataclass(frozen=True)
class LabelledRecording:
    """One recording of a comparison: the labels that were ``read``, and the ``pairs`` of rows and labels.

    ``rows`` (N,) are those of all pairs, ``labelled`` (N,) their labels as numbers, see ``labels.label_rows``.
    ``notes`` are about this recording alone.
    """

    name: str
    read: Labels
    pairs: list[Pair]
    rows: Rows
    labelled: np.ndarray
    notes: list[str]

    @property
    def compared(self) -> bool:
        """Whether any row is compared."""
        return bool(pairing.can_compare(self.labelled, self.rows).any())


def _read_recording(
    name: str,
    result: ResultLike,
    labels: str | PathLike[str],
    meanings: Mapping[str, str | None],
    tier: str | None,
    person: str | None,
) -> LabelledRecording:
    """Read the rows and the labels of a recording, and pair them. Raises EmorecError."""
    rows = read_rows(result)
    read = read_labels(labels, meanings, tier)
    pairs = pairing.pair_by_person(rows, read, person)
    left_out = [] if person is not None else pairing.left_persons(read, pairs)
    notes = [*rows.notes, *left_out, *cautions.label_cautions(read, pairs)]
    return LabelledRecording(
        name, read, pairs, join_rows([each for each, _ in pairs]), pairing.label_pairs(pairs), notes
    )


def _compare_folders(
    results: Path,
    labels: str | PathLike[str],
    meanings: Mapping[str, str | None],
    tier: str | None,
    person: str | None,
) -> Comparison:
    """The comparison of the recordings of two folders. Raises EmorecError."""
    recordings: list[LabelledRecording] = []
    failed: dict[str, EmorecError] = {}
    for result_file, label_file in folders.pair_files(results, labels):
        try:
            recordings.append(_read_recording(result_file.stem, result_file, label_file, meanings, tier, person))
        except EmorecError as error:
            failed[result_file.stem] = error
    compared = [recording for recording in recordings if recording.compared]
    if not compared:
        nothing = EmorecError(NOTHING_IN_COMMON.format(labels=Path(labels).name, name=results.name))
        raise next(iter(failed.values()), nothing)
    named: dict[str, list[str]] = {}  # the recordings that each note is about
    for recording in recordings:
        for note in recording.notes if recording.compared else [NOT_COMPARED]:
            named.setdefault(note, []).append(recording.name)
    notes = [f"{note} ({folders.list_names(names)})" for note, names in named.items()]
    notes += folders.notes(results, labels, failed)
    name = f"{len(compared)} recordings of {results.resolve().name}"
    return _comparison(name, Path(labels).resolve().name, compared, notes, several=True)


def _comparison(
    name: str, labels: str, recordings: list[LabelledRecording], notes: list[str], several: bool = False
) -> Comparison:
    """The comparison of all rows of the recordings; if there are ``several``, with the name of each row's recording."""
    pairs = [pair for recording in recordings for pair in recording.pairs]
    rows = join_rows([recording.rows for recording in recordings])
    labelled = np.concatenate([recording.labelled for recording in recordings])
    number = np.repeat(np.arange(len(recordings)), [len(recording.rows) for recording in recordings])
    used = pairing.can_compare(labelled, rows)
    sure = used & rows.sure
    lengths = rows.end - rows.start
    with_label = pairing.has_emotion(labelled)
    shift = best_shift(pairs, int(used.sum()))
    every = _agreement(rows.select(used), labelled[used], number[used])
    return Comparison(
        result=name,
        labels=labels,
        tier=recordings[0].read.tier,
        every=every,
        sure=_agreement(rows.select(sure), labelled[sure], number[sure]),
        shift=shift,
        labelled_seconds=float(lengths[with_label].sum()),
        compared_seconds=float(lengths[used].sum()),
        seconds=float(lengths.sum()),
        notes=(*notes, *cautions.agreement_cautions(labelled[used], every, shift)),
        start=rows.start,
        end=rows.end,
        persons=rows.persons,
        label=np.array([EMOTIONS[each] if known else "" for each, known in zip(labelled, with_label, strict=True)]),
        dominant=np.array([EMOTIONS[each] if each >= 0 else "" for each in rows.dominant]),
        confidence=rows.confidence,
        is_sure=rows.sure,
        recordings=np.array([recording.name for recording in recordings])[number] if several else np.zeros(0, str),
    )


def _agreement(rows: Rows, labelled: np.ndarray, recording: np.ndarray) -> Agreement:
    """The agreement of rows that all have a label (N,) and evidence; ``recording`` (N,) are numbers of recordings."""
    classes = len(EMOTIONS)
    counts = statistics.confusion(labelled, rows.dominant, classes)
    block = statistics.blocks(rows.start, rows.end, recording)
    blocks = int(block.max(initial=-1)) + 1
    resampled = resampled_recalls = None
    if blocks >= LEAST_BLOCKS:
        cells = (block * classes + labelled) * classes + rows.dominant
        of_blocks = np.bincount(cells, minlength=blocks * classes * classes).reshape(blocks, -1).astype(float)
        resampled = (statistics.bootstrap_counts(blocks) @ of_blocks).reshape(-1, classes, classes)
        # The recall of an emotion that was labelled in one block only has no interval.
        with_label = (of_blocks.reshape(blocks, classes, classes).sum(axis=2) > 0).sum(axis=0)
        enough = with_label >= LEAST_BLOCKS_OF_LABEL
        resampled_recalls = np.where(enough, statistics.recalls(resampled), np.nan)

    def estimate(measure: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        return statistics.estimate(measure(counts), None if resampled is None else measure(resampled))

    recalls, precisions = statistics.recalls(counts), statistics.precisions(counts)
    bins, error = statistics.reliability(rows.confidence, labelled == rows.dominant)
    return Agreement(
        rows=len(rows),
        seconds=float((rows.end - rows.start).sum()),
        alpha=estimate(statistics.alpha),
        kappa=estimate(statistics.kappa),
        accuracy=estimate(statistics.accuracy),
        mean_recall=estimate(statistics.mean_recall),
        recall={
            name: statistics.estimate(
                recalls[index], None if resampled_recalls is None else resampled_recalls[:, index]
            )
            for index, name in enumerate(EMOTIONS)
        },
        precision={name: statistics.estimate(precisions[index]).value for index, name in enumerate(EMOTIONS)},
        confusion=counts.astype(int),
        calibration=tuple(bins),
        calibration_error=statistics.estimate(error).value,
        blocks=blocks,
    )
