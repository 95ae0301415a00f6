"""Settings from the environment: what is read, what is refused, and that the example knows them all."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.proxy import ProxyAddress, proxy_address
from config.settings import PREFIX, SECRETS, LogFormat, Settings, misspelt, read_settings
from worker.allow_list import Allowed
from worker.errors import InvalidSettings

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    """No variable of the machine, and no `.env` but the test's."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name}".upper(), raising=False)
        monkeypatch.delenv(f"{PREFIX}{name}_FILE".upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_example_names_every_setting_with_its_description_and_default():
    """`example.env` and the code cannot drift apart."""
    text = (CONFIG / "example.env").read_text(encoding="utf-8")
    named = re.findall(r"^# (BELLHOP_[A-Z_]+)=(.*)$", text, re.MULTILINE)
    wanted = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    assert {name for name, _ in named} == wanted | {f"{PREFIX}{name}_FILE".upper() for name in SECRETS}
    words = " ".join(line.removeprefix("#").strip() for line in text.splitlines())
    assert [name for name, field in Settings.model_fields.items() if field.description not in words] == []


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    """Compose files pass unset variables on as empty ones."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", "")
    monkeypatch.setenv("BELLHOP_BATCH", "")
    assert read_settings() == Settings.model_construct()


def test_the_examples_values_are_the_defaults(monkeypatch):
    """What `example.env` shows in comments is what holds without it."""
    text = (CONFIG / "example.env").read_text(encoding="utf-8")
    for name, value in re.findall(r"^# (BELLHOP_[A-Z_]+)=(.+)$", text, re.MULTILINE):
        monkeypatch.setenv(name, value)
    assert read_settings() == Settings.model_construct()


def test_variables_and_the_env_file_are_read(monkeypatch, tmp_path):
    """The environment comes before `.env`, and both before the default."""
    (tmp_path / ".env").write_text("BELLHOP_BATCH=7\nBELLHOP_PREFIX=file\nOTHER=1\n")
    monkeypatch.setenv("BELLHOP_PREFIX", "env")
    settings = read_settings()
    assert (settings.prefix, settings.batch, settings.log_format) == ("env", 7, LogFormat.AUTO)


def test_lists_are_separated_by_commas(monkeypatch):
    """Address ranges and keys are read from one variable each."""
    monkeypatch.setenv("BELLHOP_ALLOWED_ADDRESSES", "10.1.0.0/16, 127.0.0.1,")
    monkeypatch.setenv("BELLHOP_MASTER_KEYS", "new,\nold\n")
    settings = read_settings()
    assert settings.allowed_addresses == (Allowed(ip_network("10.1.0.0/16")), Allowed(ip_network("127.0.0.1/32")))
    assert [key.get_secret_value() for key in settings.master_keys] == ["new", "old"]


@pytest.mark.parametrize("where", ["environment", "env file"])
def test_a_secret_may_be_named_by_a_file(monkeypatch, tmp_path, where):
    """`BELLHOP_X_FILE` gives the content of a file, named in the environment or in `.env`."""
    (tmp_path / "secret").write_text("redis://:pw@db:6379/0\n")
    if where == "environment":
        monkeypatch.setenv("BELLHOP_REDIS_URL_FILE", str(tmp_path / "secret"))
    else:
        (tmp_path / ".env").write_text(f"BELLHOP_REDIS_URL_FILE={tmp_path / 'secret'}\n")
    assert read_settings().redis_url.get_secret_value() == "redis://:pw@db:6379/0"


def test_the_variable_itself_comes_before_its_file(monkeypatch, tmp_path):
    """Where both are set, the plain variable counts."""
    (tmp_path / "secret").write_text("redis://file")
    monkeypatch.setenv("BELLHOP_REDIS_URL_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://env")
    assert read_settings().redis_url.get_secret_value() == "redis://env"


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"\xff\xfe", "not text")])
def test_a_secrets_file_that_cannot_be_read_is_told(monkeypatch, tmp_path, content, reason):
    """A missing or binary file is named with its variable."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("BELLHOP_MASTER_KEYS_FILE", str(tmp_path / "secret"))
    with pytest.raises(InvalidSettings, match=f"BELLHOP_MASTER_KEYS_FILE: cannot read that file: {reason}"):
        read_settings()


def test_every_wrong_variable_is_named_and_no_value_of_a_secret(monkeypatch):
    """All mistakes come at once."""
    monkeypatch.setenv("BELLHOP_BATCH", "many")
    monkeypatch.setenv("BELLHOP_ALLOWED_ADDRESSES", "everywhere")
    monkeypatch.setenv("BELLHOP_LOG_LEVEL", "loud")
    with pytest.raises(InvalidSettings) as caught:
        read_settings()
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == ["BELLHOP_ALLOWED_ADDRESSES", "BELLHOP_BATCH", "BELLHOP_LOG_LEVEL"]


@pytest.mark.parametrize("content", ["", "\n", " , "])
def test_a_file_of_keys_that_holds_none_is_told(monkeypatch, tmp_path, content):
    """Taken for unset it would have a key generated, and nobody would know why nothing can be read."""
    (tmp_path / "keys").write_text(content)
    monkeypatch.setenv("BELLHOP_MASTER_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(InvalidSettings, match=r"BELLHOP_MASTER_KEYS: .*holds no key; `bellhop keys generate`"):
        read_settings()


def test_likely_spelling_mistakes_are_found(monkeypatch):
    """A variable with our prefix that names nothing is told; ours and their files are not."""
    for name in ("BELLHOP_BATCHES", "BELLHOP_BATCH", "BELLHOP_REDIS_URL_FILE"):
        monkeypatch.setenv(name, "1")
    assert misspelt() == ["BELLHOP_BATCHES"]


def test_secrets_are_in_no_repr():
    """Neither the address' password nor a key is shown."""
    settings = read_settings(redis_url="redis://:hunter2@db", master_keys="hunter3")
    assert "hunter" not in repr(settings)


@pytest.mark.parametrize("entry", ["everywhere", "10.1.0.0/33", "10.1.0.0/16:0", "0x7f.1", "http://a.b"])
def test_a_wrong_entry_of_the_allow_list_is_named(monkeypatch, entry):
    """The setting, the entry among right ones, and what may be written."""
    monkeypatch.setenv("BELLHOP_ALLOWED_ADDRESSES", f"10.0.0.0/8,{entry},a.example")
    with pytest.raises(InvalidSettings, match=r"^BELLHOP_ALLOWED_ADDRESSES: ") as refused:
        read_settings()
    assert repr(entry) in str(refused.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "authorization"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, ""),
        ("http://10.0.0.9:8080/", "10.0.0.9", 8080, ""),
        ("http://[fd00::9]:8080", "fd00::9", 8080, ""),
        ("http://user:p%40ss%3A@proxy.example:3128", "proxy.example", 3128, "Basic dXNlcjpwQHNzOg=="),
        ("http://:@proxy.example:3128", "proxy.example", 3128, "Basic Og=="),
    ],
)
def test_a_proxys_address_is_taken_apart(url, host, port, authorization):
    """Host, port, and what is said in Proxy-Authorization (RFC 7617)."""
    setting = read_settings(http_proxy=url).http_proxy
    assert proxy_address(setting) == ProxyAddress(host, port, authorization)
    assert "dXNl" not in repr(proxy_address(setting))


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example:3128",
        "https://user:hunter2@proxy.example:3128",
        "socks5://user:hunter2@proxy.example:1080",
        "http://user:hunter2@proxy.example",
        "http://user:hunter2@proxy.example:0",
        "http://user:hunter2@proxy.example:65536",
        "http://user:hunter2@0x7f.1:3128",
        "http://user:hunter2@a b:3128",
        "http://user@proxy.example:3128",
        "http://user:hunter2@proxy.example:3128/path",
        "http://user:hunter2@evil@proxy.example:3128",
        "http://user:hunter2\r\nX: y@proxy.example:3128",
        "http://[proxy]:3128",
    ],
)
def test_an_unusable_proxy_is_told_without_its_password(monkeypatch, url):
    """The setting is named, and what it has to look like."""
    monkeypatch.setenv("BELLHOP_HTTP_PROXY", url)
    with pytest.raises(InvalidSettings, match=r"^BELLHOP_HTTP_PROXY: ") as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_the_proxy_may_be_named_by_a_file(monkeypatch, tmp_path):
    """Since its address may hold a password."""
    (tmp_path / "proxy").write_text("http://user:hunter2@proxy.example:3128\n")
    monkeypatch.setenv("BELLHOP_HTTP_PROXY_FILE", str(tmp_path / "proxy"))
    settings = read_settings()
    assert proxy_address(settings.http_proxy).port == 3128
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("https://alerts.example.com", "https://alerts.example.com"),
        ("https://Alerts.Example.com:8443/", "https://alerts.example.com:8443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_consoles_public_address_is_a_site(monkeypatch, text, site):
    """Scheme, name and port, in one spelling."""
    monkeypatch.setenv("BELLHOP_WEB_PUBLIC_URL", text)
    assert read_settings().web_public_url == site


@pytest.mark.parametrize(
    "text",
    ["alerts.example.com", "ftp://x", "https://x/path", "https://x?y", "https://u:p@x", "https://", "https://x:y"],
)
def test_what_is_no_site_is_told(monkeypatch, text):
    """With the variable's name and an example."""
    monkeypatch.setenv("BELLHOP_WEB_PUBLIC_URL", text)
    with pytest.raises(InvalidSettings, match=r"BELLHOP_WEB_PUBLIC_URL: .*https://alerts\.example\.com"):
        read_settings()


def test_trusted_proxies_are_address_ranges(monkeypatch):
    """Separated by commas; what is none is named."""
    monkeypatch.setenv("BELLHOP_WEB_TRUSTED_PROXIES", "10.1.0.0/16, 2001:db8::1")
    assert read_settings().web_trusted_proxies == (ip_network("10.1.0.0/16"), ip_network("2001:db8::1"))
    monkeypatch.setenv("BELLHOP_WEB_TRUSTED_PROXIES", "proxy.example")
    with pytest.raises(InvalidSettings, match=r"BELLHOP_WEB_TRUSTED_PROXIES: .*not an address range"):
        read_settings()
