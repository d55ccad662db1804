/** Order of strings by their UTF-8 bytes, without encoding them: the order of listings and of the store. */

/**
 * Negative, zero or positive as `left` sorts before, with or after `right` by UTF-8 bytes.
 * UTF-16 units sort the same way except that surrogates (0xd800 to 0xdfff, code points above 0xffff) must come last.
 */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

/** The first string that sorts behind every string with this prefix, or undefined when there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let index = points.length - 1; index >= 0; index -= 1) {
    const point = points[index] ?? 0;
    if (point === 0x10ffff) continue;
    const next = point + 1 === 0xd800 ? 0xe000 : point + 1;
    return String.fromCodePoint(...points.slice(0, index), next);
  }
  return undefined;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x2000 : unit >= 0xe000 ? unit - 0x800 : unit;
}
