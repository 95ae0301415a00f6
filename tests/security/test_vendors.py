"""Where canaries are sent: settings lead to the loopback, and parrots repeat what they hear."""

from __future__ import annotations

import smtplib
from itertools import islice
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from security.canary import Canary, Search
from security.planting import Mint
from security.samples import plant_everything
from security.vendors import Parrots, Place, body, forms, settings_at
from worker.channels import CHANNELS
from worker.channels.secrecy import secrets_of

PLACE = Place("http://127.0.0.1:9000", 2525, 5668, None)
SECRET = 'Zebra1Zebra2"\\+Giraffe3Giraffe4'


def test_every_address_leads_to_the_place_and_every_secret_stays():
    """No canary is sent to anybody's real server."""
    everything = plant_everything(Mint())
    search = Search(everything.canaries)
    for channel, tree in everything.trees:
        led = settings_at(PLACE, channel, tree)
        moved = channel.settings.model_validate(led)
        assert search.found("\n".join(secrets_of(moved))) == search.found(str(tree))
        assert not [name for name in ("url", "host", "base_url", "api_url") if "example" in str(led.get(name))]
        assert ".com" not in "\n".join(secrets_of(moved))


def test_a_parrot_repeats_a_secret_in_every_form():
    """Else nothing would show whether it is hidden."""
    search = Search([Canary("first", "Zebra1Zebra2"), Canary("last", "Giraffe3Giraffe4")])
    assert all(search.found(form) for form in forms(SECRET))
    assert all(search.found(body(turn, [SECRET])) for turn in range(5))
    assert len({body(turn, [SECRET]) for turn in range(10)}) == 5


def test_parrots_hear_headers_addresses_bodies_and_logins():
    """Only what they were sent, and by HTTP and SMTP alike."""
    with Parrots() as parrots:
        parrots.listen({"Zebra1": SECRET, "Elephant9": "Elephant9"})
        for path, headers in (("/?k=Zebra1", {}), ("/", {"Authorization": "Bearer Zebra1"}), ("/", {"X": "no"})):
            answers = [_answer(Request(parrots.place.url + path, b"x", headers)) for _ in range(3)]  # noqa: S310
            assert all(("Zebra1" in answer) == ("X" not in headers) for answer in answers)
            assert not any("Elephant9" in answer for answer in answers)
        with smtplib.SMTP("127.0.0.1", parrots.place.smtp_port) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login("bellhop", "Zebra1")
            assert b"Zebra1Zebra2" in refused.value.smtp_error


def _answer(request):
    try:
        with urlopen(request) as answer:  # noqa: S310 - our own server
            return answer.read().decode() + str(answer.headers)
    except HTTPError as refusal:
        with refusal:
            return refusal.read().decode() + str(refusal.headers)


@pytest.mark.parametrize("name", CHANNELS)
def test_each_channel_has_a_way_to_the_place(name):
    """Its settings stay valid there."""
    everything = plant_everything(Mint())
    for tree in islice(everything.channels[name].values(), 3):
        CHANNELS[name].settings.model_validate(settings_at(PLACE, CHANNELS[name], tree))
