"""Listeners that are wrong below HTTP."""

import socket


class FullBacklog:
    """Listens, never accepts, and has no room: the kernel drops further SYNs."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.name = "full"
        self.port = self.listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.fillers = []
        for _ in range(64):
            filler = socket.socket()
            filler.settimeout(0.2)
            self.fillers.append(filler)
            try:
                filler.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return
        raise AssertionError("the backlog never filled")

    def close(self):
        for each in [*self.fillers, self.listener]:
            each.close()


def unused_port() -> int:
    """A port of loopback that nobody listens on, as far as can be known."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
