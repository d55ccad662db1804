/** Steps about GET /metrics of both kinds of processes. */
import { strict as assert } from 'node:assert';
import { Then } from '@cucumber/cucumber';
import { eventually } from '../../src/testing/testing.ts';
import type { FeatureWorld } from './feature-world.ts';

/** The text of one coordinator, or of all nodes together. */
async function metricsOf(world: FeatureWorld, process: string): Promise<string> {
  if (process === 'coordinator') {
    return (await world.send({ method: 'GET', path: '/metrics' })).body.toString('utf8');
  }
  const texts: string[] = [];
  for (const id of await world.realNodes()) {
    const answer = await world.sendToNode(id, { method: 'GET', path: '/metrics' });
    texts.push(answer.body.toString('utf8'));
  }
  return texts.join('\n');
}

Then(
  'the {word} exposes the metric {string}',
  async function (this: FeatureWorld, process: string, metric: string) {
    await eventually(async () => {
      const lines = (await metricsOf(this, process)).split('\n');
      assert.ok(
        lines.some((line) => line.startsWith(metric)),
        `none of ${lines.length} lines starts with ${metric}`,
      );
    });
  },
);

Then('no metric of any process holds {string}', async function (this: FeatureWorld, text: string) {
  for (const process of ['coordinator', 'node']) {
    assert.ok(!(await metricsOf(this, process)).includes(text), `a metric of a ${process} does`);
  }
});
