"""The attacks use the workflow tests' office: real servers, a real worker."""

from tests.workflows.conftest import client, closed_office, office, temporal_address

__all__ = ["client", "closed_office", "office", "temporal_address"]
