"""Training on one's own data, end to end on a tiny drawn corpus: what it writes and refuses, and how it resumes."""

import csv
import errno
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

import emorec
from emorec import files
from emorec.extraction import faces as seeing
from emorec.extraction import pipeline
from emorec.face import detection
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from emorec.voice import features as voices
from support import make_corpus
from support.refusals import refusal
from train import loop, run
from train.data import datasets, ingest
from train.finetune import face, initial
from train.recipes import voice
from train.run_dir import read_log


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder with ``pictures``, ``recordings`` and ``videos``, two labels, three people."""
    root = tmp_path_factory.mktemp("corpus")
    make_corpus.pictures(root / "pictures")
    make_corpus.recordings(root / "recordings")
    make_corpus.videos(root / "videos")
    return root


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Tiny networks; drawn faces and voices count as such, which real detectors need not find."""
    monkeypatch.setattr(face, "NET", replace(face.NET, widths=(8, 16, 24)))
    monkeypatch.setattr(voice, "NET", replace(voice.NET, widths=(8, 12, 16, 24), embedding=16))
    monkeypatch.setattr(detection, "detector", lambda file: make_corpus.MiddleFace())
    monkeypatch.setattr(voices, "speech", loud)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def loud(samples, front_end=None, before=(), after=(), *, filtered=False):
    return (voices.loudness(samples, front_end or voices.VoiceFrontEnd()) > -50).astype(np.float32)


def trained(out, task, data, *more):
    """Run ``train/run.py`` on a corpus in folders; the checkpoint it writes, loaded."""
    given = ["--task", task, "--dataset", "folder", "--train_dir", data, "--out", out, "--from_scratch", *more]
    run.main([str(part) for part in given])
    return checkpoints.load(out / "checkpoint")


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_face_run_learns_and_leaves_its_record(corpus, tmp_path):
    more = ("--epochs", 12, "--batch-size", 4, "--lr", 0.01, "--weight-decay", 0.01, "--seed", 3)
    model = trained(tmp_path, "face", corpus / "pictures", *more)
    folder = tmp_path / "face"
    assert config_of(folder)["settings"]["weight_decay"] == 0.01 and config_of(folder)["settings"]["seed"] == 3
    rows = read_log(folder)
    assert [row["epoch"] for row in rows] == list(range(1, 13)) and rows[-1]["loss"] < rows[0]["loss"]
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert b"accuracy" in b"".join(file.read_bytes() for file in (folder / "events").iterdir())
    for saved in (folder / "last", folder / "best", tmp_path / "checkpoint"):
        assert checkpoints.load(saved).face.config.labels == ("happy", "sad")
    assert model.evaluation["validation-face"]["results"]["face"] > 0.9
    # What was not trained is the bundled model's.
    bundled = checkpoints.load(pretrained.BUNDLED)
    assert all(
        torch.equal(a, b)
        for a, b in zip(bundled.voice.state_dict().values(), model.voice.state_dict().values(), strict=True)
    )
    own = set(make_corpus.PEOPLE)
    assert len(own & set(model.training["persons"])) == 2 and len(own & set(model.training["held_out"])) == 1
    spent = model.training["compute"]
    assert [entry["part"] for entry in spent] == ["face"] and "CPU thread" in spent[0]["device"]
    assert spent[0]["hours"] * 3600 == pytest.approx(sum(row["seconds"] for row in rows), abs=0.4)
    assert "on " + spent[0]["device"] in (tmp_path / "checkpoint" / "README.md").read_text()


