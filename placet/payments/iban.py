"""Account and bank numbers, checked against the registry that ``schwifty`` carries."""

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from placet.domain.errors import InvalidInputError
from placet.domain.text import clean_text


class InvalidAccountError(InvalidInputError, ValueError):
    """An IBAN or a BIC is wrong, or cannot be reached by a SEPA transfer.

    It is a ``ValueError`` too, so that a validator may raise it.
    """

    code = "invalid-account"


def check_iban(value: str) -> str:
    """Return the IBAN in its compact form.

    Checked are its country's structure, the check digits (ISO 13616, modulo 97) and that its
    country takes part in SEPA, since that is how it will be paid.

    Raises:
        InvalidAccountError: One of them is wrong.
    """
    shown = clean_text(value, 40, multiline=False, truncate=True)
    try:
        iban = IBAN(value)
    except SchwiftyException as error:
        raise InvalidAccountError(
            f"{shown!r} is not a valid IBAN ({_reason(error)}); compare it with a bank statement"
        ) from None
    if not iban.in_sepa_zone:
        raise InvalidAccountError(
            f"{shown!r} is outside SEPA ({iban.country_code}); give an account in a SEPA country"
        )
    return iban.compact


def check_bic(value: str) -> str:
    """Return the BIC in its compact form.

    Raises:
        InvalidAccountError: Its structure or its country is wrong.
    """
    try:
        return BIC(value).compact
    except SchwiftyException as error:
        shown = clean_text(value, 40, multiline=False, truncate=True)
        raise InvalidAccountError(
            f"{shown!r} is not a valid BIC ({_reason(error)}); correct it or leave it out"
        ) from None


def _reason(error: SchwiftyException) -> str:
    return clean_text(str(error), 80, multiline=False, truncate=True).lower()
