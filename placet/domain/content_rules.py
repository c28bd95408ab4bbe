"""What a policy demands of content: of a page before it is published, of a mail before it is sent.

Nothing of it stops a request by itself. What the checks find is shown to reviewers and counted in
the facts, and a route of the policy decides what it means.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from placet.domain.base import Model

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


def _host(value: Any) -> Any:
    if isinstance(value, str) and not _HOST.fullmatch(value):
        raise ValueError(
            f"{value[:60]!r} is no host; write example.com, or *.example.com for all below it"
        )
    return value


Host = Annotated[str, BeforeValidator(_host)]


class ForbiddenPattern(Model):
    """Something that must not be said."""

    pattern: str = Field(
        min_length=1,
        max_length=500,
        description="A regular expression in RE2's syntax, tried on each line; letter case does "
        "not matter. Look-around and back-references do not exist there.",
    )
    why: str = Field(
        min_length=1, max_length=300, description="What is wrong with it; reviewers read this."
    )


class ContentRules(Model):
    """What the checks of pages and mails look for, beside what they always look for."""

    forbidden: tuple[ForbiddenPattern, ...] = Field(
        default=(), max_length=100, description="What must not be said."
    )
    alt_text: bool = Field(
        default=True, description="Whether every picture needs a text for those who do not see it."
    )
    max_image_kib: int = Field(
        default=2048, ge=1, description="A larger picture is a finding; in units of 1024 bytes."
    )
    max_total_kib: int = Field(
        default=20_480, ge=1, description="More than this in all is a finding; likewise."
    )
    link_hosts: tuple[Host, ...] | None = Field(
        default=None,
        max_length=1000,
        description="The only hosts that links may lead to, such as `example.com` or "
        "`*.example.com`; any other is a finding. All are allowed without it.",
    )
