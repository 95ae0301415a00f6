"""What is typed to get past the guard: a table by kind. Whatever of it is let through is a hole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from security.spellings import dressed, embedded, encoded, looking_alike, numbers, overflowing

PUBLIC: Final = "93.184.215.14"
"""Where the names below are when they are not inside. A connection to there is none of the holes."""

TARGETS: Final = {
    "127.0.0.1": (127, 0, 0, 1),
    "10.0.0.1": (10, 0, 0, 1),
    "169.254.169.254": (169, 254, 169, 254),
    "168.63.129.16": (168, 63, 129, 16),
}


@dataclass(frozen=True, slots=True)
class Form:
    """Something typed. `{port}` in it is the canary's port; with `url` it is a whole address, else a host."""

    kind: str
    typed: str
    url: bool = False

    def as_url(self, port: int) -> str:
        """What a web hook's owner would fill in."""
        return self.typed.replace("{port}", str(port)) if self.url else f"http://{self.typed}:{port}/"

    def as_host(self, port: int) -> str:
        """What an SMTP server's or a Nagios host's owner would fill in."""
        typed = self.typed.replace("{port}", str(port))
        return typed[1:-1] if typed.startswith("[") and typed.endswith("]") else typed


RANGES: Final = """
    0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.2 127.255.255.254
    169.254.0.1 169.254.0.23 169.254.42.42 169.254.170.2 169.254.170.23 172.16.0.1 172.17.0.1 172.31.255.255 192.0.0.1
    192.0.0.8 192.0.0.9 192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1
    198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 [::] [::1]
    [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::1%25lo] [::1%lo] [::%25eth0] [::2] [100::1]
    [100:0:0:1::1] [2001::1] [2001:1::1] [2001:2::1] [2001:10::1] [2001:20::1] [2001:30::1] [2001:db8::1] [2002::1]
    [3fff::1] [3fff:fff::1] [4000::1] [5f00::1] [8000::1] [fc00::1] [fd00::1] [fd00:ec2::254] [fd00:ec2::23]
    [fd20:ce::254] [fd00:42::42] [fdff:ffff::1] [fe80::1] [fe80::1%25eth0] [fe80::a9fe:a9fe] [febf::1] [fec0::1]
    [feff::1] [ff00::1] [ff02::1] [ff05::1:3] [ff0e::1] [ffff::1] [FE80::1] [FD00:EC2::254]
"""

NAMES: Final = {
    "localhost": "127.0.0.1 ::1",
    "LOCALHOST": "127.0.0.1",
    "LocalHost.": "127.0.0.1",
    "localhost.localdomain": "127.0.0.1",
    "anything.localhost": "127.0.0.1",
    "ip6-localhost": "::1",
    "ｌｏｃａｌｈｏｓｔ": "127.0.0.1",  # noqa: RUF001 - full-width letters
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ": "127.0.0.1",
    "localtest.me": "127.0.0.1",
    "127.0.0.1.nip.io": "127.0.0.1",
    "7f000001.nip.io": "127.0.0.1",
    "app-10-0-0-1.sslip.io": "10.0.0.1",
    "spoofed.example": "0.0.0.0",
    "v6.spoofed.example": "::",
    "mapped.spoofed.example": "::ffff:127.0.0.1",
    "nat64.spoofed.example": "64:ff9b::7f00:1",
    "6to4.spoofed.example": "2002:7f00:1::1",
    "scoped.spoofed.example": "fe80::1",
    "intranet": "192.168.0.10",
    "host.docker.internal": "172.17.0.1",
    "kubernetes.default.svc": "10.96.0.1",
    "metadata": "169.254.169.254",
    "metadata.google.internal": "169.254.169.254 fd20:ce::254",
    "metadata.google.internal.": "169.254.169.254",
    "METADATA.Google.Internal": "169.254.169.254",
    "instance-data.ec2.internal": "169.254.169.254 fd00:ec2::254",
    "metadata.tencentyun.com": "169.254.0.23",
    "wireserver.azure.example": "168.63.129.16",
    "xn--loclhost-2za.example": "127.0.0.1",
    "both.inside.example": "10.0.0.1 192.168.0.1 fd00::1",
    "mixed.example": f"{PUBLIC} 127.0.0.1",
    "mixed-too.example": f"::1 169.254.169.254 {PUBLIC}",
    "public.example": PUBLIC,
}
"""What a resolver would answer to each name."""
REBINDING: Final = {
    "second.rebind.example": [PUBLIC, "127.0.0.1"],
    "metadata.rebind.example": [PUBLIC, "169.254.169.254"],
    "flip.rebind.example": ["127.0.0.1", PUBLIC, "127.0.0.1", PUBLIC],
    "flop.rebind.example": [PUBLIC, "127.0.0.1", PUBLIC, "127.0.0.1"],
    "third.rebind.example": [PUBLIC, PUBLIC, "10.0.0.1"],
    "v6.rebind.example": [PUBLIC, "::1"],
    "mapped.rebind.example": [PUBLIC, "::ffff:127.0.0.1"],
    "both.rebind.example": [f"{PUBLIC} 127.0.0.1", "127.0.0.1"],
    "zero.rebind.example": [PUBLIC, "0.0.0.0"],
    "nat64.rebind.example": [PUBLIC, "64:ff9b::a9fe:a9fe"],
}
"""What it would answer each time that it is asked; the last one for ever."""

