-- Erasing by the plan alone: the login that erases takes away what was found and approved, and the one
-- that records can end an erasure only after the other has done it.

create table effect.planned (
    permit_id text not null references effect.erasure,
    what text not null check (what in ('content', 'address')),
    name text not null check (octet_length(name) between 1 and 1000),
    primary key (permit_id, what, name)
);
comment on table effect.planned is
    'What an erasure that is under way may take away; addresses go from here at its end.';
insert into effect.planned (permit_id, what, name)
select distinct x.permit_id, 'content', named.digest
  from effect.erasure x
  join content.blob b on b.digest = decode(x.plan, 'hex'),
       jsonb_array_elements_text(convert_from(b.bytes, 'UTF8')::jsonb -> 'contents') named (digest)
 where x.state = 'running';

--   running ─▶ erased ─▶ done
alter table effect.erasure
    drop constraint erasure_state_check,
    drop constraint erasure_check,
    add constraint erasure_state_check check (state in ('running', 'erased', 'done')),
    add constraint erasure_check check ((ended_at is null) = (state <> 'done'));

-- What is stored of the requests that a person has made: their events name it, or JSON that they name
-- does.
create function effect.contents_of(subject text) returns setof bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with named as materialized (
        select distinct decode(found.parts[1], 'hex') as digest
          from inbox.request r
          join audit.known_event e on e.stream = r.request,
               regexp_matches(convert_from(e.body, 'UTF8'), '[0-9a-f]{64}', 'g') found (parts)
         where r.requester_id = contents_of.subject and e.body is not null
    ), stored as materialized (
        select b.digest, b.media_type, b.bytes
          from named n join content.blob b on b.digest = n.digest
    )
    select s.digest from stored s
    union
    select b.digest
      from stored s,
           regexp_matches(convert_from(s.bytes, 'UTF8'), '[0-9a-f]{64}', 'g') found (parts)
      join content.blob b on b.digest = decode(found.parts[1], 'hex')
     where s.media_type = 'application/json'
$$;

-- Looks whether a plan is one of an erasure that was approved, and keeps what it takes away.
create function effect.take_plan(known effect.erasure) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    asked jsonb;
    plan jsonb;
    stranger text;
begin
    select convert_from(b.bytes, 'UTF8')::jsonb into asked
      from content.blob b where b.digest = decode(known.digest, 'hex');
    if asked ->> 'pipeline' is distinct from 'erase'
        or asked ->> 'subject' is distinct from known.subject then
        raise exception 'Permit % was approved to erase %, not %: ask for an erasure of their own.',
            known.permit_id, coalesce(asked ->> 'subject', 'nobody'), known.subject
            using errcode = 'PLC25';
    end if;
    select convert_from(b.bytes, 'UTF8')::jsonb into plan
      from content.blob b
     where b.digest = decode(known.plan, 'hex')
       and b.media_type = 'application/vnd.placet.erasure+json';
    if plan is null then
        raise exception 'The plan % of permit % is not stored: store it before the erasure begins.',
            known.plan, known.permit_id using errcode = 'PLC25';
    end if;
    select s into stranger from jsonb_array_elements_text(plan -> 'subjects') s
     where s not in (select audit.subjects_of(known.subject)) limit 1;
    if stranger is not null then
        raise exception 'The plan of permit % names %, who is not %: plan the erasure again.',
            known.permit_id, stranger, known.subject using errcode = 'PLC25';
    end if;
    select c into stranger from jsonb_array_elements_text(plan -> 'contents') c
     where c !~ '^[0-9a-f]{64}$'
        or decode(c, 'hex') not in (select effect.contents_of(known.subject)) limit 1;
    if stranger is not null then
        raise exception 'The plan of permit % names the content %, which no request of % does: plan the erasure again.',
            known.permit_id, stranger, known.subject using errcode = 'PLC25';
    end if;
    insert into effect.planned (permit_id, what, name)
    select distinct known.permit_id, 'content', c
      from jsonb_array_elements_text(plan -> 'contents') c;
end
$$;

create or replace function effect.begin_erasure(permit_id text, request text, subject text, plan text)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.permit;
    known effect.erasure;
    hold text;
begin
    select * into held from effect.permit p where p.permit_id = begin_erasure.permit_id;
    if not found or held.request is distinct from begin_erasure.request then
        raise exception 'Permit % is not one of request %.',
            begin_erasure.permit_id, begin_erasure.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into known from effect.erasure x where x.permit_id = held.permit_id;
    if found then
        if known.subject is distinct from begin_erasure.subject then
            raise exception 'Permit % erases % already, not %.',
                held.permit_id, known.subject, begin_erasure.subject using errcode = 'PLC21';
        end if;
        return false;
    end if;
    select * into held from effect.permit p where p.permit_id = begin_erasure.permit_id;
    if held.effect <> 'erase'
       or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for an erasure in the same transaction; if it was consumed before without one, find out what happened and ask for a new approval.',
            held.permit_id using errcode = 'PLC08';
    end if;
    -- A hold that is being placed at this moment is waited for, and counts.
    lock table audit.hold in share mode;
    select string_agg(h.hold, ', ') into hold from audit.holds_on(begin_erasure.subject) h;
    if hold is not null then
        raise exception '% is under legal hold (%): nothing is erased. When the hold is released, ask for the erasure again.',
            begin_erasure.subject, hold using errcode = 'PLC22';
    end if;
    insert into effect.erasure (permit_id, request, digest, subject, plan)
    values (held.permit_id, held.request, held.consumed_digest, begin_erasure.subject,
            begin_erasure.plan)
    returning * into known;
    perform effect.take_plan(known);
    return true;
