-- The lists that people look at: a projection of the ledger, written in the transaction of the
-- event it follows from, and rebuilt from the ledger at any time.
create schema inbox;
grant usage on schema inbox to placet_reader;

create table inbox.request (
    request text primary key,
    pipeline text not null,
    revision integer not null,
    digest text,
    title text, -- Unknown until the request is planned, as is who requested it.
    requester_id text,
    requester_name text,
    status text not null,
    stage text,
    due timestamptz,
    outcome_kind text,
    outcome_by text,
    outcome_reason text,
    amount text,
    route text,
    effect text check (effect in ('pending', 'done', 'failed')),
    submitted_at timestamptz not null,
    updated_at timestamptz not null,
    state_seq bigint not null
);
create index request_newest on inbox.request (submitted_at desc, request desc);
create index request_by_requester on inbox.request (requester_id, submitted_at desc);
create index request_by_status on inbox.request (status, submitted_at desc);

create table inbox.assignment (
    request text not null references inbox.request on delete cascade,
    place integer not null,
    person text not null,
    name text,
    group_name text,
    on_behalf_of text,
    primary key (request, place)
);
create index assignment_of_person on inbox.assignment (person);

create table inbox.review (
    event_id bytea primary key,
    request text not null references inbox.request on delete cascade,
    stream_seq bigint not null,
    verdict text not null check (verdict in ('approved', 'rejected', 'changes_requested')),
    actor_id text not null,
    actor_name text,
    on_behalf_of text,
    role text,
    assurance text,
    channel text,
    stage text,
    revision integer,
    digest text,
    reason text,
    decision_id text,
    reviewed_at timestamptz not null,
    unique (request, stream_seq)
);

create function inbox.project(e audit.event, body jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    state jsonb := nullif(body -> 'state', 'null');
    waiting jsonb := nullif(body -> 'waiting_for', 'null');
    actor jsonb := body -> 'actor';
    verdict text := substring(
        e.kind from '^reviewer:review:(approved|rejected|changes_requested)$');
    new_effect text;
begin
    -- A permit's own events name the effect it is for; the others say how far the effect has come.
    if e.kind ~ '^(effect|bank):' and e.kind !~ ':permit:' then
        new_effect := body #>> '{data,effect}';
    end if;

    if state is not null then
        insert into inbox.request as r (
            request, pipeline, revision, digest, title, requester_id, requester_name, status, stage,
            due, outcome_kind, outcome_by, outcome_reason, amount, route, effect,
            submitted_at, updated_at, state_seq
        ) values (
            e.stream, body ->> 'pipeline', (body ->> 'revision')::integer, body ->> 'digest',
            state ->> 'title', state #>> '{requester,id}', state #>> '{requester,name}',
            state ->> 'status', state ->> 'stage', (state ->> 'due')::timestamptz,
            state #>> '{outcome,kind}', state #>> '{outcome,by}', state #>> '{outcome,reason}',
            state ->> 'amount', state ->> 'route', state ->> 'effect',
            e.occurred, e.occurred, e.stream_seq
        )
        on conflict (request) do update set
            pipeline = excluded.pipeline, revision = excluded.revision, digest = excluded.digest,
            title = excluded.title, requester_id = excluded.requester_id,
            requester_name = excluded.requester_name, status = excluded.status,
            stage = excluded.stage, due = excluded.due, outcome_kind = excluded.outcome_kind,
            outcome_by = excluded.outcome_by, outcome_reason = excluded.outcome_reason,
            amount = excluded.amount, route = excluded.route, effect = excluded.effect,
            updated_at = excluded.updated_at, state_seq = excluded.state_seq
        where r.state_seq < excluded.state_seq;
    elsif (waiting is not null or verdict is not null or new_effect is not null)
        and not exists (select from inbox.request r where r.request = e.stream) then
        raise exception 'Event % of % changes a request that no earlier event described: record its state first.',
            e.kind, e.stream using errcode = 'PLI01';
    end if;

    if new_effect is not null then
        update inbox.request r set effect = new_effect, updated_at = e.occurred
         where r.request = e.stream;
    end if;

    if waiting is not null then
        delete from inbox.assignment a where a.request = e.stream;
        insert into inbox.assignment (request, place, person, name, group_name, on_behalf_of)
        select e.stream, w.place, w.entry ->> 'person', w.entry ->> 'name', w.entry ->> 'group',
               w.entry ->> 'on_behalf_of'
          from jsonb_array_elements(waiting) with ordinality w (entry, place);
    end if;

    if verdict is not null then
        insert into inbox.review (
            event_id, request, stream_seq, verdict, actor_id, actor_name, on_behalf_of, role,
            assurance, channel, stage, revision, digest, reason, decision_id, reviewed_at
        ) values (
            e.event_id, e.stream, e.stream_seq, verdict, actor ->> 'id', actor ->> 'name',
            coalesce(actor #>> '{on_behalf_of,id}', actor ->> 'on_behalf_of'), actor ->> 'role', actor ->> 'assurance', actor ->> 'channel',
            body ->> 'stage', (body ->> 'revision')::integer, body ->> 'digest', body ->> 'reason',
            body ->> 'decision_id', e.occurred
        );
    end if;
end
$$;

-- For whoever maintains the database; the application cannot call it. Appends wait meanwhile, and
-- readers see the old lists until it commits.
create function inbox.rebuild() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    e audit.event;
    projected bigint := 0;
begin
    lock table audit.stream_head in share row exclusive mode;
    delete from inbox.request;
    -- A stream's events got their seq while its lock was held, so seq order is stream order.
    for e in select * from audit.event order by seq loop
        perform inbox.project(e, audit.read_body(e));
        projected := projected + 1;
    end loop;
    return projected;
end
$$;

grant select on inbox.request, inbox.assignment, inbox.review to placet_reader;