TRICKS: Final = """
    http://user:password@127.0.0.1:{port}/ http://127.0.0.1:{port}@public.example/
    http://public.example@127.0.0.1:{port}/ http://public.example:80@127.0.0.1:{port}/
    http://public.example%40127.0.0.1:{port}/ http://@127.0.0.1:{port}/ http://:@127.0.0.1:{port}/
    http://a@b@127.0.0.1:{port}/ http://public.example%00@127.0.0.1:{port}/ http://127.0.0.1\\@public.example:{port}/
    http://public.example\\@127.0.0.1:{port}/ http://127.0.0.1:{port}\\public.example/
    http://public.example\\.127.0.0.1:{port}/ http:\\\\127.0.0.1:{port}\\ http:/\\127.0.0.1:{port}/
    http:\\/127.0.0.1:{port}/ http:/127.0.0.1:{port}/ http:127.0.0.1:{port}/ http:///127.0.0.1:{port}/
    http:////127.0.0.1:{port}/ //127.0.0.1:{port}/ ///127.0.0.1:{port}/ 127.0.0.1:{port} 127.0.0.1:{port}/http://
    http://#@127.0.0.1:{port}/ http://127.0.0.1:{port}#@public.example/ http://127.0.0.1:{port}?@public.example/
    http://public.example#@127.0.0.1:{port}/ http://public.example?@127.0.0.1:{port}/
    http://public.example;@127.0.0.1:{port}/ http://127.0.0.1:{port};@public.example/
    http://127.0.0.1%23@public.example:{port}/ http://127.0.0.1%2f@public.example:{port}/ http://127.0.0.1%09:{port}/
    http://127.0.0.1%0d%0a:{port}/ http://[127.0.0.1]:{port}/ http://[::1]@127.0.0.1:{port}/ http://[::1:{port}/
    http://::1]:{port}/ http://::1:{port}/ http://[[::1]]:{port}/ http://[::1].:{port}/
    http://[::1]public.example:{port}/ http://public.example[::1]:{port}/ http://[v1.fe80::1]:{port}/
    http://[localhost]:{port}/ http://127.0.0.1::{port}/ http://127.0.0.1:0{port}/ http://127.0.0.1:+{port}/
    http://127.0.0.1:0/ http://127.0.0.1:-1/ http://127.0.0.1:65536/ http://127.0.0.1:99999999999/
    http://127.0.0.1:0x50/ http://127.0.0.1:８０/ http://127.0.0.1:80:{port}/ http://127.0.0.1,public.example:{port}/
    http://127.0.0.1|public.example:{port}/ http://{127.0.0.1}:{port}/ http://$HOME:{port}/
    http://127.0.0.1:{port}/../../ http://127.0.0.1:{port}/?url=http://public.example HTTP://127.0.0.1:{port}/
    hTtP://LOCALHOST:{port}/ https://127.0.0.1:{port}/ https://localhost:{port}/ https://[::1]:{port}/
    https://169.254.169.254/latest/meta-data/ http://169.254.169.254/latest/meta-data/iam/security-credentials/
    http://metadata.google.internal/computeMetadata/v1/ http://100.100.100.200/latest/meta-data/
    http://168.63.129.16/machine?comp=goalstate http://[fd00:ec2::254]/latest/ http://℀public.example:{port}/
    http://127.0.0.1／public.example:{port}/ http://public.example＠127.0.0.1:{port}/ http://127.0.0.1：{port}/
    http://127.0.0.1？public.example:{port}/ http://127.0.0.1＃public.example:{port}/
"""  # noqa: RUF001 - look-alikes are the point
SPACED: Final = [
    " http://127.0.0.1:{port}/",
    "\thttp://127.0.0.1:{port}/",
    "\x00http://127.0.0.1:{port}/",
    "\x01http://127.0.0.1:{port}/",
    "ht\ntp://127.0.0.1:{port}/",
    "h\tttp://127.0.0.1:{port}/",
    "http:/\n/127.0.0.1:{port}/",
    "http://127.0\t.0.1:{port}/",
    "http://127.0\n.0.1:{port}/",
    "http://127.0\r.0.1:{port}/",
    "http://public.example\n@127.0.0.1:{port}/",
    "http://public.example\r\nHost: 127.0.0.1:{port}/",
    "http://127.0.0.1 .public.example:{port}/",
    "http://127.0.0.1\x00.public.example:{port}/",
    "http://127.0.0.1\x0b:{port}/",
    "http://127.0.0.1\u00a0:{port}/",
    "http://127.0.0.1\u2028:{port}/",
    "http://127.0.0.1\u3000:{port}/",
]
SCHEMES: Final = """
    file:///etc/passwd file://127.0.0.1/etc/passwd file://localhost:{port}/ gopher://127.0.0.1:{port}/_x
    ftp://127.0.0.1:{port}/ ftps://127.0.0.1:{port}/ sftp://127.0.0.1:{port}/ tftp://127.0.0.1:{port}/
    dict://127.0.0.1:{port}/x ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{port}/ smb://127.0.0.1:{port}/
    ws://127.0.0.1:{port}/ wss://127.0.0.1:{port}/ tcp://127.0.0.1:{port} udp://127.0.0.1:{port}
    redis://127.0.0.1:{port}/ smtp://127.0.0.1:{port}/ telnet://127.0.0.1:{port}/ jar:http://127.0.0.1:{port}/!/
    netdoc:///etc/passwd view-source:http://127.0.0.1:{port}/ javascript:alert(1) data:text/plain,x
    blob:http://127.0.0.1:{port}/ about:blank unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/info
    http://unix:/var/run/docker.sock:/info unix:/run/redis.sock npipe:////./pipe/docker_engine
    httpx://127.0.0.1:{port}/ xhttp://127.0.0.1:{port}/ http2://127.0.0.1:{port}/ url:http://127.0.0.1:{port}/
    http+http://127.0.0.1:{port}/ mailto:a@127.0.0.1 nsca://127.0.0.1:{port}/ php://filter/x phar://x
"""
ODD_HOSTS: Final = [
    *("", ".", "..", "0", "00", "0x0", "0x", "0.0", "0.0.0", "*", "%", "%00", "%2e", "-", "~", "$(id)", "`id`", "\\"),
    *("/var/run/docker.sock", "unix:/var/run/docker.sock", "\0localhost", "localhost\0.public.example", "a" * 300),
    *(
        "localhost\n",
        "localhost\r\nRCPT TO:<x>",
        "localhost:25",
        "127.0.0.1:25",
        "user@127.0.0.1",
        "localhost/",
        "::1]",
    ),
    *("::1%1", "::ffff:127.0.0.1%lo", "::ffff:0177.0.0.1", "::ffff:0x7f000001", "[::1]", "１", "⓪"),  # noqa: RUF001
]


