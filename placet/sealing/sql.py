"""Every statement of the sealer, by name; none is ever put together from strings."""

SETTINGS = """
select set_config('default_transaction_isolation', 'read committed', false),
       set_config('statement_timeout', '10min', false),
       set_config('idle_in_transaction_session_timeout', %(patience)s, false),
       set_config('idle_session_timeout', %(patience)s, false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_bitmapscan', 'off', false),
       set_config('work_mem', '32MB', false)
"""
"""The server ends a session that hangs, frozen or behind a dead line: another takes over.

Everything is read along an index from where the last round has stopped. By outdated statistics the
server would sort all that waits for each batch of it.
"""

ELECT = "select pg_try_advisory_lock(%(number)s) as mine"

DURABLY = """
select set_config('synchronous_commit', 'on', true)
 where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')
"""

SITUATION = """
select u.number, u.from_seq,
       u.identifier = (select system_identifier from pg_control_system()) as here,
       coalesce(s.position + 1, 0) as sealed, s.seq as last_seq, l.xid::text as last_xid
  from audit.cluster u
  left join (select position, seq from audit.sealed order by position desc limit 1) s on true
  left join audit.leaf l on l.seq = s.seq
 order by u.number desc
 limit 1
"""

NEWEST = """
select tree_size, root, note, frontier, cluster, after_xid::text as after_xid, after_seq, sealed_at
  from audit.checkpoint
 order by tree_size desc
 limit 1
"""

NOTE = "select note from audit.checkpoint where tree_size = %(size)s"

# Every transaction below xmin is over: what it wrote can be seen, and nothing can appear any more
# before the place where the last round has stopped.
TAKE = """
with taken as materialized (
    select xid, seq, leaf
      from audit.leaf
     where (xid, seq) > (%(after_xid)s::xid8, %(after_seq)s::bigint)
       and xid < pg_snapshot_xmin(pg_current_snapshot())
       and seq >= %(from_seq)s
     order by xid, seq
     limit %(limit)s
)
select count(*) as total, string_agg(leaf, ''::bytea order by xid, seq) as leaves,
       (select t.xid::text from taken t order by t.xid desc, t.seq desc limit 1) as xid,
       (select t.seq from taken t order by t.xid desc, t.seq desc limit 1) as seq
  from taken
"""

PLACE = """
insert into audit.sealed (position, seq)
select %(size)s::bigint - 1 + row_number() over (order by xid, seq), seq
  from audit.leaf
 where (xid, seq) > (%(after_xid)s::xid8, %(after_seq)s::bigint)
   and (xid, seq) <= (%(xid)s::xid8, %(seq)s::bigint)
   and seq >= %(from_seq)s
 order by xid, seq
"""

# What came from another cluster is all committed, and its xids mean nothing here.
TAKE_RESTORED = """
with taken as materialized (
    select seq, leaf
      from audit.leaf l
     where seq > %(after_seq)s::bigint
       and seq < %(from_seq)s
       and not exists (select from audit.sealed s where s.seq = l.seq)
     order by seq
     limit %(limit)s
)
select count(*) as total, string_agg(leaf, ''::bytea order by seq) as leaves, null as xid,
       max(seq) as seq
  from taken
"""

PLACE_RESTORED = """
insert into audit.sealed (position, seq)
select %(size)s::bigint - 1 + row_number() over (order by seq), seq
  from audit.leaf l
 where seq > %(after_seq)s::bigint
   and seq <= %(seq)s::bigint
   and not exists (select from audit.sealed s where s.seq = l.seq)
 order by seq
"""

WRITE_CHECKPOINT = """
insert into audit.checkpoint (tree_size, root, note, frontier, cluster, after_xid, after_seq)
values (%(tree_size)s, %(root)s, %(note)s, %(frontier)s, %(cluster)s, %(after_xid)s::xid8,
        %(after_seq)s)
"""

FIRST_BEYOND = """
select sealed_at from audit.checkpoint where tree_size > %(size)s order by tree_size limit 1
"""

# Of the tree before: a checkpoint's frontier is its right edge.
FRONTIER = "select frontier from audit.checkpoint where tree_size = %(size)s"

LEAVES = """
select string_agg(l.leaf, ''::bytea order by s.position) as leaves
  from audit.sealed s
  join audit.leaf l on l.seq = s.seq
 where s.position >= %(first)s and s.position < %(end)s
"""

PLACE_HELD = "select tree_size from audit.place where name = %(name)s"

NOTE_PLACE = "select audit.note_place(%(name)s, %(size)s)"

ACCEPT_LOSS = "select audit.accept_loss(%(event_id)s) as size"

KEEP_COSIGNATURE = """
insert into audit.cosignature (tree_size, key, line) values (%(size)s, %(key)s, %(line)s)
on conflict do nothing
"""

NEWEST_COSIGNATURE = """
select max(tree_size) as size from audit.cosignature where key = %(key)s
"""

KEEP_STAMP = """
insert into audit.stamp (tree_size, authority, token) values (%(size)s, %(authority)s, %(token)s)
on conflict do nothing
"""

NEWEST_STAMP = """
select tree_size, stored_at
  from audit.stamp
 where authority = %(authority)s
 order by tree_size desc
 limit 1
"""

# In the order of sealing, but for what came from another cluster and is not sealed yet.
UNSEALED = """
with here as (
    select number, from_seq from audit.cluster order by number desc limit 1
), done as (
    select case when c.cluster = h.number then c.after_xid end as xid,
           case when c.cluster = h.number then c.after_seq else 0 end as seq,
           coalesce(c.cluster = h.number and c.after_xid is not null, false) as drained,
           h.from_seq
      from here h
      left join (select * from audit.checkpoint order by tree_size desc limit 1) c on true
), unsealed as (
    select l.recorded
      from done d
      join audit.leaf l on (l.xid, l.seq) > (coalesce(d.xid, '0'::xid8), d.seq)
                       and l.seq >= d.from_seq
     where d.drained
    union all
    select l.recorded
      from done d
      join audit.leaf l on true
     where not d.drained and not exists (select from audit.sealed s where s.seq = l.seq)
)
select count(*) as events,
       coalesce(extract(epoch from clock_timestamp() - min(recorded)), 0)::float8 as age
  from unsealed
"""

# Every transaction that writes holds a lock on its own number; a prepared one has no process.
HOLDING = """
select l.pid, a.datname as database, a.application_name as application,
       extract(epoch from clock_timestamp() - a.xact_start)::float8 as age
  from pg_locks l
  left join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
   and l.pid is distinct from pg_backend_pid()
 order by age(l.transactionid) desc
 limit 1
"""
