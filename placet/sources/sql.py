"""What is asked of a source, besides the rows of a data set."""

RELATION = """
select c.oid::integer as oid,
       case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end as definition
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s and c.relname = %(table)s
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""

COLUMNS = """
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
       pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), -1) as bare,
       t.typcategory as category
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type t on t.oid = a.atttypid
 where a.attrelid = %(oid)s::oid and a.attnum > 0 and not a.attisdropped
"""

UNREADABLE = """
select a.attname as name
  from pg_catalog.pg_attribute a
 where a.attrelid = %(oid)s::oid and a.attnum > 0 and not a.attisdropped
   and a.attname = any (%(columns)s)
   and not pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select')
"""

# What a role may do counts, and what a role may do that it can turn into, or was before it turned
# into this one. An owner may give itself what it has not.
WRITERS = """
select r.rolname as role
  from pg_catalog.pg_roles r
 where (pg_catalog.pg_has_role(current_user, r.oid, 'member')
        or pg_catalog.pg_has_role(session_user, r.oid, 'member'))
   and (r.rolsuper
        or r.oid = (select c.relowner from pg_catalog.pg_class c where c.oid = %(oid)s::oid)
        or pg_catalog.has_table_privilege(
               r.oid, %(oid)s::oid, 'insert, update, delete, truncate')
        or pg_catalog.has_any_column_privilege(r.oid, %(oid)s::oid, 'insert, update'))
 order by r.rolname <> current_user, r.rolname
 limit 1
"""

BOUNDS = """
select pg_catalog.set_config('statement_timeout', %(statement)s, true),
       pg_catalog.set_config('lock_timeout', %(lock)s, true),
       pg_catalog.set_config('TimeZone', 'UTC', true),
       pg_catalog.set_config('DateStyle', 'ISO, YMD', true),
       pg_catalog.set_config('IntervalStyle', 'iso_8601', true),
       pg_catalog.set_config('bytea_output', 'hex', true),
       pg_catalog.set_config('extra_float_digits', '1', true)
"""

UNBOUND = "select pg_catalog.set_config('statement_timeout', '0', true)"

# The session of one deletion. A worker that is frozen loses it, and with it the right to go on: the
# server ends a session that says nothing for so long. Rows are found by their key, one after the
# other: the planner knows nothing yet of the rows that this deletion marks, and would be wrong.
DELETING = """
select pg_catalog.set_config('statement_timeout', '1s', false),
       pg_catalog.set_config('lock_timeout', '300ms', false),
       pg_catalog.set_config('idle_session_timeout', '60s', false),
       pg_catalog.set_config('idle_in_transaction_session_timeout', '10s', false),
       pg_catalog.set_config('default_transaction_isolation', 'read committed', false),
       pg_catalog.set_config('enable_seqscan', 'off', false),
       pg_catalog.set_config('enable_hashjoin', 'off', false),
       pg_catalog.set_config('enable_mergejoin', 'off', false),
       pg_catalog.set_config('TimeZone', 'UTC', false),
       pg_catalog.set_config('DateStyle', 'ISO, YMD', false)
"""

PATIENT = "select pg_catalog.set_config('statement_timeout', '30s', true)"

COUNTING = """
select pg_catalog.set_config('statement_timeout', '300s', true),
       pg_catalog.set_config('enable_seqscan', 'on', true),
       pg_catalog.set_config('enable_hashjoin', 'on', true),
       pg_catalog.set_config('enable_mergejoin', 'on', true)
"""

LOCK = "select pg_catalog.pg_try_advisory_lock(%(number)s) as held"

# A unique index on columns of the key, and on every row: one with a condition is not. What inherits
# from a table has indexes of its own.
TELLING_APART = """
select c.relkind = 'p'
       or (c.relkind = 'r' and not exists (
           select from pg_catalog.pg_inherits h where h.inhparent = c.oid)) as plain,
       exists (
           select from pg_catalog.pg_index i
            where i.indrelid = c.oid and i.indisunique and i.indisvalid
              and i.indpred is null and i.indexprs is null
              and not exists (
                  select from pg_catalog.pg_attribute a
                   where a.attrelid = c.oid
                     and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                     and not a.attname = any (%(key)s))) as told_apart
  from pg_catalog.pg_class c
 where c.oid = %(oid)s::oid
"""

SUPERUSERS = """
select r.rolname as role
  from pg_catalog.pg_roles r
 where pg_catalog.pg_has_role(current_user, r.oid, 'member') and r.rolsuper
 order by r.rolname
 limit 1
"""

UPDATABLE = """
select a.attname as name
  from pg_catalog.pg_attribute a
 where a.attrelid = %(oid)s::oid and a.attnum > 0 and not a.attisdropped
   and pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'update')
 order by a.attnum
"""

MAY_DELETE = "select pg_catalog.has_table_privilege(%(oid)s::oid, 'delete') as may"

# Who refers to the rows of a table, and what becomes of that when such a row is deleted.
REFERENCES = """
select n.nspname || '.' || c.relname as table_name, k.confdeltype::text as action
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where k.confrelid = %(oid)s::oid and k.contype = 'f' and k.conparentid = 0
 order by 1, 2
"""
