"""The statements about partitions, by name."""

KEEP_ROOM = "select audit.keep_room(%(size)s, %(ahead)s) as name"

PARTITIONS = """
select p.name, p.lower, p.upper, count(k.seq) as events, min(l.recorded) as oldest,
       max(l.recorded) as newest,
       (select min(s.position) from audit.sealed s
         where s.seq >= p.lower and s.seq < p.upper) as first_position,
       (select max(s.position) from audit.sealed s
         where s.seq >= p.lower and s.seq < p.upper) as last_position
  from audit.partition p
  left join audit.event_key k on k.seq >= p.lower and k.seq < p.upper
  left join audit.leaf l on l.seq = k.seq
 group by p.name, p.lower, p.upper
 order by p.lower
"""

HINDRANCES = "select why from audit.hindrances(%(partition)s, %(before)s) found (why)"

IS_SEALED = "select from audit.sealed where seq = %(seq)s"

BEGIN_PRUNING = "select audit.begin_pruning(%(partition)s, %(tombstone)s)"

GO_ON_PRUNING = "select step, gone from audit.go_on_pruning(%(tombstone)s, %(most)s)"
