// Bodies of a given length that compress about as lists do.
import { createHash } from "node:crypto";

/** A JSON text of exactly so many bytes, at least 20. */
export function readyJson(bytes: number): Buffer {
  const rows: string[] = [];
  for (let length = 0, row = 0; length < bytes; row++) {
    const digest = createHash("md5").update(String(row)).digest("hex");
    rows.push(
      `{"id":${row},"name":"${digest.slice(0, 9)} GmbH","email":"office@${digest.slice(9, 21)}.example","stage":"active"}`,
    );
    length += rows.at(-1)?.length ?? 0;
  }
  const text = rows
    .join(",")
    .slice(0, bytes - 11)
    .replaceAll('"', "'");
  return Buffer.from(`{"rows":"${text}"}`);
}
