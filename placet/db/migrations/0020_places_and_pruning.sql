-- How far each place outside has come, so that one that was emptied does not count as new.

create table audit.place (
    name text primary key check (octet_length(name) between 1 and 200),
    tree_size bigint not null check (tree_size > 0),
    known_at timestamptz not null default clock_timestamp()
);
comment on table audit.place is
    'The largest checkpoint that each place of checkpoints is known to hold, by the place''s name.';

-- What a place lost and somebody said is meant; kept for the record.
create table audit.place_loss (
    number integer generated always as identity primary key,
    name text not null,
    tree_size bigint not null,
    known_at timestamptz not null,
    accepted_at timestamptz not null default clock_timestamp(),
    accepted_by text not null check (octet_length(accepted_by) between 1 and 1000),
    reason text not null check (octet_length(reason) between 1 and 4000)
);
comment on column audit.place_loss.tree_size is 'Up to which checkpoint the place held them.';
select audit.make_append_only('audit.place_loss');

-- Notes that a place holds a checkpoint; a smaller one than before changes nothing.
create function audit.note_place(place text, size bigint) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from audit.checkpoint c where c.tree_size = note_place.size) then
        raise exception 'There is no checkpoint of % events that % could hold: look at what the place holds and keep it.',
            note_place.size, note_place.place using errcode = 'PLI01';
    end if;
    insert into audit.place as known (name, tree_size)
    values (note_place.place, note_place.size)
    on conflict (name) do update
       set tree_size = excluded.tree_size, known_at = excluded.known_at
     where known.tree_size < excluded.tree_size;
end
$$;

