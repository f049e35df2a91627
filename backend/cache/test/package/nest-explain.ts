// Tests of the small Nest application in `nest-app.ts`, for its project: `cache.explain` says what the next request is told.

export const EXPLAIN_SPEC = `import {
  type CanActivate, type INestApplication, type MiddlewareConsumer, Controller, Get, Inject, Injectable, Module, Post, Scope, VersioningType,
} from "@nestjs/common";
import { APP_GUARD, REQUEST } from "@nestjs/core";
import type { ExpressAdapter } from "@nestjs/platform-express";
import { Test } from "@nestjs/testing";
import { Cached, InjectTenantCache, Invalidates, TENANT_CACHE } from "express-tenant-cache/nestjs";
import type { TenantCache } from "express-tenant-cache";
import request from "supertest";
import { AccountsController } from "../src/accounts.controller";
import { AppModule } from "../src/app.module";

let runs = 0;

@Controller("plain")
class PlainController {
  @Get() read() { return { runs: ++runs }; }
  @Post() @Invalidates("accounts") write() { return { runs: ++runs }; }
}

@Controller("whole")
@Cached("whole", { ttlSeconds: 60, vary: ["accept-language"] })
class WholeController {
  @Get() read() { return { runs: ++runs }; }
  @Post() @Invalidates("whole") write() { return { runs: ++runs }; }
}

@Controller({ path: "scoped", scope: Scope.REQUEST })
class ScopedController {
  constructor(@Inject(REQUEST) private readonly asked: { url: string }) {}
  @Get() @Cached("scoped", 60) read() { return { runs: ++runs, url: this.asked.url }; }
  @Get("not") not() { return { runs: ++runs }; }
}

@Controller("half")
class HalfController {
  @Get() @Cached("half", 60) read() { return { runs: ++runs }; }
}

@Controller("behind-middleware")
class BehindController {
  @Get() read() { return { runs: ++runs }; }
}

@Injectable()
class Tenants implements CanActivate {
  canActivate(): boolean { return true; }
}

@Module({
  imports: [AppModule],
  controllers: [PlainController, WholeController, ScopedController, HalfController, BehindController],
  providers: [{ provide: APP_GUARD, useClass: Tenants }],
})
class ExplainedModule {
  constructor(@InjectTenantCache() private readonly cache: TenantCache) {}
  configure(consumer: MiddlewareConsumer) {
    consumer.apply((req: { headers: Record<string, string>; user?: object }, _res: unknown, next: () => void) => {
      const [tenantId] = String(req.headers.authorization ?? "").split(" ");
      if (tenantId) req.user = { tenantId };
      next();
    }).forRoutes("*path");
    consumer.apply(this.cache.cacheList("behind", 60)).forRoutes("behind-middleware");
  }
}

describe.each([["", false], ["api", false], ["", true]])("explain, prefix %j, a hook of routes: %j", (prefix, isHooked) => {
  let app: INestApplication;
  let cache: TenantCache;
  const base = prefix && "/" + prefix;
  const seen: Record<string, number> = {};
  let triggered = 0;

  beforeAll(async () => {
    const moduleFixture = await Test.createTestingModule({ imports: [ExplainedModule] }).compile();
    app = moduleFixture.createNestApplication({ logger: false });
    if (prefix) app.setGlobalPrefix(prefix);
    // A plain route of the adapter, which is none of Nest's.
    app.getHttpAdapter().get("/of-the-adapter", (...[, res]: [unknown, { json(value: object): void }]) => res.json({ runs: ++runs }));
    if (isHooked) (app.getHttpAdapter() as ExpressAdapter).setOnRouteTriggered(() => { triggered++; });
    app.enableVersioning({ type: VersioningType.HEADER, header: "x-version" });
    await app.listen(0);
    cache = app.get<TenantCache>(TENANT_CACHE);
  });
  afterAll(() => app.close());

  const who = (authorization = "acme user", more: Record<string, string> = {}) => ({ authorization, ...more });
  const explain = (method: string, path: string, headers: Record<string, string>) =>
    cache.explain({ app, method, url: base + path, headers });
  const ask = async (method: string, path: string, headers: Record<string, string>) => {
    const verb = method.toLowerCase() as "get" | "head" | "post";
    const { headers: { "cache-status": said }, status } = await request(app.getHttpServer())[verb](base + path).set(headers);
    await cache.idle();
    return { said: said === undefined ? null : said.split("; ").slice(1).join("; "), status };
  };
  // That an answer is streamed, and stored once it has ended, is known when its head leaves.
  const withoutTtl = (said: string | null) => said && said.replace(/ttl=\\d+/, "ttl").replace("detail=streamed", "stored");

  it("knows the routes before any request has come", async () => {
    expect((await explain("GET", "/accounts", who())).verdict).toBe("miss");
  });

  it("is the Cache-Status of the request that follows, and runs no handler", async () => {
    const asked: [string, string, Record<string, string>][] = [
      ["GET", "/accounts", who()],
      ["GET", "/accounts?sort=name", who()],
      ["HEAD", "/accounts", who()],
      ["GET", "/accounts", who("other user")],
      ["GET", "/accounts", who("")],
      ["GET", "/accounts/admin", who("acme admin")],
      ["GET", "/accounts/admin", who()],
      ["GET", "/accounts/file", who()],
      ["GET", "/accounts/own-response", who()],
      ["GET", "/accounts/fails", who()],
      ["GET", "/accounts/versioned", who("acme user", { "x-version": "1" })],
      ["GET", "/accounts/versioned", who("acme user", { "x-version": "2" })],
      ["GET", "/accounts/versioned", who("acme user", { "x-version": "3" })],
      ["GET", "/accounts/numbered/7", who()],
      ["POST", "/accounts", who()],
      ["POST", "/accounts/refused", who()],
      ["GET", "/plain", who()],
      ["POST", "/plain", who()],
      ["GET", "/whole", who("acme user", { "accept-language": "de" })],
      ["GET", "/whole", who("acme user", { "accept-language": "fr" })],
      ["POST", "/whole", who()],
      ["GET", "/scoped", who()],
      ["GET", "/scoped/not", who()],
      ["GET", "/half", who()],
      ["GET", "/half", who("")],
      ["GET", "/behind-middleware", who()],
      ["GET", "/nothing", who()],
      ["GET", "/of-the-adapter", who()],
      ["GET", "/accounts", who("acme user", { range: "bytes=0-1" })],
    ];
    let next = 19;
    const below = (most: number) => (next = (next * 48271) % 2147483647) % most;
    for (let n = 0; n < 200; n++) {
      const [method, path, headers] = asked[n < asked.length ? n : below(asked.length)]!;
      if (n % 17 === 0) await cache.invalidateAllTenant("acme");
      // What the last answer was tells whether the next can be stored.
      if (path.endsWith("/fails")) await ask(method, path, headers);
      const before = [runs, AccountsController.runs];
      const told = await explain(method, path, headers);
      expect([runs, AccountsController.runs]).toEqual(before);
      const { said, status } = await ask(method, path, headers);
      const what = [n, method, path, headers, told.verdict];
      expect([...what, withoutTtl(told.cacheStatus)]).toEqual([...what, withoutTtl(said)]);
      if (told.verdict === "answered-before") expect([...what, told.status]).toEqual([...what, status]);
      seen[told.verdict] = (seen[told.verdict] ?? 0) + 1;
    }
    for (const verdict of ["hit", "miss", "bypass", "answered-before", "not-cached"])
      expect([verdict, seen[verdict]! > 3]).toEqual([verdict, true]);
  });

  it("names the route", async () => {
    const told = await explain("GET", "/accounts/numbered/7", who());
    expect([told.path, told.route?.module, told.tenant]).toEqual(["GET " + base + "/accounts/numbered/:id", "accounts", "acme"]);
    expect((await explain("GET", "/plain", who())).path).toBe("GET " + base + "/plain");
    expect(triggered > 0).toBe(isHooked);
  });
});
`;
