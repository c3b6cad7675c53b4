"""The shared state of the page and the API, over whole pages in this process and without a browser."""

import json
import threading
import time
from types import SimpleNamespace

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from starlette.middleware import Middleware

from emorec.analyzer import Analyzer
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.options import Settings
from emorec.models import pretrained
from emorec.ui.jobs.analyzers import AnalyzerCache
from emorec.ui.page.layout import build
from emorec.ui.server.activity import StreamMiddleware, UploadMiddleware
from emorec.ui.server.own_requests import without_proxy
from emorec.ui.service import CHANGED, NOT_UPLOADED, Service
from emorec.ui.sessions.files import KEEP
from support import factories
from support.page_process import free_port
from support.waiting import until

PATIENCE = 20  # seconds


class Growing(Analyzer):
    """An analyzer over tiny networks that extracts a second of nothing in a tenth of a second."""

    seconds = 1

    def extract(self, path, cache=None, settings=None):
        extracted.append(settings)
        if cache is not None:
            (cache / "key").mkdir(parents=True, exist_ok=True)
        for second in range(1, self.seconds + 1):
            done = second == self.seconds
            yield factories.full_observations(float(second), complete=done, duration=float(self.seconds), key="key")
            if not done:
                time.sleep(0.1)

    def forget_key(self, key, cache=None):
        deleted.append((key, cache))
        return True


deleted, extracted = [], []


def asking(session, host="127.0.0.1"):
    return SimpleNamespace(session_hash=session, client=SimpleNamespace(host=host))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    deleted.clear()
    extracted.clear()
    return tmp_path


@pytest.fixture
def service(folder):
    return Service(Growing(factories.checkpoint(), None))


def uploaded(service, folder, session):
    file = folder / "digest" / "mine.wav"
    file.parent.mkdir()
    file.write_text("x")
    return service.check_upload(service.files.register_upload(file), asking(session))


def test_only_uploads_of_the_session_may_be_named(service, folder, tmp_path_factory):
    mine = uploaded(service, folder, "a")
    assert service.check_upload(mine, asking("a")) == mine
    other = tmp_path_factory.mktemp("other") / "other"
    other.write_text("x")
    link = folder / "link"
    link.symlink_to(other)
    for path in (other, link, folder / ".." / other.name, folder, "", None):
        with pytest.raises(EmorecError) as caught:
            service.check_upload(path, asking("a"))
        assert str(caught.value) == NOT_UPLOADED
    with pytest.raises(EmorecError):
        service.check_upload(mine, asking("b"))


@pytest.mark.parametrize("shared", [True, False])
def test_stored_features_belong_to_the_session_unless_the_cache_is_shared(service, folder, shared):
    service.shared_cache = shared
    job = service.start_job(service.analyzers.default, uploaded(service, folder, "a"), asking("a"))
    job.join()
    if shared:
        assert job.options.cache is None
        service.end_session("a")
    else:
        assert job.options.cache == service.files.cache("a") != service.files.cache("b")
        assert (job.options.cache / "key").is_dir()
        service.end_session("a")
        assert not job.options.cache.exists()


def test_deletion_works_by_key_if_the_upload_has_gone(service, folder):
    path = uploaded(service, folder, "a")
    service.start_job(service.analyzers.default, path, asking("a")).join()
    (folder / path).unlink()
    assert service.delete_session_data("a") == [] and deleted == [("key", None)]


def test_gradio_itself_removes_no_file():
    """It would remove one an hour after its upload, whether it is in use or not."""
    assert build(Analyzer(factories.checkpoint(), None)).delete_cache is None


def test_a_session_that_ends_during_its_job_leaves_nothing(service, folder):
    service.shared_cache = False
    service.analyzers.default.__class__.seconds = 1000
    try:
        job = service.start_job(service.analyzers.default, uploaded(service, folder, "a"), asking("a"))
        until(lambda: job.features is not None)
        service.end_session("a")
        until(lambda: not job.running and not list(folder.iterdir()))
    finally:
        service.analyzers.default.__class__.seconds = 1
    assert not len(service.queue)


def test_an_idle_session_is_ended(folder):
    now = [0.0]
    service = Service(Growing(factories.checkpoint(), None), clock=lambda: now[0])
    path = uploaded(service, folder, "a")
    service.end_idle_sessions()
    assert (folder / path).exists()
    now[0] = KEEP + 1
    service.end_idle_sessions()
    assert not list(folder.iterdir())


def test_an_error_does_not_end_the_checks_for_idle_sessions(folder, monkeypatch):
    passes = []

    def fail(service):
        passes.append(service)
        raise OSError("the disk is full")

    monkeypatch.setattr("emorec.ui.sessions.sweeping.INTERVAL", 0.01)
    monkeypatch.setattr(Service, "end_idle_sessions", fail)
    service = Service(Growing(factories.checkpoint(), None))
    until(lambda: len(passes) > 2)
    assert passes[0] is service


def model_of(seed):
    return Analyzer(factories.checkpoint(seed), None)


def test_features_are_only_used_with_the_networks_that_extracted_them(service):
    first, second = model_of(1), model_of(2)
    features = factories.observations(1.0, fingerprint=first.model.fingerprint)
    on_the_hub = {"org/main": first, "org/other": second, "org/same": model_of(1)}
    service.analyzers = AnalyzerCache("default", on_the_hub.__getitem__)
    assert service.analyzer_for(features, "org/main") is first
    assert service.analyzer_for(features, "org/other", "org/main") is first
    assert service.analyzer_for(features, "org/same", "org/main") is on_the_hub["org/same"]
    # The branch on the Hub has a new commit, and the old one is not in memory any more.
    service.analyzers = AnalyzerCache("default", {"org/main": second}.__getitem__)
    with pytest.raises(EmorecError) as caught:
        service.analyzer_for(features, "org/main")
    assert str(caught.value) == CHANGED


