// The console: operators see every tenant, a tenant's admin sees the own one, a clerk sees one page of the app, everybody else is led to the login or refused.
import { randomUUID } from "node:crypto";
import express from "express";
import { CacheMonitor, createTenantCache } from "express-tenant-cache";

const users = {
  olga: { password: "o", role: "operator" },
  ada: { password: "a", role: "admin", tenant: "acme" },
  cleo: { password: "c", role: "clerk", tenant: "acme" },
  max: { password: "m", role: "member", tenant: "acme" },
};
const sessions = new Map();

/** Who is logged in, by the session's cookie. */
function userOf(req) {
  const [, id] = /(?:^|; )session=([\w-]+)/.exec(req.get("cookie") ?? "") ?? [];
  return sessions.get(id);
}

export const cache = createTenantCache({ tenant: (req) => req.user?.tenant });
export const monitor = new CacheMonitor(cache).start();
export const app = express();

app.get("/login", (_req, res) => {
  res.send(
    '<form method="post"><input name="name"><input name="password" type="password"><button>Log in</button></form>',
  );
});
app.post("/login", express.urlencoded(), (req, res) => {
  const { name, password } = req.body ?? {};
  const user = Object.hasOwn(users, name) ? users[name] : undefined;
  if (user?.password !== password) return res.sendStatus(401);
  const id = randomUUID();
  sessions.set(id, { ...user, name, id });
  res.cookie("session", id, { httpOnly: true, sameSite: "strict" }).redirect(303, "/ops/cache/");
});

app.use(
  "/ops/cache",
  cache.console({
    monitor,
    // Asked with each request, so that a session that has ended sees nothing any more.
    authorize: (req) => {
      const user = userOf(req);
      if (!user) return { redirect: "/login" };
      if (user.role === "operator") return { view: true, tenants: "all", purge: true, name: user.name };
      if (user.role === "clerk")
        return { view: false, tenants: [user.tenant], pages: ["orders"], name: user.name };
      return user.role === "admin" && { view: true, tenants: [user.tenant], purge: true, name: user.name };
    },
    // A page of the app's own, in the console's frame. The tag escapes what is put in.
    pages: [
      {
        path: "orders",
        title: "Orders",
        render: ({ html, person }) => html`<p>No order of ${String(person.tenants)} is late.</p>`,
      },
    ],
    signOut: (req, res) => {
      const { id } = userOf(req);
      sessions.delete(id);
      res.clearCookie("session", { httpOnly: true, sameSite: "strict" });
      return "/login";
    },
    // The page that explains a request asks the app as the operator, for that tenant.
    explainAs: (req, tenant) => ({
      as: (explained) => Object.assign(explained, { user: { ...userOf(req), tenant } }),
    }),
  }),
);

app.use((req, res, next) => {
  req.user ??= userOf(req);
  return req.user ? next() : res.sendStatus(401);
});
app.get("/invoices", cache.cacheList("invoices", 600), (req, res) => res.json({ of: req.user.tenant }));
