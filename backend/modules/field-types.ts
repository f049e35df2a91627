// The kinds of fields that modules are made of: what a JSON body may hold, with bounds.
// Tests: test/http/hostile-requests.test.ts, test/http/crud.test.ts
import * as z from "zod";

const DAY_MESSAGE = 'must be a date such as "2026-03-31"';
const MAX_MONEY = 9_999_999_999_999.99;
const MAX_INTEGER = 2_147_483_647;
// Control characters and lone surrogates are no text: PostgreSQL refuses the first of them, and cannot store the others.
const ONE_LINE = /^[^\p{Cc}\p{Cs}]*$/u;
const MANY_LINES = /^(?:[^\p{Cc}\p{Cs}]|[\n\r\t])*$/u;

/** Text on one line, trimmed, not empty. */
export const text = (maxLength: number) =>
  z.string().trim().min(1).max(maxLength).regex(ONE_LINE, "must not contain control characters");

/** Text with line breaks. */
export const longText = (maxLength: number) =>
  z.string().trim().min(1).max(maxLength).regex(MANY_LINES, "must not contain control characters");

export const email = () => z.string().trim().max(254).pipe(z.email("must be an e-mail address"));

export const phone = () =>
  z
    .string()
    .trim()
    .regex(/^\+?[\d ().x/-]{3,39}$/, 'must be a phone number such as "+1 555 010 4477"');

export const website = () =>
  text(255).pipe(z.url({ protocol: /^https?$/, error: 'must be a URL such as "https://example.com"' }));

/** ISO 3166-1 alpha-2. */
export const country = () => z.string().regex(/^[A-Z]{2}$/, 'must be a country code such as "DE"');

/** An amount in the tenant's currency: numeric(15, 2), so a JSON number carries it exactly. */
export const money = () =>
  z
    .number()
    .min(0)
    .max(MAX_MONEY)
    .refine((amount) => Math.round(amount * 100) / 100 === amount, "must have at most two decimals");

export const count = () => z.int().min(0).max(MAX_INTEGER);

export const percent = () => z.int().min(0).max(100);

/** A day without time: "2026-03-31". Years from 1000: PostgreSQL has no year 0. */
export const day = () =>
  z
    .string()
    .regex(/^[1-9]/, DAY_MESSAGE)
    .pipe(z.iso.date(DAY_MESSAGE));

/** In ISO 8601, as PostgreSQL reads it: the day after 9999-12-31 is 10000-01-01, and not +010000-01-01. */
export const instantOf = (moment: Date): string => moment.toISOString().replace(/^\+0*/, "");

export const recordId = () => z.guid("must be a UUID").toLowerCase();

/** A field that may be left out or null; PUT replaces the record, so leaving it out clears it. */
export const optional = <T extends z.ZodType>(type: T) => type.nullable().default(null);
