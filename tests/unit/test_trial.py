"""Test: the production path, and a diagnosis in words for each way it can end."""

from __future__ import annotations

import pytest

from worker.channels import CHANNELS
from worker.messages import Failure, Reply
from worker.models import Reason
from worker.settings_fields import settings_from_pairs
from worker.trial import _HINTS, tried

TOKEN = "aBcDeFgHiJ" * 4
HIPCHAT = {"room": "Ops", "token": TOKEN}


class FakeCarrier:
    """Takes every message and gives back one reply."""

    def __init__(self, reply) -> None:
        self.reply = reply
        self.messages = []

    async def carry(self, message):
        self.messages.append(message)
        return self.reply


async def trial_of(reply, channel="hipchat", pairs=HIPCHAT):
    """What a Test says when the vendor replies so."""
    kind = CHANNELS[channel]
    return await tried(kind, settings_from_pairs(pairs, kind), FakeCarrier(reply), now=1_700_000_000.0)


@pytest.mark.parametrize("status", [200, 204])
async def test_200_and_204_mean_configured_correctly(status):
    """HipChat's two answers of success are told in the words of its page."""
    trial = await trial_of(Reply(status=status, elapsed_ms=12.34))
    assert trial.delivered
    assert trial.diagnosis == f"{status}: configured correctly (HipChat answers 200 or 204)"
    assert (trial.status_code, trial.elapsed_ms) == (status, 12.3)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=401), "401: refused: the token"),
        (Reply(status=403), "403: refused: the token"),
        (Reply(status=404), "404: not found: the room"),
        (Reply(status=400, body=b"no"), "400: they refuse this message"),
        (Reply(status=302), "302: they answer with a redirect"),
        (Reply(status=429), "429: the settings may be right"),
        (Reply(status=503), "503: their server has a problem"),
        (Reply(failure=Failure.CONNECT, detail="refused"), "no connection: check host and port"),
        (Reply(failure=Failure.TIMEOUT), "no connection in time"),
        (Reply(failure=Failure.NO_ANSWER), "sent, but no answer came: it may have arrived"),
        (Reply(failure=Failure.TLS, detail="self-signed"), "TLS failed"),
        (Reply(failure=Failure.ADDRESS, detail="the CA file cannot be used"), "cannot or may not be reached (the CA"),
        (Reply(failure=Failure.NOT_ALLOWED, detail="10.0.0.1 is"), "not be reached (settings: 10.0.0.1 is)"),
    ],
)
async def test_what_went_wrong_is_told_with_what_to_do(reply, words):
    """Each failure has its own advice, and none counts as delivered."""
    trial = await trial_of(reply)
    assert not trial.delivered
    assert words in trial.diagnosis


async def test_an_old_token_that_is_refused_is_told_as_such():
    """A 401 to a token of HipChat's API v1 says what to do about it, in the words of its page, and theirs once."""
    body = b'{"error":{"code":401,"message":"Invalid OAuth session","type":"Unauthorized"}}'
    trial = await trial_of(Reply(status=401, body=body), pairs=HIPCHAT | {"token": "0123456789abcdef0123456789abcd"})
    assert trial.diagnosis == (
        "401: this looks like an OAuth1 token; create an OAuth2 token in Rooms / your room / Tokens "
        "(Invalid OAuth session (Unauthorized))"
    )


async def test_the_request_is_shown_without_its_secrets():
    """Method, address, headers and body as they went out, the token as stars; also where nothing came back."""
    for reply in (Reply(status=204), Reply(failure=Failure.CONNECT)):
        request = (await trial_of(reply)).request
        assert (request.method, request.headers["Authorization"]) == ("POST", "Bearer ***")
        assert request.address == "https://api.hipchat.com/v2/room/Ops/notification"
        assert '"color": "gray"' in request.body
        assert TOKEN not in repr(request)
    kind = CHANNELS["nagios"]
    nowhere = settings_from_pairs({"via": "nsca", "host": "n.example.com"}, kind).model_copy(update={"host_tag": ""})
    trial = await tried(kind, nowhere, FakeCarrier(Reply()), now=1_700_000_000.0)
    assert (trial.reason, trial.request) == ("bad_settings", None)