def test_every_part_from_videos_and_analysis_with_it(corpus, tmp_path):
    more = ("--epochs", 6, "--batch_size", 4, "--video_len", 5, "--audio_win", 100, "--modality_dropout", 0.3)
    model = trained(tmp_path, "all", corpus / "videos", *more)
    assert set(model.evaluation) == {"validation-face", "validation-voice", "validation-fusion"}
    assert set(model.evaluation["validation-fusion"]["results"]) == {"face", "voice", "mean", "late", "intermediate"}
    assert model.face.config.labels == model.voice.config.heads["emotions"] == ("happy", "sad")
    # All parts kept the same person apart, and the bundled model's people are not among those trained on.
    assert len(model.training["persons"]) == 2 and len(model.training["held_out"]) == 1
    assert model.training["licence"] == "other" and {s["name"] for s in model.training["sources"]} == {"folder"}
    assert not any("Intermediate fusion was not trained" in limit for limit in model.training["limits"])
    windows = [config_of(tmp_path / part)["settings"] for part in ("face", "voice", "fusion")]
    assert {s["video_len"] for s in windows} == {5} and windows[2]["modality_dropout"] == 0.3
    path = next((corpus / "videos").rglob("*.mp4"))
    timeline = emorec.analyze(path, model_path=tmp_path / "checkpoint", device="cpu", fusion="intermediate")
    assert set(timeline.dominant) <= {"happy", "sad"} and timeline.known.all()
    # Resumed when it is finished, it measures the same videos again, and holds the weights to those it began with.
    again = trained(tmp_path, "all", corpus / "videos", *more, "--resume")
    assert again.calibration == model.calibration and again.evaluation == model.evaluation


def test_fusion_of_a_new_encoder_does_not_claim_to_be_fine_tuned(corpus, tmp_path, capsys):
    trained(tmp_path, "face", corpus / "videos", "--epochs", 1, "--batch_size", 4)
    capsys.readouterr()
    given = ("--task", "fusion", "--dataset", "folder", "--train_dir", corpus / "videos", "--out", tmp_path)
    run.main([str(part) for part in (*given, "--epochs", 1)])
    output = capsys.readouterr().out
    assert "fusion: a new network, which begins as the sum of the logits" in output and "1 epochs" in output
    limits = checkpoints.load(tmp_path / "checkpoint").training["limits"]
    assert any("The fusion network was trained on one data set" in limit for limit in limits)
    assert not any("fusion network was fine-tuned" in limit for limit in limits)


def test_a_killed_run_goes_on_to_the_same_numbers(corpus, tmp_path, monkeypatch):
    more = ("--epochs", 5, "--batch_size", 4, "--save_every", 2)
    unbroken = trained(tmp_path / "unbroken", "voice", corpus / "recordings", *more)
    draw = voice.Batches.__call__

    def killed(self, epoch, generator):
        if epoch == 3:
            raise RuntimeError("as if killed")
        return draw(self, epoch, generator)

    with monkeypatch.context() as patch:
        patch.setattr(voice.Batches, "__call__", killed)
        # A kill leaves no time to save what Ctrl-C would.
        patch.setattr(loop, "_state", lambda parts, epoch, best: only_second(parts, epoch, best))
        with pytest.raises(RuntimeError):
            trained(tmp_path / "broken", "voice", corpus / "recordings", *more)
    assert len(read_log(tmp_path / "broken" / "voice")) == 3
    resumed = trained(tmp_path / "broken", "voice", corpus / "recordings", *more, "--resume")
    for name, value in unbroken.voice.state_dict().items():
        assert torch.equal(value, resumed.voice.state_dict()[name]), name
    logs = [read_log(tmp_path / which / "voice") for which in ("unbroken", "broken")]
    for row in (*logs[0], *logs[1]):
        del row["seconds"]
    assert logs[0] == logs[1] and len(logs[0]) == 5
    assert unbroken.calibration == resumed.calibration


def only_second(parts, epoch, best, real=loop._state):
    return real(parts, epoch, best) if epoch % 2 == 0 else None