def forms() -> Iterator[Form]:
    """Every form, each once."""
    yield from dict.fromkeys(_forms())


def _forms() -> Iterator[Form]:
    for dotted, parts in TARGETS.items():
        yield Form("plain IPv4", dotted)
        yield from (Form("octal, hex, decimal and short", typed) for typed in numbers(parts))
        yield from (Form("numbers too large", typed) for typed in overflowing(parts))
        yield from (Form("IPv6 around IPv4", typed) for typed in embedded(parts))
        yield from (Form("look-alike and invisible characters", typed) for typed in looking_alike(dotted))
    yield from (Form("something around it", typed) for typed in dressed("127.0.0.1"))
    yield from (Form("percent-encoding", typed) for typed in encoded("127.0.0.1"))
    yield from (Form("special ranges", typed) for typed in RANGES.split())
    yield from (Form("names", typed) for typed in NAMES if typed != "public.example")
    yield from (Form("rebinding", typed) for typed in REBINDING)
    yield from (Form("odd hosts", typed) for typed in ODD_HOSTS)
    yield from (Form("tricks in URLs", typed, url=True) for typed in TRICKS.split())
    yield from (Form("white space and control characters", typed, url=True) for typed in SPACED)
    yield from (Form("other schemes", typed, url=True) for typed in SCHEMES.split())
