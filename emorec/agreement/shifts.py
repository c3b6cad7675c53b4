"""The shift of the labels in time with which they agree best with the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emorec.agreement import statistics
from emorec.agreement.measures import MAX_SHIFT, Shift
from emorec.agreement.pairing import Pair, can_compare, label_pairs
from emorec.agreement.results import Rows, join_rows
from emorec.emotions import EMOTIONS

SHIFT_STEP = 0.1  # seconds
# Share of the rows compared without a shift that must be left after one, so that a shift cannot win by comparing less.
LEFT_AFTER_SHIFT = 0.8


def best_shift(pairs: Sequence[Pair], compared: int) -> Shift:
    """The shift of the labels with the highest kappa; ``compared`` is the number of rows compared without a shift."""
    steps = round(MAX_SHIFT / SHIFT_STEP)
    shifts = np.round(np.arange(-steps, steps + 1) * SHIFT_STEP, 6)
    kappas = np.full(len(shifts), np.nan)
    rows = join_rows([one for one, _ in pairs])
    for index, shift in enumerate(shifts):
        labelled = label_pairs(pairs, float(shift))
        used = can_compare(labelled, rows)
        if used.sum() >= LEFT_AFTER_SHIFT * compared:
            kappas[index] = _kappa(labelled, rows, used)
    if np.isnan(kappas).all():
        return Shift(seconds=0.0, kappa=None, kappa_as_given=None, tried=shifts, kappas=kappas)
    best = _middle_of_best(shifts, kappas)
    moved, given = label_pairs(pairs, float(shifts[best])), label_pairs(pairs)
    both = can_compare(moved, rows) & can_compare(given, rows)
    return Shift(
        seconds=float(shifts[best]),
        kappa=statistics.estimate(_kappa(moved, rows, both)).value,
        kappa_as_given=statistics.estimate(_kappa(given, rows, both)).value,
        tried=shifts,
        kappas=kappas,
    )


def _middle_of_best(shifts: np.ndarray, kappas: np.ndarray) -> int:
    """The index of the shift (S,) with the highest kappa (S,).

    Rows are longer than SHIFT_STEP, so neighbouring shifts often have the same kappa. Of the run of such shifts that is
    nearest to 0 it is the middle one, or 0 itself.
    """
    highest = np.flatnonzero(kappas >= np.nanmax(kappas) - 1e-9)
    runs = np.split(highest, np.flatnonzero(np.diff(highest) > 1) + 1)
    run = min(runs, key=lambda each: np.abs(shifts[each]).min())
    no_shift = len(shifts) // 2
    return no_shift if no_shift in run else int(run[len(run) // 2])


def _kappa(labelled: np.ndarray, rows: Rows, used: np.ndarray) -> np.ndarray:
    return statistics.kappa(statistics.confusion(labelled[used], rows.dominant[used], len(EMOTIONS)))
