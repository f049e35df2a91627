// What the app that Redis is taken away from and its measurement have in common.
export const HANDLER_MS = 5;
export const BUDGET_MS = 50;
