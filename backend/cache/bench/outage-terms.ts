// What the app that Redis is taken away from and its measurement have in common.
export const HANDLER_MS = 5;
export const BUDGET_MS = 50;
/** Of the database that can do no more: queries, and how long one takes. */
export const AT_ONCE = 50;
export const QUERY_MS = 50;