async def test_what_does_not_confirm_says_so():
    """NSCA and a command file count as sent, with an honest sentence."""
    nsca = await trial_of(Reply(), "nagios", {"via": "nsca", "host": "nagios.example.com"})
    written = await trial_of(Reply(), "nagios", {"via": "command_file", "path": "/run/nagios.cmd"})
    assert nsca.delivered
    assert nsca.diagnosis.startswith("connected; NSCA does not confirm")
    assert written.diagnosis.startswith("written; a command file does not confirm")


async def test_a_reply_that_echoes_the_secret_does_not_show_it():
    """Whatever the vendor sends back, the token is not in what is shown."""
    for status in (200, 400):
        trial = await trial_of(Reply(status=status, body=f"x{TOKEN} \x1b[31m".encode() * 30))
        assert TOKEN[:20] not in repr(trial)
        assert "\x1b" not in repr(trial.body)


async def test_a_defect_that_quotes_the_secret_does_not_show_it():
    """An exception of ours is told in words, and no traceback follows it to the terminal."""

    class Broken:
        async def carry(self, message):
            raise RuntimeError(f"cannot send {message.headers}")

    kind = CHANNELS["hipchat"]
    trial = await tried(kind, settings_from_pairs(HIPCHAT, kind), Broken(), now=1_700_000_000.0)
    assert not trial.delivered
    assert trial.diagnosis.startswith("a defect in Bellhop; please report it (RuntimeError: cannot send {")
    assert TOKEN[:20] not in repr(trial)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_message_says_that_it_is_a_test(channel):
    """Nobody shall take it for an alert; the lowest severity pages fewest."""
    pairs = {
        "hipchat": HIPCHAT,
        "slack": {"webhook_url": "https://hooks.slack.com/services/T/B/x"},
        "email": {"to": "a@example.com", "from": "b@example.com", "host": "smtp.example.com"},
        "pagerduty": {"routing_key": "a1" * 16},
        "nagios": {"via": "nsca", "host": "nagios.example.com", "host_tag": "node"},
        "webhook": {"url": "https://example.com/hook"},
    }[channel]
    kind, carrier = CHANNELS[channel], FakeCarrier(Reply(status=202))
    await tried(kind, settings_from_pairs(pairs, kind), carrier, now=1_700_000_000.0)
    message = carrier.messages[0]
    text = getattr(message, "body", b"") or getattr(message, "data", b"") or message.output.encode()
    assert b"TEST" in text.upper()


def test_every_reason_that_an_attempt_can_give_has_advice():
    """No failure ends in a shrug."""
    never_by_an_attempt = {
        Reason.DISABLED,
        Reason.PAUSED,
        Reason.WORKER_DIED,
        Reason.SUPERSEDED,
        Reason.EXPIRED,
        Reason.NO_DESTINATION,
    }
    fine = {Reason.OK, Reason.PARTIAL, Reason.UNCONFIRMED}
    missing = {reason.value for reason in set(Reason) - never_by_an_attempt - fine - set(_HINTS)}
    assert missing == set()


async def test_a_refused_address_is_told_with_its_setting():
    """Field, address and the operator's setting; a host is no secret, though the address around it is."""
    refusal = "hipchat.internal is at 10.0.0.5, which is …; an operator can allow it with BELLHOP_ALLOWED_ADDRESSES"
    pairs = HIPCHAT | {"base_url": "https://HipChat.internal/a-long-secret-path"}
    trial = await trial_of(Reply(failure=Failure.NOT_ALLOWED, detail=refusal), pairs=pairs)
    assert trial.detail == f"settings.base_url: {refusal}"
    assert trial.diagnosis == f"this address cannot or may not be reached (settings.base_url: {refusal})"
    assert trial.reason == Reason.BAD_ADDRESS.value
