/**
 * Misfortune by the seed: at random moments something happens to a machine, to the wire, to a disk or to a clock, and
 * some time later it is over. Never asks whether the cluster can bear it.
 */

import type { SimCluster } from './sim-cluster.ts';
import type { Machine } from './sim-machine.ts';
import type { SimRandom } from './sim-random.ts';
import { CLEAR } from './sim-wire.ts';

/** One kind of misfortune; what it returns ends it, at the latest when everything is healed. */
type Fault = (parts: FaultParts) => (() => void) | undefined;

interface FaultParts {
  readonly cluster: SimCluster;
  readonly random: SimRandom;
  readonly trace: (line: string) => void;
}

/** Longest time between two misfortunes, and the longest one lasts, milliseconds. */
const PAUSE_MS_MAX = 900;
const SPAN_MS_MAX = 2_500;

/** See the module. */
export class Faults {
  readonly #parts: FaultParts;
  readonly #kinds: readonly Fault[];
  readonly #running = new Set<() => void>();
  #isOver = false;

  constructor(parts: FaultParts) {
    this.#parts = parts;
    const { random } = parts;
    // Not every run knows every kind, so that each gets runs in which it is frequent.
    const chosen = Object.values(FAULTS).filter(() => random.chance(0.4));
    this.#kinds = chosen.length > 0 ? chosen : [FAULTS.kill];
  }

