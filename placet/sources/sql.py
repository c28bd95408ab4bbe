"""What is asked of a source, besides the rows of a data set."""

RELATION = """
select c.oid::integer as oid
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s and c.relname = %(table)s
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""

COLUMNS = """
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
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

# What a role may do counts, and what a role may do that it can turn into.
WRITERS = """
select r.rolname as role
  from pg_catalog.pg_roles r
 where pg_catalog.pg_has_role(current_user, r.oid, 'member')
   and (r.rolsuper
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
