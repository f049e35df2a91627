// Mongoose: a plugin whose hooks tell the cache. `schema.plugin(touchedByMongoose, { cache, module: "orders" })`.
// By their names: a pattern would leave out insertMany and bulkWrite, which are the model's own.
const CHANGES =
  "save insertMany bulkWrite updateOne updateMany replaceOne deleteOne deleteMany findOneAndUpdate findOneAndReplace findOneAndDelete";

export function touchedByMongoose(schema, { cache, module }) {
  schema.post(CHANGES.split(" "), async () => {
    await cache.touched(module);
  });
}
