"""Evaluation: only on people outside the training data, with everything that a table must show."""

import errno
import json
import os
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emorec import image
from emorec.emotions import EMOTIONS
from emorec.emotions import fold as to_seven
from emorec.errors import EmorecError
from emorec.face import detection
from emorec.inference.fusion import softmax
from emorec.media import image as media_image
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from emorec.models.networks import VoiceNet
from hub import card, reliability
from support import make_corpus
from support.drawn_voices import drawn_voices
from support.refusals import refusal
from train import calibration, evaluate, loop, metrics, run_dir
from train.data import datasets, ingest, layouts
from train.evaluation import corruptions, cost, cross_voice, own_data, predictions, protocols, voice_protocols
from train.evaluation.predictions import Setting
from train.finetune import provenance
from train.recipes import keep_folds, voice
from train.recipes.workspace import Workspace


@pytest.fixture(scope="module")
def bundled():
    return checkpoints.load(pretrained.BUNDLED)


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """The time of a network need not be exact here, and 20 rounds of each take most of an evaluation."""
    monkeypatch.setattr(cost, "ROUNDS", 1)
    monkeypatch.setattr(cost, "BATCH", 4)


@pytest.fixture
def copy(tmp_path):
    """A copy of the bundled checkpoint, to be written into."""
    return shutil.copytree(pretrained.BUNDLED, tmp_path / "checkpoint")


def run(capsys, *given):
    evaluate.main([str(part) for part in given])
    return capsys.readouterr().out


def test_a_users_own_pictures(copy, tmp_path, capsys):
    make_corpus.pictures(tmp_path / "data", takes=2)
    (tmp_path / "data" / "sad" / "anna" / "broken.png").write_bytes(b"no picture")
    given = (copy, "--data", tmp_path / "data", "--dataset", "folder", "--cache", tmp_path / "cache")
    output = run(capsys, *given)
    assert "own-folder: folder: 12 items of 3 people" in output and "1 of 13 items cannot be used" in output
    found = json.loads((copy / "config.json").read_text())["evaluation"]["own-folder"]
    low, high = found["intervals"]["face"]
    assert low <= found["results"]["face"] <= high and found["resampled"] == "items"  # three people are too few
    assert f"{low:.1%} to {high:.1%}" in output and "±" not in output  # which would contradict the interval
    assert found["interval_by"] == {"face": "wilson"} and found["confusion_of"] == "face"
    assert sum(one["items"] for one in found["reliability"]["face"]) == 12
    average = f"nweighted average recall: face {found['unweighted_average_recall']['face']:.1%}"
    assert average in output and average in (copy / "README.md").read_text()
    assert list(found["results"]) == ["face"] and np.sum(found["confusion"]) == 12
    assert found["calibration_error"].keys() == {"before", "after", "perfect"}
    with_items = [label for label, row in zip(found["labels"], found["confusion"], strict=True) if sum(row)]
    assert list(found["recall"]) == with_items != found["labels"] and "\n  fear           - " in output
    assert found["cost"]["face"]["multiply_adds"] > 1e8 and found["cost"]["face"]["ms"] > 0
    assert "own-folder" in (copy / "README.md").read_text()
    assert "multiply-adds" in output and "recall" in output
    assert "are replaced" not in output + run(capsys, *given), "the same items give the same results"
    make_corpus.pictures(tmp_path / "other", takes=1)
    output = run(capsys, copy, "--data", tmp_path / "other", *given[3:])
    assert "The results of own-folder before (folder: 12 items of 3 people, 2 emotions) are replaced" in output


