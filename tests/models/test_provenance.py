"""What a checkpoint from anywhere says of itself: shown if it can be, refused by name if it is of the wrong kind."""

import copy
import html
import json
from types import SimpleNamespace

import pytest

from emorec import cli
from emorec.errors import EmorecError
from emorec.models import checkpoint, pretrained, provenance
from emorec.output import trust
from emorec.ui import fragments
from hub import card
from support import factories
from support.card_facts import EVALUATION, TRAINING

SPARSE = {"bare": {"what": "Bare <clips>", "metric": "accuracy", "items": 1234, "results": {"face": 0.25, "x": 0.07}}}
HALF = {"half": SPARSE["bare"] | {"spread": {"x": 0.011}}}
NOTHING = {"none": SPARSE["bare"] | {"results": {}}}


def saved(folder, training=None, evaluation=None):
    """A checkpoint folder that says this."""
    model = factories.checkpoint(training=training or {}, evaluation=evaluation or {})
    checkpoint.save(model, folder)
    return folder


def texts_of_all(folder, capsys):
    """What the command line, the report, the page and the card say of a checkpoint, in plain text."""
    model = checkpoint.load(folder)
    assert cli.main(["info", "--model_path", str(folder), "--device", "cpu"]) == 0
    origin = SimpleNamespace(folder=folder, repo=None)
    return {
        "info": capsys.readouterr().out,
        "report": html.unescape(trust.panel(model.evaluation, model.training)),
        "page": html.unescape(fragments.about(SimpleNamespace(model=model, origin=origin))),
        "card": card.text(model),
    }


@pytest.mark.parametrize("evaluation", [SPARSE, HALF, NOTHING, {}])
def test_a_checkpoint_that_leaves_out_what_may_be_left_out_is_shown(evaluation, tmp_path, capsys):
    for where, shown_text in texts_of_all(saved(tmp_path / "m", evaluation=evaluation), capsys).items():
        assert ("Bare <clips>" in shown_text and "1,234" in shown_text) == bool(evaluation), where
        if evaluation in (SPARSE, HALF):
            assert "25.0%" in shown_text or "25%" in shown_text, where
            assert ("± 1.1%" in shown_text) == (evaluation is HALF), where


def test_a_checkpoint_that_tells_everything_is_shown(tmp_path, capsys):
    for where, shown_text in texts_of_all(saved(tmp_path / "m", TRAINING, EVALUATION), capsys).items():
        assert (
            "Pictures of faces" in shown_text
            and "85.2% (83.0 to 87.1)" in shown_text
            and "It names expressions." in shown_text
        ), where


def test_what_is_shown_of_the_bundled_weights_is_what_their_configuration_holds():
    config = json.loads((pretrained.BUNDLED / "config.json").read_text())
    found = provenance.protocols(config["evaluation"])
    assert [protocol.name for protocol in found] == list(config["evaluation"])
    for protocol in found:
        measured = config["evaluation"][protocol.name]
        assert (protocol.what, protocol.metric, protocol.items) == tuple(
            measured[key] for key in ("what", "metric", "items")
        )
        assert {result.way: result.value for result in protocol.results} == measured["results"]
        assert {result.way: result.spread for result in protocol.results} == measured["spread"]
        assert {result.way: list(result.interval) for result in protocol.results} == measured["intervals"]
    assert [vars(source) for source in provenance.sources(config["training"])] == config["training"]["sources"]
    assert provenance.limits(config["training"]) == tuple(config["training"]["limits"])
    assert provenance.licence(config["training"]) == config["training"]["licence"]


def test_a_result_is_a_percentage():
    assert provenance.Result(way="face", value=0.056, spread=0.01).text() == "5.6% ± 1.0%"
    assert provenance.Result(way="face", value=0.056).text(digits=0, width=6) == "    6%"
    between = provenance.Result(way="face", value=0.056, spread=0.01, interval=(0.0312, 0.08))
    assert between.text() == "5.6% (3.1 to 8.0)" and between.text(digits=0) == "6% (3 to 8)"


