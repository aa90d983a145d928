"""Replace a function wherever it was imported to."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def everywhere(patch: Callable[[Any, str, Any], object], owner: ModuleType, name: str, new: object) -> None:
    """`patch` (as `monkeypatch.setattr`) the `name` of `owner` with `new`, in each module that imported it."""
    old = getattr(owner, name)
    for module in [module for key, module in sys.modules.items() if key.startswith("penname")]:
        if vars(module).get(name) is old:
            patch(module, name, new)
