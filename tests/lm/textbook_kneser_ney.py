"""Modified Kneser-Ney smoothing with dictionaries and loops, straight from the formulas: the known answer."""

from collections import Counter, defaultdict


class Textbook:
    """Counts of the n-grams of up to `order` tokens in `ids`."""

    def __init__(self, ids, vocab_size, order):
        self.vocab_size, self.order = vocab_size, min(order, len(ids))
        grams = {
            n: Counter(tuple(ids[i : i + n]) for i in range(len(ids) - n + 1))
            for n in range(1, self.order + 1)
        }
        self.counts = {self.order: grams[self.order]}
        for n in range(1, self.order):
            self.counts[n] = Counter(gram[1:] for gram in grams[n + 1])  # types, not occurrences
        self.followers = {n: defaultdict(dict) for n in self.counts}
        for n, counts in self.counts.items():
            for gram, count in counts.items():
                self.followers[n][gram[:-1]][gram[-1]] = count
        self.discounts = {n: self.discount(counts) for n, counts in self.counts.items()}

    @staticmethod
    def discount(counts):
        n1, n2, n3, n4 = (sum(count == c for count in counts.values()) for c in (1, 2, 3, 4))
        found = [0.0, 0.5, 0.5, 0.5]
        if n1:
            y = n1 / (n1 + 2 * n2)
            for c, (n, more) in enumerate(((n1, n2), (n2, n3), (n3, n4)), start=1):
                if n and 0 < c - (c + 1) * y * more / n < c:
                    found[c] = c - (c + 1) * y * more / n
        return found

    def p(self, w, context):
        """p(w | the last order - 1 tokens of context)."""
        context = tuple(context)[-(self.order - 1) :] if self.order > 1 else ()
        result = 1 / self.vocab_size
        for n in range(1, len(context) + 2):
            seen = self.followers[n].get(context[len(context) - n + 1 :])
            if seen:
                d = self.discounts[n]
                total = sum(seen.values())
                freed = sum(d[min(c, 3)] for c in seen.values())
                kept = max(seen.get(w, 0) - d[min(seen.get(w, 0), 3)], 0)
                result = kept / total + freed / total * result
        return result
