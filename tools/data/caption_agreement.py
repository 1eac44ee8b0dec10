"""Which captions of a photo say what the others say: CIDEr (arXiv 1411.5726) of each against the rest."""
import math
import re
from collections import Counter

MAX_N = 4
WORD = re.compile(r"[a-z0-9']+")


def ngrams(caption: str) -> Counter:
    words = WORD.findall(caption.lower())
    return Counter(tuple(words[i:i + n]) for n in range(1, MAX_N + 1)
                   for i in range(len(words) - n + 1))


class Agreement:
    """Knows how rare each n-gram is, in `groups`: the captions of each photo."""

    def __init__(self, groups: list[list[str]]):
        self._photos = len(groups)
        self._seen = Counter(gram for captions in groups
                             for gram in set().union(*(ngrams(caption) for caption in captions)))

    def _vectors(self, caption: str) -> list[dict]:
        """Of length 1, one for each n."""
        vectors: list[dict] = [{} for _ in range(MAX_N)]
        for gram, count in ngrams(caption).items():
            rarity = math.log(self._photos) - math.log(max(1, self._seen[gram]))
            vectors[len(gram) - 1][gram] = count * rarity
        for vector in vectors:
            length = math.sqrt(sum(value * value for value in vector.values())) or 1
            for gram in vector:
                vector[gram] /= length
        return vectors

    def scores(self, captions: list[str]) -> list[float]:
        """Mean cosine with the other captions, over n; 0 of a single one."""
        vectors = [self._vectors(caption) for caption in captions]

        def cosine(a: list[dict], b: list[dict]) -> float:
            return sum(value * y.get(gram, 0) for x, y in zip(a, b)
                       for gram, value in x.items()) / MAX_N

        others = max(1, len(captions) - 1)
        return [sum(cosine(one, other) for other in vectors if other is not one) / others
                for one in vectors]

    def best(self, captions: list[str], count: int) -> list[str]:
        """Those that agree most, the best first."""
        scores = self.scores(captions)
        order = sorted(range(len(captions)), key=lambda i: (-scores[i], i))
        return [captions[i] for i in order[:count]]
