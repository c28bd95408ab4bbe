import psycopg
import pytest

from placet.db import migrate
from tests.conftest import Database
from tests.ledger.raw import append_raw
from tests.ledger.stories import submitted

GRANTED = """
with roles as (
    select oid, rolname from pg_roles where rolname like 'placet\\_%' and rolname <> 'placet_owner'
    union all select 0, 'PUBLIC'
), granted as (
    select acl.grantee, 'function ' || p.oid::regprocedure::text as object, acl.privilege_type
      from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
     where p.pronamespace::regnamespace::text in (
        'audit', 'content', 'effect', 'inbox', 'migration', 'public')
    union all
    select acl.grantee, 'relation ' || c.oid::regclass::text, acl.privilege_type
      from pg_class c, aclexplode(coalesce(
               c.relacl,
               acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
           )) acl
     where c.relnamespace::regnamespace::text in (
        'audit', 'content', 'effect', 'inbox', 'migration', 'public')
    union all
    select acl.grantee, 'column ' || a.attrelid::regclass::text || '.' || a.attname,
           acl.privilege_type
      from pg_attribute a, aclexplode(a.attacl) acl
     where a.attacl is not null and a.attrelid >= 16384
    union all
    select acl.grantee, 'schema ' || n.nspname, acl.privilege_type
      from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) acl
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select acl.grantee, 'type ' || t.oid::regtype::text, acl.privilege_type
      from pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) acl
     where t.typnamespace::regnamespace::text in (
        'audit', 'content', 'effect', 'inbox', 'migration', 'public')
       and t.typcategory <> 'A' and t.typrelid = 0
    union all
    select acl.grantee, 'database', acl.privilege_type
      from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) acl
     where d.datname = current_database()
)
select r.rolname, g.object || ' ' || g.privilege_type
  from granted g join roles r on r.oid = g.grantee
"""

