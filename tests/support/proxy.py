"""An HTTP proxy that speaks CONNECT: a thread with real sockets, which notes what it was asked."""

import socket
import threading


class Proxy:
    def __init__(self, resolve: dict[str, tuple[str, int]], refuse: bytes | None = None):
        """`resolve` says where "host:port" really is; `refuse` is answered instead, when given."""
        self.resolve, self.refuse = resolve, refuse
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4096)
            if not data:
                return client.close()
            head += data
        self.asked.append(head.decode())
        target = head.split(b" ")[1].decode()
        if self.refuse or target not in self.resolve:
            client.sendall(self.refuse or b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            return client.close()
        upstream = socket.create_connection(self.resolve[target])
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=self._pump, args=(upstream, client), daemon=True)
        back.start()
        return self._pump(client, upstream)

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
