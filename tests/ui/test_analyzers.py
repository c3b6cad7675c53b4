"""The cache of checkpoints that visitors choose: each is loaded once, and one that is slow delays no other."""

import shutil
import threading
from dataclasses import dataclass

import pytest

from emorec.errors import EmorecError
from emorec.models import pretrained
from emorec.ui.jobs.analyzers import MAX_LOADED, NO_TOKEN, NOT_ON_THE_HUB, AnalyzerCache, protect_token
from emorec.ui.settings import allowed_models
from support.loopback_hub import LoopbackHub, use_hub
from support.loopback_routes import TOKEN

PATIENCE = 30  # seconds


@dataclass(eq=False)
class Named:
    name: str


class Hub:
    """Loads an analyzer for a name; names in ``slow`` wait for ``go``."""

    def __init__(self, *slow):
        self.loaded, self.slow, self.go, self.asked = [], slow, threading.Event(), threading.Event()

    def __call__(self, name):
        self.loaded.append(name)
        if name in self.slow:
            self.asked.set()
            assert self.go.wait(PATIENCE)
        if name == "org/missing":
            raise EmorecError("There is none.")
        return Named(name)


def test_checkpoints_are_loaded_once_and_the_oldest_forgotten():
    hub = Hub()
    analyzers = AnalyzerCache("default", hub)
    assert analyzers.get("") == analyzers.get(None) == analyzers.get("  ") == "default"
    assert analyzers.get("org/a") is analyzers.get(" org/a ")
    others = [f"org/{number}" for number in range(MAX_LOADED)]
    for name in others:
        analyzers.get(name)
    analyzers.get("org/a")
    assert hub.loaded == ["org/a", *others, "org/a"]


def test_a_checkpoint_that_is_in_use_is_not_loaded_again_whatever_else_is_asked_for():
    hub = Hub()
    analyzers = AnalyzerCache("default", hub)
    held = analyzers.get("org/a")
    for number in range(2 * MAX_LOADED):
        analyzers.get(f"org/{number}")
    assert analyzers.get("org/a") is held and hub.loaded.count("org/a") == 1


def test_a_checkpoint_that_is_slow_to_come_holds_up_no_other():
    hub = Hub("org/slow")
    analyzers = AnalyzerCache("default", hub)
    known = analyzers.get("org/known")
    found = []
    waiting = [threading.Thread(target=lambda: found.append(analyzers.get("org/slow")), daemon=True) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert hub.asked.wait(PATIENCE)
    assert [analyzers.is_awaited(name) for name in ("org/slow", "org/new", "org/known", "no name")] == [
        True,
        True,
        False,
        False,
    ]
    assert [analyzers.is_loaded(name) for name in ("", "org/slow", "org/known")] == [True, False, True]
    others = []
    asking = threading.Thread(target=lambda: others.extend(map(analyzers.get, ("org/known", "org/new"))), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    assert [analyzer.name for analyzer in others] == ["org/known", "org/new"] and others[0] is known
    hub.go.set()
    for thread in waiting:
        thread.join(PATIENCE)
    assert found[0] is found[1] and hub.loaded.count("org/slow") == 1


def test_a_checkpoint_that_could_not_be_loaded_is_tried_again():
    hub = Hub()
    analyzers = AnalyzerCache("default", hub)
    for _ in range(2):
        with pytest.raises(EmorecError):
            analyzers.get("org/missing")
        assert not analyzers.is_awaited("org/missing") and not analyzers.is_loaded("org/missing")
    assert hub.loaded == ["org/missing"] * 2


@pytest.mark.parametrize(
    "name", ["/tmp", ".", "..", "~", "org", "org/name/deeper", "../org/name", "./x", "file:///tmp"]
)
def test_what_is_no_name_on_the_hub_is_never_looked_at(name):
    loaded = []
    with pytest.raises(EmorecError) as caught:
        AnalyzerCache("default", loaded.append).get(name)
    assert str(caught.value) == NOT_ON_THE_HUB and loaded == []


def test_a_folder_named_like_a_repository_is_not_opened(tmp_path, monkeypatch):
    """The Hub says what such a name means, and the answer does not depend on the folder."""
    monkeypatch.chdir(tmp_path)
    with LoopbackHub() as hub:
        use_hub(hub, tmp_path / "hub-home", monkeypatch)
        with pytest.raises(EmorecError) as without:
            AnalyzerCache("default").get("org/name")
        shutil.copytree(pretrained.BUNDLED, tmp_path / "org" / "name")
        with pytest.raises(EmorecError) as beside:
            AnalyzerCache("default").get("org/name")
    assert str(without.value) == str(beside.value)


def test_the_deployers_token_serves_only_what_the_deployer_allows(tmp_path, monkeypatch):
    with LoopbackHub() as hub:
        files = {name: (pretrained.BUNDLED / name).read_bytes() for name in pretrained.CHECKPOINT_FILES}
        hub.commit("org/private", files, private=True)
        hub.commit("org/public", files)
        use_hub(hub, tmp_path / "hub-home", monkeypatch)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv(NO_TOKEN, "")
        monkeypatch.delenv("EMOREC_MODELS", raising=False)
        protect_token()
        analyzers = AnalyzerCache("default", names=allowed_models())
        assert analyzers.get("org/public").origin.repo == "org/public"
        with pytest.raises(EmorecError, match="org/private"):
            analyzers.get("org/private")
        assert f"Bearer {TOKEN}" not in hub.seen

        monkeypatch.setenv("EMOREC_MODELS", "org/private, org/other@v1")
        monkeypatch.setenv(NO_TOKEN, "")
        protect_token()
        analyzers = AnalyzerCache("default", names=allowed_models())
        assert analyzers.get("org/private").origin.repo == "org/private"
        with pytest.raises(EmorecError, match="choose from org/private, org/other@v1"):
            analyzers.get("org/public")


def test_the_deployer_can_turn_other_checkpoints_off():
    with pytest.raises(EmorecError, match="turned off"):
        AnalyzerCache("default", names=allowed_models({"EMOREC_MODELS": "Off"})).get("org/name")
    assert allowed_models({}) is allowed_models({"EMOREC_MODELS": " , "}) is None
