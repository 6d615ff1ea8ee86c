import type { Prisma, PrismaClient } from '../../generated/prisma/client.ts';

/** Writes down that a gallery went out or came in: who, which, when and how much, of nobody by name. */
export async function recordTransfer(
  db: Pick<PrismaClient, 'transfer'>,
  transfer: Prisma.TransferUncheckedCreateInput,
): Promise<void> {
  await db.transfer.create({ data: transfer });
}
