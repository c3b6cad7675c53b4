"""A Hub on the loopback interface that serves one file the way the real client asks for it, well or badly."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class LoopbackHub:
    """Serves ``content`` as ``repo``'s ``filename``; ``behaviour`` says how and may be changed while it runs.

    The behaviours: "well"; "silent", accepting and never answering; "trickling", the headers at once and the content at
    a byte every 50 ms; "missing", 404 for everything; "broken", 500 for everything. ``requests`` lists what was
    asked for, as "HEAD /path".
    """

    def __init__(self, repo, filename, content, behaviour="well"):
        self.path = f"/{repo}/resolve/main/{filename}"
        self.content = content
        self.behaviour = behaviour
        self.requests = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def _handler_of(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self._answer(with_content=False)

        def do_GET(self):
            self._answer(with_content=True)

        def _answer(self, with_content):
            hub.requests.append(f"{self.command} {self.path}")
            if hub.behaviour == "silent":
                hub.closing.wait()
                self.close_connection = True
            elif hub.behaviour == "broken":
                self._refuse(500)
            elif hub.behaviour == "missing" or self.path != hub.path:
                self._refuse(404, "EntryNotFound")
            else:
                self._serve(with_content)

        def _refuse(self, status, code=None):
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _serve(self, with_content):
            self.send_response(200)
            self.send_header("Content-Length", str(len(hub.content)))
            self.send_header("ETag", f'"{hashlib.sha1(hub.content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if not with_content:
                return
            try:
                if hub.behaviour == "trickling":
                    for value in hub.content:
                        self.wfile.write(bytes([value]))
                        time.sleep(0.05)
                else:
                    self.wfile.write(hub.content)
            except OSError:  # the client has gone, as some tests want
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler
