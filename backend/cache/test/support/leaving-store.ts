// A store in memory that can be told to go away.
import { MemoryStore, type StoreListener } from "../../src/index.js";

export class LeavingStore extends MemoryStore {
  #listener: StoreListener | undefined;

  override listen(listener: StoreListener): void {
    this.#listener = listener;
    super.listen(listener);
  }

  leave(): void {
    this.#listener?.down("gone");
  }
}
