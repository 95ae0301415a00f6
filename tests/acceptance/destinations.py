"""Destinations of every channel at the sandbox, as their owner would write them into a settings file.

Every secret in them is planted: it holds the word Canary, and must turn up nowhere but at its vendor.
"""

from __future__ import annotations

from typing import Any

SECRETS = {
    "HIPCHAT_TOKEN": "CanaryHipChatTokenOfForty0MixedCase00001",
    "SLACK_SECRET": "CanarySlackSecretOfAHook",
    "MAIL_PASSWORD": "Canary-mail-password",
    "PAGERDUTY_KEY": "CanaryPagerDutyRoutingKeyOf32Chr",
    "NSCA_PASSWORD": "Canary-nsca-password",
    "NRDP_TOKEN": "Canary-nrdp-token",
    "HOOK_SECRET": "whsec_CanaryHookSigningSecretOfBase64A",
    "HOOK_PASSWORD": "Canary-hook-password",
    "HOOK_KEY": "CanaryHookKeyInTheAddress",
}
"""By the name of the environment variable that the settings file names in their place."""
NSCA_METHOD = 14

Settings = dict[str, Any]


def hipchat(vendors, room, **options) -> Settings:
    """A room. The vendor's limits are off, as they are for a server of one's own."""
    settings = {"room": room, "token": "${HIPCHAT_TOKEN}", "base_url": vendors.url}
    return {"channel": "hipchat", "settings": settings, "rate_limit": "off", **options}


def webhook(vendors, name, **options) -> Settings:
    """A hook whose address, headers and signature are secret."""
    settings = {
        "url": f"{vendors.url}/hook/{name}?key=${{HOOK_KEY}}",
        "headers": {"Authorization": "Bearer ${HOOK_PASSWORD}"},
        "secret": "${HOOK_SECRET}",
    }
    return {"channel": "webhook", "settings": settings, "rate_limit": "off", **options}


def slack(vendors, team, **options) -> Settings:
    """An incoming web hook, whose address is the credential."""
    settings = {"webhook_url": f"{vendors.url}/services/{team}/B1/${{SLACK_SECRET}}"}
    return {"channel": "slack", "settings": settings, **options}


def email(vendors, to, certificate, **options) -> Settings:
    """A mailbox, by STARTTLS with a login."""
    settings = {
        "to": to,
        "from": "Bellhop <alerts@example.com>",
        "host": "127.0.0.1",
        "port": vendors.smtp_port,
        "ca_file": str(certificate),
        "username": "bellhop",
        "password": "${MAIL_PASSWORD}",
    }
    return {"channel": "email", "settings": settings, **options}


def pagerduty(vendors, **options) -> Settings:
    """An integration."""
    return {
        "channel": "pagerduty",
        "settings": {"routing_key": "${PAGERDUTY_KEY}", "api_url": vendors.url},
        **options,
    }


def nsca(vendors, host, **options) -> Settings:
    """A Nagios host, over NSCA with AES."""
    settings = {
        "via": "nsca",
        "host": "127.0.0.1",
        "port": vendors.nsca_port,
        "password": "${NSCA_PASSWORD}",
        "encryption_method": NSCA_METHOD,
        "unknown_host": host,
    }
    return {"channel": "nagios", "settings": settings, **options}


def nrdp(vendors, host, **options) -> Settings:
    """A Nagios host, over NRDP."""
    settings = {"via": "nrdp", "url": f"{vendors.url}/nrdp/", "token": "${NRDP_TOKEN}", "unknown_host": host}
    return {"channel": "nagios", "settings": settings, **options}


def everywhere(vendors, name, certificate) -> dict[str, Settings]:
    """One destination of each kind, all named after `name`."""
    return {
        "room": hipchat(vendors, name),
        "chat": slack(vendors, name),
        "mail": email(vendors, f"{name}@example.com", certificate),
        "pager": pagerduty(vendors),
        "nsca": nsca(vendors, name),
        "nrdp": nrdp(vendors, name),
        "hook": webhook(vendors, name),
    }
