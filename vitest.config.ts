import { defineConfig } from "vitest/config";

/** Tests that run bin/ as a user would: they need dist/, which their project brings up to date first. */
const asUser = ["test/seen/**/*.test.ts", "test/cli/**/*.seen.test.ts", "test/host/daemon/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "model",
          include: ["test/**/*.test.ts"],
          exclude: asUser,
          globalSetup: ["test/setup/build-core.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "as-user",
          include: asUser,
          globalSetup: ["test/setup/build-dist.ts"],
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
