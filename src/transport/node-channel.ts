/** The two lanes to one node: a slow write must not stand in front of reads, because a batch waits for its slowest. */
import type { Deadline } from '../kernel/deadline.ts';
import type { KeyAnswer, KeyOperation } from '../protocol/key-operation.ts';
import {
  type BatchChannel,
  type BatchChannelOptions,
  createBatchChannel,
  type KeyPlan,
  type LaneMeter,
} from './batch-channel.ts';

/** The way to one node for operations that fit into batches. */
export interface NodeChannel {
  /** As `BatchChannel.submit`, on the lane that the operation's verb belongs to. */
  submit(operation: KeyOperation, plan: KeyPlan, deadline: Deadline): Promise<KeyAnswer>;
  /** Operations that wait, both lanes. */
  readonly queued: number;
  close(): void;
}

/** Options of both lanes; each has a meter of its own. */
export interface NodeChannelOptions extends Omit<BatchChannelOptions, 'meter'> {
  readonly meters?: { readonly read: LaneMeter; readonly write: LaneMeter } | undefined;
}

/** A read lane and a write lane. */
export function createNodeChannel(options: NodeChannelOptions): NodeChannel {
  const { meters, ...lane } = options;
  const read: BatchChannel = createBatchChannel({ ...lane, meter: meters?.read });
  const write: BatchChannel = createBatchChannel({ ...lane, meter: meters?.write });
  return {
    submit: (operation, plan, deadline) =>
      (operation.verb === 'put' || operation.verb === 'delete' ? write : read).submit(
        operation,
        plan,
        deadline,
      ),
    get queued() {
      return read.queued + write.queued;
    },
    close: () => {
      read.close();
      write.close();
    },
  };
}
