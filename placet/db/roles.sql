-- Roles and the database's own privileges. Run at every migration, so it only adds what is missing.
-- Roles belong to the whole cluster and a database's privileges are not copied from a template;
-- therefore both are asserted here each time and not in a migration that runs once.
-- Roles that a database administrator made beforehand are used as they are.
do $roles$
declare
    wanted text;
    login text;
    verifier text;
begin
    foreach wanted in array array[
        'placet_owner', 'placet_writer', 'placet_reader', 'placet_sealer', 'placet_eraser'
    ] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null; -- Another database of this cluster is migrated at the same time.
            end;
        end if;
    end loop;

    -- Each login is a member of what it needs and nothing of its own. The program sends a SCRAM
    -- verifier, so the password itself never reaches a server log.
    foreach login in array array['placet_app', 'placet_app_sealer', 'placet_app_eraser'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = login) then
            begin
                execute format('create role %I login', login);
            exception when duplicate_object or unique_violation then
                null;
            end;
        end if;
        verifier := current_setting('placet.verifier_of_' || login);
        if verifier <> '' then
            execute format('alter role %I password %L', login, verifier);
        end if;
    end loop;
    if not pg_has_role('placet_app', 'placet_writer', 'member') then
        grant placet_writer to placet_app;
    end if;
    if not pg_has_role('placet_app', 'placet_reader', 'member') then
        grant placet_reader to placet_app;
    end if;
    if not pg_has_role('placet_app_sealer', 'placet_sealer', 'member') then
        grant placet_sealer to placet_app_sealer;
    end if;
    if not pg_has_role('placet_app_eraser', 'placet_eraser', 'member') then
        grant placet_eraser to placet_app_eraser;
    end if;

    -- Migrations run as the owner. An administrator who is not a superuser has to be let in.
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        begin
            execute format('grant placet_owner to %I', current_user);
        exception when insufficient_privilege then
            null; -- Then it has been granted beforehand, or SET ROLE will say what is missing.
        end;
    end if;

    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect, create on database %I to placet_owner', current_database());
    execute format(
        'grant connect on database %I to placet_writer, placet_reader, placet_sealer, placet_eraser',
        current_database()
    );
    revoke all on schema public from public;
end
$roles$;
