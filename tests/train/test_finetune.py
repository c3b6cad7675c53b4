"""Fine-tuning from the bundled weights: what it starts from, that it learns in few epochs, and what it says."""

import shlex
import shutil
import signal

import numpy as np
import pytest
import torch

from emorec.cli import main as emorec
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.face import detection
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from emorec.models.networks import VoiceNet
from emorec.voice import features as voices
from support import factories, make_corpus
from support.refusals import refusal
from train import loop, run
from train.data.datasets import Item
from train.finetune import balance, common, face, fusion, initial, stills, usable
from train.run_dir import read_log

EPOCHS = 4


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Drawn faces and voices count as such, although real detectors need not find them."""
    monkeypatch.setattr(detection, "detector", lambda file: make_corpus.MiddleFace())
    monkeypatch.setattr(voices, "speech", lambda samples, *_, **__: (voices.loudness(samples) > -50).astype(np.float32))
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def trained(out, task, data, *more):
    """Run ``train/run.py`` on a folder; returns the checkpoint that it writes."""
    given = ["--task", task, "--dataset", "folder", "--train_dir", data, "--out", out, *more]
    run.main([str(part) for part in given])
    return checkpoints.load(out / "checkpoint")


def test_fine_tuning_learns_in_few_epochs_what_new_networks_do_not(tmp_path, capsys):
    data = make_corpus.pictures(tmp_path / "data", takes=6)
    more = ("--epochs", EPOCHS, "--batch_size", 8)
    model = trained(tmp_path / "tuned", "face", data, *more)
    output = capsys.readouterr().out
    assert "face: fine-tuned from the bundled weights; --from_scratch trains new networks" in output
    assert model.calibration.face.scale < model.calibration.still.scale  # pictures say nothing of recordings
    assert stills.DERIVED in output and stills.DERIVED in (tmp_path / "tuned" / "checkpoint" / "README.md").read_text()
    card = (tmp_path / "tuned" / "checkpoint" / "README.md").read_text()
    (compared,) = [line for line in output.splitlines() if "weights that the training started from" in line]
    assert compared.removeprefix("face: ") in card and "and the trained weights have" in compared
    assert "The validation items are of 1 person only" in card and "of 1 person only" in output
    trained(tmp_path / "new", "face", data, *more, "--from_scratch")
    output = capsys.readouterr().out
    assert "face: trained from scratch (--from_scratch)" in output
    assert "weights that the training started from" not in output  # it started from none
    best = {name: max(row["recall"] for row in read_log(tmp_path / name / "face")) for name in ("tuned", "new")}
    # Chance is 0.5; the best of some epochs is more by luck, and how much depends on the arithmetic of the processor.
    assert best["new"] < 0.9 <= best["tuned"]
    assert model.face.config.labels == make_corpus.LABELS
    trained_on = set(checkpoints.load(pretrained.BUNDLED).training["persons"])
    assert trained_on < set(model.training["parts"]["face"])  # it was trained on those of the bundled weights too
    assert any("fine-tuned on one data set (folder, 24 items)" in limit for limit in model.training["limits"])


def test_the_run_ends_with_commands_that_work(tmp_path, capsys):
    data = make_corpus.pictures(tmp_path / "my data", takes=2)
    labels = tmp_path / "my labels.json"
    labels.write_text('{"happy": "happy", "sad": "sad"}')
    trained(tmp_path / "my runs", "face", data, "--epochs", 1, "--batch_size", 8, "--labels", labels)
    output = capsys.readouterr().out
    command = next(line for line in output.splitlines() if line.lstrip().startswith("analyse"))
    words = shlex.split(command)[1:]
    assert words[:4] == ["python", "-m", "emorec", "analyze"] and words[-1] == str(tmp_path / "my runs" / "checkpoint")
    clip = make_corpus.video(tmp_path / "clip.mp4", "happy", "anna")
    arguments = [str(clip) if word == "FILE" else word for word in words[3:]]
    assert emorec([*arguments, "--out", str(tmp_path / "results"), "--no_plot"]) == 0
    (table,) = (tmp_path / "results").rglob("*.csv")
    assert table.read_text().count("\n") > 1
    # Other people have the same labels, so they need the same label map.
    measure = next(line for line in output.splitlines() if line.lstrip().startswith("measure"))
    assert shlex.split(measure)[-2:] == ["--labels", str(labels)]


def test_heads_keep_the_rows_of_labels_that_both_networks_have():
    config = factories.VOICE_CONFIG
    other = VoiceNet(config)
    net = VoiceNet(type(config)(**vars(config) | {"heads": {"emotions": ("happy", "calm")}}))
    before = net.heads["emotions"].weight.clone()
    initial.init_from(net, other)
    labels = config.heads["emotions"]
    assert torch.equal(net.heads["emotions"].weight[0], other.heads["emotions"].weight[labels.index("happy")])
    calm = other.heads["emotions"].weight[labels.index("calm")]
    assert torch.equal(net.heads["emotions"].weight[1], calm) and not torch.equal(before[1], calm)
    assert all(torch.equal(a, b) for a, b in zip(net.trunk.parameters(), other.trunk.parameters(), strict=True))


def test_a_head_takes_rows_by_emotion_and_other_labels_start_at_random():
    other = face.FaceNet(type(face.NET)(labels=("happiness", "sadness"), size=16, widths=(4, 6)))
    net = face.FaceNet(type(face.NET)(labels=("sad", "angry"), size=16, widths=(4, 6)))
    random = net.head.weight[1].clone()
    initial.init_from(net, other)
    assert torch.equal(net.head.weight[0], other.head.weight[1]) and torch.equal(net.head.weight[1], random)


def test_validation_people_of_the_bundled_weights_make_a_new_network(tmp_path):
    """Otherwise the results on them would be those of training."""
    base = checkpoints.load(pretrained.BUNDLED)
    trained_on = base.training["persons"][0]
    options = run.command_line.parser().parse_args(["--train_dir", str(tmp_path)])
    items = [Item(tmp_path, "folder", "happy", person) for person in ("anna", trained_on)]
    corpus = run.corpora.Corpus(train=items[:1], valid=items[1:], labels=("happy", "sad"), known_people=True)
    init_from_base, sentence = run.initial_weights("voice", options, base, corpus)
    assert not init_from_base and trained_on in sentence
    corpus = run.corpora.Corpus(train=items[1:], valid=items[:1], labels=("happy", "sad"), known_people=True)
    assert run.initial_weights("voice", options, base, corpus)[0]


def test_an_empty_folder_of_a_label_is_named(tmp_path, capsys):
    data = make_corpus.pictures(tmp_path / "data", takes=1)
    (data / "angry" / "anna").mkdir(parents=True)
    (data / ".cache").mkdir()
    given = ("--task", "face", "--dataset", "folder", "--train_dir", data, "--out", tmp_path / "out")
    assert f"{data / 'angry'} holds no pictures or videos, so 'angry' cannot be learned" in refusal(
        capsys, run.main, *given
    )
    (data / "angry").rename(data / "sadness")  # beside a folder "sad" with pictures
    assert f"{data / 'sadness'} holds no pictures or videos; add some, or remove" in refusal(capsys, run.main, *given)
    labels = tmp_path / "labels.json"
    labels.write_text('{"happy": null, "sad": "sad", "sadness": "angry"}')
    assert "so 'sadness' cannot be learned" in refusal(capsys, run.main, *given, "--labels", labels)
    (data / "sadness").rename(data / "angry")
    assert not (tmp_path / "out").exists()
    labels.write_text('{"happy": "happy", "sad": "sad", "angry": null}')
    trained(tmp_path / "out", "face", data, "--epochs", 1, "--labels", labels)


def test_a_label_without_a_readable_item_is_named(tmp_path, capsys):
    data = make_corpus.pictures(tmp_path / "data", takes=1)
    for path in (data / "sad").rglob("*.png"):
        path.write_bytes(b"no picture")
    given = ("--task", "face", "--dataset", "folder", "--train_dir", data, "--out", tmp_path / "out")
    assert "None of the training items with the label 'sad' can be used" in refusal(capsys, run.main, *given)


def test_rare_labels_count_as_much_as_frequent_ones():
    """Two labels that cannot be distinguished, one of them nine times as frequent: the network prefers neither."""
    truth = torch.tensor([0] * 9 + [1])
    net = torch.nn.Linear(1, 2)
    shares = balance.log_shares(np.bincount(truth))
    plain, balanced = [], []
    for log_shares, found in ((torch.zeros(2), plain), (shares, balanced)):
        with torch.no_grad():
            net.weight.zero_(), net.bias.zero_()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        for _ in range(100):
            loss = torch.nn.functional.cross_entropy(balance.adjust(net(torch.zeros(10, 1)), log_shares), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found += net(torch.zeros(1, 1)).softmax(1)[0].tolist()
    assert plain == pytest.approx([0.9, 0.1], abs=0.02) and balanced == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_label_that_no_item_shows_has_a_share_too():
    shares = balance.log_shares(np.array([30, 0, 10])).exp().tolist()
    assert shares == pytest.approx([0.5, 1 / 3, 1 / 6])
    assert balance.label_shares(("calm", "neutral", "sad"))[EMOTIONS.index("neutral")] == pytest.approx(
        2 * balance.label_shares(("calm", "neutral", "sad"))[EMOTIONS.index("sad")]
    )


def test_an_imbalance_is_reported(capsys):
    items = [Item(None, "folder", label, "a") for label in ["happy"] * 12 + ["sad"] * 3]
    usable.check_labels(items, ("happy", "sad"))
    assert "happy has 4 times as many items as sad" in capsys.readouterr().out
    usable.check_labels(items[8:], ("happy", "sad"))
    assert "times as many" not in capsys.readouterr().out


def test_labels_with_few_items_are_named(capsys):
    items = [Item(None, "folder", label, "a") for label in ["happy"] * 20 + ["sad"] * 19 + ["fear"] * 2]
    usable.check_labels(items, ("happy", "sad", "fear"))
    assert "Fewer than 20 training items have the label sad (19), fear (2);" in capsys.readouterr().out
    usable.check_labels(items[:39] + items[20:21], ("happy", "sad"))
    usable.check_labels(items, ("happy", "sad", "fear"), learns=False)  # as late fusion, which trains no network
    assert not capsys.readouterr().out


def test_late_fusion_is_calibrated_without_an_epoch_of_training(tmp_path, monkeypatch, capsys):
    data = make_corpus.videos(tmp_path / "data", takes=1)

    def no_training(*_, **__):
        raise AssertionError("late fusion trains no network")

    monkeypatch.setattr(loop, "fit", no_training)
    base = checkpoints.load(pretrained.BUNDLED)
    model = trained(tmp_path / "out", "fusion", data, "--fusion", "late", "--video_len", 3)
    assert set(model.evaluation["validation-fusion"]["results"]) == {"face", "voice", "mean", "late", "intermediate"}
    found = model.evaluation["validation-fusion"]
    assert found["confusion_of"] == "late" and "intermediate" in found["calibration_errors"]
    assert found["windows"] == sum(map(sum, found["confusion"])) > found["items"]
    text = (tmp_path / "out" / "checkpoint" / "README.md").read_text()
    assert f"on {found['items']} items in {found['windows']} windows" in text
    assert model.calibration != base.calibration
    output = capsys.readouterr().out
    assert "fusion: no network is trained (--fusion late)" in output
    assert "epochs" not in output and "fine-tuned" not in output and "Fewer than 20 training" not in output
    for name, tensor in base.fusion.state_dict().items():
        assert torch.equal(model.fusion.state_dict()[name], tensor), name
    given = ("--task", "fusion", "--dataset", "folder", "--train_dir", data, "--out", tmp_path / "out")
    assert "already holds a run" in refusal(capsys, run.main, *given, "--fusion", "late")
    trained(tmp_path / "out", "fusion", data, "--fusion", "late", "--video_len", 3, "--resume")


def test_fusion_leaves_out_a_label_that_is_none_of_its_emotions(tmp_path):
    data = make_corpus.videos(tmp_path / "data", takes=1)
    shutil.copytree(data / "sad", data / "contempt")
    model = trained(tmp_path / "out", "fusion", data, "--fusion", "late")
    assert model.evaluation["validation-fusion"]["items"] == 2  # one happy and one sad video of one person


def test_people_unknown_to_the_run_raise_no_error():
    corpus = run.corpora.Corpus(train=[], valid=[], labels=("happy", "sad"), known_people=False)
    config = common.FinetuneConfig(out=None, cache=None, base=factories.checkpoint())
    common.check_people(corpus, config, ("face",))
    validation = run.corpora.Corpus(
        train=[], valid=[Item(None, "folder", "happy", "a")], labels=("happy",), known_people=True
    )
    config.base.training = {"persons": ["a"]}
    with pytest.raises(EmorecError, match="'a' is in the validation data"):
        common.check_people(validation, config, ("face",))


def test_fusion_refuses_people_whom_only_the_fusion_that_it_starts_from_met(tmp_path):
    model = checkpoints.load(pretrained.BUNDLED)
    model.training = {"persons": ["bert"], "parts": {"face": [], "voice": [], "fusion": ["bert"]}}
    items = [Item(tmp_path, "folder", label, person) for person in ("anna", "bert") for label in ("happy", "sad")]
    corpus = run.corpora.Corpus(train=items[:2], valid=items[2:], labels=("happy", "sad"), known_people=True)
    config = common.FinetuneConfig(out=tmp_path / "out", cache=tmp_path, base=model)
    with pytest.raises(EmorecError, match="'bert' is in the validation data"):
        fusion.train(corpus, fusion.SCHEDULE, config)
    options = run.command_line.parser().parse_args(["--train_dir", str(tmp_path)])
    assert not run.initial_weights("fusion", options, model, corpus)[0]
