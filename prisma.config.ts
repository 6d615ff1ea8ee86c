import { defineConfig } from 'prisma/config';

// The CLI is used to generate the client; the server applies the migrations itself (src/faces/migrate.ts).
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
