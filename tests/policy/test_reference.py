"""The page that explains policy files is made from the models, and is current."""

from pathlib import Path

from pydantic import BaseModel

from placet.domain import policy as models
from placet.policy.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def test_the_page_is_current() -> None:
    advice = "run: python -m placet.policy.reference > docs/policy.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), advice


def test_every_field_of_a_policy_is_explained() -> None:
    page = reference()
    for name in (
        "Policy",
        "CalendarRule",
        "Route",
        "Stage",
        "Group",
        "Level",
        "Deadline",
        "BreakGlassRule",
    ):
        model: type[BaseModel] = getattr(models, name)
        for field, info in model.model_fields.items():
            assert info.description, f"{name}.{field}"
            assert f"| `{info.alias or field}` |" in page
            assert info.description.replace("|", "\\|") in page
