-- Effects that last: what was done is in force until its time is over or somebody ends it.
alter table inbox.request
    drop constraint request_effect_check,
    add constraint request_effect_check check (effect in (
        'waiting', 'pending', 'done', 'failed', 'revoked', 'stopped',
        'in_force', 'ending', 'ended', 'undone'));

-- A case may say where it stood before the effect's own word was written down: see 0009. That word
-- stays, also the one that ends what was in force.
drop trigger keep_the_effects_word on inbox.request;
create trigger keep_the_effects_word before update on inbox.request
    for each row when (
        (new.effect = 'pending' and old.effect in ('done', 'failed', 'stopped', 'in_force'))
        or (new.effect = 'ending' and old.effect in ('ended', 'undone', 'failed')))
    execute function inbox.keep_the_effects_word();
