"""What makes the history prove itself: seals, anchors outside the store, verification from the data files, proofs of one figure.

Belongs here: what is hashed, chained and compared, and by whom. Does not belong here: the trees (``stats/merkle.py``), the digest
of a table (``stats/digest.py``) or what is recorded (``runtime/recorder.py``).
"""