def test_pictures_are_judged_as_an_analysis_of_pictures_judges_them(bundled, tmp_path):
    data = make_corpus.pictures(tmp_path / "data", takes=1)
    found = own_data.own_data(bundled, Setting(data=data, runs=None, cache=tmp_path / "cache", dataset="folder"))
    detector, rows = detection.detector(pretrained.face_detector_file()), []
    for item in layouts.by_folder(data, "face"):
        crop, _ = ingest.picture_face(media_image.read(item.path, 10**8, 4096), detector, bundled.face.config.size)
        native = image.predict_stills(bundled.face, crop)
        rows.append(bundled.calibration.still.log_likelihood(to_seven(native, bundled.face.config.labels))[0])
    judged = softmax(np.array(rows))  # under an even prior
    truth = np.array([EMOTIONS.index(item.label) for item in layouts.by_folder(data, "face")])
    assert found["results"]["face"] == np.mean(judged.argmax(1) == truth)
    weights = calibration.even_weights(truth)
    assert found["calibration_error"]["after"] == pytest.approx(metrics.ece(judged, truth, weights), abs=1e-4)


def test_people_who_are_unknown_or_validated_are_named(copy, bundled, tmp_path, capsys, monkeypatch):
    everything_is_happy = np.eye(8)[datasets.FERPLUS_LABELS.index("happiness")] + 1e-4
    monkeypatch.setattr(own_data, "predict_stills", lambda net, crops: np.tile(everything_is_happy, (len(crops), 1)))
    make_corpus.pictures(tmp_path / "known", takes=1)
    make_corpus.pictures(tmp_path / "unknown", takes=1, people=False)
    given = ("--dataset", "folder", "--cache", tmp_path / "cache")
    output = run(capsys, copy, "--data", tmp_path / "unknown", *given)
    assert "own-folder: folder: 6 items of unknown people" in output and "Who is in these items is not known" in output
    assert "people only" not in output
    found = json.loads((copy / "config.json").read_text())["evaluation"]["own-folder"]
    assert found["results"]["face"] == 0.5
    assert found["spread"]["face"] == pytest.approx(np.sqrt(0.5 * 0.5 / 6), abs=1e-3)  # of items, not of one person
    assert found["domain"] in (copy / "README.md").read_text()
    tuned = bundled.training | {"held_out_fold": None, "held_out": ["anna", "dora"]}
    checkpoints.save_config(replace(bundled, training=tuned, evaluation={}), copy)
    output = run(capsys, copy, "--data", tmp_path / "known", *given)
    assert "6 items of 3 people" in output and "anna validated the training of these weights" in output
    assert "The items are of 3 people only" in output and "of 3 people only" in (copy / "README.md").read_text()
    # The parts of FER2013 stand for its people, who have no names.
    make_corpus.pictures(tmp_path / "fer2013" / "train", takes=1, people=False)
    make_corpus.pictures(tmp_path / "fer2013" / "test", takes=1, people=False)
    output = run(capsys, copy, "--data", tmp_path / "fer2013", "--dataset", "fer2013", *given[2:])
    assert "12 items of unknown people" in output and "people only" not in output
    tuned |= {"limits": [provenance.UNKNOWN_PEOPLE[0]]}
    checkpoints.save_config(replace(bundled, training=tuned, evaluation={}), copy)
    assert "anna validated the training" in run(capsys, copy, "--data", tmp_path / "known", *given)
    checkpoints.save_config(replace(bundled, training=tuned | {"held_out": ["dora"]}, evaluation={}), copy)
    assert "Who is in the training data is not known" in run(capsys, copy, "--data", tmp_path / "known", *given)


def test_a_calibration_that_hurts_is_told(copy, bundled, tmp_path, capsys):
    make_corpus.pictures(tmp_path / "data", takes=2)
    given = (copy, "--data", tmp_path / "data", "--dataset", "folder", "--cache", tmp_path / "cache")
    told = []
    for scale in (20.0, 1.0):
        still = replace(bundled.calibration.still, scale=scale, bias=(0.0,) * 7, strength=0.0)
        checkpoints.save_config(
            replace(bundled, calibration=replace(bundled.calibration, still=still), evaluation={}), copy
        )
        told.append(own_data.HURTS in run(capsys, *given))
        assert (own_data.HURTS in (copy / "README.md").read_text()) == told[-1]
    assert told == [True, False]


