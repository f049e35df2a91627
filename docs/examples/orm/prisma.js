// Prisma: an extension that tells the cache of every change. `modules` maps models to modules.
const CHANGES = /^(create|update|upsert|delete)/;

export const touchedByPrisma = (cache, modules) => ({
  query: {
    $allModels: {
      async $allOperations({ model, operation, args, query }) {
        const result = await query(args);
        if (modules[model] && CHANGES.test(operation)) await cache.touched(modules[model]);
        return result;
      },
    },
  },
});
