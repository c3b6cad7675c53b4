"""Which of a user's items a training can use: those that could be read, with every label among them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emorec import files
from emorec.errors import EmorecError
from train import distributed, run_dir
from train.data.datasets import Item
from train.finetune import common

SKIPPED_FILE = "skipped.csv"
IMBALANCE = 3.0  # ratio of the counts of two labels from which on it is reported
FEW = 20  # training items of a label; docs/FINETUNING.md advises as many
FEW_ITEMS = (
    "Fewer than {least} training items have the label {labels}; from so few, a network learns these items rather than "
    "the label, so record more, or do not rely on what it says of the label."
)


def drop_unreadable(
    items: Sequence[Item], read: Sequence[Any], wrong: Sequence[tuple[Item, str]], folder: Path, what: str
) -> tuple[list[Item], list[Any]]:
    """The items that could be read, and what was read of them; the others are listed in a file in the run's folder.

    Raises EmorecError if none is left.
    """
    if not items:
        raise EmorecError(f"No {what} item has a label that this network learns; add some that have.")
    readable = [row for row, value in enumerate(read) if value is not None]
    if wrong:
        first, reason = wrong[0]
        if not readable:
            raise EmorecError(f"None of the {len(items)} {what} items can be used; the first: {reason}")
        if distributed.rank() == 0:
            text = io.StringIO(newline="")
            csv.writer(text).writerows([("path", "reason"), *((item.path, sentence) for item, sentence in wrong)])
            name = f"{what}-{SKIPPED_FILE}"
            with run_dir.writing(folder):
                files.write(folder / name, files.shown(text.getvalue()).encode())
            common.report(
                f"{len(wrong)} of {len(items)} {what} items cannot be used and are left out "
                f"({first.path.name}: {reason}); {folder / name} lists them"
            )
    return [items[row] for row in readable], [read[row] for row in readable]


def check_labels(items: Sequence[Item], labels: Sequence[str], learns: bool = True) -> None:
    """Raise EmorecError if no item of some label, or of all but one, could be read.

    Reports their counts, see ``report_counts``, if a network ``learns`` from them.
    """
    counts = {label: sum(item.label == label for item in items) for label in labels}
    if missing := [label for label, count in counts.items() if not count and not items[0].votes]:
        raise EmorecError(f"None of the training items with the label {missing[0]!r} can be used; add some that can.")
    present = {label: count for label, count in counts.items() if count}
    if len(present) < 2:
        raise EmorecError(
            f"All usable training items have the label {next(iter(present))!r}; give at least two labels."
        )
    if learns:
        report_counts(present)


def report_counts(counts: dict[str, int]) -> None:
    """Report a strong imbalance of labels, and labels with few items, given the number of training items of each."""
    present = {label: count for label, count in counts.items() if count}
    most, least = max(present, key=lambda label: present[label]), min(present, key=lambda label: present[label])
    if present[most] >= IMBALANCE * present[least]:
        common.report(
            f"{most} has {present[most] / present[least]:.0f} times as many items as {least}; the loss compensates for "
            "that, so that every label counts alike"
        )
    if few := [f"{label} ({count})" for label, count in present.items() if count < FEW]:
        common.report(FEW_ITEMS.format(labels=", ".join(few), least=FEW))
