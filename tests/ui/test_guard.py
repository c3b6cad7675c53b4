"""Which requests are answered: routes, files and addresses, sessions, bodies."""

import json
import ntpath
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from gradio import processing_utils, route_utils

from emorec.ui.server import bodies, heartbeat, log, routes
from emorec.ui.server.middleware import RequestGuard
from emorec.ui.server.visitors import SessionOwners
from support.small_page import API, file_of, serving, upload, wait_for


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("temp-dir")) as running:
        yield running


@pytest.fixture
def client(served):
    with httpx.Client(base_url=served.address, timeout=60) as visitor:
        visitor.get("/")
        yield visitor


@pytest.fixture
def stranger(monkeypatch):
    """A web server that Gradio takes for a public one; gives its address and what it was asked for."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<script>alert(1)</script>")

        def log_message(self, *_):
            pass

    async def public(host):
        return "127.0.0.1"

    monkeypatch.setattr(route_utils.safehttpx, "async_validate_url", public)
    monkeypatch.setattr(processing_utils.sh, "async_validate_url", public)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x.mp4", requests
    finally:
        server.shutdown()
        server.server_close()


def ask(client, endpoint, *data, session="asked"):
    answer = client.post(f"{API}/call/{endpoint}", json={"data": list(data), "session_hash": session})
    if answer.status_code != 200:
        return answer.json()["detail"]
    return client.get(f"{API}/call/{endpoint}/{answer.json()['event_id']}").text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_address_is_fetched_through_the_route_of_files(client, stranger, method):
    address, requests = stranger
    for path in (f"{API}/file={address}", f"{API}/file/{address}", f"{API}/proxy={address}"):
        assert client.request(method, path).status_code == 404
    assert requests == []


@pytest.mark.parametrize("route", ["call/name", "call/v2/name", "call/where", "queue/join", "run/predict"])
def test_no_address_is_fetched_as_an_uploaded_file(client, stranger, route):
    address, requests = stranger
    uploaded = upload(client)
    for file in (
        file_of(address),
        {"path": address},
        file_of(uploaded, url=address),
        file_of("/etc/passwd"),
        {"url": address},
        file_of(uploaded, url=f"http://evil.example{API}/file={uploaded}"),
        file_of(f"file://{uploaded}"),
        file_of("//evil.example/x"),
        file_of(uploaded + "/../../../.in-use"),
        file_of("relative.txt"),
    ):
        for given in (file, [file], {"deep": [{"er": file}]}):
            response = client.post(f"{API}/{route}", json={"data": [given], "fn_index": 0, "session_hash": "s"})
            assert response.status_code == 403 and "upload it first" in response.json()["detail"], given
    assert requests == []


def test_an_upload_is_named_as_browsers_and_programs_do(client, served):
    path = upload(client)
    assert path in ask(client, "where", file_of(path))
    assert path in ask(client, "name", file_of(path, url=f"{served.address}{API}/file={path}"))
    assert path in ask(client, "name", file_of(path, url=f"{API}/file={path}"))
    answer = client.get(f"{API}/file={path}")
    assert answer.content == b"words"
    assert answer.headers.get_list("cache-control") == ["no-store"]  # or the browser keeps it after its deletion
    progress = client.get(f"{API}/upload_progress", params={"upload_id": "unknown"})  # it has the name of the file
    assert "no-store" in progress.headers["cache-control"]


def test_only_uploads_are_files(client, served, tmp_path):
    (tmp_path / "outside.txt").write_text("x")
    link = served.temp_dir.path / "folder" / "link.txt"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "outside.txt")
    for path in ("/etc/passwd", served.temp_dir.path / ".in-use", tmp_path / "outside.txt", link, __file__, "x"):
        assert client.get(f"{API}/file={path}").status_code == 404
        assert "upload it first" in ask(client, "where", file_of(str(path)))


@pytest.mark.parametrize(
    "detour",
    [
        "{own}/../../.in-use",
        "{own}%00.png",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%252e%252e/etc/passwd",
        "..\\..\\etc\\passwd",
        "file:///etc/passwd",
        "//etc/passwd",
        "/proc/self/environ",
    ],
)
def test_no_spelling_of_a_path_leads_out(client, served, detour):
    """Sent as they are written: clients tidy paths up."""
    own = upload(client)
    for path, status in ((own, 200), (detour.format(own=own), 404)):
        connection = HTTPConnection("127.0.0.1", served.port)
        connection.request("GET", f"{API}/file={path}")
        assert connection.getresponse().status == status, path
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/token",
        f"{API}/token/",
        f"{API}/openapi.json",
        "/openapi.json",
        "/monitoring",
        "/monitoring/summary",
        f"{API}/user",
        f"{API}/login_check",
        f"{API}/dev/reload",
        f"{API}/deep_link",
        f"{API}/queue/status",
        f"{API}/file/x",
        f"{API}/vibe-code",
        f"{API}/theme.css",
    ],
)
def test_routes_that_the_page_does_not_need_are_closed(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["process_recording", "component_server", "vibe-edit", "stream/x", "run/where"])
def test_posts_that_the_page_does_not_need_are_closed(client, path):
    sent = client.post(f"{API}/{path}", files={"video": ("x.mp4", b"x")})
    assert sent.status_code == 404


def test_a_session_is_ended_by_its_own_visitor_only(served, client):
    heartbeat = f"{API}/heartbeat/mine-alone"
    assert "complete" in ask(client, "where", file_of(upload(client)), session="mine-alone")
    with httpx.Client(base_url=served.address) as other:
        other.get("/")
        for visitor in (other, httpx.Client(base_url=served.address)):
            with visitor.stream("GET", heartbeat) as answer:
                assert answer.status_code == 403
            assert visitor.get(f"{API}/queue/data?session_hash=mine-alone").status_code == 403
            for route in ("queue/join", "call/where", "cancel"):
                given = {"data": [], "fn_index": 0, "event_id": "x", "session_hash": "mine-alone"}
                assert visitor.post(f"{API}/{route}", json=given).status_code == 403
    assert "mine-alone" not in served.left
    with client.stream("GET", heartbeat) as answer:
        assert answer.status_code == 200 and next(answer.iter_lines()) == "data: ALIVE"
    assert wait_for(lambda: "mine-alone" in served.left)


def test_a_page_that_loses_its_connection_stays_until_it_says_that_it_is_closed(served, client, monkeypatch):
    monkeypatch.setattr(heartbeat, "CHECK", 0.05)
    served.pages.update(("says-so", "silent", "open-still"))
    for session in ("open-still", "says-so", "silent", "no-page"):
        with client.stream("GET", f"{API}/heartbeat/{session}") as answer:
            next(answer.iter_lines())  # and the connection ends
    assert wait_for(lambda: "no-page" in served.left)  # a client without scripts cannot say it
    with httpx.Client(base_url=served.address) as other:
        other.get("/")
        assert {other.post(f"{API}/{word}/says-so").status_code for word in ("closed", "open")} == {403}
    assert client.post(f"{API}/open/says-so").status_code == 204 and served.seen == ["says-so"]
    time.sleep(0.2)
    assert not served.pages & set(served.left)
    assert client.post(f"{API}/closed/says-so").status_code == 204
    served.pages.discard("silent")
    assert wait_for(lambda: {"says-so", "silent"} <= set(served.left))
    held = served.heartbeats.is_held
    assert held("open-still") and not held("says-so") and not held("silent")
    assert "open-still" not in served.left
    served.pages.clear()
    assert wait_for(lambda: "open-still" in served.left)


HERE = r"C:\Users\Ann\emorec\page"


@pytest.mark.parametrize(
    ("path", "ok"),
    [
        (HERE + r"\sub\mine.wav", True),
        (HERE.replace("\\", "/") + "/sub/mine.wav", True),
        (HERE.lower() + r"/sub\mine.wav", True),
        (r"C:sub\mine.wav", False),  # from where this program is on that drive
        (r"\Users\Ann\emorec\page\sub\mine.wav", False),
        (r"sub\mine.wav", False),
        (r"D:\sub\mine.wav", False),  # may be a network drive
        (r"\\host\share\mine.wav", False),
        ("//host/share/mine.wav", False),
        (r"\/host\share\mine.wav", False),
        (r"\\?\UNC\host\share\mine.wav", False),
        (r"\\?\C:\Users\mine.wav", False),
        (r"\\.\pipe\mine", False),
        ("", False),
    ],
)
def test_on_windows_only_the_drive_of_the_uploads_is_looked_at(path, ok):
    assert bodies.is_on_drive(HERE, path, ntpath) is ok


def test_a_path_of_another_operating_system_may_be_named_but_has_to_be_an_upload(client, tmp_path):
    found = routes.find("GET", rf"{API}/file={HERE}\sub\mine.wav")
    assert found and found[1] == {"file": rf"{HERE}\sub\mine.wav"}
    for path in (rf"{HERE}\sub\mine.wav", "C:mine.wav", r"\\host\share\mine.wav", "mine.wav", "../x", "/", "//x/y/z"):
        assert client.get(f"{API}/file={path}").status_code == 404
        assert not bodies.is_below(path, tmp_path)


def test_answers_that_are_asked_for_after_a_connection_broke_are_no_error(client, monkeypatch):
    logged = []
    monkeypatch.setattr(log, "error", lambda what, cause: logged.append(what))
    answer = client.get(f"{API}/queue/data?session_hash=mine-forgotten")
    assert answer.status_code == 200 and "session_not_found" in answer.text and logged == []


def test_sessions_have_plain_names(client):
    for name in ("a/b", "a" * 65, ["x"], 7, {"a": 1}, "é", "a\n"):
        sent = client.post(f"{API}/queue/join", json={"data": [], "fn_index": 0, "session_hash": name})
        assert sent.status_code == 400


def test_owners_are_remembered_while_there_is_room_and_while_they_are_there():
    now = [0.0]
    owners = SessionOwners(max_sessions=4, max_per_visitor=2, clock=lambda: now[0])
    assert owners.claim("a", "one") and not owners.claim("a", "two")
    owners.heartbeat_opened("a")
    assert all(owners.claim(name, "one") for name in "bc")  # b is idle and makes room for c
    assert owners.claim("b", "two") and not owners.claim("a", "two") and not owners.claim("c", "two")
    now[0] = 1e6
    assert not owners.claim("a", "two")  # its heartbeat goes on
    owners.heartbeat_closed("a")
    now[0] = 2e6
    assert owners.claim("a", "two")
    for session in "ab":
        assert owners.claim(session, "two")
        owners.heartbeat_opened(session)
    assert not owners.claim("d", "two")


def test_large_and_odd_bodies_are_refused(client):
    large = {"data": ["x" * 64_000], "fn_index": 0, "session_hash": "s"}
    as_json = {"Content-Type": "application/json"}
    for route in ("queue/join", "run/predict", "call/fail", "cancel", "reset"):
        assert client.post(f"{API}/{route}", json=large).status_code == 413
        for odd in (b"[1]", b"", b"{", b"[" * 30_000):
            assert client.post(f"{API}/{route}", content=odd, headers=as_json).status_code == 400
        assert client.post(f"{API}/{route}", content=json.dumps({"data": []})).status_code == 415
    assert client.post("/login", data={"username": "x" * 70_000}).status_code == 413


def test_a_page_of_before_a_restart_is_told_to_load_again(served, client):
    number = client.get(f"{API}/app_id").json()["app_id"]
    event = {"data": [], "fn_index": 0, "session_hash": "restarted"}
    for given, status in ((f"{float(number):.0f}", 200), (None, 200), ("12", 409), ("x", 409)):
        sent = {} if given is None else {bodies.PAGE_HEADER: given}
        answer = client.post(f"{API}/queue/join", json=event, headers=sent)
        assert answer.status_code == status
    assert answer.json() == {"detail": bodies.OTHER_PAGE}


@pytest.mark.parametrize("route", ["run/predict", "api/predict/"])
def test_requests_without_a_session_do_not_share_one(client, route):
    for given in ({"data": [], "fn_index": 0}, {"data": [], "fn_index": 0, "session_hash": None}):
        response = client.post(f"{API}/{route}", json=given)
        assert response.status_code == 400 and "names no session" in response.json()["detail"]


def test_web_sockets_are_closed():
    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises(StopIteration):  # not through asyncio.run: a browser's loop may run in this thread
        RequestGuard(None, None)({"type": "websocket", "path": "/"}, None, send).send(None)
    assert sent == [{"type": "websocket.close", "code": 1008}]
