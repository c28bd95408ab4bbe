"""Translate Placet's errors into Temporal's: what is permanent must not be retried."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from placet.domain.errors import PlacetError, UnavailableError


@contextmanager
def permanent(*details: JsonValue) -> Iterator[None]:
    """Make a refusal final; what is only unavailable goes on to Temporal's retries.

    Args:
        details: What the workflow is told besides.

    Raises:
        ApplicationError: With the error's code as its type, not retryable.
    """
    try:
        yield
    except UnavailableError:
        raise
    except PlacetError as error:
        message, code = str(error), error.code
        raise ApplicationError(message, *details, type=code, non_retryable=True) from error
