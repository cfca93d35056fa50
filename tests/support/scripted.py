"""An upstream whose answers a test writes byte by byte: a thread of the test's own process."""

import json
import socket
import threading


class Scripted:
    """`answer(request)` gives (status, content type, pieces); a piece None waits for go_on()."""

    def __init__(self, name: str, answer):
        self.name, self.paths, self.lengths = name, [], []
        self._answer, self._gate = answer, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.base_url = self.root_url + "/v1"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        self._gate.set()

    def stop(self) -> None:
        self.go_on()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                self._answer_one(connection, reader)
            except OSError:
                return  # the other side left

    def _answer_one(self, connection, reader) -> None:
        line = reader.readline().decode()
        if not line:
            return
        length = 0
        while (field := reader.readline()) not in (b"\r\n", b""):
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        body = reader.read(length)
        self.paths.append(line.split(" ")[1])
        self.lengths.append(len(body))
        status, content_type, pieces = self._answer(json.loads(body))
        head = f"HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\nconnection: close\r\n"
        connection.sendall(head.encode() + b"\r\n")
        for piece in pieces:
            if piece is None:
                self._gate.wait(30)
            else:
                connection.sendall(piece)
