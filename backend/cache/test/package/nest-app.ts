// A small Nest application as `nest new` makes it, with its tests: the files, to be written into a project of its user.
import { AROUND_SPEC } from "./nest-around.js";
import { EXPLAIN_SPEC } from "./nest-explain.js";

const GUARD = `import { CanActivate, ExecutionContext, Injectable, SetMetadata, UnauthorizedException, ForbiddenException } from "@nestjs/common";
import { Reflector } from "@nestjs/core";

export const Roles = (...roles: string[]) => SetMetadata("roles", roles);

@Injectable()
export class AuthGuard implements CanActivate {
  static runs = 0;
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    AuthGuard.runs++;
    const request = context.switchToHttp().getRequest();
    const [tenantId, role] = String(request.headers.authorization ?? "").split(" ");
    if (!tenantId) throw new UnauthorizedException();
    const roles = this.reflector.getAllAndOverride<string[]>("roles", [context.getHandler(), context.getClass()]);
    if (roles && !roles.includes(role ?? "")) throw new ForbiddenException();
    request.user = { tenantId };
    return true;
  }
}
`;

const CONTROLLER = `import {
  Body, ConflictException, Controller, Delete, Get, Header, HttpCode, NotFoundException, Param, ParseIntPipe, Post, Query, Res, StreamableFile, UseGuards, Version, VERSION_NEUTRAL,
} from "@nestjs/common";
import type { Response } from "express";
import { Readable } from "node:stream";
import type { TenantCache } from "express-tenant-cache";
import { Cached, InjectTenantCache, Invalidates } from "express-tenant-cache/nestjs";
import { AuthGuard, Roles } from "./auth.guard";

@Controller({ path: "accounts", version: VERSION_NEUTRAL })
@UseGuards(AuthGuard)
export class AccountsController {
  static runs = 0;
  static names = ["Example Ltd"];

  constructor(@InjectTenantCache() private readonly cache: TenantCache) {}

  @Get()
  @Cached("accounts", 180)
  list(@Query("sort") sort?: string) {
    AccountsController.runs++;
    return { names: AccountsController.names, sort: sort ?? null };
  }

  @Get("admin")
  @Roles("admin")
  @Cached("accounts", { ttlSeconds: 60 })
  forAdmins() {
    AccountsController.runs++;
    return { secrets: true };
  }

  @Get("file")
  @Header("Content-Type", "text/csv")
  @Cached("accounts")
  file(): StreamableFile {
    AccountsController.runs++;
    return new StreamableFile(Readable.from(["name\\n", ...AccountsController.names]));
  }

  @Get("own-response")
  @Cached("accounts")
  own(@Res() response: Response) {
    AccountsController.runs++;
    response.status(200).type("text").send("by itself");
  }

  @Get("fails")
  @Cached("accounts")
  async fails() {
    AccountsController.runs++;
    throw new NotFoundException("no such account");
  }

  @Get("versioned")
  @Version("1")
  @Cached("accounts", 180)
  one() {
    AccountsController.runs++;
    return { version: 1 };
  }

  @Get("versioned")
  @Version("2")
  @Cached("accounts", 180)
  two() {
    AccountsController.runs++;
    return { version: 2 };
  }

  @Get("numbered/:id")
  @Cached("accounts")
  numbered(@Param("id", ParseIntPipe) id: number) {
    AccountsController.runs++;
    return { id };
  }

  @Post()
  @Invalidates("accounts")
  create(@Body() body: { name: string }) {
    AccountsController.names = [...AccountsController.names, body.name];
    return { created: true };
  }

  @Post("refused")
  @Invalidates("accounts")
  async refused() {
    throw new ConflictException("there is one");
  }

  @Delete(":name")
  @HttpCode(204)
  async remove(@Param("name") name: string) {
    AccountsController.names = AccountsController.names.filter((each) => each !== name);
    await this.cache.invalidateTenantCache("acme", "accounts");
  }
}
`;

const MODULE = `import { Module } from "@nestjs/common";
import { TenantCacheModule } from "express-tenant-cache/nestjs";
import { AccountsController } from "./accounts.controller";

@Module({
  imports: [TenantCacheModule.forRoot({ tenant: (req) => (req as { user?: { tenantId?: string } }).user?.tenantId })],
  controllers: [AccountsController],
})
export class AppModule {}
`;

