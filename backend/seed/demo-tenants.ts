// The demo tenants: fixed ids, so that tokens and examples can name them.
// Tests: test/integration/demo-data.test.ts

export interface DemoTenant {
  readonly id: string;
  readonly name: string;
  /** Accounts at full scale; contacts, leads and sources follow from it. */
  readonly accounts: number;
}

const SIZES: readonly (readonly [name: string, accounts: number])[] = [
  ["Meridian Industrial Group", 20_000],
  ["Halcyon Software", 7400],
  ["Blue Harbor Logistics", 4300],
  ["Kestrel Energy Partners", 2700],
  ["Sundial Health Systems", 1900],
  ["Northgate Insurance Brokers", 1350],
  ["Alder & Finch Consulting", 980],
  ["Copperline Telecom", 720],
  ["Verdant Foods", 540],
  ["Stonebridge Construction", 400],
  ["Lumen Learning", 300],
  ["Pacific Crest Travel", 225],
  ["Ironwood Security", 170],
  ["Marigold Media", 125],
  ["Tidewater Capital", 90],
  ["Juniper Real Estate", 62],
  ["Quarry Lane Robotics", 40],
  ["Fable Design Studio", 22],
  ["Osprey Drones", 9],
  ["Paper Crane Stationery", 2],
];

/** Twenty tenants, the largest first. */
export const DEMO_TENANTS: readonly DemoTenant[] = SIZES.map(([name, accounts], i) => ({
  id: `00000000-0000-4000-8000-${String(i + 1).padStart(12, "0")}`,
  name,
  accounts,
}));
