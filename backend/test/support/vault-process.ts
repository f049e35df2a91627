// A process with a vault of its own, which a test asks over IPC, stops and kills.
// Arguments: the database's URL, the folder of secrets, the wrapping key (base64), the step it dies at.

import { setTimeout as delay } from "node:timers/promises";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import type { KeyProvider } from "../../services/subjects/key-provider.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";
import { PATIENT_TRAIL, patientPool } from "./patient.js";

/** Where a process can be killed, in the order of an erasure. */
export const STEPS = [
  "holds",
  "destroy",
  "destroyed",
  "fence",
  "erase",
  "erased",
  "tombstone",
  "recorded",
] as const;
export type Step = (typeof STEPS)[number];

export interface Question {
  readonly id: number;
  readonly call: "open" | "openAndStop" | "erase" | "openForever" | "opened";
  readonly tenantId: string;
  readonly subjectId: string;
  readonly context: string;
  /** Base64. */
  readonly sealed: string;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

if (process.send) serve(process.argv.slice(2));

function serve([databaseUrl = "", folder = "", secret = "", deadly = ""]: readonly string[]): void {
  const dieAt = (step: Step) => {
    if (step === deadly) process.kill(process.pid, "SIGKILL");
  };
  const pool = patientPool(databaseUrl);
  const local = new LocalKeyProvider({
    keys: [{ id: "first", secret: Buffer.from(secret, "base64") }],
    folder,
  });
  const provider: KeyProvider = {
    currentVersion: local.currentVersion,
    generate: (ref) => local.generate(ref),
    unwrap: (ref, wrapped) => local.unwrap(ref, wrapped),
    rewrap: (ref, wrapped) => local.rewrap(ref, wrapped),
    destroy: async (ref) => {
      dieAt("destroy");
      await local.destroy(ref);
      dieAt("destroyed");
    },
  };
  const tenantKeys = new TenantKeys(pool, provider);
  const trail = new AuditTrail({
    ...PATIENT_TRAIL,
    pool,
    pseudonym: (tenantId, id) => tenantKeys.pseudonym(tenantId, id),
  });
  const vault = new SubjectVault({
    pool,
    provider,
    tenantKeys,
    audit: {
      append: async (...record) => {
        dieAt("tombstone");
        await trail.append(...record);
        dieAt("recorded");
      },
    },
    fence: async () => {
      dieAt("fence");
      return true;
    },
  });
  vault.onErase({
    name: "notes",
    holds: async () => {
      dieAt("holds");
      return [{ what: "notes", where: "a process", count: 1 }];
    },
    erase: async () => {
      dieAt("erase");
      await pool.query("SELECT 1");
      dieAt("erased");
    },
    export: async () => [],
  });

  /**
   * Stops itself when the next answer of the database is here: between what it has checked and what it does
   * with it.
   */
  const stopAtNextAnswer = () => {
    const query = pool.query;
    Reflect.set(pool, "query", async (...args: unknown[]) => {
      Reflect.set(pool, "query", query);
      const answer: unknown = await Reflect.apply(query, pool, args);
      process.kill(process.pid, "SIGSTOP");
      return answer;
    });
  };

  /** When a value was last disclosed, milliseconds since the epoch. */
  let lastOpenedAtMs = 0;
  const answerTo = async ({ call, tenantId, subjectId, context, sealed }: Question): Promise<unknown> => {
    const bytes = Buffer.from(sealed, "base64");
    if (call === "erase") return vault.erase(tenantId, subjectId, "objection");
    if (call === "opened") return lastOpenedAtMs;
    if (call === "openForever") {
      void (async () => {
        for (;;) {
          const startedAtMs = Date.now();
          if ((await vault.open(tenantId, context, bytes)) !== undefined) lastOpenedAtMs = startedAtMs;
          await new Promise(setImmediate);
        }
      })();
      return undefined;
    }
    if (call === "openAndStop") {
      // The key is in memory then, and has to be asked about again.
      await vault.open(tenantId, context, bytes);
      await delay(300);
      stopAtNextAnswer();
    }
    return vault.open(tenantId, context, bytes);
  };
  process.on("message", (question: Question) => {
    answerTo(question).then(
      (value) => process.send?.({ id: question.id, value }),
      (error: unknown) => process.send?.({ id: question.id, error: String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ id: 0, value: "ready" });
}
