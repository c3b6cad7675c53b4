"""Each event of the page is answered, also if the page hears late that its stream of answers has ended."""

import json
import re
from collections import Counter
from urllib.parse import urlparse

import pytest

from emorec.analyzer import Analyzer
from emorec.ui.page import downloads as page_downloads
from emorec.ui.page import layout
from emorec.ui.server import bodies
from support import factories, late_ends
from support.pages import finished, set_number, visiting

# A server whose streams are written by the test, and a client that reads one stream as Gradio's does.
SERVER = """
  window.streams = [];
  window.joined = [];
  window.fetch = async (resource, options) => {
    const path = new URL(resource.url ?? resource, location.href).pathname;
    if (path.endsWith("/queue/join")) {
      const { id, fn_index } = JSON.parse(options.body);
      joined.push(id);
      window.pageOf = new Headers(options.headers).get("x-emorec-page");
      if (fn_index === 99) throw new Error("no connection");
      return Response.json({ event_id: id });
    }
    const body = new ReadableStream({ start: (controller) => window.streams.push(controller) });
    return new Response(body);
  };
"""
CLIENT = """
  window.told = [];
  window.join = async (id, fn_index = 0) => {
    const body = JSON.stringify({ id, fn_index });
    return (await fetch("http://here/queue/join", { method: "POST", body })).json();
  };
  window.open_ = async () => {
    const controller = new AbortController();
    const response = await fetch(new Request("http://here/queue/data", { signal: controller.signal }));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read().catch(() => told.push("broken") && { done: true });
      if (done) return;
      const message = JSON.parse(value.slice(5));
      told.push([message.msg, message.event_id ?? "", message.output?.visible ?? ""].join(" ").trim());
      if (message.msg === "close_stream") controller.abort();
    }
  };
"""

EDITS, DOWNLOADS = [7, 99], [8]


@pytest.fixture
def page(chromium):
    """An empty page with the script, and functions of the server and the client."""
    context = chromium.new_context()
    page = context.new_page()
    answers = (layout.ASSETS / "answers.js").read_text(encoding="utf-8")
    for script in (SERVER, f"({answers})({EDITS}, {DOWNLOADS})", CLIENT):
        page.evaluate(f"() => {{{script}}}")
    yield page
    context.close()


def settle(page):
    """Wait in the page itself, so that what it has still to do is done before, however busy the machine is."""
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 50))")


def join(page, event):
    page.evaluate("event => join(event)", event)


def join_in_order(page, event, number=EDITS[0]):
    """Send an event that is sent in turn; it may have to wait."""
    page.evaluate("([event, number]) => { join(event, number).catch(() => {}); }", [event, number])
    settle(page)


def joined(page):
    return page.evaluate("joined.join('')")


def open_stream(page):
    page.evaluate("() => { open_(); }")
    settle(page)


def say(page, stream, msg, event=None, end=False):
    """Let a stream of the server say something, and end."""
    line = f"data: {json.dumps({'msg': msg, 'event_id': event})}\n\n"
    page.evaluate(
        """([stream, line, end]) => {
          streams[stream].enqueue(new TextEncoder().encode(line));
          if (end) streams[stream].close();
        }""",
        [stream, line, end],
    )
    settle(page)


def streams(page):
    return page.evaluate("streams.length")


def told(page):
    return page.evaluate("told")


def test_no_answer_is_lost_when_the_page_hears_late_of_the_end_of_its_stream(chromium, page_server):
    with (
        late_ends.serve_late_ends(urlparse(page_server).port) as ends,
        visiting(chromium, f"http://127.0.0.1:{ends.port}") as page,
    ):
        page.click("#example button")
        page.wait_for_selector("#player video")
        page.click("#analyze")
        finished(page)
        set_number(page, "Step", 2)
        page.wait_for_selector("#summary [data-step='2']", state="attached")
    assert ends.held >= 3


def test_the_stream_goes_on_as_another_one_while_an_answer_is_missing(page):
    join(page, "a")
    open_stream(page)
    say(page, 0, "process_completed", "a")
    join(page, "b")
    say(page, 0, "close_stream", end=True)
    assert streams(page) == 2
    say(page, 1, "process_starts", "b")
    say(page, 1, "process_completed", "b")
    say(page, 1, "close_stream", end=True)
    assert told(page) == ["process_completed a", "process_starts b", "process_completed b", "close_stream"]
    assert streams(page) == 2


def test_no_stream_is_opened_for_an_answer_that_came_before_the_client_heard_of_its_event(page):
    join(page, "a")
    open_stream(page)
    say(page, 0, "process_completed", "b")
    say(page, 0, "process_completed", "a")
    join(page, "b")
    say(page, 0, "close_stream", end=True)
    open_stream(page)
    assert streams(page) == 1
    assert told(page)[-2:] == ["close_stream", "close_stream"]


