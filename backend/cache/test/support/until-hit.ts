// Reads until the cache answers: under a feed the token has to be there, and the entry stored.
import { until } from "../../../servers/until.js";

/** @returns the first hit */
export async function untilHit<Answer extends { readonly status: string }>(
  what: string,
  read: () => Promise<Answer>,
): Promise<Answer> {
  let last = await read();
  await until(`${what} is a hit`, async () => {
    if (/(?:^|; )hit\b/.test(last.status)) return true;
    last = await read();
    return false;
  });
  return last;
}
