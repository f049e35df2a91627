// Credits: their view, and what makes it stale beside their own routes.
// Tests: test/http/credits-and-workflows.test.ts
import type { Service } from "../views/service.js";
import { touch } from "../views/view.js";
import { CREDIT_TYPES } from "./credits-store.js";
import { creditBalance } from "./credits-views.js";

export const creditsService: Service = {
  views: [creditBalance],
  watches: {
    users: {
      domains: ["credits"],
      // Who is deleted takes the credits along.
      touches: ({ before, after }) =>
        before && !after
          ? CREDIT_TYPES.map((type) => touch(creditBalance, { userId: String(before.id), type }))
          : [],
    },
  },
};
