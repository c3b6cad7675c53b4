"""What a comparison of a result with labels consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emorec.agreement.statistics import Bin, Estimate

LEAST_BLOCKS = 5  # for an interval, and to judge a shift
MAX_SHIFT = 5.0  # seconds by which labels are moved at most
LEAST_GAIN = 0.05  # of kappa by a shift: of 101 shifts the best one gains a little by chance


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far rows agree with their labels.

    ``rows`` were compared, ``seconds`` in all. ``alpha`` is Krippendorff's (nominal), ``kappa`` Cohen's, ``accuracy``
    the share of equal rows, ``mean_recall`` the unweighted mean of ``recall``, each emotion's share of labelled rows
    that the result names the same; ``precision`` is the reverse. ``confusion`` (7, 7) counts rows by label and result.
    ``calibration`` is the reliability of the confidence, and ``calibration_error`` its expected calibration error.
    Intervals hold 95 % of resamples of ``blocks`` blocks of time; None is unknown.
    """

    rows: int
    seconds: float
    alpha: Estimate
    kappa: Estimate
    accuracy: Estimate
    mean_recall: Estimate
    recall: dict[str, Estimate]
    precision: dict[str, float | None]
    confusion: np.ndarray
    calibration: tuple[Bin, ...]
    calibration_error: float | None
    blocks: int


@dataclass(frozen=True, kw_only=True)
class Shift:
    """``seconds`` by which the labels fit best when moved (positive: later), with Cohen's ``kappa`` there and as given.

    Both are of the rows that are compared with the shift and without. ``tried`` (S,) are all shifts (s), ``kappas``
    (S,) their kappa on the rows that each compares, NaN if too little is left to compare.
    """

    seconds: float
    kappa: float | None
    kappa_as_given: float | None
    tried: np.ndarray = field(repr=False)
    kappas: np.ndarray = field(repr=False)

    @property
    def fits(self) -> bool:
        """Whether the labels fit so much better when moved that it is worth saying."""
        if self.kappa is None or self.kappa_as_given is None:
            return False
        return abs(self.seconds) > 1e-9 and self.kappa - self.kappa_as_given >= LEAST_GAIN - 1e-9


@dataclass(frozen=True, repr=False, kw_only=True)
class Compared:
    """A result beside the labels that people gave to the same recording.

    ``every`` compares all rows with evidence and a label, ``sure`` only the sure ones of them. ``labelled_seconds`` of
    the rows' ``seconds`` have a label of the seven emotions, and ``compared_seconds`` of those also have an emotion in
    the result, be it only from evidence just before or after. ``notes`` are warnings. The
    arrays (N,) hold every row: ``start`` and ``end`` (s), ``persons``, the ``label``, the ``dominant`` emotion of the
    result ("" for none), ``confidence`` (NaN for none) and ``is_sure``. ``recordings`` (N,) are the
    names of the recordings that the rows are of, empty if all are of one.
    """

    result: str
    labels: str
    tier: str
    every: Agreement
    sure: Agreement
    shift: Shift
    labelled_seconds: float
    compared_seconds: float
    seconds: float
    notes: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray
    persons: np.ndarray
    label: np.ndarray
    dominant: np.ndarray
    confidence: np.ndarray
    is_sure: np.ndarray
    recordings: np.ndarray = field(default_factory=lambda: np.zeros(0, str))

    @property
    def compared_share(self) -> float:
        """Share of the labelled time that has an emotion in the result, so that it was compared."""
        return self.compared_seconds / self.labelled_seconds if self.labelled_seconds else 0.0
