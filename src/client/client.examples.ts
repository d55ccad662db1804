/** Examples of the SDK that the documents show; compiled with everything else, so that they stay true. */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createClient } from './client.ts';
import { ToruaRequestError } from './request-error.ts';

/** Storing and reading one key. */
export async function storeAndRead(): Promise<void> {
  const client = createClient({ url: 'http://127.0.0.1:8080' });
  const { etag } = await client.put('greeting', 'hello');
  const stored = await client.get('greeting');
  console.log(stored?.text(), stored?.etag === etag);
  await client.close();
}

/** Changing a value only if nobody else did meanwhile. */
export async function changeCarefully(): Promise<void> {
  const client = createClient({ url: 'http://127.0.0.1:8080' });
  const stored = await client.get('counter');
  const next = String(Number(stored?.text() ?? '0') + 1);
  try {
    if (stored) await client.put('counter', next, { ifMatch: stored.etag });
    else await client.put('counter', next, { ifNoneMatch: '*' });
  } catch (error) {
    if (!(error instanceof ToruaRequestError) || error.code !== 'precondition_failed') throw error;
    console.log('somebody else was faster');
  }
  await client.close();
}

/** A large value in and out without holding it in memory; `read` is called again when a retry needs it. */
export async function moveLarge(
  read: () => AsyncIterable<Uint8Array>,
  target: Writable,
): Promise<void> {
  const client = createClient({ url: 'http://127.0.0.1:8080' });
  await client.put('photo', read, { contentType: 'image/jpeg' });
  const photo = await client.getStream('photo');
  if (photo) await pipeline(photo.stream, target);
  await client.close();
}

/** Many operations as a stream. */
export async function storeMany(): Promise<void> {
  const client = createClient({ url: 'http://127.0.0.1:8080' });
  const operations = (async function* () {
    for (let number = 0; number < 10_000; number += 1) {
      yield { op: 'put' as const, key: `user:${number}`, value: `{"number":${number}}` };
    }
  })();
  for await (const answer of client.bulk(operations)) {
    if (answer.status >= 300) console.log(answer.key, answer.code, answer.detail);
  }
  for await (const { key } of client.list({ prefix: 'user:1' })) console.log(key);
  await client.close();
}

/** Events as they happen. */
export async function watch(signal: AbortSignal): Promise<void> {
  const client = createClient({ url: 'http://127.0.0.1:8080' });
  for await (const event of client.follow({ signal })) console.log(event.seq, event.type);
  await client.close();
}
