"""Training: labels as their authors count them, people apart by construction, runs that go on where they stopped."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import fusion as fusions
from emorec.media import streams
from emorec.models.calibration import Calibration
from support.fusion_samples import samples
from train import calibration, loop, metrics
from train.data import augment, datasets, pack
from train.data.datasets import Item
from train.recipes import face as face_recipe
from train.recipes import voice, voice_batches


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        ((6, 0, 1, 1, 0, 0, 0, 0, 2, 0), "neutral"),
        ((5, 5, 0, 0, 0, 0, 0, 0, 0, 0), ""),  # half is no majority
        ((5, 4, 1, 0, 0, 0, 0, 0, 0, 0), "neutral"),  # single votes are dropped before counting
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), ""),
        ((0, 0, 0, 0, 0, 0, 0, 0, 9, 1), ""),  # unknown
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), ""),  # not a face
        ((0, 0, 0, 0, 0, 0, 0, 7, 3, 0), "contempt"),
    ],
)
def test_majority_of_votes(votes, label):
    assert datasets.majority(votes) == label


def test_soft_labels_are_the_spread_of_the_votes():
    items = [
        Item(None, "ferplus", "", "", (4, 0, 0, 4, 2, 0, 0, 0, 0, 0)),
        Item(None, "ferplus", "", "", (0, 0, 0, 2, 0, 0, 0, 0, 8, 0)),
    ]
    targets, usable = face_recipe.soft_labels(items)
    assert targets[0] == pytest.approx([0.4, 0, 0, 0.4, 0.2, 0, 0, 0])
    assert usable.tolist() == [True, False]


@pytest.fixture
def corpora(tmp_path):
    """The four voice corpora's layouts, with empty files."""
    for name in ("Actor_02/03-01-05-02-01-01-02.opus", "Actor_10/03-01-02-01-02-01-10.wav"):
        touch(tmp_path / "RAVDESS" / name)
    touch(tmp_path / "nEMO" / "samples" / "SZ1_anger_1.flac")
    header = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"
    row = "SZ1_anger_1.wav\tanger\t\t\tSZ1\tm\t1"
    (tmp_path / "nEMO" / "data.tsv").write_text(f"{header}\n{row}\n")
    touch(tmp_path / "ASED" / "05Angry" / "a5-03-01-02-50.wav")
    touch(tmp_path / "JavaneseAudio" / "04-01-03_02.mp3")
    return tmp_path


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def test_readers_know_the_public_layouts(corpora):
    found = {(item.corpus, item.label, item.person) for item in datasets.voices(corpora)}
    assert found == {
        ("ravdess", "angry", "ravdess-02"),
        ("ravdess", "calm", "ravdess-10"),
        ("nemo", "anger", "nemo-SZ1"),
        ("ased", "angry", "ased-50"),
        ("javanese", "happy", "javanese-04"),
    }


def test_a_wrong_folder_is_one_sentence(tmp_path):
    with pytest.raises(EmorecError, match="does not exist"):
        datasets.voices(tmp_path / "nowhere")
    with pytest.raises(EmorecError, match="no recordings"):
        datasets.ravdess(tmp_path)


def test_everybody_is_held_out_in_one_fold_only(shared):
    items = datasets.voices(shared / "data")
    folds = datasets.folds_of(items)
    for person in {item.person for item in items}:
        mine = {fold for item, fold in zip(items, folds, strict=True) if item.person == person}
        assert len(mine) == 1
    assert len(items) == 9571
    ravdess = {item.person: fold for item, fold in zip(items, folds, strict=True) if item.corpus == "ravdess"}
    assert [list(ravdess.values()).count(fold) for fold in range(5)] == [5, 5, 5, 5, 4]


def test_the_published_folds_hold(shared):
    rows = (shared / "data" / "RAVDESS" / "ravdess_face_logits.csv").read_text().splitlines()[1:]
    published = {row.split(",")[0]: int(row.split(",")[1]) - 1 for row in rows}
    items = datasets.ravdess(shared / "data" / "RAVDESS")
    ours = dict(zip((item.path.stem for item in items), datasets.folds_of(items), strict=True))
    # The table numbers its folds in another order or not: people who share a fold there share one here.
    together = {(published[stem], ours[stem]) for stem in ours if stem in published}
    assert len(together) == datasets.FOLDS


