"""What the providers published about their requests, read in place from ../shared/data.

Three kinds of description, one answer: a list of problems, empty when a value fits.
    Annotations   types as Python annotations (Anthropic, OpenAI, Mistral, Cohere, Gemini)
    ServiceModel  the AWS service model (Bedrock)
    Discovery     Google's discovery document (Vertex)
The data is no part of this repository: `available()` says whether it is there.
"""

import base64
import binascii
import dataclasses
import functools
import json
import pathlib
import re

DATA = pathlib.Path(__file__).resolve().parents[4] / "shared" / "data"


def available() -> bool:
    return (DATA / "anthropic" / "messages-api-types.json").exists()


@dataclasses.dataclass
class Problem:
    """kind: unknown (no such field), missing, type, value. where: names and indices from the root."""

    kind: str
    where: tuple
    text: str

    def path(self, form="dots") -> str:
        """messages.0.content, or messages[0].content with form="brackets"."""
        if form == "dots":
            return ".".join(str(part) for part in self.where)
        out = ""
        for part in self.where:
            out += f"[{part}]" if isinstance(part, int) else f"{'.' if out else ''}{part}"
        return out

    @property
    def last(self) -> str:
        return str(self.where[-1]) if self.where else ""


def load(name: str):
    return json.loads((DATA / name).read_text())


# Annotations.

SCALARS = {
    "str": (str, "a valid string"),
    "int": (int, "a valid integer"),
    "float": ((int, float), "a valid number"),
    "bool": (bool, "a valid boolean"),
}
ANYTHING = {"Any", "object", "None", "UnrecognizedStr", "SchemaUnion", "SpeechConfigUnion"}
LISTS = {"List", "Iterable", "SequenceNotStr", "list"}
TOKEN = re.compile(r"'(?:[^']*)'|[A-Za-z_][\w.]*|[\[\],]|-?\d+")


@functools.cache
def parse(text: str):
    """A type as (name, arguments); enum members stay as text."""
    tokens = TOKEN.findall(text)
    at = 0

    def one():
        nonlocal at
        name, at = tokens[at], at + 1
        arguments = []
        if at < len(tokens) and tokens[at] == "[":
            at += 1
            while tokens[at] != "]":
                arguments.append(one())
                if tokens[at] == ",":
                    at += 1
            at += 1
        return name, tuple(arguments)

    # TypeAliasType('Name', Union[...]) carries what counts in its second argument.
    if text.startswith("TypeAliasType("):
        return parse(text.split(",", 1)[1].rsplit(")", 1)[0].strip())
    return one()


