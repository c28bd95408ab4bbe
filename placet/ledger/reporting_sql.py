"""What the reports ask of the database; see :mod:`placet.ledger.sql`."""

PERIOD = """
select r.request, r.pipeline, r.requester_id, r.submitted_at, r.revision, r.outcome_kind,
       r.outcome_by, r.effect, e.kind, e.occurred,
       coalesce(b.body #>> '{actor,id}', b.body #>> '{actor,address}') as actor,
       b.body ->> 'stage' as stage, b.body #>> '{actor,assurance}' as assurance,
       case e.kind
           when 'reviewers:stage:passed' then b.body #>> '{data,by}'
           when 'caller:message:refused' then b.body #>> '{data,refusal}'
           when 'timer:stage:escalated' then b.body #>> '{data,mode}'
       end as detail,
       (b.body ->> 'revision')::integer as of_revision
  from inbox.request r
  left join (
      audit.recorded_event e
      cross join lateral (select convert_from(e.body, 'UTF8')::jsonb as body offset 0) b
  ) on e.stream = r.request and e.kind = any(%(kinds)s::text[])
 where r.submitted_at >= %(begins)s and r.submitted_at < %(ends)s
   and (%(pipeline)s::text is null or r.pipeline = %(pipeline)s)
 order by r.request, e.stream_seq
"""

NEWEST = "select recorded from audit.receipt order by seq desc limit 1"

CHECKPOINT = """
select tree_size, note, sealed_at from audit.checkpoint order by tree_size desc limit 1
"""
