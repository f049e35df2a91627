// Whichever host the CRM is asked by, an answer of a module is the same and one entry: none holds a link with a host in it.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { cacheStatus, startCrm, TENANT_A } from "../support/crm.js";

test("answers are hits for every host, and name none", async () => {
  const crm = await startCrm("memory");
  const member = await crm.client("member", TENANT_A);
  const { body } = await member.post("/api/accounts", { name: "Example Ltd" }).expect(201);
  const document = await member.post("/api/documents", { name: "offer.pdf" }).expect(201);
  const targets = [
    "/api/accounts",
    "/api/accounts/count",
    `/api/accounts/${body.data.id}`,
    `/api/documents/${document.body.data.id}`,
    "/api/contacts/search?q=a",
    "/api/leads?sort=company",
  ];
  for (const target of targets) {
    await member.get(target).set("Host", "crm.example.com").expect(200);
    await crm.cache.idle();
    for (const host of ["other.example", "crm.example.com:8443", "localhost"]) {
      const answer = await member.get(target).set("Host", host).set("X-Forwarded-Proto", "https").expect(200);
      assert.match(cacheStatus(answer), /hit/, `${target} of ${host}`);
      assert.doesNotMatch(JSON.stringify([answer.headers, answer.body]), /\.example|https?:\/\//);
    }
  }
  await crm.close();
});
