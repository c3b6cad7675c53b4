"""Checkpoint folders: what is saved comes back, and what is wrong with one is named."""

import json
import pickle
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.models import checkpoint
from emorec.models.calibration import OLD_HEADS, Calibration, HeadCalibration
from emorec.models.checkpoint import CONFIG_FILE, FORMAT_VERSION, OLDEST_VERSION, WEIGHTS_FILE, load, save
from emorec.voice.features import VoiceFrontEnd
from support import factories

FACTS = {
    "calibration": Calibration(
        face=HeadCalibration(scale=1.5),
        voice=HeadCalibration(bias=tuple(0.1 * i for i in range(len(EMOTIONS)))),
        face_weight=0.6,
    ),
    "front_end": VoiceFrontEnd(level_seconds=4.0),
    "training": {"data": ["FER+", "RAVDESS"], "epochs": 3},
    "evaluation": {"fer_plus": {"what": "FER+", "metric": "accuracy", "items": 7, "results": {"face": 0.84}}},
}


@pytest.fixture
def folder(tmp_path):
    save(factories.checkpoint(**FACTS), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.fixture
def edit(folder):
    """Change the configuration: ``edit("networks.face.size", 48)``; without a value the key is taken away."""

    def change(place, *value):
        file = folder / CONFIG_FILE
        config = json.loads(file.read_text())
        *path, key = place.split(".")
        inner = config
        for step in path:
            inner = inner[step]
        if value:
            inner[key] = value[0]
        else:
            del inner[key]
        file.write_text(json.dumps(config))

    return change


@pytest.fixture
def rewrite(folder):
    """Change the tensors: ``rewrite({name: tensor})``; None takes one away."""

    def change(tensors):
        file = folder / WEIGHTS_FILE
        held = safetensors.torch.load_file(file) | tensors
        safetensors.torch.save_file({name: tensor for name, tensor in held.items() if tensor is not None}, file)

    return change


def refused(folder, *parts):
    """Loading fails with one sentence that holds all the parts."""
    with pytest.raises(EmorecError) as error:
        load(folder)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def outputs(model):
    generator = torch.Generator().manual_seed(0)
    crops, log_mel = torch.rand(3, 1, 16, 16, generator=generator), torch.randn(3, 64, 64, generator=generator)
    face, voice = model.face.embed(crops), model.voice.pool(model.voice.embed(log_mel), torch.ones(3, 4))
    return model.face(crops), model.voice.classify(voice), model.fusion(face, voice, torch.ones(3), torch.ones(3))


def test_what_is_saved_comes_back(folder):
    before, after = factories.checkpoint(**FACTS), load(folder)
    for one, other in zip(outputs(before), outputs(after), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    for name in ("face", "voice", "fusion"):
        assert getattr(after, name).config == getattr(before, name).config
    assert {name: getattr(after, name) for name in FACTS} == FACTS
    assert after.folder == folder


def test_saving_again_writes_the_same_bytes(folder, tmp_path):
    save(load(folder), tmp_path / "again")
    for file in folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


def test_two_files_and_nothing_half_written(folder):
    assert {file.name for file in folder.iterdir()} == {CONFIG_FILE, WEIGHTS_FILE}


def test_networks_come_ready_for_use(folder):
    model = load(folder)
    for name in ("face", "voice", "fusion"):
        network = getattr(model, name)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_configuration_can_be_written_alone(folder):
    weights = (folder / WEIGHTS_FILE).stat().st_mtime_ns
    model = load(folder)
    model.evaluation = {"ravdess": {"what": "RAVDESS", "metric": "recall", "items": 7, "results": {"voice": 0.75}}}
    checkpoint.save_config(model, folder)
    assert load(folder).evaluation == model.evaluation
    assert (folder / WEIGHTS_FILE).stat().st_mtime_ns == weights


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, str(folder), f"no {name}")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    refused(tmp_path / "none", "none")


@pytest.mark.parametrize("text", ["", "{", "not json", '{"format_version": 1,}', "\ufeff{}"])
def test_a_configuration_that_is_not_json_is_named(folder, text):
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    refused(folder, CONFIG_FILE, "JSON")


def test_a_configuration_that_is_not_text_is_named(folder):
    (folder / CONFIG_FILE).write_bytes(b"\xff\xfe\x00\x01")
    refused(folder, CONFIG_FILE, "JSON")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"emorec"', "{}", '{"library": "transformers"}'])
def test_the_configuration_of_something_else_is_named(folder, text):
    (folder / CONFIG_FILE).write_text(text)
    refused(folder, CONFIG_FILE, "not an emorec checkpoint")


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, "1", None])
def test_another_format_version_is_named(folder, edit, version):
    edit("format_version", version)
    refused(folder, f"format version {version}", f"reads versions {OLDEST_VERSION} to {FORMAT_VERSION}")


