"""What stands behind the page, without a browser: turns, runs, checkpoints, visitors' files, the example."""

import functools
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.routes import App as Server
from starlette.testclient import TestClient

from emorec import download
from emorec.analyzer import Analyzer
from emorec.download import Fetched
from emorec.errors import EmorecError
from emorec.media.streams import probe
from emorec.models import checkpoint, pretrained
from emorec.output import tables
from emorec.ui import app, example, fragments
from emorec.ui.jobs import job_queue as turns
from emorec.ui.jobs.analyzers import NO_TOKEN, NOT_ON_THE_HUB, Analyzers, allowed, guard_token
from emorec.ui.jobs.job_queue import Turns
from emorec.ui.jobs.runner import UNEXPECTED, Run
from emorec.ui.page.handlers import Events
from emorec.ui.page.layout import build
from emorec.ui.server import log
from emorec.ui.service import Service
from emorec.ui.sessions import session
from emorec.ui.sessions.results import FORGOTTEN, Kept
from emorec.ui.sessions.results import MOST as MOST_KEPT
from emorec.ui.sessions.session import Analysis, watch
from support import factories, make_media
from support.loopback_hub import LoopbackHub, be_client_of
from support.loopback_routes import TOKEN

PATIENCE = 60  # seconds
ONE = SimpleNamespace(session_hash="a", client=SimpleNamespace(host="127.0.0.1"))


class Slow:
    """An engine that observes a second of nothing at a time, whenever ``go`` lets it."""

    def __init__(self, seconds=3, ends=None):
        self.go, self.seconds, self.ends, self.closed = threading.Semaphore(0), seconds, ends, False

    def extract(self, path):
        try:
            for until in range(1, self.seconds + 1):
                self.go.acquire()
                yield factories.observations(float(until), complete=until == self.seconds, duration=float(self.seconds))
            if self.ends:
                raise self.ends
        finally:
            self.closed = True


def until(holds, run):
    for _ in range(int(PATIENCE / 0.05)):
        if holds():
            return
        run.wait(0.05)
    pytest.fail("it did not come to that")


def test_turns_are_taken_in_order():
    turns = Turns()
    first, second, third = (turns.join() for _ in range(3))
    assert [turns.ahead(ticket) for ticket in (first, second, third)] == [0, 1, 2]
    turns.leave(second)
    assert turns.ahead(third) == 1
    turns.leave(first)
    assert turns.ahead(third) == 0


def test_a_run_tells_what_it_has_and_waits_for_the_one_before():
    turns, slow, next_one = Turns(), Slow(), Slow(1)
    run = Run(slow, "a", turns)
    slow.go.release()
    until(lambda: run.observations is not None, run)
    assert run.observations.until == 1.0
    other = Run(next_one, "b", turns)
    next_one.go.release()
    until(lambda: other.ahead == 1, other)
    assert other.observations is None
    for _ in range(2):
        slow.go.release()
    run.join()
    other.join()
    assert run.observations.complete and other.observations.complete and not len(turns)
    assert other.stored and not run.stored


def test_a_stopped_run_keeps_what_it_has_and_gives_its_turn_back():
    turns, slow = Turns(), Slow()
    run = Run(slow, "a", turns)
    slow.go.release()
    until(lambda: run.observations is not None, run)
    run.stop()
    slow.go.release()
    run.join()
    assert run.observations.until < 3 and not run.problem and slow.closed and not len(turns)


def test_a_run_stopped_in_the_line_never_begins():
    turns, slow = Turns(), Slow()
    turns.join()
    run = Run(slow, "a", turns)
    until(lambda: run.ahead == 1, run)
    run.stop()
    run.join()
    assert len(turns) == 1 and run.observations is None and not slow.closed


@pytest.mark.parametrize(("ends", "says"), [(EmorecError("No good."), "No good."), (ValueError("x"), UNEXPECTED)])
def test_what_goes_wrong_is_a_sentence_and_frees_the_turn(ends, says):
    turns, slow = Turns(), Slow(1, ends)
    slow.go.release()
    run = Run(slow, "a", turns)
    run.join()
    assert run.problem == says and run.observations is not None and not len(turns)


