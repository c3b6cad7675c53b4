"""What a browser keeps across a reload, and what several recordings are: without a browser and without networks."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.ui.jobs.job_queue import BUSY
from emorec.ui.jobs.presence import NEVER_CAME_AFTER
from emorec.ui.page import recordings_handlers, stored_choices
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.server import running_clock
from emorec.ui.service import Service
from emorec.ui.sessions import batch as batches
from emorec.ui.sessions import browsers
from emorec.ui.sessions.batch import DONE, FAILED, STOPPED, Batch, Work
from emorec.ui.sessions.browsers import Browsers
from emorec.ui.sessions.files import KEEP
from emorec.ui.sessions.recents import MAX_RECENTS, Recent, Recents
from support import factories
from support.waiting import until

TOKEN, OTHER = "a" * 64, "b" * 64


class Storing(Analyzer):
    """An analyzer that extracts a second for each release of ``go``, and forgets what it is told to."""

    go, seconds = threading.Semaphore(0), 1

    def extract(self, path, cache=None, settings=None):
        for second in range(1, self.seconds + 1):
            done = second == self.seconds
            if not done:
                self.go.acquire()
            yield factories.full_observations(
                float(second), complete=done, duration=float(self.seconds), key=name(path)
            )

    def forget_key(self, key, cache=None):
        forgotten.append(key)
        return True


forgotten = []


def name(path):
    return Path(path).name


def asking(session):
    return SimpleNamespace(session_hash=session, client=SimpleNamespace(host="127.0.0.1"))


@pytest.fixture
def clock():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def service(tmp_path, monkeypatch, clock):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(browsers, "COMES_BACK_WITHIN", 0.5)
    monkeypatch.setattr(Storing, "seconds", 1)
    monkeypatch.setattr(Storing, "go", threading.Semaphore(0))
    forgotten.clear()
    made = Service(Storing(factories.checkpoint(), None))
    made.files._clock = lambda: clock.now
    return made


def uploaded(service, session, file="mine.wav"):
    given = Path(service.files._root) / "digest" / file
    given.parent.mkdir(exist_ok=True)
    given.write_text("x")
    return service.check_upload(service.files.register_upload(given), asking(session))


def test_pages_with_the_same_token_are_one_browser_and_others_are_not():
    known = Browsers()
    first, second = known.enter("one", TOKEN), known.enter("two", TOKEN)
    assert first == second == known.owner("one") != known.enter("three", OTHER)
    for wrong in ("", "short", None, "x" * 65, "ä" * 40, ["a" * 40]):
        assert known.enter("four", wrong) == "four" == known.owner("four")
    assert not known.leave("one") and known.leave("two")
    assert known.closed(first) == ["two", "one"]


def test_what_a_page_has_is_there_after_a_reload_and_only_for_its_own_browser(service):
    service.browsers.enter("before", TOKEN)
    path = uploaded(service, "before")
    job = service.start_job(service.analyzers.default, path, asking("before"))
    job.join()
    service.end_session("before")
    owner = service.browsers.enter("after", TOKEN)
    service.browsers.enter("stranger", OTHER)
    assert service.check_upload(path, asking("after")) == path
    with pytest.raises(EmorecError):
        service.check_upload(path, asking("stranger"))
    (recent,) = service.memory.recent_analyses("after")
    assert (recent.name, recent.key, recent.until) == ("mine.wav", "mine.wav", 1.0)
    assert service.memory.recent_analyses("stranger") == [] == service.memory.recent_analyses("unknown")
    with pytest.raises(EmorecError, match="not in your list"):
        service.memory.get("stranger", recent.id)
    assert service.visitor(asking("after")).session == owner == service.visitor(asking("before")).session


def test_a_browser_that_does_not_come_back_loses_its_recordings_and_its_job_but_not_what_was_read(service, monkeypatch):
    monkeypatch.setattr(Storing, "seconds", 3)
    service.browsers.enter("page", TOKEN)
    path = uploaded(service, "page")
    job = service.start_job(service.analyzers.default, path, asking("page"))
    Storing.go.release()
    until(lambda: job.features is not None and job.features.until == 1.0)
    service.end_session("page")
    assert Path(path).exists() and job.running
    for _ in range(3):
        Storing.go.release()
    until(lambda: not job.running and not Path(path).exists())
    service.browsers.enter("later", TOKEN)
    assert [each.key for each in service.memory.recent_analyses("later")] == ["mine.wav"]


def test_a_reload_in_time_keeps_the_job_running(service, monkeypatch):
    monkeypatch.setattr(Storing, "seconds", 3)
    service.browsers.enter("page", TOKEN)
    job = service.start_job(service.analyzers.default, uploaded(service, "page"), asking("page"))
    service.watched["page"] = job, None
    Storing.go.release()
    until(lambda: job.features is not None)
    service.end_session("page")
    owner = service.browsers.enter("again", TOKEN)
    service._end_gone_browser(owner)  # what the timer does
    assert job.running and service.watched["page"][0] is job and "page" in service.browsers.closed(owner)
    for _ in range(3):
        Storing.go.release()
    job.join()
    assert job.features.complete


def test_a_page_without_a_connection_stays_while_it_asks_and_an_hour_longer(service):
    times = SimpleNamespace(now=0.0)
    service.presence._clock = lambda: times.now
    service.browsers.enter("page", TOKEN)
    for session in ("page", "program"):  # a program is no page
        with service.presence.connected(session):
            times.now += 2 * KEEP
            assert service.open_pages.stays(session) is (session == "page")
    assert not service.open_pages.stays("page")
    with service.presence.connected("page"):
        pass
    times.now += KEEP
    assert service.open_pages.stays("page") and not service.open_pages.stays("program")
    times.now += 1
    assert not service.open_pages.stays("page")


def test_a_sleep_of_the_server_is_no_time_in_which_a_page_fails_to_come_back(service, monkeypatch):
    """The page may have asked again, but the server has not read it yet."""
    monkeypatch.setattr(Storing, "seconds", 2)
    running = SimpleNamespace(now=0.0, passed=lambda: running.now)
    monkeypatch.setattr(running_clock, "_started", lambda: running)
    service.browsers.enter("page", TOKEN)
    job = service.start_job(service.analyzers.default, uploaded(service, "page"), asking("page"))
    service.end_session("page")
    time.sleep(2 * browsers.COMES_BACK_WITHIN)
    assert job.running and not job.asked_to_stop and Path(job.path).exists()
    running.now = 2 * browsers.COMES_BACK_WITHIN
    until(lambda: job.asked_to_stop)
    Storing.go.release()
    until(lambda: not Path(job.path).exists())


def test_whether_a_program_has_left_is_seen_on_one_clock(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    times = SimpleNamespace(now=0.0)
    service = Service(Storing(factories.checkpoint(), None), clock=lambda: times.now)
    gone = service.client_gone(asking("program"))
    assert not gone()
    times.now = NEVER_CAME_AFTER + 1
    assert gone()


def test_a_page_in_doubt_does_not_keep_what_its_browser_has_until_it_is_seen():
    times = SimpleNamespace(now=0.0)
    known = Browsers(lambda: times.now)
    owner = known.enter("crashed", TOKEN)
    known.doubt("stranger")
    known.enter("new", TOKEN)
    known.doubt("crashed")
    assert not known.is_gone(owner) and known.leave("new")
    times.now += browsers.COMES_BACK_WITHIN
    assert known.is_gone(owner)
    known.seen("crashed")  # it has only lost its connection
    assert not known.is_gone(owner) and not known.leave("new")
    assert known.leave("crashed")


@pytest.fixture
def left(service, monkeypatch):
    """A page that analyses, and has lost its heartbeat: its job, and what loads another page of the browser."""
    monkeypatch.setattr(Storing, "seconds", 3)
    monkeypatch.setattr(service.open_pages.heartbeats, "is_held", "left".__eq__)
    service.browsers.enter("left", TOKEN)
    job = service.start_job(service.analyzers.default, uploaded(service, "left"), asking("left"))
    service.watched["left"] = job, Analysis(path=job.path, running=True)
    jobs = JobHandlers(service)
    handlers = RecentsHandlers(service, jobs, recordings_handlers.RecordingsHandlers(service))
    yield SimpleNamespace(job=job, load=lambda session: handlers.arrive(TOKEN, asking(session)), jobs=jobs)
    for _ in range(3):
        Storing.go.release()
    job.join()


def test_the_analysis_of_a_page_that_ended_unnoticed_is_found_again_and_its_files_are_not_kept_for_it(service, left):
    left.load("new")
    assert service.watched["new"][0] is left.job and "left" not in service.watched
    service.end_session("new")
    for _ in range(3):
        Storing.go.release()
    until(lambda: not left.job.running and not Path(left.job.path).exists())


def test_a_page_without_a_heartbeat_that_still_waits_keeps_its_analysis(service, left):
    with service.open_pages.connected("left"):
        left.load("new")
    assert service.watched["left"][0] is left.job and "new" not in service.watched


@pytest.mark.parametrize("sign", ["says so", "asks"])
def test_a_page_without_a_heartbeat_that_is_open_keeps_its_files(service, left, sign):
    left.load("new")
    if sign == "says so":
        service.open_pages.seen("left")
    else:
        with service.open_pages.connected("left"):
            pass
    service.end_session("new")
    time.sleep(browsers.COMES_BACK_WITHIN)
    assert not service.browsers.is_gone(service.browsers.owner("left"))
    assert left.job.running and Path(left.job.path).exists()


def test_a_page_whose_analysis_was_taken_over_does_not_take_it_back(service, left):
    shown = left.jobs._show(left.job, Analysis(path=left.job.path, running=True), asking("left"))
    Storing.go.release()
    next(shown)
    left.load("new")
    for _ in range(3):
        Storing.go.release()
    assert len(list(shown)) and list(service.watched) == ["new"]


def test_an_unused_browser_is_forgotten_with_everything(service, clock, tmp_path):
    service.browsers.enter("page", TOKEN)
    service.files.use("page")
    service.start_job(service.analyzers.default, uploaded(service, "page"), asking("page")).join()
    service.end_session("page")
    clock.now = KEEP + 1
    service.end_idle_sessions()
    service.browsers.enter("later", TOKEN)
    assert service.memory.recent_analyses("later") == [] and not list(tmp_path.rglob("mine.wav"))


def test_deleting_a_recent_analysis_deletes_its_file_and_its_features_once_nothing_else_needs_them(service):
    service.browsers.enter("page", TOKEN)
    first, second = uploaded(service, "page"), uploaded(service, "page", "other.wav")
    for path in (first, second):
        service.start_job(service.analyzers.default, path, asking("page")).join()
    found = {each.name: each for each in service.memory.recent_analyses("page")}
    downloads = []
    for each in found.values():
        with service.files.new_download("page", each.key) as folder:
            downloads.append(folder / f"{each.name}.report.html")
            downloads[-1].write_text("names and faces")
    service.memory.delete("page", found["mine.wav"])
    assert [file.name for file in downloads if file.exists()] == ["other.wav.report.html"]
    assert forgotten == ["mine.wav"] and not Path(first).exists() and Path(second).exists()
    assert [each.name for each in service.memory.recent_analyses("page")] == ["other.wav"]
    assert service.delete_session_data("page") == []  # of what is left
    assert forgotten == ["mine.wav", "other.wav"] and service.memory.recent_analyses("page") == []


@pytest.mark.parametrize("end", ["delete_session_data", "end_idle_sessions"])
def test_a_browser_without_data_is_forgotten_when_its_last_page_is_closed(service, clock, end):
    browser = service.browsers.enter("page", TOKEN)
    service.files.use("page")
    with service.open_pages.heartbeats.holding("page", pytest.fail):
        if end == "delete_session_data":
            service.delete_session_data("page")
        else:
            clock.now += KEEP + 1
            service.end_idle_sessions()
        assert service.browsers.pages(browser) == ["page"]  # it is still open
    service.end_session("page")
    until(lambda: not service.browsers.is_known(browser))
    assert service.browsers.owner("page") == "page"


def test_deleting_all_ends_the_live_sessions_of_every_page_of_the_browser(service, monkeypatch):
    ended = []
    monkeypatch.setattr(service.live, "end", ended.append)
    for page in ("page", "open", "closed", "stranger"):
        service.browsers.enter(page, TOKEN if page != "stranger" else OTHER)
    service.end_session("closed")
    ended.clear()
    service.delete_session_data("page")
    assert sorted(ended) == ["closed", "open", "page"]


def test_deleting_a_recent_analysis_deletes_every_upload_of_its_recording(service):
    service.browsers.enter("page", TOKEN)
    paths = [uploaded(service, "page") for _ in range(3)]
    for path in paths:
        service.start_job(service.analyzers.default, path, asking("page")).join()
    (found,) = service.memory.recent_analyses("page")
    assert found.path == paths[-1] and all(Path(path).exists() for path in paths)  # one may be in a player
    service.memory.delete("page", found)
    assert not any(Path(path).exists() for path in paths)


def test_a_link_that_nobody_watches_is_deleted_with_its_analysis_and_with_the_visit(service):
    service.browsers.enter("page", TOKEN)

    def fetch(key):
        file = service.files.folder("page") / key / "talk.m4a"
        file.parent.mkdir()
        file.write_text(key)
        return str(file), {"title": f"Talk {key}", "source": "https://example.org/talk"}

    jobs = [
        service.start_job(service.analyzers.default, "", asking("page"), lambda report, key=key: fetch(key))
        for key in ("one", "two")
    ]
    for job in jobs:
        job.join()
    service.memory.delete(
        "page", next(each for each in service.memory.recent_analyses("page") if each.name == "Talk one")
    )
    assert [Path(job.path).exists() for job in jobs] == [False, True]
    service.files.remove_files("page")
    assert not Path(jobs[1].path).exists()


def recent(number):
    return Recent(
        name=f"{number}", at=float(number), until=1.0, duration=1.0, key=f"{number}", cache=None, fingerprint=""
    )


def test_the_list_of_recent_analyses_has_an_end_and_no_doubles():
    known = Recents()
    first = known.add("a", recent(0))
    assert known.add("a", recent(0)).id == first.id
    for number in range(1, MAX_RECENTS + 5):
        known.add("a", recent(number))
    assert len(known.of("a")) == MAX_RECENTS and known.of("a")[0].name == str(MAX_RECENTS + 4)
    with pytest.raises(EmorecError):
        known.get("a", first.id)


class Done:
    """A job that has ended."""

    running = False

    def __init__(self, problem="", complete=True):
        self.problem, self.features = problem, factories.observations(1.0, complete=complete)

    def stop(self):
        pass


def test_recordings_are_worked_through_in_order_and_a_bad_one_does_not_stop_the_others(monkeypatch):
    monkeypatch.setattr(batches, "RETRY", 0.01)
    several, begun, answers = Batch(), [], {"b": [Done("No recording.")], "c": [Done(BUSY), Done()]}

    def begin(item):
        begun.append(item.name)
        if item.name == "d":
            raise RuntimeError("unexpected")
        return answers.get(item.name, [Done()]).pop(0)

    for each in "abcde":
        several.add(each, each)
    assert several.start(Work(begin=begin, finish=lambda item, job: item.name))
    until(lambda: not several.running)
    assert begun == ["a", "b", "c", "c", "d", "e"]
    assert [item.state for item in several.items] == [DONE, FAILED, DONE, FAILED, DONE]
    assert several.items[1].problem == "No recording." and "log of the program" in several.items[3].problem
    assert several.items[0].result == "a"


def test_what_is_added_after_the_end_of_the_work_can_join_it():
    several = Batch()
    work = Work(
        begin=lambda item: Done("No recording." if item.name == "a" else ""), finish=lambda item, job: item.name
    )
    several.add("a", "a")
    several.go_on()  # nothing was begun
    assert not several.running and several.start(work)
    until(lambda: not several.running)
    several.add("b", "b")
    several.go_on()
    until(lambda: not several.running)
    assert [item.state for item in several.items] == [FAILED, DONE]  # what failed is not tried again
    several.cancel()
    several.add("c", "c")
    several.go_on()
    assert not several.running and several.items[-1].state == "waiting"


def test_what_joins_has_the_choices_of_the_last_click_also_if_nothing_waited_then():
    several = Batch()
    first, second = (
        Work(begin=lambda item: Done(), finish=lambda item, job: item.name, choices=choices) for choices in ("x", "y")
    )
    several.add("a", "a")
    several.start(first)
    until(lambda: not several.running)
    several.cancel()
    assert not several.start(first)
    several.add("b", "b")
    several.go_on()
    until(lambda: not several.running)
    several.start(second)
    several.cancel()
    until(lambda: not several.running)
    several.start(first)
    until(lambda: not several.running)
    several.add("c", "c")
    several.go_on()
    until(lambda: not several.running)
    assert [item.choices for item in several.items] == ["x", "x", "x"]
    several.forget_work()  # a click was refused
    several.add("d", "d")
    several.go_on()
    assert not several.running and several.items[-1].state == "waiting"


def test_one_recording_or_all_can_be_cancelled_and_analysed_later():
    several, go = Batch(), threading.Semaphore(0)

    class Slow(Done):
        def __init__(self):
            super().__init__()
            self.stopped, self.waits = False, True

        @property
        def running(self):
            return self.waits and not self.stopped

        def wait(self, seconds):
            if go.acquire(timeout=0.01):
                self.waits = False

        def stop(self):
            self.stopped = True
            self.features = factories.observations(1.0, complete=False)

    work = Work(begin=lambda item: Slow(), finish=lambda item, job: 1)
    first, second, third = (several.add("same", "path") for _ in range(3))
    assert [item.name for item in several.items] == ["same", "same (2)", "same (3)"]
    several.start(work)
    several.cancel(second.id)
    several.cancel(first.id)
    until(lambda: first.state == STOPPED and third.state == "at work")
    several.cancel()
    until(lambda: not several.running)
    assert {item.state for item in several.items} == {STOPPED}
    for _ in range(3):
        go.release()
    several.start(work)
    until(lambda: not several.running)
    assert {item.state for item in several.items} == {DONE}
    several.remove(first.id)
    assert several.get(first.id) is None and len(several.items) == 2


def test_with_other_choices_what_is_done_or_failed_is_worked_on_again_and_stopping_gives_it_back():
    several, problem = Batch(), {"b": "No second track."}

    def work(choices, begin=lambda item: Done(problem.get(item.name, ""))):
        return Work(begin=begin, finish=lambda item, job: f"{item.name} {choices}", choices=choices)

    def worked(choices, **how):
        started = several.start(work(choices, **how))
        until(lambda: not several.running)
        return started, [(item.state, item.result, item.choices) for item in several.items]

    for each in "ab":
        several.add(each, each)
    first = [(DONE, "a even", "even"), (FAILED, None, "even")]
    assert worked("even") == (True, first) and worked("even") == (True, first)  # what failed is tried again

    def cancelling(item):
        several.cancel()  # while it is at work, and the other one waits
        return Done(complete=False)

    assert worked("everyday", begin=cancelling) == (True, first)
    assert several.items[1].problem == "No second track."
    problem.clear()
    assert worked("everyday") == (True, [(DONE, f"{each} everyday", "everyday") for each in "ab"])
    assert several.items[1].problem == ""
    assert not worked("everyday")[0]


def test_what_is_made_again_keeps_its_result_and_later_names_when_it_is_stopped_by_another_page():
    several = Batch()
    for each in "ab":
        several.add(each, each)

    def work(choices, begin=lambda _: Done()):
        return Work(begin=begin, finish=lambda item, _: f"{item.name} {choices}", choices=choices)

    def interfere(item):
        several.start(work("even"))  # another page of the browser, on which the button is not grey yet
        assert several.renew(lambda item: f"{item.result}, named")
        several.cancel()
        return Done(complete=False)

    several.start(work("everyday"))
    until(lambda: not several.running)
    several.start(work("even", begin=interfere))
    until(lambda: not several.running)
    assert [(item.state, item.result) for item in several.items] == [(DONE, f"{each} everyday, named") for each in "ab"]


def test_a_recording_that_is_cancelled_at_its_end_gets_no_result():
    several, finished = Batch(), []

    class Ending(Done):
        running = True

        def wait(self, seconds):
            several.cancel()  # while the job stores its last features
            self.running = False

    item = several.add("a", "a")
    several.start(Work(begin=lambda item: Ending(), finish=lambda item, job: finished.append(item)))
    several.join()
    assert item.state == STOPPED and not finished and not several.running


def test_a_recording_that_was_taken_from_the_list_has_its_result_or_never_gets_one():
    several = Batch()

    def finish(item, job):
        until(lambda: item.cancelled)
        time.sleep(0.1)
        return "written"

    item = several.add("a", "a")
    several.start(Work(begin=lambda item: Done(), finish=finish))
    until(several._finishing.locked)
    assert several.remove(item.id).result == "written"  # so that its files can be removed


@pytest.mark.parametrize("end", ["delete_session_data", "_end"])
def test_results_that_are_being_written_are_deleted_too(service, tmp_path, monkeypatch, end):
    owner, results = service.browsers.enter("page", TOKEN), []
    make_figures = recordings_handlers.make_figures

    def slow_figures(service, item, *rest):
        until(lambda: item.cancelled)
        time.sleep(0.1)
        results.append(make_figures(service, item, *rest))
        return results[0]

    monkeypatch.setattr(recordings_handlers, "make_figures", slow_figures)
    handlers = recordings_handlers.RecordingsHandlers(service)
    several = handlers.batch("page")
    several.add("mine.wav", uploaded(service, "page"))
    choices = ("", "", "late", 1.0, 3.0, 0.0, "even", "speaker", None, "mix", "", "", None, 0)
    handlers.start(*choices, asking("page"))
    until(several._finishing.locked)
    getattr(service, end)(owner)
    until(lambda: not several.running and not list(tmp_path.rglob("*.csv")))
    assert results and results[0].files["csv"].name.endswith(".csv")


def test_analyze_all_makes_the_list_again_with_other_choices_and_a_line_is_shown_with_its_own(service, monkeypatch):
    service.browsers.enter("page", TOKEN)
    monkeypatch.setattr(service.memory, "features", lambda recent: factories.full_observations(1.0, key="mine.wav"))
    recordings = recordings_handlers.RecordingsHandlers(service)
    lists = RecentsHandlers(service, JobHandlers(service), recordings)
    several = recordings.batch("page")
    item = several.add("mine.wav", uploaded(service, "page"))

    def analyse(prior):
        choices = ("", "", "late", 1.0, 3.0, 0.0, prior, "speaker", None, "mix", "", "", None, 0)
        recordings.start(*choices, asking("page"))
        until(lambda: not several.running)
        return item.state, json.loads(item.result.files["json"].read_text())["choices"]["prior"]

    def controls(what, name):
        _, *changed = lists.do(f"{what} {name} #1", Analysis(), asking("page"))
        assert changed[8] is None  # the field for files
        return dict(zip(stored_choices.NAMES, changed[9:], strict=False))

    assert analyse("even") == (DONE, "even")
    with pytest.raises(gr.Error, match="with these choices already"):
        analyse("even")
    assert controls("show", item.id)["prior"]["value"] == "even"
    (recent,) = service.memory.recent_analyses("page")
    assert controls("open", recent.id)["prior"] == gr.skip()  # its choices are not known
    assert analyse("everyday") == (DONE, "everyday") and len(service.memory.recent_analyses("page")) == 1
    assert controls("show", item.id)["prior"]["value"] == "everyday"
    more = [{"path": uploaded(service, "page", "more.wav"), "name": "more.wav"}]
    lists.do(f"join {json.dumps(more)} #2", Analysis(), asking("page"))  # uploaded since Analyze all was clicked
    until(lambda: not several.running)
    assert several.items[-1].state == DONE and several.items[-1].choices == item.choices


def test_a_list_that_is_between_two_jobs_is_not_idle(service, monkeypatch, clock):
    service.browsers.enter("page", TOKEN)
    make_figures, go = recordings_handlers.make_figures, threading.Event()
    monkeypatch.setattr(recordings_handlers, "make_figures", lambda *given: go.wait(60) and make_figures(*given))
    handlers = recordings_handlers.RecordingsHandlers(service)
    several, path = handlers.batch("page"), uploaded(service, "page")
    several.add("mine.wav", path)
    handlers.start("", "", "late", 1.0, 3.0, 0.0, "even", "speaker", None, "mix", "", "", None, 0, asking("page"))
    until(lambda: several._finishing.locked() and not service.history.running(service.browsers.owner("page")))
    clock.now = KEEP + 1
    service.end_idle_sessions()
    go.set()
    several.join()
    assert (
        [item.state for item in several.items] == [DONE] and handlers.batch("page") is several and Path(path).exists()
    )


def test_nobody_who_waits_ends_the_list():
    several = Batch()
    several.add("a", "a")
    several.start(Work(begin=lambda item: Done(), finish=lambda item, job: 1, gone=lambda: True))
    until(lambda: not several.running)
    assert several.items[0].state == STOPPED
