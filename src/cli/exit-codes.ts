/** Exit codes of `torua`: one table, shown by `torua --help` and in the reference. */

/** Name → code and meaning. Programs compare the numbers; they never change. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'the cluster refused the request, or it failed; stderr says why' },
  usage: { code: 2, meaning: 'the command line is not valid' },
  notFound: { code: 3, meaning: 'the key, node or shard does not exist' },
  unreachable: { code: 4, meaning: 'no coordinator answered at the address' },
  timedOut: { code: 5, meaning: 'the time for the request was over' },
  rejected: { code: 6, meaning: 'some lines of a load were rejected; the rest is stored' },
  damaged: { code: 7, meaning: 'inspect found damage in the data directory' },
  interrupted: { code: 130, meaning: 'ended by Ctrl-C' },
} as const;

/** One of the table's names. */
export type ExitName = keyof typeof EXIT_CODES;

/** The table as text: one line per code. */
export function exitCodesText(): string {
  const rows = Object.values(EXIT_CODES).map(
    ({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`,
  );
  return ['Exit codes:', ...rows].join('\n');
}

/** The exit code for a code word of the cluster or the SDK. Unknown words are failures. */
export function exitNameOf(errorCode: string | undefined): ExitName {
  switch (errorCode) {
    case 'key_not_found':
    case 'node_not_found':
    case 'shard_not_found':
    case 'not_found':
      return 'notFound';
    case 'cluster_unreachable':
    case 'not_torua':
      return 'unreachable';
    case 'deadline_exceeded':
    case 'wait_timed_out':
      return 'timedOut';
    case 'config_invalid':
    case 'invalid_key':
      return 'usage';
    default:
      return 'failed';
  }
}
