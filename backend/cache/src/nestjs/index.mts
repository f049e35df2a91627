// `express-tenant-cache/nestjs` for `import`.
export * from "./index.js";
