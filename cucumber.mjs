/** Our features, played with the World, hooks and steps that `torua/cucumber` gives everybody. */
export default {
  paths: ['features/**/*.feature'],
  import: ['features/support/**/*.ts', 'features/steps/**/*.ts'],
  format: ['progress', 'html:reports/cucumber.html', 'json:reports/cucumber.json'],
  formatOptions: { colorsEnabled: false },
};
