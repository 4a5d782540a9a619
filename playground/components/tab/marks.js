// Which characters of an answer are wrong: those that a shortest correction would change.

/** [[text, whether it is right], ...] of a written answer; a place where something is missing is ["", false]. */
export function markedParts(written, right) {
  const a = [...written];
  const b = [...right];
  const common = lengths(a, b);
  const parts = [];
  const put = (text, good) => {
    const last = parts.at(-1);
    if (last && last[1] === good) last[0] += text;
    else parts.push([text, good]);
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      put(a[i], true);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      put(a[i], false);
      i += 1;
    } else {
      put("", false);
      j += 1;
    }
  }
  return parts;
}

/** The length of the longest common subsequence of a from i on and b from j on, for all i and j. */
function lengths(a, b) {
  const found = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      found[i][j] = a[i] === b[j] ? found[i + 1][j + 1] + 1 : Math.max(found[i + 1][j], found[i][j + 1]);
    }
  }
  return found;
}