@pytest.mark.parametrize("inner", [None, OSError(2, "No such file", "/uploads/anna-at-home.mp4")])
def test_the_log_says_what_failed_and_nothing_of_the_visitor(inner, caplog, monkeypatch):
    monkeypatch.setattr(log, "_lately", {})  # the same failure is written down once a minute
    ends = ValueError("/uploads/anna-at-home.mp4 from https://example.org/anna")
    ends.__cause__ = inner
    turns, slow = Turns(), Slow(1, ends)
    slow.go.release()
    run = Run(slow, "/uploads/anna-at-home.mp4", turns)
    run.join()
    assert run.problem == UNEXPECTED
    assert "The analysis failed: ValueError at runner.py:" in caplog.text
    assert inner is None or "FileNotFoundError" in caplog.text
    assert not any(word in caplog.text for word in ("anna", "uploads", "example.org"))


def test_a_link_is_followed_before_the_turn_and_can_be_stopped():
    turns, slow, asked = Turns(), Slow(1), threading.Event()

    def fetch(arrived):
        arrived(0.25)
        asked.wait(PATIENCE)
        arrived(0.5)
        return "fetched"

    run = Run(slow, "", turns, fetch)
    until(lambda: run.fetched == 0.25, run)
    assert not len(turns)
    run.stop()
    asked.set()
    run.join()
    assert run.path == "" and not run.problem and run.observations is None


def test_watching_tells_progress_and_closing_it_stops_the_run():
    turns, slow = Turns(), Slow(50)
    watching = watch(Run(slow, "x", turns), Analysis(path="x"))
    assert "Looking and listening" in next(watching)[1]
    for _ in range(2):
        slow.go.release()
    news = next(told for told in watching if told and told[0].observations is not None)
    assert news[0].observations.until >= 1 and 'role="progressbar"' in news[1]
    watching.close()
    for _ in range(50):
        slow.go.release()
    for _ in range(int(PATIENCE / 0.05)):
        if not len(turns):
            break
        threading.Event().wait(0.05)
    assert slow.closed and not len(turns)


def test_pace_tells_share_speed_and_time_left():
    seen = factories.observations(40.0, complete=False, duration=100.0)
    words, share = session.pace(seen, (10.0, 20.0), 12.0)
    assert (words, share) == ("0:40 of 1:40 · 10.0× real time · 0:06 left", 0.4)


@pytest.mark.parametrize(
    "name", ["/tmp", ".", "..", "~", "org", "org/name/deeper", "../org/name", "./x", "file:///tmp"]
)
def test_what_is_no_name_on_the_hub_is_never_looked_at(name):
    loaded = []
    with pytest.raises(EmorecError) as caught:
        Analyzers("default", loaded.append).get(name)
    assert str(caught.value) == NOT_ON_THE_HUB and loaded == []


def test_a_folder_named_like_a_repository_is_not_opened(tmp_path, monkeypatch):
    """The Hub says what such a name means, and the answer does not depend on the folder."""
    monkeypatch.chdir(tmp_path)
    with LoopbackHub() as hub:
        be_client_of(hub, tmp_path / "hub-home", monkeypatch)
        with pytest.raises(EmorecError) as without:
            Analyzers("default").get("org/name")
        shutil.copytree(pretrained.BUNDLED, tmp_path / "org" / "name")
        with pytest.raises(EmorecError) as beside:
            Analyzers("default").get("org/name")
    assert str(without.value) == str(beside.value)


def test_the_deployers_token_serves_only_what_the_deployer_allows(tmp_path, monkeypatch):
    with LoopbackHub() as hub:
        files = {name: (pretrained.BUNDLED / name).read_bytes() for name in pretrained.CHECKPOINT_FILES}
        hub.commit("org/private", files, private=True)
        hub.commit("org/public", files)
        be_client_of(hub, tmp_path / "hub-home", monkeypatch)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv(NO_TOKEN, "")
        monkeypatch.delenv("EMOREC_MODELS", raising=False)
        guard_token()
        analyzers = Analyzers("default", names=allowed())
        assert analyzers.get("org/public").origin.repo == "org/public"
        with pytest.raises(EmorecError, match="org/private"):
            analyzers.get("org/private")
        assert f"Bearer {TOKEN}" not in hub.seen

        monkeypatch.setenv("EMOREC_MODELS", "org/private, org/other@v1")
        monkeypatch.setenv(NO_TOKEN, "")
        guard_token()
        analyzers = Analyzers("default", names=allowed())
        assert analyzers.get("org/private").origin.repo == "org/private"
        with pytest.raises(EmorecError, match="choose from org/private, org/other@v1"):
            analyzers.get("org/public")


