-- What the sealer writes: the place of each leaf in the tree, and the signed heads of the tree.

create table audit.sealed (
    position bigint primary key check (position >= 0),
    seq bigint not null unique
);
comment on column audit.sealed.position is 'The place of the leaf in the tree, from 0, without a gap.';

-- A transaction's xid means something only in the cluster where it ran. A database that was
-- restored elsewhere brings leaves with xids of another cluster: those below `from_seq`.
create table audit.cluster (
    number integer primary key check (number > 0),
    identifier bigint not null,
    from_seq bigint not null,
    noted_at timestamptz not null default clock_timestamp()
);
comment on column audit.cluster.identifier is 'The system identifier of the cluster.';
comment on column audit.cluster.from_seq is
    'Events below it were committed before; from it on, xids are this cluster''s.';

-- Notes in which cluster the database is now. `starter.py db migrate` calls it, as the owner.
create function audit.note_cluster() returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    here constant bigint := (select system_identifier from pg_control_system());
    before audit.cluster;
begin
    select * into before from audit.cluster order by number desc limit 1;
    if before.identifier = here then
        return false;
    end if;
    -- Whoever takes a number for an event holds this table in another mode until the end of its
    -- transaction. Under the lock, every number given out is committed or will never be seen.
    lock table audit.event_key in share mode;
    insert into audit.cluster (number, identifier, from_seq)
    select coalesce(before.number, 0) + 1, here,
           greatest(
               s.last_value + s.is_called::integer,
               (select coalesce(max(seq), 0) + 1 from audit.event_key))
      from audit.event_key_seq_seq s;
    return true;
end
$$;
select audit.note_cluster();

alter table audit.checkpoint
    add column frontier bytea not null,
    add column cluster integer not null references audit.cluster,
    add column after_xid xid8,
    add column after_seq bigint not null,
    add constraint frontier_of_size
        check (octet_length(frontier) = 32 * bit_count(tree_size::bit(64)));
comment on column audit.checkpoint.frontier is
    'The roots of the full subtrees, the largest first: what is needed to add leaves.';
comment on column audit.checkpoint.after_xid is
    'With after_seq, the last leaf sealed in the order (xid, seq); null while leaves that come from another cluster are sealed, in the order of seq.';

-- A note is immutable. What others sign about it is kept beside it.
create table audit.cosignature (
    tree_size bigint not null references audit.checkpoint,
    key text not null check (key <> ''),
    line text not null check (line <> ''),
    stored_at timestamptz not null default clock_timestamp(),
    primary key (tree_size, key)
);
comment on column audit.cosignature.key is 'Name and id of the witness''s key.';
comment on column audit.cosignature.line is 'The line of the note with the witness''s signature.';

create table audit.stamp (
    tree_size bigint not null references audit.checkpoint,
    authority text not null check (authority <> ''),
    token bytea not null check (octet_length(token) > 0),
    stored_at timestamptz not null default clock_timestamp(),
    primary key (tree_size, authority)
);
comment on column audit.stamp.token is 'An RFC 3161 response about the note, DER.';

select audit.make_append_only('audit.sealed');
select audit.make_append_only('audit.cluster');
select audit.make_append_only('audit.cosignature');
select audit.make_append_only('audit.stamp');

grant select on audit.sealed, audit.cluster, audit.cosignature, audit.stamp
    to placet_sealer, placet_reader;
grant select on audit.leaf to placet_reader;
grant insert (position, seq) on audit.sealed to placet_sealer;
grant insert (frontier, cluster, after_xid, after_seq) on audit.checkpoint to placet_sealer;
grant insert (tree_size, key, line) on audit.cosignature to placet_sealer;
grant insert (tree_size, authority, token) on audit.stamp to placet_sealer;
