/**
 * Writers that remember what was promised to them: for each key the newest write that was acknowledged and the newest
 * that was tried. Whatever happens to the processes, a key must show something between the two.
 */
import type { ToruaClient } from '../../src/client/client.ts';
import { type SimRandom, simRandom } from '../simulation/sim-random.ts';

interface Promised {
  acknowledged: number;
  tried: number;
}

/** Keys each writer goes on overwriting. */
const KEYS_PER_WRITER = 50;
/** Bytes from which a value travels and is stored as a blob, and a little more. */
const LARGE_BYTES = 70_000;

/** The promises of one test. */
export class Promises {
  readonly #byKey = new Map<string, Promised>();
  /** Writes acknowledged so far. */
  acknowledged = 0;
  /** Writes without an answer, or with a refusal. */
  failed = 0;

  get size(): number {
    return this.#byKey.size;
  }

  /** Writes a key's next value; a failure is remembered, not thrown. */
  async write(client: ToruaClient, key: string, bytes: number): Promise<void> {
    const promise = this.#byKey.get(key) ?? { acknowledged: 0, tried: 0 };
    this.#byKey.set(key, promise);
    promise.tried += 1;
    const count = promise.tried;
    try {
      await client.put(key, `${count} `.padEnd(bytes, 'v'));
      promise.acknowledged = count;
      this.acknowledged += 1;
    } catch {
      this.failed += 1;
    }
  }

  /** What is wrong with the values that are there now, one line each; nothing when every promise was kept. */
  async broken(client: ToruaClient): Promise<string[]> {
    const keys = [...this.#byKey.keys()];
    const lines: string[] = [];
    let at = 0;
    for await (const answer of client.bulk(keys.map((key) => ({ op: 'get' as const, key })))) {
      const key = keys[at] ?? '';
      at += 1;
      const { acknowledged, tried } = this.#byKey.get(key) ?? { acknowledged: 0, tried: 0 };
      const isAbsent = answer.status === 404;
      const count = isAbsent ? 0 : Number.parseInt(answer.value ?? '', 10);
      const isAnswered = answer.status === 200 || isAbsent;
      if (isAnswered && count >= acknowledged && count <= tried) continue;
      lines.push(`${key}: ${answer.status}, value ${count}, promised ${acknowledged} to ${tried}`);
    }
    if (at !== keys.length) lines.push(`${at} answers for ${keys.length} keys`);
    return lines;
  }
}

/** One writer: its own keys, again and again, with a new key and a large value now and then, until told to stop. */
export async function writeUntil(
  isOver: () => boolean,
  writer: { client: ToruaClient; promises: Promises; name: string; seed: number },
): Promise<void> {
  const { client, promises, name, seed } = writer;
  const random: SimRandom = simRandom(seed);
  for (let count = 0; !isOver(); count += 1) {
    const isNew = random.chance(0.2);
    const key = isNew
      ? `${name}/new ${seed}/${count}`
      : `${name}/${random.integer(KEYS_PER_WRITER)}`;
    await promises.write(client, key, random.chance(0.01) ? LARGE_BYTES : 100);
  }
}
