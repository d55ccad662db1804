/**
 * World, hooks and ready steps for Cucumber suites, exported as `torua/cucumber`: importing it once from a support
 * file is enough. Needs @cucumber/cucumber of the importing project.
 */
import { setWorldConstructor } from '@cucumber/cucumber';
import './hooks.ts';
import './steps-cluster.ts';
import './steps-data.ts';
import './steps-nodes.ts';
import { ToruaWorld } from './world.ts';

/** The World of each scenario. Suites with state of their own extend it and call `setWorldConstructor` themselves. */
export class ClusterWorld extends ToruaWorld {}

setWorldConstructor(ClusterWorld);
