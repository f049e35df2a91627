// In the place of zod's messages in other languages than English: nothing.
export {};
