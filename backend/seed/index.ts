// Demo data: who the tenants are, and how to load them.
export { DEMO_TENANTS, type DemoTenant } from "./demo-tenants.js";
export { isSeeded, type SeedOptions, seedDemoData } from "./seed-demo-data.js";
export { DEMO_PASSWORD, mailDomainOf } from "./users.js";
