"""Somebody writes links that lead elsewhere than a policy's list of hosts is told."""

import pytest

from placet.content.links import Leads, read_link
from placet.domain.content_rules import ContentRules
from placet.domain.recipients import expanded
from placet.mail.checks import check
from placet.pipelines.send import parse_mail

AMBIGUOUS = [
    "https://example.com@evil.example/",
    "https://stra\u00dfe.example/",
    "https://stra%C3%9Fe.example/",
    "https://exam\u200dple.com/",
    "https:evil.example",
    "https:///evil.example",
]


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_a_host_that_programs_read_differently_is_none(url: str) -> None:
    assert read_link(url).leads is Leads.NOWHERE


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_a_mail_does_not_get_such_a_link_past_its_reviewers(url: str) -> None:
    mail = {"requester": "a@example.com", "sender": "a@example.com", "to": ["b@example.com"]}
    request = parse_mail({**mail, "subject": "Hello", "html": f'<a href="{url}">us</a>'})
    rules = ContentRules(link_hosts=("example.com", "strasse.example"))
    for given, kind in ((ContentRules(), "odd-link"), (rules, "other-host")):
        found = check(request, expanded(request, {}), {}, given)
        # Where no browser would find a host, the link was taken out.
        assert [each.kind for each in found] == ([kind] if "href" in (request.html or "") else [])
