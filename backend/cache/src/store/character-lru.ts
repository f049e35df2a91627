// What the in-process store keeps beside entries: the least recently used of it goes where texts that requests have named grow too many.
import { LRUCache } from "lru-cache";
import { TTL_CLOCK } from "../timers.js";

/** What an item costs beside its texts. */
const OVERHEAD_CHARACTERS = 128;

/** @param charactersOf of a value, beside its key */
export function characterLru<V extends NonNullable<unknown>>(
  maxCharacters: number,
  charactersOf: (value: V) => number = () => 0,
): LRUCache<string, V> {
  return new LRUCache<string, V>({
    ...TTL_CLOCK,
    maxSize: maxCharacters,
    sizeCalculation: (value, key) => key.length + charactersOf(value) + OVERHEAD_CHARACTERS,
  });
}
