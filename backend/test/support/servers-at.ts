// A connection of the CRM to Redis for tests, as the environment would name it.
import { type RedisServers, redisServersFrom } from "../../config/redis-servers.js";
import { readTextFile } from "../../config/secret-files.js";

/** @param variables what stands beside the URL, without REDIS_ in front: `{ TLS_CA_FILE: … }` */
export function serversAt(url: string, variables: Readonly<Record<string, string>> = {}): RedisServers {
  const others = Object.entries(variables).map(([name, value]) => [`REDIS_${name}`, value]);
  const { value, problems } = redisServersFrom(
    "REDIS",
    { REDIS_URL: url, ...Object.fromEntries(others) },
    readTextFile,
  );
  if (!value) throw new Error(problems.join("\n"));
  return value;
}
