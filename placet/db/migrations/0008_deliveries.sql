-- Mails: an approved mail goes to each of its recipients at most once, and what nobody can know is
-- told apart from what failed. One row for each recipient, which moves only forward:
--
--   waiting ─▶ sending ─▶ sent | refused | waiting (the server said: later) | in_doubt
--   waiting ─▶ refused | given_up | stopped
--   sending ─▶ in_doubt, when its worker is gone; that worker may still tell what became of it
create table effect.mailing (
    permit_id text primary key references effect.permit,
    request text not null,
    digest text not null,
    recipients text not null check (recipients ~ '^[0-9a-f]{64}$'),
    total integer not null check (total > 0),
    holder text not null check (holder <> ''),
    began_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    ending text check (ending in ('done', 'stopped')),
    check ((ended_at is null) = (ending is null))
);
create index mailing_of_request on effect.mailing (request);

create table effect.delivery (
    permit_id text not null references effect.mailing,
    place integer not null check (place > 0),
    address text not null check (address <> ''),
    message_id text not null check (message_id <> ''),
    status text not null default 'waiting' check (status in (
        'waiting', 'sending', 'sent', 'refused', 'given_up', 'in_doubt', 'stopped')),
    attempts integer not null default 0,
    claimed_by text,
    code integer,
    reply text check (octet_length(reply) <= 4000),
    changed_at timestamptz not null default clock_timestamp(),
    primary key (permit_id, place),
    unique (permit_id, address)
);
-- Of ten thousand rows each is updated twice; the room lets most of that happen inside its page.
alter table effect.delivery set (fillfactor = 60);

