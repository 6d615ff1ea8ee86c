-- CreateEnum
CREATE TYPE "EditKind" AS ENUM ('REASSIGN', 'MERGE', 'SPLIT');

-- AlterTable
ALTER TABLE "Identity" ADD COLUMN "labels" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "consentBasis" TEXT,
ADD COLUMN "consentRecordedAt" TIMESTAMP(3),
ADD COLUMN "consentExpiresAt" TIMESTAMP(3);

-- CreateTable
CREATE TABLE "Edit" (
    "id" TEXT NOT NULL,
    "galleryId" TEXT NOT NULL,
    "kind" "EditKind" NOT NULL,
    "fromId" TEXT NOT NULL,
    "toId" TEXT NOT NULL,
    "faceIds" TEXT[],
    "removed" JSONB,
    "made" JSONB,
    "labels" JSONB,
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "undoneAt" TIMESTAMP(3),

    CONSTRAINT "Edit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "IdempotencyKey" (
    "apiKeyId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "result" JSONB NOT NULL,
    "ids" TEXT[],
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("apiKeyId","key")
);

-- CreateTable
CREATE TABLE "Erasure" (
    "id" TEXT NOT NULL,
    "galleryId" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "counts" JSONB NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "Erasure_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Identity_labels_idx" ON "Identity" USING GIN ("labels");

-- CreateIndex
CREATE INDEX "Edit_galleryId_id_idx" ON "Edit"("galleryId", "id");

-- CreateIndex
CREATE INDEX "IdempotencyKey_at_idx" ON "IdempotencyKey"("at");

-- CreateIndex
CREATE INDEX "IdempotencyKey_ids_idx" ON "IdempotencyKey" USING GIN ("ids");

-- AddForeignKey
ALTER TABLE "Edit" ADD CONSTRAINT "Edit_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;
