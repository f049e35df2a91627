// The same for `import`: names of the one build there is, so that what is loaded in both ways is one.
export * from "./index.js";
