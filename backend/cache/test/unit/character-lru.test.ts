// What the in-process store keeps beside entries: bounded by the characters of all that is in it, the least recently used goes first.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { characterLru } from "../../src/store/character-lru.js";

describe("the LRU of characters", () => {
  test("short texts are as few as their overhead allows, long ones fewer", () => {
    const kept = (length: number) => {
      const lru = characterLru<string>(10_000, (value) => value.length);
      for (let index = 0; index < 1000; index++) lru.set(`${index}`, "x".repeat(length));
      return lru.size;
    };
    assert.ok(kept(0) < 100, "each costs something, however short it is");
    assert.ok(kept(1000) < 10);
    assert.ok(kept(0) > kept(100) && kept(100) > kept(1000));
    assert.equal(kept(20_000), 0, "what alone is larger than all is not kept");
  });

  test("keys count as values do, and what was read last stays", () => {
    const lru = characterLru<number>(3000);
    lru.set(`first${"k".repeat(500)}`, 1);
    lru.set(`second${"k".repeat(500)}`, 2);
    assert.equal(lru.get(`first${"k".repeat(500)}`), 1);
    lru.set("k".repeat(2000), 3);
    assert.deepEqual([...lru.values()].sort(), [1, 3]);
  });
});