def test_results_on_other_data_of_a_user_are_not_called_those_before(copy, tmp_path, capsys):
    for number in (1, 2):
        make_corpus.pictures(tmp_path / "data", takes=number)
        run(capsys, copy, "--data", tmp_path / "data", "--dataset", "folder", "--cache", tmp_path / "cache")
        config = json.loads((copy / "config.json").read_text())
        found = config["evaluation"]["own-folder"]
        assert found["items"] == 6 * number and "previous" not in found
        config["evaluation"]["own-folder"]["results"] = {"face": 0.987}  # surely not those of the second time
        (copy / "config.json").write_text(json.dumps(config))


def test_the_copy_of_a_repository_is_not_written_into(copy, tmp_path, capsys, monkeypatch):
    make_corpus.pictures(tmp_path / "data", takes=1)
    origin = pretrained.Origin(folder=copy, repo="org/name", revision="main", commit="0" * 40)
    monkeypatch.setattr(pretrained, "resolve", lambda model: origin)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    given = ("org/name", "--data", tmp_path / "data", "--dataset", "folder", "--cache", tmp_path / "cache")
    assert "org/name is not a folder, and the copy of a repository is not written into" in refusal(
        capsys, evaluate.main, *given
    )
    assert "own-folder: " in run(capsys, *given, "--no-write")
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_users_own_videos_are_judged_all_five_ways(bundled, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(detection, "detector", lambda file: make_corpus.MiddleFace())
    make_corpus.videos(tmp_path / "data", takes=1)
    make_corpus.pictures(tmp_path / "data", takes=2)
    found = own_data.own_data(
        bundled, Setting(data=tmp_path / "data", runs=None, cache=tmp_path / "cache", dataset="folder")
    )
    assert {"face", "late", "intermediate"} <= set(found["results"]) or set(found["results"]) == {"face"}
    assert found["items"] == 6 and "12 items are left out: only videos are measured" in capsys.readouterr().out


def test_a_stop_and_a_folder_that_cannot_be_written_are_one_sentence(copy, tmp_path, capsys, monkeypatch):
    make_corpus.pictures(tmp_path / "data", takes=1)
    given = (copy, "--data", tmp_path / "data", "--dataset", "folder", "--cache", tmp_path / "cache")

    def full(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_config", full)
        said = refusal(capsys, evaluate.main, *given)
    assert "Read-only file system" in said and "--out" not in said and "--resume" not in said

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(own_data, "own_data", stopped)
    with pytest.raises(SystemExit) as ended:
        evaluate.main([str(part) for part in given])
    assert ended.value.code == 130 and capsys.readouterr().err.startswith("stopped; the results of finished protocols")


def test_nobody_of_the_training_is_judged(copy, bundled, tmp_path, capsys):
    make_corpus.pictures(tmp_path / "data", takes=1)
    trained_on = bundled.training["persons"][0]
    (tmp_path / "data" / "happy" / "anna").rename(tmp_path / "data" / "happy" / trained_on)
    given = (copy, "--data", tmp_path / "data", "--dataset", "folder", "--cache", tmp_path / "cache")
    before = (copy / "config.json").read_bytes()
    assert f"was trained on {trained_on!r}" in refusal(capsys, evaluate.main, *given)
    assert (copy / "config.json").read_bytes() == before
    with pytest.raises(EmorecError, match="was trained on 'ferplus-test'"):
        model = replace(bundled, training={"persons": ["ferplus-test"]})
        protocols.ferplus(model, Setting(data=tmp_path, runs=None, cache=tmp_path))


def test_a_fold_that_heard_its_people_is_refused(bundled, tmp_path):
    folder = tmp_path / "voice-1"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"settings": {"persons": ["ravdess-03", "nemo-a"]}}))
    with pytest.raises(EmorecError, match="trained on ravdess-03"):
        protocols.fold_voice(bundled, tmp_path, 1)


