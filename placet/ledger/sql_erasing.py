"""The statements about erasures and legal holds, by name."""

CONCERN = """
with about as materialized (
    select request from audit.requests_about(%(subject)s) about (request)
), theirs as (
    select k.event_id
      from inbox.request r join audit.event_key k on k.stream = r.request
     where r.requester_id = %(subject)s
    union
    select v.event_id from inbox.review v where v.actor_id = %(subject)s
), told as (
    select convert_from(e.body, 'UTF8')::jsonb as body
      from theirs join audit.recorded_event e on e.event_id = theirs.event_id
)
select (select count(*) from audit.pii p
         where p.subject in (select audit.subjects_of(%(subject)s))) as events,
       array(select a.request from about a
              where not audit.is_at_rest(a.request) order by 1) as open,
       array(select distinct p.request from effect.payment p
               join inbox.request r on r.request = p.request
              where r.requester_id = %(subject)s order by 1) as paid,
       (select count(*) from inbox.review v where v.actor_id = %(subject)s) as reviews,
       (select count(*) from told
         where exists (
            select from unnest(array[
                       body #>> '{actor,name}', body ->> 'reason', body #>> '{state,title}',
                       body #>> '{state,requester,name}']) said
             where said <> '' and said !~ '^sealed:[0-9a-f]{64}$')) as plain,
       array(select h.hold from audit.holds_on(%(subject)s) h) as holds
"""

REQUESTS_OF = """
select request from inbox.request where requester_id = %(subject)s order by request
"""

ALL_REQUESTS = """
select request from inbox.request where request > %(after)s order by request limit %(limit)s
"""

SUBJECTS = "select subject from audit.subjects_of(%(subject)s) named (subject) order by 1"

PERSONAL_OF = """
select digest, subject, key_id, ciphertext from audit.pii
 where subject = %(subject)s and digest > %(after)s
 order by digest limit %(limit)s
"""

CONTENTS_OF = """
select encode(digest, 'hex') as digest from effect.contents_of(%(subject)s) found (digest)
"""

STORED = "select digest, media_type from content.blob where digest = any(%(digests)s::bytea[])"

BEGIN_ERASURE = """
select effect.begin_erasure(%(permit_id)s, %(request)s, %(subject)s, %(plan)s) as first
"""

END_ERASURE = "select effect.end_erasure(%(permit_id)s) as first"

ERASURES = """
select permit_id, request, digest, subject, plan, state, began_at, ended_at
  from effect.erasure
 where (%(permit_id)s::text is null or permit_id = %(permit_id)s)
   and (%(subject)s::text is null or subject = %(subject)s)
 order by began_at desc, permit_id
 limit 1000
"""

ERASED = """
select what, name from effect.erased where permit_id = %(permit_id)s order by what, name
"""

HOLDS = "select hold, on_what, target, placed_at from audit.hold order by placed_at, hold"

HOLDS_ON = "select hold, on_what, target, placed_at from audit.holds_on(%(subject)s)"

ERASE_PERSONAL = "select effect.erase_personal(%(permit_id)s, %(most)s) as gone"

ERASE_STEPS = "select effect.erase_steps(%(permit_id)s) as gone"

ERASE_CONTENTS = "select effect.erase_contents(%(permit_id)s, %(digests)s::bytea[]) as gone"

ERASE_ADDRESSES = "select effect.erase_addresses(%(permit_id)s) as gone"

CONFIRM_ERASING = "select effect.confirm_erasing(%(permit_id)s)"

FINISH_ERASING = "select effect.finish_erasing(%(permit_id)s)"

PLAN_CONTENTS = "select effect.plan_contents(%(permit_id)s, %(digests)s::text[])"

PLAN_ADDRESSES = "select effect.plan_addresses(%(permit_id)s, %(addresses)s::text[])"

NAMED_ELSEWHERE = """
select digest
  from content.named_elsewhere(%(candidates)s::bytea[], %(own)s::bytea[]) named (digest)
"""
