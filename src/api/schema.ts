import './detect.ts';
import './verify.ts';
import './identify.ts';
import './similarFaces.ts';
import './embed.ts';
import './searchEvents.ts';
import './transfer.ts';
import './gallery.ts';
import './identity.ts';
import './face.ts';
import './job.ts';
import './jobBulk.ts';
import './jobProgress.ts';
import './jobReembed.ts';
import './cluster.ts';
import './apiKey.ts';
import './enrol.ts';
import './edit.ts';
import './erasure.ts';
import './models.ts';
import './kernelProfile.ts';
import './health.ts';
import { builder } from './builder.ts';
import { countOutcomes } from './operation/rootOutcomes.ts';
import { describePaging } from './paging.ts';

/** The executable GraphQL schema. Each file imported above adds its noun to the builder. */
export const schema = countOutcomes(describePaging(builder.toSchema()));
