// BullMQ: what a job touches is its tenant's. `job.data.tenantId` says whose it is.
export const touchedByJob = (cache, work) => (job) => cache.asTenant(job.data.tenantId, () => work(job));
