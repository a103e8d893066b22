import { defineConfig } from 'vitest/config'

/** A tier is a vitest project: what it needs to run is what tells it from the others (docs/explanation/tests.md). */
export default defineConfig({
  test: {
    // One test that is set apart would silence all the others of its file.
    allowOnly: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{operator,app}/src/**/*.test.ts', 'test/{cluster,lint,unit,bench}/**/*.test.ts'],
          // These are quick; a machine that is busy with something else is not.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'control-plane',
          include: ['test/control-plane/**/*.test.ts'],
          globalSetup: ['test/control-plane/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'app',
          include: ['test/app/**/*.test.ts'],
          globalSetup: ['test/app/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
