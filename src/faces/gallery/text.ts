import { FacegraphError } from '../../errors.ts';

const MAX_LENGTH = 200;

/**
 * A name as it is stored: without space around it, in Unicode's composed form.
 * @param what the text is, for the message.
 * @throws FacegraphError `InvalidInput` unless it has 1 to 200 characters.
 */
export function named(text: string, what = 'a name'): string {
  return bounded(text.trim().normalize('NFC'), what);
}

/**
 * A key of the client's own, stored as it is.
 * @throws FacegraphError `InvalidInput` unless it has 1 to 200 characters.
 */
export function keyed(text: string, what: string): string {
  return bounded(text, what);
}

function bounded(text: string, what: string): string {
  if (text === '' || text.length > MAX_LENGTH)
    throw new FacegraphError('InvalidInput', `${what} has 1 to ${MAX_LENGTH} characters`);
  // PostgreSQL cannot hold it.
  if (text.includes('\0'))
    throw new FacegraphError('InvalidInput', `${what} has a character U+0000`);
  return text;
}
