import type { FacegraphError, QualityCode } from '../errors.ts';
import type { QualityRefusal } from '../faces/quality/limits.ts';
import { builder } from './builder.ts';
import { Failure, withCode } from './failures.ts';

const QualityFailure = builder.interfaceRef<FacegraphError>('QualityFailure').implement({
  description: 'A face is not what the gallery asks for. `updateGallery` moves its limits.',
  interfaces: [Failure],
  fields: (t) => ({
    limitName: t.string({
      description: 'The limit that it breaks, as `QualityLimits` calls it.',
      resolve: ({ details }) => refusal(details).limitName,
    }),
    value: t.float({
      description: 'As measured; of an angle without its sign.',
      resolve: ({ details }) => refusal(details).value,
    }),
    limit: t.float({
      description: 'What the gallery takes.',
      resolve: ({ details }) => refusal(details).limit,
    }),
  }),
});

const DESCRIPTIONS: Readonly<Record<QualityCode, string>> = {
  LowConfidence: 'The detector is not sure that it is a face. Send another photograph.',
  LandmarksOutside:
    'Eyes, nose or mouth were found outside of the face, so one of both is wrong. Send another photograph.',
  FaceTooSmall: 'The face has too few pixels. Come nearer, or send the photograph in full size.',
  PoseTooExtreme:
    'The face looks too far to a side, up or down, or is tilted too much. Look into the camera.',
  FaceTooDark: 'The face is too dark. Bring light to it, from the front; a dark mask must go.',
  FaceOverexposed: 'The face is too bright, or much of it is white. Take the light away.',
  LowContrast: 'The face is all of one grey, as in fog. Send another photograph.',
  FaceTooBlurry: 'The face is out of focus, shaken or scaled up. Send a sharper photograph.',
  QualityTooLow:
    'The face breaks no other limit, but has a little of everything. `detect` answers all measures.',
};

/** Every refusal for the quality of a face. */
export const QUALITY_FAILURES = (Object.keys(DESCRIPTIONS) as QualityCode[]).map((code) => {
  const type = withCode(code);
  builder.objectType(type, {
    name: code,
    description: DESCRIPTIONS[code],
    interfaces: [Failure, QualityFailure],
  });
  return type;
});

function refusal(details: FacegraphError['details']): QualityRefusal {
  return details as unknown as QualityRefusal;
}