-- True when the mail is recorded by this call. Else this attempt takes over from the one before:
-- that one may send no more, and what it was sending is in doubt.
create function effect.begin_mailing(
    permit_id text, request text, recipients text, holder text,
    addresses text[], message_ids text[]
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.permit;
    mail effect.mailing;
begin
    select * into held from effect.permit p where p.permit_id = begin_mailing.permit_id;
    if not found or held.request is distinct from begin_mailing.request then
        raise exception 'Permit % is not one of request %.',
            begin_mailing.permit_id, begin_mailing.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into mail from effect.mailing m where m.permit_id = held.permit_id for update;
    if found then
        if mail.recipients is distinct from begin_mailing.recipients then
            raise exception 'Permit % is sending to the recipients % already; sending to % needs another approval.',
                held.permit_id, mail.recipients, begin_mailing.recipients using errcode = 'PLC07';
        end if;
        if mail.ended_at is null and mail.holder <> begin_mailing.holder then
            update effect.mailing m set holder = begin_mailing.holder
             where m.permit_id = held.permit_id;
            update effect.delivery d
               set status = 'in_doubt', code = null, changed_at = clock_timestamp(),
                   reply = 'the worker was lost while it handed the mail over'
             where d.permit_id = held.permit_id and d.status = 'sending';
        end if;
        return false;
    end if;
    select * into held from effect.permit p where p.permit_id = begin_mailing.permit_id;
    if held.effect <> 'send' or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for a mail in the same transaction; if it was consumed before without one, find out what happened and do not send.',
            held.permit_id using errcode = 'PLC08';
    end if;
    insert into effect.mailing (permit_id, request, digest, recipients, total, holder)
    values (held.permit_id, held.request, held.consumed_digest, begin_mailing.recipients,
            cardinality(addresses), begin_mailing.holder);
    insert into effect.delivery (permit_id, place, address, message_id)
    select held.permit_id, place, address, message_id
      from unnest(addresses, message_ids) with ordinality as one (address, message_id, place);
    return true;
end
$$;

-- The mail of this permit, as long as this attempt may send. The lock lets other recipients be
-- handed over meanwhile, and lets no other attempt take over before this transaction ends.
create function effect.held_mailing(permit_id text, holder text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from effect.mailing m
      where m.permit_id = held_mailing.permit_id and m.holder = held_mailing.holder
        and m.ended_at is null
        for share;
    if not found then
        raise exception 'The mail of permit % has ended, or another worker sends it now: stop sending.',
            held_mailing.permit_id using errcode = 'PLC10';
    end if;
end
$$;

-- True when this attempt may hand this mail over now. From here on nobody else may.
create function effect.claim_delivery(permit_id text, holder text, place integer) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform effect.held_mailing(claim_delivery.permit_id, claim_delivery.holder);
    update effect.delivery d
       set status = 'sending', claimed_by = claim_delivery.holder, attempts = attempts + 1,
           changed_at = clock_timestamp()
     where d.permit_id = claim_delivery.permit_id and d.place = claim_delivery.place
       and d.status = 'waiting';
    return found;
end
$$;

-- What became of one mail. Who claimed it may always say so, and only they; whoever sends now may
-- also say what became of one that was never on its way.
create function effect.record_delivery(
    permit_id text, holder text, place integer, status text, code integer, reply text
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    mail effect.delivery;
begin
    -- The mail first, then the recipient, as all of these functions do.
    perform from effect.mailing m
      where m.permit_id = record_delivery.permit_id and m.ended_at is null for share;
    if not found then
        raise exception 'The mail of permit % has ended: what became of recipient % stays as it was reported.',
            record_delivery.permit_id, record_delivery.place using errcode = 'PLC10';
    end if;
    select * into mail from effect.delivery d
     where d.permit_id = record_delivery.permit_id and d.place = record_delivery.place for update;
    if not found then
        raise exception 'Permit % sends nothing to recipient %.',
            record_delivery.permit_id, record_delivery.place using errcode = 'PLN01';
    end if;
    if mail.status = 'waiting' and record_delivery.status in ('waiting', 'refused', 'given_up') then
        perform effect.held_mailing(record_delivery.permit_id, record_delivery.holder);
        mail.attempts := mail.attempts + (record_delivery.status <> 'given_up')::int;
    elsif not (mail.status in ('sending', 'in_doubt') and mail.claimed_by = record_delivery.holder
               and record_delivery.status in ('sent', 'refused', 'waiting', 'in_doubt')) then
        if mail.status = record_delivery.status then
            return;
        end if;
        raise exception 'The mail of permit % to recipient % is %; it cannot become %.',
            record_delivery.permit_id, record_delivery.place, mail.status, record_delivery.status
            using errcode = 'PLC09';
    end if;
    update effect.delivery d
       set status = record_delivery.status, code = record_delivery.code,
           reply = record_delivery.reply, attempts = mail.attempts, changed_at = clock_timestamp()
     where d.permit_id = record_delivery.permit_id and d.place = record_delivery.place;
end
$$;

-- True when this call ends the mail. What was not handed over is then not handed over any more.
create function effect.end_mailing(permit_id text, holder text, ending text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    mail effect.mailing;
begin
    select * into mail from effect.mailing m where m.permit_id = end_mailing.permit_id;
    if not found then
        raise exception 'Permit % sends no mail.', end_mailing.permit_id using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[mail.request]);
    select * into mail from effect.mailing m where m.permit_id = end_mailing.permit_id for update;
    if mail.ended_at is not null then
        return false;
    end if;
    if mail.holder <> end_mailing.holder then
        raise exception 'Another worker sends the mail of permit % now: stop sending.',
            end_mailing.permit_id using errcode = 'PLC10';
    end if;
    if end_mailing.ending = 'done' and exists (
        select from effect.delivery d
         where d.permit_id = end_mailing.permit_id and d.status = 'waiting'
    ) then
        raise exception 'The mail of permit % is not done: recipients are waiting for it.',
            end_mailing.permit_id using errcode = 'PLC11';
    end if;
    update effect.delivery d set status = 'stopped', changed_at = clock_timestamp()
     where d.permit_id = end_mailing.permit_id and d.status = 'waiting';
    update effect.delivery d
       set status = 'in_doubt', code = null, changed_at = clock_timestamp(),
           reply = 'the worker was lost while it handed the mail over'
     where d.permit_id = end_mailing.permit_id and d.status = 'sending';
    update effect.mailing m set ended_at = clock_timestamp(), ending = end_mailing.ending
     where m.permit_id = end_mailing.permit_id;
    return true;
end
$$;

grant execute on function
    effect.begin_mailing(text, text, text, text, text[], text[]),
    effect.claim_delivery(text, text, integer),
    effect.record_delivery(text, text, integer, text, integer, text),
    effect.end_mailing(text, text, text)
to placet_writer;
grant select on effect.mailing, effect.delivery to placet_reader;
