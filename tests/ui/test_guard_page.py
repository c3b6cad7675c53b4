"""How the browser gets the page, that it rests then, and what it refuses on it: scripts and frames of other sites."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from emorec.ui.server import headers
from support.pages import POLICY


@pytest.fixture
def opened(chromium):
    with contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        page.console_texts = []
        page.on("console", lambda message: page.console_texts.append(message.text))
        yield page


def test_no_script_runs_that_is_not_part_of_the_page(opened, page_server):
    opened.goto(page_server)
    opened.wait_for_selector("#analyze")
    assert not any(POLICY in text for text in opened.console_texts)
    opened.evaluate(
        """() => {
          document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.ran = 1">');
          const script = document.createElement("script");
          script.textContent = "window.ran = 2";
          document.body.append(script);
          const far = document.createElement("script");
          far.src = "http://127.0.0.1:1/x.js";
          document.body.append(far);
        }"""
    )
    opened.wait_for_function("() => true")
    opened.wait_for_timeout(200)
    assert opened.evaluate("window.ran") is None
    assert sum(POLICY in text for text in opened.console_texts) >= 3
    assert not opened.evaluate("document.cookie")  # no cookie is for scripts


def test_the_page_is_sent_compressed_to_those_who_can_read_that(page_server):
    def ask(encoding: str) -> httpx.Response:
        return httpx.get(page_server, headers={"Accept-Encoding": encoding})

    plain, compressed = ask("identity"), ask("gzip")
    assert "content-encoding" not in plain.headers and compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert "accept-encoding" in compressed.headers["vary"].lower()
    for answer in (plain, compressed):
        assert '<meta property="og:title"' in answer.text
        for script in headers.INLINE_SCRIPT.findall(answer.content):  # ``content`` is not compressed any more
            assert headers.hash_source(script) in answer.headers["content-security-policy"]


# How many frames the page asks for, and whether it has asked for none since this was asked last.
COUNT_FRAMES = """
  const plain = window.requestAnimationFrame;
  window.asked = 0;
  window.requestAnimationFrame = (draw) => { asked += 1; return plain.call(window, draw); };
"""
RESTS = "() => { const rests = window.before === asked; window.before = asked; return rests; }"


def test_the_browser_rests_while_nothing_happens(opened, page_server):
    opened.add_init_script(COUNT_FRAMES)
    opened.goto(page_server)
    opened.wait_for_selector("body[data-loaded]", state="attached")
    assert opened.evaluate("asked") > 0
    opened.wait_for_function(RESTS, polling=500)


# The components for which Gradio notes a status at the end of an event: one without a stream, then one with.
NOTED = """async () => {
  const files = performance.getEntriesByType("resource").map((entry) => entry.name);
  const module = await import(files.find((name) => name.includes("/statustracker-")));
  const Statuses = Object.values(module).find((part) => part?.prototype?.resolve_args);
  return [[], ["waiting", "open"]].map((states) => {
    const statuses = new Statuses();
    statuses.register(7, [], [1, 2], "hidden");
    for (const state of states) statuses.update({ fn_index: 7, status: "generating", stream_state: state });
    statuses.update({ fn_index: 7, status: "complete", stream_state: "closed" });
    return Object.entries(statuses.current).map(([id, noted]) => [id, noted.stream_state]);
  });
}"""


def test_what_is_no_stream_is_not_told_that_it_is_closed(opened, page_server):
    opened.goto(page_server)
    opened.wait_for_selector("body[data-loaded]", state="attached")
    assert opened.evaluate(NOTED) == [[], [["1", "closed"], ["2", "closed"]]]


def test_another_site_can_neither_frame_nor_read_the_page(opened, page_server):
    address = page_server.replace("127.0.0.1", "localhost")

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{address}"></iframe>'.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        opened.goto(f"http://127.0.0.1:{server.server_port}/")
        opened.wait_for_timeout(500)
        assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in opened.console_texts)
        for path in ("/config", "/gradio_api/info", "/"):
            for how in ("cors", "no-cors"):
                read = "([url, mode]) => fetch(url, {mode, credentials: 'include'}).then(a => a.text()).catch(() => '')"
                assert opened.evaluate(read, [address + path, how]) == ""
    finally:
        server.shutdown()
        server.server_close()
