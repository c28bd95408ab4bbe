-- Retention: partitions are made in advance, and one that is old enough loses its bodies. What
-- proves them stays: the leaf, the key, and the header with the digest of the body.

create table audit.pruned (
    seq bigint primary key,
    kind text not null,
    occurred timestamptz not null,
    signature bytea,
    signing_key text,
    anchor bytea,
    retention_class text,
    body_digest bytea not null check (octet_length(body_digest) = 32),
    body bytea check (sha256(body) = body_digest),
    tombstone bigint not null
);
comment on table audit.pruned is 'Events whose bodies are gone: what their leaves bind besides.';
comment on column audit.pruned.body is
    'Kept of events that say what was erased, pruned or held: the proof of others stands on them.';
comment on column audit.pruned.body_digest is 'SHA-256 of the body; the leaf binds it.';
comment on column audit.pruned.tombstone is 'The event that told that the body would go.';
select audit.make_append_only('audit.pruned');

-- Every event, also one whose body is gone.
create view audit.known_event as
    select k.event_id, k.seq, k.stream, k.stream_seq, e.kind, e.occurred, l.recorded, l.leaf, e.body,
           null::bytea as body_digest, e.signature, e.signing_key, e.anchor, e.retention_class
      from audit.event_key k
      join audit.leaf l on l.seq = k.seq
      join audit.event e on e.seq = k.seq
    union all
    select k.event_id, k.seq, k.stream, k.stream_seq, p.kind, p.occurred, l.recorded, l.leaf, p.body,
           case when p.body is null then p.body_digest end, p.signature, p.signing_key, p.anchor, p.retention_class
      from audit.event_key k
      join audit.leaf l on l.seq = k.seq
      join audit.pruned p on p.seq = k.seq;

-- The partitions that hold events of their own numbers, the oldest first: `upper` is the first
-- number behind it.
create view audit.partition as
    select c.relname as name, bounds.parts[1]::bigint as lower, bounds.parts[2]::bigint as upper
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid,
           regexp_match(pg_get_expr(c.relpartbound, c.oid),
                        $re$FROM \('(\d+)'\) TO \('(\d+)'\)$re$) bounds (parts)
     where i.inhparent = 'audit.event'::regclass and bounds.parts is not null
     order by lower;

