// `express-tenant-cache/testing/store` for `import`.
export * from "./index.js";
