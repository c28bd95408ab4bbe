-- The ledger's tables. Run as placet_owner, who cannot log in and owns everything.

-- Nobody gets a right by default: each one is granted by name, next to what it is for.
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;

create schema audit;
grant usage on schema audit to placet_writer, placet_reader, placet_sealer, placet_eraser;

-- One row per event, never partitioned: a unique key of a partitioned table would have to contain
-- the partition key, and then an event id could be used twice. It outlives the body, so that a
-- repeated append is recognised even after the partition with the body is gone.
create table audit.event_key (
    event_id bytea primary key check (octet_length(event_id) = 32),
    seq bigint generated always as identity unique,
    stream text not null check (octet_length(stream) between 1 and 1000),
    stream_seq bigint not null check (stream_seq > 0),
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    unique (stream, stream_seq)
);
comment on column audit.event_key.fingerprint is
    'SHA-256 of what the caller handed in: stream, kind, occurred and body.';

-- The body is RFC 8785 canonical JSON as bytes. jsonb would reorder its keys, drop duplicates and
-- reject some text, and then the hash of what was recorded could not be computed again.
create table audit.event (
    seq bigint primary key,
    event_id bytea not null,
    stream text not null,
    stream_seq bigint not null,
    kind text not null check (kind ~ '^[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*){2}$'),
    occurred timestamptz not null check (isfinite(occurred)),
    recorded timestamptz not null,
    xid xid8 not null,
    body bytea not null,
    signature bytea check (octet_length(signature) > 0),
    signing_key text check (signing_key <> ''),
    anchor bytea check (octet_length(anchor) > 0),
    retention_class text check (retention_class <> ''),
    legal_hold boolean
) partition by range (seq);
comment on column audit.event.xid is
    'The transaction that wrote it; a sealer takes events in (xid, seq) order below its xmin.';
comment on column audit.event.anchor is
    'The root of a recent checkpoint: the event cannot be older than that.';

-- How far each stream has come. The only table of the ledger that is updated.
create table audit.stream_head (
    stream text primary key,
    last_seq bigint not null check (last_seq > 0)
);

-- Kept when bodies are pruned: the tree over the leaves has to stay provable.
create table audit.leaf (
    seq bigint primary key,
    xid xid8 not null,
    leaf bytea not null check (octet_length(leaf) = 32),
    recorded timestamptz not null
);
create index leaf_sealing_order on audit.leaf (xid, seq);

-- Signed tree heads, written by the sealer.
create table audit.checkpoint (
    tree_size bigint primary key check (tree_size >= 0),
    root bytea not null check (octet_length(root) = 32),
    note text not null,
    sealed_at timestamptz not null default clock_timestamp()
);

-- Personal data as ciphertext. Its keys live elsewhere; a row may be deleted, an event may not.
create table audit.pii (
    digest bytea primary key check (octet_length(digest) = 32),
    subject text not null,
    key_id text not null,
    ciphertext bytea not null,
    stored_at timestamptz not null default clock_timestamp()
);
create index pii_of_subject on audit.pii (subject);

create function audit.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% on %.% is refused: the ledger is append-only. Record a correction as a new event.',
        tg_op, tg_table_schema, tg_table_name
        using errcode = 'PLT03';
end
$$;

-- Statement triggers fire even when no row matches, and TRUNCATE has no other kind. ENABLE ALWAYS
-- keeps them under session_replication_role = replica.
create function audit.make_append_only(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format(
        'create trigger append_only before update or delete or truncate on %s '
        'for each statement execute function audit.refuse_change()', target);
    execute format('alter table %s enable always trigger append_only', target);
end
$$;

-- A trigger on a partitioned table does not fire for a statement that names the partition, so
-- each partition gets its own.
create function audit.add_partition(size bigint) returns regclass
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    lower_bound bigint;
    partition_name text;
begin
    if size < 1 then
        raise exception 'A partition of % rows is refused: ask for one or more.', size
            using errcode = 'PLI01';
    end if;
    lock table audit.event in access exclusive mode;
    -- Behind the last partition, and behind what the default partition had to take meanwhile.
    select greatest(
        1,
        (select coalesce(max(seq), 0) + 1 from audit.event_overflow),
        (select coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$TO \('(\d+)'\)$re$))[1]::bigint), 1)
           from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = 'audit.event'::regclass)
    ) into lower_bound;
    partition_name := format('event_from_%s', lower_bound);
    execute format(
        'create table audit.%I partition of audit.event for values from (%s) to (%s)',
        partition_name, lower_bound, lower_bound + size);
    perform audit.make_append_only(format('audit.%I', partition_name)::regclass);
    return format('audit.%I', partition_name)::regclass;
end
$$;

-- The default partition is a safety net: an append must not fail because nobody added a partition.
create table audit.event_overflow partition of audit.event default;
select audit.make_append_only('audit.event_overflow');
select audit.add_partition(10000000);
select audit.make_append_only('audit.event');
select audit.make_append_only('audit.event_key');
select audit.make_append_only('audit.leaf');
select audit.make_append_only('audit.checkpoint');

create function audit.only_count_up() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.stream = old.stream and new.last_seq = old.last_seq + 1 then
        return new;
    end if;
    raise exception '% on audit.stream_head is refused: a stream only counts up, one at a time.', tg_op
        using errcode = 'PLT03';
end
$$;
create trigger only_count_up before update or delete on audit.stream_head
    for each row execute function audit.only_count_up();
create trigger never_truncated before truncate on audit.stream_head
    for each statement execute function audit.refuse_change();
alter table audit.stream_head enable always trigger only_count_up;
alter table audit.stream_head enable always trigger never_truncated;

-- What an append returns, and what is left when the body has been pruned.
create view audit.receipt as
    select k.event_id, k.seq, k.stream, k.stream_seq, l.leaf, l.recorded
      from audit.event_key k
      join audit.leaf l on l.seq = k.seq;

create view audit.recorded_event as
    select k.event_id, k.seq, k.stream, k.stream_seq, e.kind, e.occurred, l.recorded, l.leaf, e.body,
           e.signature, e.signing_key, e.anchor, e.retention_class, e.legal_hold
      from audit.event_key k
      join audit.leaf l on l.seq = k.seq
      join audit.event e on e.seq = k.seq;

grant select on audit.receipt, audit.recorded_event to placet_reader;
grant select on audit.leaf, audit.checkpoint, audit.receipt, audit.recorded_event to placet_sealer;
grant insert (tree_size, root, note) on audit.checkpoint to placet_sealer;
grant select (digest, subject, key_id, stored_at), delete on audit.pii to placet_eraser;
