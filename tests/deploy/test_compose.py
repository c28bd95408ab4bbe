import re
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.compose import (
    COMPOSE_FILE,
    DEPLOY,
    FILLED,
    REPOSITORY,
    REQUIRED,
    compose,
    resolved,
)

SECRETS = {
    "POSTGRES_PASSWORD",
    "TEMPORAL_DB_PASSWORD",
    "PLACET_ADMIN_PASSWORD",
    "PLACET_APP_PASSWORD",
    "PLACET_SEALER_PASSWORD",
    "PLACET_ERASER_PASSWORD",
}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return resolved()


@pytest.fixture(scope="module")
def services(whole: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = whole["services"]
    return found


def test_the_compose_file_is_valid() -> None:
    done = compose(FILLED, "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("given", ["missing", "empty"])
@pytest.mark.parametrize("name", REQUIRED)
def test_nothing_starts_without_a_secret(name: str, given: str) -> None:
    environment = {key: value for key, value in FILLED.items() if key != name}
    if given == "empty":
        environment[name] = ""
    done = compose(environment, "config", "--quiet")
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: set it in deploy/.env" in done.stderr


def test_every_password_is_demanded() -> None:
    assert set(REQUIRED) >= SECRETS


def test_a_misspelt_key_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(COMPOSE_FILE.read_text().replace("read_only: true", "readonly: true"))
    done = compose(FILLED, "config", "--quiet", file=broken)
    assert done.returncode != 0
    assert "readonly" in done.stderr


def test_the_example_names_every_variable_and_fills_in_no_secret() -> None:
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    used = set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()))
    assert set(example) == used
    # A mail server is only wanted by those who send mails.
    left_out = {"PLACET_SMTP_URL", "PLACET_SMTP_PASSWORD"}
    assert {name for name, value in example.items() if not value} == {*REQUIRED, *left_out}


def test_the_example_alone_starts_nothing() -> None:
    done = compose({}, "--env-file", str(DEPLOY / "env.example"), "config", "--quiet")
    assert done.returncode != 0


def test_nothing_runs_as_root(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        uid, gid = service["user"].split(":")
        assert int(uid) > 0, name
        assert int(gid) > 0, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_nothing_is_published_beyond_loopback(services: dict[str, dict[str, Any]]) -> None:
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert {name for name, each in ports.items() if each} == {"temporal", "temporal-ui"}
    assert {port["host_ip"] for each in ports.values() for port in each} == {"127.0.0.1"}
    assert not any(service.get("network_mode") for service in services.values())


def test_the_database_is_reached_from_its_own_network_only(whole: dict[str, Any]) -> None:
    networks, services = whole["networks"], whole["services"]
    assert {name for name, each in networks.items() if not each.get("internal")} == {
        "front",
        "outside",
    }
    leave = {name for name, service in services.items() if "outside" in service["networks"]}
    assert leave == {"worker"}
    assert list(services["postgres"]["networks"]) == ["database"]
    in_front = {name for name, service in services.items() if "front" in service["networks"]}
    assert in_front == {"temporal", "temporal-ui"}
    assert "database" not in services["temporal-ui"]["networks"]


def test_images_are_pinned_by_version(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert re.search(r":\d+(\.\d+)+$", service["image"]), name
        assert "auto-setup" not in service["image"]
    tools = {services[name]["image"] for name in ("temporal-schema", "temporal-namespace")}
    server = services["temporal"]["image"].partition(":")[2]
    assert tools == {f"temporalio/admin-tools:{server}"}


def test_placet_writes_only_where_it_is_told(services: dict[str, dict[str, Any]]) -> None:
    for name in ("placet-setup", "worker", "cli"):
        service = services[name]
        assert service["read_only"] is True
        writable = {
            volume["target"] for volume in service["volumes"] if not volume.get("read_only")
        }
        assert writable == {"/var/lib/placet"}


def test_each_part_gets_only_its_own_password(services: dict[str, dict[str, Any]]) -> None:
    values = {FILLED[name]: name for name in SECRETS}
    got = {
        name: {values[v] for v in service.get("environment", {}).values() if v in values}
        for name, service in services.items()
    }
    assert {name: passwords for name, passwords in got.items() if passwords} == {
        "postgres": {"POSTGRES_PASSWORD", "TEMPORAL_DB_PASSWORD", "PLACET_ADMIN_PASSWORD"},
        "temporal-schema": {"TEMPORAL_DB_PASSWORD"},
        "temporal": {"TEMPORAL_DB_PASSWORD"},
        "placet-setup": {
            "PLACET_ADMIN_PASSWORD",
            "PLACET_APP_PASSWORD",
            "PLACET_SEALER_PASSWORD",
            "PLACET_ERASER_PASSWORD",
        },
        "worker": {"PLACET_APP_PASSWORD", "PLACET_SEALER_PASSWORD", "PLACET_ERASER_PASSWORD"},
        "cli": {"PLACET_APP_PASSWORD"},
    }


def test_the_worker_waits_for_everything_it_needs(services: dict[str, dict[str, Any]]) -> None:
    def before(name: str) -> set[str]:
        direct = set(services[name].get("depends_on", {}))
        return direct.union(*(before(other) for other in direct))

    assert before("worker") >= {
        "postgres",
        "temporal-schema",
        "temporal",
        "temporal-namespace",
        "placet-setup",
    }
    for name, service in services.items():
        for other, rule in service.get("depends_on", {}).items():
            once = str(services[other].get("restart", "")).startswith("on-failure")
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert rule["condition"] == wanted, f"{name} waits for {other}"


def test_every_setting_is_one_that_placet_reads(services: dict[str, dict[str, Any]]) -> None:
    code = "\n".join(path.read_text() for path in (REPOSITORY / "placet").rglob("*.py"))
    told = {
        name
        for service in ("placet-setup", "worker", "cli")
        for name in services[service]["environment"]
        if name.startswith("PLACET_")
    }
    assert told
    assert {name for name in told if f'"{name}"' not in code} == set()
