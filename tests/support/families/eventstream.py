"""AWS's binary event stream, written and read as wire-formats says, with both checksums."""

import struct
import zlib


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message; all headers are strings."""
    block = b""
    for name, value in headers.items():
        block += struct.pack(">B", len(name)) + name.encode()
        block += struct.pack(">BH", 7, len(value.encode())) + value.encode()
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, payload: bytes) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, payload)


def exception(kind: str, payload: bytes) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json"}
    return frame(headers | {":message-type": "exception"}, payload)


def read(data: bytes):
    """(headers, payload) of every frame; ValueError for what is wrong. Reads string headers only."""
    while data:
        total, header_length, prelude_sum = struct.unpack(">III", data[:12])
        if zlib.crc32(data[:8]) != prelude_sum:
            raise ValueError("prelude checksum")
        message, data = data[:total], data[total:]
        if (
            len(message) != total
            or zlib.crc32(message[:-4]) != struct.unpack(">I", message[-4:])[0]
        ):
            raise ValueError("message checksum")
        headers, at = {}, 12
        while at < 12 + header_length:
            size = message[at]
            name = message[at + 1 : at + 1 + size].decode()
            at += 1 + size
            kind, length = struct.unpack(">BH", message[at : at + 3])
            if kind != 7:
                raise ValueError(f"header type {kind}")
            headers[name] = message[at + 3 : at + 3 + length].decode()
            at += 3 + length
        yield headers, message[12 + header_length : -4]
