"""Which hosts and origins are answered, and the security headers of the responses."""

import re

import httpx
import pytest

from emorec.errors import EmorecError
from emorec.ui import settings
from emorec.ui.server import headers, hosts, log
from support.small_page import API, serving, upload


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("temp-dir"), EMOREC_HOSTS="emorec.example,other.example:8443") as running:
        yield running


@pytest.fixture
def client(served):
    with httpx.Client(base_url=served.address, timeout=60) as visitor:
        yield visitor


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("emorec.example", 200),
        ("emorec.example:81", 200),
        ("other.example:8443", 200),
        ("other.example", 421),
        ("localhost", 200),
        ("127.1.2.3", 200),
        ("[::1]:7860", 200),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
        ("evil.example/127.0.0.1", 421),
    ],
)
def test_only_the_servers_own_names_are_answered(client, host, status):
    for path in ("/", "/config", f"{API}/info"):
        assert client.get(path, headers={"Host": host}).status_code == status


def test_the_owner_finds_in_the_log_why_a_proxied_page_stays_empty(client, monkeypatch):
    notes = []
    monkeypatch.setattr(log, "note", notes.append)
    assert client.get("/theme.css", headers={"Origin": "https://secret.example"}).status_code == 403
    assert client.get("/", headers={"Host": "secret.example"}).status_code == 421
    assert notes == [hosts.OTHER_ORIGIN_NOTE, hosts.OTHER_HOST_NOTE]


def test_a_note_is_logged_once_a_minute(caplog):
    for _ in range(3):
        log.note("A sentence for the owner.")
    assert caplog.messages == ["A sentence for the owner."]


def test_a_proxy_is_asked_not_to_hold_streams_back(client):
    with client.stream("GET", f"{API}/heartbeat/streamed") as answer:
        assert answer.headers["x-accel-buffering"] == "no"
    assert "x-accel-buffering" not in client.get("/config").headers


def test_no_link_of_the_page_leaves_the_path_of_a_proxy(client):
    links = re.findall(r'(?:href|src)="([^"]*)"', client.get("/").text)
    assert "manifest.json" in links and not [link for link in links if link.startswith("/")]


@pytest.mark.parametrize(
    "path", ["/emorec", "/a/b-c/", "/user/a%20b@lab/proxy/7860/", "https://lab.example:8443/emorec", ""]
)
def test_the_path_of_a_proxy_may_be_a_path_or_an_address(path):
    assert settings.root_path({"GRADIO_ROOT_PATH": path}) == (path or None)


@pytest.mark.parametrize("path", ["emorec", "lab.example/emorec", "/emo rec", "ftp://lab.example/", "//lab.example"])
def test_a_wrong_path_of_a_proxy_is_one_sentence(path):
    with pytest.raises(EmorecError, match=r"^GRADIO_ROOT_PATH is .*\.$"):
        settings.check({"GRADIO_ROOT_PATH": path})


def test_only_a_known_forwarded_host_is_believed(client, served):
    def root(**given):
        return client.get("/config", headers=given).json()["root"]

    assert root(**{"X-Forwarded-Host": "evil.example"}) == served.address
    assert root(**{"X-Gradio-Server": "http://evil.example"}) == served.address
    assert root(**{"X-Forwarded-Host": "emorec.example", "X-Forwarded-Proto": "https"}) == "https://emorec.example"
    assert "evil.example" not in client.get("/logout", headers={"X-Forwarded-Host": "evil.example"}).headers["location"]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://127.0.0.1:1"}, True),
        ({"Origin": "http://localhost:3000"}, True),
        ({"Origin": "http://other.example"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        ({}, False),
        ({"Origin": "https://emorec.example"}, False),
        ({"Origin": "https://other.example:8443"}, False),
    ],
)
def test_pages_of_other_origins_neither_read_nor_post(client, given, refused):
    expected = 403 if refused else 200
    assert client.get("/config", headers=given).status_code == expected
    sent = client.post(f"{API}/upload", files={"files": ("x", b"x")}, headers=given)
    assert sent.status_code == expected
    assert not [name for name in sent.headers if name.startswith("access-control")]
    response = client.options("/config", headers=given | {"Access-Control-Request-Method": "GET"})
    assert response.status_code == 404 and "access-control-allow-origin" not in response.headers


