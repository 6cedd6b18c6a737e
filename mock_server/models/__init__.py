"""The models, one file each. A file that defines ``ENDPOINT`` is found by itself.
May import: ``contract`` and below.
"""

from __future__ import annotations

import importlib
import pkgutil

from mock_server.contract.endpoint import Endpoint


def discover() -> dict[str, Endpoint]:
    """Every model by its id, in the order of their names."""
    found: dict[str, Endpoint] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if not module.name.startswith("_"):
            endpoint: Endpoint = importlib.import_module(f"{__name__}.{module.name}").ENDPOINT
            found[endpoint.model] = endpoint
    return found
