"""What the server of ``tests.support.forks`` loads, once for all the processes that it forks."""

import gc

import cel
import pytest

from placet.payments import pain001
from placet.registry import PIPELINES
from tests.access import mortal as granting
from tests.deleting import mortal as deleting
from tests.exports import mortal as exporting
from tests.faults import mortal as worker
from tests.mail import mortal as sending
from tests.personal import mortal as erasing
from tests.publishing import mortal as publishing
from tests.sealing import mortal as sealing
from tests.witness import mortal as witnessing

RUN_BY_FORKS = (
    worker,
    sending,
    publishing,
    exporting,
    deleting,
    granting,
    sealing,
    witnessing,
    erasing,
)
USED_BY_THEM = (cel, pytest, *((each.workflow, each.door, each.effects) for each in PIPELINES))

pain001._schema()  # noqa: SLF001 - it is kept, and takes longer to read than to use

# What is loaded stays: no process needs to look through it, and so to copy it, for garbage.
gc.freeze()
