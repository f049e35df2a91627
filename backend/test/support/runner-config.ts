// Jest's configuration of this repository, for the files that try the runner itself.
import config from "../../../scripts/jest/jest-config.js";

export default {
  ...config,
  projects: config.projects.slice(0, 1).map((project) => ({
    ...project,
    displayName: "fixtures",
    roots: ["<rootDir>/dist/backend/test/fixtures/runner"],
    testMatch: ["**/*.fixture.js"],
  })),
};
