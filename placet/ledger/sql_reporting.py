"""What the reports ask of the database; see :mod:`placet.ledger.sql`."""

# What is sorted holds a few short texts of each body, never the bodies themselves. An event in
# which something has another form, whoever wrote it, stops no report.
PERIOD = """
with picked as materialized (
    select request, pipeline, requester_id, submitted_at, revision, outcome_kind, outcome_by, effect
      from inbox.request
     where submitted_at >= %(begins)s and submitted_at < %(ends)s
       and (%(pipeline)s::text is null or pipeline = %(pipeline)s)
), told as materialized (
    select e.stream, e.stream_seq, e.kind, e.occurred,
           coalesce(b.body #>> '{actor,id}', b.body #>> '{actor,address}') as actor,
           b.body ->> 'stage' as stage, b.body #>> '{actor,assurance}' as assurance,
           case e.kind
               when 'reviewers:stage:passed' then b.body #>> '{data,by}'
               when 'caller:message:refused' then b.body #>> '{data,refusal}'
               when 'timer:stage:escalated' then b.body #>> '{data,mode}'
           end as detail,
           case when b.body ->> 'revision' ~ '^[0-9]{1,9}$'
                then (b.body ->> 'revision')::integer end as revision
      from picked p
      join audit.recorded_event e on e.stream = p.request and e.kind = any(%(kinds)s::text[])
     cross join lateral (select convert_from(e.body, 'UTF8')::jsonb as body offset 0) b
), gone as materialized (
    select distinct k.stream
      from audit.pruned x join audit.event_key k on k.seq = x.seq
     where x.body is null and k.stream in (select request from picked)
       and not exists (select from audit.pruning g
                        where g.tombstone = x.tombstone and g.detached_at is null)
)
select p.request, p.pipeline, p.requester_id, p.submitted_at, p.revision, p.outcome_kind,
       p.outcome_by, p.effect, g.stream is not null as pruned, t.kind, t.occurred, t.actor,
       t.stage, t.assurance, t.detail, t.revision
  from picked p
  left join told t on t.stream = p.request
  left join gone g on g.stream = p.request
 order by p.request, t.stream_seq
"""

NEWEST = "select recorded from audit.receipt order by seq desc limit 1"

ONE_MOMENT = "set transaction isolation level repeatable read, read only"

CHECKPOINT = """
select tree_size, note, sealed_at from audit.checkpoint order by tree_size desc limit 1
"""

COSIGNATURES = """
select line from audit.cosignature where tree_size = %(size)s order by stored_at, key
"""

STAMPS = """
select authority, stored_at from audit.stamp where tree_size = %(size)s order by authority
"""

PLACES = """
select position, seq
  from audit.sealed
 where seq = any(%(numbers)s::bigint[]) and position < %(size)s
"""

LEAVES = """
select l.leaf
  from audit.sealed s
  join audit.leaf l on l.seq = s.seq
 where s.position < %(size)s
 order by s.position
"""
