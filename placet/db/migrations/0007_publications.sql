-- Publications: what stands under a slug changes from one version to another, one change at a time,
-- on all its targets or on none.
--
--   under way ─▶ done                every target is switched
--   under way ─▶ undoing ─▶ failed   no target is left as it was on the way
create table effect.publication (
    number bigint generated always as identity unique,
    permit_id text primary key references effect.permit,
    request text not null,
    slug text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?$'),
    action text not null check (action in ('publish', 'unpublish', 'rollback')),
    title text not null,
    version text check (version ~ '^[0-9a-f]{64}$'),
    replaces text check (replaces ~ '^[0-9a-f]{64}$'),
    state text not null default 'under way'
        check (state in ('under way', 'undoing', 'done', 'failed')),
    reason text,
    at timestamptz not null default clock_timestamp(),
    check (action <> 'publish' or version is not null),
    check (action <> 'unpublish' or version is null)
);
create unique index publication_on_its_way on effect.publication (slug)
    where state in ('under way', 'undoing');
create index publication_of_slug on effect.publication (slug, number);

--   untouched ─▶ switching ─▶ switched
--                switching, switched ─▶ undone | stuck
--
-- `before` is what the last change has left at the target. It is not `sure` where nobody can know:
-- after a change that could not be undone, and where the target now leads elsewhere.
create table effect.publication_target (
    permit_id text not null references effect.publication,
    place integer not null check (place > 0),
    target text not null check (target <> ''),
    location text not null,
    before text,
    sure boolean not null,
    state text not null default 'untouched'
        check (state in ('untouched', 'switching', 'switched', 'undone', 'stuck')),
    away_since timestamptz,
    why text,
    primary key (permit_id, place),
    unique (permit_id, target)
);

-- True when the publication begins with this call, false when it had begun before.
create function effect.begin_publication(
    permit_id text, request text, slug text, action text, title text, version text, replaces text,
    targets text[], locations text[]
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    held effect.permit;
    known effect.publication;
    head text;
begin
    select * into held from effect.permit p where p.permit_id = begin_publication.permit_id;
    if not found or held.request is distinct from begin_publication.request then
        raise exception 'Permit % is not one of request %.',
            begin_publication.permit_id, begin_publication.request using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[held.request]);
    select * into known from effect.publication p where p.permit_id = held.permit_id;
    if found then
        if (known.slug, known.version, known.replaces) is distinct from
           (begin_publication.slug, begin_publication.version, begin_publication.replaces) then
            raise exception 'Permit % publishes version % of % already; another change needs another approval.',
                held.permit_id, coalesce(known.version, 'none'), known.slug using errcode = 'PLC07';
        end if;
        return false;
    end if;
    select * into held from effect.permit p where p.permit_id = begin_publication.permit_id;
    if held.effect <> 'publication' or held.consumed_xid is distinct from pg_current_xact_id_if_assigned() then
        raise exception 'Permit % has to be consumed for a publication in the same transaction; if it was consumed before without one, find out what happened and do not publish.',
            held.permit_id using errcode = 'PLC08';
    end if;
    if coalesce(cardinality(begin_publication.targets), 0) = 0
        or cardinality(begin_publication.targets) <> cardinality(begin_publication.locations) then
        raise exception 'A publication has at least one target, each with its location.'
            using errcode = 'PLI01';
    end if;
    -- Whoever else publishes this slug is waited for here until its transaction ends.
    insert into effect.publication (permit_id, request, slug, action, title, version, replaces)
    values (held.permit_id, held.request, begin_publication.slug, begin_publication.action,
            begin_publication.title, begin_publication.version, begin_publication.replaces)
    on conflict (slug) where state in ('under way', 'undoing') do nothing;
    if not found then
        select * into known from effect.publication p
         where p.slug = begin_publication.slug and p.state in ('under way', 'undoing');
        raise exception 'Version % of % is on its way by %: this one has to wait for it.',
            coalesce(known.version, 'none'), begin_publication.slug, known.request
            using errcode = 'PLU01';
    end if;
    select p.version into head from effect.publication p
     where p.slug = begin_publication.slug and p.state = 'done'
     order by p.number desc limit 1;
    if head is distinct from begin_publication.replaces then
        raise exception 'This was approved to replace version % of %, and version % is published now: submit it again, so that people see what it replaces.',
            coalesce(begin_publication.replaces, 'none'), begin_publication.slug,
            coalesce(head, 'none') using errcode = 'PLC10';
    end if;
    insert into effect.publication_target (permit_id, place, target, location, before, sure)
    select held.permit_id, wanted.place, wanted.target, wanted.location, past.version,
           coalesce(latest.state = 'switched' and latest.location = wanted.location, true)
      from unnest(begin_publication.targets, begin_publication.locations)
           with ordinality as wanted (target, location, place)
      left join lateral (
           select p.version from effect.publication p
             join effect.publication_target t on t.permit_id = p.permit_id
            where p.slug = begin_publication.slug and t.target = wanted.target
              and t.state = 'switched'
            order by p.number desc limit 1) past on true
      left join lateral (
           select t.state, t.location from effect.publication p
             join effect.publication_target t on t.permit_id = p.permit_id
            where p.slug = begin_publication.slug and t.target = wanted.target
              and t.state in ('switched', 'stuck')
            order by p.number desc limit 1) latest on true;
    return true;
