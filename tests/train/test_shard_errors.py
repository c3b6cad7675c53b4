"""Shards that are damaged, missing, or not what a training needs: one sentence each."""

from dataclasses import replace

import numpy as np
import pytest

from emorec.errors import EmorecError
from support import make_corpus, training_shards
from support.refusals import refusal
from support.training_shards import face_only, given
from train import run, shards
from train.data import shard_sets, shard_stream
from train.finetune import face, streamed

pytest.importorskip("webdataset")
pytest.importorskip("fsspec")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return training_shards.write(tmp_path_factory.mktemp("shards"))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    training_shards.make_small(monkeypatch)


@pytest.mark.parametrize("change", ["cut in an item", "cut after an item", "another byte", "text", "gone"])
def test_a_damaged_shard_is_one_sentence(written, tmp_path, capsys, change):
    for path in written.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shard = tmp_path / "face-train-0002.tar"
    content = shard.read_bytes()
    at = content.index(b"000002.crops.npy")  # where the header of a member begins
    if change == "gone":
        shard.unlink()
    else:
        changed = {
            "cut in an item": content[: at + 700],
            "cut after an item": content[:at],
            "another byte": content[: at + 1500] + bytes([content[at + 1500] ^ 1]) + content[at + 1501 :],
            "text": b"no tar file",
        }
        shard.write_bytes(changed[change])
    said = refusal(capsys, run.main, *given(tmp_path, tmp_path / "runs"))
    assert "face-train-0002.tar" in said and ("damaged" in said or change == "gone" and "nothing at" in said)


def test_damage_at_the_end_of_the_last_shard_is_found_without_a_buffer(written):
    found = shard_sets.read(f"{written}/face-train-0000.tar")
    wrong = replace(found, shards=(replace(found.shards[0], sha256="0"),))
    batches = streamed.Batches(wrong, 2, face_only, face.make_batch, 0, shard_stream.Reading(buffer=1))
    assert len(batches) == 2
    with pytest.raises(EmorecError, match="its content has changed"):
        [*batches(0, np.random.default_rng(0))]


@pytest.mark.parametrize(
    ("train", "more", "said"),
    [
        ("none-*.tar", (), "There is no index file:///"),
        ("face-train-{0000..0009}.tar", (), "There is no shard file:///"),
        ("face-train-9*.tar", (), "There is no shard file:///"),
        ("{face-train-0000,face-valid-0000}.tar", (), "names shards of several sets"),
        ("face-train-{0000.tar", (), "cannot be read"),
        ("face-${NONE}-0000.tar", (), "cannot be read"),
        ("face-train-*.tar", ("--labels", "x.json"), "Labels are mapped when shards are written"),
        ("face-train-*.tar", ("--task", "all"), "Shards hold faces or voices"),
        ("face-train-*.tar", ("--task", "voice"), "are for the task face, not for voice"),
        ("face-train-*.tar", ("--dataset", "folder"), "and --dataset folder reads folders"),
        ("face-valid-*.tar", (), "is both in the training and in the validation data"),
    ],
)
def test_what_names_no_shards_is_refused_in_one_sentence(written, tmp_path, capsys, train, more, said):
    arguments = given(written, tmp_path / "runs")
    arguments[arguments.index("--train_dir") + 1] = f"{written}/{train}"
    assert said in refusal(capsys, run.main, *arguments, *more)


def test_validation_shards_and_a_place_that_can_be_read_are_needed(written, tmp_path, capsys):
    arguments = given(written, tmp_path / "runs")
    at = arguments.index("--val_dir")
    assert "give those of validation by --val_dir" in refusal(capsys, run.main, *arguments[:at], *arguments[at + 2 :])
    elsewhere = [*arguments[:at], "--val_dir", "https://example.org/face-valid-0000.tar", *arguments[at + 2 :]]
    assert "names no shards" in refusal(capsys, run.main, *elsewhere)
    assert "names no shards" in refusal(capsys, run.main, *arguments, "--dataset", "shards", "--train_dir", written)


@pytest.mark.parametrize("content", ["no JSON", "[]", "{}", '{"emorec_shards": 2}', '{"emorec_shards": 1}'])
def test_an_index_that_cannot_be_used_is_one_sentence(written, tmp_path, content):
    for path in written.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "face-train.json").write_text(content)
    with pytest.raises(EmorecError, match=r"face-train.json.* (cannot be read|is of another version)[^\n]*\.$"):
        shard_sets.read(f"{tmp_path}/face-train-*.tar")


def test_shards_of_another_network_and_too_few_are_refused(written, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(face, "NET", replace(face.NET, size=64))
    assert "for a network with other settings" in refusal(capsys, run.main, *given(written, tmp_path / "runs"))
    monkeypatch.setattr("train.distributed.count", lambda: 5)
    assert "4 shards cannot be divided between 5" in refusal(capsys, run.main, *given(written, tmp_path / "runs"))


def test_a_set_is_not_overwritten_and_without_its_index_not_read(written, capsys, tmp_path, monkeypatch):
    pictures = written.parent / "pictures"
    assert "already a set of shards" in refusal(capsys, shards.main, pictures, written, "--task", "face")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.put_file", full)
    said = refusal(capsys, shards.main, pictures, tmp_path / "out", "--task", "face")
    assert "cannot be written (No space left on device)" in said
    with pytest.raises(EmorecError, match="There is no index"):
        shard_sets.read(f"{tmp_path}/out/face-train-*.tar")


@pytest.mark.parametrize("place", ["az://bucket/mine", "http://127.0.0.1:9/mine", "az://key:word@bucket/mine"])
def test_a_place_that_takes_no_shards_is_refused_before_data_are_read(tmp_path, capsys, place):
    said = refusal(capsys, shards.main, tmp_path / "none", place, "--task", "face")
    assert "Shards cannot be written to" in said and "key" not in said


def test_more_shards_than_items_are_refused(written, tmp_path, capsys):
    arguments = [written.parent / "pictures", tmp_path / "out", "--task", "face", "--shards", "17"]
    assert "17 shards of train need as many items" in refusal(capsys, shards.main, *arguments)


def test_no_index_is_written_if_no_item_of_validation_can_be_used(tmp_path, capsys):
    data, dest = tmp_path / "pictures", tmp_path / "out"
    make_corpus.pictures(data)
    validation = tmp_path / "broken"
    for label in make_corpus.LABELS:
        (validation / label).mkdir(parents=True)
        (validation / label / "dora.png").write_bytes(b"no picture")
    arguments = [data, dest, "--task", "face", "--val_dir", validation]
    assert "None of the 2 items of valid can be used" in refusal(capsys, shards.main, *arguments)
    assert not [*dest.glob("*.json")]


def test_parts_of_a_data_set_in_shards_are_not_known_people(monkeypatch):
    """Shards of earlier versions count them as known."""

    def read(name):
        shard = shard_sets.Shard(url=name, items=2, totals=(1.0, 1.0), longest=1, sha256="")
        person = f"ferplus-{name}"
        return shard_sets.ShardSet(
            task="face", settings={}, labels=("happy", "sad"), known_people=True, persons=(person,), shards=(shard,)
        )

    monkeypatch.setattr(shard_sets, "read", read)
    assert not streamed.load("face", "train", "valid").known_people
