-- That somebody accepts what a place of checkpoints has lost is an event of the ledger, like all that
-- people decide: signed, sealed and in every bundle. The row here says which loss it was good for.

alter table audit.place_loss
    add column event_id bytea unique,
    alter column accepted_by drop not null,
    alter column reason drop not null,
    add check (event_id is not null or (accepted_by is not null and reason is not null));
comment on column audit.place_loss.event_id is
    'Who accepted it, and why. Of what was accepted before there were such events, it stands here.';

drop function audit.accept_loss(text, text, text);

-- Forgets how far a place had come, when an event accepts exactly that loss. An event is good for one
-- loss: one of a place that holds as much again comes after it.
create function audit.accept_loss(accepting bytea) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    data jsonb;
    recorded timestamptz;
    known audit.place;
begin
    select l.tree_size into known.tree_size from audit.place_loss l where l.event_id = accepting;
    if found then
        return known.tree_size;
    end if;
    select convert_from(e.body, 'UTF8')::jsonb -> 'data', e.recorded into data, recorded
      from audit.event_key k join audit.event e on e.seq = k.seq
     where k.event_id = accepting and e.kind = 'person:loss:accepted'
       and k.stream = 'place:' || (convert_from(e.body, 'UTF8')::jsonb #>> '{data,place}');
    if not found then
        raise exception 'No event accepts a loss under this id: `placet audit accept` records it first.'
            using errcode = 'PLN02';
    end if;
    delete from audit.place p
     where p.name = data ->> 'place' and to_jsonb(p.tree_size) = data -> 'held'
       and p.known_at < recorded
    returning * into known;
    if not found then
        raise exception 'What % lost is not what was accepted: see what it lacks now with `placet audit status`.',
            data ->> 'place' using errcode = 'PLN02';
    end if;
    insert into audit.place_loss (name, tree_size, known_at, event_id)
    values (known.name, known.tree_size, known.known_at, accepting);
    return known.tree_size;
end
$$;

grant execute on function audit.accept_loss(bytea) to placet_sealer;

-- As before, and such events keep their bodies.
create or replace function audit.copy_headers(work audit.pruning, beyond bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    kept constant text[] := array[
        'system:subject:erased', 'system:partition:pruned', 'person:hold:placed',
        'person:hold:released', 'person:loss:accepted'];
begin
    insert into audit.pruned (seq, kind, occurred, signature, signing_key, anchor, retention_class,
                              body_digest, body, tombstone)
    select e.seq, e.kind, e.occurred, e.signature, e.signing_key, e.anchor, e.retention_class,
           sha256(e.body), case when e.kind = any (kept) then e.body end, work.tombstone
      from audit.event e where e.seq >= work.copied and e.seq < beyond;
    update audit.pruning g set copied = beyond where g.tombstone = work.tombstone;
end
$$;