@pytest.mark.parametrize(
    ("last", "answered", "broken"),
    [
        ("progress", False, True),
        ("progress", True, False),
        ("close_stream", True, False),
        ("unexpected_error", False, False),
    ],
)
def test_a_stream_that_a_proxy_ends_too_early_is_a_broken_connection(page, last, answered, broken):
    join(page, "a")
    open_stream(page)
    say(page, 0, "process_starts", "a")
    if answered:
        say(page, 0, "process_completed", "a")
    say(page, 0, last, "a", end=True)
    settle(page)
    assert ("broken" in told(page)) is broken


@pytest.mark.parametrize("word", ["heartbeat", "close_stream"])
def test_an_event_that_the_server_has_forgotten_fails_and_is_told_once(page, word):
    for event in "abc":
        join(page, event)
    open_stream(page)
    say(page, 0, "estimation", "b")
    say(page, 0, word)
    assert told(page)[:3] == ["estimation b", "process_completed a true", "process_completed c false"]


def test_a_client_hears_of_an_event_after_it_has_heard_of_the_end(page):
    join(page, "a")
    page.evaluate(
        """() => {
          const controller = new AbortController();
          window.abort = () => controller.abort();
          fetch(new Request("http://here/queue/data", { signal: controller.signal })).then(async (response) => {
            const reader = response.body.getReader();
            while (!(await reader.read()).done) {}
          }).catch(() => {});
        }"""
    )
    settle(page)
    say(page, 0, "process_completed", "a")
    say(page, 0, "close_stream", end=True)
    page.evaluate("() => { join('b').then(() => told.push('b')); }")
    settle(page)
    assert told(page) == []
    page.evaluate("abort()")
    page.wait_for_function("told.includes('b')")


def test_an_edit_and_a_download_are_sent_in_turn_and_other_events_at_once(page):
    for event, number in (("a", 7), ("b", 8), ("c", 7)):
        join_in_order(page, event, number)
    join(page, "x")
    assert joined(page) == "ax"
    open_stream(page)
    say(page, 0, "process_starts", "a")
    assert joined(page) == "ax"
    say(page, 0, "process_completed", "x")
    assert joined(page) == "ax"
    say(page, 0, "process_completed", "a")
    assert sorted(joined(page)) == ["a", "b", "c", "x"]  # an edit does not wait for the download before it
    join_in_order(page, "d", 8)
    assert "d" not in joined(page)
    say(page, 0, "process_completed", "b")
    assert "d" not in joined(page)
    say(page, 0, "process_completed", "c")
    join_in_order(page, "e")
    assert joined(page).endswith("de")


def test_an_edit_that_could_not_be_sent_or_was_forgotten_does_not_hold_up_the_next_one(page):
    join_in_order(page, "a", 99)
    join_in_order(page, "b")
    join_in_order(page, "c")
    assert joined(page) == "ab"
    open_stream(page)
    say(page, 0, "heartbeat")
    assert joined(page) == "abc"


def test_an_edit_waits_only_so_long_for_the_answer_to_the_one_before(page):
    page.clock.install()
    page.evaluate("() => { join('a', 7); join('b', 7); }")
    page.clock.run_for(9_000)
    assert joined(page) == "a"
    page.clock.run_for(2_000)
    assert joined(page) == "ab"


def test_an_event_names_its_page_as_the_server_does(page):
    join(page, "a")
    assert page.evaluate("pageOf") is None  # no page of Gradio
    number = 2**63 + 12345
    page.evaluate(f"() => {{ window.gradio_config = JSON.parse('{{\"app_id\": {number}}}'); }}")
    join(page, "b")
    bodies.check_page(page.evaluate("pageOf"), number)
    with pytest.raises(bodies.Refused):
        bodies.check_page(page.evaluate("pageOf"), number + 2**13)


def test_which_events_are_sent_in_turn():
    page = layout.build(Analyzer(factories.checkpoint(), None))
    numbers = re.search(r"\}\s*\)\((\[\d[\d, ]*\]), (\[\d[\d, ]*\])\);", page.script).groups()
    edits, downloads = (Counter(page.fns[number].name for number in json.loads(found)) for found in numbers)
    assert {"rename", "join", "divide", "reset", "load", "remove", "finish"} <= edits.keys()
    # Besides these: more formats, and a video with boxes and one with hidden faces.
    assert downloads == {"save": 1, "download": len(page_downloads.DOWNLOADS) + 1, "around": 1, "write": 2}
    assert not {"draw", "run", "resume"} & edits.keys()  # these may take long