def test_unknown_protocols_and_missing_data_are_one_sentence(copy, tmp_path, capsys):
    assert "does not exist" in refusal(
        capsys, evaluate.main, copy, "--data", tmp_path / "nowhere", "--protocol", "ferplus"
    )
    assert "--runs" in refusal(capsys, evaluate.main, copy, "--data", tmp_path, "--protocol", "javanese-av")
    with pytest.raises(SystemExit):
        evaluate.main([str(copy), "--data", str(tmp_path), "--protocol", "fer"])
    assert "unknown protocol fer" in capsys.readouterr().err


def test_a_corpus_is_judged_by_a_network_of_the_three_others(bundled, tmp_path, monkeypatch):
    monkeypatch.setattr(voice, "NET", replace(voice.NET, widths=(4, 4, 6, 8), embedding=8))
    monkeypatch.setattr(voice, "SCHEDULE", replace(voice.SCHEDULE, batch_size=4))
    heads, logits_of = set(), voice.logits_of

    def noting(net, pooled, head="emotions"):
        heads.add(head)
        return logits_of(net, pooled, head)

    monkeypatch.setattr(voice, "logits_of", noting)
    data, runs = drawn_voices(tmp_path / "data"), tmp_path / "runs"
    found = cross_voice.cross_voice(bundled, Setting(data=data, runs=runs, cache=tmp_path / "cache", epochs=1))
    assert set(found["results"]) == {"voice", *cross_voice.CORPORA} and found["items"] == 16
    people = {corpus: run_dir.settings_of(runs / f"cross-{corpus}")["persons"] for corpus in cross_voice.CORPORA}
    assert heads == {"emotions"}  # RAVDESS has its own head, which is untrained if RAVDESS is left out
    for corpus, persons in people.items():
        assert len(persons) == 3 and not any(person.startswith(corpus) for person in persons)


def test_each_corpus_has_a_spread_of_its_own(monkeypatch, bundled):
    """Over the people of that corpus: where all are recognised alike there is none."""
    people = np.tile(np.repeat(np.arange(6), 2), 4)
    truth, corpus = np.tile([0, 1], 24), np.repeat(np.arange(4), 12)
    right = (corpus > 0) | (people < 3)  # of the first corpus half of the people are always wrong
    seven = np.full((48, 7), 0.01)
    seven[np.arange(48), np.where(right, truth, 1 - truth)] = 0.94
    stored = {"seven": seven, "truth": truth, "corpus": corpus, "person": people}
    monkeypatch.setattr(predictions, "load_or_collect", lambda *_: stored)
    found = cross_voice.cross_voice(bundled, Setting(data=None, runs=None, cache=None))
    first, *others = (found["spread"][name] for name in cross_voice.CORPORA)
    assert first == pytest.approx(0.5 / 6**0.5, rel=0.1) and others == [0.0] * 3
    assert found["spread"]["voice"] == pytest.approx(np.std([0.5, 1, 1, 1]))


def test_kept_folds_outlast_a_failed_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(voice, "finished_run", lambda runs, fold: f"voice-{fold}")
    monkeypatch.setattr(voice, "load_trained", lambda runs, fold: torch.nn.Linear(2, 2))
    keep_folds.keep(tmp_path / "runs", tmp_path / "folds")
    before = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "folds").rglob("*.*")}
    assert len(before) == 8 and not list((tmp_path / "folds").glob("*.new"))

    def full(*_):
        raise EmorecError("The disk is full.")

    with monkeypatch.context() as patch, pytest.raises(EmorecError):
        patch.setattr(run_dir, "save_weights", full)
        keep_folds.keep(tmp_path / "runs", tmp_path / "folds")
    assert all((tmp_path / path).read_bytes() == content for path, content in before.items())
    keep_folds.keep(tmp_path / "runs", tmp_path / "folds")


