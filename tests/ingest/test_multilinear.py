"""The batch hash: texts of every kind have hashes of their own."""

import numpy as np

from ingest.multilinear import WIDTH, Multilinear


def test_texts_that_look_alike_have_hashes_of_their_own() -> None:
    """Zeros at the end, other lengths, long and non-ASCII texts, seeds: no two of 20,000 meet; empty is 0."""
    hashing = Multilinear(b"key")
    texts = ["a", "a\0", "a\0\0\0", "\0", "ä", "a" * WIDTH, "a" * (WIDTH + 1), "a" * 256, "ä" * 256, ""]
    texts += [f"{n}" for n in range(10_000)] + [f"{n:064d}" for n in range(10_000)]
    seeds = np.zeros(len(texts), np.uint64)

    hashes = hashing(texts, hashing.seeded(seeds))

    assert (len(texts), 0) == (len(set(hashes.tolist())), hashes[9])
    assert not set(hashes.tolist()) & set(hashing(texts[:9], hashing.seeded(seeds[:9] + np.uint64(1))).tolist())


def test_the_key_makes_the_hash() -> None:
    """Another key, another hash; both halves of each differ."""
    seeds = np.zeros(1, np.uint64)
    one, other = (int(h(["token"], h.seeded(seeds))[0]) for h in (Multilinear(b"1"), Multilinear(b"2")))

    assert (True, True) == (one >> 32 != other >> 32, one & 0xFFFFFFFF != other & 0xFFFFFFFF)