@pytest.fixture
def served(folder):
    """A page in this process: its address, and its service."""
    page = build(Growing(factories.checkpoint(), None, pretrained.Origin(folder=pretrained.BUNDLED)))
    middleware = [
        Middleware(UploadMiddleware, register=page.service.files.register_upload),
        Middleware(StreamMiddleware, presence=page.service.presence),
    ]
    with without_proxy():
        _, address, _ = page.launch(
            quiet=True,
            prevent_thread_lock=True,
            server_name="127.0.0.1",
            server_port=free_port(),  # Gradio's search could take the one that another process is about to take
            ssr_mode=False,
            app_kwargs={"middleware": middleware},
            _frontend=False,
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


def test_the_job_of_a_program_that_disconnects_is_stopped(served, folder, endless, monkeypatch):
    monkeypatch.setattr("emorec.ui.jobs.presence.GONE_AFTER", 0.2)
    address, service = served
    event = begin(address, "a")
    with httpx.stream("GET", f"{address}/gradio_api/call/analyze/{event}", timeout=PATIENCE):
        until(lambda: len(service.queue) == 1)
        time.sleep(1)
        assert len(service.queue) == 1
    until(lambda: not len(service.queue))


def test_the_job_of_a_program_that_never_asks_for_its_answer_is_stopped(served, folder, endless, monkeypatch):
    monkeypatch.setattr("emorec.ui.jobs.presence.NEVER_CAME_AFTER", 1.0)
    address, service = served
    begin(address, "a")
    until(lambda: len(service.queue) == 1)
    until(lambda: not len(service.queue))


def test_deletion_stops_the_jobs_of_programs_and_deletes_their_features(served, folder, endless):
    address, service = served
    event, ended = begin(address, "a"), []

    def answered():
        ended.append(httpx.get(f"{address}/gradio_api/call/analyze/{event}", timeout=PATIENCE).text)

    waiting = threading.Thread(target=answered)
    waiting.start()
    until(lambda: service.history.running("a"))
    assert service.delete_session_data("a") == []
    waiting.join(PATIENCE)
    assert "event: error" in ended[0] and "stopped" in ended[0]
    assert deleted == [("key", None)] and not len(service.queue)
    assert not list(folder.rglob("mine.wav"))


def test_a_client_gets_its_rows_and_its_upload_has_a_random_path(served, folder, tmp_path_factory):
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


def test_programs_choose_the_prior_and_the_part_that_is_analysed(served, tmp_path_factory):
    address, _ = served
    recording = tmp_path_factory.mktemp("sound") / "mine.wav"
    recording.write_bytes(b"sound")
    client = Client(address, verbose=False, analytics_enabled=False)
    part = {"audio_track": 2, "video_track": 1, "channel": "left", "start": "0:01", "end": 9.5, "rotate": 90}
    found = client.predict(handle_file(str(recording)), prior="even", api_name="/analyze", **part)
    assert extracted == [Settings(audio_track=2, video_track=1, channel="left", start=1.0, end=9.5, rotate=90)]
    assert found["prior"]["shares"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7))
    summary = found["summary"]
    assert sum(summary["shares"].values()) + summary["unsure"] == pytest.approx(1)
    name = found["recording"]
    even = rows_of(client, name, prior="even")
    assert even == [[row[emotion] for emotion in EMOTIONS] for row in found["rows"]]
    own = rows_of(client, name, prior=dict.fromkeys(EMOTIONS, 1))
    assert own == even != rows_of(client, name)
    assert rows_of(client, name, baseline="none")
    wrongs = ({"prior": "/etc/hostname"}, "The prior"), ({"start": "soon"}, "is not a time"), ({"baseline": "x"}, "'x'")
    for wrong, expected in wrongs:
        with pytest.raises(AppError, match=expected):
            client.predict(handle_file(str(recording)), api_name="/analyze", **wrong)
    assert len(extracted) == 1


def test_without_faces_only_the_fusion_voice_can_be_drawn(served, tmp_path_factory):
    address, _ = served
    recording = tmp_path_factory.mktemp("sound") / "mine.wav"
    recording.write_bytes(b"sound")
    client = Client(address, verbose=False, analytics_enabled=False)
    found = client.predict(handle_file(str(recording)), fusion="voice", api_name="/analyze")
    assert extracted == [Settings(faces=False)]
    assert rows_of(client, found["recording"], fusion="voice")
    with pytest.raises(AppError, match="Only the sound of this recording was analysed"):
        client.predict(found["recording"], fusion="face", api_name="/redraw")


@pytest.mark.parametrize("choices", [[], ["late", 1.0, 3.0, 0.0, None, ""]])
def test_a_plain_request_may_leave_out_the_last_choices(served, choices):
    address, _ = served
    given = {"data": [sent(address), *choices], "session_hash": "a"}
    event = httpx.post(f"{address}/gradio_api/call/analyze", json=given, timeout=PATIENCE).json()["event_id"]
    answer = httpx.get(f"{address}/gradio_api/call/analyze/{event}", timeout=PATIENCE).text
    assert "event: complete" in answer and '"prior": {"name": "everyday"' in answer
