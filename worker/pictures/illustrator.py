"""Gives a notice what its channel can show of the metric: a link, or the picture itself where it is ready in time."""

from __future__ import annotations

from traceback import format_exception
from typing import Any

import structlog
from msgspec.structs import replace

from config.settings import Settings
from worker.channels.channel import Channel, Shows
from worker.channels.secrecy import without_secrets
from worker.keys import MasterKeys
from worker.models import Event, Notice, Picture
from worker.pictures.charts import alt_text
from worker.pictures.gallery import Gallery, open_gallery
from worker.pictures.links import Links, link_keys

log = structlog.get_logger()


class Illustrator:
    """Adds pictures to notices. `links` is None where the console has no address that vendors could reach."""

    def __init__(self, gallery: Gallery, links: Links | None, wait_s: float) -> None:
        self._gallery = gallery
        self._links = links
        self._wait_s = wait_s

    async def illustrated(self, notice: Notice, channel: Channel, settings: Any) -> Notice:
        """The notice with what its channel can show; itself where there is nothing to show, or not in time.

        Never raises: an alert without its picture is still an alert.
        """
        try:
            picture = await self._picture(notice.event, channel.shows(settings))
        except Exception as defect:  # noqa: BLE001
            # It must not tell the log what the settings hold.
            traceback = without_secrets("".join(format_exception(defect)), settings)
            log.error("picture.crashed", delivery=notice.delivery_id, exception=traceback)  # noqa: TRY400
            return notice
        return replace(notice, picture=picture) if picture else notice

    async def close(self) -> None:
        """Stop drawing."""
        await self._gallery.close()

    async def _picture(self, event: Event, shows: Shows) -> Picture | None:
        if not shows or event.metric is None or not event.metric.points:
            return None
        url = self._links.url(event) if self._links and shows & Shows.LINK else ""
        png = await self._gallery.picture(event, self._wait_s) if shows & Shows.IMAGE else b""
        return Picture(alt=alt_text(event), url=url, png=png) if url or png else None


def illustrator(settings: Settings, keys: MasterKeys) -> Illustrator | None:
    """As the settings have it; None where there are no pictures."""
    gallery = open_gallery(settings)
    if gallery is None:
        return None
    links = Links(settings.web_public_url, link_keys(keys)) if settings.web_public_url and keys.ids else None
    return Illustrator(gallery, links, settings.picture_wait_s)