def toy_run(folder, epochs, stop=None, resume=False):
    """A tiny classifier on random data; ``stop`` ends the run after that many epochs, as a kill would."""
    random = np.random.default_rng(0)
    inputs = torch.from_numpy(random.normal(size=(64, 5)).astype(np.float32))
    truth = (inputs.sum(1) > 0).long()

    class Batches:
        def __len__(self):
            return 4

        def __call__(self, epoch, generator):
            if epoch == stop:
                raise KeyboardInterrupt
            order = torch.from_numpy(generator.permutation(64))
            for rows in order.split(16):
                yield inputs[rows] + 0.1 * torch.randn(16, 5), truth[rows]

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))

    def loss_of(net, batch):
        return F.cross_entropy(net(batch[0]).float(), batch[1])

    def evaluate(net):
        return {"accuracy": float((net(inputs).argmax(1) == truth).float().mean())}

    schedule = loop.Schedule(epochs=epochs, lr=0.05, batch_size=16)
    return loop.fit(net, Batches(), loss_of, schedule, folder, evaluate, resume=resume), evaluate


def test_a_run_learns_and_logs(tmp_path):
    net, evaluate = toy_run(tmp_path, epochs=8)
    assert evaluate(net)["accuracy"] > 0.9
    log = (tmp_path / "log.csv").read_text().splitlines()
    assert log[0].startswith("epoch,loss,seconds,accuracy") and len(log) == 9


def test_a_loss_that_is_no_number_ends_the_run_and_spoils_nothing(tmp_path, monkeypatch):
    def spoilt(logits, truth, real=F.cross_entropy):
        seen.append(1)
        return real(logits, truth) * (np.nan if len(seen) > 6 else 1)  # in the second epoch

    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(F, "cross_entropy", spoilt)
        with pytest.raises(EmorecError, match="stops in epoch 2, because its loss is not a finite number"):
            toy_run(tmp_path, epochs=3)
    assert loop.finished_epochs(tmp_path) == 1 and len(seen) == 7
    net, _ = toy_run(tmp_path, epochs=3, resume=True)
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_a_resumed_run_ends_at_the_same_numbers(tmp_path):
    unbroken, _ = toy_run(tmp_path / "unbroken", epochs=5)
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path / "broken", epochs=5, stop=2)
    resumed, _ = toy_run(tmp_path / "broken", epochs=5, resume=True)
    for name, value in unbroken.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert len((tmp_path / "broken" / "log.csv").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("able", "quick"),
    [({"avx2": True, "avx512_bf16": False}, False), ({"amx_bf16": True}, True), ({"bf16": True}, True), ({}, False)],
)
def test_bfloat16_only_where_the_processor_has_it(monkeypatch, tmp_path, able, quick):
    seen = []
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    monkeypatch.setattr(loop.torch, "autocast", lambda *_, enabled, **__: seen.append(enabled) or nullcontext())
    toy_run(tmp_path, epochs=1)
    assert set(seen) == {quick}


def test_a_missing_run_is_one_sentence(tmp_path):
    with pytest.raises(EmorecError, match="run train/run.py"):
        loop.load_averaged(tmp_path, nn.Linear(2, 2))


def test_windows_overlap_speech_and_short_clips_are_padded():
    generator = np.random.default_rng(0)
    per_hop, hops = voice.VoiceNet.FRAMES_PER_HOP, 40
    log_mel = np.repeat(np.arange(hops), per_hop)[None].repeat(64, 0).astype(np.float16)
    speech = np.zeros(hops, np.float32)
    speech[20:24] = 1
    for _ in range(50):
        cut, speech_part = voice_batches.window(log_mel, speech, generator)
        assert cut.shape == (64, voice.CROP_HOPS * per_hop) and speech_part.sum() == 4
        assert np.array_equal(cut[0, ::per_hop], np.arange(cut[0, 0], cut[0, 0] + voice.CROP_HOPS))
        assert np.array_equal(speech_part, speech[int(cut[0, 0]) : int(cut[0, 0]) + voice.CROP_HOPS])
    cut, speech_part = voice_batches.window(log_mel[:, : 5 * per_hop], speech[20:25], generator)
    assert cut.shape == (64, voice.CROP_HOPS * per_hop) and speech_part.sum() == 4


