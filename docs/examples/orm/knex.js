// Knex: every statement of its query builder that changes a table tells the cache. `modules` maps tables to modules.
const CHANGES = new Set(["insert", "update", "del", "truncate"]);

export function touchedByKnex(knex, cache, modules) {
  knex.on("query-response", (_response, query, builder) => {
    const module = modules[builder?._single?.table];
    if (module && CHANGES.has(query.method ?? builder._method)) cache.touched(module);
  });
}