def test_ctrl_c_saves_the_last_whole_epoch(corpus, tmp_path, monkeypatch, capsys):
    stop = 0

    def interrupted(self, epoch, generator, draw=voice.Batches.__call__):
        if epoch == stop:
            raise KeyboardInterrupt
        return draw(self, epoch, generator)

    monkeypatch.setattr(voice.Batches, "__call__", interrupted)
    with pytest.raises(SystemExit):
        trained(tmp_path, "voice", corpus / "recordings", "--epochs", 5, "--batch_size", 4, "--save_every", 5)
    assert "before the first epoch was finished; the same command begins again" in capsys.readouterr().err
    stop = 3
    with pytest.raises(SystemExit) as ended:
        trained(tmp_path, "voice", corpus / "recordings", "--epochs", 5, "--batch_size", 4, "--save_every", 5)
    assert ended.value.code == 130 and "--resume continues" in capsys.readouterr().err
    assert loop.finished_epochs(tmp_path / "voice") == 3
    assert checkpoints.load(tmp_path / "voice" / "last").voice.config.heads["emotions"] == ("happy", "sad")
    assert (tmp_path / "voice" / "curves.png").exists()


def test_another_configuration_is_refused_by_name_and_nothing_is_overwritten(corpus, tmp_path, capsys):
    given = ("--task", "voice", "--dataset", "folder", "--train_dir", corpus / "recordings", "--out", tmp_path)
    given = (*given, "--from_scratch")
    run.main([str(part) for part in (*given, "--epochs", 1, "--batch_size", 4, "--lr", 0.002)])
    state = (tmp_path / "voice" / "last" / "state.pt").read_bytes()
    assert "already holds a run" in refusal(capsys, run.main, *given, "--epochs", 1)
    output = refusal(capsys, run.main, *given, "--epochs", 1, "--batch_size", 4, "--lr", 0.004, "--resume")
    assert "lr 0.002, not 0.004" in output
    assert (tmp_path / "voice" / "last" / "state.pt").read_bytes() == state


def test_a_full_disk_is_one_sentence_and_keeps_what_was_saved(corpus, tmp_path, monkeypatch, capsys):
    given = ("--task", "voice", "--dataset", "folder", "--train_dir", corpus / "recordings", "--out", tmp_path)
    given = (*given, "--from_scratch")
    given = (*given, "--epochs", 3, "--batch_size", 4)
    whole = files.write

    def full(path, content):
        if path.name == "state.pt" and path.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", full)
        assert "No space left on device" in refusal(capsys, run.main, *given)
    assert loop.finished_epochs(tmp_path / "voice") == 1
    run.main([str(part) for part in (*given, "--resume")])
    assert len(read_log(tmp_path / "voice")) == 3


def test_unreadable_items_are_left_out_counted_and_listed(tmp_path, capsys):
    make_corpus.pictures(tmp_path / "data", takes=2)
    (tmp_path / "data" / "happy" / "anna" / "broken.png").write_bytes(b"no picture")
    make_corpus.cv2.imwrite(str(tmp_path / "data" / "sad" / "anna" / "black.png"), np.zeros((200, 200), np.uint8))
    trained(tmp_path / "out", "face", tmp_path / "data", "--epochs", 1, "--batch_size", 4, "--seed", 0)
    output = capsys.readouterr().out
    with_anna = "training" if "anna" in config_of(tmp_path / "out" / "face")["settings"]["persons"] else "validation"
    with open(tmp_path / "out" / "face" / f"{with_anna}-skipped.csv", newline="") as table:
        rows = {row["path"].rsplit("/")[-1]: row["reason"] for row in csv.DictReader(table)}
    assert set(rows) == {"broken.png", "black.png"} and "No face" in rows["black.png"]
    assert f"2 of {10 if with_anna == 'training' else 6} {with_anna} items cannot be used" in output


