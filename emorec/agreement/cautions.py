"""Sentences that warn about the labels, or about what a comparison of them with a result can tell."""

from __future__ import annotations

import numpy as np

from emorec.agreement import statistics
from emorec.agreement.labels import MAX_NAMED, Labels, seconds_with_two_emotions
from emorec.agreement.measures import LEAST_BLOCKS, MAX_SHIFT, Agreement, Shift
from emorec.agreement.results import Rows
from emorec.emotions import EMOTIONS

FEW_LABELLED = "The labels name only {count} of the seven emotions; a result with another one counts as wrong."
UNKNOWN_LABELS = "Labels that are not known are left out: {labels}; --map says what they mean."
LEFT_OUT = "Labels without a counterpart among the seven emotions are left out: {labels}."
NO_INTERVAL = "The labels are too short for intervals; at least {blocks} blocks of {seconds:.0f} s are needed."
AT_THE_EDGE = "The shift that fits best is the largest that was tried; the labels may belong to another recording."
SHORT_LABELS = "Most labels are shorter than the rows of the result; a smaller step (--step_sec) compares more of them."
TOO_FAR = "The labels reach {labels:,.1f} s, but the result ends at {result:,.1f} s; {guess}"
MILLISECONDS = "are they in milliseconds?"
OTHER_LENGTH = "do they belong to this recording?"
SHOWN = 0.05  # seconds; less would be shown as 0.0
# How far labels may reach beyond the end of the result without a warning: the larger of seconds and share of its
# length.
FAR_SECONDS, FAR_SHARE = 10.0, 0.1
MILLISECONDS_FROM = 100  # labels that reach so many times beyond the end of the result are probably in milliseconds
TWO_EMOTIONS = "{seconds:.1f} s have labels of two emotions; a row in which neither covers more time is left out."


def label_cautions(read: Labels, pairs: list[tuple[Rows, Labels]]) -> list[str]:
    """Sentences about the labels of one recording; ``pairs`` are its rows and the labels that belong to them."""
    step = float(np.median(np.concatenate([rows.end - rows.start for rows, _ in pairs])))
    last_label, last_row = float(read.end.max()), max(float(rows.end.max()) for rows, _ in pairs)
    two_emotions = sum(seconds_with_two_emotions(labels) for _, labels in pairs)
    found = []
    if read.unknown:
        found.append(UNKNOWN_LABELS.format(labels=_list_labels(read.unknown)))
    if read.left_out:
        found.append(LEFT_OUT.format(labels=_list_labels(read.left_out)))
    if last_label - last_row > max(FAR_SECONDS, FAR_SHARE * last_row):
        guess = MILLISECONDS if last_label >= MILLISECONDS_FROM * last_row else OTHER_LENGTH
        found.append(TOO_FAR.format(labels=last_label, result=last_row, guess=guess))
    if two_emotions >= SHOWN:
        found.append(TWO_EMOTIONS.format(seconds=two_emotions))
    if np.median(read.end - read.start) < step:
        found.append(SHORT_LABELS)
    return found


def agreement_cautions(labelled: np.ndarray, every: Agreement, shift: Shift) -> list[str]:
    """Sentences about the agreement of rows with these labels (N,), indices into EMOTIONS."""
    found = []
    named = len(np.unique(labelled))
    if named < len(EMOTIONS):
        found.append(FEW_LABELLED.format(count=named))
    if every.blocks < LEAST_BLOCKS:
        found.append(NO_INTERVAL.format(blocks=LEAST_BLOCKS, seconds=statistics.SHORTEST_BLOCK))
    elif shift.fits and abs(shift.seconds) >= MAX_SHIFT - 1e-6:
        found.append(AT_THE_EDGE)
    return found


def _list_labels(seconds: dict[str, float]) -> str:
    """Labels with the seconds of each, at most MAX_NAMED."""
    parts = [f"{text!r} ({length:.1f} s)" for text, length in seconds.items()]
    return ", ".join(parts[:MAX_NAMED]) + (" and others" if len(parts) > MAX_NAMED else "")
