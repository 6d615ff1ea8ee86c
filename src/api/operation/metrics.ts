import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Engine } from '../../engine/engine.ts';
import type { QueueObserver } from '../../engine/fairQueue.ts';
import type { Indexes } from '../../faces/gallery/indexes.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { ObserveStage, RequestRecord } from './request.ts';

/** Counters of this process, for Prometheus. Nothing is labelled by what a client can choose. */
export interface Metrics {
  readonly observeStage: ObserveStage;
  /** What waits for the GPU, and for a thread that decodes. */
  readonly gpuQueue: QueueObserver;
  readonly decodeQueue: QueueObserver;
  /** Counts a run of an embedding network by its faces. */
  batched(faces: number): void;
  /** Counts a root field by its outcome: `ok` or the code of a failure. */
  operation(field: string, outcome: string): void;
  /** Counts a request that has its answer. */
  request(request: RequestRecord, status: number): void;
  rateLimited(): void;
  /** Tells of what the process works with, asked anew at each scrape. */
  describe(service: Described): void;
  /** In Prometheus's text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** What the gauges look at. */
interface Described {
  readonly db: PrismaClient;
  readonly engine: Engine;
  readonly indexes: Indexes;
  readonly databaseKind: string;
}

// From a small index's search on a GPU to an image of 40 megapixels in software.
const SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

/** Metrics of their own, and those of the process: memory, event loop lag, garbage collection. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const operations = new Counter({
    name: 'facegraph_operations_total',
    help: 'Root fields answered, by outcome: ok or the code of a failure',
    labelNames: ['field', 'outcome'],
    registers,
  });
  const requests = new Histogram({
    name: 'facegraph_request_seconds',
    help: 'GraphQL requests until their answer, by HTTP status',
    labelNames: ['status'],
    buckets: SECONDS,
    registers,
  });
  const stages = new Histogram({
    name: 'facegraph_stage_seconds',
    help: 'Calls of decoder, detector, embedder and search, waiting included, of requests and jobs',
    labelNames: ['stage'],
    buckets: SECONDS,
    registers,
  });
  const waiting = new Gauge({
    name: 'facegraph_queue_length',
    help: 'Pieces of work that wait for the GPU, pictures that wait to be decoded',
    labelNames: ['queue'],
    registers,
  });
  const waits = new Histogram({
    name: 'facegraph_queue_wait_seconds',
    help: 'How long each waited for its turn',
    labelNames: ['queue'],
    buckets: SECONDS,
    registers,
  });
  const batches = new Histogram({
    name: 'facegraph_batch_faces',
    help: 'Faces of each run of an embedding network, of several requests mostly when it is busy',
    buckets: [1, 2, 3, 4, 5, 6, 7, 8, 16],
    registers,
  });
  const queue = (name: string): QueueObserver => {
    waiting.set({ queue: name }, 0);
    return {
      length: (entries) => waiting.set({ queue: name }, entries),
      waited: (ms) => waits.observe({ queue: name }, ms / 1000),
    };
  };
  const images = new Counter({
    name: 'facegraph_images_total',
    help: 'Images that requests brought',
    registers,
  });
  const limited = new Counter({
    name: 'facegraph_rate_limited_total',
    help: 'Refusals because a key had spent its share',
    registers,
  });
  return {
    observeStage: (stage, ms) => stages.observe({ stage }, ms / 1000),
    gpuQueue: queue('gpu'),
    decodeQueue: queue('decode'),
    batched: (faces) => batches.observe(faces),
    operation: (field, outcome) => operations.inc({ field, outcome }),
    request(request, status) {
      requests.observe({ status }, (performance.now() - request.started) / 1000);
      images.inc(request.images);
    },
    rateLimited: () => limited.inc(),
    describe: (service) => describe(registers, service),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function describe(registers: Registry[], { db, engine, indexes, databaseKind }: Described): void {
  const { vendor, architecture, description, software } = engine.adapter;
  new Gauge({
    name: 'facegraph_adapter_info',
    help: 'The GPU that does the work',
    labelNames: ['vendor', 'architecture', 'description', 'software'],
    registers,
  }).set({ vendor, architecture, description, software: String(software) }, 1);
  new Gauge({
    name: 'facegraph_database_info',
    help: 'Where galleries are kept',
    labelNames: ['kind'],
    registers,
  }).set({ kind: databaseKind }, 1);
  new Gauge({
    name: 'facegraph_indexed_faces',
    help: 'Faces of all galleries that can be found',
    registers,
    collect() {
      this.set(indexes.size());
    },
  });
  new Gauge({
    name: 'facegraph_galleries',
    help: 'Galleries in the database; NaN while it cannot be asked',
    registers,
    async collect() {
      this.set(await db.gallery.count().catch(() => Number.NaN));
    },
  });
}
