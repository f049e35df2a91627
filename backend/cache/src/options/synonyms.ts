// What other caches and other libraries call the options of this one: for refusals that say what to write instead.
// Tests: test/unit/refusals/cache-options.test.ts, test/unit/refusals/http-options.test.ts

/**
 * By the option's name here, in small letters without separators. An option that a call does not have is not
 * suggested for it.
 */
const SYNONYMS: Readonly<Record<string, string>> = {
  ttlSeconds:
    "ttl ttlms ttlsec ttls ttlinseconds expire expires expiresin expireseconds expiry expiration maxage maxageseconds max-age smaxage ex px duration lifetime timetolive stdttl defaultttl cachetime seconds time age",
  staleWhileRevalidate:
    "swr stale staletime stalettl stalefor staleseconds grace graceperiod revalidate softttl",
  staleIfError: "sie staleonerror serveStaleOnError",
  scope:
    "user userid username role roles session sessionid principal owner by per perUser varyByUser private",
  vary: "varyheaders varyby headers header appendkey",
  enabled: "enable active on disabled disable off caching",
  policy: "profile preset policies strategy template",
  methods: "method verbs httpmethods",
  "body.maxBytes": "maxrequestbytes maxquerybytes",
  privateResponses: "storeprivate cacheprivate allowprivate respectprivate",
  varyBy: "varyon varyfn appendtokey keyparts keyextra discriminator",
  params:
    "queries queryparams queryparameters parameters allowedparams allowedquery whitelist allowlist querystring",
  ignoreParams:
    "ignorequery ignorequeryparams ignoredparams excludeparams excludequery stripparams ignoresearch blocklist trackingparams",
  skip: "bypass bypassif unless skipif skipcache nocache except",
  shouldStore:
    "condition cacheif shouldcache storeif cachewhen shouldcacheresponse shouldcacheresult toggle filter if when",
  statuses: "status statuscode statuscodes cacheablestatus cacheablestatuses okstatuses",
  tags: "tag labels label surrogatekey surrogatekeys cachetags",
  dependsOn: "depends dependson dependencies dependency deps also relatedmodules",
  modules: "module group groups name names resource resources collection",
  maxBodyBytes: "maxbody maxbodysize maxbytes maxsize sizelimit bodylimit maxresponsesize limit",
  maxEntriesPerModule: "max maxentries maxitems maxkeys maxelements capacity size entries limit",
  maxRequests: "max maxsize maxentries maxitems size limit",
  "memory.maxBytes": "max maxmemory maxbytes maxsize memorybytes memorylimit sizelimit size limit",
  reservedBytesPerTenant:
    "reserve reserved reservedbytes reservation minbytes mintenantbytes guaranteedbytes",
  maxPooledBytes: "pool poolbytes pooledbytes sharedbytes maxpoolbytes",
  advice: "advise advisor recommend recommendations observe sampling",
  replica: "replicas readreplica readreplicas readpool replicapool follower standby",
  settleMs: "settle lag replicalag settleseconds delay delayms",
  freshness: "consistency leased lease strict mode freshnessmode consistencylevel",
  maxStaleness: "staleness maxstale maxstalenessms stalems",
  obeyRequest:
    "respectrequest respectcachecontrol honorrequest allowbypass revalidaterequests obeycachecontrol",
  tenant: "tenantid gettenant tenantresolver resolvetenant tenantfn tenantkey account organization org",
  redis:
    "client redisclient redisurl redisoptions url uri connection connectionstring connectionurl host ioredis server",
  store: "storage adapter driver backend engine cache cachestore stores",
  keyPrefix: "prefix keysprefix cacheprefix namespace ns prependkey",
  hash: "hashing algorithm hashfunction hashalgorithm digest",
  budgetMs: "budget timeout timeoutms operationtimeout commandtimeout storetimeout maxwaitms",
  encryption: "encrypt encryptionkey encryptionkeys secret secrets cipher crypto",
  local: "l1 l1cache localcache inprocess inmemory",
  memory: "mem memorycache memorystore",
  fill: "singleflight coalesce coalescing dedupe dedup lock locking stampede collapse",
  "fill.waitMs": "waitms wait lockms locktimeout",
  "fill.maxConcurrent": "concurrency maxconcurrency concurrent limit parallel maxparallel semaphore bulkhead",
  "fill.maxRunMs": "maxrun runms handlertimeout timeoutms executiontimeout statementtimeout",
  "fill.retryAfterSeconds": "retryafter retry",
  compress: "compression gzip brotli deflate",
  serverTiming: "timing servertimings timings",
  logger: "log logging debug verbose loglevel console",
  maxPendingInvalidations: "maxpending queue queuesize maxqueue",
  onUnreachable: "onerror onfailure failmode unreachable onstoreaway",
  guardMs: "guardtimeout guardseconds guardttl guardtimeoutms",
  identify: "authenticate authentication authorize auth authenticator identity getidentity user tenant",
  use: "middleware middlewares before handlers",
  relearnSeconds: "relearn relearnms ttl ttlseconds expire maxage revalidateseconds",
  negativeTtlSeconds: "negativettl nullttl negative cachenull cachenulls negativettlms",
  compressAboveBytes: "compress compressabove compressthreshold compressionthreshold threshold compression",
  maxBytes: "maxsize maxvaluebytes maxvaluesize sizelimit",
  onTooLarge: "onlarge toolarge ontoobig",
  encrypt: "encryption encrypted",
  schema: "validate validator validation type zod parse",
  nx: "onlyifabsent ifabsent setnx unlessexists add",
  jitter: "jitterms spread random jitterpercent",
  ttlMs: "ttl ttlseconds expire expires expiry timeout lease leasems duration px ex locktimeout",
  waitMs: "wait waitseconds timeout retry retries retrydelay waitfor acquiretimeout",
  signal: "abort abortsignal cancel",
  concurrency: "parallel parallelism concurrent workers limit batchsize",
  readyWithinMs: "ready readytimeout timeout timeoutms waitms",
  names: "name strategy strategies only",
  intervalMs: "interval every period pollms poll frequency",
  windowMs: "window recent range",
  thresholds: "threshold limits alerts",
  rules: "rule checks alertrules",
  tenantIds: "tenants tenant tenantid ids",
  tenantId: "tenant tenantids id",
  perTenant: "bytenant tenants breakdown",
  force: "yes confirm really sure",
  routes: "route paths urls endpoints",
  tenants: "tenant users identities",
  timeoutMs: "timeout timeoutseconds requesttimeout",
  mutate: "mutation mutations write change",
  normalize: "normalise clean transform sanitize",
};

