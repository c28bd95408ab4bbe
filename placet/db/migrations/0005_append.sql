-- The only way into the ledger.

create function audit.framed(part bytea) returns bytea
language sql immutable
as $$
    select int4send(octet_length(part)) || part
$$;

-- Microseconds since 1970 as eight bytes; extract() gives an exact numeric.
create function audit.instant_bytes(instant timestamptz) returns bytea
language sql stable
as $$
    select int8send((extract(epoch from instant) * 1000000)::bigint)
$$;

-- Version 1 of the leaf. placet.domain.ledger.leaf_hash computes the same; a test compares them.
create function audit.leaf_hash(e audit.event) returns bytea
language sql stable
as $$
    select sha256(
        '\x00'::bytea
        || convert_to('placet/v1', 'UTF8')
        || audit.framed(
               audit.framed(e.event_id)
            || audit.framed(convert_to(e.stream, 'UTF8'))
            || audit.framed(int8send(e.stream_seq))
            || audit.framed(int8send(e.seq))
            || audit.framed(convert_to(e.kind, 'UTF8'))
            || audit.framed(audit.instant_bytes(e.occurred))
            || audit.framed(audit.instant_bytes(e.recorded))
            || audit.framed(convert_to(coalesce(e.signing_key, ''), 'UTF8'))
            || audit.framed(coalesce(e.anchor, ''))
            || audit.framed(convert_to(coalesce(e.retention_class, ''), 'UTF8'))
           )
        || sha256(e.body)
        || sha256(coalesce(e.signature, ''))
    )
$$;

-- Holds back every other append to these streams until the transaction ends. The locks come before
-- the transaction has an xid: else a transaction with an older xid could wait here, append after a
-- younger one, and a sealer that orders by xid would turn the stream's order round. Sorted, so that
-- two batches cannot wait for each other.
create function audit.lock_streams(streams text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    lock_class constant integer := 1347175501; -- Any number that nothing else in this database locks.
    keys integer[] := array(select distinct hashtext(s) from unnest(streams) s order by 1);
    key integer;
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
    foreach key in array keys loop
        perform pg_advisory_xact_lock(lock_class, key);
    end loop;
end
$$;

-- The body as jsonb, for the projections only. Header and body must tell the same story.
create function audit.read_body(e audit.event) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    body jsonb := convert_from(e.body, 'UTF8')::jsonb;
begin
    if body ->> 'schema' is distinct from 'placet.event/1' then
        raise exception 'Event % of % has a body of schema %; this database reads placet.event/1.',
            e.kind, e.stream, coalesce(body ->> 'schema', 'none') using errcode = 'PLI01';
    end if;
    if body ->> 'kind' is distinct from e.kind or body ->> 'request' is distinct from e.stream
        or (body ->> 'occurred')::timestamptz is distinct from e.occurred then
        raise exception 'Event % of % has a body that names another kind, request or instant: write both from the same values.',
            e.kind, e.stream using errcode = 'PLI01';
    end if;
    return body;
end
$$;

create function audit.append_one(e audit.event) returns audit.receipt
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known audit.event_key;
    receipt audit.receipt;
    body jsonb;
    print bytea := sha256(
        audit.framed(convert_to(e.stream, 'UTF8')) || audit.framed(convert_to(e.kind, 'UTF8'))
        || audit.framed(audit.instant_bytes(e.occurred)) || sha256(e.body));
begin
    select * into known from audit.event_key k where k.event_id = e.event_id;
    if found then
        if known.fingerprint <> print then
            raise exception 'Event id % is recorded already with other content (in % as number %): the same id must always bring the same event.',
                encode(e.event_id, 'hex'), known.stream, known.stream_seq using errcode = 'PLC01';
        end if;
        select * into strict receipt from audit.receipt r where r.event_id = e.event_id;
        return receipt;
    end if;

    if octet_length(e.body) > 1048576 then
        raise exception 'Event % of % has a body of % bytes: keep it under 1 MiB and put large things in the content store.',
            e.kind, e.stream, octet_length(e.body) using errcode = 'PLI01';
    end if;
    body := audit.read_body(e);

    insert into audit.stream_head as h (stream, last_seq) values (e.stream, 1)
        on conflict (stream) do update set last_seq = h.last_seq + 1
        returning h.last_seq into e.stream_seq;
    -- A workflow id can be used again when Temporal has forgotten the first run. The ledger has not.
    if e.kind = 'requester:request:submitted' and e.stream_seq > 1 then
        raise exception 'Request % has a story in the ledger already: submit under another request id.',
            e.stream using errcode = 'PLC02';
    end if;
    insert into audit.event_key as k (event_id, stream, stream_seq, fingerprint)
        values (e.event_id, e.stream, e.stream_seq, print)
        on conflict (event_id) do nothing
        returning k.seq into e.seq;
    if not found then
        raise exception 'Event id % was recorded in another stream just now: the same id must always bring the same event.',
            encode(e.event_id, 'hex') using errcode = 'PLC01';
    end if;

    e.xid := pg_current_xact_id();
    e.recorded := clock_timestamp();
    insert into audit.event select e.*;
    insert into audit.leaf (seq, xid, leaf, recorded)
        values (e.seq, e.xid, audit.leaf_hash(e), e.recorded)
        returning leaf.leaf into receipt.leaf;
    perform effect.project(e, body);
    perform inbox.project(e, body);

    receipt.event_id := e.event_id;
    receipt.seq := e.seq;
    receipt.stream := e.stream;
    receipt.stream_seq := e.stream_seq;
    receipt.recorded := e.recorded;
    return receipt;
end
$$;

-- Appends a batch and returns one receipt for each event, in the same order.
create function audit.append(
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[] default null, signing_keys text[] default null,
    anchors bytea[] default null, retention_classes text[] default null
) returns setof audit.receipt
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    total integer := cardinality(event_ids);
    e audit.event;
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
    for place in 1 .. total loop
        e.event_id := event_ids[place];
        e.stream := streams[place];
        e.kind := kinds[place];
        e.occurred := occurred[place];
        e.body := bodies[place];
        e.signature := signatures[place];
        e.signing_key := signing_keys[place];
        e.anchor := anchors[place];
        e.retention_class := retention_classes[place];
        return next audit.append_one(e);
    end loop;
end
$$;

grant execute on function audit.append(
    bytea[], text[], text[], timestamptz[], bytea[], bytea[], text[], bytea[], text[]
) to placet_writer;
