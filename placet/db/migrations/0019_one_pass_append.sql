-- Appending takes a batch in one pass, however many events of one stream it holds; before, it took
-- a round for each. What is recorded, refused and projected stays what it was.

-- A batch takes several numbers of a stream at once. That none is left out is what the numbers
-- themselves show: (stream, stream_seq) is unique, and each append begins behind the last one.
create or replace function audit.only_count_up() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.stream = old.stream and new.last_seq > old.last_seq then
        return new;
    end if;
    raise exception '% on audit.stream_head is refused: a stream only counts up.', tg_op
        using errcode = 'PLT03';
end
$$;
drop trigger only_count_up on audit.stream_head;
create trigger only_count_up before update on audit.stream_head
    for each row
    when (new.stream is distinct from old.stream or (new.last_seq > old.last_seq) is not true)
    execute function audit.only_count_up();
alter table audit.stream_head enable always trigger only_count_up;

-- Rows that are updated in place, next to their old version, cost no index an entry.
alter table audit.stream_head set (fillfactor = 60);
alter table inbox.request set (fillfactor = 70);

-- The lists are written by these functions alone, which refuse what no request stands for; a check
-- of each row again costs more than the row.
alter table inbox.assignment drop constraint assignment_request_fkey;
alter table inbox.review drop constraint review_request_fkey;

-- A leaf, when the digest of the body is at hand.
create function audit.leaf_with(
    event_id bytea, stream text, stream_seq bigint, seq bigint, kind text, occurred timestamptz,
    recorded timestamptz, signing_key text, anchor bytea, retention_class text, body_digest bytea,
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
        || body_digest
        || sha256(coalesce(signature, ''))
    )
$$;

create or replace function audit.leaf_of(
    event_id bytea, stream text, stream_seq bigint, seq bigint, kind text, occurred timestamptz,
    recorded timestamptz, signing_key text, anchor bytea, retention_class text, body bytea,
    signature bytea
) returns bytea
language sql stable
as $$
    select audit.leaf_with(
        event_id, stream, stream_seq, seq, kind, occurred, recorded, signing_key, anchor,
        retention_class, sha256(body), signature)
$$;

-- A fingerprint, when the digest of the body is at hand.
create function audit.fingerprint_with(
    stream text, kind text, occurred timestamptz, body_digest bytea
) returns bytea
language sql stable
as $$
    select sha256(
        int4send(octet_length(convert_to(stream, 'UTF8'))) || convert_to(stream, 'UTF8')
        || int4send(octet_length(convert_to(kind, 'UTF8'))) || convert_to(kind, 'UTF8')
        || int4send(8) || int8send((extract(epoch from occurred) * 1000000)::bigint)
        || body_digest
    )
$$;

create or replace function audit.fingerprint(
    stream text, kind text, occurred timestamptz, body bytea
) returns bytea
language sql stable
as $$
    select audit.fingerprint_with(stream, kind, occurred, sha256(body))
$$;