-- Makes the next partition when fewer than `ahead` numbers are left; null when there is room.
create function audit.keep_room(size bigint, ahead bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '3s'
as $$
declare
    reached constant bigint := (select last_value from audit.event_key_seq_seq);
begin
    if keep_room.size not between 1000 and 1000000000 then
        raise exception 'A partition of % events is refused: ask for 1000 to 1000000000.',
            keep_room.size using errcode = 'PLI01';
    end if;
    if (select coalesce(max(p.upper), 0) from audit.partition p) - reached > keep_room.ahead then
        return null;
    end if;
    -- Others may have made it meanwhile: whoever comes second looks again under the lock.
    perform pg_advisory_xact_lock(1347175502);
    if (select coalesce(max(p.upper), 0) from audit.partition p) - reached > keep_room.ahead then
        return null;
    end if;
    return audit.add_partition(keep_room.size)::text;
end
$$;

-- Why a partition may not lose its bodies now, a line for each reason; none when it may.
create function audit.hindrances(partition_name text, before timestamptz) returns setof text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    part audit.partition;
    newest timestamptz;
    count bigint;
    named text;
begin
    select * into part from audit.partition p where p.name = hindrances.partition_name;
    if not found then
        return next format('there is no partition %s', hindrances.partition_name);
        return;
    end if;
    if (select last_value from audit.event_key_seq_seq) < part.upper then
        return next 'it is not full yet';
    end if;
    select max(l.recorded) into newest from audit.leaf l
     where l.seq >= part.lower and l.seq < part.upper;
    if newest >= hindrances.before then
        return next format('its newest event is of %s', newest::date);
    end if;
    select count(*) into count from audit.leaf l
     where l.seq >= part.lower and l.seq < part.upper
       and not exists (select from audit.sealed s where s.seq = l.seq);
    if count > 0 then
        return next format('%s of its events are not sealed yet', count);
    end if;
    select string_agg(h.hold, ', ') into named from audit.hold h
     where exists (
        select from audit.event_key k
         where k.seq >= part.lower and k.seq < part.upper
           and ((h.on_what = 'request' and k.stream = h.target)
                or (h.on_what = 'subject'
                    and k.stream in (select audit.requests_about(h.target)))));
    if named is not null then
        return next format('legal holds forbid it: %s', named);
    end if;
    select count(*), min(open.stream) into count, named from (
        select distinct k.stream from audit.event_key k
         where k.seq >= part.lower and k.seq < part.upper
           and not audit.is_at_rest(k.stream)
    ) open;
    if count > 0 then
        return next format('%s of its requests are not closed, such as %s', count, named);
    end if;
end
$$;

-- Drops the bodies of a partition whose tombstone is sealed, with the ciphertexts that they name;
-- returns how many events that were. One that is gone already is 0.
create function audit.prune(partition_name text, tombstone bytea) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
declare
    part audit.partition;
    stone audit.event;
    data jsonb;
    problem text;
    gone bigint;
    kept constant text[] := array[
        'system:subject:erased', 'system:partition:pruned', 'person:hold:placed',
        'person:hold:released'];
begin
    -- No second pruning and no new hold while this one looks.
    lock table audit.pruned, audit.hold in share row exclusive mode;
    select e.* into stone from audit.event e
      join audit.event_key k on k.seq = e.seq where k.event_id = prune.tombstone;
    if not found or stone.kind <> 'system:partition:pruned' then
        raise exception 'No tombstone says that % is to be pruned: append it first.',
            prune.partition_name using errcode = 'PLN02';
    end if;
    if not exists (select from audit.sealed s where s.seq = stone.seq) then
        raise exception 'The tombstone of % is not sealed yet: try again when it is.',
            prune.partition_name using errcode = 'PLC23';
    end if;
    data := convert_from(stone.body, 'UTF8')::jsonb -> 'data';
    select * into part from audit.partition p where p.name = prune.partition_name;
    if not found then
        if data ->> 'partition' = prune.partition_name
            and exists (select from audit.pruned p where p.tombstone = stone.seq) then
            return 0;
        end if;
        raise exception 'There is no partition %.', prune.partition_name using errcode = 'PLN02';
    end if;
    if data ->> 'partition' is distinct from part.name
        or (data ->> 'from_seq')::bigint is distinct from part.lower
        or (data ->> 'to_seq')::bigint is distinct from part.upper - 1 then
        raise exception 'The tombstone is of %, not of %.', data ->> 'partition', part.name
            using errcode = 'PLC23';
    end if;
    select string_agg(h, '; ') into problem
      from audit.hindrances(part.name, (data ->> 'before')::timestamptz) h;
    if problem is not null then
        raise exception '% cannot be pruned: %.', part.name, problem using errcode = 'PLC24';
    end if;
    insert into audit.pruned (seq, kind, occurred, signature, signing_key, anchor, retention_class,
                              body_digest, body, tombstone)
    select e.seq, e.kind, e.occurred, e.signature, e.signing_key, e.anchor, e.retention_class,
           sha256(e.body), case when e.kind = any (kept) then e.body end, stone.seq
      from audit.event e where e.seq >= part.lower and e.seq < part.upper;
    delete from audit.pii p
     using audit.event_key k
      join audit.pruned gone_now on gone_now.seq = k.seq and gone_now.body is null
     where k.seq >= part.lower and k.seq < part.upper
       and p.key_id ~ ':[0-9a-f]{64}$'
       and k.event_id = decode(split_part(p.key_id, ':', 2), 'hex');
    delete from audit.step s
     using audit.event_key k
     where k.seq >= part.lower and k.seq < part.upper and s.stream = k.stream;
    execute format('alter table audit.event detach partition audit.%I', part.name);
    execute format('drop table audit.%I', part.name);
    select count(*) into gone from audit.pruned p
     where p.seq >= part.lower and p.seq < part.upper and p.body is null;
    return gone;
end
$$;

-- As before, but the lists keep the requests whose story is not whole any more: nobody could make
-- them again.
create or replace function inbox.rebuild() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    e audit.event;
    projected bigint := 0;
    kept text[];
begin
    lock table audit.stream_head in share row exclusive mode;
    kept := array(
        select distinct k.stream from audit.pruned p join audit.event_key k on k.seq = p.seq
         where p.body is null);
    delete from inbox.request r where r.request <> all (kept);
    -- A stream's events got their seq while its lock was held, so seq order is stream order.
    for e in
        select v.* from audit.event v where v.stream <> all (kept) order by v.seq
    loop
        perform inbox.project(e, audit.read_body(e));
        projected := projected + 1;
    end loop;
    return projected;
end
$$;

grant select on audit.known_event, audit.partition, audit.pruned to placet_reader;
grant execute on function audit.hindrances(text, timestamptz) to placet_reader;
grant execute on function audit.keep_room(bigint, bigint) to placet_writer;
grant execute on function audit.prune(text, bytea) to placet_eraser;
