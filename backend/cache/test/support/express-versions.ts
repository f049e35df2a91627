// Express 5 and 4, by their versions.
import express, { type Express } from "express";
// @ts-expect-error -- Express 4 under another name, without types.
import express4 from "express-4";

export const EXPRESS_VERSIONS = [
  ["5", express],
  ["4", express4 as unknown as () => Express],
] as const;
