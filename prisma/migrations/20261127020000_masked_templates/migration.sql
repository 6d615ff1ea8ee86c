-- AlterEnum
ALTER TYPE "JobKind" ADD VALUE 'DRAW_MASKS';

-- CreateEnum
CREATE TYPE "MaskKind" AS ENUM ('SURGICAL', 'N95', 'CLOTH', 'ROUND');

-- AlterTable
ALTER TABLE "Gallery" ADD COLUMN "maskedTemplates" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "MaskEmbedding" (
    "faceId" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "kind" "MaskKind" NOT NULL,
    "vector" BYTEA NOT NULL,

    CONSTRAINT "MaskEmbedding_pkey" PRIMARY KEY ("faceId","model","kind")
);

-- AddForeignKey
ALTER TABLE "MaskEmbedding" ADD CONSTRAINT "MaskEmbedding_faceId_fkey" FOREIGN KEY ("faceId") REFERENCES "Face"("id") ON DELETE CASCADE ON UPDATE CASCADE;
