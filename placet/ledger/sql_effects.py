"""The statements about effects that take their time, by name."""

BEGIN_MAILING = """
select effect.begin_mailing(%(permit_id)s, %(request)s, %(recipients)s, %(holder)s,
                            %(addresses)s::text[], %(message_ids)s::text[]) as first
"""

CLAIM_DELIVERY = "select effect.claim_delivery(%(permit_id)s, %(holder)s, %(place)s) as claimed"

RECORD_DELIVERY = """
select effect.record_delivery(%(permit_id)s, %(holder)s, %(place)s, %(status)s, %(code)s, %(reply)s)
"""

END_MAILING = "select effect.end_mailing(%(permit_id)s, %(holder)s, %(ending)s) as first"

MAILINGS = """
select permit_id, request, digest, recipients, total, began_at, ended_at, ending
  from effect.mailing
 where (%(permit_id)s::text is null or permit_id = %(permit_id)s)
   and (%(request)s::text is null or request = %(request)s)
 order by began_at, permit_id
"""

COUNT_DELIVERIES = """
select status, count(*) as count from effect.delivery
 where permit_id = %(permit_id)s
 group by status
"""

DELIVERIES = """
select permit_id, place, address, message_id, status, attempts, code, reply, changed_at
  from effect.delivery
 where permit_id = %(permit_id)s
   and (%(statuses)s::text[] is null or status = any(%(statuses)s::text[]))
   and place > %(after)s
 order by place
 limit %(limit)s
"""

PUBLICATION = """
select slug, version, replaces, action, title, request, permit_id, state, at, reason
  from effect.publication
 where permit_id = %(permit_id)s
"""

PUBLICATION_TARGETS = """
select target, location, before, sure, state, why
  from effect.publication_target
 where permit_id = %(permit_id)s
 order by place
"""

BEGIN_PUBLICATION = """
select effect.begin_publication(
           %(permit_id)s, %(request)s, %(slug)s, %(action)s, %(title)s, %(version)s, %(replaces)s,
           %(targets)s::text[], %(locations)s::text[]
       ) as first
"""

MARK_TARGET = "select effect.mark_target(%(permit_id)s, %(target)s, %(state)s, %(why)s)"

TARGET_AWAY = "select effect.target_away(%(permit_id)s, %(target)s, %(why)s) as away"

GIVE_UP_PUBLICATION = "select effect.give_up_publication(%(permit_id)s, %(reason)s)"

END_PUBLICATION = "select effect.end_publication(%(permit_id)s, %(state)s) as first"

BEGIN_EXPORT = """
select effect.begin_export(
           %(permit_id)s, %(request)s, %(dataset)s, %(holder)s, %(store)s
       ) as first
"""

END_EXPORT = """
select effect.end_export(
           %(permit_id)s, %(holder)s, %(state)s, %(name)s, %(rows)s, %(bytes)s, %(sha256)s,
           %(until)s::timestamptz
       ) as first
"""

REMOVE_EXPORT = "select effect.remove_export(%(permit_id)s) as first"

HELD_EXPORT = """
select permit_id
  from effect.export
 where permit_id = %(permit_id)s and holder = %(holder)s and state = 'running'
"""

EXPORTS = """
select permit_id, request, digest, dataset, store, state, began_at, ended_at, name, rows, bytes,
       sha256, until, gone_at
  from effect.export
 where (%(permit_id)s::text is null or permit_id = %(permit_id)s)
   and (%(request)s::text is null or request = %(request)s)
 order by began_at desc, permit_id
 limit %(limit)s
"""

BEGIN_GRANT = """
select effect.begin_grant(%(permit_id)s, %(request)s, %(target)s, %(role)s, %(account)s,
                          %(person)s, %(was_member)s) as first
"""

HOLD_GRANT = """
select effect.hold_grant(%(permit_id)s, %(granted_at)s, %(until)s, %(identity)s) as first
"""

FAIL_GRANT = "select effect.fail_grant(%(permit_id)s, %(why)s) as first"

RELEASE_GRANT = "select effect.release_grant(%(permit_id)s) as release"

END_GRANT = "select effect.end_grant(%(permit_id)s, %(why)s) as first"

GRANTS = """
select permit_id, request, target, role, account, person, state, was_member, identity, began_at,
       granted_at, until, ending_at, ended_at, ended_why
  from effect.access_grant
 where (%(permit_id)s::text is null or permit_id = %(permit_id)s)
   and (%(request)s::text is null or request = %(request)s)
   and (%(person)s::text is null or person = %(person)s)
   and (%(target)s::text is null or target = %(target)s)
   and (%(role)s::text is null or role = %(role)s)
   and (%(account)s::text is null or account = %(account)s)
   and (not %(open)s or state not in ('ended', 'failed'))
 order by began_at, permit_id
"""

BEGIN_DELETION = """
select effect.begin_deletion(
           %(permit_id)s, %(request)s, %(dataset)s, %(selection)s, %(mode)s, %(approved)s,
           %(mark)s, %(selected)s, %(existing)s, %(matching)s, %(holder)s, %(state)s
       ) as first
"""

HOLD_DELETION = "select effect.hold_deletion(%(permit_id)s, %(holder)s)"

TURN_DELETION = """
select effect.turn_deletion(%(permit_id)s, %(holder)s, %(state)s, %(standing)s,
                            %(counts)s::jsonb)
"""

ADVANCE_DELETION = "select effect.advance_deletion(%(permit_id)s, %(holder)s, %(place)s)"

END_DELETION = """
select effect.end_deletion(
           %(permit_id)s, %(holder)s, %(state)s, %(counts)s::jsonb, %(until)s
       ) as first
"""

DELETIONS = """
select permit_id, request, digest, dataset, selection, mode, approved, mark, selected, existing,
       matching, state, standing, place, counts, began_at, changed_at, until, ended_at
  from effect.deletion
 where (%(permit_id)s::text is null or permit_id = %(permit_id)s)
   and (%(request)s::text is null or request = %(request)s)
 order by began_at desc, permit_id
 limit %(limit)s
"""
