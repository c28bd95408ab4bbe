-- What whoever has the application's password, or only submits requests, could still do to erasures.

-- Null when it is no text: then it names nothing, and keeps nobody from being erased.
create function content.as_text(bytes bytea) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return convert_from(as_text.bytes, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
    return null;
end
$$;

create or replace function content.named_elsewhere(candidates bytea[], own bytea[])
returns setof bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select distinct decode(found.parts[1], 'hex')
      from content.blob b,
           regexp_matches(content.as_text(b.bytes), '[0-9a-f]{64}', 'g') found (parts)
     where b.media_type in ('application/json', 'application/vnd.placet.manifest+json')
       and not b.digest = any (named_elsewhere.own)
       and decode(found.parts[1], 'hex') = any (named_elsewhere.candidates)
$$;

-- As before, but what belongs to a page is found by its manifest, as what belongs to a request is found
-- by it; and without what open requests of theirs, or those that have paid, name too, and without
-- policies, which are nobody's.
create or replace function effect.contents_of(subject text) returns setof bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with theirs as materialized (
        select r.request,
               not audit.is_at_rest(r.request)
               or exists (select from effect.payment p where p.request = r.request) as is_needed
          from inbox.request r where r.requester_id = contents_of.subject
    ), told as materialized (
        select t.is_needed, convert_from(e.body, 'UTF8') as body
          from theirs t join audit.known_event e on e.stream = t.request
         where e.body is not null
    ), named as materialized (
        select decode(found.parts[1], 'hex') as digest, bool_or(t.is_needed) as is_needed
          from told t, regexp_matches(t.body, '[0-9a-f]{64}', 'g') found (parts)
         group by 1
    ), stored as materialized (
        select b.digest, b.media_type, b.bytes, n.is_needed
          from named n join content.blob b on b.digest = n.digest
    ), found as materialized (
        select s.digest, s.is_needed from stored s
        union
        select b.digest, s.is_needed
          from stored s,
               regexp_matches(content.as_text(s.bytes), '[0-9a-f]{64}', 'g') found (parts)
          join content.blob b on b.digest = decode(found.parts[1], 'hex')
         where s.media_type in ('application/json', 'application/vnd.placet.manifest+json')
    )
    select f.digest from found f where not f.is_needed
    except
    select f.digest from found f where f.is_needed
    except
    select decode(p.digest, 'hex')
      from (select t.body::jsonb #>> '{policy,digest}' as digest from told t) p
     where p.digest ~ '^[0-9a-f]{64}$'
$$;

-- As before, but a hold on whoever asked keeps what strangers said in their requests, and a hold on
-- that keeps whoever asked: they would go together.
create or replace function audit.holds_on(subject text) returns setof audit.hold
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select h.* from audit.hold h
     where (h.on_what = 'subject'
            and (h.target in (select audit.subjects_of(holds_on.subject))
                 or (holds_on.subject like 'request:%' and h.target in (
                    select r.requester_id from inbox.request r
                     where audit.subject_of_request(r.request) = holds_on.subject))))
        or (h.on_what = 'request' and h.target in (select audit.requests_about(holds_on.subject)))
     order by h.placed_at, h.hold
$$;

-- As before, but a plan says all that one has to, and leaves nobody's key out.
create or replace function effect.take_plan(known effect.erasure) returns void
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
    begin
        select convert_from(b.bytes, 'UTF8')::jsonb into plan
          from content.blob b
         where b.digest = decode(known.plan, 'hex')
           and b.media_type = 'application/vnd.placet.erasure+json';
    exception when data_exception then
        plan := '{}';
    end;
    if plan is null then
        raise exception 'The plan % of permit % is not stored: store it before the erasure begins.',
            known.plan, known.permit_id using errcode = 'PLC25';
    end if;
    if jsonb_typeof(plan -> 'subjects') is distinct from 'array'
        or jsonb_typeof(plan -> 'contents') is distinct from 'array'
        or jsonb_typeof(plan -> 'stays') is distinct from 'array'
        or jsonb_path_exists(plan, '$.subjects[*] ? (@.type() != "string")')
        or jsonb_path_exists(plan, '$.contents[*] ? (@.type() != "string")')
        or jsonb_path_exists(plan, '$.stays[*] ? (@.type() != "object" || !(exists (@.what ? (@.type() == "string"))) || !(exists (@.why ? (@.type() == "string"))))')
    then
        raise exception 'The plan % of permit % is none that a worker could go by: plan the erasure again.',
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
    -- They may have made another request since it was planned: whoever plans again finds it.
    select s into stranger from audit.subjects_of(known.subject) s
     where s not in (select jsonb_array_elements_text(plan -> 'subjects')) limit 1;
    if stranger is not null then
        raise exception 'The plan of permit % leaves out the key of %: plan the erasure again.',
            known.permit_id, stranger using errcode = 'PLU06';
    end if;
    insert into effect.planned (permit_id, what, name)
    select distinct known.permit_id, 'content', c
      from jsonb_array_elements_text(plan -> 'contents') c;
end
$$;

-- A request stays that of whoever made it: what is erased with somebody is what they asked for. An
-- event that says otherwise is refused; one that was recorded before this does not stop rebuild().
create function inbox.keep_requester() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from audit.event_key k join audit.leaf l on l.seq = k.seq
         where k.stream = new.request and k.stream_seq = new.state_seq
           and l.xid = pg_current_xact_id_if_assigned()
    ) then
        raise exception 'The request % is one of %: no event makes it one of %.', new.request,
            old.requester_id, coalesce(new.requester_id, 'nobody') using errcode = 'PLC27';
    end if;
    return new;
end
$$;
create trigger keep_requester before update on inbox.request for each row
    when (old.requester_id is distinct from new.requester_id
          and old.requester_id not in ('', 'unknown'))
    execute function inbox.keep_requester();
alter table inbox.request enable always trigger keep_requester;

-- As before, but the events name all that is gone: without, nobody could tell an erasure from a loss.
create or replace function effect.require_told() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    untold text;
begin
    if not exists (
        select from audit.known_event e
         where e.stream = new.request and e.kind = 'system:subject:erased'
    ) then
        raise exception 'The erasure by permit % ends without an event that says what is gone: append system:subject:erased in the same transaction.',
            new.permit_id using errcode = 'PLT06';
    end if;
    with told as materialized (
        select convert_from(e.body, 'UTF8')::jsonb -> 'data' as data
          from audit.known_event e
         where e.stream = new.request and e.kind = 'system:subject:erased' and e.body is not null
    )
    select x.name into untold from (
        select x.name from effect.erased x
         where x.permit_id = new.permit_id and x.what in ('ciphertext', 'content')
        except
        select jsonb_array_elements_text(named.digests)
          from told t, lateral (values (t.data -> 'digests'), (t.data -> 'content')) named (digests)
         where jsonb_typeof(named.digests) = 'array'
    ) x limit 1;
    if untold is not null then
        raise exception 'The erasure by permit % ends without an event that says that % is gone: append system:subject:erased with all of it in the same transaction.',
            new.permit_id, untold using errcode = 'PLT06';
    end if;
    return null;
end
$$;

-- Whoever erases must not say alone that all of it is gone: the keys are destroyed by who records.
alter table effect.erasure add column confirmed_at timestamptz;
comment on column effect.erasure.confirmed_at is
    'When who records has said that the keys are destroyed, and all that was planned is gone.';

create function effect.confirm_erasing(permit_id text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(confirm_erasing.permit_id);
begin
    update effect.erasure x set confirmed_at = coalesce(x.confirmed_at, clock_timestamp())
     where x.permit_id = known.permit_id;
end
$$;

create or replace function effect.finish_erasing(permit_id text) returns void
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
    -- Not for good: a worker of the version before does not confirm, and a new one takes over from it.
    if known.confirmed_at is null then
        raise exception 'The erasure by permit % is under way: let the worker confirm first that keys and files are gone.',
            known.permit_id using errcode = 'PLU07';
    end if;
    update effect.erasure x set state = 'erased' where x.permit_id = known.permit_id;
end
$$;
grant execute on function effect.confirm_erasing(text) to placet_writer;

-- Who records may add to a plan what else is the person's: whoever has begun may have left it out.
create function effect.plan_contents(permit_id text, digests text[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.erasure := effect.running_erasure(plan_contents.permit_id);
    stranger text;
begin
    select d into stranger from unnest(plan_contents.digests) d
     where d !~ '^[0-9a-f]{64}$'
        or decode(d, 'hex') not in (select effect.contents_of(known.subject)) limit 1;
    if stranger is not null then
        raise exception 'No request of % names the content %: plan what is theirs.',
            known.subject, stranger using errcode = 'PLC25';
    end if;
    insert into effect.planned (permit_id, what, name)
    select distinct known.permit_id, 'content', d from unnest(plan_contents.digests) d
    on conflict do nothing;
end
$$;
grant execute on function effect.plan_contents(text, text[]) to placet_writer;
