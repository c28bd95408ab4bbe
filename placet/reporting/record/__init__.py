"""The record of one request: what was asked, who agreed, what came of it, and what proves it."""

from placet.reporting.document import Document
from placet.reporting.record.asking import asked
from placet.reporting.record.ending import ended
from placet.reporting.record.erasing import erased
from placet.reporting.record.happening import happened, messages, nudged
from placet.reporting.record.opening import opening
from placet.reporting.record.proving import appendix, fault_of, proven
from placet.reporting.record.reviewing import reviewed
from placet.reporting.record.ruling import ruled
from placet.reporting.record.story import Story

__all__ = ["Story", "fault_of", "record_of"]


def record_of(story: Story) -> Document:
    """Return the whole report of one request."""
    return Document(
        kind="Approval record",
        title=story.title,
        running=story.row.request,
        as_of=story.events[-1].recorded,
        opening=opening(story),
        sections=(
            asked(story),
            ruled(story),
            reviewed(story),
            ended(story),
            happened(story),
            nudged(story),
            messages(story),
            erased(story),
            proven(story),
            *appendix(story),
        ),
    )
