"""What a provider of OpenAI's dialect says about images, sound and moderation.

Pure functions, as in openai_answers.py: the same request and options give the same bytes. Fields
and events follow the published OpenAPI description; what it does not know is refused as OpenAI
refuses it.
"""

import base64
import hashlib

import forms
import openai_answers as answers

SOUNDS = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
IMAGE_FIELDS = (
    "prompt model n size quality background output_format output_compression moderation user "
    "partial_images stream response_format style"
)
EDIT_FIELDS = IMAGE_FIELDS + " image image[] images mask input_fidelity"
# Endpoint: fields that it knows, those that it needs, whether it takes forms, whether JSON.
ENDPOINTS = {
    "/moderations": ("input model", "input", False, True),
    "/images/generations": (IMAGE_FIELDS, "prompt", False, True),
    "/images/edits": (EDIT_FIELDS, "prompt", True, True),
    "/images/variations": ("image model n size response_format user", "image", True, False),
    "/audio/speech": (
        "model input voice instructions response_format speed stream_format",
        "model input voice",
        False,
        True,
    ),
    "/audio/transcriptions": (
        "file model language prompt response_format temperature include[] "
        "timestamp_granularities[] stream chunking_strategy",
        "file model",
        True,
        False,
    ),
    "/audio/translations": (
        "file model prompt response_format temperature",
        "file model",
        True,
        False,
    ),
}


