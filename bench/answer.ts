/** One answer from a cold process; `ready.ts` times it. */
import { closeDecoder } from '../src/engine/image/decode.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { photographs } from './photographs.ts';

const engine = await openEngine();
const [[image], embedder] = await Promise.all([
  photographs(640, 480, 1),
  engine.embedder('facenet-vggface2'),
]);
const faces = await engine.detect(image);
const embeddings = await embedder.embed(image, faces);
if (embeddings.length === 0) throw new Error('no face was found');
await Promise.all([engine.close(), closeDecoder()]);
