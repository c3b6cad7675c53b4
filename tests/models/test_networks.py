"""The three networks: shapes, pooling, and what a missing modality may not do."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from emorec.models import optimize
from emorec.models.config import FaceConfig, FusionConfig, VoiceConfig
from emorec.models.networks import FaceNet, VoiceNet, deviation
from emorec.models.optimize import for_inference, fuse
from support import factories


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


FACES = [factories.FACE_CONFIG, FaceConfig(labels=factories.FACE_LABELS), FaceConfig(labels=("a", "b"), size=64)]
VOICES = [factories.VOICE_CONFIG, VoiceConfig(heads={"emotions": ("a",)})]


@pytest.mark.parametrize("config", FACES)
def test_a_face_becomes_an_embedding_and_logits(config):
    net = factories.face_net(config)
    crops = torch.rand(3, 1, config.size, config.size)
    embeddings = net.embed(crops)
    assert embeddings.shape == (3, config.widths[-1])
    assert net.classify(embeddings).shape == (3, len(config.labels))
    assert torch.equal(net(crops), net.classify(embeddings))


def test_the_brightness_of_a_face_does_not_count():
    net = factories.face_net()
    crops = 0.6 * torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(net(crops), net(crops + 0.4), atol=1e-4)


def test_the_contrast_of_a_face_hardly_counts():
    """What is left comes from the guard against dividing an even face by nothing."""
    net = factories.face_net()
    crops = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert (net(crops) - net(crops * 0.6)).abs().max() < 0.2 * net(crops).std()


def test_a_crop_is_judged_alike_in_any_batch():
    net, crops = factories.face_net(), torch.rand(5, 1, 16, 16)
    assert torch.allclose(net(crops)[3], net(crops[3:4])[0], atol=1e-5)


def test_an_even_crop_breaks_nothing():
    assert torch.isfinite(factories.face_net()(torch.full((1, 1, 16, 16), 0.5))).all()


@pytest.mark.parametrize("hops", [1, 2, 13])
def test_a_voice_becomes_an_embedding_a_hop(hops):
    net = factories.voice_net()
    embeddings = net.embed(random(2, 64, hops * VoiceNet.FRAMES_PER_HOP))
    assert embeddings.shape == (2, hops, factories.VOICE_CONFIG.embedding)
    assert net.score(embeddings).shape == (2, hops)


@pytest.mark.parametrize("n_mels", [32, 48, 64])
def test_a_voice_may_have_other_bands(n_mels):
    net = factories.voice_net(replace(factories.VOICE_CONFIG, n_mels=n_mels))
    assert net.embed(random(1, n_mels, 48)).shape == (1, 3, factories.VOICE_CONFIG.embedding)


def test_each_head_has_its_own_labels():
    net, log_mel, speech = factories.voice_net(), random(2, 64, 64), torch.ones(2, 4)
    assert net(log_mel, speech).shape == (2, len(factories.VOICE_LABELS))
    assert net(log_mel, speech, head="other").shape == (2, 2)


def test_pooling_is_an_attentive_mean_and_deviation():
    """Two hops whose scores and speech are known, by hand."""
    net = factories.voice_net()
    with torch.no_grad():
        net.attention.weight[:] = torch.tensor([[1.0, 0, 0, 0, 0]])
        net.attention.bias.zero_()
    hops = torch.tensor([[[0.0, 2, 1, 5, 0], [float(torch.log(torch.tensor(3.0))), 4, 1, 1, 0]]])
    first, second = 1 * 0.9, 3 * 0.5  # exp(score) times speech
    a, b = first / (first + second), second / (first + second)
    mean = a * hops[0, 0] + b * hops[0, 1]
    variance = a * hops[0, 0] ** 2 + b * hops[0, 1] ** 2 - mean**2
    expected = torch.cat([mean, variance.clamp_min(1e-4).sqrt()])
    assert torch.allclose(net.pool(hops, torch.tensor([[0.9, 0.5]]))[0], expected, atol=1e-5)


def test_hops_without_speech_are_ignored():
    net, hops, speech = factories.voice_net(), random(2, 6, 5), torch.tensor([1.0, 0, 0.4, 0, 0, 0.8]).repeat(2, 1)
    other = hops.clone()
    other[:, [1, 3, 4]] = 50.0
    assert torch.equal(net.pool(hops, speech), net.pool(other, speech))
    assert torch.allclose(net.pool(hops, speech), net.pool(hops[:, [0, 2, 5]], speech[:, [0, 2, 5]]), atol=1e-6)


def test_the_share_of_speech_counts_not_its_amount():
    net, hops = factories.voice_net(), random(1, 6, 5)
    speech = torch.rand(1, 6, generator=torch.Generator().manual_seed(0)) + 0.1
    assert torch.allclose(net.pool(hops, speech), net.pool(hops, speech * 0.3), atol=1e-5)


def test_no_speech_at_all_breaks_nothing():
    assert torch.isfinite(factories.voice_net().pool(random(1, 4, 5), torch.zeros(1, 4))).all()


def test_one_loud_hop_cannot_outweigh_without_bound():
    net = factories.voice_net()
    assert net.score(1e6 * random(1, 4, 5)).abs().max() == 8


def test_a_deviation_keeps_a_floor_and_its_gradient():
    mean = torch.ones(3, requires_grad=True)
    spread = deviation(mean, torch.tensor([1.0, 5.0, 0.9]))
    assert spread.tolist() == pytest.approx([0.01, 2.0, 0.01])
    spread.sum().backward()
    assert torch.isfinite(mean.grad).all()


def logits_of(net, face, voice, has_face, has_voice):
    return net(face, voice, torch.full((len(face),), has_face), torch.full((len(face),), has_voice))


def test_fusion_gives_a_logit_a_label():
    assert logits_of(factories.fusion_net(), random(4, 6), random(4, 10), 1.0, 1.0).shape == (4, 7)


@pytest.mark.parametrize(("has_face", "has_voice"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_a_missing_modality_is_ignored_completely(has_face, has_voice):
    net, face, voice = factories.fusion_net(), random(4, 6), random(4, 10, seed=1)
    other_face = face if has_face else 100 * random(4, 6, seed=2)
    other_voice = voice if has_voice else 100 * random(4, 10, seed=3)
    assert torch.equal(
        logits_of(net, face, voice, has_face, has_voice), logits_of(net, other_face, other_voice, has_face, has_voice)
    )


def test_a_modality_that_is_there_counts():
    net, face, voice = factories.fusion_net(), random(4, 6), random(4, 10, seed=1)
    both = logits_of(net, face, voice, 1.0, 1.0)
    assert (both - logits_of(net, random(4, 6, seed=2), voice, 1.0, 1.0)).abs().min() > 1e-4
    assert (both - logits_of(net, face, random(4, 10, seed=3), 1.0, 1.0)).abs().min() > 1e-4


def test_absence_is_told_from_features_of_zero():
    """By the flag that the hidden layer sees, even where no bias gives it away."""
    net, face, voice = factories.fusion_net(), random(4, 6), torch.zeros(4, 10)
    net.voice_alone.bias.zero_()
    assert not torch.allclose(logits_of(net, face, voice, 1.0, 1.0), logits_of(net, face, voice, 1.0, 0.0))


def test_rows_are_fused_one_by_one():
    net, face, voice = factories.fusion_net(), random(4, 6), random(4, 10)
    flags = torch.tensor([1.0, 0, 1, 0]), torch.tensor([1.0, 1, 0, 0])
    together = net(face, voice, *flags)
    for row in range(4):
        alone = net(face[row : row + 1], voice[row : row + 1], flags[0][row : row + 1], flags[1][row : row + 1])
        assert torch.allclose(together[row], alone[0], atol=1e-5)


def test_training_drops_and_using_does_not():
    for net, inputs in (
        (factories.face_net(), (torch.rand(8, 1, 16, 16),)),
        (factories.voice_net(), (random(8, 64, 64), torch.ones(8, 4))),
        (factories.fusion_net(), (random(8, 6), random(8, 10), torch.ones(8), torch.ones(8))),
    ):
        assert torch.equal(net(*inputs), net(*inputs))
        for module in net.train().modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        assert not torch.equal(net(*inputs), net(*inputs))


@pytest.mark.parametrize("config", [*FACES[:2], *VOICES, factories.FUSION_CONFIG])
def test_configs_survive_json(config):
    def frozen(value):
        return {k: frozen(v) for k, v in value.items()} if isinstance(value, dict) else tuple(value)

    read = json.loads(json.dumps(asdict(config)))
    read = {key: frozen(value) if isinstance(value, list | dict) else value for key, value in read.items()}
    assert type(config)(**read) == config


def test_the_same_config_builds_the_same_network():
    first, second = FaceNet(factories.FACE_CONFIG), FaceNet(factories.FACE_CONFIG)
    second.load_state_dict(first.state_dict())
    crops = torch.rand(2, 1, 16, 16)
    assert torch.equal(first.eval()(crops), second.eval()(crops))


def test_configs_cannot_be_changed():
    with pytest.raises(AttributeError):
        FusionConfig(labels=("a",), face_features=2, voice_features=2).hidden = 5


def test_a_fused_network_says_the_same_without_its_batch_norms():
    face, voice = factories.face_net(), factories.voice_net()
    crops, log_mel = torch.rand(5, 1, 16, 16), random(1, 64, 64)
    names = [*face.state_dict()]
    for net, forward in ((face, lambda net: net(crops)), (voice, lambda net: net.embed(log_mel))):
        quick = fuse(net)
        assert torch.allclose(forward(quick), forward(net), atol=1e-4)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    assert [*face.state_dict()] == names  # the network itself is left as it was


def test_what_follows_a_convolution_is_done_in_passing_and_says_the_same(monkeypatch):
    assert optimize.has_fused_convolutions() or not torch.backends.mkldnn.is_available()
    face, voice = factories.face_net(), factories.voice_net()
    crops, log_mel = torch.rand(5, 1, 16, 16), random(1, 64, 64)
    for net, forward in ((face, lambda net: net(crops)), (voice, lambda net: net.embed(log_mel))):
        monkeypatch.setattr(optimize, "has_fused_convolutions", lambda: False)
        apart = fuse(net)
        monkeypatch.undo()
        quick = fuse(net)
        assert sum(isinstance(module, nn.ReLU) for module in apart.modules()) > 0
        assert not optimize.has_fused_convolutions() or not any(
            isinstance(module, nn.ReLU) for module in quick.modules()
        )
        assert torch.allclose(forward(quick), forward(apart), atol=1e-5)


def test_where_such_convolutions_fail_plain_ones_are_taken(monkeypatch):
    def failing(*_):
        raise RuntimeError("not on this processor")

    monkeypatch.setattr(optimize._FusedConvolution, "forward", failing)
    optimize.has_fused_convolutions.cache_clear()
    try:
        assert not optimize.has_fused_convolutions()
        net, crops = factories.face_net(), torch.rand(5, 1, 16, 16)
        assert torch.allclose(fuse(net)(crops), net(crops), atol=1e-4)
    finally:
        optimize.has_fused_convolutions.cache_clear()


@pytest.mark.parametrize("quick", [True, False])
def test_bfloat16_is_used_where_the_cpu_multiplies_it_and_changes_little(monkeypatch, quick):
    if not optimize.multiplies_bfloat16():  # plain convolutions imitate it, those that add in passing do not
        monkeypatch.setattr(optimize, "has_fused_convolutions", lambda: False)
    monkeypatch.setattr(optimize, "multiplies_bfloat16", lambda: quick)
    face, voice = factories.face_net(), factories.voice_net()
    crops, log_mel = torch.rand(5, 1, 16, 16), random(1, 64, 64)
    for net, forward in ((face, lambda net: net(crops)), (voice, lambda net: net.embed(log_mel))):
        shortened, reference = for_inference(net), forward(net)
        assert {p.dtype for p in shortened.trunk.parameters()} == {torch.bfloat16 if quick else torch.float32}
        assert forward(shortened).dtype == torch.float32
        off = (forward(shortened) - reference).abs().max() / reference.abs().max()
        assert off < (0.03 if quick else 1e-5) and (off > 1e-5) == quick
        assert torch.equal(forward(shortened), forward(shortened))
    assert face.trunk[0][0].weight.dtype == torch.float32  # the network itself is left as it was


def test_an_optimised_copy_is_made_again_only_if_the_weights_change():
    net, crops = factories.face_net(), torch.rand(2, 1, 16, 16)
    first = for_inference(net)
    assert for_inference(net) is first and for_inference(factories.face_net()) is not first
    with torch.no_grad():
        net.trunk[0][0].weight.mul_(2)
    changed = for_inference(net)
    assert changed is not first and for_inference(net) is changed
    assert (changed.embed(crops) - net.embed(crops)).abs().max() < 0.03 * net.embed(crops).abs().max()
    with torch.inference_mode():
        of_inference = factories.face_net()
    assert for_inference(of_inference) is for_inference(of_inference)


def test_whether_the_cpu_multiplies_bfloat16_is_asked_of_the_cpu(monkeypatch):
    flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")]
    assert optimize.multiplies_bfloat16() == (" avx512_bf16" in flags[0] if flags else False)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert not optimize.multiplies_bfloat16()