class Refusal(Exception):
    def __init__(self, message: str, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.body = answers.error_body(message, "invalid_request_error", param, code)


def endpoint_of(path: str) -> str | None:
    path = path.split("?")[0]
    return next((each for each in ENDPOINTS if path.endswith(each)), None)


def check(endpoint: str, request) -> None:
    known, needed, form, plain = ENDPOINTS[endpoint]
    is_form = (request.header("content-type") or "").startswith("multipart/form-data")
    if is_form and not form or not is_form and not plain:
        raise Refusal(f"Unsupported content type: '{request.header('content-type')}'.")
    names = [part.name for part in request.form] if is_form else list(request.json)
    for name in names:
        if name not in known.split():
            raise Refusal(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in needed.split():
        if name not in names and name + "[]" not in names:
            text = f"Missing required parameter: '{name}'."
            raise Refusal(text, name, "missing_required_parameter")
    for part in request.form:
        if part.name.split("[")[0] in ("file", "image", "mask") and not part.filename:
            raise Refusal(f"Invalid file '{part.name}'.", part.name)


def digest_of(request) -> str:
    return hashlib.sha256(request.body).hexdigest()


def file_digest(request) -> str:
    """Of the files that came, so that a test can tell that they came whole."""
    files = [part.value for part in request.form if part.filename]
    return hashlib.sha256(b"".join(files)).hexdigest()


# Whole answers.


def whole(endpoint: str, request, options) -> tuple[str, bytes]:
    """The content type and the body."""
    form = request.json.get("response_format")
    if endpoint == "/audio/speech":
        return SOUNDS[form or "mp3"], sound(request, options)
    if endpoint.startswith("/audio/") and form in ("text", "srt", "vtt"):
        return "text/plain; charset=utf-8", transcript_text(request, form)
    if endpoint.startswith("/audio/"):
        answer = transcript(request, form)
    elif endpoint == "/moderations":
        answer = verdict(request)
    else:
        answer = images(request, options)
    return "application/json", (answers.compact(answer) + "\n").encode()


def sound(request, options) -> bytes:
    """`kib` of it; not one byte is like the next but for chance."""
    seed = str(request.json.get("input", "")).encode()
    out = b"".join(hashlib.sha256(seed + bytes([i & 255, i >> 8])).digest() for i in range(256))
    return (out * (options.get("kib", 32) // 8))[: options.get("kib", 32) << 10]


def words_of(request) -> str:
    return f"heard {file_digest(request)[:16]} of {request.json.get('model')}"


def transcript_text(request, form: str) -> bytes:
    text = words_of(request)
    if form == "srt":
        return f"1\n00:00:00,000 --> 00:00:01,500\n{text}\n\n".encode()
    if form == "vtt":
        return f"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n{text}\n\n".encode()
    return (text + "\n").encode()


TRANSCRIPT_USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    "output_tokens": 6,
    "total_tokens": 20,
}


def transcript(request, form) -> dict:
    text = words_of(request)
    if form != "verbose_json":
        return {"text": text, "usage": TRANSCRIPT_USAGE}
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": text, "tokens": [1, 2]}
    segment |= {"temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.1}
    segment |= {"no_speech_prob": 0.01}
    head = {"task": "transcribe", "language": "english", "duration": 1.5, "text": text}
    return head | {"segments": [segment], "usage": {"type": "duration", "seconds": 2}}


CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def verdict(request) -> dict:
    given = request.json["input"]
    texts = given if isinstance(given, list) and isinstance(given[0], str) else [given]
    results = []
    for text in texts:
        bad = "kill" in answers.compact(text)
        results.append(
            {
                "flagged": bad,
                "categories": {name: bad and name == "violence" for name in CATEGORIES},
                "category_scores": {name: 0.9 if bad else 0.0001 for name in CATEGORIES},
                "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
            }
        )
    return {
        "id": f"modr-{digest_of(request)[:24]}",
        "model": request.json.get("model"),
        "results": results,
    }


def picture(request, options, number: int = 0) -> str:
    """Base64 of a PNG; `mib` of it, if asked for."""
    filler = b"\0" * (options.get("mib", 0) << 20)
    return base64.b64encode(
        forms.PNG + file_digest(request).encode() + bytes([number]) + filler
    ).decode()


IMAGE_USAGE = {
    "input_tokens": 11,
    "output_tokens": 272,
    "total_tokens": 283,
    "input_tokens_details": {"text_tokens": 11, "image_tokens": 0},
}
IMAGE_LOOK = {
    "size": "1024x1024",
    "quality": "low",
    "background": "opaque",
    "output_format": "png",
}


def images(request, options) -> dict:
    count = int(request.json.get("n") or 1)
    if request.json.get("response_format") == "url":
        data = [{"url": f"https://images.example.com/{i}.png"} for i in range(count)]
    else:
        data = [{"b64_json": picture(request, options, i)} for i in range(count)]
    return {"created": answers.CREATED, "data": data} | IMAGE_LOOK | {"usage": IMAGE_USAGE}


# Events.


def events(endpoint: str, request, options) -> list[tuple[str, str]]:
    """(kind, JSON text) of every event."""
    if endpoint == "/audio/speech":
        return speech_events(request, options)
    if endpoint == "/audio/transcriptions":
        return transcript_events(request)
    return image_events(endpoint, request, options)


def speech_events(request, options) -> list[tuple[str, str]]:
    data = sound(request, options)
    out = []
    for at in range(0, len(data), 8192):
        piece = base64.b64encode(data[at : at + 8192]).decode()
        out.append(("content", answers.compact({"type": "speech.audio.delta", "audio": piece})))
    usage = {"input_tokens": 9, "output_tokens": 120, "total_tokens": 129}
    return out + [("finish", answers.compact({"type": "speech.audio.done", "usage": usage}))]


def transcript_events(request) -> list[tuple[str, str]]:
    text = words_of(request)
    out = []
    for i, word in enumerate(text.split(" ")):
        delta = {"type": "transcript.text.delta", "delta": word if i == 0 else " " + word}
        out.append(("content", answers.compact(delta)))
    done = {"type": "transcript.text.done", "text": text, "usage": TRANSCRIPT_USAGE}
    return out + [("finish", answers.compact(done))]


def image_events(endpoint, request, options) -> list[tuple[str, str]]:
    prefix = "image_edit" if endpoint == "/images/edits" else "image_generation"
    head = {"created_at": answers.CREATED} | IMAGE_LOOK
    out = []
    for i in range(int(request.json.get("partial_images") or 0)):
        event = {"type": f"{prefix}.partial_image", "b64_json": picture(request, options, i)}
        out.append(("content", answers.compact(event | {"partial_image_index": i} | head)))
    event = {"type": f"{prefix}.completed", "b64_json": picture(request, options, 9)}
    done = answers.compact(event | head | {"usage": IMAGE_USAGE})
    return out + [("content" if not out else "finish", done)]
