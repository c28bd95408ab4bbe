"""The scenes of the demonstration, in the order in which they are played."""

from placet.demo.scenes import expense, publish, send

SCENES = (*expense.SCENES, *publish.SCENES, *send.SCENES)
