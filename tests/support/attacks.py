"""Run by the tests in a separate process: sends links to the guard of the downloader, without any other check.

In, as JSON on standard input: ``links``, ``hosts`` (as EMOREC_ALLOW_HOSTS) and ``names``, a stand-in for the resolver:
for each name the addresses that it means, one look-up after the other. Out: for each link what was said of it, and
every address that was dialled. Nothing but the loopback can be dialled.
"""

import json
import socket
import sys
import tempfile
import threading
from pathlib import Path

from emorec import settings
from emorec.download import ytdlp
from emorec.download.errors import Problem
from emorec.download.network_guard import Guard

LOOPBACK = ("127.", "::1")


def main():
    given = json.loads(sys.stdin.read())
    resolve, names, lock = socket.getaddrinfo, given["names"], threading.Lock()

    def stand_in(host, port, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in names:
            return resolve(host, port, *arguments, **options)
        with lock:
            meant = names[name].pop(0) if len(names[name]) > 1 else names[name][0]
        found = []
        for address in meant:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            place = (address, port, 0, 0) if ":" in address else (address, port)
            found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place))
        return found

    dialled = []

    def watch(event, arguments):
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            dialled.append(arguments[1][0])
            if not str(arguments[1][0]).startswith(LOOPBACK):
                raise ConnectionRefusedError("outside")

    socket.getaddrinfo = stand_in
    guard = Guard(settings.allowed_hosts({"EMOREC_ALLOW_HOSTS": given["hosts"]}), programs=ytdlp.programs())
    if given.get("guarded", True):
        guard.install()
    sys.addaudithook(watch)  # after the guard's, so it sees what the guard lets pass

    results = {}
    for link in given["links"]:
        guard.refused.clear()
        with tempfile.TemporaryDirectory() as folder:
            task = {"url": link, "folder": folder, "max_height": 720, "sound_only": False, "max_bytes": 10**6}
            task |= {"max_seconds": 600, "kept": []}
            try:
                ytdlp.download(task, lambda **_: None, guard)
                results[link] = "FETCHED " + Path(folder).name
            except Problem as problem:
                results[link] = str(problem)
    print(json.dumps({"said": results, "dialled": dialled}))


if __name__ == "__main__":
    main()
