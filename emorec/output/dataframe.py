"""A timeline as a pandas data frame: the columns of the CSV, then what each modality alone says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emorec.affect import DIMENSIONS, valence_arousal
from emorec.emotions import EMOTIONS
from emorec.errors import require
from emorec.inference.timeline import Timeline

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

    tables = [_table(one, pd) for one in timeline.each]
    whole = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    return whole.sort_values("start", kind="stable", ignore_index=True) if timeline.people else whole


def _table(timeline: Timeline, pd: Any) -> pd.DataFrame:
    persons = np.asarray(timeline.person, np.int64)
    columns = {
        "start": timeline.start,
        "end": timeline.end,
        "person": pd.Series(persons, dtype="Int64").mask(persons < 0),
        **_columns("", timeline.probabilities),
        "dominant": pd.Categorical([name or None for name in timeline.dominant], categories=list(EMOTIONS)),
        "confidence": np.where(timeline.known, timeline.confidence, np.nan),
        "face_coverage": timeline.face_coverage,
        "speech_coverage": timeline.speech_coverage,
        "sure": timeline.sure,
        "evidence": timeline.evidence,
        "row_face": timeline.row_face,
        "row_speech": timeline.row_speech,
        **_affect("", timeline.probabilities),
        "disagreement": timeline.disagreement,
        **_columns("face_", timeline.face),
        **_columns("voice_", timeline.voice),
        **_affect("face_", timeline.face),
        **_affect("voice_", timeline.voice),
        "name": pd.Series([name or None for name in timeline.row_names], dtype="string"),
    }
    return pd.DataFrame(columns)


def _columns(prefix: str, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{prefix}{emotion}": probabilities[:, index] for index, emotion in enumerate(EMOTIONS)}


def _affect(prefix: str, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"{prefix}{name}": values for name, values in zip(DIMENSIONS, valence_arousal(probabilities).T, strict=True)
    }
