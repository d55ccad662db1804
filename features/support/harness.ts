/** One harness for everybody: our own features use what the package exports as `torua/cucumber`. */
import '../../src/testing/cucumber.ts';