APPEND_TYPES = (
    "bytea[],text[],text[],timestamp with time zone[],bytea[],bytea[],text[],bytea[],text[],"
    "bytea[],text[],text[],bytea[]"
)
STEP_TYPES = f"text,text,bigint,bytea,{APPEND_TYPES}"
STEPS_TYPES = f"text[],text[],bigint[],bytea[],{APPEND_TYPES}"
PAYMENT_TYPES = "text,text,text,text,text,numeric,text,text,text,text,text"
EXPORT_TYPES = "text,text,text,text,bigint,bigint,text,timestamp with time zone"
DELETION_TYPES = (
    "text,text,text,text,text,bigint,timestamp with time zone,bigint,bigint,bigint,text,text"
)
PUBLICATION_TYPES = "text,text,text,text,text,text,text,text[],text[]"
HOLD_TYPES = "text,timestamp with time zone,timestamp with time zone,text"
EXPECTED = {
    # A login is what its groups are, and nothing of its own.
    "placet_app": set[str](),
    "placet_app_sealer": set[str](),
    "placet_app_eraser": set[str](),
    "PUBLIC": set[str](),
    "placet_writer": {
        "database CONNECT",
        "schema audit USAGE",
        "schema content USAGE",
        "schema effect USAGE",
        f"function audit.append({APPEND_TYPES}) EXECUTE",
        f"function audit.append_step({STEP_TYPES}) EXECUTE",
        f"function audit.append_steps({STEPS_TYPES}) EXECUTE",
        f"function audit.append_together({APPEND_TYPES}) EXECUTE",
        "function content.put(bytea,text) EXECUTE",
        "function content.get(bytea) EXECUTE",
        "function effect.consume(text,text,text) EXECUTE",
        f"function effect.record_payment({PAYMENT_TYPES}) EXECUTE",
        "function effect.report_payment(text,text,text,text) EXECUTE",
        "function effect.begin_mailing(text,text,text,text,text[],text[]) EXECUTE",
        "function effect.claim_delivery(text,text,integer) EXECUTE",
        "function effect.record_delivery(text,text,integer,text,integer,text) EXECUTE",
        "function effect.end_mailing(text,text,text) EXECUTE",
        "function effect.begin_export(text,text,text,text,text) EXECUTE",
        f"function effect.end_export({EXPORT_TYPES}) EXECUTE",
        "function effect.remove_export(text) EXECUTE",
        f"function effect.begin_publication({PUBLICATION_TYPES}) EXECUTE",
        "function effect.mark_target(text,text,text,text) EXECUTE",
        "function effect.target_away(text,text,text) EXECUTE",
        "function effect.give_up_publication(text,text) EXECUTE",
        "function effect.end_publication(text,text) EXECUTE",
        "function effect.begin_grant(text,text,text,text,text,text,boolean) EXECUTE",
        f"function effect.hold_grant({HOLD_TYPES}) EXECUTE",
        "function effect.fail_grant(text,text) EXECUTE",
        "function effect.release_grant(text) EXECUTE",
        "function effect.end_grant(text,text) EXECUTE",
        f"function effect.begin_deletion({DELETION_TYPES}) EXECUTE",
        "function effect.hold_deletion(text,text) EXECUTE",
        "function effect.turn_deletion(text,text,text,bigint,jsonb) EXECUTE",
        "function effect.advance_deletion(text,text,bigint) EXECUTE",
        "function effect.end_deletion(text,text,text,jsonb,timestamp with time zone) EXECUTE",
        "function effect.begin_erasure(text,text,text,text) EXECUTE",
        "function effect.confirm_erasing(text) EXECUTE",
        "function effect.plan_contents(text,text[]) EXECUTE",
        "function effect.end_erasure(text) EXECUTE",
        "function effect.plan_addresses(text,text[]) EXECUTE",
        "function audit.keep_room(bigint,bigint) EXECUTE",
    },
    "placet_reader": {
        "database CONNECT",
        "schema audit USAGE",
        "schema content USAGE",
        "schema effect USAGE",
        "schema inbox USAGE",
        "schema migration USAGE",
        "relation audit.receipt SELECT",
        "relation audit.recorded_event SELECT",
        "relation audit.checkpoint SELECT",
        "relation audit.leaf SELECT",
        "relation audit.sealed SELECT",
        "relation audit.cluster SELECT",
        "relation audit.cosignature SELECT",
        "relation audit.stamp SELECT",
        "relation audit.pii SELECT",
        "relation audit.event_key SELECT",
        "relation audit.hold SELECT",
        "relation audit.known_event SELECT",
        "relation audit.partition SELECT",
        "relation audit.pruned SELECT",
        "relation audit.pruning SELECT",
        "relation audit.open_request SELECT",
        "relation audit.place SELECT",
        "relation audit.place_loss SELECT",
        "function audit.hindrances(text,timestamp with time zone) EXECUTE",
        "function audit.subject_of_request(text) EXECUTE",
        "function audit.subjects_of(text) EXECUTE",
        "function audit.requests_about(text) EXECUTE",
        "function audit.holds_on(text) EXECUTE",
        "function audit.is_at_rest(text) EXECUTE",
        "relation effect.erasure SELECT",
        "relation effect.erased SELECT",
        "relation effect.planned SELECT",
        "function effect.contents_of(text) EXECUTE",
        "relation inbox.request SELECT",
        "relation inbox.assignment SELECT",
        "relation inbox.review SELECT",
        "relation effect.permit SELECT",
        "relation effect.payment SELECT",
        "relation effect.mailing SELECT",
        "relation effect.delivery SELECT",
        "relation effect.export SELECT",
        "relation effect.publication SELECT",
        "relation effect.deletion SELECT",
        "relation effect.publication_target SELECT",
        "relation effect.access_grant SELECT",
        "relation migration.applied SELECT",
        "column content.blob.digest SELECT",
        "column content.blob.media_type SELECT",
        "column content.blob.size SELECT",
        "column content.blob.stored_at SELECT",
    },
    "placet_sealer": {
        "database CONNECT",
        "schema audit USAGE",
        "relation audit.leaf SELECT",
        "relation audit.checkpoint SELECT",
        "relation audit.receipt SELECT",
        "relation audit.recorded_event SELECT",
        "column audit.checkpoint.tree_size INSERT",
        "column audit.checkpoint.root INSERT",
        "column audit.checkpoint.note INSERT",
        "column audit.checkpoint.frontier INSERT",
        "column audit.checkpoint.cluster INSERT",
        "column audit.checkpoint.after_xid INSERT",
        "column audit.checkpoint.after_seq INSERT",
        "relation audit.sealed SELECT",
        "relation audit.cluster SELECT",
        "relation audit.cosignature SELECT",
        "relation audit.stamp SELECT",
        "relation audit.place SELECT",
        "relation audit.place_loss SELECT",
        "function audit.note_place(text,bigint) EXECUTE",
        "function audit.accept_loss(bytea) EXECUTE",
        "column audit.sealed.position INSERT",
        "column audit.sealed.seq INSERT",
        "column audit.cosignature.tree_size INSERT",
        "column audit.cosignature.key INSERT",
        "column audit.cosignature.line INSERT",
        "column audit.stamp.tree_size INSERT",
        "column audit.stamp.authority INSERT",
        "column audit.stamp.token INSERT",
    },
    "placet_eraser": {
        "database CONNECT",
        "schema audit USAGE",
        "schema content USAGE",
        "schema effect USAGE",
        "function effect.erase_personal(text,integer) EXECUTE",
        "function effect.erase_steps(text) EXECUTE",
        "function audit.begin_pruning(text,bytea) EXECUTE",
        "function audit.go_on_pruning(bytea,bigint) EXECUTE",
        "function effect.erase_contents(text,bytea[]) EXECUTE",
        "function effect.erase_addresses(text) EXECUTE",
        "function effect.finish_erasing(text) EXECUTE",
        "function content.named_elsewhere(bytea[],bytea[]) EXECUTE",
        "column content.blob.digest SELECT",
        "column content.blob.media_type SELECT",
        "column content.blob.size SELECT",
        "column content.blob.stored_at SELECT",
    },
}


