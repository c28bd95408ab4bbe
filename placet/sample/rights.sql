-- Each role may do its own work and nothing else. Asserted each time, as a copied database has not
-- the rights of the one that it was copied from.
do $rights$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format(
        'grant connect on database %I to sample_reader, sample_deleter, sample_granter',
        current_database()
    );
end
$rights$;

revoke all on schema public from public;
grant usage on schema shop to sample_reader, sample_deleter, reporting_read, orders_write;

grant select on shop.customer, shop."order", shop.visit to sample_reader, reporting_read;
grant select, delete on shop.customer, shop."order", shop.visit to sample_deleter;
grant update (deleted_at) on shop.customer to sample_deleter;
grant select, insert, update on shop."order" to orders_write;
