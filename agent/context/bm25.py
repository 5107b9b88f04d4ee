"""BM25, in the variant of Lucene (Kamphuis et al., "Which BM25 Do You Mean?", ECIR 2020)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

K1 = 1.5
B = 0.75


def bm25(
    postings: Mapping[str, Sequence[tuple[int, int]]], lengths: Sequence[int], query: Mapping[str, int]
) -> list[float]:
    """Return each document's score; all zero where nothing matches.

    Args:
        postings: for each word of the query, the documents with it and how often it is in each.
        lengths: the number of words of each document.
        query: how much each word counts.
    """
    scores = [0.0] * len(lengths)
    average = sum(lengths) / len(lengths) if lengths else 0.0
    for word, weight in sorted(query.items()):
        found = postings.get(word, ())
        rarity = weight * math.log(1 + (len(lengths) - len(found) + 0.5) / (len(found) + 0.5))
        for document, times in found:
            norm = K1 * (1 - B + B * lengths[document] / average)
            scores[document] += rarity * times / (times + norm)
    return scores
