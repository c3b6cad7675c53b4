"""A timeline as a pandas data frame: the columns of the CSV, then those of each modality alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emorec.emotions import EMOTIONS
from emorec.errors import require
from emorec.inference.timeline import Timeline
from emorec.output.columns import columns

if TYPE_CHECKING:
    import pandas as pd

EXTRA = "dataframe"  # the extra that installs pandas


def dataframe(timeline: Timeline) -> pd.DataFrame:
    """One row per step, about the person in the column ``person`` (nullable integer); docs/SCHEMA.md has the columns.

    A timeline of all persons has a row for each step and person, in order of time. Times are in seconds. Probabilities,
    confidence and ``dominant`` are missing in rows without evidence. Raises EmorecError if pandas is not installed.
    """
    require(EXTRA, "pandas")
    import pandas as pd

    arrays = columns(timeline)
    persons = arrays["person"]
    return pd.DataFrame(
        arrays
        | {
            "person": pd.Series(persons, dtype="Int64").mask(persons < 0),
            "dominant": pd.Categorical(arrays["dominant"], categories=list(EMOTIONS)),
            "name": pd.Series(arrays["name"], dtype="string"),
        }
    )
