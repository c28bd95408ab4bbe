"""What is asked of a Postgres in which roles are granted, by name."""

ROLE = """
select r.rolname as name, current_user as granter
  from pg_catalog.pg_roles r
 where r.rolname = %(role)s
"""

# The role that Placet connects as has to be a member, to grant: it is no finding.
MEMBERS = """
select distinct m.rolname as member
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
 where r.rolname = %(role)s and m.rolname <> current_user
"""

GRANTORS = """
select coalesce(g.rolname, 'a role that is gone') as grantor
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
  left join pg_catalog.pg_roles g on g.oid = a.grantor
 where r.rolname = %(role)s and m.rolname = %(account)s
 order by 1
"""

IDENTITY = """
select r.oid || '/' || m.oid as identity
  from pg_catalog.pg_roles r
  cross join pg_catalog.pg_roles m
 where r.rolname = %(role)s and m.rolname = %(account)s
"""

# What they are called now, as long as one is a member of the other.
CALLED_NOW = """
select r.rolname as role, m.rolname as account
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
 where r.oid || '/' || m.oid = %(identity)s
 limit 1
"""

# The role itself first, then every role that whoever has it can become.
REACHED = """
with recursive reached (oid, depth) as (
    select r.oid, 0 from pg_catalog.pg_roles r where r.rolname = %(role)s
    union
    select a.roleid, reached.depth + 1
      from pg_catalog.pg_auth_members a
      join reached on reached.oid = a.member
     where reached.depth < 100
)
select r.rolname as name, r.rolsuper as superuser, r.rolcreaterole as createrole,
       r.rolbypassrls as bypassrls, r.rolreplication as replication, r.rolcreatedb as createdb,
       (select min(g.rolname)
          from pg_catalog.pg_auth_members a
          join pg_catalog.pg_roles g on g.oid = a.roleid
         where a.member = r.oid and a.admin_option) as passes_on,
       current_user as granter,
       (select s.rolsuper from pg_catalog.pg_roles s where s.rolname = current_user)
           as granter_super
  from pg_catalog.pg_roles r
  join (select oid, min(depth) as depth from reached group by oid) way on way.oid = r.oid
 order by way.depth, r.rolname
"""

MAY_GRANT = """
select 1
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
 where r.rolname = %(role)s and a.admin_option
   and pg_catalog.pg_has_role(current_user, a.member, 'usage')
"""
