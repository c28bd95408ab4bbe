-- An approval that was taken back: its permit is dead, whoever holds it. A permit is consumed or
-- revoked, never both.
alter table effect.permit
    add column revoked_at timestamptz,
    add column revoked_event bytea unique,
    add check ((revoked_at is null) = (revoked_event is null)),
    add check (revoked_at is null or consumed_at is null);

alter table inbox.request
    drop constraint request_effect_check,
    add constraint request_effect_check
        check (effect in ('waiting', 'pending', 'done', 'failed', 'revoked', 'stopped'));

-- The ledger's side of a permit: one event issues it, and one records that it was consumed, or one
-- that it was revoked.
create or replace function effect.project(e audit.event, body jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    data jsonb := body -> 'data';
begin
    if e.kind = 'system:permit:issued' then
        insert into effect.permit (
            permit_id, request, digest, effect, issued_at, expires_at, issued_event
        ) values (
            data ->> 'permit', e.stream, data ->> 'digest', data ->> 'effect', e.occurred,
            (data ->> 'expires')::timestamptz, e.event_id
        );
    elsif e.kind = 'effect:permit:consumed' then
        update effect.permit p set consumed_event = e.event_id
         where p.permit_id = data ->> 'permit' and p.request = e.stream
           and p.consumed_event is null;
        if not found then
            raise exception 'Permit % of % cannot be recorded as consumed: it was never issued, or it is recorded already.',
                data ->> 'permit', e.stream using errcode = 'PLC03';
        end if;
    elsif e.kind = 'person:effect:revoked' then
        update effect.permit p set revoked_at = e.occurred, revoked_event = e.event_id
         where p.permit_id = data ->> 'permit' and p.request = e.stream
           and p.consumed_at is null and p.revoked_at is null;
        if not found then
            raise exception 'Permit % of % cannot be revoked: it was never issued, or it is consumed or revoked already.',
                data ->> 'permit', e.stream using errcode = 'PLC12';
        end if;
    end if;
end
$$;

-- True when the permit is consumed by this call, false when it was before, on the same digest.
create or replace function effect.consume(permit_id text, digest text, effect text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.permit;
begin
    select * into held from effect.permit p where p.permit_id = consume.permit_id;
    if not found then
        raise exception 'Permit % is unknown: an effect needs a permit that the ledger issued.',
            consume.permit_id using errcode = 'PLN01';
    end if;
    -- The stream's lock first, then the row: see audit.lock_streams for why.
    perform audit.lock_streams(array[held.request]);
    select * into held from effect.permit p where p.permit_id = consume.permit_id for update;
    if held.effect is distinct from consume.effect then
        raise exception 'Permit % allows the effect %, not %.',
            consume.permit_id, held.effect, consume.effect using errcode = 'PLC05';
    end if;
    if held.digest is distinct from consume.digest then
        raise exception 'Permit % was given for the digest %, not for %: what was approved is not what would run.',
            consume.permit_id, held.digest, consume.digest using errcode = 'PLC04';
    end if;
    if held.revoked_at is not null then
        raise exception 'Permit % was revoked at %: ask for a new approval.',
            consume.permit_id, held.revoked_at using errcode = 'PLC13';
    end if;
    if held.consumed_at is not null then
        return false;
    end if;
    if held.expires_at <= clock_timestamp() then
        raise exception 'Permit % expired at %: ask for a new approval.',
            consume.permit_id, held.expires_at using errcode = 'PLC06';
    end if;
    update effect.permit p
       set consumed_at = clock_timestamp(), consumed_digest = consume.digest,
           consumed_xid = pg_current_xact_id()
     where p.permit_id = consume.permit_id;
    return true;
end
$$;

-- Somebody may comment while the effect runs, or ask to stop it, and be written down just after the
-- effect has said how it ended. Such a state is older than the effect's word, which stays.
create function inbox.keep_the_effects_word() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.effect := old.effect;
    return new;
end
$$;
create trigger keep_the_effects_word before update on inbox.request
    for each row when (new.effect = 'pending' and old.effect in ('done', 'failed', 'stopped'))
    execute function inbox.keep_the_effects_word();
