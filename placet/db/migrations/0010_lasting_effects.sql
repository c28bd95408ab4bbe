-- Effects that last: what was done is in force until its time is over or somebody ends it.
alter table inbox.request
    drop constraint request_effect_check,
    add constraint request_effect_check check (effect in (
        'waiting', 'pending', 'done', 'failed', 'revoked', 'stopped',
        'in_force', 'ending', 'ended', 'undone'));

-- What lasts says itself until when.
create or replace function inbox.project(e audit.event, body jsonb) returns void
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
        update inbox.request r
           set effect = new_effect, due = (body #>> '{data,until}')::timestamptz,
               updated_at = e.occurred
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

-- A case may say where it stood before the effect's own word was written down: see 0009. That word
-- stays, also the one that ends what was in force, and until when it lasts.
create or replace function inbox.keep_the_effects_word() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.effect := old.effect;
    new.due := old.due;
    return new;
end
$$;
drop trigger keep_the_effects_word on inbox.request;
create trigger keep_the_effects_word before update on inbox.request
    for each row when (
        (new.effect = 'pending' and old.effect in ('done', 'failed', 'stopped', 'in_force'))
        or (new.effect = 'ending' and old.effect in ('ended', 'undone', 'failed')))
    execute function inbox.keep_the_effects_word();
