# The backend's image: compiled in one stage, run from another that has production dependencies only.
FROM node:24-alpine AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional --ignore-scripts
COPY tsconfig.json ./
COPY backend ./backend
COPY scripts ./scripts
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-alpine
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=node:node /app/package.json ./
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/dist/backend ./dist/backend
COPY --chown=node:node backend/db/migrations ./backend/db/migrations
USER node
EXPOSE 4001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:' + (process.env.PORT ?? 4001) + '/api/system/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/backend/server.js"]