def test_a_refined_network_is_the_mean_of_its_trainings_and_saw_no_person_of_its_fold(tmp_path, monkeypatch):
    monkeypatch.setattr(voice, "NET", replace(voice.NET, widths=(4, 4, 6, 8), embedding=8))
    once = replace(voice.SCHEDULE, epochs=1, batch_size=4)
    monkeypatch.setattr(voice, "REFINE_SCHEDULE", once)
    workspace = Workspace(data=drawn_voices(tmp_path / "data"), runs=tmp_path / "runs", cache=tmp_path / "cache")
    fold = 0  # which holds out the drawn RAVDESS actor
    voice.train_first(workspace, once)
    voice.train(workspace, fold, once)
    alone = voice.load_trained(tmp_path / "runs", fold).state_dict()
    for number in range(len(voice.REFINE_HOPS)):
        voice.refine(workspace, fold, number, once)
    folders = [f"voice-{fold}", *(voice.refinement(fold, number) for number in range(len(voice.REFINE_HOPS)))]
    nets = [loop.load_averaged(tmp_path / "runs" / name, VoiceNet(voice.NET)).state_dict() for name in folders]
    refined = voice.load_trained(tmp_path / "runs", fold).state_dict()
    for name, tensor in refined.items():
        assert torch.allclose(tensor.double(), sum(net[name].double() for net in nets) / len(nets), atol=1e-6), name
    assert not all(torch.equal(tensor, alone[name]) for name, tensor in refined.items())
    hops = [run_dir.settings_of(tmp_path / "runs" / name)["hops"] for name in folders]
    assert hops == [voice.CROP_HOPS, *voice.REFINE_HOPS]
    persons = [set(run_dir.settings_of(tmp_path / "runs" / name)["persons"]) for name in folders]
    assert persons[0] == persons[1] == persons[2] and persons[0] and "ravdess-02" not in persons[0]


def test_late_fusion_is_fitted_on_the_other_folds_only(tmp_path, monkeypatch, bundled):
    """Faces that know the truth in one fold only: fitting on that fold would trust them there."""
    random, parts = np.random.default_rng(0), []
    lines = ["clip,fold," + ",".join(datasets.RAVDESS_LABELS)]
    actors = [actors[0] for actors in datasets.RAVDESS_FOLDS]
    for fold, actor in enumerate(actors):
        (tmp_path / "RAVDESS" / f"Actor_{actor:02d}").mkdir(parents=True)
        truth = np.repeat(np.arange(8), 10)
        voices = softmax(np.eye(8)[truth] * 2 + random.normal(0, 1, (80, 8)))
        known = np.eye(8)[truth] * 6 if fold == 2 else random.normal(0, 3, (80, 8))
        stems = [f"03-01-0{label + 1}-01-01-{take:02d}-{actor:02d}" for label in range(8) for take in range(10)]
        for stem, row in zip(stems, known, strict=True):
            (tmp_path / "RAVDESS" / f"Actor_{actor:02d}" / f"{stem}.wav").touch()
            lines.append(f"{stem},{fold}," + ",".join(f"{value:.3f}" for value in row))
        parts.append({"eight": voices, "native": truth, "fold": np.full(80, fold)})
    stored = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    (tmp_path / "RAVDESS" / voice_protocols.FACE_LOGITS).write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(voice_protocols, "ravdess_predictions", lambda model, setting: stored)
    found = voice_protocols.ravdess_late(bundled, Setting(data=tmp_path, runs=tmp_path, cache=tmp_path))
    face, late, voice = (found["folds"][way] for way in ("face", "late", "voice"))
    assert face[2] == 1.0 and late[2] < 0.95  # in the other folds faces are random, so they have hardly any weight here
    assert late[0] < voice[0] + 0.05 and found["items"] == 400