def lone(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        make_corpus.cv2.imwrite(str(folder / path), make_corpus.face("happy", "anna"))
    return folder


def test_bad_data_is_one_sentence_each(tmp_path, capsys):
    def refused(*more, data=None, dataset="folder", task="face"):
        where = tmp_path / "data" if data is None else data
        output = refusal(
            capsys,
            run.main,
            "--task",
            task,
            "--dataset",
            dataset,
            "--train_dir",
            where,
            "--out",
            tmp_path / "out",
            *more,
        )
        assert not list((tmp_path / "out").rglob("state.pt"))
        return output

    assert "does not exist" in refused(data=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "holds no pictures or videos" in refused(data=tmp_path / "empty")
    assert "holds no recordings" in refused(data=tmp_path / "empty", task="voice")
    data = lone(tmp_path / "data", "joy/a/1.png", "joy/b/1.png", "sad/a/2.png", "sad/b/2.png", "sad/c/3.png")
    output = refused()
    assert "'joy'" in output and "say in a JSON file (--labels) what each label of the data means" in output
    labels = tmp_path / "labels.json"
    labels.write_text('{"joy": "happy"}')
    output = refused("--labels", labels)
    assert "'sad' of 3 items is not in the label map" in output and "null to leave its items out" in output
    labels.write_text('{"joy": "joyful", "sad": "sad"}')
    output = refused("--labels", labels)
    assert "maps 'joy' wrongly" in output and "Give null to leave it out" in output
    labels.write_text("[1]")
    assert "must be a JSON object" in refused("--labels", labels)
    labels.write_text('{"joy": null, "sad": "sad"}')
    assert "have the label 'sad'" in refused("--labels", labels)
    labels.write_text('{"joy": "happy", "sad": "sad"}')
    val = lone(tmp_path / "val", "joy/b/9.png", "sad/d/9.png")
    assert "'b' is both in the training and in the validation" in refused("--labels", labels, "--val_dir", val)
    val = lone(tmp_path / "val2", "fear/e/9.png")
    labels.write_text('{"joy": "happy", "sad": "sad", "fear": "fear"}')
    assert "validation label 'fear'" in refused("--labels", labels, "--val_dir", val)
    output = refusal(capsys, run.main, "--task", "face", "--train_dir", val, "--out", tmp_path / "out")
    assert "none of the public corpora" in output and "give --dataset folder or csv" in output
    one = lone(tmp_path / "one", "happy/a/1.png", "sad/a/2.png")
    assert "All items show one person" in refused(data=one)
    for path in data.rglob("*.png"):
        path.write_bytes(b"")
    assert "None of the" in refused("--labels", labels)
    assert "needs a first line" in refused(data=_written(tmp_path / "t.csv", "file,emotion\n"), dataset="csv")
    assert "Line 2" in refused(data=_written(tmp_path / "t.csv", "path,label\n,happy\n"), dataset="csv")


def _written(path, text):
    path.write_text(text)
    return path


def test_fusion_refuses_people_whom_its_encoders_met(corpus, tmp_path, capsys):
    clips = sorted((corpus / "videos").rglob("*.mp4"))
    trained_on = checkpoints.load(pretrained.BUNDLED).training["persons"][0]
    rows = [(path, path.parts[-3], trained_on if "carl" in path.parts else path.parts[-2]) for path in clips]

    def table(name, held_out):
        lines = [f"{path},{label},{who}\n" for path, label, who in rows if (who == trained_on) == held_out]
        return _written(tmp_path / name, "".join(["path,label,person\n", *lines]))

    data = ("--train_dir", table("train.csv", False), "--val_dir", table("val.csv", True))
    given = ("--task", "fusion", "--dataset", "csv", *data, "--out", tmp_path / "out")
    assert f"'{trained_on}' is in the validation data and was trained on" in refusal(capsys, run.main, *given)


def test_face_weights_to_start_from_and_a_push_in_the_end(corpus, tmp_path, capsys, monkeypatch):
    net = face.FaceNet(replace(face.NET, labels=("happy", "sad")))
    torch.save({"state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}}, tmp_path / "plain.pt")
    safetensors.torch.save_file(
        {k: v for k, v in net.state_dict().items() if not k.startswith("head")}, tmp_path / "trunk.safetensors"
    )
    wide = face.FaceNet(replace(face.NET, labels=("happy", "sad"), widths=(8, 16, 32)))
    torch.save(wide.state_dict(), tmp_path / "wide.pt")
    torch.save(net, tmp_path / "pickled.pt")
    fresh = face.FaceNet(replace(face.NET, labels=("happy", "sad")))
    initial.init_face(fresh, tmp_path / "plain.pt")
    # The rows of the file's head may be for other labels, although there are as many.
    same = {name: torch.equal(tensor, fresh.state_dict()[name]) for name, tensor in net.state_dict().items()}
    assert not same.pop("head.weight") and not same.pop("head.bias") and all(same.values())
    assert "with a new head" in initial.init_face(fresh, tmp_path / "trunk.safetensors")
    given = ("--task", "face", "--dataset", "folder", "--train_dir", corpus / "pictures", "--out", tmp_path / "out")
    output = refusal(capsys, run.main, *given, "--efficientface_path", tmp_path / "wide.pt")
    assert "trunk.4.0.weight has the shape (32, 16, 3, 3), but (24, 16, 3, 3) is needed" in output
    assert "not a plain PyTorch state dict" in refusal(capsys, run.main, *given, "--face-path", tmp_path / "pickled.pt")

    def pushed(folder, repo, private):
        return f"pushed {checkpoints.load(folder).folder} to {repo}{', private' * private}"

    bundled = ("--face_path", pretrained.BUNDLED / "model.safetensors")
    assert "belongs to an emorec checkpoint; give the folder of that by --init" in refusal(
        capsys, run.main, *given, *bundled
    )
    monkeypatch.setattr("hub.push.push", pushed)
    more = ("--face_path", tmp_path / "plain.pt", "--epochs", 1, "--batch_size", 8)
    more += ("--push-to-hub", "me/mine", "--private")
    run.main([str(part) for part in (*given, *more)])
    output = capsys.readouterr().out
    limits = checkpoints.load(tmp_path / "out" / "checkpoint").training["limits"]
    assert any("The face network started from the weights in plain.pt" in limit for limit in limits)
    assert "starts from plain.pt" in output
    assert f"pushed {tmp_path / 'out' / 'checkpoint'} to me/mine, private" in output


@pytest.mark.parametrize("suffix", [".mp4", ".flv"])
def test_training_sees_the_very_crops_that_inference_encodes(tmp_path, monkeypatch, suffix):
    path = make_corpus.video(tmp_path / f"clip{suffix}", "happy", "anna", seconds=5.0)
    model = checkpoints.load(pretrained.BUNDLED)
    encoded = []
    encode = seeing.encode_faces
    with monkeypatch.context() as patch:
        patch.setattr(seeing, "encode_faces", lambda net, crops: encoded.append(crops) or encode(net, crops))
        seen = [*pipeline.extract(path, model, make_corpus.MiddleFace(), cache=tmp_path / "cache")][-1]
    item = datasets.Item(path, "folder", "happy", "anna")
    (got,), wrong = ingest.extract_faces([item], model.face.config.size, tmp_path / "crops")
    assert not wrong and len(got[0]) == len(seen.arrays["face_time"]) > 5
    assert np.array_equal(got[0], np.concatenate(encoded))
    assert got[1] == pytest.approx(seen.arrays["face_quality"])
    (clip,), _ = ingest.extract_log_mels([item], model.front_end, tmp_path / "crops")
    assert len(clip[1]) == pytest.approx(len(seen.arrays["voice_speech"]), abs=1)
    own = model.voice.embed(torch.from_numpy(clip[0]).float()[None])[0].detach().numpy()
    # Away from the ends, where a network sees what lies around the clip.
    around = model.voice.CONTEXT_HOPS + 1
    middle = slice(around, len(seen.arrays["voice_time"]) - around)
    # Within the precision of bfloat16, in which inference multiplies if the processor supports it.
    assert own[middle] == pytest.approx(seen.arrays["voice_embedding"][middle].astype(np.float32), abs=0.05, rel=0.01)
