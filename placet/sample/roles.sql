-- The sample's roles belong to the whole cluster; each is made once. None of them has a password:
-- they can log in only where the server trusts its own socket, as the local stack's does.
do $roles$
declare
    wanted text;
begin
    foreach wanted in array array['sample_reader', 'sample_deleter', 'sample_granter'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                -- Who may give something away need not have it: noinherit.
                execute format('create role %I login noinherit', wanted);
            exception when duplicate_object or unique_violation then
                null; -- Another database of this cluster is prepared at the same time.
            end;
        end if;
    end loop;
    -- People, and the groups whose rights they can be given for a time.
    foreach wanted in array array[
        'reporting_read', 'orders_write',
        'alice_db', 'bob_db', 'carol_db', 'dan_db', 'erin_db', 'frank_db', 'heidi_db'
    ] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null;
            end;
        end if;
    end loop;
    foreach wanted in array array['reporting_read', 'orders_write'] loop
        if not pg_has_role('sample_granter', wanted, 'member with admin option') then
            execute format('grant %I to sample_granter with admin option', wanted);
        end if;
    end loop;
end
$roles$;
