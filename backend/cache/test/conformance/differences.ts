// The tests of the suite that this cache does not pass, each with its reason. One that passes, or does not exist, fails the run.

export interface DifferenceGroup {
  readonly heading: string;
  /** What the tests of the group have in common. */
  readonly reason: string;
  /** By test id. */
  readonly tests: Readonly<Record<string, string>>;
}

export const DIFFERENCES: readonly DifferenceGroup[] = [
  {
    heading: "Age by RFC 9111",
    reason:
      "The suite is older than RFC 9111, whose section 5.1 has caches use the first member of a list and ignore an invalid Age.",
    tests: {
      "age-parse-nonnumeric": "`abc` is ignored",
      "age-parse-negative": "`-7200` is ignored",
      "age-parse-prefix-twoline": "of the lines `0` and `7200` the first one counts",
      "age-parse-dup-0": "of `0, 0` the first one counts",
      "age-parse-dup-0-twoline": "of two lines `0` the first one counts",
      "age-parse-dup-old": "of `3600, 3600` the first one counts, and 3,600 of 10,000 seconds is fresh",
    },
  },
  {
    heading: "Browser caches",
    reason: "About the cache inside a browser; the suite's runner leaves these tests out for any other.",
    tests: {
      "freshness-max-age-s-maxage-private": "a private cache ignores s-maxage; this one is shared",
      "freshness-max-age-s-maxage-private-multiple": "the same, over two header lines",
      "cc-resp-private-private": "a private cache stores `private`; this one is shared",
      "cc-resp-immutable-fresh": "immutable is about a user's reload",
      "cc-resp-immutable-stale": "immutable is about a user's reload",
    },
  },
  {
    heading: "Heuristic freshness",
    reason:
      "Nothing is cached that a route has not opted in to with a lifetime (RFC 9111 section 4.2.2 is optional).",
    tests: {
      "heuristic-200-cached": "200 with Last-Modified alone",
      "heuristic-203-cached": "203 with Last-Modified alone",
      "heuristic-204-cached": "204 with Last-Modified alone",
      "heuristic-404-cached": "404 with Last-Modified alone",
      "heuristic-405-cached": "405 with Last-Modified alone",
      "heuristic-410-cached": "410 with Last-Modified alone",
      "heuristic-414-cached": "414 with Last-Modified alone",
      "heuristic-501-cached": "501 with Last-Modified alone",
    },
  },
  {
    heading: "Revalidation with the origin",
    reason:
      "The handler is in the same process and is not asked conditionally: what is stale is made anew, in full (RFC 9111 section 4.3.1 is optional). The suite's origin demands a condition.",
    tests: {
      "cc-resp-no-cache-revalidate": "`no-cache` is not stored, so there is nothing to validate",
      "cc-resp-no-cache-revalidate-fresh": "the same, with max-age",
      "cc-resp-must-revalidate-stale":
        "the stale entry is not reused, as must-revalidate demands: the handler answers anew",
      "conditional-lm-stale": "the client's condition is answered from the new response, not by the handler",
      "conditional-etag-vary-headers": "a stale variant is made anew",
      "conditional-etag-strong-generate": "no If-None-Match is sent to the handler",
      "conditional-etag-weak-generate-weak": "no weak If-None-Match is sent to the handler",
    },
  },
  {
    heading: "Freshening by a 304",
    reason:
      "A 304 from a handler freshens nothing, because no handler is asked for one: an entry is replaced by a whole response, headers included (RFC 9111 section 4.3.4 has no occasion).",
    tests: {
      "304-lm-use-stored-Test-Header": "there is no 304 whose missing header would be taken from the entry",
      "304-etag-update-response-Test-Header": "there is no 304 to take Test-Header from",
      "304-etag-update-response-X-Test-Header": "there is no 304 to take X-Test-Header from",
      "304-etag-update-response-Content-Foo": "there is no 304 to take Content-Foo from",
      "304-etag-update-response-X-Content-Foo": "there is no 304 to take X-Content-Foo from",
      "304-etag-update-response-Cache-Control": "there is no 304 to take Cache-Control from",
      "304-etag-update-response-Content-Location": "there is no 304 to take Content-Location from",
      "304-etag-update-response-Content-Security-Policy":
        "there is no 304 to take Content-Security-Policy from",
      "304-etag-update-response-Content-Type": "there is no 304 to take Content-Type from",
      "304-etag-update-response-Clear-Site-Data": "there is no 304 to take Clear-Site-Data from",
      "304-etag-update-response-Expires": "there is no 304 to take Expires from",
      "304-etag-update-response-Public-Key-Pins": "there is no 304 to take Public-Key-Pins from",
      "304-etag-update-response-Set-Cookie": "there is no 304 to take Set-Cookie from",
      "304-etag-update-response-Set-Cookie2": "there is no 304 to take Set-Cookie2 from",
      "304-etag-update-response-X-Frame-Options": "there is no 304 to take X-Frame-Options from",
      "304-etag-update-response-X-XSS-Protection": "there is no 304 to take X-XSS-Protection from",
      "304-etag-update-response-Content-Encoding": "there is no 304 that could change Content-Encoding",
      "304-etag-update-response-Content-Length": "there is no 304 that could change Content-Length",
      "304-etag-update-response-Content-MD5": "there is no 304 that could change Content-MD5",
      "304-etag-update-response-Content-Range": "there is no 304 that could change Content-Range",
      "304-etag-update-response-ETag": "there is no 304 that could change ETag",
    },
  },
  {
    heading: "Partial content",
    reason:
      "A request with Range goes to the handler, and nothing partial is stored (RFC 9111 sections 3.3 and 3.4 are optional).",
    tests: {
      "partial-store-partial-reuse-partial": "a 206 is not stored",
      "partial-store-partial-reuse-partial-byterange": "a 206 is not stored",
      "partial-store-partial-reuse-partial-absent": "a 206 is not stored",
      "partial-store-partial-reuse-partial-suffix": "a 206 is not stored",
      "partial-store-partial-complete": "a 206 is not stored, so there is nothing to complete",
      "partial-store-complete-reuse-partial": "the handler answers `bytes=0-1`",
      "partial-store-complete-reuse-partial-no-last": "the handler answers `bytes=1-`",
      "partial-store-complete-reuse-partial-suffix": "the handler answers `bytes=-1`",
      "partial-use-headers": "the handler answers the range, so nothing is combined",
      "headers-store-Content-Range":
        "a handler that sets Content-Range answers in part, whatever its status says: not stored",
    },
  },
  {
    heading: "A connection that is cut",
    reason:
      "The handler writes to the client's own connection: one that destroys it leaves nobody to answer. Nothing stale was sent.",
    tests: {
      "stale-close-must-revalidate": "the client's connection ends",
      "stale-close-proxy-revalidate": "the client's connection ends",
      "stale-close-no-cache": "the client's connection ends",
      "stale-close-s-maxage=2": "the client's connection ends",
    },
  },
  {
    heading: "Cookies",
    reason:
      "A response that sets a cookie is one client's and never stored; the suite asks for both, storing it and the cookie in it.",
    tests: {
      "headers-store-Set-Cookie": "Set-Cookie is not stored, nor the response",
      "other-set-cookie": "the same, with explicit freshness",
    },
  },
  {
    heading: "Messages that are wrong",
    reason:
      "What is not whole and consistent is not stored (RFC 9111 section 3.3), nor what has another transfer coding than `chunked`.",
    tests: {
      "headers-store-Content-Length": "the origin declares 10 bytes and sends 36",
      "headers-store-Transfer-Encoding": "the origin names a coding that does not exist, and sends none",
    },
  },
  {
    heading: "Isolation",
    reason:
      "The view that a response was made for (its scope) is part of the key: `public` and the like do not hand it to anybody else.",
    tests: {
      "other-authorization-public": "a request without Authorization is of another scope",
      "other-authorization-must-revalidate": "a request without Authorization is of another scope",
      "other-authorization-smaxage": "a request without Authorization is of another scope",
    },
  },
  {
    heading: "Freshness after a write",
    reason: "A change that has been answered is never hidden by the cache, also where that costs a hit.",
    tests: {
      "invalidate-POST-failed": "a handler that answers 500 may have committed before it failed: invalidated",
      "invalidate-PUT-failed": "the same",
      "invalidate-DELETE-failed": "the same",
      "invalidate-M-SEARCH-failed": "the same",
      "method-POST": "a write is never answered from, or stored in, the cache",
      "conditional-lm-fresh-no-lm":
        "a Date is the same for two responses of one second, of which a write may have come between",
    },
  },
  {
    heading: "Variants as they came",
    reason:
      "Declared `vary` headers are part of the key byte by byte: a handler can tell these apart, so the cache does (RFC 9111 section 4.1 allows normalizing).",
    tests: {
      "vary-normalise-lang-order": "order of languages",
      "vary-normalise-lang-case": "case of languages",
      "vary-normalise-lang-space": "white space between languages",
      "vary-normalise-lang-select": "choice by quality, which is the handler's",
      "vary-normalise-space": "white space in an unknown header",
    },
  },
  {
    heading: "Surrogate-Control",
    reason:
      "A header of content delivery networks, which no RFC defines: the TTL for this cache is the route's, and Cache-Control rules.",
    tests: {
      "surrogate-max-age": "a lifetime in Surrogate-Control alone is none",
      "surrogate-max-age-max": "the same, 2^31",
      "surrogate-max-age-max-plus": "the same, beyond 2^31",
      "surrogate-max-age-me-target": "the same, with a target",
      "surrogate-max-age-other-target": "means nothing without surrogate-max-age",
      "surrogate-max-age-age": "means nothing without surrogate-max-age",
      "surrogate-max-age-0": "means nothing without surrogate-max-age",
      "surrogate-max-age-extension": "a lifetime in Surrogate-Control alone is none",
      "surrogate-max-age-case-insensitive": "a lifetime in Surrogate-Control alone is none",
      "surrogate-max-age-expires": "the past Expires rules",
      "surrogate-max-age-cc-max-age-invalid-expires": "the invalid Expires rules",
      "surrogate-max-age-0-expires": "the future Expires rules",
      "surrogate-max-age-short-cc-max-age": "Cache-Control's shorter max-age rules",
      "surrogate-max-age-long-cc-max-age": "Cache-Control's longer max-age rules",
      "surrogate-no-store-cc-fresh": "Cache-Control's max-age rules",
      "surrogate-fresh-cc-nostore": "Cache-Control's no-store rules",
    },
  },
];