end
$$;

-- The directory is not here: who records says which addresses are the person's, and who erases may
-- take out these and no others.
create function effect.plan_addresses(permit_id text, addresses text[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(plan_addresses.permit_id);
begin
    if cardinality(plan_addresses.addresses) > 1000 then
        raise exception 'Nobody has % addresses: bring the person''s own.',
            cardinality(plan_addresses.addresses) using errcode = 'PLI01';
    end if;
    insert into effect.planned (permit_id, what, name)
    select distinct known.permit_id, 'address', lower(a) from unnest(plan_addresses.addresses) a
    on conflict do nothing;
end
$$;

drop function effect.erase_addresses(text, text[]);
create function effect.erase_addresses(permit_id text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(erase_addresses.permit_id);
    gone bigint;
begin
    with changed as (
        update effect.delivery d
           set address = '[erased] ' || d.place, reply = null
          from effect.mailing m
         where m.permit_id = d.permit_id and m.ended_at is not null
           and lower(d.address) in (
                select n.name from effect.planned n
                 where n.permit_id = known.permit_id and n.what = 'address')
        returning d.permit_id, d.place
    ), noted as (
        insert into effect.erased (permit_id, what, name)
        select known.permit_id, 'address', c.permit_id || '#' || c.place from changed c
        on conflict do nothing
    )
    select count(*) into gone from changed;
    return gone;
end
$$;

create or replace function effect.erase_contents(permit_id text, digests bytea[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(erase_contents.permit_id);
    stranger text;
    gone bigint;
begin
    select encode(d, 'hex') into stranger from unnest(erase_contents.digests) d
     where encode(d, 'hex') not in (
        select n.name from effect.planned n
         where n.permit_id = known.permit_id and n.what = 'content') limit 1;
    if stranger is not null then
        raise exception 'The content % is not in the plan of permit %: nothing is erased. Erase what the plan % names.',
            stranger, known.permit_id, known.plan using errcode = 'PLC25';
    end if;
    with deleted as (
        delete from content.blob b where b.digest = any (erase_contents.digests) returning b.digest
    ), noted as (
        insert into effect.erased (permit_id, what, name)
        select known.permit_id, 'content', encode(d.digest, 'hex') from deleted d
        on conflict do nothing
    )
    select count(*) into gone from deleted;
    return gone;
end
$$;

-- Says that all of it is gone; only who erases can say so. What was recorded since it began has
-- another key, and stays.
create function effect.finish_erasing(permit_id text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(finish_erasing.permit_id);
    left_over bigint;
begin
    select count(*) into left_over from audit.pii p
     where p.subject in (select audit.subjects_of(known.subject)) and p.stored_at < known.began_at;
    if left_over > 0 then
        raise exception '% texts about % are not erased yet: erase them first.', left_over,
            known.subject using errcode = 'PLU04';
    end if;
    update effect.erasure x set state = 'erased' where x.permit_id = known.permit_id;
end
$$;

-- True when this call ends it.
create or replace function effect.end_erasure(permit_id text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure;
begin
    select * into known from effect.erasure x where x.permit_id = end_erasure.permit_id;
    if not found then
        raise exception 'Permit % erases nothing.', end_erasure.permit_id using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[known.request]);
    select * into known from effect.erasure x
     where x.permit_id = end_erasure.permit_id for update;
    if known.state = 'done' then
        return false;
    end if;
    if known.state = 'running' then
        raise exception 'The erasure of % by permit % is under way: let the eraser''s login finish it first.',
            known.subject, known.permit_id using errcode = 'PLC26';
    end if;
    delete from effect.planned n where n.permit_id = known.permit_id and n.what = 'address';
    update effect.erasure x set state = 'done', ended_at = clock_timestamp()
     where x.permit_id = known.permit_id;
    return true;
end
$$;

-- What is gone is told in the ledger in the same transaction, or the erasure does not end.
create function effect.require_told() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from audit.known_event e
         where e.stream = new.request and e.kind = 'system:subject:erased'
    ) then
        raise exception 'The erasure by permit % ends without an event that says what is gone: append system:subject:erased in the same transaction.',
            new.permit_id using errcode = 'PLT06';
    end if;
    return null;
end
$$;
create constraint trigger told_in_the_ledger after update on effect.erasure
    deferrable initially deferred for each row when (new.state = 'done')
    execute function effect.require_told();
alter table effect.erasure enable always trigger told_in_the_ledger;

-- Bounds of what comes beside a body. What is there already is not looked at again.
alter table audit.event
    add constraint signature_of_4096_bytes_at_most
        check (octet_length(signature) <= 4096) not valid,
    add constraint signing_key_of_512_characters_at_most
        check (char_length(signing_key) <= 512) not valid,
    add constraint anchor_of_40_bytes check (octet_length(anchor) = 40) not valid;

-- A hold is an event and a row of audit.hold; this column was never written.
drop view audit.recorded_event;
alter table audit.event drop column legal_hold;
create view audit.recorded_event as
    select k.event_id, k.seq, k.stream, k.stream_seq, e.kind, e.occurred, l.recorded, l.leaf, e.body,
           e.signature, e.signing_key, e.anchor, e.retention_class
      from audit.event_key k
      join audit.leaf l on l.seq = k.seq
      join audit.event e on e.seq = k.seq;
grant select on audit.recorded_event to placet_reader, placet_sealer;

grant select on effect.planned to placet_reader;
grant execute on function effect.contents_of(text) to placet_reader;
grant execute on function effect.plan_addresses(text, text[]) to placet_writer;
grant execute on function effect.erase_addresses(text), effect.finish_erasing(text)
    to placet_eraser;