def test_augmentation_keeps_shapes_and_ranges():
    torch.manual_seed(0)
    faces = augment.faces(torch.rand(32, 1, 48, 48))
    assert faces.shape == (32, 1, 48, 48) and faces.min() >= 0 and faces.max() <= 1
    log_mel, speech = augment.voices(torch.randn(8, 64, 192), torch.rand(8, 12))
    assert log_mel.shape == (8, 64, 192) and speech.shape == (8, 12)
    assert torch.isfinite(log_mel).all() and speech.min() >= 0 and speech.max() <= 1


def test_mixed_faces_have_mixed_labels():
    """Black and white faces: how bright a mixture is says how much of its label is white."""
    torch.manual_seed(0)
    white = (torch.arange(256) % 2).float()
    faces, labels = white.view(-1, 1, 1, 1).expand(-1, 1, 48, 48), torch.stack([1 - white, white], 1)
    for mixed, targets in (augment.mixup(faces, labels, 0.4), augment.cutmix(faces, labels)):
        assert mixed.mean(dim=(1, 2, 3)) == pytest.approx(targets[:, 1], abs=1e-5)
        assert targets.sum(dim=1) == pytest.approx(torch.ones(256))
        assert 0.05 < (targets.amin(dim=1) > 0.02).float().mean() < 0.6
    assert set(mixed.unique().tolist()) == {0.0, 1.0}  # a rectangle of another face, not both at once


def test_the_face_of_the_last_finished_training_is_taken(tmp_path, monkeypatch):
    first, second, third = face_recipe.RUNS
    runs = {second: 0, third: 0}
    monkeypatch.setattr(loop, "finished_epochs", lambda folder: runs[folder.name])
    monkeypatch.setattr(loop, "load_averaged", lambda folder, net: folder.name)
    assert face_recipe.load_trained(tmp_path) == first
    runs[third] = face_recipe.REFINE_SCHEDULES[1].epochs  # of other weights, where the one before is not finished
    assert face_recipe.load_trained(tmp_path) == first
    runs[second] = face_recipe.REFINE_SCHEDULES[0].epochs
    assert face_recipe.load_trained(tmp_path) == third
    runs[third] -= 1
    assert face_recipe.load_trained(tmp_path) == second


