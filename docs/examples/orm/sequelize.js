// Sequelize: hooks of all models tell the cache, in a transaction once it has committed. `modules` maps models to modules.
const OF_ONE = ["afterCreate", "afterUpdate", "afterDestroy", "afterRestore", "afterUpsert"];
const OF_MANY = ["afterBulkUpdate", "afterBulkDestroy", "afterBulkRestore"];

export function touchedBySequelize(sequelize, cache, modules) {
  const tell = (model, { transaction }) => {
    const module = modules[model.name];
    if (!module) return undefined;
    if (!transaction) return cache.touched(module);
    return transaction.afterCommit(() => cache.touched(module));
  };
  for (const hook of OF_ONE)
    sequelize.addHook(hook, (row, options) => tell((Array.isArray(row) ? row[0] : row).constructor, options));
  for (const hook of OF_MANY) sequelize.addHook(hook, (options) => tell(options.model, options));
  sequelize.addHook("afterBulkCreate", (rows, options) => rows[0] && tell(rows[0].constructor, options));
}
