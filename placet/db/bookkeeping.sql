-- Where the runner notes which migrations this database has.
create schema if not exists migration;
create table if not exists migration.applied (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
);
grant usage on schema migration to placet_reader;
grant select on migration.applied to placet_reader;
