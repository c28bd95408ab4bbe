"""A small company's database, to try exports, deletions and access with; never for a deployment."""

from placet.sample.preparing import prepare

__all__ = ["prepare"]
