-- Appending a batch takes a few statements in all, not some for each event; the rules stay what
-- they were. A batch is taken in rounds: a round holds at most one event of each stream, so its
-- events do not depend on each other and each table takes them in one statement.

-- An event on its way into the ledger.
create type audit.incoming as (
    place bigint, -- In the batch.
    round bigint, -- In its stream, within the batch.
    event_id bytea,
    stream text,
    kind text,
    occurred timestamptz,
    body bytea,
    signature bytea,
    signing_key text,
    anchor bytea,
    retention_class text,
    fingerprint bytea,
    told jsonb -- The body, for checks and projections only.
);

-- The same refusals as before, without a call for each row that counts up as it should.
drop trigger only_count_up on audit.stream_head;
create trigger only_count_up before update on audit.stream_head
    for each row
    when (new.stream is distinct from old.stream or new.last_seq is distinct from old.last_seq + 1)
    execute function audit.only_count_up();
create trigger never_deleted before delete on audit.stream_head
    for each row execute function audit.only_count_up();
alter table audit.stream_head enable always trigger only_count_up;
alter table audit.stream_head enable always trigger never_deleted;

-- Version 1 of the leaf, of its parts. It and audit.fingerprint() are written so that the planner
-- can put them in place: a call of each would cost more than the hashes do.
create function audit.leaf_of(
    event_id bytea, stream text, stream_seq bigint, seq bigint, kind text, occurred timestamptz,
    recorded timestamptz, signing_key text, anchor bytea, retention_class text, body bytea,
    signature bytea
) returns bytea
language sql stable
as $$
    select sha256(
        '\x00'::bytea || 'placet/v1'::bytea
        -- Ten lengths of four bytes and four numbers of eight.
        || int4send(
               72 + octet_length(event_id) + octet_length(convert_to(stream, 'UTF8')) + octet_length(convert_to(kind, 'UTF8'))
               + octet_length(convert_to(coalesce(signing_key, ''), 'UTF8')) + octet_length(coalesce(anchor, ''))
               + octet_length(convert_to(coalesce(retention_class, ''), 'UTF8')))
        || int4send(octet_length(event_id)) || event_id
        || int4send(octet_length(convert_to(stream, 'UTF8'))) || convert_to(stream, 'UTF8')
        || int4send(8) || int8send(stream_seq)
        || int4send(8) || int8send(seq)
        || int4send(octet_length(convert_to(kind, 'UTF8'))) || convert_to(kind, 'UTF8')
        || int4send(8) || int8send((extract(epoch from occurred) * 1000000)::bigint)
        || int4send(8) || int8send((extract(epoch from recorded) * 1000000)::bigint)
        || int4send(octet_length(convert_to(coalesce(signing_key, ''), 'UTF8')))
        || convert_to(coalesce(signing_key, ''), 'UTF8')
        || int4send(octet_length(coalesce(anchor, ''))) || coalesce(anchor, '')
        || int4send(octet_length(convert_to(coalesce(retention_class, ''), 'UTF8')))
        || convert_to(coalesce(retention_class, ''), 'UTF8')
        || sha256(body)
        || sha256(coalesce(signature, ''))
    )
$$;

create or replace function audit.leaf_hash(e audit.event) returns bytea
language sql stable
as $$
    select audit.leaf_of(
        e.event_id, e.stream, e.stream_seq, e.seq, e.kind, e.occurred, e.recorded, e.signing_key,
        e.anchor, e.retention_class, e.body, e.signature)
$$;

-- What the same id must always bring again: stream, kind, instant and body.
create function audit.fingerprint(stream text, kind text, occurred timestamptz, body bytea)
returns bytea
language sql stable
as $$
    select sha256(
        int4send(octet_length(convert_to(stream, 'UTF8'))) || convert_to(stream, 'UTF8')
        || int4send(octet_length(convert_to(kind, 'UTF8'))) || convert_to(kind, 'UTF8')
        || int4send(8) || int8send((extract(epoch from occurred) * 1000000)::bigint)
        || sha256(body)
    )
$$;

