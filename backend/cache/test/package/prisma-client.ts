// Prisma's client, which its own generator makes from a schema in the project of a test.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { NpmProject } from "./npm.js";

/** @param models of the schema */
export async function generatePrismaClient({ folder, write }: NpmProject, models: string): Promise<void> {
  const head = `generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "postgresql"
}
`;
  write("schema.prisma", head + models);
  // What it would fetch is for migrations, which nobody runs here.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath };
  const command = ["node_modules/prisma/build/index.js", "generate", "--schema", "schema.prisma"];
  await promisify(execFile)(process.execPath, command, { cwd: folder, env });
}
