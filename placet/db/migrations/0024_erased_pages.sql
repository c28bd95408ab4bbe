-- What belongs to a page is found by its manifest, as what belongs to a request is found by it.

create or replace function effect.contents_of(subject text) returns setof bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with named as materialized (
        select distinct decode(found.parts[1], 'hex') as digest
          from inbox.request r
          join audit.known_event e on e.stream = r.request,
               regexp_matches(convert_from(e.body, 'UTF8'), '[0-9a-f]{64}', 'g') found (parts)
         where r.requester_id = contents_of.subject and e.body is not null
    ), stored as materialized (
        select b.digest, b.media_type, b.bytes
          from named n join content.blob b on b.digest = n.digest
    )
    select s.digest from stored s
    union
    select b.digest
      from stored s,
           regexp_matches(convert_from(s.bytes, 'UTF8'), '[0-9a-f]{64}', 'g') found (parts)
      join content.blob b on b.digest = decode(found.parts[1], 'hex')
     where s.media_type in ('application/json', 'application/vnd.placet.manifest+json')
$$;

create or replace function content.named_elsewhere(candidates bytea[], own bytea[])
returns setof bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select distinct decode(found.parts[1], 'hex')
      from content.blob b,
           regexp_matches(convert_from(b.bytes, 'UTF8'), '[0-9a-f]{64}', 'g') found (parts)
     where b.media_type in ('application/json', 'application/vnd.placet.manifest+json')
       and not b.digest = any (named_elsewhere.own)
       and decode(found.parts[1], 'hex') = any (named_elsewhere.candidates)
$$;