-- Brings the lists up to date with events, which may be several of one stream, in their order: as
-- if one came after the other.
create function inbox.project_events(
    event_ids bytea[], streams text[], numbers bigint[], kinds text[], occurred timestamptz[],
    bodies jsonb[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    verdicts constant text := '^reviewer:review:(approved|rejected|changes_requested)$';
    -- What inbox.keep_the_effects_word() may keep.
    words constant text[] := '{done,failed,stopped,in_force,ended,undone}';
    known constant text[] :=
        '{waiting,pending,done,failed,revoked,stopped,in_force,ending,ended,undone}';
    with_state boolean;
    varied boolean; -- What states say of effects.
    with_effect bigint[]; -- Places in the batch.
    with_waiting bigint[];
    with_verdict bigint[];
    bare boolean; -- Something has to stand on an earlier state.
    odd boolean; -- Something cannot be written, or had better be looked at.
    mixed text[];
    rest bigint[];
    stranger record;
begin
    -- A permit's own events name the effect it is for; the others say how far the effect has come.
    select bool_or(e.state is not null),
           min(coalesce(e.state ->> 'effect', '')) is distinct from
               max(coalesce(e.state ->> 'effect', '')),
           array_agg(e.place) filter (where e.word is not null),
           array_agg(e.place) filter (where e.waiting is not null),
           array_agg(e.place) filter (where e.verdict),
           bool_or(e.state is null
                   and (e.word is not null or e.waiting is not null or e.verdict)),
           -- Of several in one stream only the last is written, but none may be wrong.
           bool_or(e.state is not null
                   and (e.state ->> 'status' is null or e.told ->> 'pipeline' is null
                        or (e.told ->> 'revision')::integer is null
                        or (e.state ->> 'due')::timestamptz = 'infinity'
                        or e.state ->> 'effect' <> all (known))
                   or e.word is not null
                   and (e.word <> all (known)
                        or (e.told #>> '{data,until}')::timestamptz = 'infinity')
                   or e.waiting is not null
                   and (jsonb_typeof(e.waiting) <> 'array'
                        or jsonb_path_exists(
                            e.waiting, '$[*] ? (!exists(@.person) || @.person == null)')))
      into with_state, varied, with_effect, with_waiting, with_verdict, bare, odd
      from (select g.told, g.place, nullif(g.told -> 'state', 'null') as state,
                   nullif(g.told -> 'waiting_for', 'null') as waiting,
                   g.kind ~ verdicts as verdict,
                   case when g.kind ~ '^(effect|bank):' and g.kind !~ ':permit:'
                        then g.told #>> '{data,effect}' end as word
              from unnest(kinds, bodies) with ordinality as g (kind, told, place)
            offset 0 -- So that each part is looked up once.
           ) e;

    if odd and cardinality(streams) > 1 then
        mixed := streams;
    elsif with_effect is not null or (with_state and varied) then
        -- What is said of an effect depends on what was said before: one after the other.
        mixed := array(
            select e.stream
              from unnest(streams, bodies) with ordinality as e (stream, told, place)
             group by e.stream
            having count(*) filter (where e.place = any (with_effect)) > 1
                or min(e.place) filter (where e.place = any (with_effect))
                   < max(e.place) filter (where nullif(e.told -> 'state', 'null') is not null)
                or (count(distinct coalesce(e.told #>> '{state,effect}', ''))
                        filter (where nullif(e.told -> 'state', 'null') is not null) > 1
                    and (bool_or(e.told #>> '{state,effect}' = any (words))
                         or exists (select from inbox.request r
                                     where r.request = e.stream and r.effect = any (words)))));
    end if;
    if mixed <> '{}' then
        for place in 1 .. cardinality(streams) loop
            if streams[place] = any (mixed) then
                perform inbox.project_events(
                    event_ids[place:place], streams[place:place], numbers[place:place],
                    kinds[place:place], project_events.occurred[place:place],
                    project_events.bodies[place:place]);
            end if;
        end loop;
        rest := array(
            select place from generate_subscripts(streams, 1) place
             where streams[place] <> all (mixed) order by place);
        perform inbox.project_events(
            array(select event_ids[place] from unnest(rest) place),
            array(select streams[place] from unnest(rest) place),
            array(select numbers[place] from unnest(rest) place),
            array(select kinds[place] from unnest(rest) place),
            array(select project_events.occurred[place] from unnest(rest) place),
            array(select project_events.bodies[place] from unnest(rest) place))
          where rest <> '{}';
        return;
    end if;

    if bare then
        select e.kind, e.stream into stranger
          from unnest(streams, kinds, bodies) with ordinality
                   as e (stream, kind, told, place)
         where e.place = any (with_effect || with_waiting || with_verdict)
           and nullif(e.told -> 'state', 'null') is null
           and not exists (
               select from unnest(streams, bodies) with ordinality
                               as earlier (stream, told, place)
                where earlier.stream = e.stream and earlier.place < e.place
                  and nullif(earlier.told -> 'state', 'null') is not null)
           and not exists (select from inbox.request r where r.request = e.stream)
         order by e.place limit 1;
        if found then
            raise exception 'Event % of % changes a request that no earlier event described: record its state first.',
                stranger.kind, stranger.stream using errcode = 'PLI01';
        end if;
    end if;

    if with_state then
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
               e.since, e.occurred, e.number
          from (select *, nullif(g.told -> 'state', 'null') as state,
                       first_value(g.occurred) over (partition by g.stream order by g.place) as since,
                       row_number() over (partition by g.stream order by g.place desc) as from_end
                  from unnest(streams, numbers, project_events.occurred, bodies)
                           with ordinality as g (stream, number, occurred, told, place)
                 where nullif(g.told -> 'state', 'null') is not null
               ) e
         where e.from_end = 1
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

    if with_effect is not null then
        -- Of several in one stream, the last; no state comes after it.
        update inbox.request r
           set effect = e.told #>> '{data,effect}',
               due = (e.told #>> '{data,until}')::timestamptz, updated_at = e.occurred
          from unnest(streams, project_events.occurred, bodies) with ordinality
                   as e (stream, occurred, told, place)
         where r.request = e.stream and e.place = any (with_effect)
           and not exists (
               select from unnest(with_effect) as later (place)
                where streams[later.place] = e.stream and later.place > e.place);
    end if;

    if with_waiting is not null then
        delete from inbox.assignment a
         where a.request in (select streams[place] from unnest(with_waiting) place);
        insert into inbox.assignment (request, place, person, name, group_name, on_behalf_of)
        select e.stream, w.place, w.entry ->> 'person', w.entry ->> 'name', w.entry ->> 'group',
               w.entry ->> 'on_behalf_of'
          from (select distinct on (streams[g.place]) streams[g.place] as stream,
                       bodies[g.place] -> 'waiting_for' as people
                  from unnest(with_waiting) as g (place)
                 order by streams[g.place], g.place desc
               ) e,
               jsonb_array_elements(e.people) with ordinality w (entry, place);
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
          from (select *, g.told -> 'actor' as actor
                  from unnest(event_ids, streams, numbers, kinds, project_events.occurred,
                              bodies) with ordinality
                           as g (event_id, stream, number, kind, occurred, told, place)
                 where g.place = any (with_verdict)
               ) e;
    end if;
end
$$;

-- The same for one event, as inbox.rebuild() goes through the ledger.
create or replace function inbox.project(e audit.event, body jsonb) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select inbox.project_events(
        array[e.event_id], array[e.stream], array[e.stream_seq], array[e.kind], array[e.occurred],
        array[body])
$$;

-- Records events whose ids are new, and returns their receipts in their order.
--
-- Raises unique_violation when one of them turns out not to be new.
create function audit.append_new(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[], anchors bytea[], retention_classes text[]
) returns audit.receipt[]
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    most constant integer := 1048576;
    now_recorded constant timestamptz := clock_timestamp();
    parsed jsonb[];
    receipts audit.receipt[];
    large boolean;
    wrong boolean;
    numbers bigint[];
    again boolean;
    with_permit boolean;
    first record;
    named audit.event;
begin
    select bool_or(e.told is null), array_agg(e.told order by e.place),
           bool_or(effect.is_projected(e.kind)),
           bool_or(e.told ->> 'schema' is distinct from 'placet.event/1'
                   or e.told ->> 'kind' is distinct from e.kind
                   or e.told ->> 'request' is distinct from e.stream
                   or (e.told ->> 'occurred')::timestamptz is distinct from e.occurred)
      into large, parsed, with_permit, wrong
      from (select *, case when octet_length(g.body) <= most
                           then convert_from(g.body, 'UTF8')::jsonb end as told
              from unnest(streams, kinds, append_new.occurred, bodies) with ordinality
                       as g (stream, kind, occurred, body, place)
            offset 0 -- So that each body is read once.
           ) e;
    if large then
        select e.kind, e.stream, octet_length(e.body) as size into first
          from unnest(kinds, streams, bodies) with ordinality e (kind, stream, body, place)
         where octet_length(e.body) > most
         order by e.place limit 1;
        raise exception 'Event % of % has a body of % bytes: keep it under 1 MiB and put large things in the content store.',
            first.kind, first.stream, first.size using errcode = 'PLI01';
    end if;
    if wrong then
        for place in 1 .. cardinality(bodies) loop
            named.stream := streams[place];
            named.kind := kinds[place];
            named.occurred := occurred[place];
            named.body := bodies[place];
            perform audit.read_body(named); -- It says what is wrong.
        end loop;
    end if;

    -- The ledger's numbers are given while the streams' locks are held, so that their order is the
    -- order of each stream. Bodies are taken by their place, instead of being carried along.
    with given as materialized (
        select g.stream, g.place, row_number() over of_stream as nth,
               count(*) over (partition by g.stream) as total
          from unnest(streams) with ordinality as g (stream, place)
        window of_stream as (partition by g.stream order by g.place)
    ), heads as (
        insert into audit.stream_head as h (stream, last_seq)
        select g.stream, g.total from given g where g.nth = 1
        on conflict (stream) do update set last_seq = h.last_seq + excluded.last_seq
        returning h.stream, h.last_seq
    ), placed as (
        select g.stream, g.place, h.last_seq - g.total + g.nth as number
          from given g join heads h on h.stream = g.stream
         order by g.place
    ), numbered as (
        select p.*, nextval('audit.event_key_seq_seq') as seq, sha256(bodies[p.place]) as body_digest
          from placed p
    ), whole as materialized (
        select n.*,
               audit.leaf_with(
                   event_ids[n.place], n.stream, n.number, n.seq, kinds[n.place],
                   append_new.occurred[n.place], now_recorded, nullif(signing_keys[n.place], ''),
                   nullif(anchors[n.place], ''), nullif(retention_classes[n.place], ''),
                   n.body_digest, nullif(signatures[n.place], '')
               ) as leaf
          from numbered n
    ), keyed as (
        insert into audit.event_key (event_id, seq, stream, stream_seq, fingerprint)
        overriding system value
        select event_ids[w.place], w.seq, w.stream, w.number,
               audit.fingerprint_with(w.stream, kinds[w.place], append_new.occurred[w.place], w.body_digest)
          from whole w
    ), stored as (
        insert into audit.event (
            seq, event_id, stream, stream_seq, kind, occurred, recorded, xid, body, signature,
            signing_key, anchor, retention_class)
        select w.seq, event_ids[w.place], w.stream, w.number, kinds[w.place],
               append_new.occurred[w.place], now_recorded, pg_current_xact_id(), bodies[w.place],
               nullif(signatures[w.place], ''), nullif(signing_keys[w.place], ''),
               nullif(anchors[w.place], ''), nullif(retention_classes[w.place], '')
          from whole w
    ), leaves as (
        insert into audit.leaf (seq, xid, leaf, recorded)
        select w.seq, pg_current_xact_id(), w.leaf, now_recorded from whole w
    )
    select array_agg(row(event_ids[w.place], w.seq, w.stream, w.number, w.leaf,
                         now_recorded)::audit.receipt order by w.place),
           array_agg(w.number order by w.place),
           bool_or(w.number > 1 and kinds[w.place] = 'requester:request:submitted')
      into receipts, numbers, again
      from whole w;

    -- A workflow id can be used again when Temporal has forgotten the first run. The ledger has not.
    if again then
        select streams[place] as stream into first
          from generate_subscripts(kinds, 1) place
         where kinds[place] = 'requester:request:submitted' and numbers[place] > 1
         order by place limit 1;
        raise exception 'Request % has a story in the ledger already: submit under another request id.',
            first.stream using errcode = 'PLC02';
    end if;

    if with_permit then
        for place in 1 .. cardinality(kinds) loop
            if effect.is_projected(kinds[place]) then
                named.event_id := event_ids[place];
                named.stream := streams[place];
                named.kind := kinds[place];
                named.occurred := occurred[place];
                perform effect.project(named, parsed[place]);
            end if;
        end loop;
    end if;
    perform inbox.project_events(
        event_ids, streams, numbers, kinds, append_new.occurred, parsed);
    return receipts;
end
$$;

-- Refuses what is no batch.
create function audit.check_batch(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[], anchors bytea[], retention_classes text[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    total integer := cardinality(event_ids);
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
    -- Places are counted from 1; another array would put one event's part beside another's.
    if total > 0 and array[
            array_dims(event_ids), array_dims(streams), array_dims(kinds), array_dims(occurred),
            array_dims(bodies), coalesce(array_dims(signatures), array_dims(event_ids)),
            coalesce(array_dims(signing_keys), array_dims(event_ids)),
            coalesce(array_dims(anchors), array_dims(event_ids)),
            coalesce(array_dims(retention_classes), array_dims(event_ids))
        ] <> array_fill(format('[1:%s]', total), array[9]) then
        raise exception 'Each part of a batch is one list, counted from 1.' using errcode = 'PLI01';
    end if;
end
$$;

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
as $$
declare
    fresh record;
    again record;
begin
    perform audit.check_batch(
        event_ids, streams, kinds, append.occurred, bodies, signatures, signing_keys, anchors,
        retention_classes);
    perform audit.lock_streams(streams);
    if cardinality(personal_digests) > 0 then
        perform audit.keep_personal(
            personal_digests, personal_subjects, personal_keys, personal_ciphertexts);
    end if;
    perform audit.refuse_other_content(event_ids, streams, kinds, append.occurred, bodies);

    select array_agg(e.event_id order by e.place) as event_ids,
           array_agg(e.stream order by e.place) as streams,
           array_agg(e.kind order by e.place) as kinds,
           array_agg(e.occurred order by e.place) as occurred,
           array_agg(e.body order by e.place) as bodies,
           array_agg(e.signature order by e.place) as signatures,
           array_agg(e.signing_key order by e.place) as signing_keys,
           array_agg(e.anchor order by e.place) as anchors,
           array_agg(e.retention_class order by e.place) as retention_classes
      into fresh
      from unnest(event_ids, streams, kinds, append.occurred, bodies, signatures, signing_keys,
                  anchors, retention_classes) with ordinality
               as e (event_id, stream, kind, occurred, body, signature, signing_key, anchor,
                     retention_class, place)
     where e.place in (
               select min(g.place) from unnest(event_ids) with ordinality g (event_id, place)
                group by g.event_id)
       and not exists (select from audit.event_key k where k.event_id = e.event_id);

    if fresh.event_ids is not null then
        begin
            perform audit.append_new(
                fresh.event_ids, fresh.streams, fresh.kinds, fresh.occurred, fresh.bodies,
                fresh.signatures, fresh.signing_keys, fresh.anchors, fresh.retention_classes);
        exception when unique_violation then
            select e.event_id into again
              from unnest(event_ids, streams) with ordinality as e (event_id, stream, place)
              join audit.event_key k on k.event_id = e.event_id
             where k.stream <> e.stream
             order by e.place limit 1;
            if not found then
                raise;
            end if;
            raise exception 'Event id % was recorded in another stream just now: the same id must always bring the same event.',
                encode(again.event_id, 'hex') using errcode = 'PLC01';
        end;
    end if;
    return query
        select r.* from unnest(event_ids) with ordinality as e (event_id, place)
          join audit.receipt r on r.event_id = e.event_id
         order by e.place;
end
$$;

-- Takes the locks of audit.lock_streams(), and refuses instead of waiting: who writes for several
-- callers at once must not let them all wait for one.
create or replace function audit.claim_streams(streams text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    lock_class constant integer := 1347175501; -- That of audit.lock_streams().
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'The ledger needs a READ COMMITTED transaction, not %: another one could not see what was appended while it waited.',
            upper(current_setting('transaction_isolation')) using errcode = 'PLT01';
    end if;
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'The transaction has written something before it reached the ledger: append first, then write.'
            using errcode = 'PLT02';
    end if;
    if exists (
        select from (select distinct hashtext(s) as key from unnest(streams) s order by 1) wanted
         where not pg_try_advisory_xact_lock(lock_class, wanted.key)
    ) then
        raise exception 'Somebody else is writing to one of these streams: bring each alone, and wait.'
            using errcode = 'PLT05';
    end if;
end
$$;

-- Appends what several callers bring, whose streams are claimed. Whatever is not as it is nearly
-- always, such as an event or a ciphertext that was recorded before, is refused.
create function audit.append_claimed(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[], anchors bytea[], retention_classes text[],
    personal_digests bytea[], personal_subjects text[], personal_keys text[],
    personal_ciphertexts bytea[]
) returns audit.receipt[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if array[cardinality(personal_subjects), cardinality(personal_keys),
             cardinality(personal_ciphertexts)]
       <> array_fill(cardinality(personal_digests), array[3]) then
        raise exception 'Personal data needs a digest, a subject, a key and a ciphertext each.'
            using errcode = 'PLI01';
    end if;
    insert into audit.pii (digest, subject, key_id, ciphertext)
    select * from unnest(personal_digests, personal_subjects, personal_keys, personal_ciphertexts);
    return audit.append_new(
        event_ids, streams, kinds, append_claimed.occurred, bodies, signatures, signing_keys,
        anchors, retention_classes);
end
$$;

-- What audit.append() does, for several callers at once. What is refused here is for audit.append()
-- to take, or to refuse with better words: each has to come to it alone.
create or replace function audit.append_together(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[], anchors bytea[], retention_classes text[],
    personal_digests bytea[], personal_subjects text[], personal_keys text[],
    personal_ciphertexts bytea[]
) returns setof audit.receipt
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan -- Planning anew takes longer than the work.
as $$
begin
    perform audit.check_batch(
        event_ids, streams, kinds, append_together.occurred, bodies, signatures, signing_keys,
        anchors, retention_classes);
    perform audit.claim_streams(streams);
    return query
        select * from unnest(audit.append_claimed(
            event_ids, streams, kinds, append_together.occurred, bodies, signatures, signing_keys,
            anchors, retention_classes, personal_digests, personal_subjects, personal_keys,
            personal_ciphertexts));
end
$$;

-- Appends one step of each of several requests; all of them, or none. Which of them was to blame
-- is then for the caller to find out, by bringing fewer at a time, and each alone to append_step()
-- in the end: that also says what a step came to that was written before.
create or replace function audit.append_steps(
    step_streams text[], chains text[], numbers bigint[], outcomes bytea[],
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[], signing_keys text[],
    anchors bytea[], retention_classes text[],
    personal_digests bytea[], personal_subjects text[],
    personal_keys text[], personal_ciphertexts bytea[]
) returns setof audit.receipt
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan -- Planning anew takes longer than the work.
as $$
declare
    kept_steps constant bigint := 64; -- More than a worker takes before Temporal knows of them.
    receipts audit.receipt[];
begin
    if cardinality(step_streams) <> any (array[
        cardinality(chains), cardinality(numbers), cardinality(outcomes)]) then
        raise exception 'Each step needs a chain, a number and an outcome.' using errcode = 'PLI01';
    end if;
    if cardinality(step_streams) <> (select count(distinct s) from unnest(step_streams) s) then
        raise exception 'Two steps of one request cannot come together.' using errcode = 'PLI01';
    end if;
    if not streams <@ step_streams then
        raise exception 'A step holds events of another request.' using errcode = 'PLI01';
    end if;
    perform audit.check_batch(
        event_ids, streams, kinds, append_steps.occurred, bodies, signatures, signing_keys,
        anchors, retention_classes);
    perform audit.claim_streams(step_streams);
    insert into audit.step (stream, number, chain, outcome, event_ids)
    select told.stream, told.number, told.chain, told.outcome, coalesce(e.event_ids, '{}')
      from unnest(step_streams, numbers, chains, outcomes)
               as told (stream, number, chain, outcome)
      left join (select g.stream, array_agg(g.event_id order by g.place) as event_ids
                   from unnest(append_steps.event_ids, streams) with ordinality
                            as g (event_id, stream, place)
                  group by g.stream
                ) e on e.stream = told.stream;
    receipts := audit.append_claimed(
        event_ids, streams, kinds, append_steps.occurred, bodies, signatures, signing_keys,
        anchors, retention_classes, personal_digests, personal_subjects, personal_keys,
        personal_ciphertexts);
    if exists (select from unnest(numbers) number where number > kept_steps) then
        delete from audit.step s using unnest(step_streams, numbers) as told (stream, number)
         where s.stream = told.stream and s.number <= told.number - kept_steps;
    end if;
    return query select * from unnest(receipts);
end
$$;

-- As before; the lists' rows of people and of reviews go with those of their requests.
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

drop function audit.append_round(audit.incoming[]);
drop function audit.check_bodies(audit.incoming[]);
drop function inbox.project_round(audit.incoming[], bigint[]);
drop type audit.incoming;
