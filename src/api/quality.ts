import {
  completeLimits,
  LIMIT_NAMES,
  LIMITS,
  type LimitName,
  type QualityLimits as Limits,
  limitOf,
  type QualityRefusal,
  refusalText,
} from '../faces/quality/limits.ts';
import type { Quality as Shape } from '../faces/quality/quality.ts';
import { builder } from './builder.ts';

/** How well a face can be recognised. */
export const Quality = builder.objectRef<Shape>('Quality').implement({
  description:
    'How well a face can be recognised, as measured in the pixels and landmarks. It says nothing of who it is.',
  fields: (t) => ({
    score: t.exposeFloat('score', {
      description: 'All of it together, 0 to 1: the product of what each measure is worth.',
    }),
    size: t.exposeInt('size', { description: 'Shorter side of the box, in pixels.' }),
    sharpness: t.exposeFloat('sharpness', {
      description:
        'Fine detail against coarse in the face cut upright at one scale, whatever the size of the photograph: about 0.4 in a good one, under 0.15 in one out of focus. Noise raises it.',
    }),
    yaw: t.exposeFloat('yaw', {
      description: 'Degrees that it is turned, to the right of the picture when positive.',
    }),
    pitch: t.exposeFloat('pitch', { description: 'Degrees that it looks up; down if negative.' }),
    roll: t.exposeFloat('roll', { description: 'Degrees that it is tilted clockwise.' }),
    brightness: t.exposeFloat('brightness', {
      description: 'Mean luminance, 0 (black) to 1 (white).',
    }),
    contrast: t.exposeFloat('contrast', {
      description: 'Standard deviation of the luminance, 0 to 0.5.',
    }),
    dark: t.exposeFloat('dark', { description: 'Share of it that is all but black, 0 to 1.' }),
    bright: t.exposeFloat('bright', { description: 'Share of it that is all but white, 0 to 1.' }),
    outside: t.exposeInt('outside', { description: 'Landmarks outside of the box, 0 to 5.' }),
    confidence: t.exposeFloat('confidence', {
      description: "The detector's probability that it is a face, 0 to 1.",
    }),
  }),
});

/** The limits of a gallery, the standard where it has none of its own. */
export const QualityLimits = builder
  .objectRef<Record<LimitName, number>>('QualityLimits')
  .implement({
    description: 'What a face must reach to be enrolled; a face beyond one of them is refused.',
    fields: (t) => {
      const fields = LIMIT_NAMES.map((name) => {
        const options = { description: describe(name) };
        return [
          name,
          limitOf(name).whole ? t.exposeInt(name, options) : t.exposeFloat(name, options),
        ];
      });
      return Object.fromEntries(fields);
    },
  });

/** Limits as a client gives them. */
export const QualityLimitsInput = builder.inputType('QualityLimitsInput', {
  description:
    'What a face must reach to be enrolled. What is absent stays as it is; null is the standard.',
  fields: (t) => {
    const fields = LIMIT_NAMES.map((name) => {
      const { standard, range, bound } = LIMITS[name];
      const [from, to] = range.map((end) => end.toLocaleString('en'));
      const none = bound === 'min' ? from : to;
      const description = `${describe(name)} ${from} (${none === from ? 'refuses none' : 'strictest'}) to ${to}; the standard is ${standard}.`;
      return [name, limitOf(name).whole ? t.int({ description }) : t.float({ description })];
    });
    return Object.fromEntries(fields) as Record<LimitName, ReturnType<typeof t.float>>;
  },
});

/** A limit that a face breaks. */
export const QualityRefusalType = builder.objectRef<QualityRefusal>('QualityRefusal').implement({
  description: 'Why a face is not good enough.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The failure that an enrolment answers.' }),
    limitName: t.exposeString('limitName', { description: 'The limit that it breaks.' }),
    value: t.exposeFloat('value', { description: 'As measured; of an angle without its sign.' }),
    limit: t.exposeFloat('limit', { description: 'What the gallery takes.' }),
    message: t.string({ description: 'One line for people.', resolve: refusalText }),
  }),
});

/** What a gallery's column holds, complete. */
export function limitsOf(column: unknown): Record<LimitName, number> {
  return completeLimits(column as Limits | null);
}

function describe(name: LimitName): string {
  const { means, bound } = LIMITS[name];
  return `${means}, ${bound === 'min' ? 'at least' : 'at most'}.`;
}
