// Before each test file: how long one of its tests or hooks may take.
import { jest } from "@jest/globals";
import { slowdown } from "./slowdown.js";

/** Only what hangs takes that long on a quiet machine. */
const QUIET_TIMEOUT_MS = 300_000;

jest.setTimeout(QUIET_TIMEOUT_MS * slowdown());
