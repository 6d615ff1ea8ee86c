import type { JobService } from '../faces/jobs/work.ts';
import type { Key } from '../faces/keys.ts';
import type { Searcher } from '../faces/search/searcher.ts';
import type { Limits } from './operation/limits.ts';
import type { Metrics } from './operation/metrics.ts';

/** What every resolver gets. */
export interface Context extends JobService, Searcher {
  /** The key of the request; null without a valid one. */
  readonly key: Key | null;
  /** The embedded database or a server. */
  readonly databaseKind: 'PGlite' | 'PostgreSQL';
  /** How much a request may ask for. */
  readonly limits: Limits;
  readonly metrics: Metrics;
}
