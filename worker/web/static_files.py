"""Scripts, styles and pictures, read once: `/static/NAME`, and with `?v=` of its content kept by browsers for good."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"


class StaticFiles:
    """The files under `worker/web/static`, and the address of each."""

    def __init__(self) -> None:
        self._files = {name: item.read_bytes() for name, item in _walk(files("worker.web") / "static")}
        self._versions = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in self._files.items()}

    def address(self, name: str) -> str:
        """The path of that file, which changes with its content; KeyError where there is none."""
        return f"/static/{name}?v={self._versions[name]}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The file, or 404."""
        name = request.match_info["name"]
        kind = TYPES.get(name.rpartition(".")[2])
        if name not in self._files or kind is None:
            raise web.HTTPNotFound(text="There is no such file.")
        version = self._versions[name]
        asked = request.query.get("v")
        response = web.Response(body=self._files[name], headers={"Content-Type": kind})
        response.headers["Cache-Control"] = FOR_GOOD if asked == version else ASK_AGAIN
        response.etag = version
        if any(tag.value == version for tag in request.if_none_match or ()):
            return web.Response(status=304, headers={"ETag": f'"{version}"', "Cache-Control": ASK_AGAIN})
        return response


def _walk(folder: Traversable, above: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in folder.iterdir():
        found += _walk(item, f"{above}{item.name}/") if item.is_dir() else [(f"{above}{item.name}", item)]
    return found
