// The public HTTP cache test suite against the in-process store.
import { testConformance } from "./conformance.js";

testConformance("memory");