const SPEC = `import { type INestApplication, type LoggerService, Module, VersioningType } from "@nestjs/common";
import { Test } from "@nestjs/testing";
import { Cached, TenantCacheModule, TENANT_CACHE } from "express-tenant-cache/nestjs";
import type { TenantCache } from "express-tenant-cache";
import request from "supertest";
import { AccountsController } from "../src/accounts.controller";
import { AppModule } from "../src/app.module";
import { AuthGuard } from "../src/auth.guard";

describe("accounts", () => {
  let app: INestApplication;
  const lines: string[] = [];
  const log = (message: unknown) => void lines.push(String(message));
  const logger: LoggerService = { log, error: log, warn: log, debug: log, verbose: log };

  beforeAll(async () => {
    const moduleFixture = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication({ logger });
    app.enableVersioning({ type: VersioningType.HEADER, header: "x-version" });
    await app.init();
    await app.listen(0);
    lines.length = 0;
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    await app.get<TenantCache>(TENANT_CACHE).invalidateAllTenant("acme");
    AccountsController.runs = AuthGuard.runs = 0;
  });

  const get = (path: string, who = "acme user", headers: Record<string, string> = {}) =>
    request(app.getHttpServer()).get("/accounts" + path).set("authorization", who).set(headers);
  const how = (answer: { headers: Record<string, string> }) =>
    /; (hit|fwd=\\w+)/.exec(answer.headers["cache-status"] ?? "")?.[1] ?? "";

  it("caches a list, for one tenant, by its query", async () => {
    expect(how(await get(""))).toBe("fwd=miss");
    const hit = await get("");
    expect([how(hit), hit.body]).toEqual(["hit", { names: ["Example Ltd"], sort: null }]);
    expect(how(await get("?sort=name"))).toBe("fwd=miss");
    expect(how(await get("", "other user"))).toBe("fwd=miss");
    expect(AccountsController.runs).toBe(3);
  });

  it("runs guards for each request: a hit never skips authorization", async () => {
    await get("/admin", "acme admin").expect(200);
    expect(how(await get("/admin", "acme admin"))).toBe("hit");
    const refused = await get("/admin", "acme user").expect(403);
    expect(refused.body.secrets).toBeUndefined();
    await request(app.getHttpServer()).get("/accounts/admin").expect(401);
    expect([AuthGuard.runs, AccountsController.runs]).toEqual([4, 1]);
  });

  it("invalidates before the mutation is answered", async () => {
    await get("");
    await request(app.getHttpServer()).post("/accounts").set("authorization", "acme user").send({ name: "New Ltd" }).expect(201);
    expect((await get("")).body.names).toEqual(["Example Ltd", "New Ltd"]);
    await request(app.getHttpServer()).delete("/accounts/New%20Ltd").set("authorization", "acme user").expect(204);
    expect((await get("")).body.names).toEqual(["Example Ltd"]);
  });

  it("streams files, the second time from the cache", async () => {
    for (const expected of ["fwd=miss", "hit"]) {
      const answer = await get("/file").expect(200).expect("content-type", /text\\/csv/);
      expect([how(answer), answer.text]).toEqual([expected, "name\\nExample Ltd"]);
    }
    expect(AccountsController.runs).toBe(1);
  });

  it("serves handlers that answer by themselves", async () => {
    for (const expected of ["fwd=miss", "hit"]) {
      const answer = await get("/own-response").expect(200);
      expect([how(answer), answer.text]).toEqual([expected, "by itself"]);
    }
  });

  it("leaves exceptions to their filters, and stores none", async () => {
    for (let time = 0; time < 2; time++) {
      const { body } = await get("/fails").expect(404);
      expect(body).toEqual({ message: "no such account", error: "Not Found", statusCode: 404 });
    }
    expect(AccountsController.runs).toBe(2);
    await get("/numbered/x").expect(400);
    await get("/numbered/7").expect(200, { id: 7 });
    expect(how(await get("/numbered/7"))).toBe("hit");
  });

  it("keeps versions apart that are not in the URL", async () => {
    for (let time = 0; time < 2; time++)
      for (const version of ["1", "2"]) {
        const answer = await get("/versioned", "acme user", { "x-version": version }).expect(200);
        expect([how(answer), answer.body]).toEqual([time === 0 ? "fwd=miss" : "hit", { version: Number(version) }]);
      }
  });

  it("lets requests of one URL at a time share one run", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => get("?sort=together")));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(AccountsController.runs).toBe(1);
  });

  it("has said nothing of all this", () => {
    expect(lines).toEqual([]);
  });
});

describe("options that are wrong", () => {
  it("stop the application: a module name", async () => {
    class Controller {
      list() {}
    }
    Cached("Accounts")(Controller.prototype, "list", Object.getOwnPropertyDescriptor(Controller.prototype, "list")!);
    const { Controller: ofPath, Get } = await import("@nestjs/common");
    Get()(Controller.prototype, "list", Object.getOwnPropertyDescriptor(Controller.prototype, "list")!);
    ofPath("x")(Controller);
    class Wrong {}
    Module({ imports: [TenantCacheModule.forRootAsync({ useFactory: async () => ({ tenant: () => "acme" }) })], controllers: [Controller] })(Wrong);
    await expect(Test.createTestingModule({ imports: [Wrong] }).compile()).rejects.toThrow(/ETC_MODULE_NAME/);
  });

  it("stop the application: an option of the cache", async () => {
    const wrong = TenantCacheModule.forRoot({ tenant: () => "acme", ttl: 5 } as never);
    await expect(Test.createTestingModule({ imports: [wrong] }).compile()).rejects.toThrow(/ETC_OPTIONS/);
  });
});
`;

/** Path in the project, and text. */
export const NEST_APP: Readonly<Record<string, string>> = {
  "src/auth.guard.ts": GUARD,
  "src/accounts.controller.ts": CONTROLLER,
  "src/app.module.ts": MODULE,
  "test/accounts.e2e-spec.ts": SPEC,
  "test/around.e2e-spec.ts": AROUND_SPEC,
  "test/explain.e2e-spec.ts": EXPLAIN_SPEC,
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      module: "commonjs",
      target: "ES2023",
      declaration: true,
      emitDecoratorMetadata: true,
      experimentalDecorators: true,
      esModuleInterop: true,
      strict: true,
      skipLibCheck: true,
      types: ["jest", "node"],
    },
  }),
  "jest.config.json": JSON.stringify({
    moduleFileExtensions: ["js", "json", "ts"],
    rootDir: ".",
    testEnvironment: "node",
    testRegex: ".e2e-spec.ts$",
    transform: { "^.+\\.(t|j)s$": "ts-jest" },
  }),
};
