-- What whoever has the application's password could still do to those who read, hold and prune.

-- Nobody who reads may be kept from the others' events by one that they cannot read: years have four
-- digits. What is there already is not looked at again.
alter table audit.event
    add constraint occurred_in_a_year_of_four_digits
        check (occurred >= '0001-01-02 00:00Z' and occurred < '9999-12-30 00:00Z') not valid;
alter table inbox.request
    add constraint due_in_a_year_of_four_digits
        check (due >= '0001-01-02 00:00Z' and due < '9999-12-30 00:00Z') not valid;
alter table effect.permit
    add constraint expires_in_a_year_of_four_digits
        check (expires_at >= '0001-01-02 00:00Z' and expires_at < '9999-12-30 00:00Z') not valid;

-- As before, but a hold is released only in its own story, which says who has placed it.
create or replace function audit.take_hold() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    data jsonb := convert_from(new.body, 'UTF8')::jsonb -> 'data';
begin
    if new.stream is distinct from 'hold:' || (data ->> 'hold') then
        raise exception 'The hold % has a story of its own: tell of it there, not in %.',
            data ->> 'hold', new.stream using errcode = 'PLI01';
    end if;
    if new.kind = 'person:hold:placed' then
        insert into audit.hold (hold, on_what, target, placed_at)
        values (data ->> 'hold', data ->> 'on', data ->> 'target', new.occurred)
        on conflict (hold) do nothing;
        if not found then
            raise exception 'The hold % stands already: give another one another name.',
                data ->> 'hold' using errcode = 'PLC20';
        end if;
    else
        delete from audit.hold h where h.hold = data ->> 'hold';
        if not found then
            raise exception 'There is no hold %: it was never placed, or is released.',
                data ->> 'hold' using errcode = 'PLN02';
        end if;
    end if;
    return null;
exception when check_violation or not_null_violation then
    raise exception 'A hold needs a name, and what it is on: a subject or a request.'
        using errcode = 'PLI01';
end
$$;
-- As before, but nobody makes partitions without end.
create or replace function audit.keep_room(size bigint, ahead bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
    reached constant bigint := (select last_value from audit.event_key_seq_seq);
begin
    if keep_room.size not between 1000 and 1000000000 then
        raise exception 'A partition of % events is refused: ask for 1000 to 1000000000.',
            keep_room.size using errcode = 'PLI01';
    end if;
    -- Each partition costs whoever reads all of them something, and no role may remove one.
    if keep_room.ahead > 10 * keep_room.size then
        raise exception 'Room for % events by partitions of % is refused: ask for ten partitions at most.',
            keep_room.ahead, keep_room.size using errcode = 'PLI01';
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

-- Waits until every append that has begun is over; those that come meanwhile wait behind it, so it
-- never waits for long.
create function audit.wait_for_appends() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
begin
    lock table only audit.event in share mode;
    -- The lock goes with this block, instead of being held to the end.
    raise exception 'They are over.' using errcode = 'PLX01';
exception
    when sqlstate 'PLX01' then
        null;
    when lock_not_available then
        raise exception 'Somebody is appending events for longer than it can be waited for: try again when that is over.'
            using errcode = 'PLU05';
end
$$;

-- As before, but of one partition there is one pruning, and nothing of it is still on its way.
create or replace function audit.begin_pruning(partition_name text, tombstone bytea) returns void
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
    lock table audit.pruning in share row exclusive mode;
    if exists (select from audit.pruning g where g.name = begin_pruning.partition_name) then
        raise exception '% is pruned by another tombstone already: go on with that one.',
            begin_pruning.partition_name using errcode = 'PLC23';
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
    -- Before it was full, somebody may have been given one of its numbers, and come with it later.
    perform audit.wait_for_appends();
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
