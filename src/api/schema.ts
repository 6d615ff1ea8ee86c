import './detect.ts';
import './verify.ts';
import './identify.ts';
import './gallery.ts';
import './identity.ts';
import './face.ts';
import './enrol.ts';
import './edit.ts';
import './erasure.ts';
import './models.ts';
import './health.ts';
import { builder } from './builder.ts';
import { describePaging } from './paging.ts';

/** The executable GraphQL schema. Each file imported above adds its noun to the builder. */
export const schema = describePaging(builder.toSchema());
