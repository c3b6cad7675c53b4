"""What a comparison of labels with a result cautions against, in sentences."""

from __future__ import annotations

import numpy as np

from emorec.agreement import labels as hand
from emorec.agreement import statistics
from emorec.agreement.labels import Labels
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
SHOWN = 0.05  # seconds; less is 0.0 in words
FAR_SECONDS, FAR_SHARE = 10.0, 0.1  # that labels may reach beyond the end of the result without a word; both
TWO_EMOTIONS = "{seconds:.1f} s have labels of two emotions; a row in which neither covers more time is left out."


def of_labels(read: Labels, found: list[tuple[Rows, Labels]]) -> list[str]:
    """Sentences about the labels of one recording; ``found`` are its rows and labels that belong together."""

    def listed(texts: dict[str, float]) -> str:
        parts = [f"{text!r} ({seconds:.1f} s)" for text, seconds in texts.items()]
        return ", ".join(parts[: hand.MAX_NAMED]) + (" and others" if len(parts) > hand.MAX_NAMED else "")

    step = float(np.median(np.concatenate([rows.end - rows.start for rows, _ in found])))
    last, ends = float(read.end.max()), max(float(rows.end.max()) for rows, _ in found)
    both = sum(hand.of_two(labels) for _, labels in found)
    return [
        *([UNKNOWN_LABELS.format(labels=listed(read.unknown))] if read.unknown else []),
        *([LEFT_OUT.format(labels=listed(read.left_out))] if read.left_out else []),
        *([_too_far(last, ends)] if last - ends > max(FAR_SECONDS, FAR_SHARE * ends) else []),
        *([TWO_EMOTIONS.format(seconds=both)] if both >= SHOWN else []),
        *([SHORT_LABELS] if np.median(read.end - read.start) < step else []),
    ]


def _too_far(last: float, ends: float) -> str:
    guess = MILLISECONDS if last >= 100 * ends else OTHER_LENGTH
    return TOO_FAR.format(labels=last, result=ends, guess=guess)


def of_agreement(labelled: np.ndarray, every: Agreement, shift: Shift) -> list[str]:
    """Sentences about the agreement of rows with these labels (N,)."""
    named = len(np.unique(labelled))
    return [
        *([FEW_LABELLED.format(count=named)] if named < len(EMOTIONS) else []),
        *(
            [NO_INTERVAL.format(blocks=LEAST_BLOCKS, seconds=statistics.SHORTEST_BLOCK)]
            if every.blocks < LEAST_BLOCKS
            else []
        ),
        *(
            [AT_THE_EDGE]
            if every.blocks >= LEAST_BLOCKS and shift.fits and abs(shift.seconds) >= MAX_SHIFT - 1e-6
            else []
        ),
    ]
