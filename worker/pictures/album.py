"""What the console shows pictures from: a gallery, and the keys of their addresses."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.settings import Settings
from worker.keys import MasterKeys
from worker.pictures.gallery import Gallery, open_gallery
from worker.pictures.links import link_keys


@dataclass(frozen=True, slots=True)
class Album:
    """Both, for as long as a console runs."""

    gallery: Gallery
    keys: tuple[bytes, ...] = field(repr=False)
    """Newest first; an address made with any of them is good."""


def open_album(settings: Settings, keys: MasterKeys) -> Album | None:
    """As the settings have it; None where there are no pictures."""
    gallery = open_gallery(settings)
    return Album(gallery, link_keys(keys)) if gallery else None
