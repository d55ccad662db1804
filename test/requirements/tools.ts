/** Promises about what people use: commands, SDK, test helper, containers. */
import { promised, type Requirement } from './requirement.ts';

/** Issue 2: two commands, command line and SDK, a cluster for tests, containers. */
export const TOOLS: Requirement[] = [
  ...promised('issue 2, two commands', {
    'make.start':
      'make start installs, builds, starts a coordinator and three nodes and waits until the cluster is green.',
    'make.start.prints': 'make start prints the address and three curl lines that work as printed.',
    'make.start.heals':
      'kill -9 of the coordinator or of any one node leaves the others running and is healed within 3 s.',
    'make.stop': 'Ctrl-C or make stop stops all cleanly within 10 s.',
    'make.start.data':
      'make start keeps its data in ./data; ports and number of nodes are variables.',
    'make.start.loopback': 'make start listens on 127.0.0.1 only.',
    'make.start.memory': 'make start takes under 1.5 GiB of memory in all.',
    'make.test':
      'make test installs, builds, lints, checks the walls and runs every suite in at most 25 minutes on two cores.',
    'make.test.reports': 'make test leaves JUnit, Cucumber HTML and JSON, and lcov in reports/.',
    'make.help': 'make help lists every target.',
    'make.start-test':
      'make start-test runs Procfile.test on ports 18080-18083 with 500 ms health checks and throw-away data.',
    'make.test-bdd':
      'make test-bdd passes ARGS to Cucumber and plays against TORUA_URL what needs no process control.',
    'make.original': "The original's quick starts work as they stand.",
    'supervise.restart-75': 'torua supervise restarts its child at once after exit code 75.',
    'supervise.back-off':
      'After another failure it restarts with back-off, 250 ms doubling to 5 s, reset after 30 s of life.',
    'supervise.idle': 'After exit 0 it stays idle until it is told to stop.',
    'supervise.signals': "SIGINT and SIGTERM are passed on, and it exits with its child's code.",
  }),
  ...promised('issue 2, command line and SDK', {
    'cli.status': 'torua status shows the cluster.',
    'cli.nodes': 'torua nodes lists the nodes.',
    'cli.shards': 'torua shards lists the shards.',
    'cli.get': "torua get writes a value's exact bytes.",
    'cli.put': 'torua put stores a value.',
    'cli.delete': 'torua delete deletes a key.',
    'cli.list': 'torua list lists keys.',
    'cli.load': 'torua load FILE.jsonl --key FIELD streams a file through _bulk.',
    'cli.load.progress': 'torua load shows a progress bar with rate and ETA on a terminal.',
    'cli.load.rejected': 'torua load writes rejected lines to a file.',
    'cli.events': 'torua events --follow follows events.',
    'cli.config': "torua config get and set read and change the cluster's settings.",
    'cli.reset': 'torua reset deletes only with --yes.',
    'cli.recover': 'torua cluster recover --accept-missing goes on without the missing nodes.',
    'cli.skip': 'torua shards skip skips a record that is kept aside.',
    'cli.inspect': 'torua inspect DIR reads a data directory.',
    'cli.json': 'Every command takes --json.',
    'cli.exit-codes': 'Exit codes are documented and hold.',
    'cli.help': '--help of each command shows an example.',
    'sdk.keys': 'The SDK puts, gets, deletes and lists keys with types.',
    'sdk.retries': 'The SDK retries what is safe to repeat.',
    'sdk.streams': 'The SDK streams bulk loads and large values.',
    'sdk.exported':
      'The package exports the SDK, torua/protocol, torua/testing and torua/cucumber.',
  }),
  ...promised('issue 2, a cluster for tests', {
    'dev.start': 'torua dev starts a cluster on free ports of 127.0.0.1, ready within 3 s.',
    'dev.line': 'torua dev prints one JSON line with url, nodes and data_dir.',
    'dev.ends': "SIGINT, SIGTERM or its parent's death ends every child and removes the folder.",
    'dev.exec': 'torua dev --exec sets TORUA_URL, runs the command and exits with its code.',
    'testing.start':
      'startCluster gives url, client, kill, suspend, resume, restart, addNode, waitFor, reset and close.',
    'testing.cucumber': 'torua/cucumber gives World, hooks and ready steps.',
    'testing.one-harness': 'Our features and integration tests use exactly this harness.',
    'testing.no-leftovers': 'close leaves no process and no file behind.',
    'package.installed':
      'npm pack, installed into an empty folder, runs torua dev --exec around a ten-line Cucumber suite.',
  }),
  ...promised('issue 2, containers', {
    'containers.images':
      'The Dockerfiles build in stages on node:22-bookworm-slim, as a user without rights, production files only.',
    'containers.lean': "kuzu's sources and foreign binaries are left out of the images.",
    'containers.health':
      'The containers check /livez of the coordinator and /readyz of a node by node itself.',
    'containers.compose':
      'docker-compose.yml has one coordinator and three nodes with named volumes.',
    'containers.published':
      'Only the coordinator is published, on 127.0.0.1 with a port from TORUA_PORT.',
    'containers.names': 'No container_name is set.',
    'containers.token': 'CLUSTER_TOKEN has the same default for both.',
    'containers.token.played':
      'Two processes with one CLUSTER_TOKEN, one on a non-loopback address, form a cluster.',
    'containers.restart':
      'Containers restart unless stopped, and their grace period is longer than the drain time.',
    'containers.scale': 'A scale profile adds nodes.',
    'containers.variables':
      'Paths, variables, ports, volumes and health checks agree with configuration and routes.',
  }),
];
