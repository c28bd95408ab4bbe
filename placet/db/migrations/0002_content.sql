-- Content named by its digest: revisions, policy snapshots, receipts. The ledger keeps only the
-- digests, so what stands here can be erased without breaking the chain.
create schema content;
grant usage on schema content to placet_writer, placet_reader, placet_eraser;

create table content.blob (
    digest bytea primary key check (digest = sha256(bytes)),
    media_type text not null check (octet_length(media_type) between 1 and 255),
    size integer not null generated always as (octet_length(bytes)) stored,
    bytes bytea not null check (octet_length(bytes) <= 10485760),
    stored_at timestamptz not null default clock_timestamp()
);

create function content.put(bytes bytea, media_type text) returns bytea
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    name bytea := sha256(put.bytes);
begin
    if put.bytes is null or put.media_type is null or put.media_type = '' then
        raise exception 'Content needs bytes and a media type such as application/json.'
            using errcode = 'PLI01';
    end if;
    if octet_length(put.bytes) > 10485760 then
        raise exception 'Content of % bytes is refused: store at most 10 MiB in one piece.',
            octet_length(put.bytes)
            using errcode = 'PLI01';
    end if;
    insert into content.blob (digest, media_type, bytes)
    values (name, put.media_type, put.bytes)
    on conflict (digest) do nothing;
    return name;
end
$$;

create function content.get(digest bytea) returns bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select b.bytes from content.blob b where b.digest = get.digest
$$;

grant execute on function content.put(bytea, text), content.get(bytea) to placet_writer;
grant select (digest, media_type, size, stored_at) on content.blob to placet_reader, placet_eraser;
grant delete on content.blob to placet_eraser;
