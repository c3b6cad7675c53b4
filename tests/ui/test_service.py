"""What the page and the endpoints share, over whole pages in the tests' own process and without a browser."""

import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from starlette.middleware import Middleware

from emorec.analyzer import Analyzer
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.options import WHOLE, Settings
from emorec.models import pretrained
from emorec.ui import fragments
from emorec.ui.page.handlers import LOADING, Events
from emorec.ui.page.layout import build
from emorec.ui.server.activity import Noticing
from emorec.ui.service import CHANGED, NOT_UPLOADED, Service
from emorec.ui.sessions.session import Analysis
from support import factories
from support.waiting import until

PATIENCE = 20  # seconds


class Growing(Analyzer):
    """An engine over tiny networks whose stage 1 takes its time: a second of nothing a tenth of a second."""

    seconds = 1

    def extract(self, path, cache=None, settings=None):
        observed.append(settings)
        if cache is not None:
            (cache / "key").mkdir(parents=True, exist_ok=True)
        for second in range(1, self.seconds + 1):
            done = second == self.seconds
            yield factories.full_observations(float(second), complete=done, duration=float(self.seconds), key="key")
            if not done:
                time.sleep(0.1)

    def forget_key(self, key, cache=None):
        forgotten.append((key, cache))
        return True


forgotten, observed = [], []


def asking(session, host="127.0.0.1"):
    return SimpleNamespace(session_hash=session, client=SimpleNamespace(host=host))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    forgotten.clear()
    observed.clear()
    return tmp_path


@pytest.fixture
def service(folder):
    return Service(Growing(factories.checkpoint(), None))


def uploaded(service, folder, session):
    file = folder / "digest" / "mine.wav"
    file.parent.mkdir()
    file.write_text("x")
    return service.uploaded(service.belongings.brought(file), asking(session))


def test_only_uploads_can_be_named(service, folder, tmp_path_factory):
    mine = uploaded(service, folder, "a")
    assert service.uploaded(mine, asking("a")) == mine
    other = tmp_path_factory.mktemp("other") / "other"
    other.write_text("x")
    link = folder / "link"
    link.symlink_to(other)
    for path in (other, link, folder / ".." / other.name, folder, "", None):
        with pytest.raises(EmorecError) as caught:
            service.uploaded(path, asking("a"))
        assert str(caught.value) == NOT_UPLOADED
    with pytest.raises(EmorecError):
        service.uploaded(mine, asking("b"))


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_stored_is_a_visitors_own_unless_the_store_is_shared(service, folder, shared):
    service.shares_store = shared
    run = service.start(service.analyzers.default, uploaded(service, folder, "a"), asking("a"))
    run.join()
    if shared:
        assert run.order.store is None
        service.leave("a")
    else:
        assert run.order.store == service.belongings.store("a") != service.belongings.store("b")
        assert (run.order.store / "key").is_dir()
        service.leave("a")
        assert not run.order.store.exists()


def test_deletion_forgets_by_name_when_the_upload_has_gone_already(service, folder):
    path = uploaded(service, folder, "a")
    service.start(service.analyzers.default, path, asking("a")).join()
    (folder / path).unlink()
    assert service.erase("a") == [] and forgotten == [("key", None)]


def test_a_session_that_left_while_it_ran_leaves_nothing(service, folder):
    service.shares_store = False
    service.analyzers.default.__class__.seconds = 1000
    try:
        run = service.start(service.analyzers.default, uploaded(service, folder, "a"), asking("a"))
        until(lambda: run.observations is not None)
        service.leave("a")
        until(lambda: not run.running and not list(folder.iterdir()))
    finally:
        service.analyzers.default.__class__.seconds = 1
    assert not len(service.turns)


def test_an_idle_session_ends_without_a_word(service, folder):
    path = uploaded(service, folder, "a")
    service.sweep()
    assert (folder / path).exists()
    service.belongings._of["a"].used -= 4000
    service.sweep()
    assert not list(folder.iterdir())


def model_of(seed):
    return Analyzer(factories.checkpoint(seed), None)