-- As before, with one statement for all locks; they are taken in the order of the array.
create or replace function audit.lock_streams(streams text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    lock_class constant integer := 1347175501; -- Any number that nothing else in this database locks.
    keys integer[] := array(select distinct hashtext(s) from unnest(streams) s order by 1);
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'The ledger needs a READ COMMITTED transaction, not %: another one could not see what was appended while it waited.',
            upper(current_setting('transaction_isolation')) using errcode = 'PLT01';
    end if;
    if pg_current_xact_id_if_assigned() is not null and exists (
        select from unnest(keys) wanted
         where not exists (
            select from pg_locks l
             where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.granted
               and l.mode = 'ExclusiveLock' and l.objsubid = 2
               and l.database = (select d.oid from pg_database d where d.datname = current_database())
               and l.classid = lock_class::oid
               and l.objid = (wanted::bigint & 4294967295)::oid
         )
    ) then
        raise exception 'The transaction has written something before it reached the ledger: append first, then write.'
            using errcode = 'PLT02';
    end if;
    perform pg_advisory_xact_lock(lock_class, key) from unnest(keys) key;
end
$$;

-- Refuses a batch that brings an id with other content than before, here or in the ledger.
create function audit.refuse_other_content(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    taken record;
begin
    select k.event_id, k.stream, k.stream_seq into taken
      from unnest(event_ids, streams, kinds, occurred, bodies) with ordinality
               as e (event_id, stream, kind, occurred, body, place)
      join audit.event_key k on k.event_id = e.event_id
     where k.fingerprint <> audit.fingerprint(e.stream, e.kind, e.occurred, e.body)
     order by e.place limit 1;
    if found then
        raise exception 'Event id % is recorded already with other content (in % as number %): the same id must always bring the same event.',
            encode(taken.event_id, 'hex'), taken.stream, taken.stream_seq using errcode = 'PLC01';
    end if;
    select e.event_id into taken
      from unnest(event_ids, streams, kinds, occurred, bodies)
               as e (event_id, stream, kind, occurred, body)
     group by e.event_id
    having count(distinct audit.fingerprint(e.stream, e.kind, e.occurred, e.body)) > 1
     limit 1;
    if found then
        raise exception 'Event id % comes twice in one batch with different content: the same id must always bring the same event.',
            encode(taken.event_id, 'hex') using errcode = 'PLC01';
    end if;
end
$$;

-- Refuses the first event whose header and body do not tell the same story.
create function audit.check_bodies(events audit.incoming[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    wrong record;
    named audit.event;
begin
    select e.kind, e.stream, e.occurred, e.body into wrong
      from unnest(events) e
     where e.told ->> 'schema' is distinct from 'placet.event/1'
        or e.told ->> 'kind' is distinct from e.kind
        or e.told ->> 'request' is distinct from e.stream
        or (e.told ->> 'occurred')::timestamptz is distinct from e.occurred
     order by e.place limit 1;
    if found then
        named.kind := wrong.kind;
        named.stream := wrong.stream;
        named.occurred := wrong.occurred;
        named.body := wrong.body;
        perform audit.read_body(named); -- It says what is wrong.
    end if;
end
$$;

-- Whether effect.project() does anything for events of this kind.
create function effect.is_projected(kind text) returns boolean
language sql immutable
as $$
    select kind in ('system:permit:issued', 'effect:permit:consumed', 'person:effect:revoked')
$$;

-- Brings the lists up to date with events that have just got these numbers in their streams; at
-- most one event of each stream.
create function inbox.project_round(events audit.incoming[], numbers bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    with_state text[];
    with_effect text[];
    with_waiting text[];
    with_verdict text[];
    stranger record;
begin
    -- A permit's own events name the effect it is for; the others say how far the effect has come.
    select array_agg(e.stream) filter (where nullif(e.told -> 'state', 'null') is not null),
           array_agg(e.stream) filter (where e.kind ~ '^(effect|bank):' and e.kind !~ ':permit:'
                                         and e.told #>> '{data,effect}' is not null),
           array_agg(e.stream) filter (where nullif(e.told -> 'waiting_for', 'null') is not null),
           array_agg(e.stream) filter (
               where e.kind ~ '^reviewer:review:(approved|rejected|changes_requested)$')
      into with_state, with_effect, with_waiting, with_verdict
      from unnest(events) e;

    if with_state is not null then
        insert into inbox.request as r (
            request, pipeline, revision, digest, title, requester_id, requester_name, status, stage,
            due, outcome_kind, outcome_by, outcome_reason, amount, route, effect,
            submitted_at, updated_at, state_seq
        )
        select e.stream, told ->> 'pipeline', (told ->> 'revision')::integer, told ->> 'digest',
               state ->> 'title', state #>> '{requester,id}', state #>> '{requester,name}',
               state ->> 'status', state ->> 'stage', (state ->> 'due')::timestamptz,
               state #>> '{outcome,kind}', state #>> '{outcome,by}', state #>> '{outcome,reason}',
               state ->> 'amount', state ->> 'route', state ->> 'effect',
               e.occurred, e.occurred, e.number
          from (select stream, occurred, told, nullif(told -> 'state', 'null') as state, number
                  from unnest(events, numbers) as given (
                           place, round, event_id, stream, kind, occurred, body, signature,
                           signing_key, anchor, retention_class, fingerprint, told, number)
               ) e
         where state is not null
        on conflict (request) do update set
            pipeline = excluded.pipeline, revision = excluded.revision, digest = excluded.digest,
            title = excluded.title, requester_id = excluded.requester_id,
            requester_name = excluded.requester_name, status = excluded.status,
            stage = excluded.stage, due = excluded.due, outcome_kind = excluded.outcome_kind,
            outcome_by = excluded.outcome_by, outcome_reason = excluded.outcome_reason,
            amount = excluded.amount, route = excluded.route, effect = excluded.effect,
            updated_at = excluded.updated_at, state_seq = excluded.state_seq
        where r.state_seq < excluded.state_seq;
    end if;

    if with_effect || with_waiting || with_verdict <> '{}' then
        select e.kind, e.stream into stranger
          from unnest(events) e
         where e.stream = any (with_effect || with_waiting || with_verdict)
           and nullif(e.told -> 'state', 'null') is null
           and not exists (select from inbox.request r where r.request = e.stream)
         order by e.place limit 1;
        if found then
            raise exception 'Event % of % changes a request that no earlier event described: record its state first.',
                stranger.kind, stranger.stream using errcode = 'PLI01';
        end if;
    end if;

    if with_effect is not null then
        update inbox.request r
           set effect = e.told #>> '{data,effect}',
               due = (e.told #>> '{data,until}')::timestamptz, updated_at = e.occurred
          from unnest(events) e
         where r.request = e.stream and e.stream = any (with_effect);
    end if;

    if with_waiting is not null then
        delete from inbox.assignment a where a.request = any (with_waiting);
        insert into inbox.assignment (request, place, person, name, group_name, on_behalf_of)
        select e.stream, w.place, w.entry ->> 'person', w.entry ->> 'name', w.entry ->> 'group',
               w.entry ->> 'on_behalf_of'
          from unnest(events) e,
               jsonb_array_elements(e.told -> 'waiting_for') with ordinality w (entry, place)
         where e.stream = any (with_waiting);
    end if;

    if with_verdict is not null then
        insert into inbox.review (
            event_id, request, stream_seq, verdict, actor_id, actor_name, on_behalf_of, role,
            assurance, channel, stage, revision, digest, reason, decision_id, reviewed_at
        )
        select e.event_id, e.stream, e.number, split_part(e.kind, ':', 3), actor ->> 'id',
               actor ->> 'name',
               coalesce(actor #>> '{on_behalf_of,id}', actor ->> 'on_behalf_of'), actor ->> 'role',
               actor ->> 'assurance', actor ->> 'channel', told ->> 'stage',
               (told ->> 'revision')::integer, told ->> 'digest', told ->> 'reason',
               told ->> 'decision_id', e.occurred
          from (select event_id, stream, kind, occurred, told, told -> 'actor' as actor, number
                  from unnest(events, numbers) as given (
                           place, round, event_id, stream, kind, occurred, body, signature,
                           signing_key, anchor, retention_class, fingerprint, told, number)
               ) e
         where e.stream = any (with_verdict);
    end if;
end
$$;

-- The same for one event, as inbox.rebuild() goes through the ledger.
create or replace function inbox.project(e audit.event, body jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    single audit.incoming;
begin
    single.event_id := e.event_id;
    single.stream := e.stream;
    single.kind := e.kind;
    single.occurred := e.occurred;
    single.told := body;
    perform inbox.project_round(array[single], array[e.stream_seq]);
end
$$;

-- Records events that are known to be new, at most one of each stream, and returns their receipts
-- in the order of their places.
create function audit.append_round(events audit.incoming[]) returns audit.receipt[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    now_recorded constant timestamptz := clock_timestamp();
    receipts audit.receipt[];
    numbers bigint[];
    again record;
    keys bigint;
    permitted audit.event;
begin
    -- The ledger's numbers are given while the streams' locks are held, so that their order is the
    -- order of each stream.
    with given as materialized (
        select * from unnest(events)
    ), heads as (
        insert into audit.stream_head as h (stream, last_seq)
        select g.stream, 1 from given g
        on conflict (stream) do update set last_seq = h.last_seq + 1
        returning h.stream, h.last_seq
    ), numbered as materialized (
        select g.*, h.last_seq as number, nextval('audit.event_key_seq_seq') as seq
          from given g join heads h on h.stream = g.stream
    ), keyed as (
        insert into audit.event_key (event_id, seq, stream, stream_seq, fingerprint)
        overriding system value
        select n.event_id, n.seq, n.stream, n.number, n.fingerprint from numbered n
        on conflict (event_id) do nothing
        returning 1
    ), stored as (
        insert into audit.event (
            seq, event_id, stream, stream_seq, kind, occurred, recorded, xid, body, signature,
            signing_key, anchor, retention_class)
        select n.seq, n.event_id, n.stream, n.number, n.kind, n.occurred, now_recorded,
               pg_current_xact_id(), n.body, n.signature, n.signing_key, n.anchor,
               n.retention_class
          from numbered n
    ), leaves as (
        insert into audit.leaf (seq, xid, leaf, recorded)
        select n.seq, pg_current_xact_id(),
               audit.leaf_of(n.event_id, n.stream, n.number, n.seq, n.kind, n.occurred,
                             now_recorded, n.signing_key, n.anchor, n.retention_class, n.body,
                             n.signature),
               now_recorded
          from numbered n
        returning leaf.seq, leaf.leaf
    )
    select array_agg(row(n.event_id, n.seq, n.stream, n.number, l.leaf, now_recorded)::audit.receipt
                     order by n.place),
           array_agg(n.number order by n.place),
           (select count(*) from keyed)
      into receipts, numbers, keys
      from numbered n join leaves l on l.seq = n.seq;

    if keys < cardinality(events) then
        select e.event_id into again
          from unnest(events) e join audit.event_key k on k.event_id = e.event_id
         where k.stream <> e.stream
         order by e.place limit 1;
        raise exception 'Event id % was recorded in another stream just now: the same id must always bring the same event.',
            encode(again.event_id, 'hex') using errcode = 'PLC01';
    end if;
    -- A workflow id can be used again when Temporal has forgotten the first run. The ledger has not.
    select e.stream into again
      from unnest(events, numbers) as e (
               place, round, event_id, stream, kind, occurred, body, signature,
               signing_key, anchor, retention_class, fingerprint, told, number)
     where e.kind = 'requester:request:submitted' and e.number > 1
     order by e.place limit 1;
    if found then
        raise exception 'Request % has a story in the ledger already: submit under another request id.',
            again.stream using errcode = 'PLC02';
    end if;

    for again in
        select e.event_id, e.stream, e.kind, e.occurred, e.told from unnest(events) e
         where effect.is_projected(e.kind) order by e.place
    loop
        permitted.event_id := again.event_id;
        permitted.stream := again.stream;
        permitted.kind := again.kind;
        permitted.occurred := again.occurred;
        perform effect.project(permitted, again.told);
    end loop;
    perform inbox.project_round(events, numbers);
    return receipts;
end
$$;

drop function audit.append_one(audit.event);

-- Appends a batch and returns one receipt for each event, in the same order. Of a batch with several
-- faults any one may be named; nothing of it is recorded.
create or replace function audit.append(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[] default null, signing_keys text[] default null,
    anchors bytea[] default null, retention_classes text[] default null,
    personal_digests bytea[] default null, personal_subjects text[] default null,
    personal_keys text[] default null, personal_ciphertexts bytea[] default null
) returns setof audit.receipt
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    total integer := cardinality(event_ids);
    most constant integer := 1048576;
    fresh bigint[]; -- The places of events that are not recorded yet; null when all are new.
    events audit.incoming[];
    large record;
    rounds bigint;
begin
    if total is null or total > 1000
        or total <> any (array[
            cardinality(streams), cardinality(kinds), cardinality(occurred), cardinality(bodies),
            coalesce(cardinality(signatures), total), coalesce(cardinality(signing_keys), total),
            coalesce(cardinality(anchors), total), coalesce(cardinality(retention_classes), total)
        ])
        or array_position(event_ids, null) is not null or array_position(streams, null) is not null
        or array_position(kinds, null) is not null or array_position(occurred, null) is not null
        or array_position(bodies, null) is not null then
        raise exception 'A batch is up to 1000 events, each with an id, a stream, a kind, an instant and a body.'
            using errcode = 'PLI01';
    end if;
    perform audit.lock_streams(streams);
    if cardinality(personal_digests) > 0 then
        perform audit.keep_personal(
            personal_digests, personal_subjects, personal_keys, personal_ciphertexts);
    end if;

    if (select count(distinct id) from unnest(event_ids) id) < total
        or exists (
            select from unnest(event_ids) as e (event_id),
                   -- Kept apart, so that each is looked up, however small the planner thinks the
                   -- table is.
                   lateral (select from audit.event_key k where k.event_id = e.event_id offset 0) k
        ) then
        perform audit.refuse_other_content(event_ids, streams, kinds, append.occurred, bodies);
        fresh := array(
            select min(e.place) from unnest(event_ids) with ordinality e (event_id, place)
             where not exists (select from audit.event_key k where k.event_id = e.event_id)
             group by e.event_id);
    end if;
    select e.kind, e.stream, octet_length(e.body) as size into large
      from unnest(kinds, streams, bodies) with ordinality e (kind, stream, body, place)
     where octet_length(e.body) > most and (fresh is null or e.place = any (fresh))
     order by e.place limit 1;
    if found then
        raise exception 'Event % of % has a body of % bytes: keep it under 1 MiB and put large things in the content store.',
            large.kind, large.stream, large.size using errcode = 'PLI01';
    end if;
    select array_agg(
               row(e.place, e.round, e.event_id, e.stream, e.kind, e.occurred, e.body,
                   nullif(e.signature, ''), nullif(e.signing_key, ''), nullif(e.anchor, ''),
                   nullif(e.retention_class, ''),
                   audit.fingerprint(e.stream, e.kind, e.occurred, e.body),
                   convert_from(e.body, 'UTF8')::jsonb)::audit.incoming
               order by e.place),
           max(e.round)
      into events, rounds
      from (select *, row_number() over (partition by g.stream order by g.place) as round
              from unnest(event_ids, streams, kinds, append.occurred, bodies, signatures,
                          signing_keys, anchors, retention_classes) with ordinality
                       as g (event_id, stream, kind, occurred, body, signature, signing_key, anchor,
                             retention_class, place)
             where fresh is null or g.place = any (fresh)
           ) e;
    perform audit.check_bodies(events);

    if rounds = 1 and fresh is null then
        return query select * from unnest(audit.append_round(events));
        return;
    end if;
    for number in 1 .. coalesce(rounds, 0) loop
        perform audit.append_round(array(select e from unnest(events) e where e.round = number));
    end loop;
    return query
        select r.* from unnest(event_ids) with ordinality as e (event_id, place)
          join audit.receipt r on r.event_id = e.event_id
         order by e.place;
end
$$;

-- Takes the locks of audit.lock_streams() beforehand, and refuses instead of waiting: who writes for
-- several callers at once must not let them all wait for one.
create function audit.claim_streams(streams text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    lock_class constant integer := 1347175501; -- That of audit.lock_streams().
begin
    if exists (
        select from (select distinct hashtext(s) as key from unnest(streams) s order by 1) wanted
         where not pg_try_advisory_xact_lock(lock_class, wanted.key)
    ) then
        raise exception 'Somebody else is writing to one of these streams: bring each alone, and wait.'
            using errcode = 'PLT05';
    end if;
end
$$;

-- What audit.append() does, for several callers at once.
create function audit.append_together(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[], anchors bytea[], retention_classes text[],
    personal_digests bytea[], personal_subjects text[], personal_keys text[],
    personal_ciphertexts bytea[]
) returns setof audit.receipt
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform audit.claim_streams(streams);
    return query
        select * from audit.append(
            event_ids, streams, kinds, append_together.occurred, bodies, signatures, signing_keys,
            anchors, retention_classes, personal_digests, personal_subjects, personal_keys,
            personal_ciphertexts);
end
$$;

-- Appends one step of each of several requests; all of them, or none. Which of them was to blame
-- is then for the caller to find out, by bringing fewer at a time. A step that was written before
-- has to come alone, to append_step(), which says what it came to.
create function audit.append_steps(
    step_streams text[], chains text[], numbers bigint[], outcomes bytea[],
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[],
    anchors bytea[], retention_classes text[],
    personal_digests bytea[], personal_subjects text[],
    personal_keys text[], personal_ciphertexts bytea[]
) returns setof audit.receipt
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    kept_steps constant bigint := 64; -- More than a worker takes before Temporal knows of them.
begin
    if cardinality(step_streams) <> (select count(distinct s) from unnest(step_streams) s)
        or cardinality(step_streams) <> any (array[
            cardinality(chains), cardinality(numbers), cardinality(outcomes)]) then
        raise exception 'Each step needs a chain, a number and an outcome, and two steps of one request cannot come together.'
            using errcode = 'PLI01';
    end if;
    if not streams <@ step_streams then
        raise exception 'A step holds events of another request.' using errcode = 'PLI01';
    end if;
    perform audit.claim_streams(step_streams);
    if exists (
        select from unnest(step_streams, numbers) as told (stream, number),
               lateral (select from audit.step s
                         where s.stream = told.stream and s.number = told.number offset 0) s
    ) then
        raise exception 'A step of these was written before: bring it alone, to append_step().'
            using errcode = 'PLT05';
    end if;
    return query
        select * from audit.append(
            event_ids, streams, kinds, append_steps.occurred, bodies, signatures, signing_keys,
            anchors, retention_classes, personal_digests, personal_subjects, personal_keys,
            personal_ciphertexts);
    insert into audit.step (stream, number, chain, outcome, event_ids)
    select told.stream, told.number, told.chain, told.outcome,
           array(select e.event_id
                   from unnest(append_steps.event_ids, streams) with ordinality
                            as e (event_id, stream, place)
                  where e.stream = told.stream order by e.place)
      from unnest(step_streams, numbers, chains, outcomes)
               as told (stream, number, chain, outcome);
    for place in 1 .. cardinality(numbers) loop
        if numbers[place] > kept_steps then
            delete from audit.step s
             where s.stream = step_streams[place] and s.number <= numbers[place] - kept_steps;
        end if;
    end loop;
end
$$;

grant execute on function audit.append_steps(
    text[], text[], bigint[], bytea[], bytea[], text[], text[], timestamptz[], bytea[],
    bytea[], text[], bytea[], text[], bytea[], text[], text[], bytea[]
) to placet_writer;
grant execute on function audit.append_together(
    bytea[], text[], text[], timestamptz[], bytea[], bytea[], text[], bytea[], text[],
    bytea[], text[], text[], bytea[]
) to placet_writer;