def test_half_a_listener_is_refused(folder, edit):
    edit("networks.voice.listener_embedding", 2)
    refused(folder, "VoiceNet", "a distilled trunk needs both")


def test_a_checkpoint_of_before_there_were_listeners_is_read(folder, edit):
    edit("format_version", 2)
    edit("networks.voice.listener_widths")
    edit("networks.voice.listener_embedding")
    assert load(folder).voice.config == factories.VOICE_CONFIG
    edit("format_version", 3)
    refused(folder, "networks.voice.listener_embedding")


PLACES = ["config", "networks", "networks.face", "networks.voice", "networks.fusion", "front_end"]


@pytest.mark.parametrize("place", ["calibration.mood", "calibration.face.mood", "calibration.voice.scale"])
def test_a_wrong_key_in_the_calibration_is_named(folder, edit, place):
    edit(place, 1) if "mood" in place else edit(place)
    refused(folder, "unusable calibration", place)


@pytest.mark.parametrize("value", [None, 3, [], "text"])
def test_a_calibration_that_is_no_object_is_refused(folder, edit, value):
    edit("calibration", value)
    refused(folder, "unusable calibration")


def test_a_calibration_of_an_older_version_is_read(folder, edit):
    plain = {f"{head}_{part}": value for head in OLD_HEADS for part, value in (("scale", 2.0), ("bias", [0.5] * 7))}
    edit("calibration", plain | {"face_trust": 0.5, "agreement": 0.0})
    edit("format_version", 3)
    found = load(folder).calibration
    assert found.still == HeadCalibration(scale=2.0, bias=(0.5,) * 7) and found.voice_weight == 0.5


@pytest.mark.parametrize("place", PLACES)
def test_an_unknown_key_is_named(folder, edit, place):
    edit(f"{place}.mood".removeprefix("config."), 1)
    refused(folder, "unknown key", f"{place}.mood")


@pytest.mark.parametrize(
    "place",
    [
        "networks",
        "front_end",
        "calibration",
        "training",
        "evaluation",
        "networks.face",
        "networks.voice.heads",
        "networks.fusion.hidden",
        "networks.face.dropout",
        "front_end.rate",
    ],
)
def test_a_missing_key_is_named(folder, edit, place):
    edit(place)
    refused(folder, "lacks a key", place)


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("value", [None, 3, [], "text"])
def test_a_part_that_is_no_object_is_named(folder, edit, place, value):
    edit(place, value)
    refused(folder, place)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("networks.face.widths", "wide"),
        ("networks.face.widths", []),
        ("networks.face.widths", [4, -6]),
        ("networks.face.labels", None),
        ("networks.voice.heads", ["neutral"]),
        ("networks.voice.embedding", "five"),
        ("networks.fusion.hidden", -1),
        ("networks.fusion.hidden", None),
    ],
)
def test_a_configuration_that_no_network_can_have_is_refused(folder, edit, place, value):
    edit(place, value)
    refused(folder, "configuration")


def test_a_configuration_that_asks_for_more_than_there_is_takes_no_memory(folder, edit):
    edit("networks.fusion.hidden", 10**12)
    refused(folder, "fusion.hidden", "wrong shape")


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("networks.face.size", [30_000, 0, -5, "x", 48.5, True]),
        ("networks.face.labels", ["neutral", [1]]),
        ("networks.face.dropout", [-0.1, 2, "0.4"]),
        ("networks.voice.n_mels", [0, 40, 10**9]),
        ("networks.voice.widths", [[4, 4, 6], [4, 4, 6, 8, 8]]),
        ("networks.voice.heads", [{"emotions": "neutral"}, {"emotions": [[["deep"]]]}]),
        ("front_end.rate", [0, "16000", 48_000]),
        ("front_end.frame", [100, 0]),
        ("front_end.n_fft", [255, 511, 10**9]),
        ("front_end.level_seconds", [1e9, -1, 0, float("nan"), "x" * 10**6]),
        ("front_end.scale", [0, float("inf")]),
        ("front_end.f_min", [8_000, -1]),
        ("front_end.floor", [0]),
        ("front_end.active_range", [None]),
    ],
)
def test_a_value_out_of_range_is_named_before_it_takes_memory_or_time(folder, edit, place, values):
    for value in values:
        edit(place, value)
        refused(folder, f"unusable configuration: {place}", "must be")
        with pytest.raises(EmorecError) as error:
            load(folder)
        assert len(str(error.value)) < 400