@pytest.mark.rule(number=11)
def test_every_role_has_exactly_the_privileges_listed_here(database: Database) -> None:
    found: dict[str, set[str]] = {role: set() for role in EXPECTED}
    with psycopg.connect(database.admin_url) as connection:
        for role, privilege in connection.execute(GRANTED):
            found[role].add(privilege)

    assert found == EXPECTED


def test_the_roles_are_what_they_should_be(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        roles = connection.execute(
            "select rolname, rolcanlogin, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls"
            " or rolreplication from pg_roles where rolname like 'placet\\_%' order by 1"
        ).fetchall()
        members = connection.execute(
            "select member::regrole::text, roleid::regrole::text, admin_option from pg_auth_members"
            " where roleid::regrole::text like 'placet\\_%' order by 1, 2"
        ).fetchall()
        owners = connection.execute(
            "select distinct relowner::regrole::text from pg_class where relnamespace::regnamespace"
            "::text in ('audit', 'content', 'effect', 'inbox', 'migration')"
        ).fetchall()
    assert roles == [
        ("placet_app", True, False),
        ("placet_app_eraser", True, False),
        ("placet_app_sealer", True, False),
        ("placet_eraser", False, False),
        ("placet_owner", False, False),
        ("placet_reader", False, False),
        ("placet_sealer", False, False),
        ("placet_writer", False, False),
    ]
    assert members == [
        ("placet_app", "placet_reader", False),
        ("placet_app", "placet_writer", False),
        ("placet_app_eraser", "placet_eraser", False),
        ("placet_app_sealer", "placet_sealer", False),
    ]
    assert owners == [("placet_owner",)]


@pytest.mark.rule(number=11)
@pytest.mark.parametrize(
    "attempt",
    [
        "insert into audit.event_key (event_id, stream, stream_seq) values ('x', 'x', 1)",
        "insert into audit.event_from_1 select * from audit.event",
        "select * from audit.event",
        "select * from audit.stream_head",
        "select bytes from content.blob",
        "delete from content.blob",
        "insert into inbox.review select * from inbox.review",
        "update inbox.request set status = 'approved'",
        "delete from inbox.assignment",
        "truncate inbox.request",
        "update effect.permit set consumed_at = null",
        "insert into effect.permit select * from effect.permit",
        "update effect.payment set status = 'settled'",
        "delete from effect.payment",
        "update effect.publication set state = 'done'",
        "update effect.publication_target set before = null",
        "select effect.locked_publication('permit-1')",
        "update migration.applied set checksum = ''",
        "select nextval('audit.event_key_seq_seq')",
        "select setval('audit.event_key_seq_seq', 1)",
        "alter table audit.event disable trigger append_only",
        "drop trigger append_only on audit.event",
        "drop table audit.event",
        "drop function audit.refuse_change()",
        "create or replace function audit.framed(bytea) returns bytea language sql as 'select $1'",
        "lock table audit.event in share mode",
        "set role placet_owner",
        "set role postgres",
        "set session authorization placet_owner",
        "set session_replication_role = replica",
        "alter role placet_app superuser",
        "grant placet_owner to placet_app",
        "select audit.append_new(null, null, null, null, null, null, null, null, null)",
        f"select audit.append_claimed({', '.join(['null'] * 13)})",
        "select audit.claim_streams('{}')",
        "select audit.check_batch(null, null, null, null, null, null, null, null, null)",
        "select audit.read_body(null)",
        "select audit.lock_streams('{}')",
        "select audit.leaf_hash(null)",
        "select audit.add_partition(1)",
        "select audit.make_append_only('audit.event')",
        "select inbox.rebuild()",
        "select inbox.project(null, null)",
        "select inbox.project_events(null, null, null, null, null, null)",
        "select effect.project(null, null)",
        "create table public.mine ()",
        "create function public.sha256(bytea) returns bytea language sql as 'select $1'",
        "create temporary table mine ()",
        "create temporary view mine as select 1",
        "create schema mine",
        "create function audit.mine() returns int language sql as 'select 1'",
        "create type inbox.mine as enum ()",
        "create extension hstore schema audit",
        "copy audit.event to stdout",
        "copy (select 1) to program 'true'",
        "comment on table audit.event is 'mine'",
    ],
)
def test_the_application_may_not(refusing_database: Database, attempt: str) -> None:
    with (
        psycopg.connect(refusing_database.app_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(attempt)


@pytest.mark.rule(number=11)
def test_a_search_path_of_the_callers_own_does_not_reach_into_the_functions(
    database: Database,
) -> None:
    """Somebody once gave the application a schema of its own: it still cannot change a hash."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("create schema trap authorization placet_app")
        name = connection.info.dbname
        connection.execute(f"grant temporary on database {name} to placet_app")  # type: ignore[arg-type,unused-ignore]
    with psycopg.connect(database.app_url) as connection:
        for trap in (
            "create function trap.sha256(bytea) returns bytea language sql as 'select $1'",
            "create function trap.hashtext(text) returns int language sql as 'select 1/0'",
            "create function trap.clock_timestamp() returns timestamptz return to_timestamp(0)",
            "create function trap.never(bytea, bytea) returns bool language sql as 'select true'",
            "create operator trap.<> (function = trap.never, leftarg = bytea, rightarg = bytea)",
            "create domain trap.jsonb as int",
            "create domain pg_temp.jsonb as int",
            "create temporary table pg_locks (pid int)",
            "create temporary table pg_database (oid int)",
            "set search_path = trap, pg_temp, audit, pg_catalog",
        ):
            connection.execute(trap)
        connection.commit()
        append_raw(connection, [submitted()])
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "select l.leaf = audit.leaf_hash(e), l.recorded > now() - interval '1 hour'"
            "  from audit.event e join audit.leaf l using (seq)"
        ).fetchone()
    assert row == (True, True)


def test_every_function_that_runs_as_the_owner_fixes_its_search_path(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute(
            "select oid::regprocedure::text from pg_proc where prosecdef"
            " and pronamespace::regnamespace::text in ('audit', 'content', 'effect', 'inbox')"
            " and not coalesce('search_path=pg_catalog, pg_temp' = any(proconfig), false)"
        ).fetchall()
    assert rows == []


def test_a_role_without_membership_cannot_even_connect(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("create role stranger login")
        try:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(database.app_url.replace("placet_app", "stranger"))
        finally:
            connection.execute("drop role stranger")


def test_the_password_is_set_as_a_verifier_and_kept_when_none_is_given(database: Database) -> None:
    query = "select rolpassword from pg_authid where rolname = 'placet_app'"
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        try:
            migrate(database.admin_url, passwords={"placet_app": "it's a 'secret'"})
            row = connection.execute(query).fetchone()
            assert row is not None
            assert str(row[0]).startswith("SCRAM-SHA-256$")
            migrate(database.admin_url, passwords={})
            assert connection.execute(query).fetchone() == row
        finally:
            connection.execute("alter role placet_app password null")
