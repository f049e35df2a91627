// `TenantCacheModule`: one cache for a Nest application, opened with it and closed with it.
// Tests: test/package/nest.test.ts
import {
  ConfigurableModuleBuilder,
  Global,
  Inject,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import { APP_GUARD, HttpAdapterHost } from "@nestjs/core";
import { TenantCacheError } from "../errors.js";
import type { TenantCacheOptions } from "../options/cache-options.js";
import { createTenantCache, type TenantCache } from "../tenant-cache.js";
import { DryRunGuard, NestRoutes } from "./dry-run-guard.js";
import { TENANT_CACHE } from "./tenant-cache-token.js";

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<TenantCacheOptions>({
  moduleName: "TenantCache",
})
  .setClassMethodName("forRoot")
  .setFactoryMethodName("createTenantCacheOptions")
  .build();

/**
 * Provides the cache to all modules of the application.
 *
 * - `TenantCacheModule.forRoot({ tenant: (req) => req.user?.tenantId, redis })`: the options of
 *   `createTenantCache`
 * - `TenantCacheModule.forRootAsync({ imports, inject, useFactory })`, also with `useClass` or `useExisting`: a
 *   class with `createTenantCacheOptions()`
 *
 * It is for applications on Express (`@nestjs/platform-express`); on another adapter the application does not
 * start. The cache is closed when the application has shut down.
 *
 * @throws TenantCacheError while the application starts: what `createTenantCache` throws, and
 *   `ETC_NEST_ADAPTER`
 */
export class TenantCacheModule
  extends ConfigurableModuleClass
  implements NestModule, OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #cache: TenantCache;
  readonly #host: HttpAdapterHost;
  #routes: NestRoutes | undefined;

  constructor(cache: TenantCache, host: HttpAdapterHost) {
    super();
    this.#cache = cache;
    this.#host = host;
  }

  /** Called when the adapter is known, and no route has been mounted. */
  configure(): void {
    if (this.#host.httpAdapter?.getType() === "express")
      this.#routes = new NestRoutes(this.#host.httpAdapter);
  }

  onModuleInit(): void {
    // None in an application without HTTP: a worker may use the cache, too.
    const adapter = this.#host.httpAdapter?.getType();
    if (adapter === undefined || adapter === "" || adapter === "express") return;
    throw new TenantCacheError(
      "ETC_NEST_ADAPTER",
      `TenantCacheModule needs the Express adapter, and the application's is ${adapter}: write NestFactory.create(AppModule) with @nestjs/platform-express`,
    );
  }

  /** Routes are there by now, and no request has come. */
  onApplicationBootstrap(): void {
    this.#routes?.letDryRunsIn();
  }

  /** Behind the last request. */
  async onApplicationShutdown(): Promise<void> {
    await this.#cache.close();
  }
}

// By calls: decorators are no syntax that can be erased.
Inject(TENANT_CACHE)(TenantCacheModule, undefined, 0);
Inject(HttpAdapterHost)(TenantCacheModule, undefined, 1);
Global()(TenantCacheModule);
Module({
  providers: [
    {
      provide: TENANT_CACHE,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: TenantCacheOptions) => createTenantCache(options),
    },
    { provide: APP_GUARD, useClass: DryRunGuard },
  ],
  exports: [TENANT_CACHE],
})(TenantCacheModule);
