// Tests of the small Nest application in `nest-app.ts`, for its project: interceptors and exception filters around what is cached.

export const AROUND_SPEC = `import {
  type ArgumentsHost, type CallHandler, Catch, type ExceptionFilter, type ExecutionContext, HttpException, type INestApplication, Injectable,
  Module, type NestInterceptor, RequestTimeoutException, VersioningType,
} from "@nestjs/common";
import { Test } from "@nestjs/testing";
import { Cached, TenantCacheModule } from "express-tenant-cache/nestjs";
import { finalize, map, raceWith, Subject, tap } from "rxjs";
import request from "supertest";
import { AppModule } from "../src/app.module";

@Injectable()
class Around implements NestInterceptor {
  static open = 0;
  /** As the timer of a timeout that is over. */
  static readonly late = new Subject<void>();
  static readonly seen: string[] = [];

  intercept(_context: ExecutionContext, next: CallHandler) {
    Around.open++;
    Around.seen.push("before");
    return next.handle().pipe(
      map((data: unknown) => ({ data })),
      tap(() => Around.seen.push("after")),
      raceWith(Around.late.pipe(map(() => { throw new RequestTimeoutException(); }))),
      finalize(() => Around.open--),
    );
  }
}

@Catch()
class CatchAll implements ExceptionFilter {
  static readonly caught: string[] = [];

  catch(error: Error, host: ArgumentsHost) {
    CatchAll.caught.push(error.message);
    host.switchToHttp().getResponse().status(error instanceof HttpException ? error.getStatus() : 500).json({ caught: error.message });
  }
}

describe("interceptors and filters around it", () => {
  let app: INestApplication;
  beforeAll(async () => {
    const moduleFixture = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication({ logger: false });
    app.useGlobalInterceptors(new Around());
    app.useGlobalFilters(new CatchAll());
    await app.init();
    await app.listen(0);
  });
  afterAll(() => app.close());

  const get = (path: string) => request(app.getHttpServer()).get("/accounts" + path).set("authorization", "acme user");

  it("keeps what they make of an answer, runs them for hits up to the handler, and leaves none of them waiting", async () => {
    const wrapped = { data: { names: ["Example Ltd"], sort: "around" } };
    await get("?sort=around").expect(200, wrapped);
    expect(Around.seen.splice(0)).toEqual(["before", "after"]);
    const hit = await get("?sort=around").expect(200, wrapped);
    expect(hit.headers["cache-status"]).toMatch(/; hit;/);
    expect(Around.seen.splice(0)).toEqual(["before"]);
    while (Around.open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    Around.late.next();
    expect(CatchAll.caught).toEqual([]);
  });

  it("leaves to filters what handlers throw, and invalidates nothing for it", async () => {
    await get("/fails").expect(404, { caught: "no such account" });
    await request(app.getHttpServer()).post("/accounts").set("authorization", "acme user").set("content-type", "application/json").send("{").expect(400);
    expect((await get("?sort=around")).headers["cache-status"]).toMatch(/; hit;/);
    await request(app.getHttpServer()).post("/accounts/refused").set("authorization", "acme user").expect(409);
    expect((await get("?sort=around")).headers["cache-status"]).toMatch(/; hit;/);
  });

  it("shares what one handler answers to several versions, and caches a whole controller but for its mutations", async () => {
    const { Controller: at, Get, Post } = await import("@nestjs/common");
    class Whole {
      static runs = 0;
      read() { return { runs: ++Whole.runs }; }
      write() { return { runs: ++Whole.runs }; }
    }
    for (const [name, method] of [["read", Get], ["write", Post]] as const)
      method()(Whole.prototype, name, Object.getOwnPropertyDescriptor(Whole.prototype, name)!);
    at({ path: "whole", version: ["1", "2"] })(Whole);
    Cached("whole", 60)(Whole);
    class WholeModule {}
    Module({ imports: [TenantCacheModule.forRoot({ tenant: () => "acme" })], controllers: [Whole] })(WholeModule);
    const own = (await Test.createTestingModule({ imports: [WholeModule] }).compile()).createNestApplication({ logger: false });
    own.enableVersioning({ type: VersioningType.URI });
    await own.init();
    const ask = (method: "get" | "post", path: string) => request(own.getHttpServer())[method](path);
    await ask("get", "/v1/whole").expect(200, { runs: 1 });
    await ask("get", "/v1/whole").expect(200, { runs: 1 });
    await ask("get", "/v2/whole").expect(200, { runs: 2 });
    expect((await ask("post", "/v1/whole").expect(201)).headers["cache-status"]).toBeUndefined();
    await own.close();
  });
});
`;