class Annotations:
    """`optional` names fields that the data marks as required and the API does not ask for;
    `extra` adds fields, or spells out those whose inner types share a short name with others in the
    data: {type: {field: annotation}}. `surface` is gemini or vertex for Google's."""

    def __init__(self, file: str, optional=(), extra=None, surface=None):
        self.types = load(file)["types"]
        self.optional, self.extra, self.surface = set(optional), extra or {}, surface
        self.known = {}

    def fields(self, name: str) -> dict:
        """{name: (annotation, required)} of an object."""
        if name in self.known:
            return self.known[name]
        out = self.known[name] = {}
        entry = self.types[name]
        for base in entry.get("bases", []):
            if base in self.types:
                out |= self.fields(base)
        for field in entry["fields"]:
            if "type" in field:
                key = field.get("json") or field["name"]
                required = field.get("required", False) and f"{name}.{key}" not in self.optional
                alien = self.surface and field.get("surface", "both") not in ("both", self.surface)
                if not alien:
                    out[key] = (field["type"], required)
        for key, kind in self.extra.get(name, {}).items():
            out[key] = (kind, out.get(key, ("", False))[1])
        return out

    def check(self, value, kind: str, where=()) -> list[Problem]:
        return self._check(value, parse(kind), tuple(where))

    def _check(self, value, kind, where) -> list[Problem]:
        name, arguments = kind
        if name in ("Optional", "OptionalNullable", "Nullable"):
            return [] if value is None else self._check(value, arguments[0], where)
        if name == "Union":
            return self._union(value, arguments, where)
        if name in ("enum", "Literal"):
            allowed = [self._member(argument[0]) for argument in arguments]
            if value in allowed:
                return []
            shown = " or ".join(repr(one) for one in allowed)
            return [Problem("value", where, f"Input should be {shown}")]
        if name in LISTS:
            if not isinstance(value, list):
                return [Problem("type", where, "Input should be a valid list")]
            inner = arguments[0]
            return [p for i, v in enumerate(value) for p in self._check(v, inner, (*where, i))]
        if name in ("Dict", "dict"):
            if not isinstance(value, dict):
                return [Problem("type", where, "Input should be a valid dictionary")]
            inner = arguments[1]
            return [p for k, v in value.items() for p in self._check(v, inner, (*where, k))]
        if name in SCALARS:
            wanted, shown = SCALARS[name]
            good = isinstance(value, wanted) and (isinstance(value, bool) == (name == "bool"))
            return [] if good else [Problem("type", where, f"Input should be {shown}")]
        if name == "bytes":
            return [] if is_base64(value) else [Problem("type", where, "Base64 decoding failed")]
        if name in ANYTHING or name not in self.types:
            return []
        return self._named(value, name, where)

    @staticmethod
    def _member(text: str):
        if text.startswith("'"):
            return text[1:-1]
        return {"True": True, "False": False}.get(text, text)

    def _named(self, value, name, where) -> list[Problem]:
        entry = self.types[name]
        if entry["kind"] == "alias":
            return self._check(value, parse(entry["type"]), where)
        if entry["kind"] == "enum":
            values = [one["value"].upper() for one in entry["values"]]
            good = isinstance(value, str) and value.upper() in values
            return [] if good else [Problem("value", where, f"{json.dumps(value)} is not known")]
        if not isinstance(value, dict):
            return [Problem("type", where, "Input should be an object")]
        known, found = self.fields(name), []
        for key, inner in value.items():
            if key not in known:
                found.append(Problem("unknown", (*where, key), "Extra inputs are not permitted"))
            else:
                found += self._check(inner, parse(known[key][0]), (*where, key))
        for key, (_, required) in known.items():
            if required and key not in value:
                found.append(Problem("missing", (*where, key), "Field required"))
        return found

    def _union(self, value, arguments, where) -> list[Problem]:
        """The problems of the alternative that comes nearest: same tag, then fewest problems."""
        best, best_score = None, None
        for argument in arguments:
            if argument[0] == "None" and value is not None:
                continue
            found = self._check(value, argument, where)
            if not found:
                return []
            wrong_tag = any(
                p.kind == "value" and len(p.where) == len(where) + 1 and p.last in ("type", "role")
                for p in found
            )
            score = (wrong_tag, any(p.where == where for p in found), len(found))
            if best_score is None or score < best_score:
                best, best_score = found, score
        return best or []


def is_base64(value) -> bool:
    if not isinstance(value, str):
        return False
    try:
        text = value.replace("-", "+").replace("_", "/")
        base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return True
    except binascii.Error:
        return False


# The AWS service model.


