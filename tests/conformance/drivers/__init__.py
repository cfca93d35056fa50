"""The official SDKs behind one face: what is asked and what came, so that one test judges them all.

A driver does with its SDK what an application does, streams included, and says it in no dialect.
"""

from .anthropic_messages import Anthropic
from .bedrock import Bedrock
from .driver import ACCESS_KEY, KEY, REGION, SECRET_KEY, Fault, Request, Tool
from .google import Gemini, Vertex
from .openai_chat import Azure, OpenAiChat
from .openai_responses import OpenAiResponses

__all__ = [
    "ACCESS_KEY",
    "DIALECT",
    "DRIVERS",
    "KEY",
    "REGION",
    "SECRET_KEY",
    "Anthropic",
    "Bedrock",
    "Fault",
    "Gemini",
    "OpenAiChat",
    "Request",
    "Tool",
]

DRIVERS = {
    one.name: one
    for one in (OpenAiChat, Azure, OpenAiResponses, Anthropic, Gemini, Vertex, Bedrock)
}
# Those that speak another's dialect at paths of their own.
DIALECT = {"azure": "openai", "vertex": "gemini"}
