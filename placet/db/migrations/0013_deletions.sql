-- Deletions: what was approved is deleted or marked in batches, and a worker that dies leaves it to
-- the next. A deletion moves only forward:
--
--   running ─▶ done | in_force | stopped          hard, or nothing was marked; soft; hard, stopped
--   running ─▶ stopping ─▶ stopped                soft, stopped half-way: the marks are taken away
--   in_force ─▶ undoing ─▶ undone                 withdrawn while it can be undone
--   in_force ─▶ purging ─▶ ended, or ─▶ ended     its time is over
--
-- One that drifted, or was stopped before it began, is recorded as that and touches nothing.
create table effect.deletion (
    permit_id text primary key references effect.permit,
    request text not null,
    digest text not null,
    dataset text not null check (dataset <> ''),
    selection text not null check (selection ~ '^[0-9a-f]{64}$'),
    mode text not null check (mode in ('soft', 'hard')),
    approved bigint not null check (approved > 0),
    -- The instant of the approval, with which rows are marked.
    mark timestamptz not null,
    -- What the source said before anything was touched; null when it was not asked.
    selected bigint check (selected >= 0),
    existing bigint check (existing >= 0),
    matching bigint check (matching >= 0),
    holder text not null check (holder <> ''),
    state text not null check (state in (
        'running', 'stopping', 'in_force', 'undoing', 'purging',
        'done', 'stopped', 'drifted', 'undone', 'ended')),
    -- How many rows were to be touched when the pass that is under way began, and how far it is.
    standing bigint not null check (standing >= 0),
    place bigint not null default 0 check (place between 0 and approved),
    counts jsonb not null default '{}' check (jsonb_typeof(counts) = 'object'),
    began_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    until timestamptz,
    ended_at timestamptz,
    check ((ended_at is not null) = (state in ('done', 'stopped', 'drifted', 'undone', 'ended'))),
    check (state in ('drifted', 'stopped') or matching is not null),
    check (state <> 'in_force' or until is not null)
);
create index deletion_of_request on effect.deletion (request);

