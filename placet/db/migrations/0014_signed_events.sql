-- Events carry their writer's signature, and what is personal in them arrives as ciphertext.
-- What is new are parameters, so the functions are made anew.

drop function audit.append_step(
    text, text, bigint, bytea, bytea[], text[], text[], timestamptz[], bytea[]
);
drop function audit.append(
    bytea[], text[], text[], timestamptz[], bytea[], bytea[], text[], bytea[], text[]
);

alter table audit.pii
    add constraint digest_of_ciphertext check (digest = sha256(ciphertext)),
    add constraint subject_named check (octet_length(subject) between 1 and 1000),
    add constraint key_named check (octet_length(key_id) between 1 and 200);
comment on column audit.pii.subject is
    'Whom it is about: the id of a person in the directory, or what the request is called.';

-- Stores what is personal in a batch of events. The same text of the same event has the same
-- ciphertext, so a repeated append stores nothing twice.
create function audit.keep_personal(
    digests bytea[], subjects text[], keys text[], ciphertexts bytea[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(digests) <> all (array[
        coalesce(cardinality(subjects), 0), coalesce(cardinality(keys), 0),
        coalesce(cardinality(ciphertexts), 0)
    ]) or cardinality(digests) > 10000 then
        raise exception 'Personal data needs a digest, a subject, a key and a ciphertext each, up to 10000 in a batch.'
            using errcode = 'PLI01';
    end if;
    insert into audit.pii (digest, subject, key_id, ciphertext)
    select * from unnest(digests, subjects, keys, ciphertexts)
    on conflict (digest) do nothing;
exception when check_violation or not_null_violation then
    raise exception 'Personal data was handed over with another digest than that of its ciphertext, or without a subject or a key.'
        using errcode = 'PLI01';
end
$$;

-- Appends a batch and returns one receipt for each event, in the same order.
create function audit.append(
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
    if cardinality(personal_digests) > 0 then
        perform audit.keep_personal(
            personal_digests, personal_subjects, personal_keys, personal_ciphertexts);
    end if;
    for place in 1 .. total loop
        e.event_id := event_ids[place];
        e.stream := streams[place];
        e.kind := kinds[place];
        e.occurred := occurred[place];
        e.body := bodies[place];
        e.signature := nullif(signatures[place], '');
        e.signing_key := nullif(signing_keys[place], '');
        e.anchor := nullif(anchors[place], '');
        e.retention_class := nullif(retention_classes[place], '');
        return next audit.append_one(e);
    end loop;
end
$$;

-- Appends the events of one step of one workflow, or says what this step came to the first time:
-- then `known` is that outcome, and the receipts are those of its events.
create function audit.append_step(
    stream text, chain text, number bigint, outcome bytea,
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[],
    signatures bytea[] default null, signing_keys text[] default null,
    anchors bytea[] default null, retention_classes text[] default null,
    personal_digests bytea[] default null, personal_subjects text[] default null,
    personal_keys text[] default null, personal_ciphertexts bytea[] default null
) returns table (
    event_id bytea, seq bigint, stream_seq bigint, leaf bytea, recorded timestamptz, known bytea
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
    kept_steps constant bigint := 64; -- More than a worker takes before Temporal knows of them.
    before audit.step;
begin
    if append_step.stream <> any (append_step.streams) then
        raise exception 'A step of % holds events of another request.', append_step.stream
            using errcode = 'PLI01';
    end if;
    perform audit.lock_streams(array[append_step.stream]);
    select * into before from audit.step s
     where s.stream = append_step.stream and s.number = append_step.number;
    if found and before.chain <> append_step.chain then
        raise exception 'Request % has a story in the ledger already: submit under another request id.',
            append_step.stream using errcode = 'PLC02';
    elsif found then
        return query
            select r.event_id, r.seq, r.stream_seq, r.leaf, r.recorded, before.outcome
              from unnest(before.event_ids) with ordinality as written (event_id, place)
              join audit.receipt r on r.event_id = written.event_id
             order by written.place;
    else
        return query
            select r.event_id, r.seq, r.stream_seq, r.leaf, r.recorded, null::bytea
              from audit.append(
                       append_step.event_ids, append_step.streams, append_step.kinds,
                       append_step.occurred, append_step.bodies, append_step.signatures,
                       append_step.signing_keys, append_step.anchors,
                       append_step.retention_classes, append_step.personal_digests,
                       append_step.personal_subjects, append_step.personal_keys,
                       append_step.personal_ciphertexts) r;
        insert into audit.step (stream, number, chain, outcome, event_ids)
        values (append_step.stream, append_step.number, append_step.chain, append_step.outcome,
                append_step.event_ids);
        delete from audit.step s
         where s.stream = append_step.stream and s.number <= append_step.number - kept_steps;
    end if;
end
$$;

grant execute on function audit.append(
    bytea[], text[], text[], timestamptz[], bytea[], bytea[], text[], bytea[], text[],
    bytea[], text[], text[], bytea[]
) to placet_writer;
grant execute on function audit.append_step(
    text, text, bigint, bytea, bytea[], text[], text[], timestamptz[], bytea[],
    bytea[], text[], bytea[], text[], bytea[], text[], text[], bytea[]
) to placet_writer;

-- A writer names the newest checkpoint it knows in each event; a reader reveals what is personal.
grant select on audit.checkpoint, audit.pii to placet_reader;