def test_a_pool_learns_weights_and_bias():
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 2000)
    knows = calibration.fusion.softmax(np.eye(4)[truth] * 2 + random.normal(0, 1, (2000, 4)))
    guesses = calibration.fusion.softmax(random.normal(0, 2, (2000, 4)))
    weights_, bias = calibration.fit_pool([knows, guesses], truth)
    assert weights_[0] > 0.5 and abs(weights_[1]) < 0.1 and abs(bias).max() < 0.2
    pooled = calibration.pool([knows, guesses], weights_, bias)
    assert calibration.nll(pooled, truth) < calibration.nll(knows, truth)


def test_noise_lies_as_far_below_as_was_asked():
    random = np.random.default_rng(0)
    samples = np.sin(np.arange(16_000) / 20).astype(np.float32)
    for decibels in corruptions.NOISES:
        noise = corruptions.with_noise(samples, decibels, random) - samples
        assert 10 * np.log10(np.mean(samples**2) / np.mean(noise**2)) == pytest.approx(decibels, abs=0.3)


def test_corrupted_pictures_are_what_inference_sees(tmp_path):
    path = make_corpus.video(tmp_path / "clip.mp4", "sad", "bert", seconds=3.0)
    clean = [frame.image for frame in corruptions.streams.frames(path, 5.0)]
    seen = {}
    for name, corrupt in corruptions.PICTURE_CORRUPTIONS.items():
        corruptions.write_corrupted(path, tmp_path / "corrupted.avi", corrupt, np.random.default_rng(0))
        seen[name] = [frame.image for frame in corruptions.streams.frames(tmp_path / "corrupted.avi", 5.0)]
        assert len(seen[name]) == len(clean)
    blurred, jpeg, dark = seen.values()
    edges = [np.abs(np.diff(np.asarray(image, float), axis=0)).mean() for image in (clean[0], blurred[0])]
    assert edges[1] < 0.7 * edges[0]
    assert 0 < np.abs(jpeg[0].astype(int) - clean[0]).mean() < 30
    assert 0.1 < np.mean([image.mean() < 5 for image in dark]) < 0.9


def test_undecided_items_are_never_right():
    probabilities = np.array([[0.9, 0.1], [np.nan, np.nan]])
    decided = metrics.predicted_labels(probabilities)
    assert decided.tolist() == [0, metrics.NO_PREDICTION]
    assert metrics.accuracy({"x": decided}, np.array([0, 0]))["results"]["x"] == 0.5
    result = metrics.confusion(decided, np.array([0, 0]), ("a", "b"))
    assert result["confusion"] == [[1, 0], [0, 0]] and result["recall"] == {"a": 0.5}  # "b" has no items


def test_the_bins_of_a_diagram_give_the_calibration_error():
    random = np.random.default_rng(0)
    probabilities, truth = softmax(random.normal(0, 2, (500, 7))), random.integers(0, 7, 500)
    probabilities[:3] = np.nan
    for weights in (None, random.random(500)):
        bins = metrics.reliability(probabilities, truth, weights)
        assert reliability.error(bins) == pytest.approx(metrics.ece(probabilities, truth, weights))
        assert sum(one["items"] for one in bins) == 497 and sum(one["share"] for one in bins) == pytest.approx(1)
    assert metrics.reliability(np.full((2, 7), np.nan), truth[:2]) == []