def test_what_was_observed_is_decided_by_the_networks_that_observed_it_and_by_no_others(service):
    first, second = model_of(1), model_of(2)
    seen = factories.observations(1.0, fingerprint=first.model.fingerprint)
    analysis = Analysis(checkpoint="org/main", observations=seen)
    on_the_hub = {"org/main": first, "org/other": second, "org/same": model_of(1)}
    service.analyzers._load = lambda name: on_the_hub[name]
    assert service.engine_for(analysis, "org/main") is first
    assert service.engine_for(analysis, "org/other") is first
    assert service.engine_for(analysis, "org/same") is on_the_hub["org/same"]
    # The branch moves on, and what was loaded of it is forgotten.
    service.analyzers._loaded.clear()
    on_the_hub["org/main"] = second
    service.analyzers._in_use.clear()
    with pytest.raises(EmorecError) as caught:
        service.engine_for(analysis, "org/main")
    assert str(caught.value) == CHANGED


def test_a_checkpoint_whose_panel_cannot_be_shown_is_said_and_changes_nothing(service, monkeypatch):
    service.analyzers._load = lambda name: model_of(1)
    monkeypatch.setattr(fragments, "trust", lambda *_: {}["spread"])
    name, about, note = Events(service).load("org/name", "", Analysis())
    assert note == fragments.callout(LOADING) and name == about == gr.skip()


@pytest.fixture
def served(folder):
    """A page in this process: its address, and its service."""
    page = build(Growing(factories.checkpoint(), None, pretrained.Origin(pretrained.BUNDLED)))
    noticing = Middleware(Noticing, brought=page.brought, presence=page.presence)
    _, address, _ = page.launch(
        quiet=True,
        prevent_thread_lock=True,
        server_name="127.0.0.1",
        ssr_mode=False,
        app_kwargs={"middleware": [noticing]},
    )
    try:
        yield address.rstrip("/"), page.service
    finally:
        page.close()


@pytest.fixture
def endless(monkeypatch):
    monkeypatch.setattr(Growing, "seconds", 10_000)


def sent(address):
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": ("mine.wav", b"sound")}, timeout=PATIENCE)
    (path,) = answer.json()
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def begin(address, session):
    given = {"data": [sent(address), "late", 1.0, 3.0, 0.0, None, ""], "session_hash": session}
    return httpx.post(f"{address}/gradio_api/call/analyze", json=given, timeout=PATIENCE).json()["event_id"]


def test_a_program_that_goes_away_gives_its_turn_back(served, folder, endless, monkeypatch):
    monkeypatch.setattr("emorec.ui.jobs.presence.GONE_AFTER", 0.2)
    address, service = served
    event = begin(address, "a")
    with httpx.stream("GET", f"{address}/gradio_api/call/analyze/{event}", timeout=PATIENCE):
        until(lambda: len(service.turns) == 1)
        time.sleep(1)
        assert len(service.turns) == 1
    until(lambda: not len(service.turns))


def test_a_program_that_never_asks_for_its_answer_gives_its_turn_back(served, folder, endless, monkeypatch):
    monkeypatch.setattr("emorec.ui.jobs.presence.NEVER_CAME_AFTER", 1.0)
    address, service = served
    begin(address, "a")
    until(lambda: len(service.turns) == 1)
    until(lambda: not len(service.turns))


def test_what_a_program_has_analysed_is_deleted_like_what_the_page_has(served, folder, endless):
    address, service = served
    event, ended = begin(address, "a"), []

    def answered():
        ended.append(httpx.get(f"{address}/gradio_api/call/analyze/{event}", timeout=PATIENCE).text)

    waiting = threading.Thread(target=answered)
    waiting.start()
    until(lambda: service.histories.running("a"))
    assert service.erase("a") == []
    waiting.join(PATIENCE)
    assert "event: error" in ended[0] and "stopped" in ended[0]
    assert forgotten == [("key", None)] and not len(service.turns)
    assert not list(folder.rglob("mine.wav"))


def test_a_client_gets_its_rows_and_its_upload_lies_where_nobody_can_guess(served, folder, tmp_path_factory):
    address, service = served
    recording = tmp_path_factory.mktemp("sound") / "mine.wav"
    recording.write_bytes(b"sound")
    client = Client(address, verbose=False, analytics_enabled=False)
    found = client.predict(handle_file(str(recording)), api_name="/analyze")
    assert len(found["rows"]) == 1 and found["prior"]["name"] == "everyday"
    (kept,) = folder.rglob("mine.wav")
    assert kept.parent.name.startswith("emorec-") and len(kept.parent.name) > 32
    assert json.dumps(found)


