-- Grants: an approved role stays with an account for a time. Of one account's role at one target, one
-- grant at a time is on its way in or out, so that none takes away what another one gives.
--
--   granting ─▶ in force ─▶ ending ─▶ ended
--   granting ─▶ failed      in force ─▶ ended, while another grant of the same role is in force
create table effect.access_grant (
    permit_id text primary key references effect.permit,
    request text not null,
    target text not null check (target <> ''),
    role text not null check (role <> ''),
    account text not null check (account <> ''),
    person text not null check (person <> ''),
    state text not null default 'granting'
        check (state in ('granting', 'in force', 'ending', 'ended', 'failed')),
    was_member boolean,
    identity text check (identity <> ''),
    began_at timestamptz not null default clock_timestamp(),
    granted_at timestamptz,
    until timestamptz,
    ending_at timestamptz,
    ended_at timestamptz,
    ended_why text check (ended_why <> ''),
    check ((granted_at is null) = (until is null)),
    check (granted_at < until),
    check ((granted_at is null) = (state in ('granting', 'failed'))),
    check (ending_at is not null or state <> 'ending'),
    check ((ended_at is null) = (state in ('granting', 'in force', 'ending'))),
    check ((ended_at is null) = (ended_why is null))
);
create unique index access_grant_on_its_way on effect.access_grant (target, role, account)
    where state in ('granting', 'ending');
create index access_grant_of_account on effect.access_grant (target, role, account);
create index access_grant_of_request on effect.access_grant (request);

-- Whoever begins or ends a grant of this role for this account goes one after the other. The lock of
-- the request's stream is taken before.
create function effect.lock_membership(target text, role text, account text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock(
        hashtextextended(jsonb_build_array(target, role, account)::text, 7)
    )
$$;

-- True when another grant keeps this role with this account.
create function effect.is_covered(permit_id text, target text, role text, account text)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from effect.access_grant g
         where g.target = is_covered.target and g.role = is_covered.role
           and g.account = is_covered.account and g.state = 'in force'
           and g.permit_id <> is_covered.permit_id
    )
$$;

-- True when the grant begins with this call, false when it had begun before. From here on a
-- membership that is found is this grant's own. What another grant keeps there was there before,
-- also where nobody can look, or where it came after the look.
create function effect.begin_grant(
    permit_id text, request text, target text, role text, account text, person text,
    was_member boolean
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    held effect.permit;
    known effect.access_grant;
    covered boolean;
begin
    select * into held from effect.permit p where p.permit_id = begin_grant.permit_id;
    if not found or held.request is distinct from begin_grant.request then
        raise exception 'Permit % is not one of request %.',
            begin_grant.permit_id, begin_grant.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into known from effect.access_grant g where g.permit_id = held.permit_id;
    if found then
        if (known.target, known.role, known.account) is distinct from
           (begin_grant.target, begin_grant.role, begin_grant.account) then
            raise exception 'Permit % grants % at % to % already; something else needs another approval.',
                held.permit_id, known.role, known.target, known.account using errcode = 'PLC07';
        end if;
        return false;
    end if;
    select * into held from effect.permit p where p.permit_id = begin_grant.permit_id;
    if held.effect <> 'access' or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for a grant in the same transaction; if it was consumed before without one, find out what happened and do not grant.',
            held.permit_id using errcode = 'PLC08';
    end if;
    perform effect.lock_membership(
        begin_grant.target, begin_grant.role, begin_grant.account);
    covered := effect.is_covered(
        held.permit_id, begin_grant.target, begin_grant.role, begin_grant.account);
    if begin_grant.was_member and not covered then
        raise exception '% has % at % and no grant keeps it there: one has just ended; look again.',
            begin_grant.account, begin_grant.role, begin_grant.target using errcode = 'PLU03';
    end if;
    insert into effect.access_grant (
        permit_id, request, target, role, account, person, was_member
    ) values (
        held.permit_id, held.request, begin_grant.target, begin_grant.role, begin_grant.account,
        begin_grant.person, begin_grant.was_member or covered
    )
    on conflict (target, role, account) where state in ('granting', 'ending') do nothing;
    if not found then
        select * into known from effect.access_grant g
         where g.target = begin_grant.target and g.role = begin_grant.role
           and g.account = begin_grant.account and g.state in ('granting', 'ending');
        raise exception '% is % % at % for %: this one has to wait for it.',
            known.request, case known.state when 'granting' then 'granting' else 'taking away' end,
            begin_grant.role, begin_grant.target, begin_grant.account using errcode = 'PLU01';
    end if;
    return true;
end
$$;

-- The grant and, through its locks, everything about this membership until the transaction ends.
create function effect.locked_grant(permit_id text) returns effect.access_grant
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.access_grant;
begin
    select * into known from effect.access_grant g where g.permit_id = locked_grant.permit_id;
    if not found then
        raise exception 'Permit % has begun no grant.', locked_grant.permit_id
            using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[known.request]);
    perform effect.lock_membership(known.target, known.role, known.account);
    select * into known from effect.access_grant g
     where g.permit_id = locked_grant.permit_id for update;
    return known;
