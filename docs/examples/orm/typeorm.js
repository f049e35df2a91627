// TypeORM: a subscriber of all entities tells the cache, in a transaction once it has committed. `modules` maps tables to modules.
export class TouchedSubscriber {
  constructor(cache, modules) {
    const note = ({ metadata, queryRunner }) => {
      const module = modules[metadata.tableName];
      if (!module) return undefined;
      if (!queryRunner.isTransactionActive) return cache.touched(module);
      queryRunner.data.touched = (queryRunner.data.touched ?? new Set()).add(module);
    };
    this.afterInsert = this.afterUpdate = this.afterRemove = note;
    this.afterSoftRemove = this.afterRecover = note;
    this.afterTransactionCommit = async ({ queryRunner }) => {
      for (const module of queryRunner.data.touched ?? []) await cache.touched(module);
      queryRunner.data.touched = undefined;
    };
    this.afterTransactionRollback = ({ queryRunner }) => {
      queryRunner.data.touched = undefined;
    };
  }
}
