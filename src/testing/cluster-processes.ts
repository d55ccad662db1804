/** The processes of one test cluster: what each is started with, and their handles. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient, type ToruaClient } from '../client/client.ts';
import { present } from '../kernel/assert.ts';
import { attendedClock } from '../kernel/clock.ts';
import { deadlineIn, within } from '../kernel/deadline.ts';
import { type Child, listeningUrl, startChild } from './child.ts';
import { inheritedEnvironment } from './config.ts';
import {
  coordinatorSettings,
  nodeCount,
  nodeSettings,
  type ProcessOptions,
} from './process-settings.ts';
import type { Programs } from './programs.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

/** A process that has not said its address after this time failed, in milliseconds. */
const START_MS_MAX = 20_000;
/** A process that has not ended after SIGTERM in this time is a survivor, in milliseconds. */
const STOP_TIMEOUT_MS = 10_000;

/** A node's process. */
export interface NodeProcess {
  readonly id: string;
  readonly url: string;
  /** Undefined while its process does not run. */
  readonly pid: number | undefined;
}

/** One process as it is started again and again. */
interface Member {
  readonly id: string;
  readonly file: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Name of the setting that holds its listen address. */
  readonly listenSetting: 'COORDINATOR_ADDR' | 'NODE_LISTEN';
  /** Known after the first start, kept for the later ones. */
  url: string;
  child: Child | undefined;
  /** Output of its earlier lives. */
  earlier: string;
}

const COORDINATOR = 'coordinator';

/** Owner of the processes, their folder and the client. */
export class ClusterProcesses {
  readonly dataDir: string;
  readonly #programs: Programs;
  readonly #options: ProcessOptions;
  readonly #members = new Map<string, Member>();
  readonly #watchdog: Watchdog;
  readonly #temporary: boolean;
  readonly #stopTimeoutMs: number;
  #client: ToruaClient | undefined;
  #closing: Promise<void> | undefined;