MANGLED = [
    *(("evaluation", value) for value in (None, [], "x", 7)),
    *(("evaluation.pictures", value) for value in (None, [], "x", 7)),
    *(("evaluation.pictures.what", value) for value in (None, 7, ["x"], "missing")),
    *(("evaluation.pictures.metric", value) for value in (None, {}, "missing")),
    *(("evaluation.pictures.items", value) for value in (None, "7", 7.5, -1, True, 10**400, "missing")),
    *(("evaluation.pictures.results", value) for value in (None, [], {"face": "x"}, {"face": 10**400}, "missing")),
    *(("evaluation.pictures.spread", value) for value in (None, [0.1], {"face": None})),
    *(("evaluation.pictures.intervals", value) for value in (None, {"face": 0.8}, {"face": [0.8]}, {"face": [0, "x"]})),
    *(("evaluation.pictures.resampled", value) for value in (None, 7)),
    *(("evaluation.pictures.interval_by", value) for value in (None, "people", {"face": 7})),
    *(("evaluation.pictures.windows", value) for value in (None, -1, 2.5)),
    *(("evaluation.pictures.confusion_of", value) for value in (None, 7)),
    *(("evaluation.pictures.out_of_domain", value) for value in (None, "face", [7])),
    *(("evaluation.pictures.domain", value) for value in (None, 7)),
    *(("evaluation.pictures.reliability", value) for value in (7, {"face": 7}, {"face": [{"bin": -1}]})),
    *(("evaluation.pictures.labels", value) for value in (None, "sad", [7])),
    *(("evaluation.pictures.recall", value) for value in (None, [1], {"sad": "x"})),
    *(("evaluation.pictures.confusion", value) for value in ([], [[1]], [[3, 1], [2]], [[3, 1], [2, 2.5]], 7)),
    *(("evaluation.pictures.these_weights", value) for value in (None, "x")),
    *(("evaluation.pictures.calibration_error", value) for value in (7, {"before": "x"})),
    *(("evaluation.clips.calibration_errors", value) for value in (7, {"late": 7}, {"late": {"after": None}})),
    *(("evaluation.pictures.cost", value) for value in (7, {"face": {}}, {"face": {"parameters": "many"}})),
    *(("training", value) for value in (None, [], "x", 7)),
    *(("training.licence", value) for value in (None, 7, [])),
    *(("training.sources", value) for value in (None, {}, ["x"], [{"name": "x"}], [7])),
    *(("training.limits", value) for value in (None, "x", [7])),
    *(("training.held_out", value) for value in (7, [7])),
    *(("training.validated", value) for value in (7, [], {"face": 7})),
    *(("training.compute", value) for value in (7, [7], [{}], [{"part": "face", "hours": "x"}])),
    *(("training.finished", value) for value in (7, ["x"])),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("whole"), TRAINING, EVALUATION)


@pytest.mark.parametrize(("place", "value"), MANGLED)
def test_what_is_of_the_wrong_kind_is_refused_by_its_name(place, value, whole, tmp_path):
    config = json.loads((whole / "config.json").read_text())
    assert provenance.check(config["training"], config["evaluation"], whole) is None
    *path, last = place.split(".")
    inner = config
    for key in path:
        inner = inner[key]
    if value == "missing":
        del inner[last]
    else:
        inner[last] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").symlink_to(whole / "model.safetensors")
    with pytest.raises(EmorecError, match=rf"has an unusable {place} in its config\.json\.$"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("name", ["", "../../x", "a/b", "a\nb", "x" * 101, ".hidden", "<b>"])
def test_a_name_that_cannot_be_part_of_a_file_name_is_refused(name):
    with pytest.raises(EmorecError, match="unusable name in evaluation"):
        provenance.check({}, {name: SPARSE["bare"]}, "here")


@pytest.mark.parametrize("more", [{"folds": 7}, {"calibration_error": None}, {"results": {"face": float("nan")}}])
def test_what_is_not_read_or_could_not_be_measured_is_no_fault(more):
    evaluation = copy.deepcopy(SPARSE)
    evaluation["bare"] |= more
    provenance.check({"epochs": 9, "compute": None, "finished": None}, evaluation, "here")