end
$$;

-- True when the grant is in force by this call, false when it came into force before. The identity is
-- how the target knows role and account, whatever they are called later.
create function effect.hold_grant(
    permit_id text, granted_at timestamptz, until timestamptz, identity text
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.access_grant := effect.locked_grant(hold_grant.permit_id);
begin
    if known.state in ('in force', 'ending', 'ended') then
        return false;
    end if;
    if known.state <> 'granting' then
        raise exception 'The grant of permit % has %; ask for a new approval.',
            known.permit_id, known.state using errcode = 'PLC09';
    end if;
    update effect.access_grant g
       set state = 'in force', granted_at = hold_grant.granted_at, until = hold_grant.until,
           identity = hold_grant.identity
     where g.permit_id = known.permit_id;
    return true;
end
$$;

-- True when the grant has failed by this call, false when it had failed before.
create function effect.fail_grant(permit_id text, why text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.access_grant := effect.locked_grant(fail_grant.permit_id);
begin
    if known.state = 'failed' then
        return false;
    end if;
    if known.state <> 'granting' then
        raise exception 'The grant of permit % is %; it cannot fail any more.',
            known.permit_id, known.state using errcode = 'PLC09';
    end if;
    update effect.access_grant g
       set state = 'failed', ended_at = clock_timestamp(), ended_why = fail_grant.why
     where g.permit_id = known.permit_id;
    return true;
end
$$;

-- What is to be done to end a grant: nothing any more (ended), nothing because another grant keeps
-- the role there (covered), or to take the role away (ending).
create function effect.release_grant(permit_id text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.access_grant := effect.locked_grant(release_grant.permit_id);
    other effect.access_grant;
begin
    if known.state in ('ending', 'ended') then
        return known.state;
    end if;
    if known.state <> 'in force' then
        raise exception 'The grant of permit % is %, and not in force.',
            known.permit_id, known.state using errcode = 'PLC09';
    end if;
    if effect.is_covered(known.permit_id, known.target, known.role, known.account) then
        return 'covered';
    end if;
    select * into other from effect.access_grant g
     where g.target = known.target and g.role = known.role and g.account = known.account
       and g.state = 'granting';
    if found then
        raise exception '% is granting % at % to %: what is there is not taken away meanwhile.',
            other.request, known.role, known.target, known.account using errcode = 'PLU01';
    end if;
    update effect.access_grant g set state = 'ending', ending_at = clock_timestamp()
     where g.permit_id = known.permit_id;
    return 'ending';
end
$$;

-- True when the grant ends with this call, false when it had ended before.
create function effect.end_grant(permit_id text, why text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.access_grant := effect.locked_grant(end_grant.permit_id);
begin
    if known.state = 'ended' then
        return false;
    end if;
    if known.state = 'in force'
        and not effect.is_covered(known.permit_id, known.target, known.role, known.account) then
        raise exception 'No other grant keeps % at % with % any more: it has to be taken away.',
            known.role, known.target, known.account using errcode = 'PLU03';
    end if;
    if known.state not in ('in force', 'ending') then
        raise exception 'The grant of permit % is %; it cannot end.',
            known.permit_id, known.state using errcode = 'PLC09';
    end if;
    update effect.access_grant g
       set state = 'ended', ended_at = clock_timestamp(), ended_why = end_grant.why
     where g.permit_id = known.permit_id;
    return true;
end
$$;

grant execute on function
    effect.begin_grant(text, text, text, text, text, text, boolean),
    effect.hold_grant(text, timestamptz, timestamptz, text),
    effect.fail_grant(text, text),
    effect.release_grant(text),
    effect.end_grant(text, text)
to placet_writer;
grant select on effect.access_grant to placet_reader;
