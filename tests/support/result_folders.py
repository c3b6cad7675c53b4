"""Folders of results of the tiny checkpoint, as a batch leaves them."""

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from emorec.inference.timeline import infer
from emorec.library.items import MANIFEST, MANIFEST_KEY, MANIFEST_VERSION, MEDIA
from emorec.library.tables import write_tables
from emorec.output.markers import with_markers
from support import factories


def two_people(duration=24.0, seed=0, **facts):
    """Features of one person up to 9 s, and then another one, with speech all the time."""
    times = factories.frame_times(duration)
    face = factories.seen(times, np.where(times < 9, 0, 1), seed)
    return factories.observations(duration, face, factories.heard(np.ones(factories.hops(duration)), seed), **facts)


def item(folder, name, seed=0, duration=24.0, checkpoint=None, **choices):
    """Write the tables of one made recording; returns its timeline."""
    features = two_people(duration, seed, media={"name": f"{name}.mp4"})
    timeline = infer(features, checkpoint or factories.checkpoint(), **({"prior": "even"} | choices))
    timeline = with_markers(timeline, [(2.0, "question")])
    (folder / name).mkdir(parents=True)
    write_tables(folder / name, timeline, features)
    return timeline


def manifest(folder, *rows, version=MANIFEST_VERSION):
    arrays = {name: pa.array([row.get(name) for row in rows], getattr(pa, kind)()) for name, kind in MEDIA.items()}
    parquet.write_table(pa.table(arrays).replace_schema_metadata({MANIFEST_KEY: version}), folder / MANIFEST)


def row(timeline, name, finished="2026-11-28T10:00:00+00:00"):
    return {
        "item": name,
        "source": f"/operators/own/{name}.mp4",
        "status": "done",
        "duration": timeline.duration,
        "finished": finished,
        "persons": 2,
    }


def batch(folder, names=("anna-1", "ben-2", "cara-3")):
    """A folder of finished items and one that failed; returns the timelines by item."""
    made = {name: item(folder, name, seed, 24.0 + 4 * seed) for seed, name in enumerate(names)}
    failed = {"item": "broken-9", "source": "/operators/own/broken.mp4", "status": "failed", "error": "It is empty."}
    rows = [row(timeline, name, f"2026-11-2{i}T10:00:00+00:00") for i, (name, timeline) in enumerate(made.items())]
    manifest(folder, *rows, failed)
    return made
