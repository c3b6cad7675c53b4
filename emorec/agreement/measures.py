"""The numbers of a comparison of a result with labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emorec.agreement.statistics import Bin, Estimate

LEAST_BLOCKS = 5  # for an interval, and to judge a shift
MAX_SHIFT = 5.0  # seconds by which labels are moved at most
LEAST_GAIN = 0.05  # of kappa by a shift; the best of 101 shifts gains a little by chance


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far rows agree with their labels.

    ``rows`` is the number of rows that were compared, ``seconds`` their length. ``alpha`` is Krippendorff's (nominal),
    ``kappa`` Cohen's, ``accuracy`` the share of rows whose label and result are the same. ``recall`` is, for each
    emotion, the share of the rows with this label whose result is the same, ``precision`` the share of the rows with
    this result whose label is the same; ``mean_recall`` is the unweighted mean of ``recall``. ``confusion`` (7, 7)
    counts rows by label and result.
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
    """The shift of the labels in time with which they agree best with the result.

    ``seconds`` is the shift (positive: later), ``kappa`` is Cohen's kappa with it and ``kappa_as_given`` without it;
    both count only the rows that can be compared in both cases. ``tried`` (S,) are all shifts (s), ``kappas`` (S,) the
    kappa of each on all rows that it can compare, NaN if these are too few.
    """

    seconds: float
    kappa: float | None
    kappa_as_given: float | None
    tried: np.ndarray = field(repr=False)
    kappas: np.ndarray = field(repr=False)

    @property
    def fits(self) -> bool:
        """Whether the labels agree so much better with the shift that the comparison reports it."""
        if self.kappa is None or self.kappa_as_given is None:
            return False
        return abs(self.seconds) > 1e-9 and self.kappa - self.kappa_as_given >= LEAST_GAIN - 1e-9


@dataclass(frozen=True, repr=False, kw_only=True)
class ComparisonData:
    """A result beside the labels that people gave to the same recording.

    ``every`` compares all rows with evidence and a label, ``sure`` only the sure rows among them. ``seconds`` is the
    length of all rows, ``labelled_seconds`` that of the rows with a label of the seven emotions, and
    ``compared_seconds`` that of the labelled rows which also have an emotion in the result, even if only from evidence
    just before or after. ``notes`` are warnings. The arrays (N,) hold every row: ``start`` and ``end`` (s),
    ``persons``, the ``label``, the ``dominant`` emotion of the result ("" for none), ``confidence`` (NaN for none) and
    ``is_sure``. ``recordings`` (N,) are the names of the rows' recordings, empty if there is only one.
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
