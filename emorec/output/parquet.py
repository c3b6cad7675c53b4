"""A timeline as an Apache Parquet file: the columns of the data frame."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import files
from emorec.errors import require
from emorec.inference.timeline import Timeline
from emorec.output.columns import columns
from emorec.output.rows import number
from emorec.output.tables import choices
from emorec.output.text import valid

if TYPE_CHECKING:
    import pyarrow as pa

EXTRA = "exports"  # the extra that installs pyarrow
# Columns of the mean of all persons that cannot be computed from the rows of the persons.
ANYBODY = ("face_coverage", "row_face", "speech_coverage", "row_speech")


def parquet_bytes(timeline: Timeline) -> bytes:
    """The columns of ``Timeline.to_dataframe``; what is not known is null.

    The key ``emorec`` of the file's metadata has the recording, its length, whether all of it was analysed, and all
    settings, as JSON; with several persons also the columns ANYBODY of their mean. Raises EmorecError if pyarrow is not
    installed.
    """
    require(EXTRA, "pyarrow")
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(arrow_table(timeline), out)
    return out.getvalue()


def arrow_table(timeline: Timeline) -> pa.Table:
    """What ``parquet_bytes`` writes, as a table in memory."""
    import pyarrow as pa

    arrays = {}
    for name, values in columns(timeline).items():
        if name == "person":
            arrays[name] = pa.array(values, pa.int32(), mask=values < 0)
        elif name in ("dominant", "name"):
            arrays[name] = pa.array(values, pa.string())
        elif values.dtype == bool:
            arrays[name] = pa.array(values)
        else:
            values = values.astype(np.float64)
            arrays[name] = pa.array(values, pa.float64(), mask=np.isnan(values))
    notes = [files.shown(note) for note in timeline.notes]
    facts: dict[str, Any] = {
        "media": valid(timeline.media),
        "choices": choices(timeline),
        "notes": notes,
        "duration": number(timeline.duration),
        "complete": timeline.complete,
    }
    if timeline.people:
        facts["mean"] = {name: [number(share) for share in getattr(timeline, name)] for name in ANYBODY}
    return pa.table(arrays).replace_schema_metadata({"emorec": json.dumps(facts)})
