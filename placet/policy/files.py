"""Read a YAML file that a person wrote, and tell every mistake with its line and column.

Only plain YAML 1.2 is taken: text, numbers, true, false, null, lists and mappings. A key written
twice, a tag, an anchor that contains itself, or a file that unfolds to far more than it is long is
refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from placet.domain.errors import InvalidInputError
from placet.domain.problems import Problem, suggestion
from placet.domain.text import clean_text

MAX_BYTES = 256 * 1024
MAX_VALUES = 20_000
MAX_DEPTH = 40
_KEPT = 64
_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"^[-+]?[0-9]{1,18}$")
_FLOAT = re.compile(r"^[-+]?[0-9]{1,18}\.[0-9]{1,18}$")
M = TypeVar("M", bound=BaseModel)


class FileError(InvalidInputError):
    """A file cannot be used; each line of the message is one mistake and where it stands."""

    code = "invalid-file"


class Place(NamedTuple):
    """Where something stands in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """A file's content as plain values, and where each of them stands.

    Attributes:
        name: How messages call the file.
        value: Mappings, lists, text, numbers, booleans and None.
        places: Path inside the value to where it stands.
    """

    name: str
    value: Any
    places: dict[tuple[str | int, ...], Place] = field(default_factory=dict)

    def line(self, problem: Problem) -> str:
        """Return ``file:line:column: path: message``."""
        path = problem.path
        while path not in self.places and path:
            path = path[:-1]
        at = self.places.get(path, Place(1, 1))
        where = f"{self.name}:{at.line}:{at.column}"
        named = _path_text(problem.path)
        return f"{where}: {named}: {problem.message}" if named else f"{where}: {problem.message}"

    def error(self, problems: Iterable[Problem]) -> FileError:
        """Return all ``problems`` as one error, in the order of the file."""
        found = sorted(set(problems), key=lambda problem: self._position(problem.path))
        return FileError("\n".join(self.line(problem) for problem in found))

    def _position(self, path: tuple[str | int, ...]) -> Place:
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def read(path: Path) -> Document:
    """Read ``path``.

    Raises:
        FileError: It cannot be read, is too large, or is no plain YAML.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"{path}: {error.strerror or error}; check that the file is there and readable"
        raise FileError(message) from None
    return _document(raw, str(path), _composed_once)


def parse(raw: bytes | str, name: str) -> Document:
    """Read YAML text; ``name`` is how messages call it.

    Raises:
        FileError: As for :func:`read`.
    """
    return _document(raw.encode() if isinstance(raw, str) else raw, name, _composed)


def _composed(text: str) -> Node | None:
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


_composed_once = lru_cache(_KEPT)(_composed)
"""For files of whoever runs this: several parts of a worker read the same ones when it starts."""


def _document(raw: bytes, name: str, compose: Callable[[str], Node | None]) -> Document:
    if len(raw) > MAX_BYTES:
        raise FileError(f"{name}: is larger than {MAX_BYTES // 1024} KiB; split it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(f"{name}: is not UTF-8; save it as UTF-8") from None
    document = Document(name, None, {})
    try:
        node = compose(text)
    except MarkedYAMLError as error:
        raise _marked(name, error) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise FileError(f"{name}: is no YAML: {error}; check its structure") from None
    if node is None:
        raise FileError(f"{name}: is empty; write it, or take the file away")
    value = _Reader(document).read(node, ())
    return Document(name, value, document.places)


def _marked(name: str, error: MarkedYAMLError) -> FileError:
    mark = error.problem_mark or error.context_mark
    at = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    return FileError(f"{at}: {error.problem or error.context}; check the indentation and quotes")


class _Reader:
    """Turns YAML nodes into plain values, noting where each stands."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._inside: set[int] = set()

    def read(self, node: Node, path: tuple[str | int, ...]) -> Any:
        mark = node.start_mark
        # The first place counts: an error in a shared anchor is shown where it was written.
        self._document.places[path] = Place(mark.line + 1, mark.column + 1)
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise self._document.error([Problem(path[:3], "holds far too much; make it smaller")])
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._inside:
            raise self._document.error([Problem(path, "contains itself; take the alias out")])
        self._inside.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                self._plain(node, "seq", path)
                return [self.read(each, (*path, index)) for index, each in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._inside.discard(id(node))

    def _mapping(self, node: Node, path: tuple[str | int, ...]) -> dict[str, Any]:
        self._plain(node, "map", path)
        found: dict[str, Any] = {}
        assert isinstance(node, MappingNode)  # noqa: S101 - the composer makes three kinds.
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.value == "<<":
                raise self._at(key_node, path, "a key must be plain text; write it out")
            key = str(key_node.value)
            if key in found:
                raise self._at(key_node, (*path, key), "is written twice; keep one")
            found[key] = self.read(value_node, (*path, key))
            # A key says more about where a mistake is than the line its block begins on.
            mark = key_node.start_mark
            self._document.places[(*path, key)] = Place(mark.line + 1, mark.column + 1)
        return found

    def _scalar(self, node: ScalarNode, path: tuple[str | int, ...]) -> Any:
        text = str(node.value)
        if node.style is not None:
            self._plain(node, "str", path)
            return text
        kind = node.tag
        if kind == _TAG + "null":
            return None
        if kind == _TAG + "bool":
            return text.lower() == "true"
        if kind == _TAG + "int" and _INTEGER.match(text):
            return int(text)
        if kind == _TAG + "float" and _FLOAT.match(text):
            return float(text)
        if kind in {_TAG + "int", _TAG + "float"}:
            raise self._at(node, path, f"'{text}' is read as a number; put it in quotes")
        if kind not in {_TAG + "str", _TAG + "timestamp"}:
            self._plain(node, "str", path)
        return text

    def _plain(self, node: Node, kind: str, path: tuple[str | int, ...]) -> None:
        if node.tag != _TAG + kind:
            tag = _plain(str(node.tag))
            raise self._at(node, path, f"the tag {tag} is not taken; write a plain value")

    def _at(self, node: Node, path: tuple[str | int, ...], message: str) -> FileError:
        mark = node.start_mark
        self._document.places[path] = Place(mark.line + 1, mark.column + 1)
        return self._document.error([Problem(path, message)])


def model_from(document: Document, model: type[M]) -> M:
    """Return the document as ``model``.

    Raises:
        FileError: With every mistake and its place.
    """
    if not isinstance(document.value, dict):
        raise document.error([Problem((), "is no mapping; write 'name: value' lines")])
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        found = [details for details in error.errors() if not _echo(details, error)]
        raise document.error(_problem(details, model) for details in found) from None


def model_by_kind(document: Document, path: tuple[str, str], kinds: Mapping[str, type[M]]) -> M:
    """Return what stands at ``path`` as the model that its ``kind`` names.

    Raises:
        FileError: With every mistake and its place.
    """
    section, name = path
    fields = document.value[section][name]
    kind = fields.get("kind")
    if kind not in kinds:
        text = "is missing" if kind is None else f"{kind!r:.40} is not known"
        raise document.error([Problem((*path, "kind"), text + suggestion(str(kind), kinds))])
    # Seen from the top of the file, where it stands is part of each place.
    places = {place[len(path) :]: at for place, at in document.places.items() if place[:2] == path}
    return model_from(Document(document.name, fields, places), kinds[kind])


def _echo(details: ErrorDetails, error: ValidationError) -> bool:
    """Say whether a list is only called too short because its entries are wrong."""
    path = details["loc"]
    return details["type"] == "too_short" and any(
        len(other["loc"]) > len(path) and other["loc"][: len(path)] == path
        for other in error.errors()
    )


_SAID = {
    "missing": "is missing; add it",
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list; write each entry after a dash",
    "dict_type": "must be a mapping; write 'name: value' lines",
    "model_type": "must be a mapping; write 'name: value' lines",
    "model_attributes_type": "must be a mapping; write 'name: value' lines",
}


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    kind, path = details["type"], details["loc"]
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        return Problem(path, "is not known here" + suggestion(str(path[-1]), known))
    if kind == "value_error":
        return Problem(path, str(context["error"]))
    if kind in {"enum", "literal_error"}:
        return Problem(path, f"{details['input']!r:.60} is not known; write {context['expected']}")
    if kind == "string_pattern_mismatch":
        text = f"{details['input']!r:.80} has the wrong form; it must match {context['pattern']}"
        return Problem(path, text)
    if kind == "too_short":
        return Problem(path, f"needs at least {context['min_length']}; add what is missing")
    message = details["msg"].replace("Input should", "it must")
    return Problem(path, _SAID.get(kind) or message[:1].lower() + message[1:])


def _fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Return the field names that the model at ``path`` inside ``model`` has."""
    here: Any = model
    for step in path:
        here = _inside(here, step)
    return [info.alias or name for name, info in _fields(here).items()]


def _inside(annotation: Any, step: str | int) -> Any:
    """Return the type of what is at ``step`` in a model, list, mapping or optional of them."""
    fields = _fields(annotation)
    for name, info in fields.items():
        if step in {name, info.alias}:
            return _needed(info.annotation)
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return _needed(arguments[-1])
    return _needed(arguments[0]) if arguments else None


def _needed(annotation: Any) -> Any:
    """Take ``None`` out of an optional type."""
    parts = [part for part in get_args(annotation) if part is not NoneType]
    optional = NoneType in get_args(annotation)
    return parts[0] if optional and len(parts) == 1 else annotation


def _fields(annotation: Any) -> dict[str, FieldInfo]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields
    return {}


def _path_text(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        # Somebody typed the keys; they get into logs, notices and terminals.
        text += f"[{part}]" if isinstance(part, int) else f".{_plain(part)}"
    return text.removeprefix(".")


def _plain(typed: str) -> str:
    return clean_text(typed, 60, multiline=False, truncate=True)