def rows_of(client, recording, **choices):
    found = client.predict(recording, api_name="/redraw", **choices)
    return [[row[emotion] for emotion in EMOTIONS] for row in found["rows"]]


def test_programs_choose_the_prior_and_what_is_observed(served, tmp_path_factory):
    address, _ = served
    recording = tmp_path_factory.mktemp("sound") / "mine.wav"
    recording.write_bytes(b"sound")
    client = Client(address, verbose=False, analytics_enabled=False)
    part = {"audio_track": 2, "video_track": 1, "channel": "left", "start": "0:01", "end": 9.5, "rotate": 90}
    found = client.predict(handle_file(str(recording)), prior="even", api_name="/analyze", **part)
    assert observed == [Settings(audio_track=2, video_track=1, channel="left", start=1.0, end=9.5, rotate=90)]
    assert found["prior"]["shares"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7))
    summary = found["summary"]
    assert sum(summary["shares"].values()) + summary["unsure"] == pytest.approx(1)
    name = found["recording"]
    even = rows_of(client, name, prior="even")
    assert even == [[row[emotion] for emotion in EMOTIONS] for row in found["rows"]]
    own = rows_of(client, name, prior=dict.fromkeys(EMOTIONS, 1))
    assert own == even != rows_of(client, name)
    for wrong, says in (({"prior": "/etc/hostname"}, "The prior"), ({"start": "soon"}, "no time")):
        with pytest.raises(AppError, match=says):
            client.predict(handle_file(str(recording)), api_name="/analyze", **wrong)
    assert len(observed) == 1


def test_where_only_the_sound_was_asked_for_faces_are_not_invented(served, tmp_path_factory):
    address, _ = served
    recording = tmp_path_factory.mktemp("sound") / "mine.wav"
    recording.write_bytes(b"sound")
    client = Client(address, verbose=False, analytics_enabled=False)
    found = client.predict(handle_file(str(recording)), fusion="voice", api_name="/analyze")
    assert observed == [Settings(faces=False)]
    assert rows_of(client, found["recording"], fusion="voice")
    with pytest.raises(AppError, match="Only the sound of this recording was analysed"):
        client.predict(found["recording"], fusion="face", api_name="/redraw")


@pytest.mark.parametrize("choices", [[], ["late", 1.0, 3.0, 0.0, None, ""]])
def test_a_plain_request_may_leave_choices_out_at_its_end(served, choices):
    address, _ = served
    given = {"data": [sent(address), *choices], "session_hash": "a"}
    event = httpx.post(f"{address}/gradio_api/call/analyze", json=given, timeout=PATIENCE).json()["event_id"]
    answer = httpx.get(f"{address}/gradio_api/call/analyze/{event}", timeout=PATIENCE).text
    assert "event: complete" in answer and '"prior": {"name": "everyday"' in answer


def test_the_page_observes_what_was_chosen_before_analyze_and_refuses_what_cannot_be(service):
    events = Events(service)
    begun, *_ = events.begin(Analysis(path="x.mp4"), "", "file", "voice", asking("a"), 2, "right", "0:10", "1:00", 0)
    assert begun.settings == Settings(faces=False, audio_track=2, channel="right", start=10.0, end=60.0)
    assert begun.without_pictures and not replace(begun, path="x.wav").without_pictures
    again, *_ = events.begin(begun, "", "file", "late", asking("a"), None, "mix", "", "")
    assert again.settings == WHOLE and not again.without_pictures
    other, *_ = events.begin(begun, "", "file", "late", asking("a"), None, "mix", "", "", 2)
    assert other.settings == replace(WHOLE, video_track=2)
    with pytest.raises(gr.Error, match="no time"):
        events.begin(Analysis(path="x.mp4"), "", "file", "late", asking("a"), None, "mix", "soon", "")


def test_unsure_time_stands_apart_from_the_seven():
    timeline = factories.timeline([[0.9, *[0.1 / 6] * 6], [1 / 7] * 7, [1 / 7] * 7, [0.9, *[0.1 / 6] * 6]])
    told = fragments.result(timeline)
    assert '<tr class="unsure"' in told and told.count(">50%<") == 2
    assert "Too little to tell" in told
    assert "Too little" not in fragments.result(factories.timeline([[0.9, *[0.1 / 6] * 6]] * 20))
