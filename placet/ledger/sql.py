"""The statements about events, content, lists and payments, by name.

The modules beside it have those about the rest. None is ever put together from what anybody tells.
"""

APPEND = """
select encode(event_id, 'hex') as event_id, seq, stream_seq, encode(leaf, 'hex') as leaf, recorded
  from audit.append(%(event_ids)s::bytea[], %(streams)s::text[], %(kinds)s::text[],
                    %(occurred)s::timestamptz[], %(bodies)s::bytea[],
                    %(signatures)s::bytea[], %(signing_keys)s::text[],
                    %(anchors)s::bytea[], %(retention_classes)s::text[],
                    %(personal_digests)s::bytea[], %(personal_subjects)s::text[],
                    %(personal_keys)s::text[], %(personal_ciphertexts)s::bytea[])
"""

APPEND_STEP = """
select encode(event_id, 'hex') as event_id, seq, stream_seq, encode(leaf, 'hex') as leaf, recorded,
       known
  from audit.append_step(%(stream)s, %(chain)s, %(number)s, %(outcome)s::bytea,
                         %(event_ids)s::bytea[], %(streams)s::text[], %(kinds)s::text[],
                         %(occurred)s::timestamptz[], %(bodies)s::bytea[],
                         %(signatures)s::bytea[], %(signing_keys)s::text[],
                         %(anchors)s::bytea[], %(retention_classes)s::text[],
                         %(personal_digests)s::bytea[], %(personal_subjects)s::text[],
                         %(personal_keys)s::text[], %(personal_ciphertexts)s::bytea[])
"""

APPEND_TOGETHER = """
select encode(event_id, 'hex'), seq, stream_seq, encode(leaf, 'hex'), recorded
  from audit.append_together(
           %(event_ids)s::bytea[], %(streams)s::text[], %(kinds)s::text[],
           %(occurred)s::timestamptz[], %(bodies)s::bytea[],
           %(signatures)s::bytea[], %(signing_keys)s::text[],
           %(anchors)s::bytea[], %(retention_classes)s::text[],
           %(personal_digests)s::bytea[], %(personal_subjects)s::text[],
           %(personal_keys)s::text[], %(personal_ciphertexts)s::bytea[])
"""

APPEND_STEPS = """
select encode(event_id, 'hex'), seq, stream_seq, encode(leaf, 'hex'), recorded
  from audit.append_steps(
           %(step_streams)s::text[], %(chains)s::text[], %(numbers)s::bigint[],
           %(outcomes)s::bytea[], %(event_ids)s::bytea[], %(streams)s::text[], %(kinds)s::text[],
           %(occurred)s::timestamptz[], %(bodies)s::bytea[],
           %(signatures)s::bytea[], %(signing_keys)s::text[],
           %(anchors)s::bytea[], %(retention_classes)s::text[],
           %(personal_digests)s::bytea[], %(personal_subjects)s::text[],
           %(personal_keys)s::text[], %(personal_ciphertexts)s::bytea[])
"""

RECEIPTS = """
select encode(event_id, 'hex') as event_id, seq, stream_seq, encode(leaf, 'hex') as leaf, recorded
  from audit.receipt
 where event_id = any(%(event_ids)s::bytea[])
 order by seq
"""

# For this transaction only; other statements are given up by the server much sooner.
PATIENTLY = "select set_config('statement_timeout', '6h', true)"

TIMELINE = """
select encode(event_id, 'hex') as event_id, seq, stream, stream_seq, kind, occurred, recorded,
       encode(leaf, 'hex') as leaf, body, coalesce(signature, '') as signature,
       coalesce(signing_key, '') as signing_key, coalesce(anchor, '') as anchor,
       coalesce(retention_class, '') as retention_class
  from audit.known_event
 where stream = %(stream)s
 order by stream_seq
"""

# With the request that it was recorded in: whoever names it elsewhere is not told what it says.
PERSONAL = """
select p.digest, p.subject, p.key_id, p.ciphertext, k.stream
  from audit.pii p
  left join audit.event_key k
         on k.event_id = case when p.key_id ~ ':[0-9a-f]{64}$'
                              then decode(split_part(p.key_id, ':', 2), 'hex') end
 where p.digest = any(%(digests)s::bytea[])
"""

