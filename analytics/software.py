"""The software that computes a model, by name and version: with it, rows and parameters give the same bytes again."""

import platform
from importlib.metadata import version


def software() -> dict[str, str]:
    """Return names and versions of what the bytes of a model depend on."""
    packages = {name: version(name) for name in ("numpy", "xgboost")}
    return {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"} | packages