class ServiceModel:
    def __init__(self, file: str):
        self.model = load(file)
        self.shapes = self.model["shapes"]

    def check(self, value, shape: str, where=()) -> list[Problem]:
        entry = self.shapes[shape]
        where = tuple(where)
        if entry.get("document"):
            return []
        return getattr(self, "_" + entry["type"])(value, entry, where)

    def _structure(self, value, entry, where):
        if not isinstance(value, dict):
            return [Problem("type", where, "expected an object")]
        members = {
            member.get("locationName", name): member
            for name, member in entry["members"].items()
            if member.get("location") not in ("uri", "header", "querystring")
        }
        found = []
        for key, inner in value.items():
            if key not in members:
                found.append(Problem("unknown", (*where, key), "extraneous key"))
            else:
                found += self.check(inner, members[key]["shape"], (*where, key))
        for key in entry.get("required", []):
            if key in members and key not in value:
                found.append(Problem("missing", (*where, key), "Member must not be null"))
        if entry.get("union") and len(value) != 1:
            found.append(Problem("value", where, "Member must have exactly one member set"))
        return found

    def _sized(self, count, entry, where, what):
        if count < entry.get("min", 0):
            text = f"Member must have {what} greater than or equal to {entry['min']}"
            return [Problem("value", where, text)]
        if count > entry.get("max", 1 << 62):
            return [
                Problem(
                    "value", where, f"Member must have {what} less than or equal to {entry['max']}"
                )
            ]
        return []

    def _list(self, value, entry, where):
        if not isinstance(value, list):
            return [Problem("type", where, "expected a list")]
        inner = entry["member"]["shape"]
        found = [p for i, v in enumerate(value) for p in self.check(v, inner, (*where, i))]
        return found + self._sized(len(value), entry, where, "length")

    def _map(self, value, entry, where):
        if not isinstance(value, dict):
            return [Problem("type", where, "expected a map")]
        found = self._sized(len(value), entry, where, "length")
        for key, inner in value.items():
            found += self.check(key, entry["key"]["shape"], (*where, key))
            found += self.check(inner, entry["value"]["shape"], (*where, key))
        return found

    def _string(self, value, entry, where):
        if not isinstance(value, str):
            return [Problem("type", where, "expected a string")]
        if "enum" in entry and value not in entry["enum"]:
            return [Problem("value", where, f"Member must satisfy enum value set: {entry['enum']}")]
        pattern = entry.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            text = f"Member must satisfy regular expression pattern: {pattern}"
            return [Problem("value", where, text)]
        return self._sized(len(value), entry, where, "length")

    def _number(self, value, entry, where):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return [Problem("type", where, "expected a number")]
        return self._sized(value, entry, where, "value")

    _integer = _long = _float = _double = _number

    def _boolean(self, value, entry, where):
        del entry
        return [] if isinstance(value, bool) else [Problem("type", where, "expected a boolean")]

    def _blob(self, value, entry, where):
        if not is_base64(value):
            return [Problem("type", where, "expected base64")]
        return self._sized(len(base64.b64decode(value)), entry, where, "length")

    def _timestamp(self, value, entry, where):
        del value, entry, where
        return []


# Google's discovery document.


class Discovery:
    KINDS = {"string": str, "boolean": bool, "array": list, "object": dict}

    def __init__(self, file: str):
        self.schemas = load(file)["schemas"]

    def check(self, value, schema, where=()) -> list[Problem]:
        where = tuple(where)
        if isinstance(schema, str):
            schema = {"$ref": schema}
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        kind = schema.get("type")
        if kind in ("any", None):
            return []
        if kind in ("integer", "number"):
            good = isinstance(value, (int, float, str)) and not isinstance(value, bool)
            return [] if good else [Problem("type", where, json.dumps(value))]
        if (
            kind == "string"
            and schema.get("format") in ("int64", "uint64")
            and isinstance(value, int)
        ):
            return []
        if not isinstance(value, self.KINDS[kind]):
            return [Problem("type", where, json.dumps(value))]
        if kind == "string":
            if schema.get("format") == "byte" and not is_base64(value):
                return [Problem("type", where, "Base64 decoding failed")]
            if "enum" in schema and value.upper() not in schema["enum"]:
                return [Problem("value", where, json.dumps(value))]
            return []
        if kind == "array":
            return [
                p for i, v in enumerate(value) for p in self.check(v, schema["items"], (*where, i))
            ]
        if kind != "object":
            return []
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        found = []
        for key, inner in value.items():
            if key in known:
                found += self.check(inner, known[key], (*where, key))
            elif more is not None:
                found += self.check(inner, more, (*where, key))
            else:
                found.append(Problem("unknown", (*where, key), "Cannot find field."))
        return found
