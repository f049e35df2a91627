// `express-tenant-cache/testing` for `import`.
export * from "./index.js";