-- True when the deletion is recorded by this call, false when it was before.
create function effect.begin_deletion(
    permit_id text, request text, dataset text, selection text, mode text, approved bigint,
    mark timestamptz, selected bigint, existing bigint, matching bigint, holder text, state text
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.permit;
    begun effect.deletion;
begin
    select * into held from effect.permit p where p.permit_id = begin_deletion.permit_id;
    if not found or held.request is distinct from begin_deletion.request then
        raise exception 'Permit % is not one of request %.',
            begin_deletion.permit_id, begin_deletion.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into begun from effect.deletion d where d.permit_id = held.permit_id;
    if found then
        if begun.selection is distinct from begin_deletion.selection then
            raise exception 'Permit % deletes the selection % already; deleting % needs another approval.',
                held.permit_id, begun.selection, begin_deletion.selection using errcode = 'PLC07';
        end if;
        return false;
    end if;
    if begin_deletion.state not in ('running', 'stopped', 'drifted') then
        raise exception 'A deletion cannot begin as %.', begin_deletion.state
            using errcode = 'PLC09';
    end if;
    select * into held from effect.permit p where p.permit_id = begin_deletion.permit_id;
    if held.effect <> 'delete' or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for a deletion in the same transaction; if it was consumed before without one, find out what happened and do not delete.',
            held.permit_id using errcode = 'PLC08';
    end if;
    insert into effect.deletion (
        permit_id, request, digest, dataset, selection, mode, approved, mark, selected, existing,
        matching, holder, state, standing, ended_at
    ) values (
        held.permit_id, held.request, held.consumed_digest, begin_deletion.dataset,
        begin_deletion.selection, begin_deletion.mode, begin_deletion.approved,
        begin_deletion.mark, begin_deletion.selected, begin_deletion.existing,
        begin_deletion.matching, begin_deletion.holder, begin_deletion.state, coalesce(begin_deletion.matching, 0),
        case when begin_deletion.state <> 'running' then clock_timestamp() end
    );
    return true;
end
$$;

-- From here on only this attempt moves the deletion. One that has ended stays as it is.
create function effect.hold_deletion(permit_id text, holder text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from effect.deletion d where d.permit_id = hold_deletion.permit_id for update;
    if not found then
        raise exception 'Permit % deletes nothing.', hold_deletion.permit_id
            using errcode = 'PLN01';
    end if;
    update effect.deletion d set holder = hold_deletion.holder
     where d.permit_id = hold_deletion.permit_id and d.ended_at is null;
end
$$;

-- The deletion of this permit, locked, as long as this attempt may move it.
create function effect.held_deletion(permit_id text, holder text) returns effect.deletion
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.deletion;
begin
    select * into held from effect.deletion d
     where d.permit_id = held_deletion.permit_id and d.holder = held_deletion.holder
       and d.ended_at is null
       for update;
    if not found then
        raise exception 'The deletion of permit % has ended, or another worker goes on with it: stop deleting.',
            held_deletion.permit_id using errcode = 'PLC10';
    end if;
    return held;
end
$$;

-- Begins what comes next, or one more pass over what the last one has left.
create function effect.turn_deletion(
    permit_id text, holder text, state text, standing bigint, counts jsonb
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.deletion :=
        effect.held_deletion(turn_deletion.permit_id, turn_deletion.holder);
begin
    if held.state = turn_deletion.state and held.state <> 'in_force' then
        if turn_deletion.standing >= held.standing then
            raise exception 'The deletion of permit % has % rows left and had %: one more pass would change nothing.',
                held.permit_id, turn_deletion.standing, held.standing using errcode = 'PLC09';
        end if;
    elsif not (
        held.mode = 'soft' and (held.state, turn_deletion.state) in (
            ('running', 'stopping'), ('in_force', 'undoing'), ('in_force', 'purging'))
    ) then
        raise exception 'The deletion of permit % is %; it cannot become %.',
            held.permit_id, held.state, turn_deletion.state using errcode = 'PLC09';
    end if;
    update effect.deletion d
       set state = turn_deletion.state, standing = turn_deletion.standing, place = 0,
           counts = d.counts || turn_deletion.counts, changed_at = clock_timestamp()
     where d.permit_id = held.permit_id;
end
$$;

-- How far the pass that is under way has come in the approved selection.
create function effect.advance_deletion(permit_id text, holder text, place bigint) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.deletion :=
        effect.held_deletion(advance_deletion.permit_id, advance_deletion.holder);
begin
    if held.state = 'in_force' or advance_deletion.place < held.place then
        raise exception 'The deletion of permit % is % at row %; it cannot go back to row %.',
            held.permit_id, held.state, held.place, advance_deletion.place using errcode = 'PLC09';
    end if;
    update effect.deletion d set place = advance_deletion.place, changed_at = clock_timestamp()
     where d.permit_id = held.permit_id;
end
$$;

-- True when this call ends the deletion, or puts it in force.
create function effect.end_deletion(
    permit_id text, holder text, state text, counts jsonb, until timestamptz
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.deletion;
begin
    select * into held from effect.deletion d where d.permit_id = end_deletion.permit_id;
    if not found then
        raise exception 'Permit % deletes nothing.', end_deletion.permit_id
            using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into held from effect.deletion d
     where d.permit_id = end_deletion.permit_id for update;
    if held.state = end_deletion.state then
        return false;
    end if;
    held := effect.held_deletion(end_deletion.permit_id, end_deletion.holder);
    if not (
        (held.state, end_deletion.state) in (
            ('running', 'done'), ('stopping', 'stopped'), ('undoing', 'undone'),
            ('purging', 'ended'), ('in_force', 'ended'))
        or (held.mode = 'soft' and (held.state, end_deletion.state) = ('running', 'in_force'))
        or (held.mode = 'hard' and (held.state, end_deletion.state) = ('running', 'stopped'))
    ) then
        raise exception 'The deletion of permit % is %; it cannot become %.',
            held.permit_id, held.state, end_deletion.state using errcode = 'PLC09';
    end if;
    update effect.deletion d
       set state = end_deletion.state, counts = d.counts || end_deletion.counts,
           until = coalesce(end_deletion.until, d.until), changed_at = clock_timestamp(),
           ended_at = case when end_deletion.state <> 'in_force' then clock_timestamp() end
     where d.permit_id = held.permit_id;
    return true;
end
$$;

grant execute on function
    effect.begin_deletion(text, text, text, text, text, bigint, timestamptz, bigint, bigint, bigint, text, text),
    effect.hold_deletion(text, text),
    effect.turn_deletion(text, text, text, bigint, jsonb),
    effect.advance_deletion(text, text, bigint),
    effect.end_deletion(text, text, text, jsonb, timestamptz)
to placet_writer;
grant select on effect.deletion to placet_reader;
