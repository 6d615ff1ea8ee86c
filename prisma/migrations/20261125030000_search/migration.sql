-- CreateEnum
CREATE TYPE "SearchKind" AS ENUM ('VERIFY', 'IDENTIFY', 'SIMILAR_FACES', 'SEARCH_BY_EMBEDDING');

-- AlterTable
ALTER TABLE "Face" ALTER COLUMN "identityId" DROP NOT NULL;

-- CreateTable
CREATE TABLE "FaceToken" (
    "id" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "expiresAt" TIMESTAMP(3) NOT NULL,
    "box" INTEGER[],
    "landmarks" DOUBLE PRECISION[],
    "confidence" DOUBLE PRECISION NOT NULL,
    "imageHash" TEXT NOT NULL,
    "imageSize" INTEGER[],
    "origin" INTEGER[],
    "crop" BYTEA NOT NULL,

    CONSTRAINT "FaceToken_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SearchEvent" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "keyId" TEXT NOT NULL,
    "kind" "SearchKind" NOT NULL,
    "galleryIds" TEXT[],
    "model" TEXT NOT NULL,
    "threshold" DOUBLE PRECISION,
    "imageHashes" TEXT[],

    CONSTRAINT "SearchEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SearchedFace" (
    "eventId" TEXT NOT NULL,
    "index" INTEGER NOT NULL,
    "identityId" TEXT,
    "galleryId" TEXT,
    "distance" DOUBLE PRECISION,
    "match" BOOLEAN NOT NULL,

    CONSTRAINT "SearchedFace_pkey" PRIMARY KEY ("eventId","index")
);

-- CreateIndex
CREATE INDEX "FaceToken_keyId_idx" ON "FaceToken"("keyId");

-- CreateIndex
CREATE INDEX "FaceToken_expiresAt_idx" ON "FaceToken"("expiresAt");

-- CreateIndex
CREATE INDEX "FaceToken_imageHash_idx" ON "FaceToken"("imageHash");

-- CreateIndex
CREATE INDEX "SearchEvent_at_idx" ON "SearchEvent"("at");

-- CreateIndex
CREATE INDEX "SearchEvent_keyId_at_idx" ON "SearchEvent"("keyId", "at");

-- CreateIndex
CREATE INDEX "SearchEvent_galleryIds_idx" ON "SearchEvent" USING GIN ("galleryIds");

-- CreateIndex
CREATE INDEX "SearchedFace_identityId_idx" ON "SearchedFace"("identityId");

-- AddForeignKey
ALTER TABLE "FaceToken" ADD CONSTRAINT "FaceToken_keyId_fkey" FOREIGN KEY ("keyId") REFERENCES "ApiKey"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SearchedFace" ADD CONSTRAINT "SearchedFace_eventId_fkey" FOREIGN KEY ("eventId") REFERENCES "SearchEvent"("id") ON DELETE CASCADE ON UPDATE CASCADE;