def test_the_deployer_can_turn_other_checkpoints_off():
    with pytest.raises(EmorecError, match="turned off"):
        Analyzers("default", names=allowed({"EMOREC_MODELS": "Off"})).get("org/name")
    assert allowed({}) is allowed({"EMOREC_MODELS": " , "}) is None


def test_the_page_takes_an_upload_from_its_own_session_only(events, tmp_path):
    mine, other = SimpleNamespace(session_hash="a"), SimpleNamespace(session_hash="b")
    file = tmp_path / "hash" / "mine.mp4"
    file.parent.mkdir()
    file.write_text("x")
    file = events.service.belongings.brought(file)
    assert events.choose({"path": str(file)}, mine)[0].path == str(file)
    with pytest.raises(gr.Error, match="no uploaded file of this session"):
        events.choose({"path": str(file)}, other)
    assert "no uploaded file of this session" in events.look({"path": str(file)}, other)
    with pytest.raises(gr.Error, match="no uploaded file of this session"):
        events.choose({"path": str(Path(__file__))}, mine)
    assert events.choose(None, other)[0].path == ""


def test_what_is_kept_for_one_session_is_not_given_to_another():
    kept = Kept()
    name = kept.add("a", "observations")
    assert kept.get("a", name) == "observations"
    for whose, asked in (("b", name), ("a", "nothing"), (None, name), (None, "nothing")):
        with pytest.raises(EmorecError) as caught:
            kept.get(whose, asked)
        assert str(caught.value) == FORGOTTEN
    other = kept.add("b", "others")
    for _ in range(2 * MOST_KEPT):
        kept.add("a", "more")
    assert kept.get("b", other) == "others"
    with pytest.raises(EmorecError):
        kept.get("a", name)
    kept.end("b")
    with pytest.raises(EmorecError):
        kept.get("b", other)


class Storing:
    """An engine that observes at once."""

    def extract(self, path):
        yield factories.observations(1.0)


def test_what_stage_1_stored_is_forgotten(tmp_path):
    sound = made_sound(tmp_path)
    analyzer = Analyzer(checkpoint.load(pretrained.BUNDLED), pretrained.face_detector_file())
    *_, seen = analyzer.extract(sound, tmp_path / "cache")
    assert seen.complete and list((tmp_path / "cache").rglob("segment-*"))
    assert analyzer.forget(sound, tmp_path / "cache") and not list((tmp_path / "cache").rglob("segment-*"))
    assert not analyzer.forget(sound, tmp_path / "cache")


def made_sound(folder):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=3, tones=((0.0, 3),))
    return make_media.record(folder / "tone.wav", audio=audio)


def test_a_link_is_fetched_into_the_sessions_folder_and_its_title_and_source_are_in_the_results(tmp_path, monkeypatch):
    asked = []

    def fetch(url, folder, progress, sound_only):
        asked.append((url, folder, sound_only))
        return Fetched(folder / "A talk.mp4", "A <talk>", url)

    monkeypatch.setattr(download, "fetch", fetch)
    run = Run(Storing(), "", Turns(), session.fetcher("https://example.org/?a=1&b=2", tmp_path, sound_only=True))
    run.join()
    assert asked == [("https://example.org/?a=1&b=2", tmp_path, True)] and run.path == str(tmp_path / "A talk.mp4")
    analyzer = Analyzer(checkpoint.load(pretrained.BUNDLED), None)
    timeline, _ = session.draw(analyzer, factories.observations(3.0), facts=run.facts)
    assert json.loads(tables.json_text(timeline))["media"].items() >= run.facts.items()
    told = fragments.provenance(timeline.media)
    assert "A &lt;talk&gt;" in told and 'href="https://example.org/?a=1&amp;b=2"' in told
    assert fragments.provenance({"name": "a.mp4"}) == fragments.provenance({"source": "javascript:alert(1)"}) == ""


