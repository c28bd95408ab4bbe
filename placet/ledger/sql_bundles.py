"""Every statement of the export of bundles, by name.

What several have in common is a constant here, joined to each when the module is loaded; nothing
that anybody tells is ever put into one.
"""

SETTINGS = """
select set_config('statement_timeout', '0', false),
       set_config('idle_in_transaction_session_timeout', '10min', false)
"""

HEAD = """
select (select max(tree_size) from audit.checkpoint) as newest,
       (select max(tree_size) from audit.cosignature) as cosigned,
       (select count(*) from audit.leaf) as leaves
"""

NOTES = """
select c.tree_size, c.note,
       array(select s.line from audit.cosignature s
              where s.tree_size = c.tree_size order by s.key) as lines
  from audit.checkpoint c
 where c.tree_size <= %(size)s
   and (c.tree_size >= %(first)s or c.tree_size = any(%(sizes)s::bigint[]))
 order by c.tree_size
"""

STAMP = """
select token from audit.stamp where tree_size = %(size)s order by authority limit 1
"""

_EVENT = """
select s.position, s.seq, encode(e.event_id, 'hex') as event_id, e.stream, e.stream_seq, e.kind,
       (extract(epoch from e.occurred) * 1000000)::bigint as occurred,
       (extract(epoch from e.recorded) * 1000000)::bigint as recorded,
       coalesce(e.signing_key, '') as signing_key,
       encode(coalesce(e.anchor, ''), 'hex') as anchor,
       coalesce(e.retention_class, '') as retention_class,
       coalesce(e.signature, '') as signature, encode(e.leaf, 'hex') as leaf, e.body,
       encode(e.body_digest, 'hex') as body_digest
  from audit.known_event e
  join audit.sealed s on s.seq = e.seq"""
"""An event as bundles hold it; each of those that follow says which ones, and all in one order."""

EVENTS = (
    _EVENT
    + """
 where s.position >= %(first)s and s.position < %(size)s
 order by s.position
"""
)

EVENTS_OF_REQUEST = (
    _EVENT
    + """
 where e.stream = %(request)s and s.position < %(size)s
 order by s.position
"""
)

COSIGNED_AFTER = """
select min(tree_size) as size from audit.cosignature
 where tree_size > %(position)s and tree_size <= %(size)s
"""

LEAVES = """
select l.leaf
  from audit.sealed s
  join audit.leaf l on l.seq = s.seq
 where s.position >= %(first)s and s.position < %(size)s
 order by s.position
"""

FRONTIER = """
select tree_size, frontier from audit.checkpoint
 where tree_size <= %(size)s order by tree_size desc limit 1
"""

POSITION_AT = """
select min(s.position) as position
  from audit.leaf l
  join audit.sealed s on s.seq = l.seq
 where l.recorded >= %(instant)s
"""

PERSONAL = """
select encode(digest, 'hex') as digest, subject, key_id, ciphertext
  from audit.pii
 where digest = any(%(digests)s::bytea[])
 order by digest
"""

ERASURES = (
    _EVENT  # noqa: S608 - of constants alone
    + """
 where e.kind = 'system:subject:erased' and s.position < %(size)s
   and e.stream in (
        select x.request
          from effect.erased gone
          join effect.erasure x on x.permit_id = gone.permit_id
         where gone.what = 'ciphertext' and gone.name = any(%(digests)s::text[]))
 order by s.position
"""
)

TOMBSTONES = (
    _EVENT  # noqa: S608 - of constants alone
    + """
 where e.kind = 'system:partition:pruned' and s.position < %(size)s
   and e.seq in (select p.tombstone from audit.pruned p where p.seq = any(%(seqs)s::bigint[]))
 order by s.position
"""
)

PRUNING = """
select exists (
    select from audit.pruned p
      left join audit.pruning g on g.tombstone = p.tombstone
      left join audit.sealed s on s.seq = p.tombstone
     where (g.tombstone is null or g.detached_at is not null)
       and (s.position is null or s.position >= %(size)s)
) as pruning
"""

ERASING = """
select exists (
    select from effect.erasure x
      left join audit.known_event e
             on e.stream = x.request and e.kind = 'system:subject:erased'
      left join audit.sealed s on s.seq = e.seq
     where s.position is null or s.position >= %(size)s
) as erasing
"""
