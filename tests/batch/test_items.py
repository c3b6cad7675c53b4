"""The names of items, their records, and when an item has to be analyzed again."""

import json
from dataclasses import replace

import pytest

from emorec.batch import items, manifest
from emorec.batch.engine import DONE, FAILED, Outcome
from emorec.batch.inputs import Source
from emorec.errors import EmorecError


def test_a_name_is_readable_and_unique_and_fits_every_system():
    first, second = items.item_name("/a/Anna Müller 1.mp4"), items.item_name("/b/Anna Müller 1.mp4")
    assert first != second
    assert first.startswith("Anna-Müller-1-") and first == items.item_name("/a/Anna Müller 1.mp4")
    for address in (
        "/x/" + "ä" * 300 + ".mp4",
        "s3://b/k/../con.mp4",
        "/x/..mp4",
        "/x/a\udcff:*?.mp4",
        "https://x.org",
    ):
        name = items.item_name(address)
        assert len(name.encode()) < 80 and not set(name) & set('\\/:*?"<>| ') and name[0] not in ".-"
    assert items.item_name("https://youtu.be/watch?v=1").startswith("youtu.be-watch-")
    assert items.item_name("https://youtu.be/watch?v=1") != items.item_name("https://youtu.be/watch?v=2")


@pytest.fixture
def record():
    outcome = Outcome(item="a-1", status=DONE, duration=2.5, files=("a.csv",))
    return items.Record(source="/a\udcff.mp4", version="1-2", settings="s", outcome=outcome)


def test_records_are_read_back_and_broken_ones_count_as_none(tmp_path, record):
    items.Records(tmp_path).put(record)
    assert list(items.Records(tmp_path)) == [record]
    (file,) = (tmp_path / items.FOLDER / "items").iterdir()
    for broken in (b"", b"[]", b'{"format": 1}', file.read_bytes().replace(b"a-1", b"b-2")):
        file.write_bytes(broken)
        assert list(items.Records(tmp_path)) == []


def test_records_of_another_version_are_refused(tmp_path, record):
    items.Records(tmp_path).put(record)
    (file,) = (tmp_path / items.FOLDER / "items").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2}))
    with pytest.raises(EmorecError, match=r"by another version of emorec \(2, not 1\)"):
        items.Records(tmp_path)


def test_a_record_that_is_dropped_is_gone(tmp_path, record):
    records = items.Records(tmp_path)
    records.put(record)
    records.drop("a-1")
    assert list(records) == list(items.Records(tmp_path)) == []


def test_when_an_item_is_due(tmp_path, record):
    source = Source(address=record.source, version=record.version)
    failed = replace(record, outcome=replace(record.outcome, status=FAILED))

    def due(known, retry=False, folder=tmp_path, settings="s", digest="d", source=source):
        return items.is_due(known, source, settings, digest, folder, retry)

    changed = replace(source, version="1-3")
    assert due(None)
    assert not due(record) and not due(record, retry=True)
    assert due(record, settings="t") and due(record, source=changed) and due(record, folder=tmp_path / "gone")
    assert not due(failed) and due(failed, retry=True)
    assert due(failed, settings="t") and due(failed, source=changed)
    assert not due(record, source=replace(source, version=""))  # a link, of which nothing is known before
    with_digest = replace(record, digest="d")
    assert not due(with_digest, settings="t")  # only what was measured of the model is another
    assert due(with_digest, settings="t", digest="e")


def test_a_manifest_says_its_version_and_is_read_back(tmp_path):
    from pyarrow import parquet

    rows = [
        {"item": "a", "source": "/a\udcff.mp4", "status": "done", "duration": 1.5, "persons": 2, "error": ""},
        {"item": "b", "source": "=b", "status": "failed", "error": "It is broken."},
    ]
    manifest.write(tmp_path, rows)
    manifest.check(tmp_path)
    table = parquet.read_table(tmp_path / "manifest.parquet")
    assert table.column_names == list(manifest.COLUMNS)
    assert table.schema.metadata[b"emorec_manifest"] == b"1"
    first, second = table.to_pylist()
    assert (first["source"], first["error"], first["persons"]) == ("/a\N{REPLACEMENT CHARACTER}.mp4", None, 2)
    assert (second["error"], second["duration"]) == ("It is broken.", None)
    assert (tmp_path / "manifest.csv").read_text().splitlines()[2].startswith("b,'=b,failed,It is broken.,,")


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({b"emorec_manifest": b"2"}, r"manifest of another version \(2, not 1\)"),
        ({}, "is no manifest of emorec"),
        (None, "is no manifest of emorec"),
    ],
)
def test_another_manifest_is_refused(tmp_path, metadata, sentence):
    import pyarrow as pa
    from pyarrow import parquet

    file = tmp_path / "manifest.parquet"
    if metadata is None:
        file.write_bytes(b"no Parquet file")
    else:
        parquet.write_table(pa.table({"item": ["a"]}).replace_schema_metadata(metadata), file)
    with pytest.raises(EmorecError, match=sentence):
        manifest.check(tmp_path)
