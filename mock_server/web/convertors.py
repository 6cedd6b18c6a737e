"""A path convertor for ids of any characters, line feeds and slashes included."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class AnythingConvertor(Convertor[str]):
    """The rest of the path, whatever it is, but not nothing."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("anything", AnythingConvertor())

#: The end of a route's path that takes the rest of any path.
REST = "{rest:anything}"
