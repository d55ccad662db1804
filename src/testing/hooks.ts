/** Before and after each scenario: who owns the processes, evidence on failure, nothing left behind. */
import { After, AfterAll, Before, Status, setDefaultTimeout } from '@cucumber/cucumber';
import { givenUrl } from './config.ts';
import { closeSharedCluster, type ToruaWorld } from './world.ts';

/** A step that waits names its own time; this one only ends what hangs, in milliseconds. */
const STEP_MS_MAX = 90_000;

setDefaultTimeout(STEP_MS_MAX);

Before({ tags: '@procs' }, function (this: ToruaWorld) {
  if (givenUrl() !== undefined) {
    this.log(
      'skipped: it stops processes, and TORUA_URL names a cluster whose processes are not ours',
    );
    return 'skipped';
  }
  this.ownsProcesses = true;
  return undefined;
});

After(async function (this: ToruaWorld, scenario) {
  const failed = scenario.result?.status === Status.FAILED;
  if (failed) {
    for (const { name, text } of await this.evidence()) {
      await this.attach(`${name}\n${text}`, { mediaType: 'text/plain', fileName: `${name}.txt` });
    }
  }
  await this.end({ failed });
});

AfterAll(async () => {
  await closeSharedCluster();
});
