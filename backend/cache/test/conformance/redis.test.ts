// The public HTTP cache test suite against Redis, where entries are encoded and decoded on the way.
import { testConformance } from "./conformance.js";

testConformance("redis");
