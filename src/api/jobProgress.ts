import { Repeater } from 'graphql-yoga';
import { findJob, followJob } from '../faces/jobs/jobs.ts';
import { isInForce } from '../faces/keys.ts';
import type { Job } from '../generated/prisma/client.ts';
import { builder } from './builder.ts';
import { JobNode } from './job.ts';

builder.subscriptionType({ description: 'What goes on, as server-sent events.' });

builder.subscriptionField('jobProgress', (t) =>
  t.field({
    type: JobNode,
    description:
      'A job now and whenever it gets on, at most some times a second; ends with the job, or with the key. `JobNotFound` is an error here. Scope `gallery:read`.',
    authScopes: { galleryRead: true },
    args: { id: t.arg.globalID({ required: true, for: [JobNode], description: 'Which one.' }) },
    subscribe: async (_root, { id }, context) => {
      const job = await findJob(context, id.id);
      return new Repeater<Job>(async (push, stop) => {
        // A generator that waits cannot be told to stop: the client's going away aborts the wait.
        const gone = new AbortController();
        stop.then(() => gone.abort());
        const signal = AbortSignal.any([gone.signal, context.jobs.stopping]);
        const permitted = () => isInForce(context.db, context.key!);
        for await (const now of followJob(context, job, signal, permitted)) await push(now);
        stop();
      });
    },
    resolve: (job) => job,
  }),
);
