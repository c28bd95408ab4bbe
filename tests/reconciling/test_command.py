"""`placet audit reconcile`, as a person and as a program use it."""

from datetime import UTC, datetime

from tests.cli.office import Office
from tests.support.waiting import until


def test_the_command_agrees_finds_and_says_so(service: Office) -> None:
    case = service.submit("to-reconcile")
    approval = ("approve", case, "--as", "bob@example.com")
    until(lambda: service.placet(*approval).code == 0, "somebody to be asked")
    assert service.placet("wait", case, "--timeout", "30").code == 0

    def agrees() -> bool:
        return service.placet("audit", "reconcile", "--grace", "0s").code == 0

    until(agrees, "the last notice to be in the history")
    said = service.placet("audit", "reconcile")
    assert (said.code, said.err) == (0, "everything agrees\n")
    told = [line.rsplit(maxsplit=1) for line in said.out.splitlines()]
    assert ["  requests", "1"] in [[name.rstrip(), number] for name, number in told]

    machine = service.placet("audit", "reconcile", "--since", "2026-01-01", "--json")
    assert machine.code == 0
    assert machine.document["summary"]["findings"] == 0
    assert service.placet("audit", "reconcile", "--since", "2099-01-01").code == 2

    def nothing_since_now() -> bool:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said = service.placet("audit", "reconcile", "--since", now, "--json")
        return bool(said.document["summary"]["requests"] == 0)

    until(nothing_since_now, "the case to have ended")

    (payment,) = service.placet("payments", "list", "--case", case, "--json").documents
    file = service.home / "payments" / "outbox" / payment["file_name"]
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content + b"\n")
    differs = service.placet("audit", "reconcile", "--request", case)
    assert differs.code == 11
    assert differs.out.startswith(f"file-differs {case} file {payment['file_name']}: in outbox")
    assert differs.err == "1 difference\n"
    finding, summary = service.placet("audit", "reconcile", "--json").documents
    assert finding["code"] == "file-differs"
    assert finding["request"] == case
    assert summary == {"summary": {**machine.document["summary"], "findings": 1}}


def test_what_cannot_be_reconciled_is_said(service: Office, nowhere: dict[str, str]) -> None:
    unknown = service.placet("audit", "reconcile", "--request", "expense-nobody")
    assert unknown.code == 7
    assert "expense-nobody" in unknown.err
    wrong = service.placet("audit", "reconcile", "--grace", "soon")
    assert wrong.code == 2
    assert "30s, 5m or 1h" in wrong.err
    away = service.placet("audit", "reconcile", env=nowhere)
    assert away.code == 3
