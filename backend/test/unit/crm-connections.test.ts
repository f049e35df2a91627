// CRM_CONNECTIONS: what it may say, and what it is told where it says something else.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { parseCrmConnections } from "../../config/crm-connections.js";
import { ConfigError, parseConfig } from "../../config.js";

const HUBSPOT = {
  crm: "hubspot",
  id: "33333333-0000-4000-8000-00000000000A",
  tenant: "aaaaaaaa-0000-4000-8000-000000000001",
  client_id: "app",
  client_secret: "very-secret-indeed",
  refresh_token: "refresh-secret",
  portal_id: 62515,
  fields: ["email", "firstname"],
};
const SALESFORCE = {
  ...HUBSPOT,
  crm: "salesforce",
  id: "33333333-0000-4000-8000-00000000000b",
  portal_id: undefined,
  fields: ["Email"],
};
const parse = (...connections: object[]) => parseCrmConnections(JSON.stringify(connections));

describe("CRM_CONNECTIONS", () => {
  test("not set: none; set: with defaults, ids in lower case", () => {
    assert.deepEqual(parseCrmConnections(undefined), { value: [], problems: [] });
    const { value, problems } = parse(HUBSPOT, SALESFORCE);
    assert.deepEqual(problems, []);
    const [hubspot, salesforce] = value;
    assert.equal(hubspot?.id, HUBSPOT.id.toLowerCase());
    assert.deepEqual([hubspot?.clients, hubspot?.erase], ["all", true]);
    assert.ok(salesforce?.crm === "salesforce");
    assert.deepEqual([salesforce.object, salesforce.api_version], ["Contact", "66.0"]);
  });

  test.each([
    ["no JSON", "{", /is no JSON/],
    ["no list", "{}", /CRM_CONNECTIONS: /],
    ["another CRM", JSON.stringify([{ ...HUBSPOT, crm: "pipedrive" }]), /connection 1 crm/],
    ["a field too many", JSON.stringify([{ ...HUBSPOT, webhook: 1 }]), /connection 1/],
    ["no portal", JSON.stringify([{ ...HUBSPOT, portal_id: undefined }]), /connection 1 portal_id/],
    [
      "a field's name",
      JSON.stringify([{ ...HUBSPOT, fields: ["a, b FROM Contact"] }]),
      /connection 1 fields.0/,
    ],
    ["another protocol", JSON.stringify([{ ...HUBSPOT, api_url: "file:///etc" }]), /connection 1 api_url/],
    [
      "one id twice",
      JSON.stringify([HUBSPOT, { ...SALESFORCE, id: HUBSPOT.id }]),
      /two connections have the id/,
    ],
    [
      "one CRM twice",
      JSON.stringify([HUBSPOT, { ...HUBSPOT, id: SALESFORCE.id }]),
      /two connections have hubspot of tenant/,
    ],
  ])("%s is told, and no secret with it", (_what, text, expected) => {
    const { problems } = parseCrmConnections(text);
    assert.match(problems.join("\n"), expected);
    assert.doesNotMatch(problems.join("\n"), /secret-indeed|refresh-secret/);
  });

  test("it may be a file; without keys for what it keeps it is refused", () => {
    const env = { DATABASE_URL: "postgres://x", CRM_CONNECTIONS_FILE: "/run/secrets/crm" };
    const read = () => JSON.stringify([HUBSPOT]);
    assert.throws(
      () => parseConfig(env, read),
      (error) => error instanceof ConfigError && /needs SUBJECT_WRAPPING_KEYS/.test(error.message),
    );
    const key = Buffer.alloc(32, 7).toString("base64");
    const config = parseConfig(
      { ...env, SUBJECT_WRAPPING_KEYS: `first:${key}`, SUBJECT_SECRETS_FOLDER: "/secrets" },
      read,
    );
    assert.equal(config.crmConnections.length, 1);
    assert.equal(parseConfig({ DATABASE_URL: "postgres://x" }).crmConnections.length, 0);
  });
});
