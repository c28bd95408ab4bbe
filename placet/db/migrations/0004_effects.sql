-- Permits and payments: an approved effect runs at most once, on exactly what was approved.
create schema effect;
grant usage on schema effect to placet_writer, placet_reader;

create table effect.permit (
    permit_id text primary key check (permit_id <> ''),
    request text not null,
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    effect text not null check (effect <> ''),
    issued_at timestamptz not null,
    expires_at timestamptz,
    issued_event bytea not null unique,
    consumed_at timestamptz,
    consumed_digest text,
    consumed_xid xid8,
    consumed_event bytea unique
);

create table effect.payment (
    payment_id text primary key check (payment_id <> ''),
    permit_id text not null unique references effect.permit,
    request text not null,
    digest text not null,
    msg_id text not null unique check (msg_id <> ''),
    end_to_end_id text not null unique check (end_to_end_id <> ''),
    amount numeric not null check (amount > 0 and amount < 'infinity'),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    creditor_name text not null,
    creditor_iban text not null,
    file_name text not null,
    file_sha256 text not null check (file_sha256 ~ '^[0-9a-f]{64}$'),
    status text not null default 'written' check (status in ('written', 'rejected', 'settled')),
    status_reason text,
    created_at timestamptz not null default clock_timestamp()
);
create index payment_of_request on effect.payment (request);

-- The ledger's side of a permit: one event issues it, one event records that it was consumed.
create function effect.project(e audit.event, body jsonb) returns void
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
    end if;
end
$$;

-- Ledger first, held at commit: a permit is consumed together with its event, or not at all.
create function effect.consumption_is_recorded() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from effect.permit p
         where p.permit_id = new.permit_id
           and (p.consumed_at is null) <> (p.consumed_event is null)
    ) then
        raise exception 'Permit % can only be consumed in the transaction that appends its effect:permit:consumed event.',
            new.permit_id using errcode = 'PLT04';
    end if;
    return null;
end
$$;
create constraint trigger consumption_is_recorded after update on effect.permit
    deferrable initially deferred
    for each row execute function effect.consumption_is_recorded();
alter table effect.permit enable always trigger consumption_is_recorded;

-- True when the permit is consumed by this call, false when it was before, on the same digest.
create function effect.consume(permit_id text, digest text, effect text) returns boolean
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

-- True when the row is written by this call, false when the permit has its payment already.
create function effect.record_payment(
    permit_id text, payment_id text, request text, msg_id text, end_to_end_id text,
    amount numeric, currency text, creditor_name text, creditor_iban text,
    file_name text, file_sha256 text
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    held effect.permit;
    paid effect.payment;
begin
    select * into held from effect.permit p where p.permit_id = record_payment.permit_id;
    if not found or held.request is distinct from record_payment.request then
        raise exception 'Permit % is not one of request %.',
            record_payment.permit_id, record_payment.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into paid from effect.payment p where p.permit_id = record_payment.permit_id;
    if found then
        if (paid.amount, paid.currency, paid.creditor_iban) is distinct from
           (record_payment.amount, record_payment.currency, record_payment.creditor_iban) then
            raise exception 'Permit % has paid % % already; another payment of % % needs another approval.',
                held.permit_id, paid.amount, paid.currency, record_payment.amount,
                record_payment.currency using errcode = 'PLC07';
        end if;
        return false;
    end if;
    select * into held from effect.permit p where p.permit_id = record_payment.permit_id;
    if held.effect <> 'payment' or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for a payment in the same transaction; if it was consumed before without one, find out what happened and do not pay.',
            held.permit_id using errcode = 'PLC08';
    end if;
    insert into effect.payment (
        payment_id, permit_id, request, digest, msg_id, end_to_end_id, amount, currency,
        creditor_name, creditor_iban, file_name, file_sha256
    ) values (
        record_payment.payment_id, held.permit_id, held.request, held.consumed_digest,
        record_payment.msg_id, record_payment.end_to_end_id, record_payment.amount,
        record_payment.currency, record_payment.creditor_name, record_payment.creditor_iban,
        record_payment.file_name, record_payment.file_sha256
    );
    return true;
end
$$;

-- What the bank says about a payment. Its last word is final: a second, different one is refused.
create function effect.report_payment(
    msg_id text, end_to_end_id text, status text, reason text,
    out payment_id text, out changed boolean
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    paid effect.payment;
begin
    select * into paid from effect.payment p
     where (report_payment.msg_id is not null or report_payment.end_to_end_id is not null)
       and p.msg_id = coalesce(report_payment.msg_id, p.msg_id)
       and p.end_to_end_id = coalesce(report_payment.end_to_end_id, p.end_to_end_id);
    if not found then
        raise exception 'No payment has the message id % and the end-to-end id %.',
            report_payment.msg_id, report_payment.end_to_end_id using errcode = 'PLN02';
    end if;
    perform audit.lock_streams(array[paid.request]);
    select * into paid from effect.payment p where p.payment_id = paid.payment_id for update;
    payment_id := paid.payment_id;
    changed := paid.status is distinct from report_payment.status;
    if changed and paid.status <> 'written' then
        raise exception 'Payment % is % already; it cannot become %.',
            paid.payment_id, paid.status, report_payment.status using errcode = 'PLC09';
    end if;
    if changed then
        update effect.payment p
           set status = report_payment.status, status_reason = report_payment.reason
         where p.payment_id = paid.payment_id;
    end if;
end
$$;

grant execute on function
    effect.consume(text, text, text),
    effect.record_payment(text, text, text, text, text, numeric, text, text, text, text, text),
    effect.report_payment(text, text, text, text)
to placet_writer;
grant select on effect.permit, effect.payment to placet_reader;
