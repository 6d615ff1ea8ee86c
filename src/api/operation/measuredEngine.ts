import type { Embedder, Engine, SearchIndex } from '../../engine/engine.ts';
import { measure, type ObserveStage } from './request.ts';

/** The same engine; each call is booked to the request in whose name it is made, and to `observe`. */
export function measuredEngine(engine: Engine, observe: ObserveStage): Engine {
  return over<Engine>(engine, {
    detect: (image, options) => measure('detect', 1, observe, () => engine.detect(image, options)),
    embedder: async (model) => measuredEmbedder(await engine.embedder(model), observe),
    index: (...args) => measuredIndex(engine.index(...args), observe),
  });
}

function measuredEmbedder(embedder: Embedder, observe: ObserveStage): Embedder {
  return over<Embedder>(embedder, {
    embed: (image, faces) =>
      measure('embed', faces.length, observe, () => embedder.embed(image, faces)),
    classify: (image, faces, top) =>
      measure('embed', faces.length, observe, () => embedder.classify(image, faces, top)),
  });
}

function measuredIndex(index: SearchIndex, observe: ObserveStage): SearchIndex {
  return over<SearchIndex>(index, {
    search: (probes, k) => measure('search', probes.length, observe, () => index.search(probes, k)),
  });
}

// What is not overridden is looked up in the original, at the time it is asked for.
function over<T extends object>(original: T, overrides: Partial<T>): T {
  return Object.assign(Object.create(original) as T, overrides);
}