end
$$;

-- The publication and, through its lock, everything about it until the transaction ends.
create function effect.locked_publication(permit_id text) returns effect.publication
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.publication;
begin
    select * into known from effect.publication p where p.permit_id = locked_publication.permit_id;
    if not found then
        raise exception 'Permit % has begun no publication.', locked_publication.permit_id
            using errcode = 'PLN01';
    end if;
    perform audit.lock_streams(array[known.request]);
    select * into known from effect.publication p
     where p.permit_id = locked_publication.permit_id for update;
    return known;
end
$$;

-- Moves a target on. A worker that was frozen, and whose work another one has finished, is refused.
create function effect.mark_target(permit_id text, target text, state text, why text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.publication := effect.locked_publication(mark_target.permit_id);
    now_is text;
begin
    select t.state into now_is from effect.publication_target t
     where t.permit_id = mark_target.permit_id and t.target = mark_target.target;
    if now_is is null then
        raise exception 'The publication of % has no target %.', known.slug, mark_target.target
            using errcode = 'PLN01';
    end if;
    if not (case known.state
        when 'under way' then (now_is, mark_target.state) in (
            ('untouched', 'switching'), ('switching', 'switching'),
            ('switching', 'switched'), ('switched', 'switched'))
        when 'undoing' then (now_is, mark_target.state) in (
            ('switching', 'undone'), ('switched', 'undone'), ('undone', 'undone'),
            ('switching', 'stuck'), ('switched', 'stuck'), ('stuck', 'stuck'))
        else false end) then
        raise exception 'The publication of % is %, and % is %: it cannot become %; another worker has gone on with it.',
            known.slug, known.state, mark_target.target, now_is, mark_target.state
            using errcode = 'PLU02';
    end if;
    update effect.publication_target t
       set state = mark_target.state, why = mark_target.why,
           away_since = case when t.state = mark_target.state then t.away_since end
     where t.permit_id = mark_target.permit_id and t.target = mark_target.target;
end
$$;

-- Notes that a target does not answer, and says for how long it has not.
create function effect.target_away(permit_id text, target text, why text) returns interval
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.publication := effect.locked_publication(target_away.permit_id);
    since timestamptz;
begin
    update effect.publication_target t
       set away_since = coalesce(t.away_since, clock_timestamp()), why = target_away.why
     where t.permit_id = known.permit_id and t.target = target_away.target
    returning t.away_since into since;
    return clock_timestamp() - since;
end
$$;

-- From here on what was switched is put back. The first reason stays.
create function effect.give_up_publication(permit_id text, reason text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.publication := effect.locked_publication(give_up_publication.permit_id);
begin
    if known.state = 'under way' then
        update effect.publication p
           set state = 'undoing', reason = give_up_publication.reason, at = clock_timestamp()
         where p.permit_id = known.permit_id;
        update effect.publication_target t set away_since = null, why = null
         where t.permit_id = known.permit_id;
    end if;
end
$$;

-- True when it ends with this call, false when it had ended so before.
create function effect.end_publication(permit_id text, state text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known effect.publication := effect.locked_publication(end_publication.permit_id);
begin
    if known.state = end_publication.state then
        return false;
    end if;
    if (known.state, end_publication.state) not in (('under way', 'done'), ('undoing', 'failed'))
        or exists (
            select from effect.publication_target t
             where t.permit_id = known.permit_id
               and case end_publication.state
                   when 'done' then t.state <> 'switched' else t.state in ('switching', 'switched') end
        ) then
        raise exception 'The publication of % is %, and not all its targets are where they have to be for it to be %.',
            known.slug, known.state, end_publication.state using errcode = 'PLC11';
    end if;
    update effect.publication p set state = end_publication.state, at = clock_timestamp()
     where p.permit_id = known.permit_id;
    return true;
end
$$;

grant execute on function
    effect.begin_publication(text, text, text, text, text, text, text, text[], text[]),
    effect.mark_target(text, text, text, text),
    effect.target_away(text, text, text),
    effect.give_up_publication(text, text),
    effect.end_publication(text, text)
to placet_writer;
grant select on effect.publication, effect.publication_target to placet_reader;
