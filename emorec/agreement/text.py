"""A comparison as text for a terminal."""

from __future__ import annotations

from emorec import files
from emorec.agreement.measures import LEAST_BLOCKS, Agreement, ComparisonData
from emorec.emotions import EMOTIONS

MEASURES = (
    ("Krippendorff's alpha", "alpha"),
    ("Cohen's kappa", "kappa"),
    ("same emotion", "accuracy"),
    ("mean recall", "mean_recall"),
)
NAME_WIDTH, VALUE_WIDTH, COUNT_WIDTH = 22, 24, 9


def comparison_text(comparison: ComparisonData) -> str:
    """The text of a comparison: several lines, without a line break after the last."""
    every, sure = comparison.every, comparison.sure
    tier = f" (tier {comparison.tier})" if comparison.tier else ""
    lines = [
        f"{comparison.result} beside the labels of {comparison.labels}{tier}",
        f"{comparison.labelled_seconds:.1f} s of {comparison.seconds:.1f} s are labelled; "
        f"{comparison.compared_seconds:.1f} s of these ({comparison.compared_share:.0%}) have an emotion in the "
        "result.",
        "",
        _row("", f"all rows ({every.rows})", f"sure rows ({sure.rows})"),
        *(_row(name, str(getattr(every, field)), str(getattr(sure, field))) for name, field in MEASURES),
        _row("calibration error", *(_decimal(each.calibration_error) for each in (every, sure))),
        "",
        _shift(comparison),
        "",
        *_classes(every, sure),
        "",
        *_confusion(every),
        "",
        *_intervals(every, sure),
        *comparison.notes,
    ]
    return files.shown("\n".join(line.rstrip() for line in lines))


def _row(name: str, *values: str) -> str:
    return f"{name:<{NAME_WIDTH}}" + "".join(f"{value:<{VALUE_WIDTH}}" for value in values)


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _shift(comparison: ComparisonData) -> str:
    shift = comparison.shift
    if shift.kappa is None:
        return "No shift of the labels can be judged."
    if comparison.every.blocks < LEAST_BLOCKS:
        return "The labels are too short to judge whether they fit better when moved."
    if not shift.fits:
        return "No shift of the labels fits clearly better than none."
    direction = "later" if shift.seconds > 0 else "earlier"
    return (
        f"The labels fit best {abs(shift.seconds):.1f} s {direction}: kappa {_decimal(shift.kappa)} "
        f"instead of {_decimal(shift.kappa_as_given)}."
    )


def _classes(every: Agreement, sure: Agreement) -> list[str]:
    lines = [_row("label", "recall, all rows", "recall, sure rows") + "precision"]
    for name in EMOTIONS:
        if every.confusion[EMOTIONS.index(name)].sum() or every.confusion[:, EMOTIONS.index(name)].sum():
            values = (str(every.recall[name]), str(sure.recall[name]))
            lines.append(_row(name, *values) + _decimal(every.precision[name]))
    return lines


def _intervals(every: Agreement, sure: Agreement) -> list[str]:
    """What the intervals in brackets are, and why a value has none."""
    if every.alpha.low is None:
        return []
    recalls = [*every.recall.values(), *sure.recall.values()]
    lacking = any(recall.value is not None and recall.low is None for recall in recalls)
    why = "; a recall has none if its label is in too few of them" if lacking else ""
    return [f"In brackets: 95 % of resamples of {every.blocks} blocks of time{why}."]


def _confusion(every: Agreement) -> list[str]:
    lines = [f"{'rows: label, columns: result':<30}" + "".join(f"{name:>{COUNT_WIDTH}}" for name in EMOTIONS)]
    for name, counts in zip(EMOTIONS, every.confusion, strict=True):
        if counts.sum():
            lines.append(f"{name:<30}" + "".join(f"{count:>{COUNT_WIDTH}}" for count in counts))
    return lines
