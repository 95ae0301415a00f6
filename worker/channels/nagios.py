"""Nagios: a passive check result by NSCA, by NRDP or through the external command file.

https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/passivechecks.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from worker.channels.channel import (
    Channel,
    FormHints,
    address_label,
    excerpt,
    json_body,
    json_object,
    judge_failure,
    judge_http,
    shown,
    wire_url,
)
from worker.channels.nagios_check import fitting, host_name, output, service_name, state_of
from worker.channels.nagios_settings import NEEDED, OWN, Encryption, NagiosSettings, PacketBytes, Via
from worker.messages import CommandLine, HttpPost, Message, PassiveCheck, Reply
from worker.models import Kind, Notice, Reason, Verdict


def compose(notice: Notice, settings: NagiosSettings) -> Message:
    """One passive check result; ValueError where the event names no host and the settings name none for it."""
    host, service = host_name(notice.event, settings), service_name(notice.event, settings)
    state = state_of(notice.event, settings.check)
    match settings.via:
        case Via.NSCA:
            return _nsca(notice, settings, host, service, state)
        case Via.NRDP:
            return _nrdp(notice, settings, host, service, state)
        case Via.COMMAND_FILE:
            return _command(notice, settings, host, service, state)


def _nsca(notice: Notice, settings: NagiosSettings, host: str, service: str, state: int) -> PassiveCheck:
    # The sizes of the packet's fields, the NUL at the end counted in:
    # https://github.com/NagiosEnterprises/nsca/blob/master/include/common.h
    room = 4096 if settings.packet_bytes is PacketBytes.CURRENT else 512
    return PassiveCheck(
        host=settings.host or "",
        port=settings.port,
        method=settings.encryption_method.value,
        packet_bytes=settings.packet_bytes.value,
        hostname=fitting(host, 63),
        service=fitting(service, 127),
        state=state,
        output=output(notice, room - 1),
        password=settings.password.get_secret_value() if settings.password else "",
    )


def _nrdp(notice: Notice, settings: NagiosSettings, host: str, service: str, state: int) -> HttpPost:
    """https://github.com/NagiosEnterprises/nrdp (server/plugins/nagioscorepassivecheck)."""
    result: dict[str, Any] = {"checkresult": {"type": settings.check.value}, "hostname": host}
    if service:
        result["servicename"] = service
    result |= {"state": str(state), "output": output(notice, 4095)}
    form = {
        "token": settings.token.get_secret_value() if settings.token else "",
        "cmd": "submitcheck",
        "json": json_body({"checkresults": [result]}).decode(),
    }
    url = _folder(settings.url or "")
    return HttpPost(
        url=url,
        label=f"POST {address_label(url)}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
    )


def _folder(url: str) -> str:
    """With the slash that web servers would otherwise ask for by a redirect, which is not followed."""
    parts = urlsplit(wire_url(url))
    last = parts.path.rpartition("/")[2]
    return parts.geturl() if not last or "." in last else parts._replace(path=f"{parts.path}/").geturl()


COMMAND_BYTES = 4096
"""PIPE_BUF on Linux: what a FIFO takes in one piece."""
STAMP_BYTES = len("[1234567890] \n") + 2


def _command(notice: Notice, settings: NagiosSettings, host: str, service: str, state: int) -> CommandLine:
    """https://assets.nagios.com/downloads/nagioscore/docs/externalcmds/cmdinfo.php?command_id=114 (and 115)."""
    # No service: an empty one makes it a host check.
    words = ["PROCESS_SERVICE_CHECK_RESULT", host, service] if service else ["PROCESS_HOST_CHECK_RESULT", host]
    command = ";".join([*words, str(state), ""])
    room = COMMAND_BYTES - STAMP_BYTES - len(command.encode("utf-8", "replace"))
    return CommandLine(path=settings.path or "", line=command + output(notice, room))


def judge(reply: Reply, settings: NagiosSettings) -> Verdict:
    """NRDP answers; NSCA and the command file never do, and success and a wrong password look the same there."""
    if settings.via is Via.NRDP:
        return _judge_nrdp(reply, settings)
    if reply.failure is not None:
        return judge_failure(reply)
    words = {
        Via.NSCA: "connected; NSCA does not confirm",
        Via.COMMAND_FILE: "written; the command file does not confirm",
    }
    return Verdict(Kind.DELIVERED, Reason.UNCONFIRMED, detail=words[settings.via])


_TOKEN_PROBLEMS = ("BAD TOKEN", "NO TOKEN", "NO TOKENS", "DENIED TOKEN", "NOT AUTHENTICATED", "BAD_USER", "BAD USER")


def _judge_nrdp(reply: Reply, settings: NagiosSettings) -> Verdict:
    """NRDP says 200 to everything; what counts is `result.status` (server/includes/utils.inc.php)."""
    if reply.failure is not None or not 200 <= (reply.status or 0) < 300:
        return judge_http(reply, settings)
    result = json_object(reply.body).get("result")
    if not isinstance(result, dict) or "status" not in result:
        detail = f"no answer of NRDP's: {excerpt(reply.body, settings)}"
        return Verdict(Kind.PERMANENT, Reason.BAD_REPLY, detail=detail, status_code=reply.status)
    if shown(result["status"]) == "0":
        return Verdict(Kind.DELIVERED, Reason.OK, detail=excerpt(reply.body, settings), status_code=reply.status)
    message = shown(result.get("message"), settings)
    reason = Reason.UNAUTHORIZED if message.upper() in _TOKEN_PROBLEMS else Reason.CLIENT_ERROR
    return Verdict(Kind.PERMANENT, reason, detail=message, status_code=200)


def warnings(settings: NagiosSettings) -> list[str]:
    """What is saved all the same, and may lose results."""
    found = []
    if not settings.unknown_host:
        found.append(f"unknown_host: not set; events without the tag {settings.host_tag!r} cannot be delivered")
    if settings.via is Via.NSCA and settings.encryption_method in {Encryption.NONE, Encryption.XOR}:
        found.append("encryption_method: 0 and 1 hide nothing from who reads along; 14 is AES")
    return found


CHANNEL = Channel(
    name="nagios",
    label="Nagios",
    settings=NagiosSettings,
    compose=compose,
    judge=judge,
    warnings=warnings,
    idempotent=True,  # a result states a condition: the same twice changes nothing
    form=FormHints(
        first=("via", *OWN[Via.NSCA][:4], "url", "token", "path", "check", "service_name", "unknown_host"),
        marked=tuple(name for names in NEEDED.values() for name in names),
        only_with={name: ("via", via.value) for via, names in OWN.items() for name in names},
    ),
    confirms=False,
    success="status 0 (NRDP); NSCA and the command file never confirm",
)
