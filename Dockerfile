# The backend's image: compiled in one stage, its packages installed in another, run from a third.
FROM node:24-alpine AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The library is a workspace: npm links its folder into node_modules.
COPY backend/cache/package.json ./backend/cache/package.json

FROM base AS build
# With optional packages: the compiler's program for this platform is one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY backend ./backend
COPY scripts ./scripts
RUN npm run build && mkdir -p volumes/subject-secrets volumes/audit-checkpoints

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-alpine
# The rest is not writable where Compose runs it (read_only): what npm run writes goes to /tmp.
ENV NODE_ENV=production
ENV NPM_CONFIG_CACHE=/tmp/.npm NPM_CONFIG_UPDATE_NOTIFIER=false
WORKDIR /app
COPY package.json ./
COPY backend/db/migrations ./backend/db/migrations
# For operators: docker compose exec backend npm run admin -- --help, and npm run audit
COPY scripts/bootstrap.mjs ./scripts/bootstrap.mjs
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist/backend ./dist/backend
COPY --from=build /app/dist/scripts ./dist/scripts
COPY --from=build /app/backend/cache/package.json ./backend/cache/package.json
COPY --from=build /app/backend/cache/dist ./backend/cache/dist
# Owned by root and only read: the process cannot change its own program.
# A new volume that is mounted on the folder in it belongs to whom that one does.
COPY --from=build --chown=node:node /app/volumes /var/lib/crm
USER node
EXPOSE 4001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:' + (process.env.PORT ?? 4001) + '/api/system/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/backend/server.js"]
