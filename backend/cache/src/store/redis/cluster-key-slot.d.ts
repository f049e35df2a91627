// Types of `cluster-key-slot`, which ships none.
declare module "cluster-key-slot" {
  /** The Redis Cluster slot of a key, honouring its hash tag. */
  export default function calculateSlot(key: string): number;
}
