#!/usr/bin/env python3
"""fake_engine.py BEHAVIOUR PORT: a local server that misbehaves by name, for the supervisor's tests."""

import http.server
import os
import signal
import sys
import threading

behaviour, port = sys.argv[1], int(sys.argv[2])
asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        if behaviour == "hangs" and asked > 2:
            threading.Event().wait()
        if behaviour == "overloaded" and asked > 2:
            if asked > 8:
                os._exit(7)
            while True:
                pass
        ready = behaviour != "never_ready" and (behaviour != "late" or asked > 3)
        self.send_response(200 if ready else 503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


if behaviour == "dies":
    sys.exit("out of memory\nsorry")
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if behaviour == "has_child" and os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Event().wait()
if behaviour == "loud":
    for _ in range(3 * 1024):
        os.write(2, b"x" * 1023 + b"\n")
if behaviour == "tells":
    print("descriptors", *sorted(int(fd) for fd in os.listdir("/proc/self/fd")[:-1]))
    print("environment", *sorted(os.environ))
    print(
        "group",
        os.getpgid(0) == os.getpid(),
        "nice",
        os.nice(0),
        "input",
        os.readlink("/proc/self/fd/0"),
    )
    print("blocked", signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True)

server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
server.serve_forever()
