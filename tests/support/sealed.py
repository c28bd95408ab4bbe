"""Seals what stands in a test's database, as the sealer would."""

import time

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.proof.note import Checkpoint, Note, cosign, sign
from placet.proof.tree import Frontier

WITNESS = "example.org/witness"

_WAITING = """
select l.seq, l.leaf from audit.leaf l
 where not exists (select from audit.sealed s where s.seq = l.seq)
 order by l.xid, l.seq
"""
_NEWEST = "select tree_size, frontier from audit.checkpoint order by tree_size desc limit 1"
_CHECKPOINT = """
insert into audit.checkpoint (tree_size, root, note, frontier, cluster, after_xid, after_seq)
values (%s, %s, %s, %s, 1, '0', %s)
"""
_COSIGNATURE = "insert into audit.cosignature (tree_size, key, line) values (%s, %s, %s)"


def seal(
    admin_url: str,
    origin: str,
    log: Ed25519PrivateKey,
    witness: Ed25519PrivateKey | None = None,
) -> str:
    """Seal everything that waits, and return the note."""
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(_NEWEST).fetchone()
        nodes = bytes(row[1]) if row else b""
        tree = Frontier(
            row[0] if row else 0, [nodes[at : at + 32] for at in range(0, len(nodes), 32)]
        )
        last = 0
        for seq, leaf in connection.execute(_WAITING).fetchall():
            place = (tree.size, seq)
            connection.execute("insert into audit.sealed (position, seq) values (%s, %s)", place)
            tree.add(bytes(leaf))
            last = seq
        text = Checkpoint(origin, tree.size, tree.root()).text
        note = Note(text, (sign(text, origin, log),))
        values = (tree.size, tree.root(), str(note), b"".join(tree.nodes), last)
        connection.execute(_CHECKPOINT, values)
        if witness is None:
            return str(note)
        line = cosign(text, WITNESS, witness, int(time.time()))
        connection.execute(_COSIGNATURE, (tree.size, f"{line.name}+{line.key_id.hex()}", str(line)))
        return str(Note(text, (*note.signatures, line)))
