// Mongoose: a plugin whose hooks tell the cache. `schema.plugin(touchedByMongoose, { cache, module: "orders" })`.
const CHANGES =
  /^(save|insertMany|bulkWrite|updateOne|updateMany|replaceOne|deleteOne|deleteMany|findOneAnd.*)$/;

export function touchedByMongoose(schema, { cache, module }) {
  schema.post(CHANGES, async () => {
    await cache.touched(module);
  });
}
