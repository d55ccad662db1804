/**
 * The pure heart of the leader: `reduce(state, command, context) → {state, effects, events}`. No clock, no randomness,
 * no I/O. Every transition is checked against the invariants, in production too.
 */
import { unreachable } from '../kernel/assert.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import { assignShard } from './assign-shard.ts';
import { leaderStarted, recoverAcceptMissing, reset, setConfig } from './cluster-commands.ts';
import type { ClusterCommand, CommandContext, Reduction } from './commands.ts';
import { checkState, checkTransition } from './invariants.ts';
import { forgetNode, nodeLeaving, nodeLeft, nodeVerdict, patchNode } from './node-commands.ts';
import { registerNode } from './register-node.ts';
import {
  copyConfirmed,
  evenEmpty,
  form,
  refence,
  releaseConfirmed,
  releaseRefused,
} from './shard-commands.ts';

/**
 * Applies one command. The state keeps its reference when nothing changed and grows by one version when something did.
 * Errors: a refusal is a ToruaError with a code of the contract; `invariant_broken` is a bug and commits nothing.
 * Contract: the caller commits the new state before it runs an effect or tells anybody about an event.
 */
export function reduce(
  state: ClusterState,
  command: ClusterCommand,
  context: CommandContext,
): Reduction {
  const { state: next, effects, events } = apply(state, command, context);
  if (next === state) return { state, effects, events };
  const versioned = { ...next, version: state.version + 1 };
  checkState(versioned);
  checkTransition(state, versioned, command);
  return { state: versioned, effects, events };
}

function apply(state: ClusterState, command: ClusterCommand, context: CommandContext): Reduction {
  switch (command.kind) {
    case 'leader_started':
      return leaderStarted(state, command);
    case 'register_node':
      return registerNode(state, command, context);
    case 'node_verdict':
      return nodeVerdict(state, command);
    case 'node_leaving':
      return nodeLeaving(state, command);
    case 'node_left':
      return nodeLeft(state, command);
    case 'forget_node':
      return forgetNode(state, command, context);
    case 'patch_node':
      return patchNode(state, command);
    case 'form':
      return form(state, context);
    case 'even_empty':
      return evenEmpty(state, command, context);
    case 'release_confirmed':
      return releaseConfirmed(state, command, context);
    case 'release_refused':
      return releaseRefused(state, command);
    case 'copy_confirmed':
      return copyConfirmed(state, command);
    case 'refence':
      return refence(state, command);
    case 'assign_shard':
      return assignShard(state, command, context);
    case 'set_config':
      return setConfig(state, command);
    case 'recover_accept_missing':
      return recoverAcceptMissing(state, command);
    case 'reset':
      return reset(state, context);
    default:
      return unreachable(command);
  }
}
