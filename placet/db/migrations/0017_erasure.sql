-- Erasing what is personal, and legal holds, which forbid it.

-- The holds that stand. Projected from the ledger's events, which say who placed them and why.
create table audit.hold (
    hold text primary key check (octet_length(hold) between 1 and 200),
    on_what text not null check (on_what in ('subject', 'request')),
    target text not null check (octet_length(target) between 1 and 1000),
    placed_at timestamptz not null
);
comment on column audit.hold.target is 'A person''s id, or the id of a request.';

-- In a trigger and not in append(), so that every way in passes it.
create function audit.take_hold() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    data jsonb := convert_from(new.body, 'UTF8')::jsonb -> 'data';
begin
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
create trigger take_hold after insert on audit.event
    for each row when (new.kind in ('person:hold:placed', 'person:hold:released'))
    execute function audit.take_hold();

-- Whose key seals what is about nobody known: placet.personal.paths.subject_of_request.
create function audit.subject_of_request(request text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when octet_length('request:' || request) <= 1000 then 'request:' || request
                else 'request:sha256:' || encode(sha256(convert_to(request, 'UTF8')), 'hex') end
$$;

-- A person's id, and the subjects of the requests that the person has made.
create function audit.subjects_of(subject text) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select subjects_of.subject
    union
    select audit.subject_of_request(r.request)
      from inbox.request r where r.requester_id = subjects_of.subject
$$;

-- The requests in which something is said about a person.
create function audit.requests_about(subject text) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select r.request from inbox.request r where r.requester_id = requests_about.subject
    union
    select k.stream
      from audit.pii p
      join audit.event_key k on k.event_id = decode(split_part(p.key_id, ':', 2), 'hex')
     where p.subject in (select audit.subjects_of(requests_about.subject))
       and p.key_id ~ ':[0-9a-f]{64}$'
$$;

-- The holds that forbid to erase a person.
create function audit.holds_on(subject text) returns setof audit.hold
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select h.* from audit.hold h
     where (h.on_what = 'subject' and h.target = holds_on.subject)
        or (h.on_what = 'request' and h.target in (select audit.requests_about(holds_on.subject)))
     order by h.placed_at, h.hold
$$;

-- A request is at rest when nothing more comes of it by itself.
create function audit.is_at_rest(request text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select not exists (
        select from inbox.request r
         where r.request = is_at_rest.request
           and (r.status in ('planning', 'pending', 'changes_requested')
                or r.effect in ('waiting', 'pending', 'in_force', 'ending')))
$$;

-- Erasures: an approved one destroys the key, then what is left of the person here.
--
--   running ─▶ done
create table effect.erasure (
    permit_id text primary key references effect.permit,
    request text not null,
    digest text not null,
    subject text not null check (subject <> ''),
    plan text not null check (plan ~ '^[0-9a-f]{64}$'),
    state text not null default 'running' check (state in ('running', 'done')),
    began_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    check ((ended_at is null) = (state = 'running'))
);
comment on column effect.erasure.plan is
    'SHA-256 of what was found about the person before their key was destroyed.';
create index erasure_of_subject on effect.erasure (subject);

-- What each has erased so far, so that one that was interrupted can tell it all at its end.
create table effect.erased (
    permit_id text not null references effect.erasure,
    what text not null check (what in ('ciphertext', 'content', 'step', 'address')),
    name text not null,
    primary key (permit_id, what, name)
);

-- True when the erasure is recorded by this call, false when it was before.
create function effect.begin_erasure(permit_id text, request text, subject text, plan text)
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
            begin_erasure.plan);
    return true;
end
$$;

-- True when this call ends it. Nothing of what it erases may be left by then.
create function effect.end_erasure(permit_id text) returns boolean
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
    update effect.erasure x set state = 'done', ended_at = clock_timestamp()
     where x.permit_id = known.permit_id;
    return true;
end
$$;

-- Whoever erases does so for an erasure that was approved and has begun, and for no other.
create function effect.running_erasure(permit_id text) returns effect.erasure
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure;
begin
    select * into known from effect.erasure x
     where x.permit_id = running_erasure.permit_id and x.state = 'running' for update;
    if not found then
        raise exception 'Permit % has no erasure under way.',
            running_erasure.permit_id using errcode = 'PLN01';
    end if;
    return known;
end
$$;

-- Deletes ciphertexts about the person, `most` at once; returns how many.
create function effect.erase_personal(permit_id text, most integer) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(erase_personal.permit_id);
    gone bigint;
begin
    with chosen as (
        select p.digest from audit.pii p
         where p.subject in (select audit.subjects_of(known.subject))
         order by p.digest limit erase_personal.most
    ), deleted as (
        delete from audit.pii p using chosen c where p.digest = c.digest returning p.digest
    ), noted as (
        insert into effect.erased (permit_id, what, name)
        select known.permit_id, 'ciphertext', encode(d.digest, 'hex') from deleted d
        on conflict do nothing
    )
    select count(*) into gone from deleted;
    return gone;
end
$$;

-- Deletes what steps of the person's requests came to, where nothing will ask for them again.
create function effect.erase_steps(permit_id text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(erase_steps.permit_id);
    gone bigint;
begin
    with deleted as (
        delete from audit.step s
         where s.stream in (select audit.requests_about(known.subject))
           and audit.is_at_rest(s.stream)
        returning s.stream, s.number
    ), noted as (
        insert into effect.erased (permit_id, what, name)
        select known.permit_id, 'step', d.stream || '#' || d.number from deleted d
        on conflict do nothing
    )
    select count(*) into gone from deleted;
    return gone;
end
$$;

-- Of these digests, those that other content names: a file that somebody else's request has too.
create function content.named_elsewhere(candidates bytea[], own bytea[]) returns setof bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select distinct decode(found.parts[1], 'hex')
      from content.blob b,
           regexp_matches(convert_from(b.bytes, 'UTF8'), '[0-9a-f]{64}', 'g') found (parts)
     where b.media_type = 'application/json'
       and not b.digest = any (named_elsewhere.own)
       and decode(found.parts[1], 'hex') = any (named_elsewhere.candidates)
$$;

create function effect.erase_contents(permit_id text, digests bytea[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(erase_contents.permit_id);
    gone bigint;
begin
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

-- Takes the person's addresses out of what is recorded of mails that are sent.
create function effect.erase_addresses(permit_id text, addresses text[]) returns bigint
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
           and lower(d.address) in (select lower(a) from unnest(erase_addresses.addresses) a)
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

grant usage on schema effect to placet_eraser;
revoke delete on audit.pii, audit.step from placet_eraser;
revoke delete on content.blob from placet_eraser;
revoke select (digest, subject, key_id, stored_at) on audit.pii from placet_eraser;
revoke select (stream, number, recorded) on audit.step from placet_eraser;
grant execute on function
    effect.erase_personal(text, integer), effect.erase_steps(text),
    effect.erase_contents(text, bytea[]), effect.erase_addresses(text, text[]),
    content.named_elsewhere(bytea[], bytea[])
to placet_eraser;
grant execute on function
    effect.begin_erasure(text, text, text, text), effect.end_erasure(text)
to placet_writer;
grant execute on function
    audit.subject_of_request(text), audit.subjects_of(text), audit.requests_about(text),
    audit.holds_on(text), audit.is_at_rest(text)
to placet_reader;
grant select on audit.hold, effect.erasure, effect.erased to placet_reader;
grant select on audit.event_key to placet_reader;
