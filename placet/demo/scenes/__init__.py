"""The scenes of the demonstration, in the order in which they are played."""

from placet.demo.scenes import access, audit, delete, expense, export, publish, send

SCENES = (
    *expense.SCENES,
    *publish.SCENES,
    *send.SCENES,
    *export.SCENES,
    *delete.SCENES,
    *access.SCENES,
    *audit.SCENES,
)
