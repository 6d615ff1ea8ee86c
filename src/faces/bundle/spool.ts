import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageMember, Member } from './format.ts';

/** A folder of this process and this user alone, for the members of one bundle. */
export interface Spool {
  readonly directory: string;
  path(member: Member | ImageMember): string;
  create(member: Member | ImageMember): Promise<MemberFile>;
  /** Removes it with all that lies in it. */
  remove(): Promise<void>;
}

/** A member that is being written. */
export interface MemberFile {
  write(data: Uint8Array): Promise<void>;
  /** @returns the sha256 of what was written. */
  end(): Promise<string>;
}

/**
 * Makes a folder below the system's for temporary files (`TMPDIR`). Members go through it so that
 * neither a transaction nor memory waits for the other end of a slow connection.
 */
export async function openSpool(): Promise<Spool> {
  const directory = await mkdtemp(join(tmpdir(), 'facegraph-bundle-'));
  await chmod(directory, 0o700);
  await mkdir(join(directory, 'images'));
  const path: Spool['path'] = (member) => join(directory, member);
  const writing = new Set<Awaited<ReturnType<typeof open>>>();
  return {
    directory,
    path,
    async create(member) {
      const file = await open(path(member), 'wx', 0o600);
      writing.add(file);
      const hash = createHash('sha256');
      return {
        async write(data) {
          hash.update(data);
          await file.writeFile(data);
        },
        async end() {
          writing.delete(file);
          await file.close();
          return hash.digest('hex');
        },
      };
    },
    async remove() {
      await Promise.all([...writing].map((file) => file.close()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
