"""What one visitor can take from the others: threads that wait, memory that stays, files without content."""

import contextlib
import threading
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.analyzer import Analyzer
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.recents_handlers import LISTS, RecentsHandlers
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.server import bodies
from emorec.ui.server.temp_dir import PER_FILE, ServerTempDir
from emorec.ui.service import Service
from emorec.ui.sessions.files import KEEP
from emorec.ui.shelf import Shelf
from support import factories
from support.waiting import until

ONE, OTHER = SimpleNamespace(session_hash="a"), SimpleNamespace(session_hash="b")
TOKEN, OTHER_TOKEN = "a" * 64, "b" * 64
NOTHING = (gr.skip(),) * 4


@pytest.fixture
def clock():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def service(tmp_path, monkeypatch, clock):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = Service(Analyzer(factories.checkpoint(), None))
    made.files._clock = lambda: clock.now
    return made


@pytest.fixture
def job():
    """A job that runs until ``ended`` is set."""
    ended = threading.Event()
    return SimpleNamespace(
        running=True, ended=ended, wait=ended.wait, began=0.0, features=None, path="x", facts={}, problem="",
        links_ahead=0, jobs_ahead=0, fetched=None, asked_to_stop=False, stop=lambda: None,
    )  # fmt: skip


def test_one_session_shows_the_progress_of_its_job_three_times_at_most(service, job):
    jobs, analysis = JobHandlers(service), Analysis(path="x", running=True)
    service.watched |= {"a": (job, analysis), "b": (job, analysis)}
    job.ended.set()  # nothing is waited for
    shown = [jobs.run(ONE), jobs.resume(analysis, ONE), jobs.run(ONE)]
    assert all(next(each) != NOTHING for each in shown)
    assert next(jobs.run(ONE)) == next(jobs.resume(analysis, ONE)) == NOTHING
    assert next(jobs.run(OTHER)) != NOTHING
    shown[0].close()
    assert next(jobs.run(ONE)) != NOTHING


def test_one_session_waits_for_the_end_of_its_job_three_times_at_most(service, job):
    jobs = JobHandlers(service)
    lists = RecentsHandlers(service, jobs, RecordingsHandlers(service))
    jobs.ending["a"] = job, "id"
    waiting = [threading.Thread(target=lists.after_job, args=[ONE], daemon=True) for _ in range(3)]
    for thread in waiting:
        thread.start()
    until(lambda: lists.waiting._counts["a"] == 3)
    assert len(lists.after_job(ONE)) == LISTS and all(thread.is_alive() for thread in waiting)
    # The next analysis is shown although cancelled ones have not stopped yet.
    service.watched["a"] = job, Analysis(path="x", running=True)
    with contextlib.closing(jobs.run(ONE)) as shown:
        assert next(shown) != NOTHING
    job.running = False
    job.ended.set()
    for thread in waiting:
        thread.join(30)
    assert not lists.waiting._counts


def test_the_list_of_a_session_that_did_nothing_else_is_forgotten(service, clock):
    RecordingsHandlers(service).tick(ONE)
    assert [*service.batches] == ["a"]
    clock.now = KEEP + 1
    service.end_idle_sessions()
    assert not service.batches


def test_an_idle_browser_is_forgotten_unless_a_page_of_it_is_open(service, clock):
    names = [service.browsers.enter(page, token) for page, token in (("a", TOKEN), ("b", OTHER_TOKEN))]
    for page in "ab":
        service.files.use(page)
    with service.open_pages.heartbeats.holding("b", None):
        clock.now = KEEP + 1
        service.end_idle_sessions()
        assert [service.browsers.is_known(name) for name in names] == [False, True]
        assert service.browsers.owner("a") == "a" and service.browsers.owner("b") == names[1]


def test_a_page_belongs_to_one_browser(service):
    first, second = (service.browsers.enter("a", token) for token in (TOKEN, OTHER_TOKEN))
    assert service.browsers.owner("a") == second and service.browsers.pages(second) == ["a"]
    assert service.browsers.pages(first) == [] == service.browsers.closed(first)


def test_each_file_counts_as_more_than_its_content(tmp_path):
    folder = ServerTempDir(tmp_path)
    before = folder.used()
    for number in range(3):
        (folder.path / f"{number}.txt").write_text("x")
    assert folder.used() - before == 3 * (PER_FILE + 1)
    folder.close()


@pytest.mark.parametrize(
    "body", [b'{"data": ["\\ud800", {"\\udfff": "\\ud83d\\ude00"}]}', b'{"data": ["\xed\xa0\x80"]}']
)
def test_text_that_no_answer_can_repeat_is_replaced(body):
    given = bodies.parse_json(body, "application/json")
    assert given["data"][0].strip("?") == "" and given["data"][1:] in ([], [{"?": "\U0001f600"}])
    bodies.dump_json(given).decode().encode()
    assert "\\ud800" not in bodies.dump_json(given).decode()


def test_the_sentence_about_a_lost_result_can_be_sent(tmp_path):
    with pytest.raises(Exception, match="not in the library") as caught:
        Shelf(tmp_path).get("\ud800")
    assert str(caught.value).encode()
