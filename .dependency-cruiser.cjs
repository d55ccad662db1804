/**
 * The walls of the house. One table says which room may import which; the rules below are made from it.
 * ARCHITECTURE.md explains the rooms. Opening a wall needs a decision record in docs/adr/.
 */

/** Room -> rooms it may import. The list is complete; `kernel` may be imported by all. */
const ROOMS = {
  kernel: [],
  protocol: [],
  cypher: [],
  index: [],
  cluster: ['protocol'],
  engine: ['protocol'],
  transport: ['protocol'],
  http: ['protocol'],
  metadata: ['protocol', 'cluster', 'transport'],
  log: ['protocol'],
  shard: ['protocol', 'engine', 'log', 'transport'],
  query: ['protocol', 'cypher', 'cluster', 'transport'],
  retrieval: ['protocol', 'cypher', 'index', 'transport', 'query'],
  graphql: ['protocol', 'cypher', 'http', 'query'],
  dashboard: ['protocol', 'http'],
  coordinator: [
    'protocol',
    'cypher',
    'cluster',
    'transport',
    'http',
    'metadata',
    'query',
    'retrieval',
    'graphql',
    'dashboard',
  ],
  node: ['protocol', 'engine', 'index', 'transport', 'http', 'log', 'shard'],
  client: ['protocol', 'transport'],
  testing: ['protocol', 'client'],
  cli: ['protocol', 'client', 'testing', 'log'],
  mcp: ['protocol', 'client'],
};

/** Rooms that a room must not reach, not even through others. */
const UNREACHABLE = {
  coordinator: ['engine', 'shard', 'log'],
  query: ['engine', 'shard', 'log'],
  node: ['query', 'cypher', 'cluster'],
};

/** Rooms without input and output: no module of Node's and no package but zod. */
const PURE_ROOMS = ['cypher', 'index', 'cluster'];

/** Modules with a home: [rule, modules, places under src/ that may import them, why]. */
const MODULE_WALLS = [
  ['kuzu', ['kuzu'], ['engine/'], 'engines have one importer, so that they can be replaced'],
  ['undici', ['undici'], ['transport/', 'client/'], 'deadlines and breakers live in one place'],
  [
    'fastify',
    ['fastify', '@fastify/[^/]+', 'fastify-[^/]+'],
    ['http/', 'coordinator/', 'node/', 'graphql/', 'dashboard/'],
    'rooms below the processes do not know a web server',
  ],
  ['prom-client', ['prom-client'], ['kernel/metrics.ts'], 'one registry per app'],
  ['pino', ['pino', 'pino-pretty'], ['kernel/logger.ts'], 'four levels, one format'],
  ['etcd', ['etcd3'], ['metadata/etcd/'], 'the etcd client hides behind metadata'],
  [
    'cucumber',
    ['@cucumber/[^/]+'],
    ['testing/'],
    'an optional peer of the users of torua/cucumber',
  ],
  [
    'command-line',
    ['commander', 'cli-progress'],
    ['cli/'],
    'argument parsing is the outermost room',
  ],
  ['child-process', ['child_process'], ['testing/', 'cli/', 'query/'], 'few rooms start processes'],
  [
    'files',
    ['fs', 'fs/promises'],
    ['kernel/(node-)?disk[^/]*', 'engine/', 'testing/', 'cli/', '[^/]+/config.ts'],
    'the simulation replaces the disk, and runs everything else as it ships',
  ],
  [
    'sockets',
    ['net', 'http', 'https', 'http2', 'tls', 'dgram'],
    ['http/', 'transport/'],
    'the simulation replaces the wire, and runs everything else as it ships',
  ],
  ['timers', ['timers', 'timers/promises'], ['kernel/clock.ts'], 'one stray timer breaks replay'],
];

const TEST_FILE = '\\.test\\.ts$';
const escaped = (text) => text.replace(/\.ts$/, '\\.ts$');
const anyOf = (names) => `(${names.join('|')})`;

const roomRules = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `${room} may import kernel${allowed.length === 0 ? '' : `, ${allowed.join(', ')}`}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/${anyOf([...new Set([room, 'kernel', ...allowed])])}/` },
}));

const reachRules = Object.entries(UNREACHABLE).map(([room, forbidden]) => ({
  name: `reach-${room}`,
  comment: `${room} must not reach ${forbidden.join(', ')}, not even through other rooms`,
  severity: 'error',
  from: { path: `^src/${room}/`, pathNot: TEST_FILE },
  to: { path: `^src/${anyOf(forbidden)}/`, reachable: true },
}));

const moduleRules = MODULE_WALLS.map(([name, modules, places, why]) => ({
  name: `module-${name}`,
  comment: `only ${places.join(', ')}: ${why}`,
  severity: 'error',
  from: {
    path: '^src/',
    // Tests may look at files, sockets and processes; the engine keeps its one importer all the same.
    pathNot: [`^src/${anyOf(places.map(escaped))}`, ...(name === 'kuzu' ? [] : [TEST_FILE])],
  },
  to: { path: `(^|/)node_modules/${anyOf(modules)}/|^(node:)?${anyOf(modules)}(/|$)` },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    ...reachRules,
    ...moduleRules,
    {
      name: 'pure-rooms',
      comment: 'these rooms take facts as arguments: no input, no output, no clock',
      severity: 'error',
      from: { path: `^src/${anyOf(PURE_ROOMS)}/`, pathNot: TEST_FILE },
      to: { pathNot: '^src/|(^|/)node_modules/zod/|^zod$' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle is one module in two files',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-tests-in-product',
      comment: 'what ships does not import what checks it',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST_FILE },
      to: { path: `^(test|features|bench|scripts)/|${TEST_FILE}` },
    },
    {
      name: 'no-development-packages-in-product',
      comment: 'what ships imports only `dependencies`; cucumber is an optional peer',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST_FILE },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], pathNot: '/@cucumber/' },
    },
    {
      name: 'features-use-the-public-rooms',
      comment: 'our scenarios run on the same harness that users import',
      severity: 'error',
      from: { path: '^features/' },
      to: { path: '^src/', pathNot: '^src/(testing|client|protocol|kernel)/' },
    },
    {
      name: 'no-unknown-room',
      comment: 'a room stands in the table of this file before its first import',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/${anyOf(Object.keys(ROOMS))}/` },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: {},
      // The compiled entry does not exist before a build, the package does not install itself, and
      // fastify's type files are known to the compiler only.
      to: {
        couldNotResolve: true,
        pathNot: '^(\\.\\./)+(esm|dist)/|^torua(/|$)|^fastify/types/',
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|reports|data|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
