import { parentPort } from 'node:worker_threads';
import { maskFigures } from '../evaluation/maskFigures.ts';
import { maskFaces } from '../masks/maskFaces.ts';
import type { AsideAnswer, AsideRequest } from './aside.ts';

const port = parentPort!;

port.on('message', (request: AsideRequest) => {
  if ('image' in request) {
    const image = maskFaces(request.image, request.faces, request.masks);
    const answer: AsideAnswer = { image };
    port.postMessage(answer, [image.data.buffer as ArrayBuffer]);
  } else {
    const answer: AsideAnswer = {
      figures: maskFigures(request.subjects, request.seed, request.fmr),
    };
    port.postMessage(answer);
  }
});
port.postMessage('ready');
