-- What a workflow decided in each of its last steps, so that a step that was written by a worker
-- which then died is taken over as it stands, and not decided anew. Not part of the ledger: a row
-- is of no use once Temporal knows that the step was done, and may be deleted at any time after.
create table audit.step (
    stream text not null,
    number bigint not null check (number > 0),
    chain text not null,
    outcome bytea not null check (octet_length(outcome) <= 4194304),
    event_ids bytea[] not null,
    recorded timestamptz not null default clock_timestamp(),
    primary key (stream, number)
);

-- Appends the events of one step of one workflow, or says what this step came to the first time:
-- then `known` is that outcome, and the receipts are those of its events.
create function audit.append_step(
    stream text, chain text, number bigint, outcome bytea,
    event_ids bytea[], streams text[], kinds text[], occurred timestamptz[], bodies bytea[]
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
              from audit.append(append_step.event_ids, append_step.streams, append_step.kinds,
                                append_step.occurred, append_step.bodies) r;
        insert into audit.step (stream, number, chain, outcome, event_ids)
        values (append_step.stream, append_step.number, append_step.chain, append_step.outcome,
                append_step.event_ids);
        delete from audit.step s
         where s.stream = append_step.stream and s.number <= append_step.number - kept_steps;
    end if;
end
$$;

grant execute on function audit.append_step(
    text, text, bigint, bytea, bytea[], text[], text[], timestamptz[], bytea[]
) to placet_writer;

-- An outcome repeats what people said; whoever erases persons may delete it.
grant delete on audit.step to placet_eraser;
grant select (stream, number, recorded) on audit.step to placet_eraser;