def test_every_further_training_of_the_face_starts_from_the_one_before(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(loop, "load_averaged", lambda folder, net: folder.name)
    monkeypatch.setattr(
        face_recipe, "_train", lambda data, net, folder, *rest, **options: begun.append((net, folder.name))
    )
    for number in range(len(face_recipe.REFINE_SCHEDULES)):
        face_recipe.refine(tmp_path, tmp_path, tmp_path, number)
    assert begun == [("face", "face-refined"), ("face-refined", "face-refined-2")]


def test_tempo_moves_sound_and_speech_alike():
    torch.manual_seed(1)
    log_mel, speech = torch.zeros(64, 64, 192), torch.zeros(64, 12)
    log_mel[:, :, 96:112] = 5.0
    speech[:, 6] = 1.0
    moved, moved_speech = augment.voices(log_mel, speech)
    loud = moved.mean(1).reshape(64, 12, 16).mean(2).argmax(1)
    assert (loud == moved_speech.argmax(1)).float().mean() > 0.7


def test_calibration_finds_what_was_done_to_probabilities():
    random = np.random.default_rng(0)
    honest = fusions.softmax(random.normal(0, 2, (20_000, len(EMOTIONS))))
    truth = np.array([random.choice(len(EMOTIONS), p=row) for row in honest])
    overconfident = fusions.softmax(3 * np.log(honest))
    head = calibration.fit_head(overconfident, truth)
    assert head.scale == pytest.approx(1 / 3, rel=0.1)
    assert np.abs(head.bias).max() < 0.1 and head.strength == pytest.approx(0, abs=1e-3)
    before = calibration.expected_calibration_error(overconfident, truth)
    after = calibration.expected_calibration_error(calibration.apply(head, overconfident), truth)
    assert before > 0.15 and after < 0.03


def test_even_a_perfectly_calibrated_opinion_shows_an_error_on_few_items():
    random = np.random.default_rng(1)
    honest = fusions.softmax(random.normal(0, 2, (20_000, len(EMOTIONS))))
    truth = np.array([random.choice(len(EMOTIONS), p=row) for row in honest])
    few, many = (metrics.calibration_errors(honest[:n] ** 2, honest[:n], truth[:n]) for n in (150, 20_000))
    assert 0.04 < few["perfect"] < 0.12 and few["perfect"] == pytest.approx(few["after"], abs=0.04)
    assert many["perfect"] < 0.01 and many["after"] < 0.015
    assert metrics.calibration_errors(np.full((3, 7), np.nan), np.full((3, 7), np.nan), truth[:3])["after"] == 0


def test_late_fusion_learns_whom_to_trust():
    random = np.random.default_rng(0)
    truth = random.integers(0, len(EMOTIONS), 500)
    knows = np.full((500, len(EMOTIONS)), 0.02)
    knows[np.arange(500), truth] = 0.88
    guesses = fusions.softmax(random.normal(0, 1, (500, len(EMOTIONS))))

    def weights(face, voice):
        found = calibration.fit_late(Calibration(), samples(face, voice, truth))
        return found.face_weight, found.voice_weight

    (face, voice), (other_face, other_voice) = weights(knows, guesses), weights(guesses, knows)
    assert face > 3 * voice and other_voice > 3 * other_face


def test_the_strength_of_a_training_sets_shares_is_found():
    """A network trained on skewed labels, judged with every emotion equally common."""
    random, shares = np.random.default_rng(0), np.array([0.05, 0.02, 0.03, 0.3, 0.4, 0.1, 0.1])
    likelihood = fusions.softmax(random.normal(0, 2, (20_000, len(EMOTIONS))))
    truth = np.array([random.choice(len(EMOTIONS), p=row) for row in likelihood])
    for strength in (0.5, 1.0):
        skewed = likelihood * shares**strength
        head = calibration.fit_head(skewed / skewed.sum(axis=1, keepdims=True), truth, shares=shares, biased=False)
        assert head.strength == pytest.approx(strength, abs=0.1) and head.scale == pytest.approx(1, rel=0.1)
        assert head.shares == pytest.approx(shares) and head.bias == (0.0,) * 7


def test_every_emotion_and_within_it_every_group_weighs_alike():
    truth = np.array([0] * 6 + [1] * 3)
    groups = np.array(["a"] * 5 + ["b"] + ["a"] * 3)
    weights = calibration.even_weights(truth, groups)
    assert weights.sum() == pytest.approx(1) and weights[truth == 1].sum() == pytest.approx(0.5)
    assert weights[5] == pytest.approx(0.25) and weights[:5].sum() == pytest.approx(0.25)


def test_unweighted_recall_counts_every_label_alike():
    truth = np.array([0] * 8 + [1] * 2)
    assert metrics.recall(np.zeros(10, int), truth) == 0.5


def test_a_clip_that_lasts_for_hours_is_refused_before_it_is_in_memory(monkeypatch):
    def blocks(begin):
        return lambda *_, **__: iter([streams.AudioBlock(begin, np.ones(1600, np.float32))])

    monkeypatch.setattr(pack.streams, "audio", blocks(2.0))
    samples = pack.load_audio("a.mkv", 16_000)
    assert len(samples) == 33_600 and not samples[:32_000].any() and samples[32_000:].all()
    monkeypatch.setattr(pack.streams, "audio", blocks(80_000.0))
    with pytest.raises(EmorecError, match=r"^a.mkv lasts more than 2 hours; cut it into clips"):
        pack.load_audio("folder/a.mkv", 16_000)
    monkeypatch.setattr(pack.streams, "audio", lambda *_, **__: iter([]))
    assert pack.load_audio("silent.mp4", 16_000).shape == (0,)
