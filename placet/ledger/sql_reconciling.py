"""What a reconciliation asks of the database, by name; it only reads."""

SNAPSHOT = "set transaction isolation level repeatable read, read only"

REQUESTS = """
select count(*) as count from inbox.request
"""

STREAMS = """
select stream from (
    (select distinct stream from audit.receipt
      where stream > %(after)s
        and (%(since)s::timestamptz is null or recorded >= %(since)s)
      order by stream limit %(limit)s)
    union
    (select request from inbox.request
      where request > %(after)s
        and (%(since)s::timestamptz is null or updated_at >= %(since)s)
      order by request limit %(limit)s)
) as known (stream)
order by stream
limit %(limit)s
"""

KNOWN = "select distinct stream from audit.receipt where stream = any(%(streams)s::text[])"

EVENTS = """
select encode(r.event_id, 'hex') as event_id, r.stream_seq, r.seq, encode(r.leaf, 'hex') as leaf,
       r.recorded, clock_timestamp() - r.recorded as age, e.kind, e.occurred, e.body, e.signature,
       e.signing_key, e.anchor, e.retention_class
  from audit.receipt r
  left join audit.known_event e on e.seq = r.seq
 where r.stream = %(stream)s and r.stream_seq > %(after)s
 order by r.stream_seq
 limit %(limit)s
"""

PERMITS = """
select permit_id as permit, request, digest, effect, encode(issued_event, 'hex') as issued_event,
       consumed_at is not null as consumed, encode(consumed_event, 'hex') as consumed_event,
       encode(revoked_event, 'hex') as revoked_event
  from effect.permit
 where permit_id = any(%(permits)s::text[])
 order by permit_id
"""

EFFECTS = """
select 'payment' as effect, permit_id as permit, request, digest, status as state,
       clock_timestamp() - created_at as age,
       jsonb_build_object('payment', payment_id, 'amount', amount::text || ' ' || currency,
                          'file', file_name, 'sha256', file_sha256) as facts
  from effect.payment
 where request = %(request)s or permit_id = any(%(permits)s::text[])
union all
select 'send', m.permit_id, m.request, m.digest, coalesce(m.ending, ''),
       clock_timestamp() - m.began_at,
       coalesce((select jsonb_object_agg(d.status, d.count)
                   from (select status, count(*) from effect.delivery
                          where permit_id = m.permit_id group by status) d (status, count)),
                '{}')
  from effect.mailing m
 where m.request = %(request)s or m.permit_id = any(%(permits)s::text[])
union all
select 'publication', permit_id, request, null, state, clock_timestamp() - at,
       jsonb_build_object('slug', slug, 'action', action, 'version', version,
                          'replaces', replaces)
  from effect.publication
 where permit_id = any(%(permits)s::text[])
union all
select 'export', permit_id, request, digest, state, clock_timestamp() - began_at,
       jsonb_strip_nulls(jsonb_build_object('file', name, 'rows', rows, 'bytes', bytes,
                                            'sha256', sha256))
  from effect.export
 where request = %(request)s or permit_id = any(%(permits)s::text[])
union all
select 'access', permit_id, request, null, state, clock_timestamp() - began_at,
       jsonb_build_object('target', target, 'role', role, 'account', account, 'person', person)
  from effect.access_grant
 where request = %(request)s or permit_id = any(%(permits)s::text[])
union all
select 'delete', permit_id, request, digest, state, clock_timestamp() - began_at, '{}'
  from effect.deletion
 where request = %(request)s or permit_id = any(%(permits)s::text[])
union all
select 'erase', permit_id, request, digest, state, clock_timestamp() - began_at,
       jsonb_build_object('subject', subject)
  from effect.erasure
 where request = %(request)s or permit_id = any(%(permits)s::text[])
order by effect, permit
"""

LISTED = """
select request, pipeline, revision, digest, title, requester_id, requester_name, status, stage, due,
       outcome_kind, outcome_by, outcome_reason, amount, route, effect, submitted_at, updated_at,
       state_seq
  from inbox.request
 where request = %(request)s
"""

ASSIGNED = """
select place, person, name, group_name as "group", on_behalf_of
  from inbox.assignment
 where request = %(request)s
 order by place
"""

REVIEWED = """
select encode(event_id, 'hex') as event_id, stream_seq, verdict, actor_id, actor_name, on_behalf_of,
       role, assurance, channel, stage, revision, digest, reason, decision_id, reviewed_at
  from inbox.review
 where request = %(request)s
 order by stream_seq
"""

HELD = """
select on_what, target from audit.hold where 'hold:' || hold = %(request)s
"""

STRAY_PERMITS = """
select p.request, p.permit_id as permit
  from effect.permit p
 where p.permit_id > %(after)s
   and not exists (select from audit.receipt r
                    where r.event_id = p.issued_event and r.stream = p.request)
 order by p.permit_id
 limit %(limit)s
"""

STRAY_EFFECTS = """
select d.effect, d.permit, d.request
  from (select 'payment', permit_id, request from effect.payment
        union all select 'send', permit_id, request from effect.mailing
        union all select 'publication', permit_id, request from effect.publication
        union all select 'export', permit_id, request from effect.export
        union all select 'access', permit_id, request from effect.access_grant
        union all select 'delete', permit_id, request from effect.deletion
        union all select 'erase', permit_id, request from effect.erasure
       ) as d (effect, permit, request)
 where (d.permit, d.effect) > (%(after)s, %(effect)s)
   and not exists (select from effect.permit p
                    where p.permit_id = d.permit and p.request = d.request and p.effect = d.effect)
 order by d.permit, d.effect
 limit %(limit)s
"""

PAID_FILES = """
select file_name from effect.payment where permit_id = any(%(permits)s::text[])
"""

OPEN_PERMITS = """
select permit_id from effect.permit
 where permit_id = any(%(permits)s::text[]) and effect = 'payment'
"""

PRUNED = """
select body from audit.known_event
 where kind = 'system:partition:pruned' and body is not null
 order by seq
"""