PUT_CONTENT = "select encode(content.put(%(data)s::bytea, %(media_type)s), 'hex') as digest"

GET_CONTENT = "select content.get(decode(%(digest)s, 'hex')) as data"

HAS_FILE = """
select exists(
    select from content.blob
     where digest = decode(%(digest)s, 'hex') and media_type <> 'application/json'
) as found
"""

HAS_CONTENT = """
select exists(select from content.blob where digest = decode(%(digest)s, 'hex')) as found
"""

REQUESTS = """
select r.request, r.pipeline, r.revision, r.digest, r.title, r.requester_id, r.requester_name,
       r.status, r.stage, r.due, r.outcome_kind, r.outcome_by, r.outcome_reason, r.amount, r.route,
       r.effect, r.submitted_at, r.updated_at
  from inbox.request r
 where (%(requester)s::text is null or r.requester_id = %(requester)s)
   and (%(status)s::text is null or r.status = %(status)s)
   and (%(pipeline)s::text is null or r.pipeline = %(pipeline)s)
   and (%(reviewer)s::text is null or exists (
           select from inbox.assignment a
            where a.request = r.request and a.person = %(reviewer)s))
   and (%(after)s::text is null or (r.submitted_at, r.request) < (
           select last.submitted_at, last.request
             from inbox.request last where last.request = %(after)s))
 order by r.submitted_at desc, r.request desc
 limit %(limit)s
"""

REQUEST = """
select request, pipeline, revision, digest, title, requester_id, requester_name, status, stage, due,
       outcome_kind, outcome_by, outcome_reason, amount, route, effect, submitted_at, updated_at
  from inbox.request
 where request = %(request)s
"""

ASSIGNMENTS = """
select request, place, person, name, group_name as "group", on_behalf_of
  from inbox.assignment
 where request = any(%(requests)s::text[])
 order by request, place
"""

REVIEWS = """
select encode(event_id, 'hex') as event_id, request, stream_seq, verdict, actor_id, actor_name,
       on_behalf_of, role, assurance, channel, stage, revision, digest, reason, decision_id,
       reviewed_at
  from inbox.review
 where request = %(request)s
 order by stream_seq
"""

CONSUME = "select effect.consume(%(permit_id)s, %(digest)s, %(effect)s) as first"

RECORD_PAYMENT = """
select effect.record_payment(
           %(permit_id)s, %(payment_id)s, %(request)s, %(msg_id)s, %(end_to_end_id)s, %(amount)s,
           %(currency)s, %(creditor_name)s, %(creditor_iban)s, %(file_name)s, %(file_sha256)s
       ) as first
"""

REPORT_PAYMENT = """
select payment_id, changed
  from effect.report_payment(%(msg_id)s, %(end_to_end_id)s, %(status)s, %(reason)s)
"""

PAYMENTS = """
select payment_id, permit_id, request, digest, msg_id, end_to_end_id, amount, currency,
       creditor_name, creditor_iban, file_name, file_sha256, status, status_reason, created_at
  from effect.payment
 where (%(payment_id)s::text is null or payment_id = %(payment_id)s)
   and (%(permit_id)s::text is null or permit_id = %(permit_id)s)
   and (%(request)s::text is null or request = %(request)s)
   and (%(msg_id)s::text is null or msg_id = %(msg_id)s)
   and (%(end_to_end_id)s::text is null or end_to_end_id = %(end_to_end_id)s)
 order by created_at, payment_id
 limit 1000
"""

PUBLISHED = """
select slug, version, replaces, action, title, request, permit_id, state, at
  from effect.publication
 where slug = %(slug)s and state = 'done'
 order by number desc
 limit 1
"""

PUBLICATIONS = """
select slug, version, replaces, action, title, request, permit_id, state, at
  from effect.publication
 where slug = %(slug)s
 order by number desc
 limit %(limit)s
"""

NEWEST_CHECKPOINT = """
select tree_size, root from audit.checkpoint order by tree_size desc limit 1
"""