/** What has no option, and why. */
const NOT_OPTIONS: readonly (readonly [names: string, advice: string])[] = [
  [
    "key keys keyfn keygenerator generatekey getkey cachekey keybuilder createkey customkey keyresolver",
    "the library makes the keys: say what a response depends on by scope, vary or params, and what else by varyBy",
  ],
  [
    "when unless condition bypass bypassif cacheif shouldcache toggle if filter",
    "leave cacheList out where nothing is to be cached, or have the handler send Cache-Control: no-store",
  ],
  ["cachecontrol", "set Cache-Control in the handler, which the cache leaves as it is"],
  ["purgeon invalidateon clearon", "mount invalidateCache on what changes the data"],
];

/** The options of a call that a name may stand for: as paths, the likeliest first. */
export function synonymsOf(folded: string): readonly string[] {
  return OPTIONS_BY_SYNONYM.get(folded) ?? [];
}

/** What to do where there is no such option on purpose. */
export function adviceOn(folded: string): string | undefined {
  return NOT_OPTIONS.find(([names]) => names.split(" ").includes(folded))?.[1];
}

const OPTIONS_BY_SYNONYM = new Map<string, string[]>();
for (const [option, synonyms] of Object.entries(SYNONYMS))
  for (const synonym of synonyms.toLowerCase().replaceAll("-", "").split(" "))
    OPTIONS_BY_SYNONYM.set(synonym, [...(OPTIONS_BY_SYNONYM.get(synonym) ?? []), option]);
