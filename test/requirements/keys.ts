/** Promises about keys and values. */
import { promised, type Requirement } from './requirement.ts';

/** Contract section 2, and what issue 2 says of values. */
export const KEYS: Requirement[] = [
  ...promised('contract 2', {
    'kv.put.stored': 'PUT /data/{key} stores any bytes and answers 204 with an etag.',
    'kv.put.durable':
      'A PUT is answered after its record was synced to disk: it survives kill -9 of every process.',
    'kv.put.empty': 'An empty value is a value.',
    'kv.put.content-type':
      'The content-type is stored and comes back; the default is application/octet-stream.',
    'kv.put.overwrite': 'A PUT replaces the value and the content-type.',
    'kv.put.ttl': 'A key with ?ttl= is gone when the time is over.',
    'kv.put.ttl.bad': 'A ttl that is no duration is a 400.',
    'kv.put.if-match': 'A PUT with if-match writes only over that etag, else 412.',
    'kv.put.if-none-match': 'A PUT with if-none-match: * writes only where no value is, else 412.',
    'kv.put.condition.atomic': 'Of concurrent conditional writes of one key exactly one wins.',
    'kv.put.no-key': 'A PUT without a key is a 400.',
    'kv.put.read-only': 'A PUT to a read-only cluster is 403 read_only.',
    'kv.put.too-large': 'A value over max_value_bytes (16 MiB) is a 413.',
    'kv.put.no-copy': 'A write to a shard without a live copy is a 503.',
    'kv.put.no-answer': 'A write whose node gives no answer is a 502.',
    'kv.put.disk-full': 'A write to a full disk is a 507 that names the node.',
    'kv.get.bytes': 'GET answers the exact bytes with content-type and etag.',
    'kv.get.missing': 'GET of a key that does not exist is 404 key_not_found.',
    'kv.get.unreachable': 'GET of a key whose node is away is 502 or 503, never 404.',
    'kv.get.not-modified': 'GET with if-none-match of the present etag is 304 without a body.',
    'kv.get.consistency': 'GET takes ?consistency=primary or any; another word is a 400.',
    'kv.get.read-your-write': 'A GET after an acknowledged write never shows an older value.',
    'kv.head': 'HEAD answers as GET without the body, with the length.',
    'kv.delete.gone': 'DELETE answers 204 and the key is gone.',
    'kv.delete.missing': 'DELETE of a key that does not exist is 204.',
    'kv.delete.if-match': 'DELETE with if-match deletes only that etag, else 412.',
    'kv.list.all-shards':
      'GET /data lists the keys of all shards with etag, bytes and content_type.',
    'kv.list.order': "A listing ascends by the keys' UTF-8 bytes.",
    'kv.list.prefix': 'A listing with prefix= holds the keys that begin with it, and no others.',
    'kv.list.range': 'A listing with start= and end= holds start and leaves end out.',
    'kv.list.limit': 'A listing holds at most limit keys, and a cursor when there are more.',
    'kv.list.cursor':
      'Pages joined by cursor hold every key that was there all the time, once, also while others are written.',
    'kv.list.cursor.bad': 'A cursor that was not given out is a 400.',
    'kv.list.values': 'A listing with values=true holds the values.',
    'kv.delete-range.prefix':
      'DELETE /data?prefix= deletes the keys that begin with it and answers how many.',
    'kv.delete-range.range': 'DELETE /data?start=&end= deletes the range.',
    'kv.delete-range.all': 'DELETE /data?all=true deletes every key.',
    'kv.delete-range.bare': 'DELETE /data without one of them, or with an empty prefix, is a 400.',
    'kv.bulk.put': 'A put line of _bulk stores value or value_base64 with its content_type.',
    'kv.bulk.get': 'A get line of _bulk answers value or value_base64 with its content_type.',
    'kv.bulk.delete': 'A delete line of _bulk deletes.',
    'kv.bulk.order': '_bulk answers one line per line in the same order.',
    'kv.bulk.bad-line': 'One bad line fails that line alone, with code and detail.',
    'kv.bulk.streamed': '_bulk has no size limit: it answers while it reads, in bounded memory.',
    'kv.method': 'Another method on /data/{key} is 405 with allow.',
    'kv.key.decoded-once': 'The key is everything after /data/, percent-decoded exactly once.',
    'kv.key.characters': 'A key may hold / : @ % ? #, spaces, //, .. and any UTF-8.',
    'kv.key.too-long': 'A key over 4 KiB is a 400.',
    'kv.key.bad-encoding': 'A key with bad percent-encoding is a 400.',
    'kv.key.nul': 'A key with NUL or a lone surrogate is a 400.',
    'kv.store-alias': '/store is an alias of /data in all its forms.',
    'kv.routing.fnv':
      "A key's shard is FNV-1a 32 of its UTF-8 bytes, unsigned, modulo num_shards; the golden values hold.",
    'kv.routing.headers': 'Every data answer carries x-shard-id and x-node-id.',
  }),
  ...promised('issue 2', {
    'kv.value.16mib': 'Values up to 16 MiB come back byte for byte.',
    'kv.value.limit-configured': 'MAX_VALUE_BYTES sets the limit of values.',
    'kv.value.memory':
      'With 8 clients moving 16 MiB values the node and the coordinator each stay under 400 MiB resident.',
    'kv.value.streamed': 'Large values are streamed past the batcher.',
    'kv.etag.definition':
      'The etag is the first 128 bits of the SHA-256 of content-type and bytes.',
    'kv.condition.waits':
      'An answer that depends on a pending write waits until that write is committed.',
    'kv.batched': 'Operations for one node travel in batches without a timer.',
    'kv.retry':
      "The coordinator repeats an operation with exponential back-off and jitter within the request's deadline.",
    'kv.breaker':
      'A circuit breaker per node opens on a node that fails and closes when it answers again.',
    'kv.bounded':
      'Every queue is bounded; what does not fit is refused with 429 or 503 and retry-after.',
    'kv.one-node': 'One node runs the same way as many.',
  }),
];
