"""What activities and lists may ask of the world: the ledger, people, policies, messages."""

from placet.ports.effects import Deletions, Deliveries, ExportBook, Grants, Publishing
from placet.ports.erasing import DestroysKeys, Eraser, Erasures, Pruner, Retention
from placet.ports.ledger import Ledger, Reader, Recorder
from placet.ports.office import DirectoryPort, Notifier, PolicyPort
from placet.ports.sources import Selected, Sources

__all__ = [
    "Deletions",
    "Deliveries",
    "DestroysKeys",
    "DirectoryPort",
    "Eraser",
    "Erasures",
    "ExportBook",
    "Grants",
    "Ledger",
    "Notifier",
    "PolicyPort",
    "Pruner",
    "Publishing",
    "Reader",
    "Recorder",
    "Retention",
    "Selected",
    "Sources",
]
