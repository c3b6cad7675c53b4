"""Servers on the loopback interface with the behaviour that tests need, and sockets that record connections."""

import contextlib
import http.server
import socket
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each path with what ``server.pages`` holds: a function of this handler, or (content type, bytes)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.log.append((self.command, self.path, self.headers.get("Range")))
        self.server.headers.append(dict(self.headers))
        page = self.server.pages.get(self.path.partition("?")[0])
        with contextlib.suppress(ConnectionError):
            if page is None:
                self.answer(404, "text/plain", b"nothing here")
            elif callable(page):
                page(self)
            else:
                self.answer(200, *page)

    do_HEAD = do_GET

    def answer(self, status, kind, body, length=True, **headers):
        """A whole answer; without ``length`` its end is the end of the connection."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def redirect(self, where):
        self.answer(302, "text/plain", b"", Location=where)

    def trickle(self, kind, pieces, pause, length=None):
        """Pieces of bytes with pauses (s) between them, until the client goes away or the server ends."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        for piece in pieces:
            if self.server.ended.is_set():
                return
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(pages, tls=None):
    """A server with ``log`` (method, path, range) and ``address``; https where ``tls`` is an ``ssl.SSLContext``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.pages, server.log, server.headers, server.ended = pages, [], [], threading.Event()
    server.port = server.server_address[1]
    server.address = f"http{'s' if tls else ''}://localhost:{server.port}"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()


class Target:
    """Something inside that must never be reached: notes every connection, by TCP to 127.0.0.1 and ::1 alike."""

    def __init__(self):
        self.log = []
        self.sockets = [self._listen(socket.AF_INET, "127.0.0.1", 0)]
        self.port = self.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):  # a machine without IPv6
            self.sockets.append(self._listen(socket.AF_INET6, "::1", self.port))
        for listening in self.sockets:
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _listen(self, family, address, port):
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen()
        return listening

    def _accept(self, listening):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = listening.accept()
                self.log.append(peer)
                with connection, contextlib.suppress(OSError):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 4\r\n\r\nabcd")

    def close(self):
        for listening in self.sockets:
            listening.close()


def pieces(content, count):
    """Bytes in so many parts."""
    size = -(-len(content) // count)
    return [content[at : at + size] for at in range(0, len(content), size)]


def left_in(folder):
    """Everything below a folder, by its path there."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def playlist(*names, seconds=1.0):
    """An HLS playlist of segments that each claim to last so long."""
    entries = "".join(f"#EXTINF:{seconds},\n{name}\n" for name in names)
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{entries}#EXT-X-ENDLIST\n".encode()
