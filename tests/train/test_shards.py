"""Training on shards: written and read again, divided between workers, and what is refused."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from support import make_corpus, training_shards
from support.training_shards import TRAIN_ITEMS, VALID_ITEMS, face_only, given
from train import run, shards
from train.data import shard_files, shard_sets, shard_stream
from train.finetune import streamed
from train.run_dir import read_log

pytest.importorskip("webdataset")
pytest.importorskip("fsspec")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return training_shards.write(tmp_path_factory.mktemp("shards"))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    training_shards.make_small(monkeypatch)


def keys(examples):
    return Counter(example[0].tobytes() for example in examples)


def test_what_is_written_is_what_is_read(written):
    found = shard_sets.read(f"{written}/face-train-{{0000..0003}}.tar")
    assert found == shard_sets.read(f"file://{written}/face-train-*.tar")
    assert [shard.items for shard in found.shards] == [4, 4, 4, 4] and found.totals == (8.0, 8.0)
    assert found.labels == ("happy", "sad") and len(found.persons) == 2
    valid = shard_sets.read(f"{written}/face-valid-0000.tar")
    assert valid.items == VALID_ITEMS and not {*valid.persons} & {*found.persons}
    items = [example for shard in found.shards for example in shard_files.read_shard(shard, "face")]
    assert len(keys(items)) == TRAIN_ITEMS
    crops, quality, target = items[0]
    assert crops.dtype == np.uint8 and len(crops) == len(quality) == 1 and sorted(target) == [0, 1]
    totals = np.sum([target for _, _, target in items], axis=0)
    assert tuple(totals) == found.totals
    # Only a few are of one label: each shard is a sample of all.
    assert any(0 < shard.totals[0] < shard.items for shard in found.shards)


def test_no_path_of_a_user_is_in_shards(written):
    assert all(str(written.parent).encode() not in path.read_bytes() for path in written.iterdir())


def test_each_item_is_read_once_by_one_process_in_another_order_each_epoch(written):
    found = shard_sets.read(f"{written}/face-train-*.tar")
    reading, orders = shard_stream.Reading(buffer=4), []
    for epoch in range(3):
        parts = [shard_stream.shards_of_process(found.shards, rank, 2, (0, epoch)) for rank in range(2)]
        assert sorted(shard.url for part in parts for shard in part) == [shard.url for shard in found.shards]
        both = [
            [*shard_stream.examples(part, "face", uncut, (0, epoch, rank), reading)] for rank, part in enumerate(parts)
        ]
        assert keys(both[0] + both[1]) == dict.fromkeys(keys(both[0] + both[1]), 1)
        assert len(both[0]) == len(both[1]) == TRAIN_ITEMS / 2
        orders.append([example[0].tobytes() for example in both[0] + both[1]])
    assert orders[0] != orders[1] != orders[2]


def uncut(example, generator):
    return example


def test_workers_read_each_item_once_and_say_what_is_wrong_in_one_sentence(written, tmp_path):
    found = shard_sets.read(f"{written}/face-train-*.tar")
    reading = shard_stream.Reading(workers=2, buffer=4)
    first, *others = found.shards
    bad = tmp_path / "face-train-0000.tar"
    bad.write_bytes((written / bad.name).read_bytes()[:-3000])
    read = [*shard_stream.examples(list(found.shards), "face", face_only, (1,), reading)]
    assert keys(read) == dict.fromkeys(keys(read), 1) and len(read) == TRAIN_ITEMS
    with pytest.raises(EmorecError, match=r"^The shard file://\S+/face-train-0000.tar is damaged \([^\n]+\); write it"):
        damaged = [replace(first, url=f"file://{bad}"), *others]
        [*shard_stream.examples(damaged, "face", face_only, (1,), replace(reading, workers=1))]


def test_a_training_on_shards_learns_like_one_in_memory_and_continues(written, tmp_path, capsys):
    arguments = [*given(written, tmp_path / "a"), "--lr", "0.01"]
    run.main([*arguments, "--epochs", "12"])
    assert "Fewer than 20 training items have the label happy (8), sad (8)" in capsys.readouterr().out
    model = checkpoints.load(tmp_path / "a" / "checkpoint")
    assert model.face.config.labels == ("happy", "sad")
    assert model.evaluation["validation-face"]["results"]["face"] > 0.9
    assert model.evaluation["validation-face"]["items"] == VALID_ITEMS
    found = shard_sets.read(f"{written}/face-train-*.tar")
    assert {*found.persons} <= {*model.training["persons"]} and len(model.training["held_out"]) == 1
    # A run that is stopped after an epoch and continued has the same losses as one that is not.
    other = given(written, tmp_path / "b")
    run.main(other)
    whole = read_log(tmp_path / "b" / "face")
    stop = pytest.MonkeyPatch()
    with stop.context() as patch, pytest.raises(SystemExit):
        patch.setattr(streamed.Batches, "__call__", interrupted(streamed.Batches.__call__))
        run.main(given(written, tmp_path / "c"))
    assert len(read_log(tmp_path / "c" / "face")) == 1
    run.main([*given(written, tmp_path / "c"), "--resume"])
    continued = read_log(tmp_path / "c" / "face")
    assert [row["loss"] for row in continued] == [row["loss"] for row in whole]


def interrupted(call):
    def batches(self, epoch, generator):
        if epoch == 1:
            raise KeyboardInterrupt
        return call(self, epoch, generator)

    return batches


def test_voices_are_trained_from_shards(tmp_path):
    make_corpus.recordings(tmp_path / "recordings")
    shards.main([str(tmp_path / "recordings"), str(tmp_path / "out"), "--task", "voice", "--items", "5"])
    found = shard_sets.read(f"{tmp_path}/out/voice-train-*.tar")
    assert [shard.items for shard in found.shards] == [4, 4, 4]
    run.main(given(tmp_path / "out", tmp_path / "runs", "voice", "*"))
    assert checkpoints.load(tmp_path / "runs" / "checkpoint").voice.config.heads["emotions"] == ("happy", "sad")


@pytest.mark.parametrize(
    ("count", "most", "multiple", "expected"),
    [(1000, 1000, 64, 64), (9, 1000, 4, 4), (2500, 1000, 1, 3), (2500, 1000, 2, 4), (100, 1, 64, 100), (16, 5, 1, 4)],
)
def test_items_are_spread_evenly_over_a_multiple_of_shards(count, most, multiple, expected):
    sizes = shard_files.shard_sizes(count, most, multiple)
    assert len(sizes) == expected and sum(sizes) == count
    assert max(sizes) <= most and max(sizes) - min(sizes) <= 1


def test_a_bucket_holds_shards_like_a_folder(written, tmp_path, monkeypatch):
    moto, s3fs = pytest.importorskip("moto.server"), pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        for name, value in {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("data")
        shards.main([str(written.parent / "pictures"), "s3://data/deep", "--task", "face", "--shards", "4"])
        # Byte for byte what a folder has, so that the same items train in the same order from both.
        for path in written.iterdir():
            assert s3fs.S3FileSystem().cat_file(f"data/deep/{path.name}") == path.read_bytes()
        run.main(given("s3://data/deep", tmp_path / "runs"))
        assert (tmp_path / "runs" / "checkpoint" / "config.json").exists()
        s3fs.S3FileSystem().rm("data/deep/face-train-0001.tar")
        s3fs.S3FileSystem.clear_instance_cache()
        found = shard_sets.read("s3://data/deep/face-train-*.tar")
        with pytest.raises(EmorecError, match="There is nothing at s3://data/deep/face-train-0001.tar"):
            [*shard_files.read_shard(found.shards[1], "face")]
    finally:
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()
