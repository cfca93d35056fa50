"""What every driver asks and tells, in no dialect; and the face that they share."""

import base64
import dataclasses

import httpx
import httpx2
import urllib3.exceptions

KEY = "sk-upstream-secret"
ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "upstream-secret-access-key", "eu-central-1"


GO_ON = "Go on."

# What breaks below the SDKs; some let it through as it is.
BELOW = (httpx.HTTPError, httpx2.HTTPError, urllib3.exceptions.HTTPError, ValueError)


@dataclasses.dataclass
class Tool:
    name: str
    schema: dict
    description: str = "A tool"


@dataclasses.dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclasses.dataclass
class Usage:
    """input has the cached in it, output the reasoning; None: the dialect does not say."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclasses.dataclass
class Request:
    """`rounds`: what was said after the text: (the outcome, [(call, result, is_error)]); without
    a result the user says GO_ON."""

    text: str = "Hello"
    system: str | None = None
    tools: list[Tool] = dataclasses.field(default_factory=list)
    choice: str = "auto"
    parallel: bool = True
    schema: dict | None = None
    images: list[bytes] = dataclasses.field(default_factory=list)
    documents: list[bytes] = dataclasses.field(default_factory=list)
    cited: bool = False  # the places in the documents are asked for
    thinking: bool = False
    stops: list[str] = dataclasses.field(default_factory=list)
    limit: int | None = None
    temperature: float | None = None
    rounds: list = dataclasses.field(default_factory=list)
    extra: dict = dataclasses.field(default_factory=dict)  # in the SDK's own words


@dataclasses.dataclass
class Outcome:
    """stop: end, calls, length, stop_string, filtered. `native` goes back in a later round."""

    text: str = ""
    calls: list[Call] = dataclasses.field(default_factory=list)
    stop: str = ""
    usage: Usage | None = None
    thinking: str = ""
    refusal: str = ""
    native: object = None
    pieces: int = 0
    model: str = ""
    sources: list = dataclasses.field(
        default_factory=list
    )  # (url or place, title, the text it backs)


class Fault(Exception):
    """What the SDK raised, in one shape. `status` is None where a stream or connection broke."""

    def __init__(self, raised, status, message, kind="", headers=None):
        super().__init__(f"{type(raised).__name__} {status} {kind}: {message}")
        self.raised, self.status, self.message, self.kind = raised, status, message, kind
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}


def data_url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


class Driver:
    name = ""
    root = "/v1"

    def __init__(self, root_url: str):
        self.root_url = root_url

    def ask(self, model: str, request: Request, stream: bool) -> Outcome:
        return (self.stream if stream else self.whole)(model, request)

    def close(self) -> None:
        pass


# OpenAI: chat completions.