  private constructor(programs: Programs, options: ProcessOptions) {
    this.#programs = programs;
    this.#options = options;
    this.#stopTimeoutMs = options.stopTimeoutMs ?? STOP_TIMEOUT_MS;
    this.#temporary = options.dataDir === undefined;
    this.dataDir =
      options.dataDir === undefined
        ? mkdtempSync(join(tmpdir(), 'torua-'))
        : resolve(options.dataDir);
    this.#watchdog = startWatchdog(this.#temporary ? 0 : STOP_TIMEOUT_MS / 1_000);
    if (this.#temporary) this.#watchdog.remove(this.dataDir);
  }

  /** Starts the coordinator, then all nodes at once. Errors: nothing is left running. */
  static async start(programs: Programs, options: ProcessOptions): Promise<ClusterProcesses> {
    const processes = new ClusterProcesses(programs, options);
    try {
      await processes.#startAll();
      return processes;
    } catch (error) {
      await processes.close({ keepData: false }).catch(() => {});
      throw error;
    }
  }

  get url(): string {
    return this.#member(COORDINATOR).url;
  }

  get client(): ToruaClient {
    return present(this.#client, 'a started cluster has a client');
  }

  nodes(): NodeProcess[] {
    return this.#nodeMembers().map(({ id, url, child }) => ({
      id,
      url,
      pid: child?.exit() ? undefined : child?.pid,
    }));
  }

  async addNode(options: {
    id?: string | undefined;
    env?: Readonly<Record<string, string>> | undefined;
  }): Promise<NodeProcess> {
    const id = options.id ?? this.#freeNodeId();
    if (this.#members.has(id)) throw new Error(`the cluster has a node ${id} already`);
    const member = this.#addNodeMember(id, options.env ?? {});
    await this.#launch(member);
    return { id, url: member.url, pid: member.child?.pid };
  }

  async kill(target: string, signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#running(target);
    child.signal(signal);
    const exit = await waitForExit(child, this.#stopTimeoutMs);
    return exit.code;
  }

  signal(target: string, signal: NodeJS.Signals): void {
    this.#running(target).signal(signal);
  }

  async restart(target: string): Promise<void> {
    const member = this.#member(target);
    if (member.child && !member.child.exit()) {
      member.child.signal('SIGTERM');
      await waitForExit(member.child, this.#stopTimeoutMs);
    }
    await this.#launch(member);
  }

  logs(target?: string): string {
    const members = target === undefined ? [...this.#members.values()] : [this.#member(target)];
    return members
      .map(({ id, earlier, child }) => `--- ${id} ---\n${earlier}${child?.output() ?? ''}`)
      .join('\n');
  }

  close(options: { keepData?: boolean | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(options.keepData === true || !this.#temporary);
    return this.#closing;
  }

  async #startAll(): Promise<void> {
    mkdirSync(this.dataDir, { recursive: true });
    const coordinator = this.#add({
      id: COORDINATOR,
      file: this.#programs.coordinator,
      listenSetting: 'COORDINATOR_ADDR',
      settings: coordinatorSettings(this.#options, join(this.dataDir, COORDINATOR)),
    });
    await this.#launch(coordinator);
    this.#client = createClient({ url: coordinator.url });
    const members = Array.from({ length: nodeCount(this.#options) }, (_, index) =>
      this.#addNodeMember(`node-${index + 1}`, {}),
    );
    await Promise.all(members.map((member) => this.#launch(member)));
  }

  #addNodeMember(id: string, env: Readonly<Record<string, string>>): Member {
    return this.#add({
      id,
      file: this.#programs.node,
      listenSetting: 'NODE_LISTEN',
      settings: {
        ...nodeSettings(this.#options, {
          id,
          coordinator: this.url,
          dataDir: join(this.dataDir, id),
        }),
        ...env,
      },
    });
  }

  #add(definition: Pick<Member, 'id' | 'file' | 'settings' | 'listenSetting'>): Member {
    const member: Member = { ...definition, url: '', child: undefined, earlier: '' };
    this.#members.set(member.id, member);
    return member;
  }

  async #launch(member: Member): Promise<void> {
    const listen = member.url === '' ? {} : { [member.listenSetting]: new URL(member.url).host };
    if (member.child)
      member.earlier += `${member.child.output()}\n--- ${member.id}, started again ---\n`;
    const child = await startChild({
      name: member.id,
      file: process.execPath,
      arguments: [member.file],
      environment: { ...inheritedEnvironment(), ...member.settings, ...listen },
      workingDirectory: this.dataDir,
    });
    member.child = child;
    this.#watchdog.watch(child.pid);
    void child.exited.then(() => this.#watchdog.forget(child.pid));
    const deadline = deadlineIn(attendedClock, START_MS_MAX);
    member.url = await within(
      attendedClock,
      deadline,
      `waiting for ${member.id}`,
      child.line(listeningUrl),
    );
  }

  async #close(keepData: boolean): Promise<void> {
    const children = [...this.#members.values()].flatMap(({ child }) => (child ? [child] : []));
    for (const child of children) {
      child.signal('SIGTERM');
      child.signal('SIGCONT');
    }
    const survivors = (
      await Promise.all(children.map((child) => endOrKill(child, this.#stopTimeoutMs)))
    ).flatMap((name) => name ?? []);
    await this.#client?.close();
    if (keepData) this.#watchdog.keep();
    await this.#watchdog.close();
    if (!keepData) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
    if (survivors.length > 0) {
      throw new Error(
        `these processes did not end within ${this.#stopTimeoutMs} ms and were killed: ${survivors.join(', ')}`,
      );
    }
  }

  #nodeMembers(): Member[] {
    return [...this.#members.values()].filter(({ id }) => id !== COORDINATOR);
  }

  #freeNodeId(): string {
    let number = this.#members.size;
    while (this.#members.has(`node-${number}`)) number += 1;
    return `node-${number}`;
  }

  #member(target: string): Member {
    const member = this.#members.get(target);
    if (!member)
      throw new Error(
        `the cluster has no ${target}; it has ${[...this.#members.keys()].join(', ')}`,
      );
    return member;
  }

  #running(target: string): Child {
    const { child } = this.#member(target);
    if (!child || child.exit()) throw new Error(`${target} does not run`);
    return child;
  }
}

const waitForExit = (child: Child, timeoutMs: number) =>
  within(
    attendedClock,
    deadlineIn(attendedClock, timeoutMs),
    `waiting for the end of ${child.name}`,
    child.exited,
  );

/** The name of a process that had to be killed; undefined for one that ended. */
async function endOrKill(child: Child, timeoutMs: number): Promise<string | undefined> {
  try {
    await waitForExit(child, timeoutMs);
    return undefined;
  } catch {
    // It did not end in its time: that is what the caller reports, once it is really gone.
    child.signal('SIGKILL');
    await child.exited;
    return child.name;
  }
}