-- Forgets how far a place had come, after somebody has said that what is missing there is meant.
create function audit.accept_loss(place text, who text, reason text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known audit.place;
begin
    delete from audit.place p where p.name = accept_loss.place returning * into known;
    if not found then
        raise exception 'Nothing is known of what % held: see the places with `placet audit status`.',
            accept_loss.place using errcode = 'PLN02';
    end if;
    insert into audit.place_loss (name, tree_size, known_at, accepted_by, reason)
    values (known.name, known.tree_size, known.known_at, accept_loss.who, accept_loss.reason);
    return known.tree_size;
exception when check_violation or not_null_violation then
    raise exception 'Say who accepts it and why, in at most 4000 bytes.' using errcode = 'PLI01';
end
$$;

grant select on audit.place, audit.place_loss to placet_sealer, placet_reader;
grant execute on function audit.note_place(text, bigint), audit.accept_loss(text, text, text)
    to placet_sealer;

-- Pruning goes in steps, each a short transaction: headers are copied, the partition is detached, the
-- ciphertexts that its bodies name are deleted, and it is dropped. Whoever is killed in the middle
-- goes on by the row here.
create table audit.pruning (
    tombstone bigint primary key,
    name text not null,
    lower bigint not null,
    upper bigint not null,
    copied bigint not null,
    detached_at timestamptz,
    cleared bigint not null,
    dropped_at timestamptz,
    check (lower <= copied and copied <= upper),
    check (lower <= cleared and cleared <= upper)
);
comment on column audit.pruning.copied is 'Headers of events below it stand in audit.pruned.';
comment on column audit.pruning.cleared is 'Ciphertexts of events below it are deleted.';
insert into audit.pruning (tombstone, name, lower, upper, copied, detached_at, cleared, dropped_at)
select told.tombstone, told.data ->> 'partition', (told.data ->> 'from_seq')::bigint, told.upper,
       told.upper, clock_timestamp(), told.upper, clock_timestamp()
  from (
    select p.tombstone, data.data, (data.data ->> 'to_seq')::bigint + 1 as upper
      from (select distinct tombstone from audit.pruned) p
      join audit.known_event e on e.seq = p.tombstone,
           lateral (select convert_from(e.body, 'UTF8')::jsonb -> 'data') data (data)
  ) told;

-- As before, but what is copied and still there is not told twice.
create or replace view audit.known_event as
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
      join audit.pruned p on p.seq = k.seq
     where not exists (
        select from audit.pruning g where g.tombstone = p.tombstone and g.detached_at is null);

-- The requests of which something more may come by itself.
create view audit.open_request as
    select r.request
      from inbox.request r
     where r.status in ('planning', 'pending', 'changes_requested')
        or r.effect in ('waiting', 'pending', 'in_force', 'ending');

create or replace function audit.is_at_rest(request text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select not exists (select from audit.open_request o where o.request = is_at_rest.request)
$$;

-- What may come up again and again, and forbids that these events lose their bodies.
create function audit.still_needed(lower bigint, upper bigint) returns setof text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    count bigint;
    named text;
begin
    select string_agg(h.hold, ', ') into named from audit.hold h
     where exists (
        select from audit.event_key k
         where k.seq >= still_needed.lower and k.seq < still_needed.upper
           and ((h.on_what = 'request' and k.stream = h.target)
                or (h.on_what = 'subject'
                    and k.stream in (select audit.requests_about(h.target)))));
    if named is not null then
        return next format('legal holds forbid it: %s', named);
    end if;
    -- Of those that are open, as of those in the partition there may be millions.
    select count(*), min(o.request) into count, named from audit.open_request o
     where exists (
        select from audit.event_key k
         where k.stream = o.request
           and k.seq >= still_needed.lower and k.seq < still_needed.upper);
    if count > 0 then
        return next format('%s of its requests are not closed, such as %s', count, named);
    end if;
end
$$;

create or replace function audit.hindrances(partition_name text, before timestamptz) returns setof text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    part audit.partition;
    newest timestamptz;
    count bigint;
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
    return query select audit.still_needed(part.lower, part.upper);
end
$$;

drop function audit.prune(text, bytea);

-- Looks whether a partition may lose its bodies by this tombstone, and begins; again it only looks
-- whether it has begun.
create function audit.begin_pruning(partition_name text, tombstone bytea) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    part audit.partition;
    stone audit.known_event;
    data jsonb;
    problem text;
begin
    select e.* into stone from audit.known_event e where e.event_id = begin_pruning.tombstone;
    if not found or stone.kind <> 'system:partition:pruned' then
        raise exception 'No tombstone says that % is to be pruned: append it first.',
            begin_pruning.partition_name using errcode = 'PLN02';
    end if;
    if not exists (select from audit.sealed s where s.seq = stone.seq) then
        raise exception 'The tombstone of % is not sealed yet: try again when it is.',
            begin_pruning.partition_name using errcode = 'PLC23';
    end if;
    data := convert_from(stone.body, 'UTF8')::jsonb -> 'data';
    if data ->> 'partition' is distinct from begin_pruning.partition_name then
        raise exception 'The tombstone is of %, not of %.', data ->> 'partition',
            begin_pruning.partition_name using errcode = 'PLC23';
    end if;
    if exists (select from audit.pruning g where g.tombstone = stone.seq) then
        return;
    end if;
    select * into part from audit.partition p where p.name = begin_pruning.partition_name;
    if not found then
        raise exception 'There is no partition %.', begin_pruning.partition_name
            using errcode = 'PLN02';
    end if;
    if (data ->> 'from_seq')::bigint is distinct from part.lower
        or (data ->> 'to_seq')::bigint is distinct from part.upper - 1 then
        raise exception 'The tombstone is of other events than those of %.', part.name
            using errcode = 'PLC23';
    end if;
    select string_agg(h, '; ') into problem
      from audit.hindrances(part.name, (data ->> 'before')::timestamptz) h;
    if problem is not null then
        raise exception '% cannot be pruned: %.', part.name, problem using errcode = 'PLC24';
    end if;
    insert into audit.pruning (tombstone, name, lower, upper, copied, cleared)
    values (stone.seq, part.name, part.lower, part.upper, part.lower, part.lower)
    on conflict do nothing;
end
$$;

create function audit.copy_headers(work audit.pruning, beyond bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    kept constant text[] := array[
        'system:subject:erased', 'system:partition:pruned', 'person:hold:placed',
        'person:hold:released'];
begin
    insert into audit.pruned (seq, kind, occurred, signature, signing_key, anchor, retention_class,
                              body_digest, body, tombstone)
    select e.seq, e.kind, e.occurred, e.signature, e.signing_key, e.anchor, e.retention_class,
           sha256(e.body), case when e.kind = any (kept) then e.body end, work.tombstone
      from audit.event e where e.seq >= work.copied and e.seq < beyond;
    update audit.pruning g set copied = beyond where g.tombstone = work.tombstone;
end
$$;

-- From here on the bodies are gone for whoever reads. False when something is in the way just now: an
-- append waits behind this for as long as this waits for others, so it never waits for long.
create function audit.detach_pruned(work audit.pruning) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
    problem text;
begin
    -- A hold that is being placed at this moment is waited for, and counts.
    lock table audit.hold in share row exclusive mode;
    -- Two that prune at once meet at that lock.
    if (select g.detached_at from audit.pruning g where g.tombstone = work.tombstone) is not null then
        return true;
    end if;
    select string_agg(h, '; ') into problem from audit.still_needed(work.lower, work.upper) h;
    if problem is not null then
        raise exception '% cannot be pruned: %.', work.name, problem using errcode = 'PLC24';
    end if;
    -- The ledger itself comes last, when hardly anything is left to wait for.
    execute format('lock table audit.%I in access exclusive mode', work.name);
    lock table only audit.event in access exclusive mode;
    lock table audit.event_overflow in access exclusive mode;
    execute format('alter table audit.event detach partition audit.%I', work.name);
    update audit.pruning g set detached_at = clock_timestamp()
     where g.tombstone = work.tombstone;
    return true;
exception when lock_not_available or deadlock_detected then
    return false;
end
$$;

-- Deletes what the bodies name of their own, and what steps of their requests came to.
create function audit.clear_pruned(work audit.pruning, beyond bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    named bytea[];
    streams text[];
begin
    execute format($query$
        select array_agg(distinct decode(left(part.text, 64), 'hex'))
          from audit.%I e
          join audit.pruned gone on gone.seq = e.seq and gone.body is null,
               unnest(string_to_array(convert_from(e.body, 'UTF8'), 'sealed:')) part (text)
         where e.seq >= $1 and e.seq < $2 and gone.seq >= $1 and gone.seq < $2
           and left(part.text, 64) ~ '^[0-9a-f]{64}$'
        $query$, work.name) into named using work.cleared, beyond;
    streams := array(
        select distinct k.stream from audit.event_key k
         where k.seq >= work.cleared and k.seq < beyond);
    -- By arrays, along the indexes: a join would be planned as a pass through the whole table. What a
    -- body only quotes belongs to another event.
    delete from audit.pii p
     where p.digest = any (named)
       and p.key_id ~ ':[0-9a-f]{64}$'
       and exists (
            select from audit.event_key k
             where k.event_id = decode(split_part(p.key_id, ':', 2), 'hex')
               and k.seq >= work.cleared and k.seq < beyond);
    delete from audit.step s where s.stream = any (streams);
    update audit.pruning g set cleared = beyond where g.tombstone = work.tombstone;
end
$$;

-- Takes the next step of a pruning that has begun, of `most` events at once, and says which it was:
-- copied, detached, held up, cleared, dropped; or over, when there was none left. `gone` is how many
-- bodies went, with the last step.
create function audit.go_on_pruning(tombstone bytea, most bigint, out step text, out gone bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    work audit.pruning;
begin
    if most is null or most not between 1 and 1000000 then
        raise exception 'Steps of % events are refused: ask for 1 to 1000000.', most
            using errcode = 'PLI01';
    end if;
    select g.* into work from audit.pruning g
      join audit.event_key k on k.seq = g.tombstone where k.event_id = go_on_pruning.tombstone;
    if not found then
        raise exception 'No pruning has begun by this tombstone: begin it first.'
            using errcode = 'PLN02';
    end if;
    gone := 0;
    if work.copied = work.upper and work.detached_at is null then
        -- It takes locks of its own, and a transaction that has an xid holds up the sealing.
        step := case when audit.detach_pruned(work) then 'detached' else 'held up' end;
        return;
    end if;
    -- Another may have taken this very step at the same time.
    select g.* into work from audit.pruning g where g.tombstone = work.tombstone for update;
    if work.dropped_at is not null then
        step := 'over';
    elsif work.copied < work.upper then
        perform audit.copy_headers(work, least(work.copied + most, work.upper));
        step := 'copied';
    elsif work.detached_at is null then
        step := 'held up';
    elsif work.cleared < work.upper then
        perform audit.clear_pruned(work, least(work.cleared + most, work.upper));
        step := 'cleared';
    else
        execute format('drop table audit.%I', work.name);
        update audit.pruning g set dropped_at = clock_timestamp() where g.tombstone = work.tombstone;
        select count(*) into gone from audit.pruned p
         where p.seq >= work.lower and p.seq < work.upper and p.body is null;
        step := 'dropped';
    end if;
end
$$;

-- As before, but a body that is only copied is still there.
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
        select distinct k.stream from audit.known_event k where k.body_digest is not null);
    delete from inbox.request r where r.request <> all (kept);
    delete from inbox.assignment a where a.request <> all (kept);
    delete from inbox.review v where v.request <> all (kept);
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

-- It is asked for often, and nobody should wait for it.
alter function audit.keep_room(bigint, bigint) set lock_timeout = '100ms';

grant select on audit.pruning, audit.open_request to placet_reader;
grant execute on function audit.begin_pruning(text, bytea), audit.go_on_pruning(bytea, bigint)
    to placet_eraser;
