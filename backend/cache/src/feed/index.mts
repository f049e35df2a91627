// `express-tenant-cache/feed` for `import`.
export * from "./index.js";
