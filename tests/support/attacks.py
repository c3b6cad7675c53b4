"""Run by the tests in a separate process: sends links to the guard of the downloader, without any other check.

Input, as JSON on standard input: ``links``, ``hosts`` (as EMOREC_ALLOW_HOSTS) and ``names``, which replaces the
resolver: for each name the addresses of one look-up after the other. Output: what the downloader said of each link, and
every address that it connected to. Only the loopback interface can be reached.
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

    def replaced_resolver(host, port, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in names:
            return resolve(host, port, *arguments, **options)
        with lock:
            addresses = names[name].pop(0) if len(names[name]) > 1 else names[name][0]
        found = []
        for address in addresses:
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

    socket.getaddrinfo = replaced_resolver
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
