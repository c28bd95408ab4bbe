-- Exports: a file that is made of an approved selection, once, and deleted when its time is over.
--
--   running ─▶ ready ─▶ gone
--   running ─▶ failed | stopped | drifted
create table effect.export (
    permit_id text primary key references effect.permit,
    request text not null,
    digest text not null,
    dataset text not null check (dataset <> ''),
    holder text not null check (holder <> ''),
    store text not null check (store <> ''),
    state text not null default 'running'
        check (state in ('running', 'ready', 'gone', 'failed', 'stopped', 'drifted')),
    began_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    name text check (name <> ''),
    rows bigint check (rows >= 0),
    bytes bigint check (bytes >= 0),
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    until timestamptz,
    gone_at timestamptz,
    check ((ended_at is null) = (state = 'running')),
    check ((gone_at is null) = (state <> 'gone')),
    check ((state in ('ready', 'gone')) = (name is not null)),
    check ((state in ('ready', 'gone', 'drifted')) = (rows is not null)),
    check (num_nulls(name, bytes, sha256, until) in (0, 4))
);
create index export_of_request on effect.export (request);

-- True when the export is recorded by this call. Else this attempt takes over from the one before,
-- which can then do no more.
create function effect.begin_export(
    permit_id text, request text, dataset text, holder text, store text
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.permit;
begin
    select * into held from effect.permit p where p.permit_id = begin_export.permit_id;
    if not found or held.request is distinct from begin_export.request then
        raise exception 'Permit % is not one of request %.',
            begin_export.permit_id, begin_export.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    perform from effect.export x where x.permit_id = held.permit_id for update;
    if found then
        update effect.export x set holder = begin_export.holder, store = begin_export.store
         where x.permit_id = held.permit_id and x.state = 'running';
        return false;
    end if;
    select * into held from effect.permit p where p.permit_id = begin_export.permit_id;
    if held.effect <> 'export'
       or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for an export in the same transaction; if it was consumed before without one, find out what happened and ask for a new approval.',
            held.permit_id using errcode = 'PLC08';
    end if;
    insert into effect.export (permit_id, request, digest, dataset, holder, store)
    values (held.permit_id, held.request, held.consumed_digest, begin_export.dataset,
            begin_export.holder, begin_export.store);
    return true;
end
$$;

-- True when this call ends the making of the file. The same ending again changes nothing.
create function effect.end_export(
    permit_id text, holder text, state text,
    name text, rows bigint, bytes bigint, sha256 text, until timestamptz
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made effect.export;
begin
    select * into made from effect.export x where x.permit_id = end_export.permit_id;
    if not found then
        raise exception 'Permit % exports nothing.', end_export.permit_id using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[made.request]);
    select * into made from effect.export x
     where x.permit_id = end_export.permit_id for update;
    if made.state = end_export.state and made.sha256 is not distinct from end_export.sha256 then
        return false;
    end if;
    if made.state <> 'running' or end_export.state not in ('ready', 'failed', 'stopped', 'drifted') then
        raise exception 'The export of permit % is %; it cannot become %.',
            made.permit_id, made.state, end_export.state using errcode = 'PLC09';
    end if;
    if made.holder <> end_export.holder then
        raise exception 'Another worker makes the export of permit % now: stop.',
            made.permit_id using errcode = 'PLC10';
    end if;
    update effect.export x
       set state = end_export.state, ended_at = clock_timestamp(), name = end_export.name,
           rows = end_export.rows, bytes = end_export.bytes, sha256 = end_export.sha256,
           until = end_export.until
     where x.permit_id = made.permit_id;
    return true;
end
$$;

-- True when this call records that the file was deleted.
create function effect.remove_export(permit_id text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made effect.export;
begin
    select * into made from effect.export x where x.permit_id = remove_export.permit_id;
    if not found then
        raise exception 'Permit % exports nothing.', remove_export.permit_id using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[made.request]);
    select * into made from effect.export x
     where x.permit_id = remove_export.permit_id for update;
    if made.state = 'gone' then
        return false;
    end if;
    if made.state <> 'ready' then
        raise exception 'The export of permit % is %: there is no file to be gone.',
            made.permit_id, made.state using errcode = 'PLC09';
    end if;
    update effect.export x set state = 'gone', gone_at = clock_timestamp()
     where x.permit_id = made.permit_id;
    return true;
end
$$;

grant execute on function
    effect.begin_export(text, text, text, text, text),
    effect.end_export(text, text, text, text, bigint, bigint, text, timestamptz),
    effect.remove_export(text)
to placet_writer;
grant select on effect.export to placet_reader;
