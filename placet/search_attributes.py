"""The search attributes that cases carry in Temporal, and how a namespace learns of them."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from placet.domain.errors import UnavailableError
from workflows.attributes import PIPELINE, REQUESTER

_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


async def register(client: Client) -> list[str]:
    """Make Temporal's namespace know the attributes.

    Returns:
        Those that were added now; empty when all were known.

    Raises:
        UnavailableError: The namespace does not let this client do it (Temporal Cloud does not).
    """
    namespace = client.namespace
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=namespace)
        )
        missing = [
            key.name for key in (PIPELINE, REQUESTER) if key.name not in known.custom_attributes
        ]
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=namespace, search_attributes=dict.fromkeys(missing, _KEYWORD)
                )
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return []
        raise UnavailableError(
            f"the search attributes {PIPELINE.name} and {REQUESTER.name} cannot be registered in "
            f"the namespace {namespace} ({error.message}); add them as Keyword, by its own tools"
        ) from error
    return missing
