"""Forms (multipart/form-data) as a provider reads them: by a reader of its own, which shares
nothing with the gateway's.
"""

import base64
import re

# A small picture.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


class BadForm(Exception):
    pass


class Part:
    """One part of a form."""

    def __init__(self, name: str, filename: str | None, content_type: str | None, value: bytes):
        self.name, self.filename = name, filename
        self.content_type, self.value = content_type, value


def read_form(content_type: str, body: bytes) -> list[Part]:
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found:
        raise BadForm("Could not parse multipart form: no boundary.")
    delimiter = b"\r\n--" + found[1].encode()
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 2 or pieces[0] or pieces[-1] not in (b"--", b"--\r\n"):
        raise BadForm("Could not parse multipart form.")
    parts = []
    for piece in pieces[1:-1]:
        head, _, value = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n"))
        text = head.decode()
        name = re.search(r'[; ]name="?([^";\r]+)"?', text)[1]
        file = re.search(r'filename="?([^";\r]+)"?', text)
        parts.append(Part(name, file and file[1], lines.get("content-type"), value))
    return parts


def fields_of(parts: list[Part]) -> dict:
    """The texts of a form as JSON would have them."""
    fields = {part.name: part.value.decode() for part in parts if part.filename is None}
    if "stream" in fields:
        fields["stream"] = fields["stream"] == "true"
    return fields