def test_the_page_itself_is_no_other_origin(client, served):
    assert client.get("/config", headers={"Origin": served.address}).status_code == 200


def test_a_range_of_a_file_repeats_nothing_of_the_request(client):
    path = upload(client)
    for byte_range, given in (("bytes=1-2", b"or"), ("bytes=0-", b"words")):
        answer = client.get(
            f"{API}/file={path}", headers={"Range": byte_range, "X-Secret": "mine", "Cookie": "a=secret"}
        )
        assert (answer.status_code, answer.content) == (206, given)
        assert not {"x-secret", "cookie", "host", "user-agent"} & set(answer.headers)
    for byte_range in ("bytes=1-2-3", "bytes=3-1", "bytes=a-b", "bytes=" + "9" * 30 + "-"):
        assert client.get(f"{API}/file={path}", headers={"Range": byte_range}).content == b"words"


def test_every_response_has_security_headers(client):
    path = upload(client)
    for path_asked in ("/", "/config", f"{API}/file={path}", "/nothing", "/theme.css", f"{API}/call/where"):
        answered = client.get(path_asked).headers
        assert answered["x-content-type-options"] == "nosniff" and answered["referrer-policy"] == "same-origin"
        assert "frame-ancestors" in answered["content-security-policy"]
    policy = client.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy and "object-src 'none'" in policy
    scripts = policy.partition("script-src ")[2].partition(";")[0]
    assert "'unsafe-inline'" not in scripts and "http" not in scripts


@pytest.mark.parametrize("name", ["a b", "http://a", "a/b", "[::1", "-a", "a:b"])
def test_a_wrong_host_name_is_one_sentence(name):
    with pytest.raises(EmorecError, match=r"^EMOREC_HOSTS names .*\.$"):
        settings.answered_hosts({"EMOREC_HOSTS": f"ok.example,{name}"})


def test_the_names_of_a_deployment():
    on_a_space = {"SPACE_HOST": "a.hf.space, b.example", "GRADIO_SERVER_NAME": "0.0.0.0"}
    assert settings.answered_hosts(on_a_space) == ("a.hf.space", "b.example")
    assert settings.answered_hosts({"GRADIO_SERVER_NAME": "fd00::1"}) == ("[fd00::1]",)
    everything = hosts.AllowedHosts(settings.answered_hosts({"EMOREC_HOSTS": "*"}))
    assert everything.allows("evil.example") and everything.allows_forwarded("evil.example")
    assert everything.is_cross_origin({"origin": "http://evil.example"}, "emorec.example")
    by_address = hosts.AllowedHosts(())
    assert by_address.allows("10.0.0.7:7860", server_address="10.0.0.7")
    assert not by_address.allows("10.0.0.8", server_address="10.0.0.7")


def test_who_may_show_the_page_in_a_frame():
    assert settings.frame_ancestors({}) == ("'self'",)
    assert settings.frame_ancestors({"SPACE_HOST": "a.hf.space"}) == ("'self'", "https://huggingface.co")
    given = settings.frame_ancestors({"EMOREC_FRAME_ANCESTORS": "https://lab.example, https://*.example"})
    policy = headers.SecurityHeaders(given)
    assert policy.page_policy(b"").endswith("frame-ancestors https://lab.example https://*.example")
    assert b"x-frame-options" not in dict(policy.for_kind("page"))
    cookie_text = headers.cookie("a=b; SameSite=none; Secure; Path=/", framed=policy.framed, secure=True)
    assert cookie_text == "a=b; Path=/; HttpOnly; SameSite=none; Secure; Partitioned"
    for wrong in ("a;script-src", "java script:", "'unsafe-inline'"):
        with pytest.raises(EmorecError, match=r"^EMOREC_FRAME_ANCESTORS"):
            settings.frame_ancestors({"EMOREC_FRAME_ANCESTORS": wrong})
