"""A provider that speaks OpenAI's dialect and misbehaves by name: a real process on port 0.

    python fake_upstream.py [--name one] [--behave '{"name": "status_503"}'] [--receipts FILE]
                            [--cert PEM --key PEM] [--host 127.0.0.1] [--port 0]

Prints one JSON line when ready: {"port": ..., "control_port": ..., "pid": ...}. What it does to a
request is, in this order: named in the request's model (`m1+cut_after;after=3`), set at run time
through the control port, set by --behave. `misbehaviour.py` lists the names.

Every request that arrived whole leaves a receipt: one JSON line appended to FILE with one write
before anything is answered, so that a receipt exists for all that a caller may have been told.

Control port, HTTP/1.1, JSON:
    POST /behave {"name": ..., "count": N, ...options}   for the next N requests (default: all)
    POST /listen {"open": false}                         refuses connections, until true
    POST /release                                        lets exchanges held at a gate go on
    POST /clear                                          forgets receipts, counts and behaviour
    GET  /receipts                                       the list
    GET  /state                                          connections, requests, open exchanges
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import pathlib
import socket
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import forms  # noqa: E402
import misbehaviour  # noqa: E402

MAX_HEAD = 1 << 20
RECEIPT_BODY = 1 << 20  # longer bodies leave their hash only


class Request:
    """One request as it arrived."""

    def __init__(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        try:
            parsed = json.loads(body) if body else {}
        except ValueError:
            parsed = {}
        self.json = parsed if isinstance(parsed, dict) else {}
        self.form = []
        content_type = self.header("content-type") or ""
        if content_type.startswith("multipart/form-data"):
            try:
                self.form = forms.read_form(content_type, body)
                self.json = forms.fields_of(self.form)
            except (forms.BadForm, ValueError, TypeError):
                pass  # refused when it is answered, for want of its fields

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class Exchange:
    """One request and the means to answer it, rightly or wrongly."""

    def __init__(self, upstream, request, reader, writer, options):
        self.upstream, self.request, self.options = upstream, request, options
        self.reader, self.writer = reader, writer
        self.keep = True
        self.chunked = False

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_slowly(self, data: bytes) -> None:
        """One byte at a time, each its own write."""
        for i in range(len(data)):
            self.writer.write(data[i : i + 1])
            if i % 8 == 0:
                await asyncio.sleep(0)
        await self.writer.drain()

    async def head(self, status: int, content_type: str, extra=(), length: int | None = None):
        """The head. Without a length the body is chunked, or runs to the close (framing: close)."""
        out = [f"HTTP/1.1 {status} {misbehaviour.REASONS.get(status, 'Status')}"]
        if not any(name == "date" for name, _ in extra):
            out.append(f"date: {misbehaviour.http_date(0)}")
        out.append(f"content-type: {content_type}")
        if length is not None:
            out.append(f"content-length: {length}")
        elif self.options.get("framing") == "close":
            self.keep = False
        else:
            self.chunked = True
            out.append("transfer-encoding: chunked")
        if self.options.get("connection") == "close":
            self.keep = False
        out.append("connection: keep-alive" if self.keep else "connection: close")
        out += [f"{name}: {value}" for name, value in self.usual_headers()]
        out += [f"{name}: {value}" for name, value in extra]
        await self.send(("\r\n".join(out) + "\r\n\r\n").encode("latin-1"))

    async def piece(self, data: bytes) -> None:
        """A part of the body, framed as the head said."""
        framed = b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data
        if self.options.get("split"):
            await self.send_slowly(framed)
        else:
            await self.send(framed)

    async def finish(self) -> None:
        if self.chunked:
            await self.send(b"0\r\n\r\n")

    async def answer(self, status: int, body: bytes, content_type="application/json", extra=()):
        await self.head(status, content_type, extra, length=len(body))
        if self.options.get("split"):
            await self.send_slowly(body)
        else:
            await self.send(body)

    async def until_client_leaves(self) -> None:
        """Answers nothing more; returns when the other side closes."""
        self.keep = False
        while await self.reader.read(65536):
            pass

    async def gate(self) -> None:
        """Waits for POST /release, or for the client to leave."""
        opened = asyncio.ensure_future(self.upstream.gate.wait())
        left = asyncio.ensure_future(self.reader.read(1))
        await asyncio.wait({opened, left}, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if not left.done():
            left.cancel()
        await asyncio.wait({opened, left})  # so that the next request may be read

    def usual_headers(self) -> list[tuple[str, str]]:
        return misbehaviour.usual_headers(self)

    def reset(self) -> None:
        """Closes with RST."""
        raw = self.writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()
        self.keep = False

    def wants_stream(self) -> bool:
        body = self.request.json
        return body.get("stream") is True or body.get("stream_format") == "sse"


class Upstream:
    """A fake provider. Those of other families (families/server.py) say how they differ."""

    exchange_type = Exchange

    def model_of(self, request: Request) -> str:
        return str(request.json.get("model", ""))

    async def perform(self, name: str, exchange: Exchange) -> None:
        await misbehaviour.perform(name, exchange)

    def __init__(self, arguments):
        self.arguments = arguments
        self.behaviour = json.loads(arguments.behave)
        self.first_behaviour = self.behaviour
        self.remaining = None
        self.receipts = []
        self.counts = {"connections": 0, "requests": 0, "open": 0, "left_early": 0}
        self.counts["most_open"] = 0  # at once, while `busy`
        self.gate = asyncio.Event()
        self.slots = None  # of `busy`: how many are served at once
        self.server = None
        self.port = arguments.port
        self.place = None  # keeps the port while nobody listens: the connection is refused
        self.file = None
        if arguments.receipts:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self.file = os.open(arguments.receipts, flags, 0o600)
        self.tls = None
        if arguments.cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(arguments.cert, arguments.key)

    async def listen(self) -> None:
        if self.place is None:
            family = socket.AF_INET6 if ":" in self.arguments.host else socket.AF_INET
            self.place = socket.socket(family)
            self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.place.bind((self.arguments.host, self.port))
            self.port = self.place.getsockname()[1]
        self.server = await asyncio.start_server(
            self.serve,
            self.arguments.host,
            self.port,
            ssl=self.tls,
            limit=MAX_HEAD,
            backlog=1024,
            reuse_address=True,
            reuse_port=True,
        )

    def stop_listening(self) -> None:
        if self.server:
            self.server.close()
            self.server = None

    # Applications' side.

    def choose(self, request: Request | None) -> dict:
        """The behaviour for this request, or for a connection that has not sent one yet."""
        model = self.model_of(request) if request else ""
        if "+" in model:
            return misbehaviour.from_model(model)
        chosen = self.behaviour
        if request and self.remaining is not None:
            self.remaining -= 1
            if self.remaining <= 0:
                self.behaviour, self.remaining = {"name": "good"}, None
        return chosen

    async def serve(self, reader, writer) -> None:
        self.counts["connections"] += 1
        number = self.counts["connections"]
        try:
            if self.behaviour["name"] == "accept_and_close":
                writer.close()
                return
            if self.behaviour["name"] == "accept_and_hold":
                await reader.read()
                return
            while await self.exchange(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
            pass
        except asyncio.LimitOverrunError:
            pass
        finally:
            writer.close()

    async def exchange(self, reader, writer, number: int) -> bool:
        request = await read_request(reader, writer)
        if request is None:
            return False
        self.counts["requests"] += 1
        self.counts["open"] += 1
        self.keep_receipt(request, number)
        options = {"name": self.arguments.name, **self.choose(request)}
        name, options["name"] = options["name"], self.arguments.name
        exchange = self.exchange_type(self, request, reader, writer, options)
        try:
            await self.perform(name, exchange)
        except ConnectionError:
            self.counts["left_early"] += 1
            raise
        finally:
            self.counts["open"] -= 1
        return exchange.keep

    def keep_receipt(self, request: Request, connection: int) -> None:
        receipt = {
            "number": self.counts["requests"],
            "connection": connection,
            "time": time.time(),
            "method": request.method,
            "path": request.path,
            "request_id": request.header("x-request-id"),
            "headers": request.headers,
            "body_bytes": len(request.body),
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "body": base64.b64encode(request.body[:RECEIPT_BODY]).decode(),
        }
        if self.file is not None:
            line = {"request_id": receipt["request_id"], "sha256": receipt["body_sha256"]}
            os.write(self.file, (json.dumps(line) + "\n").encode())
        if len(self.receipts) < 10_000:
            self.receipts.append(receipt)

    # Control side.

    async def control(self, reader, writer) -> None:
        try:
            while True:
                request = await read_request(reader, writer)
                if request is None:
                    break
                body = json.dumps(await self.command(request)).encode()
                head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def command(self, request: Request):
        if request.path == "/behave":
            self.behaviour = dict(request.json)
            self.remaining = self.behaviour.pop("count", None)
            self.gate.clear()
        elif request.path == "/listen":
            if not request.json["open"]:
                self.stop_listening()
            elif self.server is None:
                await self.listen()
        elif request.path == "/release":
            self.gate.set()
        elif request.path == "/clear":
            self.behaviour, self.remaining = self.first_behaviour, None
            self.receipts.clear()
            self.counts.update(connections=0, requests=0, left_early=0)
            self.gate.clear()
            if self.server is None:
                await self.listen()
        elif request.path == "/receipts":
            return self.receipts
        return self.counts | {"listening": self.server is not None}


async def read_request(reader, writer) -> Request | None:
    """The next request; None when the other side closed between two."""
    try:
        first = await reader.readexactly(1)
        if not first.isalpha():  # TLS, or nothing that is known here
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            return None
        block = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        if cut.partial:
            raise
        return None
    lines = block[:-4].decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    known = {name.lower(): value for name, value in headers}
    if known.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if known.get("transfer-encoding", "").lower() == "chunked":
        body = await read_chunks(reader)
    else:
        body = await reader.readexactly(int(known.get("content-length", 0)))
    return Request(method, path, headers, body)


async def read_chunks(reader) -> bytes:
    body = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if size == 0:
            return body


def parser(description: str) -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(description=description.splitlines()[0])
    out.add_argument("--name", default="fake")
    out.add_argument("--behave", default='{"name": "good"}')
    out.add_argument("--receipts")
    out.add_argument("--cert")
    out.add_argument("--key")
    out.add_argument("--host", default="127.0.0.1")
    out.add_argument("--port", type=int, default=0)
    return out


async def run(upstream: Upstream, **ready) -> None:
    """Serves until standard input closes; `ready` goes into the ready line."""
    await upstream.listen()
    control = await asyncio.start_server(upstream.control, "127.0.0.1", 0, limit=MAX_HEAD)
    ports = {"port": upstream.port, "control_port": control.sockets[0].getsockname()[1]}
    print(json.dumps(ports | {"pid": os.getpid()} | ready), flush=True)
    # Whoever started this process holds its standard input: when that closes, it ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    os._exit(0)


async def main() -> None:
    await run(Upstream(parser(__doc__).parse_args()))


if __name__ == "__main__":
    asyncio.run(main())
