"""Hosts as people type them: which are taken, and as what they are sent."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.hosts import literal, wire_host


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("example.com", "example.com"),
        ("Example.COM.", "Example.COM."),
        ("mailhog", "mailhog"),
        ("my_service-2", "my_service-2"),
        ("1.example", "1.example"),
        ("8.8.8.8", "8.8.8.8"),
        ("2001:DB8::7", "2001:DB8::7"),
        ("::ffff:8.8.8.8", "::ffff:8.8.8.8"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),  # the older IDNA would send it to fass.example, which is another's
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_hosts_are_sent_in_ascii(typed, sent):
    """Names and addresses stay as they are; other scripts become what browsers make of them."""
    assert wire_host(typed) == sent


@pytest.mark.parametrize(
    "typed",
    """127.1 127.0.1 0 2130706433 0x7f000001 0x7f.1 0X7F.0.0.1 017700000001 0177.0.0.1 127.0.0.01 127.0.0.1. 1.2.3.4.5
    256.1.1.1 a.b.256 name.0x1f 0x example.0x ::1%lo fe80::1%25eth0 ::1::1 :::: [::1] 1.2.3.4:80 a:80 -a a- a..b .a
    a.-b .. %31 a%00 a/b a\\b a?b a#b a@b u:p@h a;b a|b a<b a'b a"b a$b a!b a*b a,b a(b a=b a+b a~b a^b `a` {a}
    １２７.0.0.1 127。0。0。1 ①②⑦.⓪.⓪.① ²130706433 ٣.٣.٣.٣ ☃.example
    """.split(),  # noqa: RUF001 - look-alikes are the point
)
def test_what_only_some_programs_take_is_refused(typed):
    """Short, octal, hex and decimal numbers, scopes, encodings, look-alike digits, separators."""
    with pytest.raises(ValueError, match=r"^must be "):
        wire_host(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "a b",
        "a\n",
        "\n8.8.8.8",
        "a" * 64,
        "a." * 127 + "a",
        "ü" * 80,
        *"a\u200bb a\u00adb a\u0000b a\u2060b \u200b127.0.0.1".split(" "),
    ],
)
def test_empty_long_and_blank_hosts_are_refused(typed):
    """No white space, nothing invisible, no label over 63 characters and no name over 253."""
    with pytest.raises(ValueError, match=r"^must be "):
        wire_host(typed)


@given(st.text(max_size=40))
def test_whatever_is_typed_ends_in_the_small_grammar(typed):
    """What is taken holds nothing that a URL, a resolver or a log could read as anything else."""
    try:
        sent = wire_host(typed)
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", sent)
    assert literal(sent) is None or ip_address(sent) == literal(sent)


@given(st.ip_addresses())
def test_every_address_in_its_usual_form_is_taken(address):
    """As the standard library writes it, short or long."""
    assert literal(wire_host(str(address))) == address
    assert literal(wire_host(address.exploded)) == address
