"""Zeke's remote plugin. Only the standard library and pynvim are imported here: the rest waits for a request."""

from __future__ import annotations

__version__ = "0.1.0"

from zeke.plugin import ZekePlugin

__all__ = ["ZekePlugin", "__version__"]