@pytest.mark.parametrize("place", ["front_end.n_mels", "networks.voice.n_mels"])
def test_parts_that_do_not_fit_together_are_named(folder, edit, rewrite, place):
    edit(place, 32)
    rewrite({"voice.collapse.0.weight": torch.zeros(5, 8, 2 if "voice" in place else 4, 1)})
    refused(folder, "does not fit together", "networks.voice.n_mels")


def test_a_voice_without_the_head_that_analysis_uses_is_refused(folder, edit, rewrite):
    edit("networks.voice.heads", {"other": ["sad", "happy"]})
    rewrite({f"voice.heads.emotions.{name}": None for name in ("weight", "bias")})
    refused(folder, "networks.voice.heads has no emotions")


DEEP, LARGE = 200_000, checkpoint.MAX_CONFIG_BYTES


@pytest.mark.parametrize(("text", "times"), [("[", DEEP), ('{"a":', DEEP), (" ", LARGE)])
def test_a_configuration_that_is_too_deep_or_too_large_is_named(folder, text, times):
    file = folder / CONFIG_FILE
    file.write_text(text * times + file.read_text())
    refused(folder, CONFIG_FILE, "JSON")


def test_a_deep_value_is_named(folder):
    file, deep = folder / CONFIG_FILE, "[" * 900 + "]" * 900
    file.write_text(file.read_text().replace('"size": 16', f'"size": {deep}'))
    refused(folder, "config")


@pytest.mark.parametrize("name", ["face.head.weight", "voice.attention.bias", "fusion.hidden.weight"])
def test_a_missing_tensor_is_named(folder, rewrite, name):
    rewrite({name: None})
    refused(folder, "lacks the tensor", name)


@pytest.mark.parametrize("name", ["face.extra", "voice.heads.mood.weight", "stranger", "mouth.weight", "face"])
def test_an_unknown_tensor_is_named(folder, rewrite, name):
    rewrite({name: torch.zeros(2)})
    refused(folder, "does not know", name)


@pytest.mark.parametrize("shape", [(8, 7), (7,), (8, 6, 1), ()])
def test_a_wrong_shape_is_named(folder, rewrite, shape):
    rewrite({"face.head.weight": torch.zeros(shape)})
    refused(folder, "face.head.weight", "wrong shape", f"{shape} instead of (8, 6)")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["face.head.bias", "voice.collapse.1.running_mean", "fusion.head.bias"])
def test_numbers_that_are_not_finite_are_named(folder, rewrite, name, bad):
    tensor = safetensors.torch.load_file(folder / WEIGHTS_FILE)[name]
    tensor[1] = bad
    rewrite({name: tensor})
    refused(folder, name, "not finite")


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_truncated_weights_are_named(folder, keep):
    file = folder / WEIGHTS_FILE
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    refused(folder, WEIGHTS_FILE, "not a complete safetensors file")


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


@pytest.mark.parametrize("write", [pickle.dump, torch.save])
def test_a_pickle_is_refused_and_never_unpickled(folder, tmp_path, write):
    trace = tmp_path / "exploded"
    with (folder / WEIGHTS_FILE).open("wb") as file:
        write({"face.head.weight": Bomb(trace)}, file)
    refused(folder, WEIGHTS_FILE, "not a complete safetensors file")
    assert not trace.exists()


def nudged(part, name):
    model = factories.checkpoint()
    with torch.no_grad():
        getattr(model, part).get_parameter(name).view(-1)[0] += 0.01
    return model


def test_the_fingerprint_is_the_weights(folder):
    assert factories.checkpoint().fingerprint == factories.checkpoint().fingerprint
    assert factories.checkpoint(**FACTS).fingerprint == load(folder).fingerprint


def test_the_fingerprint_changes_with_what_observing_depends_on():
    models = [
        factories.checkpoint(),
        nudged("face", "head.bias"),
        nudged("face", "trunk.0.0.weight"),
        nudged("voice", "attention.weight"),
        nudged("voice", "collapse.0.weight"),
        replace(factories.checkpoint(), front_end=VoiceFrontEnd(level_seconds=4.0)),
        replace(factories.checkpoint(), face=factories.face_net(replace(factories.FACE_CONFIG, size=24))),
    ]
    assert len({model.fingerprint for model in models}) == len(models)


def test_the_fingerprint_changes_with_a_running_mean():
    model = factories.checkpoint()
    model.voice.collapse[1].running_mean[0] += 0.01
    assert model.fingerprint != factories.checkpoint().fingerprint


def test_the_fingerprint_does_not_change_with_what_only_deciding_depends_on():
    model = factories.checkpoint()
    for other in (
        factories.checkpoint(evaluation={"accuracy": 0.9}, training={"epochs": 9}),
        factories.checkpoint(calibration=FACTS["calibration"]),
        nudged("fusion", "head.bias"),
    ):
        assert other.fingerprint == model.fingerprint