def test_an_interval_draws_people_if_there_are_enough_of_them():
    """Each person is always or never right: items say little about other people."""
    people = np.repeat(np.arange(20), 50)
    right = people < 10
    by_people = metrics.intervals({"face": right}, people=people)
    by_items = metrics.intervals({"face": right})
    few = metrics.intervals({"face": right}, people=people // 10)
    assert (by_people["resampled"], by_items["resampled"], few["resampled"]) == ("people", "items", "items")
    widths = [np.diff(found["intervals"]["face"])[0] for found in (by_people, by_items, few)]
    # The standard error of a share of a half is sqrt(1 / 4 N).
    assert widths[0] == pytest.approx(2 * 1.96 * 0.5 / 20**0.5, rel=0.15)
    assert widths[1] == widths[2] == pytest.approx(2 * 1.96 * 0.5 / 1000**0.5, rel=0.15)
    # Of the unweighted average recall, a rare label counts as much as a common one.
    rare = np.where(np.arange(1000) < 990, 0, 1)
    low, high = metrics.intervals({"face": rare == 0}, rare)["intervals"]["face"]
    assert low <= 0.5 <= high < 0.6


def test_an_interval_of_many_items_needs_no_matrix_of_all_draws(monkeypatch):
    random = np.random.default_rng(0)
    right, truth, items = random.random(3000) < 0.7, random.integers(0, 4, 3000), np.arange(3000)
    whole = metrics.resampled_recall(right, truth, items, draws=100)
    monkeypatch.setattr(metrics, "DRAWN_AT_ONCE", 20_000)
    tracemalloc.start()
    assert np.array_equal(metrics.resampled_recall(right, truth, items, draws=100), whole)
    assert tracemalloc.get_traced_memory()[1] < 8 * 100 * 3000  # bytes of all counts
    tracemalloc.stop()


def test_an_interval_has_a_width_if_all_are_right_or_wrong_or_there_are_few():
    twelve, hundred, people = np.zeros(12, bool), np.ones(100, bool), np.repeat(np.arange(10), 10)
    found = metrics.intervals({"face": twelve})
    assert found["interval_by"] == {"face": "wilson"} and found["intervals"]["face"][0] == 0
    assert found["intervals"]["face"][1] == pytest.approx(1.96**2 / (12 + 1.96**2))
    found = metrics.intervals({"face": hundred, "voice": people < 5}, people=people)
    assert found["interval_by"] == {"face": "wilson"}  # of ten people
    assert found["intervals"]["face"] == pytest.approx([10 / (10 + 1.96**2), 1.0])
    low, high = metrics.intervals({"face": twelve | (np.arange(12) < 6)}, np.arange(12) // 6)["intervals"]["face"]
    assert low == pytest.approx(1 - high) and 0.2 < low < 0.3  # recall 1 of one label and 0 of the other
    assert "interval_by" not in metrics.intervals({"face": np.arange(100) < 50})


def test_clips_have_the_people_of_their_fold():
    items = [datasets.Item(Path("x"), "javanese", "happy", f"javanese-{one}") for one in ("01", "04", "02", "05", "01")]
    people = predictions.clip_people(items, np.array([1, 1, 0, 0, 0]))
    assert people.tolist() == [2, 3, 0, 1, 0]


def test_protocols_are_kept_in_the_order_of_the_card():
    kept = evaluate.in_order({"own-folder": {}, "robust": {}, "ferplus": {}, "everyday": {}})
    assert list(kept) == ["everyday", "ferplus", "robust", "own-folder"]


def test_costs_count_what_a_convolution_does(bundled):
    spent = cost.measure(bundled)
    assert spent["face"]["parameters"] == sum(p.numel() for p in bundled.face.parameters())
    first = 48 * 48 * 9 * bundled.face.config.widths[0]
    assert spent["face"]["multiply_adds"] > 10 * first and spent["fusion"]["multiply_adds"] < 1e6


def test_what_results_were_before_is_kept_and_stands_on_the_card(bundled):
    first, second = {"results": {"face": 0.5}}, {"results": {"face": 0.6}}
    assert evaluate._previous(None, first) is None and evaluate._previous(first, first) is None
    assert evaluate._previous(first, second) == {"face": 0.5}
    # Measured again without a change, it still says what was there before.
    assert evaluate._previous(second | {"previous": {"face": 0.5}}, second) == {"face": 0.5}
    found = {"what": "a set", "metric": "accuracy", "items": 9, "previous": {"face": 0.5}} | second
    text = card.text(replace(bundled, evaluation={"set": found}))
    assert "| set | accuracy, face | 60.0% | 9 | 50.0% |" in text and "weights that these replace" in text
