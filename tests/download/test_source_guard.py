"""Links that lead inside: none is followed, and what lies there notices nothing."""

import json
import subprocess
import sys

import pytest

from emorec import download
from emorec.download import process
from emorec.download.network_guard import Guard, Refused
from emorec.errors import EmorecError
from emorec.settings import allowed_hosts
from support.loopback_media import Target, serving
from support.paths import ROOT

STAND_INS = {
    "private.test": [["10.0.0.1"]],
    "class-b.test": [["172.16.0.1"]],
    "home.test": [["192.168.0.1"]],
    "metadata.test": [["169.254.169.254"]],
    "shared.test": [["100.64.0.1"]],
    "any.test": [["0.0.0.0"]],
    "inner.test": [["127.0.0.1"]],
    "inner6.test": [["::1"]],
    "link6.test": [["fe80::1"]],
    "unique6.test": [["fd00::1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "sixtofour.test": [["2002:7f00:1::1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "multicast.test": [["224.0.0.1"]],
    "both.test": [["93.184.216.34", "127.0.0.1"]],
    "rebound.test": [["93.184.216.34"], ["127.0.0.1"]],
}


@pytest.fixture
def target():
    target = Target()
    yield target
    target.close()


def spellings(port):
    """Links to the loopback in every spelling that some resolver understands, and others that are no web links."""
    hosts = ("127.0.0.1", "localhost", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0")
    hosts += ("017700000001", "0.0.0.0", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]")
    hosts += ("127.127.127.127", "LOCALHOST.", "①②⑦.0.0.1", "example.com@127.0.0.1", "127.0.0.1#@example.com:80")
    links = [f"http://{host}:{port}/a.mp4" for host in hosts]
    links += [f"http://127.0.0.1:{port}\\@example.com/a.mp4", f"ftp://127.0.0.1:{port}/a.mp4"]
    links += [
        f"rtmp://127.0.0.1:{port}/a",
        f"rtsp://127.0.0.1:{port}/a",
        f"ws://127.0.0.1:{port}/a",
        "gopher://127.0.0.1/",
    ]
    links += ["data:video/mp4;base64,AAAA", "file:///etc/passwd", "concat:/etc/passwd|/etc/hosts", "/etc/passwd"]
    return links + [
        f"concat:http://127.0.0.1:{port}/a.ts",
        "javascript:alert(1)",
        "ytsearch:cats",
        "subfile,,:/etc/passwd",
    ]


def attack(links, hosts="", guarded=True):
    """What the downloader says of each link, and what it dialled."""
    requested = json.dumps({"links": links, "hosts": hosts, "names": STAND_INS, "guarded": guarded})
    command = [sys.executable, str(ROOT / "tests" / "support" / "attacks.py")]
    done = subprocess.run(
        command,
        input=requested,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "YTDLP_NO_PLUGINS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return found["said"], found["dialled"]


def test_hosts_are_allowed_by_name_and_port():
    hosts = allowed_hosts({"EMOREC_ALLOW_HOSTS": "Intranet.example, localhost:8080,[::1]:80, ::1"})
    assert hosts == {("intranet.example", None), ("localhost", 8080), ("::1", 80), ("::1", None)}
    assert allowed_hosts({"EMOREC_ALLOW_HOSTS": ""}) == frozenset()


def test_no_spelling_reaches_the_loopback(target):
    """The process that downloads refuses on its own, whatever the check before it let pass."""
    again = f"http://rebound.test:{target.port}/again.mp4"  # when the name means another address
    links = [*spellings(target.port), *(f"http://{name}:{target.port}/a.mp4" for name in STAND_INS), again]
    results, dialled = attack(links)
    assert len(results) == len(links) >= 40
    assert [link for link, sentence in results.items() if sentence.startswith("FETCHED")] == []
    assert target.log == []
    assert set(dialled) <= {"93.184.216.34"}  # where the names with two meanings led at first
    assert "connection" in results.pop(f"http://rebound.test:{target.port}/a.mp4")
    for link, sentence in results.items():
        if ".test:" in link:
            assert "not public" in sentence, (link, sentence)


def test_the_target_would_have_noticed(target):
    """Without the guard the same links arrive, so an empty log means something."""
    results, dialled = attack(
        [f"http://127.0.0.1:{target.port}/a.mp4", f"http://0x7f.1:{target.port}/b"], guarded=False
    )
    assert len(target.log) >= 2 and "127.0.0.1" in dialled, results


def test_no_detour_reaches_the_loopback(target):
    """Redirects, players and playlists on a server that may be reached lead to one that may not."""
    inside = f"127.0.0.1:{target.port}"
    segment = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://{inside}/s.ts\n#EXT-X-ENDLIST\n"
    key = segment.replace("#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="http://{inside}/key"\n#EXTINF')
    master = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2\nhttp://{inside}/v.m3u8\n"
    dash = (
        '<MPD type="static" mediaPresentationDuration="PT1S" xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" height="2" width="2">'
        f"<BaseURL>http://{inside}/d.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    hls, page = "application/vnd.apple.mpegurl", "text/html"

    def html(where):
        return page, f'<html><body><video src="{where}" controls></video></body></html>'.encode()

    pages = {
        "/redirect": lambda handler: handler.redirect(f"http://{inside}/r.mp4"),
        "/redirect6": lambda handler: handler.redirect(f"http://[::1]:{target.port}/r.mp4"),
        "/redirect-hex": lambda handler: handler.redirect(f"http://0x7f.1:{target.port}/r.mp4"),
        "/redirect-name": lambda handler: handler.redirect(f"http://inner.test:{target.port}/r.mp4"),
        "/redirect-ftp": lambda handler: handler.redirect(f"ftp://{inside}/r.mp4"),
        "/redirect-file": lambda handler: handler.redirect("file:///etc/passwd"),
        "/redirect-data": lambda handler: handler.redirect("data:video/mp4;base64,AAAA"),
        "/segment.m3u8": (hls, segment.encode()),
        "/key.m3u8": (hls, key.encode()),
        "/master.m3u8": (hls, master.encode()),
        "/file.m3u8": (hls, segment.replace(f"http://{inside}/s.ts", "file:///etc/passwd").encode()),
        "/dash.mpd": ("application/dash+xml", dash.encode()),
        "/player": html(f"http://{inside}/v.mp4"),
        "/player-ftp": html(f"ftp://{inside}/v.mp4"),
        "/player-rtmp": html(f"rtmp://{inside}/v.mp4"),
        "/player-file": html("file:///etc/passwd"),
        "/frame": (page, f'<iframe src="http://{inside}/embed"></iframe>'.encode()),
        "/refresh": (page, f'<meta http-equiv="refresh" content="0; url=http://{inside}/v.mp4">'.encode()),
        "/og": (page, f'<meta property="og:video" content="http://{inside}/v.mp4">'.encode()),
    }
    with serving(pages) as server:
        links = [server.address + path for path in pages]
        results, dialled = attack(links, hosts=f"localhost:{server.port}")
        requested = {path for _, path, _ in server.log}
    assert [link for link, sentence in results.items() if sentence.startswith("FETCHED")] == []
    assert target.log == []
    assert requested == set(pages)  # every detour was really begun
    for path in ("/redirect", "/redirect6", "/redirect-hex", "/redirect-name", "/segment.m3u8", "/player"):
        assert "not public" in results[server.address + path], results[server.address + path]


@pytest.mark.parametrize("link", spellings(9))
def test_what_is_no_plain_link_is_refused_before_anything_starts(link, monkeypatch, tmp_path):
    """Links that the check cannot recognise (names, hex) are refused by the guard, see above."""
    monkeypatch.setattr(process, "COMMAND", ("false",))
    with pytest.raises(EmorecError) as refused:
        download.fetch(link, tmp_path)
    assert len(str(refused.value)) < 200 and "\n" not in str(refused.value)
    if "broke off" in str(refused.value):
        assert any(name in link.lower() for name in ("localhost", "0x7f", "①")), link
    assert list(tmp_path.iterdir()) == []


def test_programs_are_held_to_a_list_and_never_get_a_link():
    guard = Guard(programs=("/bin/echo",))
    for event in ("subprocess.Popen", "os.posix_spawn"):  # the second is what the first does with Python 3.13
        guard._audit(event, ("/bin/echo", ["/bin/echo", "file:a.mp4"], {}))
        guard._audit(event, (b"/bin/echo", [b"/bin/echo", b"a.mp4"], {}))
        for command in (
            ["/bin/sh", "-c", "true"],
            ["/bin/echo", "http://127.0.0.1/"],
            [b"/bin/echo", b"a://b"],
            "/bin/echo x",
        ):
            with pytest.raises(Refused):
                guard._audit(event, (command[0], command, {}))
    for event in ("os.system", "os.exec", "os.fork", "os.startfile"):
        with pytest.raises(Refused):
            guard._audit(event, ("/bin/echo",))


def test_programs_are_known_by_the_command_lines_of_windows():
    """There ``subprocess`` makes one text of a command, and names the program nowhere else."""
    plain, spaced = r"C:\emorec\deno.exe", r"C:\Program Files\ffmpeg.exe"
    guard = Guard(programs=(plain, spaced))

    def start(executable, command):
        line = command if command is None else subprocess.list2cmdline(command)
        guard._audit("subprocess.Popen", (executable, line, None, {}))
        guard._audit("_winapi.CreateProcess", (executable, "\x02", None))  # as CPython 3.11 tells of any command

    for program in (plain, spaced):
        start(None, [program])
        start(None, [program, "-i", r"file:C:\a b.mp4"])
    for executable, command in (
        (None, [r"C:\Windows\cmd.exe", plain]),
        (None, [plain + "x"]),
        (None, [r"C:\Program", r"Files\ffmpeg.exe"]),
        (None, [spaced, "https://127.0.0.1/"]),
        (None, []),
        (None, None),
        (r"C:\Windows\cmd.exe", [plain]),
    ):
        with pytest.raises(Refused):
            start(executable, command)


def test_addresses_that_are_no_addresses_are_not_dialled():
    guard = Guard()
    for address in (
        "/run/socket",
        b"/run/socket",
        ("localhost", 80),
        ("", 80),
        ("0x7f.1", 80),
        (1, 2),
        ("::1", 80, 0, 0),
    ):
        with pytest.raises(Refused):
            guard._audit("socket.connect", (None, address))
    guard._audit("socket.connect", (None, ("8.8.8.8", 80)))
