"""HTTP as bytes: what a test sends is what is written, and what comes back is read strictly."""

import socket


class Answer:
    """One answer off a connection."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, head: bytes):
        self.status, self.headers, self.body, self.head = status, headers, body, head

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def __repr__(self):
        return f"Answer({self.status}, {self.body[:300]!r})"


class Connection:
    """A client's connection to a port of loopback."""

    def __init__(self, port: int, timeout: float = 20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Writes all of it; a peer that has closed already is no error, its answer is read next."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def _fill(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not self._fill():
                raise EOFError(f"closed while waiting for {mark!r}: {self.buffer[:300]!r}")
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            if not self._fill():
                raise EOFError(f"closed with {len(self.buffer)} of {count} bytes")
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def head(self) -> tuple[int, list[tuple[str, str]], bytes]:
        block = self._until(b"\r\n\r\n")
        lines = block.decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), block
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name.strip() == name, block
            headers.append((name, value.strip()))
        return int(status), headers, block

    def pieces(self, headers):
        """The body's parts as they arrive."""
        known = {name.lower(): value for name, value in headers}
        if known.get("transfer-encoding") == "chunked":
            while True:
                size = int(self._until(b"\r\n"), 16)
                data = self._exactly(size)
                assert self._exactly(2) == b"\r\n"
                if size == 0:
                    return
                yield data
        elif "content-length" in known:
            yield self._exactly(int(known["content-length"]))
        else:
            while self._fill():
                pass
            data, self.buffer = self.buffer, b""
            yield data

    def answer(self, method: str = "POST") -> Answer:
        """The next final answer; interim ones are read over."""
        while True:
            status, headers, block = self.head()
            if status >= 200:
                break
        bodiless = method == "HEAD" or status in (204, 304)
        body = b"" if bodiless else b"".join(self.pieces(headers))
        return Answer(status, headers, body, block)

    def closed(self) -> bool:
        """Whether the other side has closed and sent nothing more; waits for it."""
        if self.buffer:
            return False
        try:
            return not self._fill()
        except TimeoutError:
            return False


def post(path: str, body: bytes, headers: dict[str, str] | None = None, host="localhost") -> bytes:
    """The bytes of a well-formed request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def get(path: str, headers: dict[str, str] | None = None, method="GET", host="localhost") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
