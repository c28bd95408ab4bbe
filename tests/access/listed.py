"""The tests' policies with a catalogue of roles that really exist."""

import shutil
from pathlib import Path

from tests.access.staff import Staff
from tests.workflows.office import POLICIES

VARIABLE = "TEST_GRANT_URL"


def policies_for(staff: Staff, folder: Path) -> Path:
    """Return the tests' policies in ``folder``: Erin and Frank own what staff grants."""
    copied = shutil.copytree(POLICIES, folder)
    (copied / "access-roles.yaml").write_text(catalogue(staff), encoding="utf-8")
    return copied


def catalogue(staff: Staff, longest: str = "30d") -> str:
    """Return a catalogue of the roles that staff grants."""
    owner = "owner: [{person: erin}, {person: frank}]"
    return (
        f"targets:\n  shop:\n    kind: postgres\n    url_env: {VARIABLE}\n    accounts:\n"
        f"      alice: '{staff.alice}'\n      erin: '{staff.dan}'\n"
        "roles:\n"
        f"  reporting: {{target: shop, role: '{staff.role}', about: Figures, longest: {longest},\n"
        f"    {owner}}}\n"
        f"  orders: {{target: shop, role: '{staff.orders}', about: Orders, longest: 3d,\n"
        f"    {owner}}}\n"
    )
