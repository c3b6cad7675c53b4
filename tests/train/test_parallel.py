"""Training in two processes: what one would reach, and each item of the shards read once an epoch."""

import json
import os
import subprocess
import sys

import pytest

from emorec.models import checkpoint as checkpoints
from support import training_shards
from support.paths import ROOT
from support.training_shards import given
from train.run_dir import read_log

pytest.importorskip("webdataset")
pytest.importorskip("fsspec")

COUNTS = (4, 3)  # shards

# Trains once for each of the runs, with the variables that torchrun gives to what it starts. What trains are copies of
# this process, so that torch is loaded once for all of them. Each writes which items it trained on, and the weights
# that it has at the end.
PROGRAM = """
import hashlib, json, os, sys
sys.path[:0] = [{root!r}, {tests!r}]
from dataclasses import replace
import torch._dynamo  # which every optimizer imports
from emorec.face import detection
from support import make_corpus, parallel_runs
from train import loop
from train.finetune import face
loop.has_fast_bfloat16 = lambda device: False  # in bfloat16 sums depend on how they are divided
detection.detector = lambda file: make_corpus.MiddleFace()
seen, rows, make_batch, fit, balanced = [], [], face.make_batch, loop.fit, face.balanced_loss
def noted(windows):
    seen.append([hashlib.sha256(crops.tobytes()).hexdigest() for crops, _ in windows])
    return make_batch(windows)
def counted(shares):
    loss_of = balanced(shares)
    return lambda net, batch: (rows.append(len(batch[0])), loss_of(net, batch))[1]
def kept(*arguments, **options):
    net = fit(*arguments, **options)
    with open(os.environ["NOTES"] + os.environ["RANK"] + ".json", "w") as file:
        weights = {{name: value.double().sum().item() for name, value in net.state_dict().items()}}
        json.dump(dict(seen=seen, rows=rows, weights=weights), file)
    return net
face.make_batch, loop.fit, face.balanced_loss = noted, kept, counted
usual = face.NET
for notes, processes, network, arguments in {runs!r}:
    os.environ["NOTES"] = notes
    face.NET = replace(usual, widths=(8, 16, 24), **network)
    parallel_runs.train(processes, arguments)
    print("----", flush=True)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of all runs, and what each of them printed: 1 and 2 processes on pictures, then 2 on COUNTS shards."""
    root = tmp_path_factory.mktemp("parallel")
    shards = training_shards.write(root)
    on_pictures = ["--task", "face", "--dataset", "folder", "--train_dir", str(root / "pictures"), "--epochs", "3"]
    on_pictures += ["--batch_size", "8", "--device", "cpu", "--from_scratch", "--out"]
    runs = [
        (f"{root}/own-{processes}-", processes, {"dropout": 0.0}, [*on_pictures, str(root / str(processes))])
        for processes in (1, 2)
    ]
    runs += [
        (f"{root}/{count}-", 2, {}, given(shards, root / f"runs-{count}", train=f"{{0000..000{count - 1}}}"))
        for count in COUNTS
    ]
    script = root / "parallel.py"
    script.write_text(PROGRAM.format(root=str(ROOT), tests=str(ROOT / "tests"), runs=runs))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=500
    )
    assert process.returncode == 0, process.stderr[-2000:]
    *printed, last = process.stdout.split("----")
    assert last.strip() == ""
    return root, printed


def test_two_processes_reach_what_one_does(trained):
    root, printed = trained
    # Of two processes, one speaks, and writes.
    assert [text.count("wrote") for text in printed[:2]] == [1, 1]
    one, two = (read_log(root / str(processes) / "face") for processes in (1, 2))
    assert [row["loss"] for row in one] == pytest.approx([row["loss"] for row in two], abs=2e-3)
    assert [row["accuracy"] for row in one] == [row["accuracy"] for row in two]
    nets = [checkpoints.load(root / str(processes) / "checkpoint").face.state_dict() for processes in (1, 2)]
    for name, value in nets[0].items():
        assert nets[1][name].numpy() == pytest.approx(value.numpy(), abs=0.02), name


def test_two_processes_read_each_item_once_an_epoch_and_end_with_the_same_weights(trained):
    root, printed = trained
    assert [text.count("wrote") for text in printed[2:]] == [1, 1]
    for count, text in zip(COUNTS, printed[2:], strict=True):
        one, two = (json.loads((root / f"{count}-{rank}.json").read_text()) for rank in range(2))
        assert one["weights"] == two["weights"]
        assert one["rows"] == two["rows"] == [4] * 4  # what each has read it trains on
        steps = len(one["seen"]) // 2
        assert len(one["seen"]) == len(two["seen"]) == 2 * steps and steps == 2
        for epoch in range(2):
            part = slice(epoch * steps, (epoch + 1) * steps)
            mine, others = ([item for batch in rank["seen"][part] for item in batch] for rank in (one, two))
            assert len(mine) == len(others) == 8
            if count == 4:
                assert len({*mine}) == len({*others}) == 8 and not {*mine} & {*others}
            else:  # one of them has a shard less, and reads it twice
                assert len({*mine} | {*others}) == 12 and sorted([len({*mine}), len({*others})]) == [4, 8]
                assert "not divided evenly" in text