  start(): void {
    // The first steps of a cluster are taken once a run, so some of them are taken badly at once.
    if (this.#parts.random.chance(0.3)) this.#begin(FAULTS.killAtName);
    this.#wait();
  }

  #wait(): void {
    const { cluster, random } = this.#parts;
    cluster.clock.after(random.float() * PAUSE_MS_MAX, () => {
      if (this.#isOver) return;
      this.#begin(random.pick(this.#kinds));
      this.#wait();
    });
  }

  /** Nothing new happens, and everything is mended. */
  heal(): void {
    this.#isOver = true;
    const { cluster } = this.#parts;
    for (const end of this.#running) end();
    this.#running.clear();
    cluster.wire.weather = CLEAR;
    cluster.wire.mendAll();
    for (const machine of cluster.machines) {
      machine.isWanted = true;
      machine.parts.disk.capacityBytes = Number.POSITIVE_INFINITY;
      machine.parts.disk.syncFails = undefined;
      machine.parts.disk.beforeCall = undefined;
      machine.life?.resume();
      machine.start();
    }
  }

  #begin(fault: Fault): void {
    const { cluster, random } = this.#parts;
    const end = fault(this.#parts);
    if (end === undefined) return;
    this.#running.add(end);
    cluster.clock.after(random.float() * SPAN_MS_MAX, () => {
      if (this.#running.delete(end)) end();
    });
  }
}

/** Longest jump forward of a wall clock, milliseconds. */
const FORWARD_MS_MAX = 10_000;

/** Directories in which new names matter. */
const NAMES = [/\/copies$/, /\/copies\/\w{16}$/, /\/blobs$/, /\/blobs\/\w\w$/, /\/data\/n\d$/];

const FAULTS = {
  kill: ({ cluster, random }) => {
    anyMachine(cluster, random).kill();
    return undefined;
  },
  /** Dies at one of the next calls of its disk: the windows between them are short. */
  killAtCall: ({ cluster, random }) => {
    const machine = anyMachine(cluster, random);
    const { disk } = machine.parts;
    let fuse = 1 + random.integer(random.pick([3, 10, 40]));
    const losesPower = random.chance(0.6);
    const onlySyncs = random.chance(0.5);
    disk.beforeCall = ({ kind }) => {
      if (onlySyncs && !kind.startsWith('sync')) return;
      fuse -= 1;
      if (fuse > 0) return;
      disk.beforeCall = undefined;
      if (losesPower) machine.crash();
      else machine.kill();
    };
    return () => {
      disk.beforeCall = undefined;
    };
  },
  /** Dies with a name given and not yet durable; the next life finds the name and may believe in it. */
  killAtName: ({ cluster, random }) => {
    const machine = random.pick(cluster.nodes);
    const { disk } = machine.parts;
    const name = random.pick(NAMES);
    disk.beforeCall = ({ kind, path }) => {
      if (kind !== 'syncDirectory' || !name.test(path)) return;
      disk.beforeCall = undefined;
      machine.kill();
    };
    return () => {
      disk.beforeCall = undefined;
    };
  },
  crash: ({ cluster, random }) => {
    anyMachine(cluster, random).crash();
    return undefined;
  },
  blackout: ({ cluster }) => {
    for (const machine of cluster.machines) machine.crash();
    return undefined;
  },
  stayDown: ({ cluster, random }) => {
    const machine = anyMachine(cluster, random);
    machine.isWanted = false;
    machine.kill();
    return () => {
      machine.isWanted = true;
      machine.start();
    };
  },
  /** The only coordinator loses its state, which every node has been told of. */
  loseDisk: ({ cluster, random }) => {
    const { coordinator, nodes } = cluster;
    const { runtime } = coordinator;
    const { version, nodes: known } = runtime?.keeper.state ?? { version: 0, nodes: [] };
    const isKnown = nodes.every(({ name }) => runtime?.pusher.hasStored(name, version));
    if (known.length !== nodes.length || !isKnown) return undefined;
    cluster.mustKnowVersion = version;
    coordinator.loseDisk();
    if (random.chance(0.5)) for (const node of nodes) node.crash();
    return undefined;
  },
  suspend: ({ cluster, random, trace }) => {
    const { life, name } = anyMachine(cluster, random);
    trace(`${name} is suspended`);
    life?.suspend();
    return () => {
      trace(`${name} is resumed`);
      life?.resume();
    };
  },
  cut: ({ cluster, random, trace }) => {
    const { name } = random.pick(cluster.nodes);
    trace(`${name} is cut off`);
    cluster.wire.cut(name, 'coordinator', true);
    return () => {
      trace(`${name} is reached again`);
      cluster.wire.cut(name, 'coordinator', false);
    };
  },
  badWire: ({ cluster, random, trace }) => {
    trace('bad wire');
    cluster.wire.weather = {
      lostRequest: random.float() * 0.3,
      lostAnswer: random.float() * 0.3,
      delayMsMax: random.pick([2, 20, 200]),
      slow: random.float() * 0.05,
    };
    return () => {
      trace('good wire');
      cluster.wire.weather = CLEAR;
    };
  },
  jumpClock: ({ cluster, random, trace }) => {
    const machine = anyMachine(cluster, random);
    // Forward only so far that ids of operations stay within the window in which they are remembered.
    const byMs = random.chance(0.5)
      ? random.float() * random.pick([500, FORWARD_MS_MAX])
      : -random.float() * random.pick([500, 60_000, 7_200_000]);
    trace(`${machine.name} jumps by ${byMs.toFixed(0)} ms`);
    machine.wallOffsetMs += byMs;
    return undefined;
  },
  restart: ({ cluster, random }) => {
    const node = random.pick(cluster.nodes);
    node.stop((runtime) => runtime.stop());
    return undefined;
  },
  restartCoordinator: ({ cluster }) => {
    cluster.coordinator.stop((runtime) => runtime.stop());
    return undefined;
  },
  diskFull: ({ cluster, random, trace }) => {
    const { name, parts } = random.pick(cluster.nodes);
    const { disk } = parts;
    trace(`the disk of ${name} fills up`);
    disk.capacityBytes = disk.usedBytes() + random.integer(3_000);
    return () => {
      trace(`the disk of ${name} has space`);
      disk.capacityBytes = Number.POSITIVE_INFINITY;
    };
  },
  slowDisk: ({ cluster, random, trace }) => {
    const machine = anyMachine(cluster, random);
    trace(`the disk of ${machine.name} is slow`);
    machine.slowSyncMs = random.pick([50, 500, 2_000]);
    return () => {
      machine.slowSyncMs = 0;
    };
  },
  syncFails: ({ cluster, random, trace }) => {
    const { name, parts } = anyMachine(cluster, random);
    trace(`the disk of ${name} fails to sync`);
    parts.disk.syncFails = () => random.chance(0.1);
    return () => {
      parts.disk.syncFails = undefined;
    };
  },
} as const satisfies Record<string, Fault>;

function anyMachine(cluster: SimCluster, random: SimRandom): Machine<unknown> {
  return random.pick(cluster.machines);
}
