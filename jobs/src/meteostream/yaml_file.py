"""Editable YAML files: read into typed structures, and refused with a sentence where they do not fit.

A key that comes twice is an error (YAML's own readers take the last one in silence), and so is one that nobody reads.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import yaml

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """Refuses mappings with a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"expected the key {key!r} once, found it twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def decode_yaml(text: str, type_: type[T], origin: str, error: type[ValueError]) -> T:
    """Read YAML into a structure.

    Parameters
    ----------
    text
        The file's content.
    type_
        A msgspec structure; numbers, texts and booleans are not converted into each other.
    origin
        Its name, for errors.
    error
        What to raise.

    Raises
    ------
    error
        Naming file, place and what is wrong.
    """
    try:
        return msgspec.convert(yaml.load(text, _Loader), type_)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as problem:
        raise error(f"{origin}: expected YAML: {' '.join(str(problem).split())}") from None
    except msgspec.ValidationError as problem:
        raise error(f"{origin}: {problem}") from None