def test_voice_only_asks_a_link_for_its_sound_and_another_choice_asks_again(events):
    begun, *_ = events.begin(Analysis(), "https://example.org/talk", "link", "voice", ONE)
    assert begun.sound_only
    fetched = replace(begun, path="talk.m4a", facts={"title": "Talk"})
    again, *_ = events.begin(fetched, "https://example.org/talk", "link", "voice", ONE)
    assert again.path == "talk.m4a" and again.facts == {"title": "Talk"}
    other, *_ = events.begin(fetched, "https://example.org/talk", "link", "late", ONE)
    assert other.path == "" and not other.sound_only
    assert "Only the sound" in session.outcome(replace(begun, observations=factories.observations(3.0)))


def test_a_line_that_is_full_is_said_at_once(events):
    line = events.service.turns
    for _ in range(turns.MOST - 1):
        line.join()
    assert events.begin(Analysis(path="x"), "", "file", "late", ONE)
    ticket = line.join()
    with pytest.raises(gr.Error, match="Too many analyses are waiting here already; try again in a few minutes."):
        events.begin(Analysis(path="x"), "", "file", "late", ONE)
    line.leave(ticket)
    assert events.begin(Analysis(path="x"), "", "file", "late", ONE)


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return Events(Service("no engine"))


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return functools.partial(
        build, Analyzer(checkpoint.load(pretrained.BUNDLED), None, pretrained.Origin(pretrained.BUNDLED))
    )


def test_a_queue_that_is_full_is_said_in_the_same_sentence(page):
    built = page()
    built.queue(max_size=0)
    served = TestClient(Server.create_app(built, app_kwargs={"exception_handlers": {503: app.unavailable}}))
    answer = served.post("/gradio_api/queue/join", json={"data": [], "fn_index": 0, "session_hash": "a"})
    assert (answer.status_code, answer.json()["detail"]) == (503, turns.BUSY)


@pytest.mark.parametrize(("setting", "shown"), [("off", False), ("on", True)])
def test_the_tab_for_links_is_there_only_where_links_are_on(page, monkeypatch, setting, shown):
    monkeypatch.setenv("EMOREC_LINKS", setting)
    (tab,) = [block for block in page().blocks.values() if isinstance(block, gr.Tab) and block.id == "link"]
    assert tab.visible is shown


def test_the_panel_says_which_weights_these_are(tmp_path):
    model = checkpoint.load(pretrained.BUNDLED)
    folder = tmp_path / "my-weights"
    folder.mkdir()
    hub = pretrained.Origin(folder, "org/name", "v1", "a" * 40)
    for origin, says in (
        (pretrained.Origin(pretrained.BUNDLED), "come with emorec"),
        (pretrained.Origin(folder), "the folder my-weights of"),
        (hub, f"org/name@v1 on the Hugging Face Hub, commit {'a' * 40}"),
    ):
        told = fragments.about(Analyzer(model, None, origin))
        assert says in told and str(tmp_path) not in told


def test_persons_are_offered_the_most_seen_first():
    times = factories.frame_times(10.0)
    seen = factories.observations(10.0, factories.seen(times[:30], np.array([4] * 20 + [2] * 10)))
    assert session.persons(seen)[1:] == [("person 4, in 40%", 4), ("person 2, in 20%", 2)]


def test_names_of_files_are_shown_and_never_obeyed():
    name = 'a"><img src=x onerror=alert(1)>.mp4'
    for told in (fragments.player_of(f"/tmp/{name}"), fragments.callout(name)):
        assert "<img" not in told


def test_the_example_can_be_seen_and_heard_and_ends_without_evidence(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path))
    file = example.clip()
    info = probe(file)
    assert info.has_video and info.has_audio
    assert info.duration == pytest.approx(example.SECONDS, abs=0.3)
    assert file.stat().st_size < 400_000
    assert example.clip() == file and [path.name for path in file.parent.iterdir()] == [example.NAME]
    model = checkpoint.load(pretrained.BUNDLED)
    analyzer = Analyzer(model, pretrained.face_detector_file())
    *_, seen = analyzer.extract(file)
    timeline = analyzer.infer(seen)
    assert not timeline.known[-1]
    if analyzer.detector_file:
        assert timeline.face_coverage[: int(example.FACE_GONE) - 1].min() > 0.9
    assert timeline.speech_coverage[:9].mean() > 0.3
