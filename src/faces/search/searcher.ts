import { FacegraphError } from '../../errors.ts';
import type { Service } from '../gallery/galleries.ts';
import type { Search, SearchLog } from './searchLog.ts';

/** What a search works with: it is made by a key, and written down. */
export interface Searcher extends Service {
  readonly key: { readonly id: string } | null;
  readonly searchLog: SearchLog;
}

/** Writes a search down. @throws FacegraphError `EngineBusy`: then it must not be answered. */
export function recordSearch({ key, searchLog }: Searcher, search: Omit<Search, 'keyId'>): void {
  if (!key) throw new FacegraphError('Unauthenticated', 'a search is made by a key');
  searchLog.record({ ...search, keyId: key.id });
}
