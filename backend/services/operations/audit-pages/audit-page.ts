// What every page for auditors begins with: tenant, who asks, and a query that has been validated. What is refused is said on the page.
// Tests: test/http/audit-pages.test.ts
import type { ConsoleAnswer, ConsoleHtml, ConsolePage, ConsolePageRequest } from "express-tenant-cache";
import * as z from "zod";
import type { OverlayRole } from "../../../http/identity/auth.js";
import { identityOf } from "../../../http/identity/authenticate.js";
import { tenantOf, withTenantChoice } from "../../../http/identity/tenant-choice.js";
import { HttpProblem } from "../../../http/problem.js";
import { validate } from "../../../http/validation.js";
import type { Actor } from "../../audit/audit-event.js";
import { actorOf } from "../../audit/routes/audit-request.js";
import type { AuditRoutesOptions } from "../../audit/routes/audit-routes.js";
import type { SubjectVault } from "../../subjects/subject-vault.js";
import type { SyncService } from "../../sync/sync-service.js";

/** What the pages are about; they ask the same services as the routes. */
export interface AuditPageSources {
  readonly audit: AuditRoutesOptions;
  readonly vault?: Pick<SubjectVault, "unfinishedErasures"> | undefined;
  readonly sync?: SyncService | undefined;
}

/** Somebody's request for a page about one tenant. */
export interface AuditPageRequest<T> extends ConsolePageRequest {
  readonly tenantId: string;
  readonly actor: Actor;
  readonly given: T;
  /** A link to a page for auditors, about the same tenant. */
  readonly go: (path: string, parameters?: Readonly<Record<string, string | undefined>>) => string;
  /** The hidden fields that a form of such a page needs, by its method. */
  readonly fields: { readonly get: ConsoleHtml; readonly post: ConsoleHtml };
}

export interface AuditPage {
  readonly roles: readonly OverlayRole[];
  readonly page: ConsolePage;
}

export const PAGE_ROWS = 50;
/** Pages go from the newest index down. */
export const before = z
  .string("must be given once")
  .regex(/^\d{1,15}$/, "must be a whole number")
  .transform(Number)
  .optional();

interface Described<T> {
  readonly path: string;
  readonly title: string;
  /** Those that the routes with the same content are for, the widest first. */
  readonly roles: readonly OverlayRole[];
  /** Of the query, without `tenant_id`. */
  readonly query: z.ZodType<T>;
  readonly show: (request: AuditPageRequest<T>) => Promise<ConsoleAnswer>;
  readonly take?: (
    request: AuditPageRequest<unknown>,
    form: ReadonlyMap<string, string>,
  ) => Promise<ConsoleAnswer>;
}

export function auditPage<T>({ path, title, roles, query, show, take }: Described<T>): AuditPage {
  return {
    roles,
    page: {
      path,
      title,
      render: (request) =>
        told(request, async () => {
          const chosen = aboutTenant(request, roles, request.query.get("tenant_id"));
          const shown = await show({ ...chosen, given: validate(query, "query", givenIn(request.query)) });
          // Whose records these are: the others see one tenant alone.
          return isMarkup(shown) ? request.html`${tenantChooser(request, chosen.tenantId)}${shown}` : shown;
        }),
      ...(take && {
        submit: (request, form) =>
          told(request, () => take(aboutTenant(request, roles, form.get("tenant_id")), form)),
      }),
    },
  };
}

function aboutTenant(
  request: ConsolePageRequest,
  roles: readonly OverlayRole[],
  tenantChoice: string | null | undefined,
): AuditPageRequest<unknown> {
  const { req, html, link, token } = request;
  if (tenantChoice) req.auth = withTenantChoice(identityOf(req), tenantChoice);
  const tenantId = tenantOf(req);
  const field = html`<input type="hidden" name="tenant_id" value="${tenantId}">`;
  return {
    ...request,
    tenantId,
    actor: actorOf(req, ...roles),
    given: undefined,
    go: (path, parameters = {}) => link(path, { tenant_id: tenantId, ...parameters }),
    fields: { get: field, post: html`${token}${field}` },
  };
}

/** Fields that a browser sends empty are none; what comes twice is an array, which no schema here takes. */
function givenIn(query: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(query.keys())].filter((name) => name !== "tenant_id");
  const given = names.map((name) => {
    const values = query.getAll(name);
    return [name, values.length === 1 ? (values[0] ?? "") : values] as const;
  });
  return Object.fromEntries(given.filter(([, value]) => value !== ""));
}

const isMarkup = (answer: ConsoleAnswer): answer is ConsoleHtml => "text" in answer && !("file" in answer);

function tenantChooser({ html, person }: ConsolePageRequest, tenantId: string | null): ConsoleHtml | false {
  return (
    person.tenants === "all" &&
    html`<form method="get" class="row"><label>Tenant <input name="tenant_id" required value="${tenantId}" autocomplete="off"></label><button>Choose</button></form>`
  );
}

/** Faults of the server's are the error handler's, which logs them. */
async function told(request: ConsolePageRequest, work: () => Promise<ConsoleAnswer>): Promise<ConsoleAnswer> {
  try {
    return await work();
  } catch (error) {
    const { req, html, query } = request;
    if (!(error instanceof HttpProblem) || (error.status >= 500 && !error.isTold)) throw error;
    for (const [name, value] of Object.entries(error.headers)) req.res?.setHeader(name, value);
    const wrong = (error.errors ?? []).map(
      ({ pointer, message }) => html`<li>${pointer.replace(/^#\//, "")} ${message}</li>`,
    );
    const content = html`${tenantChooser(request, query.get("tenant_id"))}
<p role="alert" class="warning">${error.message}</p>
<ul>${wrong}</ul>`;
    return { content, status: error.status };
  }
}
