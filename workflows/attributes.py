"""The search attributes that a case is started with."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

PIPELINE = SearchAttributeKey.for_keyword("PlacetPipeline")
REQUESTER = SearchAttributeKey.for_keyword("PlacetRequester")
"""The requester's id in the directory, never an address."""


def of_case(pipeline: str, requester_id: str) -> TypedSearchAttributes:
    """Return the attributes a case is started with."""
    return TypedSearchAttributes(
        [SearchAttributePair(PIPELINE, pipeline), SearchAttributePair(REQUESTER, requester_id)]
    )
