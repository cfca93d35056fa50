"""Azure OpenAI: OpenAI's dialect by deployment, with content filters, and errors of its own."""

import re

import openai_media

from . import scenario
from .openai import OpenAi
from .server import Refusal, hint_headers, path_of, sse

DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)(/.*)")
SAFE = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}


def make(kind: str, fake_name: str):
    del kind
    return AzureOpenAi(fake_name)


class AzureOpenAi(OpenAi):
    name = "azure_openai"
    media = tuple(
        each
        for each in openai_media.ENDPOINTS
        if each not in ("/moderations", "/images/variations")
    )

    def model_of(self, request) -> str:
        found = DEPLOYMENT.fullmatch(path_of(request)[0])
        return found[1] if found else super().model_of(request)

    def usual_headers(self, x):
        return [
            ("apim-request-id", scenario.digest("apim", x.request.path)),
            ("x-request-id", scenario.digest("azure", x.request.path)),
            ("x-ms-region", "West Europe"),
            ("x-ms-deployment-name", "the-operators-deployment"),
            ("x-ms-rai-invoked", "true"),
            ("azureml-model-session", "d123-20260101"),
            ("x-ratelimit-limit-requests", "100"),
            ("x-ratelimit-remaining-requests", "99"),
            ("x-ratelimit-reset-requests", "60"),
        ]

    def authenticate(self, request):
        bearer = request.header("authorization") == f"Bearer {self.bearer}"
        if not bearer and request.header("api-key") != "sk-upstream-secret":
            raise self.error("auth", {})

    def locate(self, request):
        path, query = path_of(request)
        if path.startswith("/openai/v1/"):
            return path[len("/openai/v1") :]
        found = DEPLOYMENT.fullmatch(path)
        if not found or not re.fullmatch(
            r"\d{4}-\d\d-\d\d(-preview)?", query.get("api-version", "")
        ):
            raise Refusal(404, {"error": {"code": "404", "message": "Resource not found"}})
        self.deployment = found[1]
        return found[2]

    def reply(self, request, options):
        if DEPLOYMENT.fullmatch(path_of(request)[0]) and request.json and not request.form:
            # The body's model is not read; a request without one is good.
            request.json.setdefault("model", self.model_of(request))
            request.body = scenario.compact(request.json).encode()
        return super().reply(request, options)

    def error(self, kind, options):
        later = f"Please retry after {options.get('seconds', 2)} seconds."
        plain = {
            "auth": (
                401,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint.",
            ),
            "forbidden": (
                403,
                "403",
                "Public access is disabled. Please configure private endpoint.",
            ),
            "no_model": (
                404,
                "DeploymentNotFound",
                "The API deployment for this resource does not exist.",
            ),
            "rate_limit": (
                429,
                ("RateLimitReached", "429")[options.get("variant", 1) - 1],
                f"Requests have exceeded the call rate limit of your tier. {later}",
            ),
            "quota": (429, "insufficient_quota", "You exceeded your current quota."),
            "overloaded": (
                503,
                "503",
                "The service is temporarily unable to process your request.",
            ),
            "fault": (500, "InternalServerError", "Internal server error"),
            "timeout": (408, "Timeout", "The operation was timeout."),
        }
        if kind == "filtered":
            result = SAFE | {"violence": {"filtered": True, "severity": "high"}}
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
            message = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
            error = {"message": message, "type": None, "param": "prompt", "code": "content_filter"}
            return Refusal(400, {"error": error | {"status": 400, "innererror": inner}})
        if kind not in plain:
            return super().error(kind, options)
        status, code, message = plain[kind]
        form = "azure" if kind == "rate_limit" else None
        return Refusal(
            status, {"error": {"code": code, "message": message}}, hint_headers(options, form)
        )

    def choice_extras(self, turn):
        result = SAFE
        if turn.stop == "filtered":
            result = SAFE | {"hate": {"filtered": True, "severity": "medium"}}
        return {"logprobs": None, "content_filter_results": result}

    def filters(self) -> list:
        return [{"prompt_index": 0, "content_filter_results": SAFE}]

    def whole(self, head, ask, turn, body):
        return super().whole(head, ask, turn, body) | {"prompt_filter_results": self.filters()}

    def events(self, head, ask, turn, body):
        """The filters' verdict on the prompt comes first, in a chunk without choices."""
        first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        out = [("start", sse(first | {"prompt_filter_results": self.filters()}))]
        out += super().events(head, ask, turn, body)
        offsets = {"check_offset": 0, "start_offset": 0, "end_offset": 9}
        late = {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": {},
            "content_filter_offsets": offsets,
        }
        if turn.options.get("asynchronous_filter"):
            out.insert(-1, ("usage", sse(first | {"choices": [late]})))
        return out
