"""Placet's settings, all from the environment; ``docs/settings.md`` lists them."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from placet.domain.base import Model
from placet.domain.errors import InvalidInputError
from placet.mail.server import SmtpServer, parse_server
from placet.payments.order import Debtor

TASK_QUEUE = "placet"

LEDGER_NAME = "placet.local/ledger"
"""The ledger's name where nothing else is said; a deployment takes one that is its own."""

RETENTION_YEARS = 10
"""What commercial law commonly asks for; who prunes has looked up what applies."""

DEMO_DEBTOR = {"name": "Example Company", "iban": "DE89370400440532013000"}
"""A well-known example account; a real deployment sets its own."""


class Settings(Model):
    """What a process of Placet needs to know.

    Attributes:
        home: The directory of everything local: the stack's data, notices, payment files.
        policies: The directory of policies, exchange rates and the people directory.
        database_url: Postgres as ``placet_app``; None to look for the local stack.
        task_queue: Temporal's task queue.
        notify: ``files`` (into ``home``/notices) or ``log``.
        targets: The list of places where pages are published; None for ``targets.yaml`` in
            ``policies``, if there is one.
        spool: Where payment files are staged and handed over.
        exports: Where the files of exports are made and kept.
        debtor: The account that pays.
        keys: Where the keys are that sign events and checkpoints, and those of personal data.
        ledger_name: The name under which the ledger's checkpoints are signed.
        sealer_url: Postgres as ``placet_app_sealer``; None to look for the local stack.
        eraser_url: Postgres as ``placet_app_eraser``; None to look for the local stack.
        sealer: Whether a worker seals too: ``on``, ``off``, or None to do so where a database to
            seal is known.
        sealer_password: The password of the sealer's login, where its URL has none.
        eraser_password: The password of the eraser's login, where its URL has none.
        seal: The list of places that checkpoints are brought to; None for ``seal.yaml`` in
            ``policies``, if there is one.
        seal_seconds: How often what is new is sealed.
        metrics: Where the worker answers Prometheus, as ``host:port``; None for nowhere.
        retention_years: For how many years events are kept before they may be pruned.
        smtp: The mail server that sends; None where nothing is sent.
    """

    home: Path
    policies: Path
    database_url: str | None = None
    task_queue: str = TASK_QUEUE
    notify: str = Field(default="files", pattern="^(files|log)$")
    targets: Path | None = None
    spool: Path
    exports: Path
    debtor: Debtor
    keys: Path
    ledger_name: str = Field(default=LEDGER_NAME, pattern=r"^[^\s+]{1,200}$")
    sealer_url: str | None = None
    eraser_url: str | None = None
    sealer: str | None = Field(default=None, pattern="^(on|off)$")
    sealer_password: str | None = Field(default=None, repr=False)
    eraser_password: str | None = Field(default=None, repr=False)
    seal: Path | None = None
    seal_seconds: float = Field(default=1.0, ge=0.05, le=3600)
    metrics: str | None = Field(default=None, pattern=r"^[0-9a-fA-F.:\[\]]+:[0-9]{1,5}$")
    retention_years: int = Field(default=RETENTION_YEARS, ge=1, le=1000)
    smtp: SmtpServer | None = None

    @property
    def notices(self) -> Path:
        """Return where the notices are written."""
        return self.home / "notices"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings.

        Raises:
            InvalidInputError: One is wrong; the message names the variable.
        """
        env = os.environ if environment is None else environment
        home = Path(env.get("PLACET_HOME") or ".placet").expanduser().absolute()
        told = {
            "home": home,
            "policies": Path(env.get("PLACET_POLICIES") or _shipped_policies()).absolute(),
            "database_url": env.get("PLACET_DATABASE_URL") or None,
            "task_queue": env.get("PLACET_TASK_QUEUE") or TASK_QUEUE,
            "notify": env.get("PLACET_NOTIFY") or "files",
            "targets": Path(env["PLACET_TARGETS"]) if env.get("PLACET_TARGETS") else None,
            "spool": Path(env.get("PLACET_SPOOL") or home / "payments").absolute(),
            "exports": Path(env.get("PLACET_EXPORTS") or home / "exports").absolute(),
            "debtor": {
                "name": env.get("PLACET_DEBTOR_NAME") or DEMO_DEBTOR["name"],
                "iban": env.get("PLACET_DEBTOR_IBAN") or DEMO_DEBTOR["iban"],
                "bic": env.get("PLACET_DEBTOR_BIC") or None,
            },
            "keys": Path(env.get("PLACET_KEYS") or home / "keys").absolute(),
            "ledger_name": env.get("PLACET_LEDGER_NAME") or LEDGER_NAME,
            "sealer_url": env.get("PLACET_SEALER_URL") or None,
            "eraser_url": env.get("PLACET_ERASER_URL") or None,
            "sealer": env.get("PLACET_SEALER") or None,
            "sealer_password": env.get("PLACET_SEALER_PASSWORD") or None,
            "eraser_password": env.get("PLACET_ERASER_PASSWORD") or None,
            "seal": Path(env["PLACET_SEAL"]) if env.get("PLACET_SEAL") else None,
            "seal_seconds": env.get("PLACET_SEAL_SECONDS") or 1.0,
            "metrics": env.get("PLACET_METRICS") or None,
            "retention_years": env.get("PLACET_RETENTION_YEARS") or RETENTION_YEARS,
            "smtp": _mail_server(env),
        }
        try:
            return cls.model_validate(told)
        except ValidationError as error:
            problems = "; ".join(
                f"PLACET_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            raise InvalidInputError(f"a setting is wrong: {problems}; correct it") from None


def _mail_server(env: Mapping[str, str]) -> dict[str, object] | None:
    url = env.get("PLACET_SMTP_URL")
    if not url:
        return None
    more = {
        "ca_file": env.get("PLACET_SMTP_CA_FILE"),
        "connections": env.get("PLACET_SMTP_CONNECTIONS"),
        "give_up_hours": env.get("PLACET_SMTP_GIVE_UP_HOURS"),
    }
    told = {name: value for name, value in more.items() if value}
    return told | parse_server(url, env.get("PLACET_SMTP_PASSWORD"))


def _shipped_policies() -> Path:
    here = Path("policies")
    return here if here.is_dir() else Path(__file__).resolve().parent.parent / "policies"
