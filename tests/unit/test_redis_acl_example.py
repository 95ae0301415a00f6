"""config/redis.acl.example: the one place where rights are written down; acceptance tests run as its users."""

from __future__ import annotations

import re
from pathlib import Path

from fakes.redis_users import EXAMPLE, MARK, names, users

ROOT = Path(__file__).parents[2]
ACL = re.compile(r"resetkeys|resetchannels|[-+]@[a-z]+\b|ACL SETUSER \S+ on")


def test_the_docs_have_no_rights_of_their_own():
    """They point to the file that is tested, and none spells a rule that could drift from it."""
    pages = [ROOT / "README.md", ROOT / "docker-compose.yml", *sorted((ROOT / "docs").glob("*.md"))]
    assert [str(page) for page in pages if ACL.search(page.read_text("utf-8"))] == []
    assert "(../config/redis.acl.example)" in (ROOT / "docs" / "security.md").read_text("utf-8")


def test_each_user_starts_from_nothing():
    """No password but one to be put in, and no key, channel or command that is not named; nothing dangerous."""
    lines = [
        line for line in EXAMPLE.read_text("utf-8").splitlines() if line and not line.startswith("# ") and line != "#"
    ]
    assert len(lines) == len(names()) == 5
    for line in lines:
        head, rules = line.split(" resetkeys resetchannels ")
        assert MARK.fullmatch(head.split()[-1])
        granted = [rule for rule in rules.split() if rule[0] in "+-"]
        assert granted[0] == "-@all"
        last = granted[granted.index("-@dangerous") :]
        assert last == ["-@dangerous", "-@admin", "-client|tracking", *(["+info"] if "user bellhop " in line else [])]
        assert not {"~*", "&*", "allkeys", "allchannels", "allcommands", "nopass", "+@all"} & set(line.split())
    assert "#change-me" not in users()
