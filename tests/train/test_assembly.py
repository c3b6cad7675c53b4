"""Which of the runs in a folder get into the checkpoint: train/finetune/assembly.py."""

import torch

from emorec.models import checkpoint as checkpoints
from support import factories
from train.finetune import assembly

FACTS = {"sources": [], "licence": "other", "held_out": [], "limits": [], "persons": []}


def measured(part):
    """What a finished run writes of its validation items."""
    found = {"what": f"The {part}", "metric": "accuracy", "items": 4, "results": {part: 0.5}}
    return {f"validation-{part}": found}


def run_of(out, part, seed, evaluation=None):
    """A run's best checkpoint, in which all networks are those of a seed."""
    evaluation = measured(part) if evaluation is None else evaluation
    model = factories.checkpoint(seed=seed, training=FACTS, evaluation=evaluation)
    checkpoints.save(model, out / part / "best")


def assembled(out, capsys):
    """The checkpoint of the runs in a folder, and what was printed."""
    base = factories.checkpoint(seed=1, training=FACTS)
    return checkpoints.load(assembly.assemble(out, base)), capsys.readouterr().out


def test_fusion_of_other_encoders_is_left_out_with_its_results(tmp_path, capsys):
    run_of(tmp_path, "fusion", seed=1)
    model, output = assembled(tmp_path, capsys)
    assert set(model.evaluation) == {"validation-fusion"} and not output
    run_of(tmp_path, "face", seed=2)  # trained after the fusion, which goes with another face network
    model, output = assembled(tmp_path, capsys)
    assert set(model.evaluation) == {"validation-face"}
    assert [entry["part"] for entry in model.training["compute"]] == ["face"]
    assert f"The fusion in {tmp_path / 'fusion'} was trained on other face and voice networks" in output


def test_a_stopped_run_is_left_out(tmp_path, capsys):
    run_of(tmp_path, "face", seed=2)
    run_of(tmp_path, "voice", seed=3, evaluation={})  # neither calibrated nor measured yet
    model, output = assembled(tmp_path, capsys)
    assert f"The voice run in {tmp_path / 'voice'} was stopped before its end" in output
    expected = {"face": factories.checkpoint(seed=2).face, "voice": factories.checkpoint(seed=1).voice}
    for part, net in expected.items():
        for name, tensor in net.state_dict().items():
            assert torch.equal(getattr(model, part).state_dict()[name], tensor), (part, name)
    assert [entry["part"] for entry in model.training["compute"]] == ["face"]


def test_results_of_evaluation_stay_as_long_as_the_weights_do(tmp_path, capsys):
    """What train/evaluate.py wrote, when the same runs are assembled again, and when another one has joined them."""
    run_of(tmp_path, "face", seed=2)
    first, _ = assembled(tmp_path, capsys)
    own = {"what": "Own", "metric": "accuracy", "items": 4, "results": {"face": 0.5}}
    own |= {"labels": ["sad", "happy"], "confusion": [[1, 1], [1, 1]]}
    first.evaluation |= {"own-folder": own}
    checkpoints.save_config(first, tmp_path / "checkpoint")
    model, output = assembled(tmp_path, capsys)
    assert list(model.evaluation) == ["validation-face", "own-folder"] and not output
    assert all(torch.equal(a, b) for a, b in zip(*(one.fusion.parameters() for one in (first, model)), strict=True))
    picture = tmp_path / "checkpoint" / "confusion-own-folder.png"
    assert picture.exists() and "own-folder" in (tmp_path / "checkpoint" / "README.md").read_text()
    run_of(tmp_path, "voice", seed=3)
    model, output = assembled(tmp_path, capsys)
    assert set(model.evaluation) == {"validation-face", "validation-voice"}
    assert "The results own-folder in" in output and not picture.exists()
