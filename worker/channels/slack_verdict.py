"""What Slack's answers mean. Its web hooks answer in words, its Web API says `ok: false` with a status of 200."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from worker.channels.replies import bad_reply, json_object, judge_http, reference, retry_after_s, shown
from worker.messages import Reply
from worker.models import Kind, Reason, Verdict

_PASSING = (Kind.RETRYABLE, Reason.SERVER_ERROR)
_THROTTLED = (Kind.RATE_LIMITED, Reason.RATE_LIMITED)
_FORBIDDEN = (Kind.PERMANENT, Reason.UNAUTHORIZED)
_GONE = (Kind.PERMANENT, Reason.NOT_FOUND)
_REFUSED = (Kind.PERMANENT, Reason.CLIENT_ERROR)

ERRORS = {
    # https://docs.slack.dev/reference/methods/chat.postMessage#errors
    **dict.fromkeys(
        ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"), _PASSING
    ),
    **dict.fromkeys(("ratelimited", "rate_limited", "rate_limit_exceeded"), _THROTTLED),
    **dict.fromkeys(
        (
            "access_denied",
            "account_inactive",
            "ekm_access_denied",
            "enterprise_is_restricted",
            "invalid_auth",
            "missing_scope",
            "no_permission",
            "not_allowed_token_type",
            "not_authed",
            "not_in_channel",
            "org_login_required",
            "restricted_action",
            "team_access_not_granted",
            "token_expired",
            "token_revoked",
            "two_factor_setup_required",
        ),
        _FORBIDDEN,
    ),
    **dict.fromkeys(("channel_not_found", "is_archived", "user_not_found"), _GONE),
    # https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
    **dict.fromkeys(("action_prohibited", "invalid_token"), _FORBIDDEN),
    **dict.fromkeys(("channel_is_archived", "no_service", "no_team", "no_active_hooks", "no_channel"), _GONE),
    "rollup_error": _PASSING,
}


def judge_web_hook(reply: Reply, settings: Any) -> Verdict:
    """Success is 200 with the body `ok` and nothing else: web hooks have answered 200 with `no_channel`."""
    verdict = judge_http(reply, settings)
    if verdict.kind is not Kind.DELIVERED:
        return verdict
    said = reply.body.strip()
    if reply.status == 200 and said == b"ok":
        return verdict
    if (error := said.decode("ascii", "replace")) in ERRORS:
        return _by_name(verdict, reply, error)
    return bad_reply(reply, settings, "a Slack web hook answers 200 and `ok`")


def judge_web_api(reply: Reply, settings: Any) -> Verdict:
    """Success is `ok: true`; everything else has a name: https://docs.slack.dev/apis/web-api/#responses."""
    verdict = judge_http(reply, settings)
    if verdict.kind is not Kind.DELIVERED:
        return verdict
    answer = json_object(reply.body)
    if reply.status != 200 or not isinstance(answer.get("ok"), bool):
        return bad_reply(reply, settings, "Slack's Web API answers 200 and a JSON object with `ok`")
    if answer["ok"]:
        return replace(verdict, detail="ok", provider_ref=_reference(answer, settings))
    return _by_name(verdict, reply, shown(answer.get("error"), settings), shown(answer.get("needed"), settings))


def _by_name(verdict: Verdict, reply: Reply, error: str, needed: str = "") -> Verdict:
    kind, reason = ERRORS.get(error, _REFUSED)
    detail = f"{error or 'no error named'} (needs the scope {needed})" if needed else error or "no error named"
    return replace(verdict, kind=kind, reason=reason, detail=detail, retry_after_s=retry_after_s(reply.headers))


def _reference(answer: dict[str, Any], settings: Any) -> str | None:
    """`<channel id>:<ts>`: what a thread or an update of this message needs."""
    channel, ts = (reference(answer.get(name), settings) for name in ("channel", "ts"))
    return f"{channel}:{ts}" if channel and ts else None
