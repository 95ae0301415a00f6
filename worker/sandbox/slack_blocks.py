"""What Slack takes as a message, for web hooks and the Web API alike.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from typing import Any

BLOCKS = 50
ATTACHMENTS = 100
HEADER_CHARS = 150
SECTION_CHARS = 3000
FIELDS = 10
FIELD_CHARS = 2000


def message_error(body: Any) -> str | None:
    """Slack's word for what is wrong with a message, or None."""
    if not isinstance(body, dict):
        return "invalid_payload"
    text, blocks, attachments = body.get("text"), body.get("blocks"), body.get("attachments")
    if text is not None and not isinstance(text, str):
        return "invalid_payload"
    if not (text or blocks or attachments):
        return "no_text"
    if attachments is not None and not _list_of_objects(attachments):
        return "invalid_attachments"
    if attachments and len(attachments) > ATTACHMENTS:
        return "too_many_attachments"
    nested = [attachment.get("blocks") for attachment in attachments or ()]
    return None if all(_blocks_fit(some) for some in (blocks, *nested)) else "invalid_blocks"


def _blocks_fit(blocks: Any) -> bool:
    if blocks is None:
        return True
    return _list_of_objects(blocks) and len(blocks) <= BLOCKS and all(_block_fits(block) for block in blocks)


def _block_fits(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "header":
        return _text_fits(block.get("text"), HEADER_CHARS, ("plain_text",))
    if kind == "section":
        fields = block.get("fields")
        has_text = block.get("text") is None or _text_fits(block["text"], SECTION_CHARS)
        return (block.get("text") or fields) is not None and has_text and _fields_fit(fields)
    return isinstance(kind, str)


def _fields_fit(fields: Any) -> bool:
    if fields is None:
        return True
    return isinstance(fields, list) and 1 <= len(fields) <= FIELDS and all(_text_fits(f, FIELD_CHARS) for f in fields)


def _text_fits(text: Any, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return False
    words = text.get("text")
    return isinstance(words, str) and 1 <= len(words) <= most


def _list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
